// Circular functions and their inverses on double lanes (floats come through in_double).
//
//   sin, cos:  x = n pi/2 + (y + tail), |y| <= pi/4, with pi/2 in four parts (Cody & Waite) good for
//              |x| < 2^20; beyond it libm, lane by lane. Then sin y = y + y^3 S(y^2), cos y = 1 - y^2/2 + y^4 C(y^2).
//   atan:      t = x, (x - 1) / (x + 1) or -1 / x, so that |t| <= tan(pi/8); atan t = t + t^3 A(t^2).
//   asin:      x or, from 1/2 on, pi/2 - 2 asin(sqrt((1 - x) / 2)); asin s = s + s^3 B(s^2).
#pragma once
#include "primitives_base.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr double kSinSeries[] = {-0.1666666666666664,    0.008333333333323988,    -0.0001984126983082568,
                                 2.7557313989464737e-06, -2.5050798458121292e-08, 1.5898859513880397e-10};
constexpr double kCosSeries[] = {0.04166666666666666,    -0.0013888888888883306, 2.4801587294812563e-05,
                                 -2.755731579126767e-07, 2.0875906985153697e-09, -1.1368623606739269e-11};
constexpr double kAtanSeries[] = {-0.33333333333333237, 0.19999999999961965, -0.14285714280877262, 0.11111110812083118,
                                  -0.09090898469265829, 0.07692071371734407, -0.06663217470096268, 0.05848635683545539,
                                  -0.05042373466000312, 0.03813622616310074, -0.0179797856158496};
constexpr double kAsinSeries[] = {
    0.1666666666666673,   0.07499999999977305,   0.04464285716931472,  0.03038194293284089,  0.022372209242294116,
    0.017351706985419053, 0.013979761062610474,  0.011407047896967257, 0.010737170554406013, 0.003860988148659656,
    0.021348586225532682, -0.020512689595218445, 0.032336396129923894};
constexpr double kHalfPi = 1.5707963267948966, kHalfPiLow = 6.123233995736766e-17;
constexpr double kReductionLimit = 0x1p20;

struct Quadrant {
  Vec<double> y, tail;
  Bits<double> n;
};

TG_INLINE Quadrant reduce_half_pi(Vec<double> x) {
  const Vec<double> rounder = Ieee<double>::rounder;
  const Vec<double> shifted = x * 0.6366197723675814 + rounder, n = shifted - rounder;
  Vec<double> before = x - n * 1.5707963267341256;  // exact: n and this part of pi/2 fill 53 bits
  Vec<double> part = n * 6.077100506303966e-11;
  Vec<double> after = before - part;
  Vec<double> lost = (before - after) - part;
  part = n * 2.0222662487111665e-21;
  before = after;
  after = before - part;
  lost = ((before - after) - part) + lost;
  lost = lost - n * 8.4784276603689e-32;
  const Vec<double> y = after + lost;
  return {y, (after - y) + lost, to_bits(shifted)};
}
TG_INLINE Vec<double> sin_series(Quadrant q) {
  const Vec<double> z = q.y * q.y;
  return q.y + (q.tail * (Vec<double>(1.0) - z * 0.5) + q.y * z * horner(z, kSinSeries));
}
TG_INLINE Vec<double> cos_series(Quadrant q) {
  const Vec<double> z = q.y * q.y, half = z * 0.5, near_one = Vec<double>(1.0) - half;
  return near_one + (((Vec<double>(1.0) - near_one) - half) + (z * z * horner(z, kCosSeries) - q.y * q.tail));
}
TG_INLINE Vec<double>::Mask is_odd(Bits<double> n) { return {Vec<double>::BitLanes(n << 63) < 0}; }
// Negated where bit 1 of n is set.
TG_INLINE Vec<double> flip(Vec<double> x, Bits<double> n) {
  return from_bits<double>(to_bits(x) ^ ((n << 62) & Ieee<double>::sign));
}
template <class F>
TG_INLINE Vec<double> beyond_reduction(Vec<double> x, Vec<double> value, F libm) {
  const Vec<double>::Mask beyond = fabs(x) >= kReductionLimit;
  if (__builtin_expect(any<double>(beyond), 0)) return select(beyond, per_lane(x, libm), value);
  return value;
}

