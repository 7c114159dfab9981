// Every elementwise formula of the project, typed once: value and first derivative side by side.
//
// A formula is a template over its lane type L: SIMD vectors on the CPU, scalars on CUDA, dual numbers over
// either for higher derivatives, and Trace, which prints the text. So a formula chooses with
// select(condition, a, b), never with `if` or `?:` on a lane, and writes constants as L(0.5).
//
// `reads_x` says what d out / d x is computed from, a subset of {X, Y, OUT}: just that is kept for backward.
// Higher derivatives differentiate grad_x with respect to what it reads; where that is OUT, the engine
// re-attaches the kept output to its own node, and the graph supplies the chain rule.
//
// To add an op: a struct here, a row in the list at the end, a documented function in ops/elementwise.py, a row
// in tests/specs_elementwise.py. This file is included inside a namespace by each compiler that reads it.

enum Reads { NONE = 0, X = 1, Y = 2, OUT = 4 };

template <class L>
struct Values {
  L x, y, out;  // operands and result; only what is read is set
  L a, b;       // parameters of the op: slope, min, max, ...
};

template <int Parameters = 0>
struct Unary {
  static constexpr int arity = 1, parameters = Parameters, reads_y = NONE;
};
struct Binary {
  static constexpr int arity = 2, parameters = 0;
};

#define TG_READS(operand, what) static constexpr int reads_##operand = what
// clang-format off
#define TG_LANES template <class L> static TG_INLINE L
// clang-format on

// ---- arithmetic -------------------------------------------------------------------------------------------

struct Neg : Unary<> {
  TG_READS(x, NONE);
  TG_LANES forward(const Values<L>& v) { return -v.x; }
  TG_LANES grad_x(const Values<L>&) { return L(-1); }
};

struct Abs : Unary<> {  // derivative 0 at 0
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return fabs(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x > L(0), L(1), select(v.x < L(0), L(-1), L(0))); }
};

struct Sign : Unary<> {  // 0 at 0 and at NaN, as PyTorch
  TG_READS(x, NONE);
  TG_LANES forward(const Values<L>& v) { return select(v.x > L(0), L(1), select(v.x < L(0), L(-1), L(0))); }
  TG_LANES grad_x(const Values<L>&) { return L(0); }
};

struct Square : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return v.x * v.x; }
  TG_LANES grad_x(const Values<L>& v) { return L(2) * v.x; }
};

struct Reciprocal : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return L(1) / v.x; }
  TG_LANES grad_x(const Values<L>& v) { return -(v.out * v.out); }
};

struct Sqrt : Unary<> {  // derivative +inf at 0
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return sqrt(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(0.5) / v.out; }
};

struct Rsqrt : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return L(1) / sqrt(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(-0.5) * (v.out * v.out * v.out); }
};

struct PowScalar : Unary<1> {  // x^a; derivative 0 where a = 0, also at x = 0
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return pow(v.x, v.a); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.a == L(0), L(0), v.a * pow(v.x, v.a - L(1))); }
};

// ---- rounding: steps, derivative 0 everywhere -----------------------------------------------------------

struct Floor : Unary<> {
  TG_READS(x, NONE);
  TG_LANES forward(const Values<L>& v) { return floor(v.x); }
  TG_LANES grad_x(const Values<L>&) { return L(0); }
};

struct Ceil : Unary<> {
  TG_READS(x, NONE);
  TG_LANES forward(const Values<L>& v) { return ceil(v.x); }
  TG_LANES grad_x(const Values<L>&) { return L(0); }
};

struct Round : Unary<> {  // half to even
  TG_READS(x, NONE);
  TG_LANES forward(const Values<L>& v) { return rint(v.x); }
  TG_LANES grad_x(const Values<L>&) { return L(0); }
};

struct Trunc : Unary<> {
  TG_READS(x, NONE);
  TG_LANES forward(const Values<L>& v) { return trunc(v.x); }
  TG_LANES grad_x(const Values<L>&) { return L(0); }
};

// ---- exponentials and logarithms --------------------------------------------------------------------------

struct Exp : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return exp(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return v.out; }
};

struct Exp2 : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return exp2(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(0.6931471805599453) * v.out; }  // ln 2
};

struct Expm1 : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return expm1(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return v.out + L(1); }
};

struct Log : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return log(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / v.x; }
};

struct Log1p : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return log1p(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (v.x + L(1)); }
};

struct Log2 : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return log2(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (v.x * L(0.6931471805599453)); }  // ln 2
};

struct Log10 : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return log10(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (v.x * L(2.302585092994046)); }  // ln 10
};

