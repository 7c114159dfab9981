// A vector times a matrix: out[n] = sum over k of x[k] * B[k, n], where one stride of B is 1.
//
// Bound by reading B once, so both kernels stream it in the order of its memory: along n a few rows at a time, with
// out in the first-level cache, or along k a few columns at a time, with one register of partial sums each.
#pragma once
#include "shuffle.h"
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

// Lane i = the sum of all lanes of v[i]: each step adds the halves of two registers while it interleaves them.
template <class T>
TG_INLINE Vec<T> sums_of_lanes(Vec<T>* v) {
  TG_UNROLL
  for (int count = int(Vec<T>::width) / 2; count > 0; count /= 2) {
    TG_UNROLL
    for (int i = 0; i < count; ++i) v[i] = interleave_low(v[i], v[i + count]) + interleave_high(v[i], v[i + count]);
  }
  return v[0];
}

// out[m, n] = x[m, :] . B[:, n] for ROWS x COLUMNS of them, each with a register of sums; all run along k.
template <class T, int ROWS, int COLUMNS>
TG_INLINE void dot_tile(const T* x, int64_t x_m, const T* b, int64_t b_n, int64_t depth, T* out, int64_t out_m) {
  using V = Vec<T>;
  constexpr int width = int(V::width), count = (ROWS * COLUMNS + width - 1) / width * width;
  V sums[count];  // of (m, n) at m * COLUMNS + n; some at the end may be unused
  TG_UNROLL
  for (int i = 0; i < count; ++i) sums[i] = V(T(0));
  const int64_t whole = depth / V::width * V::width;
  for (int64_t k = 0; k < whole; k += V::width) {
    V rows[ROWS];
    TG_UNROLL
    for (int m = 0; m < ROWS; ++m) rows[m] = V::load(x + m * x_m + k);
    TG_UNROLL
    for (int n = 0; n < COLUMNS; ++n) {
      const V column = V::load(b + n * b_n + k);
      TG_UNROLL
      for (int m = 0; m < ROWS; ++m) sums[m * COLUMNS + n] = sums[m * COLUMNS + n] + rows[m] * column;
    }
  }
  if (whole < depth) {
    V rows[ROWS];
    TG_UNROLL
    for (int m = 0; m < ROWS; ++m) rows[m] = V::load_part(x + m * x_m + whole, depth - whole);
    TG_UNROLL
    for (int n = 0; n < COLUMNS; ++n) {
      const V column = V::load_part(b + n * b_n + whole, depth - whole);
      TG_UNROLL
      for (int m = 0; m < ROWS; ++m) sums[m * COLUMNS + n] = sums[m * COLUMNS + n] + rows[m] * column;
    }
  }
  alignas(TG_VECTOR_BYTES) T result[count];
  TG_UNROLL
  for (int i = 0; i < count; i += width) sums_of_lanes(sums + i).store(result + i);
  TG_UNROLL
  for (int m = 0; m < ROWS; ++m) {
    TG_UNROLL
    for (int n = 0; n < COLUMNS; ++n) out[m * out_m + n] = result[m * COLUMNS + n];
  }
}

template <class T, int ROWS, int COLUMNS>
TG_INLINE void dot_rows(const T* x, int64_t x_m, const T* b, int64_t b_n, int64_t depth, T* out, int64_t out_m,
                        int64_t columns) {
  int64_t n = 0;
  for (; n + COLUMNS <= columns; n += COLUMNS)
    dot_tile<T, ROWS, COLUMNS>(x, x_m, b + n * b_n, b_n, depth, out + n, out_m);
  for (; n < columns; ++n) dot_tile<T, ROWS, 1>(x, x_m, b + n * b_n, b_n, depth, out + n, out_m);
}

// out[m, n] = sum over k of x[m, k] * B[k, n], where both are contiguous along k. A few columns of B at a time stay
// in the first-level cache while all rows pass.
template <class T>
void rows_times_columns(const T* x, int64_t x_m, int64_t rows, const T* b, int64_t b_n, int64_t depth, T* out,
                        int64_t out_m, int64_t columns) {
  constexpr int kRows = TG_VECTOR_BYTES == 64 ? 4 : 2;  // as many as there are registers for 4 columns each
  const int64_t group = rows == 1 ? columns : 8;
  for (int64_t n = 0; n < columns; n += group) {
    const int64_t count = columns - n < group ? columns - n : group;
    for (int64_t m = 0; m < rows; m += kRows) {
      const T *left = x + m * x_m, *right = b + n * b_n;
      T* to = out + m * out_m + n;
      const int64_t rest = rows - m;
      if (rest >= kRows)
        dot_rows<T, kRows, 4>(left, x_m, right, b_n, depth, to, out_m, count);
      else if (rest == 3)
        dot_rows<T, 3, 4>(left, x_m, right, b_n, depth, to, out_m, count);
      else if (rest == 2)
        dot_rows<T, 2, 4>(left, x_m, right, b_n, depth, to, out_m, count);
      else
        dot_rows<T, 1, 8>(left, x_m, right, b_n, depth, to, out_m, count);
    }
  }
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
