// Parallel loops over the project's own thread pool (pool.cpp).
//
// Work is cut by its size, never by the number of threads, so results are bit-identical for any number: a
// kernel chooses `count` tasks from the shape alone, and a task writes only what belongs to it.
#pragma once
#include <cstdint>

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

}  // namespace tg
