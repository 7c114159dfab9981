// Vec<T>: one SIMD register of T, as wide as the level allows (16, 32 or 64 bytes), on GCC/Clang vector types.
//
// The formulas of elementwise.h are written against the handful of operations below; Dual, Trace and the
// plain scalars of CUDA offer the same ones. A choice is always select(condition, a, b).
#pragma once
#include <cstdint>
#include <cstring>

#include "array.h"

#ifndef TG_VECTOR_BYTES
#error "TG_VECTOR_BYTES is set by CMakeLists.txt for each level"
#endif

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
struct LaneTypes;
template <>
struct LaneTypes<float> {
  using Bits = int32_t;
};
template <>
struct LaneTypes<double> {
  using Bits = int64_t;
};

template <class T>
struct Vec {
  using Bits = typename LaneTypes<T>::Bits;  // the integer as wide as T
  static constexpr int64_t width = TG_VECTOR_BYTES / static_cast<int64_t>(sizeof(T));
  typedef T Lanes __attribute__((vector_size(TG_VECTOR_BYTES)));
  typedef Bits BitLanes __attribute__((vector_size(TG_VECTOR_BYTES)));
  typedef T Unaligned __attribute__((vector_size(TG_VECTOR_BYTES), aligned(alignof(T)), may_alias));
  struct Mask {
    BitLanes v;  // all ones where true
    friend TG_INLINE Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
    friend TG_INLINE Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
    friend TG_INLINE Mask operator!(Mask a) { return {~a.v}; }
  };

  Lanes v;

  TG_INLINE Vec() = default;
  TG_INLINE Vec(Lanes lanes) : v(lanes) {}
  TG_INLINE Vec(T scalar) : v(Lanes{} + scalar) {}  // every lane the same

  static TG_INLINE Vec load(const T* p) { return Vec(Lanes(*reinterpret_cast<const Unaligned*>(p))); }
  TG_INLINE void store(T* p) const { *reinterpret_cast<Unaligned*>(p) = v; }

  friend TG_INLINE Vec operator+(Vec a, Vec b) { return a.v + b.v; }
  friend TG_INLINE Vec operator-(Vec a, Vec b) { return a.v - b.v; }
  friend TG_INLINE Vec operator*(Vec a, Vec b) { return a.v * b.v; }
  friend TG_INLINE Vec operator/(Vec a, Vec b) { return a.v / b.v; }
  friend TG_INLINE Vec operator-(Vec a) { return -a.v; }
  friend TG_INLINE Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
  friend TG_INLINE Mask operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
  friend TG_INLINE Mask operator>(Vec a, Vec b) { return {a.v > b.v}; }
  friend TG_INLINE Mask operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
  friend TG_INLINE Mask operator==(Vec a, Vec b) { return {a.v == b.v}; }
  friend TG_INLINE Mask operator!=(Vec a, Vec b) { return {a.v != b.v}; }
  friend TG_INLINE Vec select(Mask condition, Vec a, Vec b) { return Lanes(condition.v ? a.v : b.v); }
};

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
