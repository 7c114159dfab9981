// What the primitives are made of: the bits of a number, polynomials, rounding, and two ways to reach a
// function that has no vector formula in the wanted precision (double lanes for floats, libm lane by lane).
#pragma once
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// The layout of an IEEE number. `rounder` = 1.5 * 2^mantissa_bits: adding it leaves no place for a fraction,
// so that `x + rounder - rounder` is x rounded to the nearest integer (half to even), and the low bits of
// `x + rounder` are that integer in two's complement. Valid for |x| < 2^(mantissa_bits - 1).
template <class T>
struct Ieee;
template <>
struct Ieee<float> {
  using Unsigned = uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Unsigned bias = 127;
  static constexpr Unsigned sign = 0x80000000U;
  static constexpr float rounder = 12582912.0F;
  static constexpr float integral = 8388608.0F;  // 2^23: from here on every float is an integer
  static constexpr float smallest_normal = 0x1p-126F;
  static constexpr float infinity = __builtin_huge_valf();
};
template <>
struct Ieee<double> {
  using Unsigned = uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Unsigned bias = 1023;
  static constexpr Unsigned sign = 0x8000000000000000U;
  static constexpr double rounder = 6755399441055744.0;
  static constexpr double integral = 4503599627370496.0;
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr double infinity = __builtin_huge_val();
};

template <class T>
struct BitsOf {
  typedef typename Ieee<T>::Unsigned Lanes __attribute__((vector_size(TG_VECTOR_BYTES)));
};
template <class T>
using Bits = typename BitsOf<T>::Lanes;  // unsigned: shifts and overflow are defined

template <class T>
TG_INLINE Bits<T> to_bits(Vec<T> x) {
  return Bits<T>(x.v);
}
template <class T>
TG_INLINE Vec<T> from_bits(Bits<T> bits) {
  return Vec<T>(typename Vec<T>::Lanes(bits));
}

// c[0] + c[1] x + c[2] x^2 + ...
template <class T, int N>
TG_INLINE Vec<T> horner(Vec<T> x, const T (&c)[N]) {
  Vec<T> sum(c[N - 1]);
#pragma GCC unroll 32
  for (int i = N - 2; i >= 0; --i) sum = sum * x + Vec<T>(c[i]);
  return sum;
}

// f on each lane: for what libm does better than a formula of ours.
template <class T, class F>
TG_INLINE Vec<T> per_lane(Vec<T> x, F f) {
  alignas(TG_VECTOR_BYTES) T lanes[Vec<T>::width];
  x.store(lanes);
  for (int64_t i = 0; i < Vec<T>::width; ++i) lanes[i] = f(lanes[i]);
  return Vec<T>::load(lanes);
}
template <class T, class F>
TG_INLINE Vec<T> per_lane(Vec<T> x, Vec<T> y, F f) {
  alignas(TG_VECTOR_BYTES) T x_lanes[Vec<T>::width];
  alignas(TG_VECTOR_BYTES) T y_lanes[Vec<T>::width];
  x.store(x_lanes);
  y.store(y_lanes);
  for (int64_t i = 0; i < Vec<T>::width; ++i) x_lanes[i] = f(x_lanes[i], y_lanes[i]);
  return Vec<T>::load(x_lanes);
}

// Floats as two vectors of doubles and back: a formula that is good to 2^-40 in double gives the float
// that is nearest to the true value but for about one argument in 2^16.
struct Halves {
  Vec<double> low, high;
};
typedef float HalfLanes __attribute__((vector_size(TG_VECTOR_BYTES / 2)));

TG_INLINE Halves widen(Vec<float> x) {
  HalfLanes half[2];
  __builtin_memcpy(half, &x.v, sizeof half);
  using Doubles = Vec<double>::Lanes;
  return {__builtin_convertvector(half[0], Doubles), __builtin_convertvector(half[1], Doubles)};
}
TG_INLINE Vec<float> narrow(Halves x) {
  const HalfLanes half[2] = {__builtin_convertvector(x.low.v, HalfLanes), __builtin_convertvector(x.high.v, HalfLanes)};
  Vec<float> out;
  __builtin_memcpy(&out.v, half, sizeof half);
  return out;
}
template <class F>
TG_INLINE Vec<float> in_double(Vec<float> x, F f) {
  const Halves wide = widen(x);
  return narrow({f(wide.low), f(wide.high)});
}
template <class F>
TG_INLINE Vec<float> in_double(Vec<float> x, Vec<float> y, F f) {
  const Halves wide_x = widen(x), wide_y = widen(y);
  return narrow({f(wide_x.low, wide_y.low), f(wide_x.high, wide_y.high)});
}

template <class T>
TG_INLINE bool any(typename Vec<T>::Mask mask) {
  typename Vec<T>::Bits found = 0;
  for (int64_t i = 0; i < Vec<T>::width; ++i) found |= mask.v[i];
  return found != 0;
}
template <class T>
TG_INLINE typename Vec<T>::Mask is_nan(Vec<T> x) {
  return x != x;
}
// True for -0.0 and for a NaN whose sign bit is set, too.
template <class T>
TG_INLINE typename Vec<T>::Mask sign_bit(Vec<T> x) {
  return {typename Vec<T>::BitLanes(x.v) < 0};
}

template <class T>
TG_INLINE Vec<T> fabs(Vec<T> x) {
  return from_bits<T>(to_bits(x) & ~Ieee<T>::sign);
}
template <class T>
TG_INLINE Vec<T> copysign(Vec<T> magnitude, Vec<T> sign) {
  return from_bits<T>((to_bits(magnitude) & ~Ieee<T>::sign) | (to_bits(sign) & Ieee<T>::sign));
}
// NaN if either is, as PyTorch.
template <class T>
TG_INLINE Vec<T> minimum(Vec<T> x, Vec<T> y) {
  return select((x < y) | is_nan(x), x, y);
}
template <class T>
TG_INLINE Vec<T> maximum(Vec<T> x, Vec<T> y) {
  return select((x > y) | is_nan(x), x, y);
}

TG_INLINE Vec<float> sqrt(Vec<float> x) {
  return per_lane(x, [](float lane) { return __builtin_sqrtf(lane); });
}
TG_INLINE Vec<double> sqrt(Vec<double> x) {
  return per_lane(x, [](double lane) { return __builtin_sqrt(lane); });
}

// To the nearest integer, half to even; keeps -0.0, infinities and NaN.
template <class T>
TG_INLINE Vec<T> rint(Vec<T> x) {
  const Vec<T> magnitude = fabs(x), integral = Ieee<T>::integral;
  return copysign(select(magnitude < integral, (magnitude + integral) - integral, magnitude), x);
}
template <class T>
TG_INLINE Vec<T> floor(Vec<T> x) {
  const Vec<T> nearest = rint(x);
  return copysign(nearest - select(nearest > x, Vec<T>(T(1)), Vec<T>(T(0))), x);
}
template <class T>
TG_INLINE Vec<T> ceil(Vec<T> x) {
  return -floor(-x);
}
template <class T>
TG_INLINE Vec<T> trunc(Vec<T> x) {
  return copysign(floor(fabs(x)), x);
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
