// The CPU loops of elementwise.h: each formula becomes one loop over contiguous SIMD lanes, and one driver, `run`,
// brings operands of any strides to it.
//
// The output is walked in blocks of kBlock elements that stay in L1. An operand whose block is contiguous is read
// in place; a broadcast or strided one is first copied into a small buffer. The last, partial vector of a block is
// padded, so every element passes through the same vector code: f(x)[i] never depends on position or strides.
#include "elementwise_table.h"
#include "kernels.h"
#include "parallel.h"
#include "primitives.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

#include "dual.h"
#include "elementwise.h"

// ---- one loop a formula -------------------------------------------------------------------------------------

template <class Op, class T>
void forward_loop(const T* const* in, T* out, int64_t count, const ElementwiseParameters& parameters) {
  using L = Vec<T>;
  const L a(parameters.a), b(parameters.b);
  for (int64_t i = 0; i < count; i += L::width) {
    const L x = L::load(in[0] + i);
    const L y = Op::arity == 2 ? L::load(in[Op::arity - 1] + i) : L(0);
    Op::forward(Values<L>{x, y, L(0), a, b}).store(out + i);
  }
}

// Order N of a derivative is N - 1 dual numbers deep.
template <class T, int Order>
struct Nested {
  using Inner = Nested<T, Order - 1>;
  using L = Dual<typename Inner::L>;
  // A read that is differentiated first (Order - 1 = its depth) carries tangent 1.
  static TG_INLINE L lane(Vec<T> value, int position, const int* seeds) {
    return L(Inner::lane(value, position, seeds), typename Inner::L(seeds[Order - 2] == position ? 1 : 0));
  }
  static TG_INLINE Vec<T> derivative(L x) { return Inner::derivative(x.d); }
};
template <class T>
struct Nested<T, 1> {
  using L = Vec<T>;
  static TG_INLINE L lane(Vec<T> value, int, const int*) { return value; }
  static TG_INLINE Vec<T> derivative(L x) { return x; }
};

template <class Op, int Operand>
struct DerivativeOf {
  static constexpr int reads = Op::reads_x;
  template <class L>
  static TG_INLINE L at(const Values<L>& v) {
    return Op::grad_x(v);
  }
};
template <class Op>
struct DerivativeOf<Op, 1> {
  static constexpr int reads = Op::reads_y;
  template <class L>
  static TG_INLINE L at(const Values<L>& v) {
    return Op::grad_y(v);
  }
};

// out = grad_output * d^Order f / d operand d reads[seeds[0]] ...
template <class Op, int Operand, int Order, class T>
void grad_loop(const T* const* in, T* out, int64_t count, const ElementwiseParameters& parameters) {
  using D = DerivativeOf<Op, Operand>;
  using N = Nested<T, Order>;
  using L = typename N::L;
  constexpr bool x_read = D::reads & X, y_read = D::reads & Y, out_read = D::reads & OUT;
  constexpr int y_at = x_read, out_at = int{x_read} + int{y_read};  // positions among the reads
  const L a(parameters.a), b(parameters.b);
  for (int64_t i = 0; i < count; i += Vec<T>::width) {
    Values<L> v{L(0), L(0), L(0), a, b};
    if constexpr (x_read) v.x = N::lane(Vec<T>::load(in[1] + i), 0, parameters.seeds);
    if constexpr (y_read) v.y = N::lane(Vec<T>::load(in[1 + y_at] + i), y_at, parameters.seeds);
    if constexpr (out_read) v.out = N::lane(Vec<T>::load(in[1 + out_at] + i), out_at, parameters.seeds);
    (Vec<T>::load(in[0] + i) * N::derivative(D::at(v))).store(out + i);
  }
}

template <class Op, int Operand, int Order>
constexpr ElementwiseLoops grad_loops() {
  if constexpr (Operand >= Op::arity) {
    return {nullptr, nullptr};
  } else if constexpr (Order > 1 && DerivativeOf<Op, Operand>::reads == NONE) {
    return {nullptr, nullptr};  // the derivative of a constant
  } else {
    return {&grad_loop<Op, Operand, Order, float>, &grad_loop<Op, Operand, Order, double>};
  }
}

template <class Op>
constexpr ElementwiseOp describe(const char* name) {
  return {name,
          Op::arity,
          Op::parameters,
          {Op::reads_x, Op::reads_y},
          {&forward_loop<Op, float>, &forward_loop<Op, double>},
          {{grad_loops<Op, 0, 1>(), grad_loops<Op, 0, 2>(), grad_loops<Op, 0, 3>()},
           {grad_loops<Op, 1, 1>(), grad_loops<Op, 1, 2>(), grad_loops<Op, 1, 3>()}}};
}

