// Dual numbers: v + d e with e^2 = 0. Running a formula on Dual<L> gives its value in v and its derivative in d;
// nested once more, the second derivative. The rule of every primitive that elementwise.h uses stands here once.
// Included inside a namespace, after the lane type's own functions.

template <class L>
struct Dual {
  L v, d;

  TG_INLINE Dual() = default;
  TG_INLINE Dual(L value, L tangent) : v(value), d(tangent) {}
  template <class Scalar, class = std::enable_if_t<std::is_arithmetic_v<Scalar>>>
  TG_INLINE Dual(Scalar constant) : v(constant), d(0) {}

  friend TG_INLINE Dual operator-(Dual a) { return {-a.v, -a.d}; }
  friend TG_INLINE Dual operator+(Dual a, Dual b) { return {a.v + b.v, a.d + b.d}; }
  friend TG_INLINE Dual operator-(Dual a, Dual b) { return {a.v - b.v, a.d - b.d}; }
  friend TG_INLINE Dual operator*(Dual a, Dual b) { return {a.v * b.v, a.d * b.v + a.v * b.d}; }
  friend TG_INLINE Dual operator/(Dual a, Dual b) {
    const L q = a.v / b.v;
    return {q, (a.d - q * b.d) / b.v};
  }
  friend TG_INLINE auto operator<(Dual a, Dual b) { return a.v < b.v; }
  friend TG_INLINE auto operator<=(Dual a, Dual b) { return a.v <= b.v; }
  friend TG_INLINE auto operator>(Dual a, Dual b) { return a.v > b.v; }
  friend TG_INLINE auto operator>=(Dual a, Dual b) { return a.v >= b.v; }
  friend TG_INLINE auto operator==(Dual a, Dual b) { return a.v == b.v; }
  friend TG_INLINE auto operator!=(Dual a, Dual b) { return a.v != b.v; }
  template <class Condition>
  friend TG_INLINE Dual select(Condition c, Dual a, Dual b) {
    return {select(c, a.v, b.v), select(c, a.d, b.d)};
  }

  friend TG_INLINE Dual exp(Dual x) {
    const L e = exp(x.v);
    return {e, x.d * e};
  }
  friend TG_INLINE Dual exp2(Dual x) {
    const L e = exp2(x.v);
    return {e, x.d * e * L(0.6931471805599453)};
  }
  friend TG_INLINE Dual expm1(Dual x) { return {expm1(x.v), x.d * exp(x.v)}; }
  friend TG_INLINE Dual log(Dual x) { return {log(x.v), x.d / x.v}; }
  friend TG_INLINE Dual log1p(Dual x) { return {log1p(x.v), x.d / (x.v + L(1))}; }
  friend TG_INLINE Dual sqrt(Dual x) {
    const L s = sqrt(x.v);
    return {s, x.d * L(0.5) / s};
  }
  friend TG_INLINE Dual sin(Dual x) { return {sin(x.v), x.d * cos(x.v)}; }
  friend TG_INLINE Dual cos(Dual x) { return {cos(x.v), -(x.d * sin(x.v))}; }
  friend TG_INLINE Dual sinh(Dual x) { return {sinh(x.v), x.d * cosh(x.v)}; }
  friend TG_INLINE Dual cosh(Dual x) { return {cosh(x.v), x.d * sinh(x.v)}; }
  friend TG_INLINE Dual tanh(Dual x) {
    const L t = tanh(x.v);
    return {t, x.d * (L(1) - t * t)};
  }
  friend TG_INLINE Dual erf(Dual x) { return {erf(x.v), x.d * L(1.1283791670955126) * exp(-(x.v * x.v))}; }
  friend TG_INLINE Dual fabs(Dual x) { return {fabs(x.v), select(x.v > L(0), x.d, select(x.v < L(0), -x.d, L(0)))}; }
  friend TG_INLINE Dual floor(Dual x) { return {floor(x.v), L(0)}; }
  friend TG_INLINE Dual trunc(Dual x) { return {trunc(x.v), L(0)}; }
  friend TG_INLINE Dual copysign(Dual x, Dual y) {
    return {copysign(x.v, y.v), x.d * copysign(L(1), x.v) * copysign(L(1), y.v)};
  }
  // x^y. Each term is dropped where its own factor is zero, or 0 * inf would make a NaN at x = 0.
  friend TG_INLINE Dual pow(Dual x, Dual y) {
    const L p = pow(x.v, y.v);
    const L by_x = select((y.v == L(0)) | (x.d == L(0)), L(0), x.d * y.v * pow(x.v, y.v - L(1)));
    const L by_y = select((y.d == L(0)) | ((x.v == L(0)) & (y.v >= L(0))), L(0), y.d * p * log(x.v));
    return {p, by_x + by_y};
  }
};
