// Trace: a lane that computes nothing and prints what would be computed. It reads the same formulas as the kernels,
// so the text in the docs and in the debugger cannot drift from the code. Included by bindings_elementwise.cpp.

struct Trace {
  std::string text;

  Trace() = default;
  explicit Trace(std::string t) : text(std::move(t)) {}
  template <class Scalar, class = std::enable_if_t<std::is_arithmetic_v<Scalar>>>
  Trace(Scalar constant) {
    std::ostringstream out;
    out.precision(17);
    out << constant;
    text = out.str();
  }
};

static Trace infix(const char* symbol, const Trace& a, const Trace& b) {
  return Trace("(" + a.text + " " + symbol + " " + b.text + ")");
}
// clang-format off
#define TG_INFIX(symbol) \
  static Trace operator symbol(const Trace& a, const Trace& b) { return infix(#symbol, a, b); }
TG_INFIX(+) TG_INFIX(-) TG_INFIX(*) TG_INFIX(/) TG_INFIX(<) TG_INFIX(<=) TG_INFIX(>) TG_INFIX(>=) TG_INFIX(==)
TG_INFIX(!=) TG_INFIX(&) TG_INFIX(|)
#undef TG_INFIX
static Trace operator-(const Trace& a) { return Trace("-" + a.text); }

#define TG_CALL(name) \
  static Trace name(const Trace& x) { return Trace(#name "(" + x.text + ")"); }
TG_CALL(exp) TG_CALL(exp2) TG_CALL(expm1) TG_CALL(log) TG_CALL(log1p) TG_CALL(log2) TG_CALL(log10) TG_CALL(sin)
TG_CALL(cos) TG_CALL(tan) TG_CALL(sinh) TG_CALL(cosh) TG_CALL(tanh) TG_CALL(asin) TG_CALL(acos) TG_CALL(atan)
TG_CALL(asinh) TG_CALL(acosh) TG_CALL(atanh) TG_CALL(erf) TG_CALL(sqrt) TG_CALL(fabs) TG_CALL(floor) TG_CALL(ceil)
TG_CALL(rint) TG_CALL(trunc)
#undef TG_CALL
#define TG_CALL(name) \
  static Trace name(const Trace& x, const Trace& y) { return Trace(#name "(" + x.text + ", " + y.text + ")"); }
TG_CALL(pow) TG_CALL(atan2) TG_CALL(hypot) TG_CALL(fmod) TG_CALL(copysign)
#undef TG_CALL
static Trace select(const Trace& condition, const Trace& a, const Trace& b) {
  return Trace("where(" + condition.text + ", " + a.text + ", " + b.text + ")");
}
// clang-format on
