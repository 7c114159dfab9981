// Sums, products, maxima and minima over any dimensions of arrays with any strides.
//
//   out[k] = x[k, r0] op x[k, r1] op ...     k: kept dimensions; r: reduced ones, of size 1 (or missing) in out
//
// Dimensions are first ordered by stride and merged (nest.h). If x is then contiguous along a reduced dimension,
// its rows are folded into one vector each (fold_row); if along a kept one, rows are folded into one another as
// vectors, a strip of columns at a time (fold_columns). Either way a lane takes at most kBlock values one after
// another, and blocks are combined in pairs, as a balanced tree (Higham, "The accuracy of floating point
// summation", 1993), which bounds the error of a sum of n values by
//   |error| <= (kBlock + log2(4 * lanes) + log2(n / kBlock)) * epsilon * sum |x|.
// Few outputs of many values: the reduced range is cut into chunks whose partial results are reduced once more.
#include "kernels.h"
#include "nest.h"
#include "shuffle.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kBlock = 64;      // values that one lane takes in a row
constexpr int64_t kRegisters = 4;   // vectors in flight, which hides the latency of an addition
constexpr int64_t kMaxChunks = 64;  // parts of one reduced range

// ---- operations ---------------------------------------------------------------------------------------------

template <class T>
struct Add {
  static constexpr T identity = 0;
  static TG_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) { return a + b; }
};
template <class T>
struct Multiply {
  static constexpr T identity = 1;
  static TG_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) { return a * b; }
};
// NaN wins: a comparison with it is false, so b is taken if b is NaN, and a if a is.
template <class T>
struct Max {
  static constexpr T identity = -static_cast<T>(__builtin_inf());
  static TG_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) { return select((a > b) | (a != a), a, b); }
};
template <class T>
struct Min {
  static constexpr T identity = static_cast<T>(__builtin_inf());
  static TG_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) { return select((a < b) | (a != a), a, b); }
};

// `Count` vectors side by side.
template <class T, class Op, int Count>
struct Strip {
  Vec<T> v[Count];

  static TG_INLINE Strip identity() {
    Strip strip;
    TG_UNROLL
    for (int i = 0; i < Count; ++i) strip.v[i] = Vec<T>(Op::identity);
    return strip;
  }
  TG_INLINE void take(const Strip& other) {
    TG_UNROLL
    for (int i = 0; i < Count; ++i) v[i] = Op::combine(v[i], other.v[i]);
  }
};

// Combines values in the order they come as a balanced binary tree: level i holds the fold of 2^i of them,
// just as bit i of `count` is set.
template <class Value>
struct Tree {
  uint64_t count = 0;
  Value level[48];

  TG_INLINE void push(Value value) {
    int i = 0;
    for (uint64_t bits = count; bits & 1; bits >>= 1) {
      level[i].take(value);
      value = level[i++];
    }
    level[i] = value;
    ++count;
  }
  TG_INLINE Value result(Value value) const {
    int i = 0;
    for (uint64_t bits = count; bits; bits >>= 1, ++i)
      if (bits & 1) value.take(level[i]);
    return value;
  }
};

template <class T>
TG_INLINE typename Vec<T>::Mask first_lanes(int64_t count) {
  typename Vec<T>::BitLanes lane;
  for (int64_t i = 0; i < Vec<T>::width; ++i) lane[i] = static_cast<typename Vec<T>::Bits>(i);
  return {lane < static_cast<typename Vec<T>::Bits>(count)};
}

// `count` values `stride` apart; the lanes past them hold the identity.
template <class Op, class T, class Stride>
TG_INLINE Vec<T> load_values(const T* p, int64_t count, Stride stride) {
  if (stride == 1) {
    if (count == Vec<T>::width) return Vec<T>::load(p);
    return select(first_lanes<T>(count), Vec<T>::load_part(p, count), Vec<T>(Op::identity));
  }
  T lanes[Vec<T>::width];
  for (int64_t i = 0; i < Vec<T>::width; ++i) lanes[i] = i < count ? p[i * stride] : Op::identity;
  return Vec<T>::load(lanes);
}

// ---- x contiguous along the reduced dimension -----------------------------------------------------------------

template <class T, class Op, class Stride>
TG_INLINE void fold_run(Strip<T, Op, kRegisters>& sum, const T* p, int64_t n, Stride stride) {
  constexpr int64_t width = Vec<T>::width;
  int64_t i = 0;
  for (; i + kRegisters * width <= n; i += kRegisters * width) {
    TG_UNROLL
    for (int64_t r = 0; r < kRegisters; ++r)
      sum.v[r] = Op::combine(sum.v[r], load_values<Op>(p + (i + r * width) * stride, width, stride));
  }
  TG_UNROLL
  for (int64_t r = 0; r < kRegisters; ++r, i += width) {
    if (i >= n) break;
    const int64_t count = n - i < width ? n - i : width;
    sum.v[r] = Op::combine(sum.v[r], load_values<Op>(p + i * stride, count, stride));
  }
}

