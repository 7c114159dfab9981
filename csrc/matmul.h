// One matrix product, for matmul.cpp and for other kernels that have one inside.
#pragma once
#include <cstdint>

#include "array.h"

namespace tg {
namespace TG_LEVEL {

// C = A B (+ C) (+ bias), then optionally max(., 0). A is (M, K), B is (K, N), C and bias are (M, N).
// Strides are in elements and may be anything, 0 and negative included, except that no two elements of C overlap.
template <class T>
struct Gemm {
  int64_t M, N, K;
  const T* a;
  int64_t a_m, a_k;
  const T* b;
  int64_t b_k, b_n;
  T* c;
  int64_t c_m, c_n;
  const T* bias = nullptr;  // null: none; strides of 0 broadcast
  int64_t bias_m = 0, bias_n = 0;
  bool accumulate = false;  // add to C instead of replacing it
  bool relu = false;        // after everything else; NaN stays NaN
};

// Large products run on the thread pool; inside a task of another loop, on the caller. The result depends on the
// shapes and on which strides are 1, never on the number of threads.
template <class T>
void gemm(const Gemm<T>& g);
template <>
void gemm(const Gemm<float>& g);
template <>
void gemm(const Gemm<double>& g);

}  // namespace TG_LEVEL
}  // namespace tg
