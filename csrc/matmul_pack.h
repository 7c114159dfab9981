// Packing: copies of a panel of A or B in the order in which the tile reads it.
//
//   dst[k * stride + i] = src[i * i_stride + k * k_stride],  i in [0, count), k in [0, depth)
//
// Where the source is contiguous along i, rows are copied; where it is contiguous along k, squares of one register
// each way are transposed in registers (J. O. Eklundh, "A fast computer method for matrix transposing", IEEE
// Trans. Computers, 1972), so that a transposed operand costs no more than a straight one.
#pragma once
#include "shuffle.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// A square of width x width: dst[k * stride + i] = src[i * i_stride + k]. Rows from `count` on repeat the last.
template <class T>
TG_INLINE void transpose_square(const T* src, int64_t i_stride, int64_t count, T* dst, int64_t stride) {
  constexpr int width = int(Vec<T>::width);
  Vec<T> square[width];
  TG_UNROLL
  for (int i = 0; i < width; ++i) {
    const T* row = src + (i < count ? i : count - 1) * i_stride;
    square[i] = Vec<T>::load(row);
  }
  transpose(square);
  TG_UNROLL
  for (int k = 0; k < width; ++k) square[k].store(dst + k * stride);
}

// Packs one panel. `stride` and the room behind dst are whole registers: lanes past `count` are written too,
// with zeros or repeated elements.
template <class T>
void pack_panel(const T* src, int64_t i_stride, int64_t k_stride, int64_t count, int64_t depth, T* dst,
                int64_t stride) {
  using V = Vec<T>;
  constexpr int64_t width = V::width;
  if (i_stride == 1) {
    const int64_t whole = count / width * width;
    for (int64_t k = 0; k < depth; ++k, src += k_stride, dst += stride) {
      for (int64_t i = 0; i < whole; i += width) V::load(src + i).store(dst + i);
      if (whole < count) V::load_part(src + whole, count - whole).store(dst + whole);
    }
    return;
  }
  const int64_t squares = k_stride == 1 ? depth / width * width : 0;
  for (int64_t k = 0; k < squares; k += width)
    for (int64_t i = 0; i < count; i += width)
      transpose_square(src + i * i_stride + k, i_stride, count - i < width ? count - i : width, dst + k * stride + i,
                       stride);
  for (int64_t k = squares; k < depth; ++k) {
    for (int64_t i = 0; i < count; ++i) dst[k * stride + i] = src[i * i_stride + k * k_stride];
    for (int64_t i = count; i % width; ++i) dst[k * stride + i] = T(0);
  }
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