// ---- trigonometric and hyperbolic -----------------------------------------------------------------------

struct Sin : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return sin(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return cos(v.x); }
};

struct Cos : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return cos(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return -sin(v.x); }
};

struct Tan : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return tan(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) + v.out * v.out; }
};

struct Sinh : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return sinh(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return cosh(v.x); }
};

struct Cosh : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return cosh(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return sinh(v.x); }
};

struct Tanh : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return tanh(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) - v.out * v.out; }
};

struct Asin : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return asin(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / sqrt(L(1) - v.x * v.x); }
};

struct Acos : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return acos(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(-1) / sqrt(L(1) - v.x * v.x); }
};

struct Atan : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return atan(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (L(1) + v.x * v.x); }
};

struct Asinh : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return asinh(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / sqrt(v.x * v.x + L(1)); }
};

struct Acosh : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return acosh(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / sqrt(v.x * v.x - L(1)); }
};

struct Atanh : Unary<> {
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return atanh(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (L(1) - v.x * v.x); }
};

struct Erf : Unary<> {  // 2/sqrt(pi) exp(-x^2)
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return erf(v.x); }
  TG_LANES grad_x(const Values<L>& v) { return L(1.1283791670955126) * exp(-(v.x * v.x)); }
};

#include "activations.h"

// ---- two operands -------------------------------------------------------------------------------------------

struct Add : Binary {
  TG_READS(x, NONE);
  TG_READS(y, NONE);
  TG_LANES forward(const Values<L>& v) { return v.x + v.y; }
  TG_LANES grad_x(const Values<L>&) { return L(1); }
  TG_LANES grad_y(const Values<L>&) { return L(1); }
};

struct Sub : Binary {
  TG_READS(x, NONE);
  TG_READS(y, NONE);
  TG_LANES forward(const Values<L>& v) { return v.x - v.y; }
  TG_LANES grad_x(const Values<L>&) { return L(1); }
  TG_LANES grad_y(const Values<L>&) { return L(-1); }
};

struct Mul : Binary {
  TG_READS(x, Y);
  TG_READS(y, X);
  TG_LANES forward(const Values<L>& v) { return v.x * v.y; }
  TG_LANES grad_x(const Values<L>& v) { return v.y; }
  TG_LANES grad_y(const Values<L>& v) { return v.x; }
};

struct Div : Binary {
  TG_READS(x, Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return v.x / v.y; }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / v.y; }
  TG_LANES grad_y(const Values<L>& v) { return -((v.x / v.y) / v.y); }
};

struct Pow : Binary {  // grad_x 0 where y = 0; grad_y 0 where x = 0 and y >= 0, as PyTorch
  TG_READS(x, X | Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return pow(v.x, v.y); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.y == L(0), L(0), v.y * pow(v.x, v.y - L(1))); }
  TG_LANES grad_y(const Values<L>& v) { return select((v.x == L(0)) & (v.y >= L(0)), L(0), pow(v.x, v.y) * log(v.x)); }
};

struct Maximum : Binary {  // a tie gives each half; NaN wins
  TG_READS(x, X | Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return select((v.x > v.y) | (v.x != v.x), v.x, v.y); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x == v.y, L(0.5), select(v.x < v.y, L(0), L(1))); }
  TG_LANES grad_y(const Values<L>& v) { return select(v.x == v.y, L(0.5), select(v.x > v.y, L(0), L(1))); }
};

struct Minimum : Binary {  // a tie gives each half; NaN wins
  TG_READS(x, X | Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return select((v.x < v.y) | (v.x != v.x), v.x, v.y); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x == v.y, L(0.5), select(v.x > v.y, L(0), L(1))); }
  TG_LANES grad_y(const Values<L>& v) { return select(v.x == v.y, L(0.5), select(v.x < v.y, L(0), L(1))); }
};

struct Atan2 : Binary {  // angle of the point (y, x); derivatives 0 at the origin, as PyTorch
  TG_READS(x, X | Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return atan2(v.x, v.y); }
  TG_LANES grad_x(const Values<L>& v) {
    const L r = v.x * v.x + v.y * v.y;
    return select(r == L(0), L(0), v.y / r);
  }
  TG_LANES grad_y(const Values<L>& v) {
    const L r = v.x * v.x + v.y * v.y;
    return select(r == L(0), L(0), -v.x / r);
  }
};

struct Hypot : Binary {  // sqrt(x^2 + y^2) without overflow
  TG_READS(x, X | OUT);
  TG_READS(y, Y | OUT);
  TG_LANES forward(const Values<L>& v) { return hypot(v.x, v.y); }
  TG_LANES grad_x(const Values<L>& v) { return v.x / v.out; }
  TG_LANES grad_y(const Values<L>& v) { return v.y / v.out; }
};