template <class T, class Op>
TG_INLINE Vec<T> fold_strip(const Strip<T, Op, kRegisters>& sum) {
  return Op::combine(Op::combine(sum.v[0], sum.v[1]), Op::combine(sum.v[2], sum.v[3]));
}

// One output's values, n of them in one contiguous run of at most a block, folded into the lanes of one vector.
template <class T, class Op>
TG_INLINE Vec<T> fold_short_row(const T* x, int64_t n) {
  if (n <= Vec<T>::width) return load_values<Op>(x, n, std::integral_constant<int64_t, 1>());
  Strip<T, Op, kRegisters> sum = Strip<T, Op, kRegisters>::identity();
  fold_run<T, Op>(sum, x, n, std::integral_constant<int64_t, 1>());
  return fold_strip<T, Op>(sum);
}

// `rows` runs, `gap` apart, of n values each: together at most a block.
template <class T, class Op, class Stride>
TG_INLINE Strip<T, Op, kRegisters> fold_block(const T* x, int64_t rows, int64_t gap, int64_t n, Stride stride) {
  Strip<T, Op, kRegisters> sum = Strip<T, Op, kRegisters>::identity();
  for (int64_t r = 0; r < rows; ++r) fold_run<T, Op>(sum, x + r * gap, n, stride);
  return sum;
}

// The same for any number of values, at any strides: blocks are several short runs, or pieces of a long one.
template <class T, class Op, class Stride>
Vec<T> fold_row(const T* x, const Nest<1>& reduced, Stride stride) {
  constexpr int64_t step = kRegisters * Vec<T>::width;
  const int64_t n = reduced.inner().size;
  const int64_t length = n < kBlock * step ? n : kBlock * step;  // of a piece
  const auto middle = reduced.ndim > 1 ? reduced.dims[reduced.ndim - 2] : Nest<1>::Dim{1, {0}};
  const int64_t rows = kBlock / ((length + step - 1) / step);  // runs in a block
  Tree<Strip<T, Op, kRegisters>> tree;
  Odometer<1> outer(reduced, reduced.ndim > 1 ? reduced.ndim - 2 : 0);
  for (int64_t k = 0, count = outer.count(); k < count; ++k, outer.next()) {
    for (int64_t row = 0; row < middle.size; row += rows) {
      const T* run = x + outer.offset[0] + row * middle.stride[0];
      const int64_t taken = middle.size - row < rows ? middle.size - row : rows;
      for (int64_t start = 0; start < n; start += length)
        tree.push(fold_block<T, Op>(run + start * stride, taken, middle.stride[0],
                                    n - start < length ? n - start : length, stride));
    }
  }
  return fold_strip<T, Op>(tree.result(Strip<T, Op, kRegisters>::identity()));
}

// Folds the lanes of `width` vectors: lane i of the result is the fold of rows[i].
template <class T, class Op>
TG_INLINE Vec<T> fold_lanes(Vec<T> (&rows)[Vec<T>::width]) {
  TG_UNROLL
  for (int64_t half = Vec<T>::width / 2; half > 0; half /= 2) {
    TG_UNROLL
    for (int64_t i = 0; i < half; ++i)
      rows[i] = Op::combine(interleave_low(rows[i], rows[i + half]), interleave_high(rows[i], rows[i + half]));
  }
  return rows[0];
}

template <class T>
struct Task {
  const T* x;
  T* out;
  const Nest<2>& kept;     // strides of x and of out
  const Nest<1>& reduced;  // strides of x
  T divisor;               // of every result: the number of values for a mean, else 1
};

// Outputs first, first + 1, ... of the kept nest, `width` at a time.
template <class T, class Op>
void reduce_rows(const Task<T>& task, int64_t first, int64_t last) {
  constexpr int64_t width = Vec<T>::width;
  const auto& inner = task.reduced.inner();
  const bool is_short = task.reduced.ndim == 1 && inner.stride[0] == 1 && inner.size <= kBlock * kRegisters * width;
  Odometer<2> output(task.kept, task.kept.ndim, first);
  Vec<T> rows[width];
  int64_t place[width];
  for (int64_t k = first; k < last; k += width) {
    const int64_t count = last - k < width ? last - k : width;
    for (int64_t i = 0; i < count; ++i, output.next()) {
      const T* row = task.x + output.offset[0];
      rows[i] = is_short               ? fold_short_row<T, Op>(row, inner.size)
                : inner.stride[0] == 1 ? fold_row<T, Op>(row, task.reduced, std::integral_constant<int64_t, 1>())
                                       : fold_row<T, Op>(row, task.reduced, inner.stride[0]);
      place[i] = output.offset[1];
    }
    for (int64_t i = count; i < width; ++i) rows[i] = rows[0];
    T lanes[width];
    (fold_lanes<T, Op>(rows) / Vec<T>(task.divisor)).store(lanes);
    for (int64_t i = 0; i < count; ++i) task.out[place[i]] = lanes[i];
  }
}