#define TG_ROW(name, Struct) describe<Struct>(#name),
constexpr ElementwiseOp ops[] = {TG_ELEMENTWISE_OPS(TG_ROW)};
#undef TG_ROW

// ---- operands of any strides --------------------------------------------------------------------------------

constexpr int64_t kBlock = 1024;     // elements; four buffers of doubles fit L1
constexpr int64_t kLongRow = 128;    // rows at least this long are cut into blocks of their own
constexpr int64_t kChunk = 1 << 15;  // elements of one parallel task

// The walk over the output: dims merged where every operand allows it, outermost first.
template <class T>
struct Plan {
  int64_t ndim;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxOperands + 1][kMaxDims];  // the operands', then the output's
};

template <class T>
Plan<T> merge_dims(int operands, const ElementwiseOperand<T>* in, Out<T> out) {
  int64_t order[kMaxDims];  // the output's dims by falling stride
  for (int64_t d = 0; d < out.ndim; ++d) {
    int64_t at = d;
    for (; at > 0 && out.strides[order[at - 1]] < out.strides[d]; --at) order[at] = order[at - 1];
    order[at] = d;
  }
  Plan<T> plan;
  plan.ndim = 0;
  for (int64_t k = 0; k < out.ndim; ++k) {
    const int64_t d = order[k];
    if (out.shape[d] == 1) continue;
    const int64_t last = plan.ndim - 1;
    bool merges = last >= 0;
    for (int j = 0; merges && j <= operands; ++j) {
      const int64_t stride = j < operands ? in[j].strides[d] : out.strides[d];
      merges = plan.strides[j][last] == stride * out.shape[d];
    }
    const int64_t to = merges ? last : plan.ndim++;
    plan.shape[to] = merges ? plan.shape[to] * out.shape[d] : out.shape[d];
    for (int j = 0; j <= operands; ++j) plan.strides[j][to] = j < operands ? in[j].strides[d] : out.strides[d];
  }
  if (plan.ndim == 0) {
    plan.ndim = 1;
    plan.shape[0] = 1;
    for (int j = 0; j <= operands; ++j) plan.strides[j][0] = 0;
  }
  return plan;
}

// Position of one element: its index in every dim, and each operand's offset.
struct Cursor {
  int64_t index[kMaxDims];
  int64_t offset[kMaxOperands + 1];
};

template <class T>
void seek(const Plan<T>& plan, int arrays, int64_t element, Cursor& cursor) {
  for (int j = 0; j < arrays; ++j) cursor.offset[j] = 0;
  for (int64_t d = plan.ndim - 1; d >= 0; --d) {
    cursor.index[d] = element % plan.shape[d];
    element /= plan.shape[d];
    for (int j = 0; j < arrays; ++j) cursor.offset[j] += cursor.index[d] * plan.strides[j][d];
  }
}