struct Logaddexp : Binary {  // log(e^x + e^y)
  TG_READS(x, X | Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) {
    const L larger = select((v.x > v.y) | (v.x != v.x), v.x, v.y);
    const L gap = select(v.x == v.y, L(0), fabs(v.x - v.y));  // inf - inf is no gap
    return larger + log1p(exp(-gap));
  }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (L(1) + exp(v.y - v.x)); }
  TG_LANES grad_y(const Values<L>& v) { return L(1) / (L(1) + exp(v.x - v.y)); }
};

struct Fmod : Binary {  // remainder with the sign of x
  TG_READS(x, NONE);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return fmod(v.x, v.y); }
  TG_LANES grad_x(const Values<L>&) { return L(1); }
  TG_LANES grad_y(const Values<L>& v) { return -trunc(v.x / v.y); }
};

struct Remainder : Binary {  // remainder with the sign of y
  TG_READS(x, NONE);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) {
    const L r = fmod(v.x, v.y);
    return select(((r < L(0)) & (v.y > L(0))) | ((r > L(0)) & (v.y < L(0))), r + v.y, r);
  }
  TG_LANES grad_x(const Values<L>&) { return L(1); }
  TG_LANES grad_y(const Values<L>& v) { return -floor(v.x / v.y); }
};

struct Copysign : Binary {  // |x| with the sign of y; derivative 0 at x = 0
  TG_READS(x, X | OUT);
  TG_READS(y, NONE);
  TG_LANES forward(const Values<L>& v) { return copysign(v.x, v.y); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x == L(0), L(0), copysign(L(1), v.x) * copysign(L(1), v.out)); }
  TG_LANES grad_y(const Values<L>&) { return L(0); }
};

struct Xlogy : Binary {  // x log y, and 0 at x = 0 whatever y is, NaN excepted
  TG_READS(x, X | Y);
  TG_READS(y, X | Y);
  TG_LANES forward(const Values<L>& v) { return select((v.x == L(0)) & (v.y == v.y), L(0), v.x * log(v.y)); }
  TG_LANES grad_x(const Values<L>& v) { return select((v.x == L(0)) & (v.y <= L(0)), L(0), log(v.y)); }
  TG_LANES grad_y(const Values<L>& v) { return v.x / v.y; }
};

#undef TG_READS
#undef TG_LANES

// One row an op: the name that Python sees, the struct above.
// clang-format off
#define TG_ELEMENTWISE_OPS(OP)                                                                                  \
  OP(neg, Neg) OP(abs, Abs) OP(sign, Sign) OP(square, Square) OP(reciprocal, Reciprocal) OP(sqrt, Sqrt)         \
  OP(rsqrt, Rsqrt) OP(pow_scalar, PowScalar) OP(floor, Floor) OP(ceil, Ceil) OP(round, Round) OP(trunc, Trunc)  \
  OP(exp, Exp) OP(exp2, Exp2) OP(expm1, Expm1) OP(log, Log) OP(log1p, Log1p) OP(log2, Log2) OP(log10, Log10)    \
  OP(sin, Sin) OP(cos, Cos) OP(tan, Tan) OP(sinh, Sinh) OP(cosh, Cosh) OP(tanh, Tanh) OP(asin, Asin)            \
  OP(acos, Acos) OP(atan, Atan) OP(asinh, Asinh) OP(acosh, Acosh) OP(atanh, Atanh) OP(erf, Erf)                 \
  OP(sigmoid, Sigmoid) OP(logsigmoid, Logsigmoid) OP(relu, Relu) OP(leaky_relu, LeakyRelu)                      \
  OP(threshold, Threshold) OP(elu, Elu) OP(selu, Selu) OP(celu, Celu) OP(silu, Silu) OP(gelu, Gelu)             \
  OP(gelu_tanh, GeluTanh) OP(softplus, Softplus) OP(mish, Mish) OP(softsign, Softsign) OP(hardtanh, Hardtanh)   \
  OP(hardswish, Hardswish) OP(hardsigmoid, Hardsigmoid) OP(clamp, Clamp)                                        \
  OP(add, Add) OP(sub, Sub) OP(mul, Mul) OP(div, Div) OP(pow, Pow) OP(maximum, Maximum) OP(minimum, Minimum)    \
  OP(atan2, Atan2) OP(hypot, Hypot) OP(logaddexp, Logaddexp) OP(fmod, Fmod) OP(remainder, Remainder)            \
  OP(copysign, Copysign) OP(xlogy, Xlogy)
// clang-format on
