// A vector times a matrix: out[n] = sum over k of x[k] * B[k, n], where one stride of B is 1.
//
// Bound by reading B once, so both kernels stream it in the order of its memory: along n a few rows at a time, with
// out in the first-level cache, or along k a few columns at a time, with one register of partial sums each.
#pragma once
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// out[n] += sum over the ROWS rows of x[k] * B[k, n]; the columns are contiguous.
template <class T, int ROWS>
TG_INLINE void add_rows(const T* x, const T* b, int64_t b_k, T* out, int64_t columns) {
  using V = Vec<T>;
  V element[ROWS];
  TG_UNROLL
  for (int r = 0; r < ROWS; ++r) element[r] = V(x[r]);
  const int64_t whole = columns / V::width * V::width;
  for (int64_t n = 0; n < whole; n += V::width) {
    V sum = V::load(out + n);
    TG_UNROLL
    for (int r = 0; r < ROWS; ++r) sum = sum + element[r] * V::load(b + r * b_k + n);
    sum.store(out + n);
  }
  if (whole == columns) return;
  const int64_t rest = columns - whole;
  V sum = V::load_part(out + whole, rest);
  TG_UNROLL
  for (int r = 0; r < ROWS; ++r) sum = sum + element[r] * V::load_part(b + r * b_k + whole, rest);
  sum.store_part(out + whole, rest);
}

template <class T>
void vector_times_rows(const T* x, const T* b, int64_t b_k, int64_t depth, T* out, int64_t columns) {
  for (int64_t n = 0; n < columns; ++n) out[n] = T(0);
  int64_t k = 0;
  for (; k + 8 <= depth; k += 8) add_rows<T, 8>(x + k, b + k * b_k, b_k, out, columns);
  for (; k < depth; ++k) add_rows<T, 1>(x + k, b + k * b_k, b_k, out, columns);
}

template <class T>
TG_INLINE T sum_of_lanes(Vec<T> v) {
  alignas(TG_VECTOR_BYTES) T lanes[Vec<T>::width];
  v.store(lanes);
  TG_UNROLL
  for (int half = int(Vec<T>::width) / 2; half > 0; half /= 2) {
    TG_UNROLL
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// out[n] = x . B[:, n] for COLUMNS columns, each contiguous along k; two registers of sums a column hide latency.
template <class T, int COLUMNS>
TG_INLINE void dot_columns(const T* x, const T* b, int64_t b_n, int64_t depth, T* out) {
  using V = Vec<T>;
  V even[COLUMNS], odd[COLUMNS];
  TG_UNROLL
  for (int n = 0; n < COLUMNS; ++n) even[n] = odd[n] = V(T(0));
  int64_t k = 0;
  for (; k + 2 * V::width <= depth; k += 2 * V::width) {
    const V first = V::load(x + k), second = V::load(x + k + V::width);
    TG_UNROLL
    for (int n = 0; n < COLUMNS; ++n) {
      even[n] = even[n] + first * V::load(b + n * b_n + k);
      odd[n] = odd[n] + second * V::load(b + n * b_n + k + V::width);
    }
  }
  for (; k < depth; k += V::width) {
    const V last = V::load_part(x + k, depth - k);
    TG_UNROLL
    for (int n = 0; n < COLUMNS; ++n) even[n] = even[n] + last * V::load_part(b + n * b_n + k, depth - k);
  }
  TG_UNROLL
  for (int n = 0; n < COLUMNS; ++n) out[n] = sum_of_lanes(even[n] + odd[n]);
}

template <class T>
void vector_times_columns(const T* x, const T* b, int64_t b_n, int64_t depth, T* out, int64_t columns) {
  int64_t n = 0;
  for (; n + 4 <= columns; n += 4) dot_columns<T, 4>(x, b + n * b_n, b_n, depth, out + n);
  for (; n < columns; ++n) dot_columns<T, 1>(x, b + n * b_n, b_n, depth, out + n);
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
