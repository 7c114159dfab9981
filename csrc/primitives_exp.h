// exp, log and what is made of them, for both lane types from one text; only the series differ.
//
//   exp:  x = n ln2 + r, |r| <= ln2 / 2;  e^x = 2^n (1 + r + r^2 Q(r)).
//   log:  x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2);  s = f / (2 + f), z = s^2;
//         log(1 + f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + z R(z))).
// ln2 is split in two so that n * ln2_high is exact (Cody & Waite, "Software Manual for the Elementary
// Functions", 1980, ch. 6); the form of log is Tang's (ACM TOMS 16(4), 1990), as in Sun's fdlibm. The series are
// our own least-squares fits on Chebyshev nodes, weighted by their share in the result.
#pragma once
#include "primitives_base.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
struct ExpLog;
template <>
struct ExpLog<float> {
  static constexpr float ln2_high = 0.693115234375F, ln2_low = 3.1946183e-05F;
  static constexpr float log10_2_high = 0.301025390625F, log10_2_low = 4.605039e-06F;
  static constexpr float exp_zero = -104.0F, exp_overflow = 89.0F;             // exp is 0 below, inf above
  static constexpr float exp_normal = -87.33654F, exp_last_scale = 88.37626F;  // 2^n is a normal float between
  static constexpr float expm1_minus_one = -20.0F, expm1_is_exp = 40.0F;
  static constexpr float tanh_one = 10.0F;
  static constexpr float Q[] = {0.5F, 0.16666517F, 0.04166627F, 0.008369062F, 0.0013946083F};
  static constexpr float R[] = {0.6666675F, 0.39980218F, 0.29810885F};
};
template <>
struct ExpLog<double> {
  static constexpr double ln2_high = 0.6931471805592082, ln2_low = 7.371002565167799e-13;
  static constexpr double log10_2_high = 0.30102999566361177, log10_2_low = 3.694239077158931e-13;
  static constexpr double exp_zero = -746.0, exp_overflow = 710.0;
  static constexpr double exp_normal = -708.3964185322641, exp_last_scale = 709.4361393031039;
  static constexpr double expm1_minus_one = -40.0, expm1_is_exp = 80.0;
  static constexpr double tanh_one = 20.0;
  static constexpr double Q[] = {0.5000000000000012,     0.16666666666666682,    0.041666666666518935,
                                 0.008333333333316763,   0.0013888888946251158,  0.00019841269897043792,
                                 2.4801490607497755e-05, 2.7557234215611215e-06, 2.7631079641989175e-07,
                                 2.5112257682129267e-08};
  static constexpr double R[] = {0.6666666666666685, 0.39999999999700303, 0.28571428684824035, 0.22222204014626576,
                                 0.1818330083370034, 0.1532038462605482,  0.1473601710953041};
};

// e^x - 1 = 2^n (tail + 1) - 1 with |tail| < 0.42. `shifted` carries n in its low bits (see Ieee::rounder).
template <class T>
struct Reduced {
  Vec<T> shifted, tail;
};

template <class T>
TG_INLINE Vec<T> expm1_series(Vec<T> r) {
  return r + (r * r) * horner(r, ExpLog<T>::Q);
}
template <class T>
TG_INLINE Reduced<T> reduce_exp(Vec<T> x) {
  const Vec<T> shifted = x * Vec<T>(T(1.4426950408889634)) + Vec<T>(Ieee<T>::rounder);
  const Vec<T> n = shifted - Vec<T>(Ieee<T>::rounder);
  const Vec<T> r = (x - n * Vec<T>(ExpLog<T>::ln2_high)) - n * Vec<T>(ExpLog<T>::ln2_low);
  return {shifted, expm1_series(r)};
}
template <class T>
TG_INLINE Reduced<T> reduce_exp2(Vec<T> x) {
  const Vec<T> shifted = x + Vec<T>(Ieee<T>::rounder);
  const Vec<T> r = (x - (shifted - Vec<T>(Ieee<T>::rounder))) * Vec<T>(T(0.6931471805599453));
  return {shifted, expm1_series(r)};
}

// 2^n for a normal result.
template <class T>
TG_INLINE Vec<T> power_of_two(Vec<T> shifted) {
  return from_bits<T>((to_bits(shifted) + Ieee<T>::bias) << Ieee<T>::mantissa_bits);
}
// 2^n x in two steps, so that neither overflows before the product does and a denormal is rounded once.
template <class T>
TG_INLINE Vec<T> scale(Vec<T> x, Vec<T> shifted) {
  const Bits<T> exponent = to_bits(shifted) - to_bits(Vec<T>(Ieee<T>::rounder)) + 2 * Ieee<T>::bias;  // n + 2 bias
  const Bits<T> half = exponent >> 1;
  return (x * from_bits<T>(half << Ieee<T>::mantissa_bits)) * from_bits<T>((exponent - half) << Ieee<T>::mantissa_bits);
}
// Written so that a NaN passes.
template <class T>
TG_INLINE Vec<T> clamp(Vec<T> x, T low, T high) {
  x = select(x < Vec<T>(low), Vec<T>(low), x);
  return select(x > Vec<T>(high), Vec<T>(high), x);
}

