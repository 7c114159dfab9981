// The activation functions: a part of elementwise.h, which includes this file (see there for the conventions).

struct Sigmoid : Unary<> {
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return L(1) / (L(1) + exp(-v.x)); }
  TG_LANES grad_x(const Values<L>& v) { return v.out * (L(1) - v.out); }
};

struct Logsigmoid : Unary<> {  // log(1 / (1 + e^-x)), without overflow on either side
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x < L(0), v.x, L(0)) - log1p(exp(-fabs(v.x))); }
  TG_LANES grad_x(const Values<L>& v) { return L(1) / (L(1) + exp(v.x)); }
};

struct Relu : Unary<> {  // derivative 0 at 0; NaN passes
  TG_READS(x, OUT);
  TG_LANES forward(const Values<L>& v) { return select(v.x <= L(0), L(0), v.x); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.out <= L(0), L(0), L(1)); }
};

struct LeakyRelu : Unary<1> {  // a = negative_slope, the derivative at 0
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x > L(0), v.x, v.a * v.x); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x > L(0), L(1), v.a); }
};

struct Threshold : Unary<2> {  // x where x > a, else b
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x <= v.a, v.b, v.x); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x <= v.a, L(0), L(1)); }
};

struct Elu : Unary<1> {  // a = alpha
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x > L(0), v.x, v.a * expm1(v.x)); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x > L(0), L(1), v.a * exp(v.x)); }
};

struct Selu : Unary<> {  // Klambauer et al. 2017, section 2: scale 1.0507, alpha 1.6733
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) {
    return L(1.0507009873554805) * select(v.x > L(0), v.x, L(1.6732632423543772) * expm1(v.x));
  }
  TG_LANES grad_x(const Values<L>& v) {
    return L(1.0507009873554805) * select(v.x > L(0), L(1), L(1.6732632423543772) * exp(v.x));
  }
};

struct Celu : Unary<1> {  // a = alpha
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x > L(0), v.x, v.a * expm1(v.x / v.a)); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x > L(0), L(1), exp(v.x / v.a)); }
};

struct Silu : Unary<> {  // x sigmoid(x)
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return v.x / (L(1) + exp(-v.x)); }
  TG_LANES grad_x(const Values<L>& v) {
    const L s = L(1) / (L(1) + exp(-v.x));
    return s * (L(1) + v.x * (L(1) - s));
  }
};

struct Gelu : Unary<> {  // x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) {
    return L(0.5) * v.x * (L(1) + erf(v.x * L(0.7071067811865476)));  // 1/sqrt(2)
  }
  TG_LANES grad_x(const Values<L>& v) {
    const L Phi = L(0.5) * (L(1) + erf(v.x * L(0.7071067811865476)));
    const L phi = L(0.3989422804014327) * exp(L(-0.5) * v.x * v.x);  // 1/sqrt(2 pi)
    return Phi + v.x * phi;
  }
};

struct GeluTanh : Unary<> {  // the tanh approximation of the same paper, section 2
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) {
    const L u = L(0.7978845608028654) * (v.x + L(0.044715) * v.x * v.x * v.x);  // sqrt(2/pi)
    return L(0.5) * v.x * (L(1) + tanh(u));
  }
  TG_LANES grad_x(const Values<L>& v) {
    const L t = tanh(L(0.7978845608028654) * (v.x + L(0.044715) * v.x * v.x * v.x));
    const L du = L(0.7978845608028654) * (L(1) + L(0.134145) * v.x * v.x);
    return L(0.5) * (L(1) + t) + L(0.5) * v.x * (L(1) - t * t) * du;
  }
};

struct Softplus : Unary<2> {  // log(1 + e^(a x)) / a, a = beta; the identity where a x > b, b = threshold
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x * v.a > v.b, v.x, log1p(exp(v.x * v.a)) / v.a); }
  TG_LANES grad_x(const Values<L>& v) { return select(v.x * v.a > v.b, L(1), L(1) / (L(1) + exp(-(v.x * v.a)))); }
};

struct Mish : Unary<> {  // x tanh(softplus(x)) (Misra 2019)
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return v.x * tanh(select(v.x > L(20), v.x, log1p(exp(v.x)))); }
  TG_LANES grad_x(const Values<L>& v) {
    const L t = tanh(select(v.x > L(20), v.x, log1p(exp(v.x))));
    return t + v.x * (L(1) - t * t) / (L(1) + exp(-v.x));
  }
};

struct Softsign : Unary<> {  // x / (1 + |x|)
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return v.x / (L(1) + fabs(v.x)); }
  TG_LANES grad_x(const Values<L>& v) {
    const L d = L(1) + fabs(v.x);
    return L(1) / (d * d);
  }
};

struct Hardtanh : Unary<2> {  // between a and b; derivative 0 at both ends
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x < v.a, v.a, select(v.x > v.b, v.b, v.x)); }
  TG_LANES grad_x(const Values<L>& v) { return select((v.x <= v.a) | (v.x >= v.b), L(0), L(1)); }
};

struct Hardswish : Unary<> {  // x clamp(x + 3, 0, 6) / 6 (Howard et al. 2019, section 5.2)
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) {
    const L gate = select(v.x <= L(-3), L(0), select(v.x >= L(3), L(6), v.x + L(3)));
    return v.x * gate / L(6);
  }
  TG_LANES grad_x(const Values<L>& v) {
    return select(v.x <= L(-3), L(0), select(v.x >= L(3), L(1), v.x / L(3) + L(0.5)));
  }
};

struct Hardsigmoid : Unary<> {  // clamp(x + 3, 0, 6) / 6; derivative 0 at both ends
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) {
    return select(v.x <= L(-3), L(0), select(v.x >= L(3), L(1), (v.x + L(3)) / L(6)));
  }
  TG_LANES grad_x(const Values<L>& v) { return select((v.x <= L(-3)) | (v.x >= L(3)), L(0), L(1) / L(6)); }
};

struct Clamp : Unary<2> {  // between a and b; derivative 1 at both ends, as PyTorch; NaN passes
  TG_READS(x, X);
  TG_LANES forward(const Values<L>& v) { return select(v.x > v.b, v.b, select(v.x < v.a, v.a, v.x)); }
  TG_LANES grad_x(const Values<L>& v) { return select((v.x < v.a) | (v.x > v.b), L(0), L(1)); }
};
