// The thread pool behind parallel_for: n - 1 workers and the caller claim tasks from one counter.
//
// A thread that calls run_tasks becomes the owner, describes the job, opens it and works on it like everyone
// else. Workers that see a new epoch step inside, and work if the job is still open. When the counter is used
// up the owner closes the job and waits until nobody is inside: then every claimed task is done, and the next
// job may be described. (Each side first announces itself, then looks: so either the worker finds the job
// closed, or the owner sees the worker.) Nobody waits for a worker that has not woken up.
//
// A worker without work spins for kSpin, which covers the gaps inside a training step (a job then starts in
// about 0.2 us, against some 50 us for waking a sleeper), and sleeps after that.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "parallel.h"

namespace tg {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpin = std::chrono::microseconds(1500);
constexpr int kLooksPerClock = 200;   // of the spin, between two looks at the clock
constexpr int kLooksPerYield = 2000;  // of the owner's wait: the last worker may have been preempted
constexpr int64_t kMaxThreads = 256;

thread_local bool inside_task = false;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Pool {
 public:
  explicit Pool(int64_t workers) {
    // Signals belong to Python's main thread: workers are born with all of them blocked.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      for (int64_t i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // The system grants no more threads; those that run are enough.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~Pool() {
    stop_.store(true);
    announce(static_cast<int64_t>(threads_.size()));
    for (std::thread& thread : threads_) thread.join();
  }

  void run(int64_t count, TaskFunction function, void* context) {
    function_ = function;
    context_ = context;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    open_.store(true);
    announce(count - 1);
    claim_tasks();
    open_.store(false);
    for (int looks = 1; inside_.load() != 0; ++looks) {
      pause();
      if (looks % kLooksPerYield == 0) sched_yield();
    }
  }

 private:
  // Starts a new epoch and wakes as many sleepers as it has work for.
  void announce(int64_t wanted) {
    epoch_.fetch_add(1);
    const int64_t sleepers = sleepers_.load();
    if (sleepers == 0) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
    }  // whoever decided to sleep is asleep now
    for (int64_t i = std::min(wanted, sleepers); i > 0; --i) wake_.notify_one();
  }

  void claim_tasks() {
    for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) function_(context_, i);
  }

  void work() {
    inside_task = true;
    uint64_t seen = 0;
    while (true) {
      seen = wait_for_epoch_after(seen);
      if (stop_.load()) return;
      inside_.fetch_add(1);
      if (open_.load()) claim_tasks();
      inside_.fetch_sub(1);
    }
  }

  uint64_t wait_for_epoch_after(uint64_t seen) {
    const Clock::time_point end = Clock::now() + kSpin;
    do {
      for (int look = 0; look < kLooksPerClock; ++look) {
        const uint64_t epoch = epoch_.load();
        if (epoch != seen) return epoch;
        pause();
      }
    } while (Clock::now() < end);
    std::unique_lock<std::mutex> lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [&] { return epoch_.load() != seen; });
    sleepers_.fetch_sub(1);
    return epoch_.load();
  }

  // The job, on one cache line: written by the owner while it is closed and nobody is inside.
  alignas(64) std::atomic<uint64_t> epoch_{0};  // grows with every job; what idle workers look at
  std::atomic<bool> open_{false};
  std::atomic<bool> stop_{false};
  TaskFunction function_ = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;

  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<int> inside_{0};  // workers that may read the job
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
};

int64_t environment_threads(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::strtoll(text, nullptr, 10);
}

// The first line of a file, or nothing.
std::string first_line(const std::string& path) {
  char line[512] = "";
  if (std::FILE* file = std::fopen(path.c_str(), "r")) {
    if (std::fgets(line, sizeof line, file) == nullptr) line[0] = '\0';
    std::fclose(file);
  }
  return line;
}

// Whole CPUs that the control groups (version 2) grant, from this process's group up to the root; 0: no limit.
int64_t cgroup_cpus() {
  const std::string line = first_line("/proc/self/cgroup");  // "0::/path"
  if (line.compare(0, 3, "0::") != 0) return 0;
  std::string path = line.substr(3, line.find('\n') - 3);
  int64_t cpus = 0;
  while (true) {
    long long quota = 0, period = 0;  // "max 100000" where there is no limit
    const std::string limit = first_line("/sys/fs/cgroup" + path + "/cpu.max");
    if (std::sscanf(limit.c_str(), "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
      const int64_t granted = (quota + period - 1) / period;
      cpus = cpus == 0 ? granted : std::min(cpus, granted);
    }
    const size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return cpus;
    path.resize(slash);
  }
}

int64_t default_threads() {
  for (const char* variable : {"TINYGRAD_EDU_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const int64_t n = environment_threads(variable); n > 0) return std::min(n, kMaxThreads);
  int64_t cpus = static_cast<int64_t>(std::thread::hardware_concurrency());
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) cpus = CPU_COUNT(&allowed);
  if (const int64_t granted = cgroup_cpus(); granted > 0) cpus = std::min(cpus, granted);
  return std::clamp(cpus, int64_t{1}, kMaxThreads);
}

// `owned` guards the pool: who sets it may run jobs on it, start it or stop it. A child of fork() has none of
// the workers, so it forgets the pool and starts its own when it first needs one. At exit nothing is stopped:
// workers touch only the pool, which is never freed.
std::atomic<bool> owned{false};
std::atomic<int64_t> threads{0};  // 0: not asked for yet
Pool* pool = nullptr;

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] {
  pool = nullptr;
  owned.store(false);
});

}  // namespace

int64_t num_threads() {
  int64_t n = threads.load();
  if (n == 0) threads.store(n = default_threads());
  return n;
}

void set_num_threads(int64_t n) {
  if (inside_task) return;
  while (owned.exchange(true)) sched_yield();
  threads.store(std::clamp(n, int64_t{1}, kMaxThreads));
  delete pool;
  pool = nullptr;
  owned.store(false);
}

void run_tasks(int64_t count, TaskFunction function, void* context) {
  const bool alone = inside_task || num_threads() < 2 || owned.exchange(true);
  const bool nested = inside_task;
  inside_task = true;
  if (alone) {
    for (int64_t i = 0; i < count; ++i) function(context, i);
  } else {
    if (pool == nullptr) pool = new Pool(num_threads() - 1);
    pool->run(count, function, context);
    owned.store(false);
  }
  inside_task = nested;
}

}  // namespace tg
