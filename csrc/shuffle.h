// Moving lanes between vectors, all built from one step: the perfect shuffle of two registers.
#pragma once
#include <utility>

#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T, int... lane>
TG_INLINE Vec<T> interleave_low(Vec<T> a, Vec<T> b, std::integer_sequence<int, lane...>) {
  constexpr int width = sizeof...(lane);
  return typename Vec<T>::Lanes(__builtin_shufflevector(a.v, b.v, (lane / 2 + (lane % 2) * width)...));
}
template <class T, int... lane>
TG_INLINE Vec<T> interleave_high(Vec<T> a, Vec<T> b, std::integer_sequence<int, lane...>) {
  constexpr int width = sizeof...(lane);
  return typename Vec<T>::Lanes(__builtin_shufflevector(a.v, b.v, (lane / 2 + (lane % 2) * width + width / 2)...));
}
template <class T>
using LaneSequence = std::make_integer_sequence<int, static_cast<int>(Vec<T>::width)>;

// a0 b0 a1 b1 ...: of the lower halves of a and b, and of the upper halves.
template <class T>
TG_INLINE Vec<T> interleave_low(Vec<T> a, Vec<T> b) {
  return interleave_low(a, b, LaneSequence<T>());
}
template <class T>
TG_INLINE Vec<T> interleave_high(Vec<T> a, Vec<T> b) {
  return interleave_high(a, b, LaneSequence<T>());
}

// Transposes a width x width tile: the perfect shuffle, log2(width) times.
template <class T>
TG_INLINE void transpose(Vec<T> (&rows)[Vec<T>::width]) {
  constexpr int64_t width = Vec<T>::width;
#pragma GCC unroll 4
  for (int64_t stage = width; stage > 1; stage /= 2) {
    Vec<T> shuffled[width];
#pragma GCC unroll 16
    for (int64_t i = 0; i < width / 2; ++i) {
      shuffled[2 * i] = interleave_low(rows[i], rows[i + width / 2]);
      shuffled[2 * i + 1] = interleave_high(rows[i], rows[i + width / 2]);
    }
#pragma GCC unroll 16
    for (int64_t i = 0; i < width; ++i) rows[i] = shuffled[i];
  }
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
