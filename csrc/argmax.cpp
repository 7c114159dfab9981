// The largest (smallest) value along one dimension and where it stands: the first of equal ones; NaN beats all.
//
//   index[k] = min { i : x[k, i] = max_j x[k, j] },   value[k] = x[k, index[k]]
//
// A lane carries a value and the step at which it met it, and replaces both where a later value is better. Where
// x is contiguous along another dimension, lanes are neighbouring outputs; else they share one output, lane l
// taking the elements l, l + width, ..., and the lanes' winners are compared at the end, the earlier first.
#include "kernels.h"
#include "nest.h"
#include "simd.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
struct Larger {
  static constexpr T worst = -static_cast<T>(__builtin_inf());
  static TG_INLINE typename Vec<T>::Mask better(Vec<T> a, Vec<T> b) { return (a > b) | ((a != a) & (b == b)); }
  static TG_INLINE bool better(T a, T b) { return a > b || (a != a && b == b); }
};
template <class T>
struct Smaller {
  static constexpr T worst = static_cast<T>(__builtin_inf());
  static TG_INLINE typename Vec<T>::Mask better(Vec<T> a, Vec<T> b) { return (a < b) | ((a != a) & (b == b)); }
  static TG_INLINE bool better(T a, T b) { return a < b || (a != a && b == b); }
};

template <class T>
struct Winner {
  T value;
  Index index;
};

// `Count` vectors of winners so far.
template <class T, class Order, int Count>
struct Winners {
  using Bits = typename Vec<T>::Bits;
  Vec<T> value[Count];
  typename Vec<T>::BitLanes step[Count];

  TG_INLINE Winners() {
    TG_UNROLL
    for (int r = 0; r < Count; ++r) {
      value[r] = Vec<T>(Order::worst);
      step[r] = typename Vec<T>::BitLanes{};
    }
  }
  TG_INLINE void meet(int r, Vec<T> met, Bits at) {
    const auto better = Order::better(met, value[r]);
    value[r] = select(better, met, value[r]);
    step[r] = better.v ? typename Vec<T>::BitLanes{} + at : step[r];
  }
};

// The winner of n values `stride` apart. Lanes that never met a better one than `worst` stand for element 0.
template <class T, class Order, int Count>
Winner<T> best_of_row(const T* x, int64_t n, int64_t stride) {
  constexpr int64_t width = Vec<T>::width;
  Winners<T, Order, Count> winners;
  int64_t i = 0, step = 0;
  for (; i + Count * width <= n; i += Count * width, ++step) {
    TG_UNROLL
    for (int r = 0; r < Count; ++r) {
      const T* p = x + (i + r * width) * stride;
      T lanes[width];
      if (stride != 1)
        for (int64_t l = 0; l < width; ++l) lanes[l] = p[l * stride];
      winners.meet(r, Vec<T>::load(stride == 1 ? p : lanes), static_cast<typename Vec<T>::Bits>(step));
    }
  }
  Winner<T> best{x[0], 0};
  for (int r = 0; r < Count; ++r) {
    T values[width];
    typename Vec<T>::Bits steps[width];
    winners.value[r].store(values);
    __builtin_memcpy(steps, &winners.step[r], sizeof(steps));
    for (int64_t l = 0; l < width && i > 0; ++l) {
      const Index index = (static_cast<Index>(steps[l]) * Count + r) * width + l;
      const bool tie = values[l] == best.value || (values[l] != values[l] && best.value != best.value);
      if (Order::better(values[l], best.value) || (tie && index < best.index)) best = {values[l], index};
    }
  }
  for (; i < n; ++i)
    if (Order::better(x[i * stride], best.value)) best = {x[i * stride], i};
  return best;
}

template <class T, class Order>
Winner<T> best_of_row(const T* x, int64_t n, int64_t stride) {
  return n < 16 * Vec<T>::width ? best_of_row<T, Order, 1>(x, n, stride) : best_of_row<T, Order, 4>(x, n, stride);
}