template <class T>
TG_INLINE Vec<T> exp(Vec<T> x) {
  const Reduced<T> e = reduce_exp(clamp(x, ExpLog<T>::exp_zero, ExpLog<T>::exp_overflow));
  return scale(Vec<T>(T(1)) + e.tail, e.shifted);
}

// exp for row kernels (softmax, attention, gates): exactly 0 where exp would be denormal (below -87.3 or
// -708.4), which spares the products after it a hundredfold slow-down; inf from exp_last_scale (88.38, 709.4) on.
template <class T>
TG_INLINE Vec<T> exp_no_denormals(Vec<T> x) {
  using C = ExpLog<T>;
  const Reduced<T> e = reduce_exp(clamp(x, C::exp_normal, C::exp_last_scale));
  const Vec<T> power = power_of_two(e.shifted), value = power * e.tail + power;
  const Vec<T> low = select(x < Vec<T>(C::exp_normal), Vec<T>(T(0)), value);
  return select(x > Vec<T>(C::exp_last_scale), Vec<T>(Ieee<T>::infinity), low);
}

template <class T>
TG_INLINE Vec<T> exp2(Vec<T> x) {
  const T zero = T(ExpLog<T>::exp_zero * T(1.4427)), overflow = T(ExpLog<T>::exp_overflow * T(1.4427));
  const Reduced<T> e = reduce_exp2(clamp(x, zero, overflow));
  return scale(Vec<T>(T(1)) + e.tail, e.shifted);
}

// e^x - 1 without cancellation: 2^n tail + (2^n - 1).
template <class T>
TG_INLINE Vec<T> expm1(Vec<T> x) {
  const Vec<T> one = T(1);
  const Reduced<T> e = reduce_exp(clamp(x, ExpLog<T>::expm1_minus_one, ExpLog<T>::exp_overflow));
  const Vec<T> power = power_of_two(e.shifted);
  const Vec<T> value =
      select(x > Vec<T>(ExpLog<T>::expm1_is_exp), scale(one + e.tail, e.shifted), power * e.tail + (power - one));
  return copysign(value, x);
}

// log(2^k (1 + f) + 2^k c) with a small correction c; `mantissa` = log(1 + f).
template <class T>
struct Logarithm {
  Vec<T> k, f;
};

// x = 2^k (1 + f); x is positive, finite and not 0 (elsewhere the caller selects).
template <class T>
TG_INLINE Logarithm<T> split(Vec<T> x) {
  const Vec<T> is_small = select(x < Vec<T>(Ieee<T>::smallest_normal), Vec<T>(T(1)), Vec<T>(T(0)));
  const T steps = T(Ieee<T>::mantissa_bits + 2), lift = sizeof(T) == 4 ? T(0x1p25) : T(0x1p54);
  const Vec<T> normal = x * (is_small * Vec<T>(lift - T(1)) + Vec<T>(T(1)));  // a denormal times 2^steps
  const Bits<T> sqrt_half = to_bits(Vec<T>(T(0.7071067811865476)));
  const Bits<T> above = to_bits(normal) - sqrt_half;  // its exponent field is k, its mantissa counts from sqrt(1/2)
  const Bits<T> k = Bits<T>(typename Vec<T>::BitLanes(above) >> Ieee<T>::mantissa_bits);
  const Vec<T> mantissa = from_bits<T>(to_bits(normal) - (k << Ieee<T>::mantissa_bits));
  const Vec<T> rounder = Ieee<T>::rounder;
  return {(from_bits<T>(k + to_bits(rounder)) - rounder) - is_small * Vec<T>(steps), mantissa - Vec<T>(T(1))};
}
// f - log(1 + f), less `low`, which joins where it costs no rounding.
template <class T>
TG_INLINE Vec<T> log_deficit(Vec<T> f, Vec<T> low) {
  const Vec<T> s = f / (f + Vec<T>(T(2))), z = s * s, half_square = f * f * Vec<T>(T(0.5));
  return half_square - (s * (half_square + z * horner(z, ExpLog<T>::R)) + low);
}
// The ends of log, log2 and log10: log(0) = -inf, log(inf) = inf, NaN below 0.
template <class T>
TG_INLINE Vec<T> log_ends(Vec<T> x, Vec<T> value) {
  const Vec<T> infinity = Ieee<T>::infinity, zero = T(0);
  value = select(x < infinity, value, x);  // inf and NaN
  value = select(x < zero, infinity - infinity, value);
  return select(x == zero, -infinity, value);
}

