// Vec<T>: one SIMD register of T, as wide as the level allows (16, 32 or 64 bytes), on GCC/Clang vector types.
//
// The formulas of elementwise.h are written against the handful of operations below; Dual, Trace and the
// plain scalars of CUDA offer the same ones. A choice is always select(condition, a, b).
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "array.h"

#ifndef TG_VECTOR_BYTES
#error "TG_VECTOR_BYTES is set by CMakeLists.txt for each level"
#endif

// Before a loop over the lanes or registers of a tile: unroll it wholly (so that its array lives in registers),
// or leave it rolled (so that the compiler turns it into one masked instruction).
#if defined(__clang__)
#define TG_UNROLL _Pragma("clang loop unroll(full)")
#define TG_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define TG_UNROLL _Pragma("GCC unroll 64")
#define TG_ROLLED _Pragma("GCC unroll 1")
#endif

namespace tg {
namespace TG_LEVEL {
namespace {

// The vector types of each element type, spelled out: GCC confuses a vector of a dependent T with T itself.
template <class T>
struct LaneTypes;
template <>
struct LaneTypes<float> {
  using Bits = int32_t;
  typedef float Lanes __attribute__((vector_size(TG_VECTOR_BYTES)));
  typedef float Unaligned __attribute__((vector_size(TG_VECTOR_BYTES), aligned(4), may_alias));
  typedef int32_t BitLanes __attribute__((vector_size(TG_VECTOR_BYTES)));
};
template <>
struct LaneTypes<double> {
  using Bits = int64_t;
  typedef double Lanes __attribute__((vector_size(TG_VECTOR_BYTES)));
  typedef double Unaligned __attribute__((vector_size(TG_VECTOR_BYTES), aligned(8), may_alias));
  typedef int64_t BitLanes __attribute__((vector_size(TG_VECTOR_BYTES)));
};

template <class T>
struct Vec {
  using Bits = typename LaneTypes<T>::Bits;  // the integer as wide as T
  static constexpr int64_t width = TG_VECTOR_BYTES / static_cast<int64_t>(sizeof(T));
  using Lanes = typename LaneTypes<T>::Lanes;
  using BitLanes = typename LaneTypes<T>::BitLanes;
  using Unaligned = typename LaneTypes<T>::Unaligned;
  struct Mask {
    BitLanes v;  // all ones where true
    friend TG_INLINE Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
    friend TG_INLINE Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
    friend TG_INLINE Mask operator!(Mask a) { return {~a.v}; }
  };

  Lanes v;

  TG_INLINE Vec() = default;
  TG_INLINE Vec(Lanes lanes) : v(lanes) {}
  template <class Scalar, class = std::enable_if_t<std::is_arithmetic_v<Scalar>>>
  TG_INLINE Vec(Scalar scalar) : v(static_cast<T>(scalar) - Lanes{}) {}  // every lane the same; x - 0 is x, -0.0 too

  static TG_INLINE Vec load(const T* p) { return Vec(Lanes(*reinterpret_cast<const Unaligned*>(p))); }
  TG_INLINE void store(T* p) const { *reinterpret_cast<Unaligned*>(p) = v; }

  // The first `count` lanes only (masked instructions where the level has them); the others read as 0.
  static TG_INLINE Vec load_part(const T* p, int64_t count) {
    alignas(TG_VECTOR_BYTES) T lanes[width];
    const Bits end = static_cast<Bits>(count);
    TG_ROLLED
    for (Bits i = 0; i < static_cast<Bits>(width); ++i) lanes[i] = i < end ? p[i] : T(0);
    return load(lanes);
  }
  TG_INLINE void store_part(T* p, int64_t count) const {
    alignas(TG_VECTOR_BYTES) T lanes[width];
    store(lanes);
    const Bits end = static_cast<Bits>(count);
    TG_ROLLED
    for (Bits i = 0; i < static_cast<Bits>(width); ++i)
      if (i < end) p[i] = lanes[i];
  }

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
