// Packing: copies of a panel of A or B in the order in which the tile reads it.
//
//   dst[k * stride + i] = src[i * i_stride + k * k_stride],  i in [0, count), k in [0, depth)
//
// Where the source is contiguous along i, rows are copied; where it is contiguous along k, squares of one register
// each way are transposed in registers (J. O. Eklundh, "A fast computer method for matrix transposing", IEEE
// Trans. Computers, 1972), so that a transposed operand costs no more than a straight one.
#pragma once
#include <utility>

#include "simd.h"

#if defined(__clang__)
#define TG_SHUFFLE(x, y, bits, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define TG_SHUFFLE(x, y, bits, ...) __builtin_shuffle(x, y, bits{__VA_ARGS__})
#endif

namespace tg {
namespace TG_LEVEL {
namespace {

// Lane i of the lower (upper) row of a butterfly that swaps bit `s` of row and lane: from x if i < width, else y.
constexpr int butterfly_lane(int i, int s, bool upper, int width) {
  const bool odd = (i & s) != 0;
  return upper ? (odd ? width + i : i + s) : (odd ? width + i - s : i);
}

template <class T, int S, bool UPPER, int... I>
TG_INLINE typename Vec<T>::Lanes butterfly(typename Vec<T>::Lanes x, typename Vec<T>::Lanes y,
                                           std::integer_sequence<int, I...>) {
  using BitLanes [[maybe_unused]] = typename Vec<T>::BitLanes;
  return TG_SHUFFLE(x, y, BitLanes, butterfly_lane(I, S, UPPER, int(Vec<T>::width))...);
}

template <class T, int S>
TG_INLINE void transpose_steps(typename Vec<T>::Lanes (&square)[Vec<T>::width]) {
  constexpr int width = int(Vec<T>::width);
  if constexpr (S < width) {
    TG_UNROLL
    for (int i = 0; i < width; ++i) {
      if (i & S) continue;
      const auto x = square[i], y = square[i + S];
      square[i] = butterfly<T, S, false>(x, y, std::make_integer_sequence<int, width>());
      square[i + S] = butterfly<T, S, true>(x, y, std::make_integer_sequence<int, width>());
    }
    transpose_steps<T, 2 * S>(square);
  }
}

// A square of width x width: dst[k * stride + i] = src[i * i_stride + k]. Rows from `count` on repeat the last.
template <class T>
TG_INLINE void transpose_square(const T* src, int64_t i_stride, int64_t count, T* dst, int64_t stride) {
  constexpr int width = int(Vec<T>::width);
  typename Vec<T>::Lanes square[width];
  TG_UNROLL
  for (int i = 0; i < width; ++i) {
    const T* row = src + (i < count ? i : count - 1) * i_stride;
    square[i] = Vec<T>::load(row).v;
  }
  transpose_steps<T, 1>(square);
  TG_UNROLL
  for (int k = 0; k < width; ++k) Vec<T>(square[k]).store(dst + k * stride);
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