template <class T>
TG_INLINE Vec<T> log(Vec<T> x) {
  const Logarithm<T> l = split(x);
  const Vec<T> deficit = log_deficit(l.f, l.k * Vec<T>(ExpLog<T>::ln2_low));
  return log_ends(x, l.k * Vec<T>(ExpLog<T>::ln2_high) - (deficit - l.f));
}
template <class T>
TG_INLINE Vec<T> log2(Vec<T> x) {
  const Logarithm<T> l = split(x);
  const Vec<T> mantissa = l.f - log_deficit(l.f, Vec<T>(T(0)));
  return log_ends(x, mantissa * Vec<T>(T(1.4426950408889634)) + l.k);
}
template <class T>
TG_INLINE Vec<T> log10(Vec<T> x) {
  const Logarithm<T> l = split(x);
  const Vec<T> mantissa = l.f - log_deficit(l.f, Vec<T>(T(0)));
  const Vec<T> low = mantissa * Vec<T>(T(0.4342944819032518)) + l.k * Vec<T>(ExpLog<T>::log10_2_low);
  return log_ends(x, l.k * Vec<T>(ExpLog<T>::log10_2_high) + low);
}

// u = 1 + x rounded; what the rounding lost, relative to u, is added to the logarithm. Where u needs no
// scaling (k = 0), f is x itself and nothing is lost.
template <class T>
TG_INLINE Vec<T> log1p(Vec<T> x) {
  const Vec<T> one = T(1), zero = T(0), infinity = Ieee<T>::infinity;
  const Vec<T> u = one + x;
  const Logarithm<T> l = split(u);
  const Vec<T> lost = select(x < one, x - (u - one), one - (u - x)) / u;
  const typename Vec<T>::Mask unscaled = l.k == zero;
  const Vec<T> f = select(unscaled, x, l.f);
  const Vec<T> deficit = log_deficit(f, select(unscaled, zero, l.k * Vec<T>(ExpLog<T>::ln2_low) + lost));
  Vec<T> value = l.k * Vec<T>(ExpLog<T>::ln2_high) - (deficit - f);
  value = select(x < infinity, value, x);
  value = select(x < -one, infinity - infinity, value);
  value = select(x == -one, -infinity, value);
  return select(x == zero, x, value);  // keeps -0.0
}

// tanh(a) = t / (t + 2), t = e^(2a) - 1.
template <class T>
TG_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> t = expm1(clamp(fabs(x), T(0), ExpLog<T>::tanh_one) * Vec<T>(T(2)));
  return copysign(t / (t + Vec<T>(T(2))), x);
}

// Past the range of exp, e^a / 2 = e^(a/2) / 2 * e^(a/2) still fits.
TG_INLINE Vec<double> half_exp(Vec<double> a) {
  const Vec<double> root = exp(a * 0.5);
  return (root * 0.5) * root;
}
TG_INLINE Vec<double> sinh(Vec<double> x) {
  const Vec<double> a = fabs(x), e = expm1(a);
  return copysign(select(a > 709.0, half_exp(a), (e + e / (e + 1.0)) * 0.5), x);
}
TG_INLINE Vec<double> cosh(Vec<double> x) {
  const Vec<double> a = fabs(x), e = exp(a);
  return select(a > 709.0, half_exp(a), e * 0.5 + Vec<double>(0.5) / e);
}
// From 2^28 on the square root is a: log(2a).
TG_INLINE Vec<double> asinh(Vec<double> x) {
  const Vec<double> a = fabs(x), square = a * a;
  const Vec<double> value = log1p(a + square / (sqrt(square + 1.0) + 1.0));
  return copysign(select(a > 0x1p28, log(a) + 0.6931471805599453, value), x);
}
TG_INLINE Vec<double> acosh(Vec<double> x) {
  const Vec<double> t = x - 1.0;
  const Vec<double> value = log1p(t + sqrt(t * 2.0 + t * t));
  const Vec<double> nan = Ieee<double>::infinity - Vec<double>(Ieee<double>::infinity);
  return select(x < 1.0, nan, select(x > 0x1p28, log(x) + 0.6931471805599453, value));
}
TG_INLINE Vec<double> atanh(Vec<double> x) {
  const Vec<double> a = fabs(x);
  return copysign(log1p(a * 2.0 / (Vec<double>(1.0) - a)) * 0.5, x);
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
