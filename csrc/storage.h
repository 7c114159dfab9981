// Memory for arrays and for the kernels' scratch space, cached so that a training step reuses what the step
// before it released: no system call and no page fault after the first step.
#pragma once
#include <cstddef>
#include <cstdint>

#include "array.h"

namespace tg {

// At least `bytes` bytes aligned to 64, uninitialised; null where the system has no more memory.
void* storage_allocate(size_t bytes);
// Takes back what storage_allocate returned; null is ignored. Any thread may release any block.
void storage_release(void* pointer);

struct StorageStats {
  int64_t in_use;       // bytes handed out, in whole size classes
  int64_t cached;       // bytes waiting for reuse
  int64_t peak;         // largest value of in_use since the start or storage_reset_peak
  int64_t allocations;  // calls of storage_allocate
  int64_t hits;         // of these, how many the cache served
};
StorageStats storage_stats();
void storage_reset_peak();
void storage_empty_cache();  // gives every cached byte back to the system
// At most this much is kept for reuse; below 0, a quarter of the machine's memory, as at the start.
void storage_set_limit(int64_t bytes);
[[noreturn]] void storage_out_of_memory(size_t bytes);  // a message on stderr, then abort

// Scratch<float> panel(count): room for `count` elements until the end of the block. Kernels cannot raise, so
// running out of memory here ends the process; results are allocated in Python, which raises MemoryError.
template <class T>
class Scratch {
 public:
  explicit TG_INLINE Scratch(int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    data_ = static_cast<T*>(storage_allocate(bytes));
    if (data_ == nullptr) storage_out_of_memory(bytes);
  }
  TG_INLINE ~Scratch() { storage_release(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  TG_INLINE T* data() const { return data_; }
  TG_INLINE T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_;
};

}  // namespace tg