// One output of many values: the winners of fixed chunks are compared in order.
template <class T, class Order>
Winner<T> best_of_long_row(const T* x, int64_t n, int64_t stride) {
  const int64_t chunks = (n + kTask - 1) / kTask;
  if (chunks == 1) return best_of_row<T, Order>(x, n, stride);
  Scratch<Winner<T>> winners(chunks);
  parallel_for(chunks, [&](int64_t c) {
    const int64_t start = c * kTask;
    winners[c] = best_of_row<T, Order>(x + start * stride, n - start < kTask ? n - start : kTask, stride);
    winners[c].index += start;
  });
  Winner<T> best = winners[0];
  for (int64_t c = 1; c < chunks; ++c)
    if (Order::better(winners[c].value, best.value)) best = winners[c];
  return best;
}

// `count` neighbouring outputs, at most Count vectors of them.
template <class T, class Order, int Count>
void best_of_columns(const T* x, int64_t n, int64_t stride, int64_t count, T* values, int64_t value_stride,
                     Index* index, int64_t index_stride) {
  constexpr int64_t width = Vec<T>::width;
  const bool whole = count == Count * width;
  Winners<T, Order, Count> winners;
  for (int64_t i = 0; i < n; ++i) {
    const T* row = x + i * stride;
    TG_UNROLL
    for (int r = 0; r < Count; ++r) {
      const T* p = row + r * width;
      winners.meet(r, whole ? Vec<T>::load(p) : Vec<T>::load_part(p, count), static_cast<typename Vec<T>::Bits>(i));
    }
  }
  for (int r = 0; r < Count; ++r) {
    for (int64_t l = 0; l < width && r * width + l < count; ++l) {
      values[(r * width + l) * value_stride] = winners.value[r].v[l];
      index[(r * width + l) * index_stride] = winners.step[r][l];
    }
  }
}

template <class T, class Order>
void find(In<T> x, Out<T> values, Out<Index> index, int64_t dim) {
  constexpr int64_t width = Vec<T>::width;
  const int64_t n = x.shape[dim], stride = x.strides[dim];
  Nest<3> kept;
  for (int64_t d = 0; d < x.ndim; ++d)
    if (d != dim) kept.push({x.shape[d], {x.strides[d], values.strides[d], index.strides[d]}});
  kept.arrange();
  const int64_t outputs = kept.numel();
  if (outputs == 0) return;
  if (kept.ndim == 0) {
    const Winner<T> best = best_of_long_row<T, Order>(x.data, n, stride);
    *values.data = best.value;
    *index.data = best.index;
    return;
  }
  const auto& run = kept.inner();
  const bool by_columns = run.stride[0] == 1 && stride != 1 && n < INT32_MAX;
  const int64_t strips = by_columns ? (run.size + 4 * width - 1) / (4 * width) : run.size;
  parallel_slices(outputs / run.size * strips, n * run.size / strips, [&](int64_t first, int64_t last) {
    Odometer<3> position(kept, kept.ndim - 1, first / strips);
    int64_t strip = first % strips;
    for (int64_t k = first; k < last; ++k) {
      const T* from = x.data + position.offset[0];
      T* value = values.data + position.offset[1];
      Index* place = index.data + position.offset[2];
      if (by_columns) {
        for (int64_t c = strip * 4 * width, end = c + 4 * width; c < end && c < run.size;) {
          const int64_t left = run.size - c;
          const bool wide = left >= 4 * width && c % (4 * width) == 0;
          const int64_t count = wide ? 4 * width : left < width ? left : width;
          auto* columns = wide ? &best_of_columns<T, Order, 4> : &best_of_columns<T, Order, 1>;
          columns(from + c, n, stride, count, value + c * run.stride[1], run.stride[1], place + c * run.stride[2],
                  run.stride[2]);
          c += count;
        }
      } else {
        const Winner<T> best = best_of_row<T, Order>(from + strip * run.stride[0], n, stride);
        value[strip * run.stride[1]] = best.value;
        place[strip * run.stride[2]] = best.index;
      }
      if (++strip == strips) {
        strip = 0;
        position.next();
      }
    }
  });
}

template <class T>
void argmax(In<T> x, Out<T> values, Out<Index> index, int64_t dim) {
  find<T, Larger<T>>(x, values, index, dim);
}
template <class T>
void argmin(In<T> x, Out<T> values, Out<Index> index, int64_t dim) {
  find<T, Smaller<T>>(x, values, index, dim);
}

}  // namespace
TG_EXPORT(argmax)
TG_EXPORT(argmin)
}  // namespace TG_LEVEL
}  // namespace tg
