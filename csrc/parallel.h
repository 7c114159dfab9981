// Parallel loops over the project's own thread pool (pool.cpp).
//
// Work is cut by its size, never by the number of threads, so results are bit-identical for any number: a
// kernel chooses `count` tasks from the shape alone, and a task writes only what belongs to it.
#pragma once
#include <cstdint>

#include "array.h"

namespace tg {

using TaskFunction = void (*)(void* context, int64_t task);

// Runs task(context, i) for every i in [0, count), on the pool and the caller; returns when all are done.
// Inside a task, or when another Python thread owns the pool, it runs the whole loop on the caller.
void run_tasks(int64_t count, TaskFunction function, void* context);

int64_t num_threads();
void set_num_threads(int64_t n);

// body(i) for i in [0, count). Internal linkage on purpose (see kernels.h).
template <class Body>
static inline void parallel_for(int64_t count, const Body& body) {
  if (count <= 1) {
    if (count == 1) body(int64_t{0});
    return;
  }
  run_tasks(
      count, [](void* context, int64_t i) { (*static_cast<const Body*>(context))(i); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

// While it lives, this thread reads and writes denormal numbers as zero: one denormal operand makes a product
// a hundred times slower. Kernels of products hold one inside each task; elementwise kernels never do.
class FlushDenormals {
 public:
  TG_INLINE FlushDenormals() : saved_(read()) { write(saved_ | kFlush); }
  TG_INLINE ~FlushDenormals() { write(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__x86_64__)
  using Control = uint32_t;
  static constexpr Control kFlush = 0x8040;  // MXCSR: flush to zero (bit 15), denormals are zero (bit 6)
  static TG_INLINE Control read() { return __builtin_ia32_stmxcsr(); }
  static TG_INLINE void write(Control value) {
    asm volatile("" ::: "memory");  // keeps loads and stores on their side of the switch
    __builtin_ia32_ldmxcsr(value);
    asm volatile("" ::: "memory");
  }
#elif defined(__aarch64__)
  using Control = uint64_t;
  static constexpr Control kFlush = uint64_t{1} << 24;  // FPCR: FZ
  static TG_INLINE Control read() {
    Control value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static TG_INLINE void write(Control value) { asm volatile("msr fpcr, %0" ::"r"(value) : "memory"); }
#else
  using Control = int;
  static constexpr Control kFlush = 0;
  static TG_INLINE Control read() { return 0; }
  static TG_INLINE void write(Control) {}
#endif
  Control saved_;
};

}  // namespace tg