// ---- x contiguous along a kept dimension ------------------------------------------------------------------------

// All values of `count` neighbouring outputs (at most Count vectors of them; the last may be partial).
template <class T, class Op, int Count>
void fold_columns(const T* x, T* out, int64_t out_stride, int64_t count, const Nest<1>& reduced, T divisor) {
  using Columns = Strip<T, Op, Count>;
  constexpr int64_t width = Vec<T>::width;
  const bool whole = count == Count * width;
  const int64_t rows = reduced.inner().size, stride = reduced.inner().stride[0];
  const int64_t part = count - (Count - 1) * width;
  Columns sum = Columns::identity();
  Tree<Columns> tree;
  Odometer<1> outer(reduced, reduced.ndim - 1);
  const int64_t outer_count = outer.count();
  int64_t pending = 0;
  for (int64_t k = 0; k < outer_count; ++k, outer.next()) {
    const T* row = x + outer.offset[0];
    for (int64_t r = 0; r < rows; ++r, row += stride) {
      if (pending == kBlock) {
        tree.push(sum);
        sum = Columns::identity();
        pending = 0;
      }
      ++pending;
      TG_UNROLL
      for (int i = 0; i + 1 < Count; ++i) sum.v[i] = Op::combine(sum.v[i], Vec<T>::load(row + i * width));
      const T* end = row + (Count - 1) * width;
      sum.v[Count - 1] = Op::combine(sum.v[Count - 1], whole ? Vec<T>::load(end) : Vec<T>::load_part(end, part));
    }
  }
  sum = tree.result(sum);
  for (int64_t i = 0; i < Count; ++i) {
    const Vec<T> result = sum.v[i] / Vec<T>(divisor);
    const int64_t size = count - i * width < width ? count - i * width : width;
    if (out_stride == 1) {
      result.store_part(out + i * width, size);
    } else {
      T lanes[width];
      result.store(lanes);
      for (int64_t j = 0; j < size; ++j) out[(i * width + j) * out_stride] = lanes[j];
    }
  }
}

// Strips first, first + 1, ...: the inner kept dimension is cut into strips of kRegisters vectors.
template <class T, class Op>
void reduce_strips(const Task<T>& task, int64_t first, int64_t last) {
  constexpr int64_t width = Vec<T>::width, strip = kRegisters * width;
  const int64_t columns = task.kept.inner().size, out_stride = task.kept.inner().stride[1];
  const int64_t strips = (columns + strip - 1) / strip;
  Odometer<2> output(task.kept, task.kept.ndim - 1, first / strips);
  int64_t s = first % strips;
  for (int64_t k = first; k < last; ++k) {
    const T* x = task.x + output.offset[0] + s * strip;
    T* out = task.out + output.offset[1] + s * strip * out_stride;
    const int64_t left = columns - s * strip;
    const int64_t vectors = (left + width - 1) / width;
    if (vectors == 1)
      fold_columns<T, Op, 1>(x, out, out_stride, left, task.reduced, task.divisor);
    else if (vectors == 2)
      fold_columns<T, Op, 2>(x, out, out_stride, left, task.reduced, task.divisor);
    else if (vectors == 3)
      fold_columns<T, Op, 3>(x, out, out_stride, left, task.reduced, task.divisor);
    else
      fold_columns<T, Op, 4>(x, out, out_stride, left < strip ? left : strip, task.reduced, task.divisor);
    if (++s == strips) {
      s = 0;
      output.next();
    }
  }
}

// ---- the whole reduction ------------------------------------------------------------------------------------------