// Moves one operand's copy in or out of a block: visit(offset, position, run) for each stretch of the inner row.
template <class T, class Visit>
TG_INLINE void walk_rows(const Plan<T>& plan, int j, const Cursor& cursor, int64_t count, const Visit& visit) {
  int64_t index[kMaxDims];
  for (int64_t d = 0; d < plan.ndim; ++d) index[d] = cursor.index[d];
  int64_t offset = cursor.offset[j];
  const int64_t inner = plan.ndim - 1;
  for (int64_t done = 0; done < count;) {
    const int64_t left = plan.shape[inner] - index[inner];
    const int64_t run = left < count - done ? left : count - done;
    visit(offset, done, run);
    done += run;
    index[inner] += run;
    offset += run * plan.strides[j][inner];
    for (int64_t d = inner; d > 0 && index[d] == plan.shape[d]; --d) {
      offset += plan.strides[j][d - 1] - plan.shape[d] * plan.strides[j][d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
}

template <class T>
void gather(const Plan<T>& plan, int j, const Cursor& cursor, const T* data, int64_t count, T* buffer) {
  const int64_t stride = plan.strides[j][plan.ndim - 1];
  walk_rows(plan, j, cursor, count, [&](int64_t offset, int64_t at, int64_t run) {
    const T* from = data + offset;
    T* to = buffer + at;
    if (stride == 1) {
      for (int64_t i = 0; i < run; ++i) to[i] = from[i];
    } else if (stride == 0) {
      const T value = *from;
      for (int64_t i = 0; i < run; ++i) to[i] = value;
    } else {
      for (int64_t i = 0; i < run; ++i) to[i] = from[i * stride];
    }
  });
}

template <class T>
void scatter(const Plan<T>& plan, int j, const Cursor& cursor, T* data, int64_t count, const T* buffer) {
  const int64_t stride = plan.strides[j][plan.ndim - 1];
  walk_rows(plan, j, cursor, count, [&](int64_t offset, int64_t at, int64_t run) {
    for (int64_t i = 0; i < run; ++i) data[offset + i * stride] = buffer[at + i];
  });
}

// Whole vectors in place, the rest through a padded vector.
template <class T>
TG_INLINE void apply(ElementwiseLoop<T> loop, int operands, const T* const* in, T* out, int64_t count,
                     const ElementwiseParameters& parameters) {
  constexpr int64_t width = Vec<T>::width;
  const int64_t whole = count & ~(width - 1);
  if (whole) loop(in, out, whole, parameters);
  const int64_t rest = count - whole;
  if (rest == 0) return;
  alignas(64) T padded[kMaxOperands + 1][width] = {};
  const T* pointers[kMaxOperands] = {};
  for (int j = 0; j < operands; ++j) {
    for (int64_t i = 0; i < rest; ++i) padded[j][i] = in[j][whole + i];
    pointers[j] = padded[j];
  }
  loop(pointers, padded[operands], width, parameters);
  for (int64_t i = 0; i < rest; ++i) out[whole + i] = padded[operands][i];
}

template <class T>
void run_range(ElementwiseLoop<T> loop, int operands, const ElementwiseOperand<T>* in, Out<T> out, const Plan<T>& plan,
               int64_t begin, int64_t end, const ElementwiseParameters& parameters) {
  const int64_t inner = plan.ndim - 1;
  const bool by_row = plan.shape[inner] >= kLongRow;
  alignas(64) T buffers[kMaxOperands + 1][kBlock];
  bool filled[kMaxOperands];  // an operand broadcast over everything is copied once
  for (int j = 0; j < operands; ++j) {
    filled[j] = plan.ndim == 1 && plan.strides[j][0] == 0;
    if (filled[j])
      for (int64_t i = 0; i < kBlock && i < end - begin; ++i) buffers[j][i] = *in[j].data;
  }
  for (int64_t element = begin; element < end;) {
    Cursor cursor;
    seek(plan, operands + 1, element, cursor);
    const int64_t row_left = plan.shape[inner] - cursor.index[inner];
    int64_t count = end - element < kBlock ? end - element : kBlock;
    if (by_row && row_left < count) count = row_left;
    const bool in_row = count <= row_left;
    const T* pointers[kMaxOperands] = {};
    for (int j = 0; j < operands; ++j) {
      if (filled[j]) {
        pointers[j] = buffers[j];
      } else if (in_row && plan.strides[j][inner] == 1) {
        pointers[j] = in[j].data + cursor.offset[j];
      } else {
        gather(plan, j, cursor, in[j].data, count, buffers[j]);
        pointers[j] = buffers[j];
      }
    }
    if (in_row && plan.strides[operands][inner] == 1) {
      apply(loop, operands, pointers, out.data + cursor.offset[operands], count, parameters);
    } else {
      apply(loop, operands, pointers, buffers[operands], count, parameters);
      scatter(plan, operands, cursor, out.data, count, buffers[operands]);
    }
    element += count;
  }
}

template <class T>
void run(ElementwiseLoop<T> loop, int operands, const ElementwiseOperand<T>* in, Out<T> out,
         const ElementwiseParameters& parameters) {
  const int64_t total = out.numel();
  if (total == 0) return;
  const Plan<T> plan = merge_dims(operands, in, out);
  bool contiguous = plan.ndim == 1 && (plan.strides[operands][0] == 1 || total == 1);
  for (int j = 0; j < operands; ++j) contiguous = contiguous && (plan.strides[j][0] == 1 || total == 1);
  parallel_for((total + kChunk - 1) / kChunk, [&](int64_t chunk) {
    const int64_t begin = chunk * kChunk;
    const int64_t end = begin + kChunk < total ? begin + kChunk : total;
    if (contiguous) {
      const T* pointers[kMaxOperands] = {};
      for (int j = 0; j < operands; ++j) pointers[j] = in[j].data + begin;
      apply(loop, operands, pointers, out.data + begin, end - begin, parameters);
    } else {
      run_range(loop, operands, in, out, plan, begin, end, parameters);
    }
  });
}

}  // namespace

extern const ElementwiseTable elementwise_table;
const ElementwiseTable elementwise_table{sizeof(ops) / sizeof(ops[0]), ops, &run<float>, &run<double>};

extern const int64_t elementwise_block;
const int64_t elementwise_block = kBlock;
extern const int64_t elementwise_chunk;
const int64_t elementwise_chunk = kChunk;

}  // namespace TG_LEVEL
}  // namespace tg
