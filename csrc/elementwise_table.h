// What elementwise.cpp exports for each instruction-set level, and how bindings_elementwise.cpp calls it.
#pragma once
#include "array.h"

namespace tg {

constexpr int kOrders = 3;       // derivatives have kernels up to this order
constexpr int kMaxOperands = 4;  // the incoming gradient and what a derivative reads

struct ElementwiseParameters {
  double a, b;
  // Orders two and three differentiate with respect to the reads with these positions, one after the other.
  int seeds[kOrders - 1];
};

// One formula over `count` elements, a multiple of the vector width, all operands contiguous.
template <class T>
using ElementwiseLoop = void (*)(const T* const* in, T* out, int64_t count, const ElementwiseParameters& parameters);

struct ElementwiseLoops {
  ElementwiseLoop<float> f32;
  ElementwiseLoop<double> f64;
};

struct ElementwiseOp {
  const char* name;
  int arity, parameters;
  int reads[2];                       // by operand: what its derivative reads (Reads in elementwise.h)
  ElementwiseLoops forward;           // in: the operands
  ElementwiseLoops grad[2][kOrders];  // by operand and order; in: grad_output, then the reads in the order x, y, out
};

template <class T>
struct ElementwiseOperand {
  const T* data;
  int64_t strides[kMaxDims];  // over the shape of the output; 0 where broadcast
};

// Runs a loop over operands of any strides.
template <class T>
using ElementwiseRun = void (*)(ElementwiseLoop<T> loop, int operands, const ElementwiseOperand<T>* in, Out<T> out,
                                const ElementwiseParameters& parameters);

struct ElementwiseTable {
  int64_t count;
  const ElementwiseOp* ops;
  ElementwiseRun<float> run_f32;
  ElementwiseRun<double> run_f64;
};

}  // namespace tg
