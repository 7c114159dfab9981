// The mathematical primitives of Vec<float> and Vec<double>, of which the formulas in elementwise.h are made.
// Branch-free over lanes; IEEE in every special case (NaN, infinities, -0.0, denormals in and out).
//
// Largest error in ulp (0.5 is correctly rounded; tests/test_primitives.py holds every function to its bound):
//
//             float  double              float  double              float  double
//   exp        1.1     1.1     sin        0.51    0.8     sinh       0.51    2.5
//   exp2       1.1     1.1     cos        0.51    0.8     cosh       0.51    2.5
//   expm1      1.7     2.1     tan        0.51    2.2     asinh      0.51    1.8
//   log        0.9     0.9     asin       0.51    2.3     acosh      0.51    2.2
//   log2       1.8     1.7     acos       0.51    1.3     atanh      0.51    1.9
//   log10      2.1     1.9     atan       0.51    1.9     tanh       2.7     2.7
//   log1p      0.9     0.9     atan2      0.51    1.7     erf        1.5     libm
//   pow        0.51    libm    hypot      0.51    libm
//
// sqrt and fmod are correctly rounded; fabs, copysign, minimum, maximum, rint, floor, ceil, trunc are exact.
#pragma once
#include "primitives_base.h"
#include "primitives_exp.h"
#include "primitives_trig.h"

namespace tg {
namespace TG_LEVEL {
namespace {

#define TG_IN_DOUBLE(name)                                              \
  TG_INLINE Vec<float> name(Vec<float> x) {                             \
    return in_double(x, [](Vec<double> lanes) { return name(lanes); }); \
  }
TG_IN_DOUBLE(sin)
TG_IN_DOUBLE(cos)
TG_IN_DOUBLE(tan)
TG_IN_DOUBLE(asin)
TG_IN_DOUBLE(acos)
TG_IN_DOUBLE(atan)
TG_IN_DOUBLE(sinh)
TG_IN_DOUBLE(cosh)
TG_IN_DOUBLE(asinh)
TG_IN_DOUBLE(acosh)
TG_IN_DOUBLE(atanh)
#undef TG_IN_DOUBLE

TG_INLINE Vec<float> atan2(Vec<float> y, Vec<float> x) {
  return in_double(y, x, [](Vec<double> wide_y, Vec<double> wide_x) { return atan2(wide_y, wide_x); });
}
TG_INLINE Vec<float> hypot(Vec<float> x, Vec<float> y) {
  const Vec<float> root = in_double(x, y, [](Vec<double> a, Vec<double> b) { return sqrt(a * a + b * b); });
  const Vec<float> infinity = Ieee<float>::infinity;
  return select((fabs(x) == infinity) | (fabs(y) == infinity), infinity, root);  // even beside a NaN, as C
}
TG_INLINE Vec<double> hypot(Vec<double> x, Vec<double> y) {
  return per_lane(x, y, [](double a, double b) { return __builtin_hypot(a, b); });
}

// x - trunc(x / y) y, exactly; the sign of x.
TG_INLINE Vec<float> fmod(Vec<float> x, Vec<float> y) {
  return per_lane(x, y, [](float a, float b) { return __builtin_fmodf(a, b); });
}
TG_INLINE Vec<double> fmod(Vec<double> x, Vec<double> y) {
  return per_lane(x, y, [](double a, double b) { return __builtin_fmod(a, b); });
}

// 2^(y log2 |x|) in double, then the special cases of C (Annex F.9.4.4).
TG_INLINE Vec<float> pow(Vec<float> x, Vec<float> y) {
  const Vec<float> one = 1.0F, zero = 0.0F, infinity = Ieee<float>::infinity;
  const Vec<float> magnitude = in_double(fabs(x), y, [](Vec<double> a, Vec<double> b) { return exp2(log2(a) * b); });
  const Vec<float> half = y * 0.5F;
  const Vec<float>::Mask integral = rint(y) == y, odd = integral & (rint(half) != half);
  Vec<float> value = select(odd & sign_bit(x), -magnitude, magnitude);
  value = select((x < zero) & (x > -infinity) & !integral, infinity - infinity, value);
  return select((y == zero) | (x == one) | ((x == -one) & (fabs(y) == infinity)), one, value);
}
TG_INLINE Vec<double> pow(Vec<double> x, Vec<double> y) {
  return per_lane(x, y, [](double a, double b) { return __builtin_pow(a, b); });
}

// erf x = x + x P(x^2) for |x| < 1; beyond, one polynomial in t, where |x| = 2.475 + 1.475 t; 1 from 3.92 on.
TG_INLINE Vec<float> erf(Vec<float> x) {
  constexpr float inner[] = {0.12837917F,  -0.37612626F,   0.11283597F,   -0.026854329F,
                             0.005189312F, -0.0008018855F, 7.8824974e-05F};
  constexpr float outer[] = {0.999535F,     0.003638376F,  -0.013282771F,  0.029692883F,   -0.044558056F,
                             0.045637622F,  -0.029741691F, 0.0076075285F,  0.007128811F,   -0.009549813F,
                             0.0038107082F, 0.0015825315F, -0.0017760589F, 4.0471157e-05F, 0.00023438779F};
  const Vec<float> a = fabs(x);
  const Vec<float> t = (clamp(a, 1.0F, 3.95F) - 2.475F) * 0.67796613F;
  const Vec<float> one = 1.0F, far = select(a > 3.92F, one, minimum(horner(t, outer), one));
  return select(a < one, x + x * horner(x * x, inner), copysign(far, x));
}
TG_INLINE Vec<double> erf(Vec<double> x) {
  return per_lane(x, [](double lane) { return __builtin_erf(lane); });
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
