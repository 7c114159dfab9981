// A caching allocator: one free list per size class, last in, first out, so the block that is handed out is the
// one most likely to be in the processor's cache.
//
// Classes: 64, 128, 192, 256 bytes, then four steps per doubling (320, 384, 448, 512, 640, ...): a request is
// rounded up by less than a quarter. In front of each block a header of 64 bytes holds its class and the link
// of the free list. Blocks of 256 KiB and more are mapped, so releasing them returns their pages; smaller ones
// come from malloc. What the cache keeps is bounded in bytes; past the bound the largest blocks go first.
// One lock guards it all: it is held for a few nanoseconds, and taken by hand over fork().
//
// Under TG_SANITIZE every block is malloc'ed to the byte and freed at once, so that an overrun shows.
#include "storage.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#if defined(TG_SANITIZE)
#include <malloc.h>
#endif

namespace tg {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kMaxBytes = size_t{1} << 46;  // more than a machine has; keeps the sums from overflowing
constexpr size_t kMappedBytes = size_t{256} << 10;
constexpr size_t kHugePageBytes = size_t{4} << 20;  // from here on ask for huge pages: 512 times fewer faults
constexpr int kClasses = 4 * 42;

class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire))
      while (held_.load(std::memory_order_relaxed)) sched_yield();
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

class Guard {
 public:
  explicit Guard(SpinLock& lock) : lock_(lock) { lock_.lock(); }
  ~Guard() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  SpinLock& lock_;
};

struct alignas(kAlignment) Block {
  Block* next;  // in the free list
  int size_class;
};
static_assert(sizeof(Block) == kAlignment);

// Classes 0..3 hold 64, 128, 192, 256 bytes; class 4 + 4 k + m holds 2^(6 + k) (5 + m), m in 0..3.
[[maybe_unused]] int class_of(size_t bytes) {
  if (bytes <= 256) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  const int log2 = 63 - __builtin_clzll(bytes - 1);                     // 2^log2 <= bytes - 1
  const int quarter = static_cast<int>((bytes - 1) >> (log2 - 2)) & 3;  // which quarter of the doubling
  return 4 + 4 * (log2 - 8) + quarter;
}

size_t class_bytes(int size_class) {
  if (size_class < 4) return static_cast<size_t>(size_class + 1) * 64;
  const int log2 = 8 + (size_class - 4) / 4;
  return (size_t{4} + static_cast<size_t>(size_class % 4) + 1) << (log2 - 2);
}

[[maybe_unused]] Block* system_allocate(int size_class) {
  const size_t bytes = class_bytes(size_class) + sizeof(Block);
  void* memory = nullptr;
  if (bytes >= kMappedBytes) {
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
    if (bytes >= kHugePageBytes) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  } else if (posix_memalign(&memory, kAlignment, bytes) != 0) {
    return nullptr;
  }
  Block* const block = static_cast<Block*>(memory);
  block->size_class = size_class;
  return block;
}

void system_release(Block* block) {
  const size_t bytes = class_bytes(block->size_class) + sizeof(Block);
  if (bytes >= kMappedBytes)
    munmap(block, bytes);
  else
    std::free(block);
}

void system_release_list(Block* block) {
  while (block != nullptr) {
    Block* const next = block->next;
    system_release(block);
    block = next;
  }
}

int64_t default_limit() {  // a quarter of the machine's memory
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) / 4 * sysconf(_SC_PAGE_SIZE);
}

struct Cache {
  SpinLock lock;
  Block* free_lists[kClasses] = {};
  StorageStats stats = {};
  int64_t limit = default_limit();

  Cache() {
    pthread_atfork([] { instance().lock.lock(); }, [] { instance().lock.unlock(); }, [] { instance().lock.unlock(); });
  }
  static Cache& instance();

  // Takes blocks out until `limit` bytes remain, large classes first; the caller holds the lock.
  Block* evict(int64_t remaining) {
    Block* evicted = nullptr;
    for (int c = kClasses - 1; c >= 0 && stats.cached > remaining; --c) {
      while (free_lists[c] != nullptr && stats.cached > remaining) {
        Block* const block = free_lists[c];
        free_lists[c] = block->next;
        block->next = evicted;
        evicted = block;
        stats.cached -= static_cast<int64_t>(class_bytes(c));
      }
    }
    return evicted;
  }
  void handed_out(int64_t bytes) {
    stats.in_use += bytes;
    if (stats.in_use > stats.peak) stats.peak = stats.in_use;
  }
};

Cache cache;
Cache& Cache::instance() { return cache; }

}  // namespace

#if defined(TG_SANITIZE)

void* storage_allocate(size_t bytes) {
  void* memory = nullptr;
  if (bytes > kMaxBytes || posix_memalign(&memory, kAlignment, bytes) != 0) return nullptr;
  Guard guard(cache.lock);
  ++cache.stats.allocations;
  cache.handed_out(static_cast<int64_t>(malloc_usable_size(memory)));
  return memory;
}

void storage_release(void* pointer) {
  if (pointer == nullptr) return;
  {
    Guard guard(cache.lock);
    cache.stats.in_use -= static_cast<int64_t>(malloc_usable_size(pointer));
  }
  std::free(pointer);
}

#else

void* storage_allocate(size_t bytes) {
  if (bytes > kMaxBytes) return nullptr;
  const int size_class = class_of(bytes);
  const int64_t rounded = static_cast<int64_t>(class_bytes(size_class));
  {
    Guard guard(cache.lock);
    ++cache.stats.allocations;
    if (Block* const block = cache.free_lists[size_class]) {
      cache.free_lists[size_class] = block->next;
      ++cache.stats.hits;
      cache.stats.cached -= rounded;
      cache.handed_out(rounded);
      return block + 1;
    }
  }
  Block* block = system_allocate(size_class);
  if (block == nullptr) {
    storage_empty_cache();
    block = system_allocate(size_class);
    if (block == nullptr) return nullptr;
  }
  Guard guard(cache.lock);
  cache.handed_out(rounded);
  return block + 1;
}

void storage_release(void* pointer) {
  if (pointer == nullptr) return;
  Block* const block = static_cast<Block*>(pointer) - 1;
  const int64_t bytes = static_cast<int64_t>(class_bytes(block->size_class));
  Block* evicted = nullptr;
  {
    Guard guard(cache.lock);
    cache.stats.in_use -= bytes;
    if (bytes > cache.limit) {
      block->next = nullptr;
      evicted = block;
    } else {
      if (cache.stats.cached + bytes > cache.limit) evicted = cache.evict(cache.limit - bytes);
      block->next = cache.free_lists[block->size_class];
      cache.free_lists[block->size_class] = block;
      cache.stats.cached += bytes;
    }
  }
  system_release_list(evicted);
}

#endif

StorageStats storage_stats() {
  Guard guard(cache.lock);
  return cache.stats;
}

void storage_reset_peak() {
  Guard guard(cache.lock);
  cache.stats.peak = cache.stats.in_use;
}

void storage_empty_cache() {
  Block* evicted = nullptr;
  {
    Guard guard(cache.lock);
    evicted = cache.evict(0);
  }
  system_release_list(evicted);
}

void storage_set_limit(int64_t bytes) {
  Block* evicted = nullptr;
  {
    Guard guard(cache.lock);
    cache.limit = bytes < 0 ? default_limit() : bytes;
    evicted = cache.evict(cache.limit);
  }
  system_release_list(evicted);
}

void storage_out_of_memory(size_t bytes) {
  std::fprintf(stderr, "tinygrad_edu: no memory for %zu bytes of scratch space\n", bytes);
  std::abort();
}

}  // namespace tg