TG_INLINE Vec<double> sin(Vec<double> x) {
  const Quadrant q = reduce_half_pi(x);
  const Vec<double> value = flip(select(is_odd(q.n), cos_series(q), sin_series(q)), q.n);
  return beyond_reduction(x, select(x == 0.0, x, value), [](double lane) { return __builtin_sin(lane); });
}
TG_INLINE Vec<double> cos(Vec<double> x) {
  const Quadrant q = reduce_half_pi(x);
  const Vec<double> value = flip(select(is_odd(q.n), sin_series(q), cos_series(q)), q.n + 1);
  return beyond_reduction(x, value, [](double lane) { return __builtin_cos(lane); });
}
TG_INLINE Vec<double> tan(Vec<double> x) {
  const Quadrant q = reduce_half_pi(x);
  const Vec<double> s = sin_series(q), c = cos_series(q);
  const Vec<double> value = select(is_odd(q.n), -c, s) / select(is_odd(q.n), s, c);
  return beyond_reduction(x, select(x == 0.0, x, value), [](double lane) { return __builtin_tan(lane); });
}

// atan(numerator / denominator), both >= 0, not both 0 or inf.
TG_INLINE Vec<double> atan_quotient(Vec<double> y, Vec<double> x) {
  const Vec<double>::Mask steep = y > x * 2.414213562373095, middle = (y > x * 0.41421356237309503) & !steep;
  const Vec<double> t = select(steep, -x, select(middle, y - x, y)) / select(steep, y, select(middle, x + y, x));
  const Vec<double> z = t * t;
  const Vec<double> turns = select(steep, Vec<double>(1.0), select(middle, Vec<double>(0.5), Vec<double>(0.0)));
  return turns * kHalfPi + (t + (t * z * horner(z, kAtanSeries) + turns * kHalfPiLow));
}
TG_INLINE Vec<double> atan(Vec<double> x) { return copysign(atan_quotient(fabs(x), 1.0), x); }
// The angle of (x, y). atan2(0, 0) is 0 or pi by the signs, as C.
TG_INLINE Vec<double> atan2(Vec<double> y, Vec<double> x) {
  const Vec<double> infinity = Ieee<double>::infinity, one = 1.0;
  Vec<double> rise = fabs(y), run = fabs(x);
  const Vec<double>::Mask diagonal = (rise == infinity) & (run == infinity);
  const Vec<double>::Mask origin = (rise == 0.0) & (run == 0.0);
  rise = select(diagonal, one, rise);
  run = select(diagonal | origin, one, run);
  const Vec<double> shrink = select((rise > 0x1p1000) | (run > 0x1p1000), Vec<double>(0.25), one);
  const Vec<double> angle = atan_quotient(rise * shrink, run * shrink);  // rise + run does not overflow
  return copysign(select(sign_bit(x), kHalfPi * 2.0 - (angle - kHalfPiLow * 2.0), angle), y);
}

// s with asin = s + s^3 B(s^2), for |x| < 1/2 or, when not `inner`, for sqrt((1 - |x|) / 2).
struct Arc {
  Vec<double>::Mask inner;
  Vec<double> angle;
};
TG_INLINE Arc arc(Vec<double> x) {
  const Vec<double> a = fabs(x);
  const Vec<double>::Mask inner = a < 0.5;
  const Vec<double> z = select(inner, a * a, (Vec<double>(1.0) - a) * 0.5);
  const Vec<double> s = select(inner, a, sqrt(z));
  return {inner, s + s * z * horner(z, kAsinSeries)};
}
TG_INLINE Vec<double> asin(Vec<double> x) {
  const Arc p = arc(x);
  return copysign(select(p.inner, p.angle, kHalfPi - (p.angle * 2.0 - kHalfPiLow)), x);
}
TG_INLINE Vec<double> acos(Vec<double> x) {
  const Arc p = arc(x);
  const Vec<double> inner = kHalfPi - (copysign(p.angle, x) - kHalfPiLow), twice = p.angle * 2.0;
  const Vec<double> outer = select(x < 0.0, kHalfPi * 2.0 - (twice - kHalfPiLow * 2.0), twice);
  return select(p.inner, inner, outer);
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