// Cuts the outputs (and, where they are few, the reduced range) into tasks, by size alone.
template <class T, class Op>
void reduce_task(const Task<T>& task) {
  const int64_t outputs = task.kept.numel(), length = task.reduced.numel();
  const bool by_strips = task.kept.ndim > 0 && task.kept.inner().stride[0] == 1 && task.reduced.inner().stride[0] != 1;
  int64_t units = outputs;
  if (by_strips) {
    constexpr int64_t strip = kRegisters * Vec<T>::width;
    const int64_t columns = task.kept.inner().size;
    units = outputs / columns * ((columns + strip - 1) / strip);
  }
  auto run = [by_strips](const Task<T>& part, int64_t first, int64_t last) {
    if (by_strips)
      reduce_strips<T, Op>(part, first, last);
    else
      reduce_rows<T, Op>(part, first, last);
  };
  const int64_t work = outputs * length;
  if (work < 2 * kTask) return run(task, 0, units);

  const int64_t wanted = work / kTask;  // tasks
  const int64_t slices = units < wanted ? units : wanted;
  auto slice_start = [units, slices](int64_t i) {
    return i * (units / slices) + (i < units % slices ? i : units % slices);
  };
  int64_t chunks = 1;
  if (slices < 8) {
    chunks = (wanted < kMaxChunks ? wanted : kMaxChunks) / slices;
    if (chunks > task.reduced.dims[0].size) chunks = task.reduced.dims[0].size;
  }
  if (chunks <= 1) {
    parallel_for(slices, [&](int64_t i) { run(task, slice_start(i), slice_start(i + 1)); });
    return;
  }

  const int64_t rows = task.reduced.dims[0].size, step = task.reduced.dims[0].stride[0];
  const int64_t rows_per_chunk = (rows + chunks - 1) / chunks;
  chunks = (rows + rows_per_chunk - 1) / rows_per_chunk;
  Scratch<T> partial(chunks * outputs);
  Nest<2> kept = task.kept;  // of one chunk: partial results lie densely, in the order of the nest
  Nest<2> combined_kept;
  Nest<1> combined_reduced;
  combined_reduced.push({chunks, {outputs}});
  int64_t dense = outputs;
  for (int64_t d = 0; d < kept.ndim; ++d) {
    dense /= kept.dims[d].size;
    combined_kept.push({kept.dims[d].size, {dense, kept.dims[d].stride[1]}});
    kept.dims[d].stride[1] = dense;
  }
  parallel_for(chunks * slices, [&](int64_t i) {
    const int64_t chunk = i / slices, slice = i % slices, start = chunk * rows_per_chunk;
    Nest<1> reduced = task.reduced;
    reduced.dims[0].size = rows - start < rows_per_chunk ? rows - start : rows_per_chunk;
    const Task<T> part{task.x + start * step, partial.data() + chunk * outputs, kept, reduced, T(1)};
    run(part, slice_start(slice), slice_start(slice + 1));
  });
  reduce_task<T, Op>({partial.data(), task.out, combined_kept, combined_reduced, task.divisor});
}

template <class T, class Op>
void reduce(In<T> x, Out<T> out, T divisor) {
  Nest<2> kept;
  Nest<1> reduced;
  const int64_t missing = x.ndim - out.ndim;
  for (int64_t d = 0; d < x.ndim; ++d) {
    const bool keep = d >= missing && out.shape[d - missing] == x.shape[d];
    if (keep)
      kept.push({x.shape[d], {x.strides[d], out.strides[d - missing]}});
    else
      reduced.push({x.shape[d], {x.strides[d]}});
  }
  kept.arrange();
  reduced.arrange();
  if (kept.numel() == 0) return;
  if (reduced.ndim == 0) reduced.dims[reduced.ndim++] = {1, {0}};  // each output folds one value
  if (reduced.numel() > 0) return reduce_task<T, Op>({x.data, out.data, kept, reduced, divisor});
  Odometer<2> output(kept, kept.ndim);
  for (int64_t i = 0, n = output.count(); i < n; ++i, output.next())
    out.data[output.offset[1]] = Op::identity / divisor;
}

template <class T>
void sum(In<T> x, Out<T> out, double divisor) {
  reduce<T, Add<T>>(x, out, static_cast<T>(divisor));
}
template <class T>
void prod(In<T> x, Out<T> out) {
  reduce<T, Multiply<T>>(x, out, T(1));
}
template <class T>
void amax(In<T> x, Out<T> out) {
  reduce<T, Max<T>>(x, out, T(1));
}
template <class T>
void amin(In<T> x, Out<T> out) {
  reduce<T, Min<T>>(x, out, T(1));
}

}  // namespace
extern const int64_t reduce_block, reduce_columns, reduce_task;  // in floats
const int64_t reduce_columns = kRegisters * Vec<float>::width;
const int64_t reduce_block = kBlock * reduce_columns;
const int64_t reduce_task = kTask;
TG_EXPORT(sum)
TG_EXPORT(prod)
TG_EXPORT(amax)
TG_EXPORT(amin)
}  // namespace TG_LEVEL
}  // namespace tg
