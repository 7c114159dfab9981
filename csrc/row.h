// What the row kernels (softmax, cross-entropy, the norms) share: walking over the rows of strided arrays, and
// sweeping over a row by vectors.
//
// A kernel writes its mathematics once, and it runs in one of two ways. Where rows are contiguous, the lanes of a
// vector are neighbours in one row, and a sum over the row ends with a sum over lanes. Elsewhere each lane is a row
// of its own: neighbouring rows are swept together, and nothing is left to add up. Neither depends on where a row
// lies or on how the work is cut.
#pragma once
#include "array.h"
#include "parallel.h"
#include "primitives.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// ---- one row ------------------------------------------------------------------------------------------------

// The lanes that a step of a sweep covers: a whole vector, or the part of one that ends the row. per_position reads
// what belongs to the position in the row, whichever row it is (a weight); per_row (below), what belongs to the row.
template <class T>
struct WholeVector {
  TG_INLINE Vec<T> load(const T* p, Vec<T>) const { return Vec<T>::load(p); }
  TG_INLINE void store(Vec<T> v, T* p) const { v.store(p); }
  TG_INLINE Vec<T> per_position(const T* p) const { return Vec<T>::load(p); }
};

template <class T>
struct PartVector {
  typename Vec<T>::Bits count;
  TG_INLINE Vec<T> load(const T* p, Vec<T> fill) const {  // lanes past the row read as `fill`
    alignas(TG_VECTOR_BYTES) T lanes[Vec<T>::width];
    fill.store(lanes);
    TG_ROLLED
    for (typename Vec<T>::Bits i = 0; i < Vec<T>::width; ++i) lanes[i] = i < count ? p[i] : lanes[i];
    return Vec<T>::load(lanes);
  }
  TG_INLINE void store(Vec<T> v, T* p) const { v.store_part(p, count); }
  TG_INLINE Vec<T> per_position(const T* p) const { return Vec<T>::load_part(p, count); }
};

// step(i, lanes) for each vector of a row of n elements; lanes.load(x + i, fill), lanes.store(v, out + i).
template <class T, class Step>
TG_INLINE void sweep(int64_t n, const Step& step) {
  int64_t i = 0;
  for (; i + Vec<T>::width <= n; i += Vec<T>::width) step(i, WholeVector<T>{});
  if (i < n) step(i, PartVector<T>{static_cast<typename Vec<T>::Bits>(n - i)});
}

// f(f(.., ..), f(.., ..)) over the lanes: halves with halves, down to one.
template <class T, class F>
TG_INLINE T combine_lanes(Vec<T> v, F f) {
  T lanes[Vec<T>::width];
  v.store(lanes);
  TG_UNROLL
  for (int64_t half = Vec<T>::width / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] = f(lanes[i], lanes[i + half]);
  return lanes[0];
}
template <class T>
TG_INLINE T horizontal_sum(Vec<T> v) {
  return combine_lanes(v, [](T a, T b) { return a + b; });
}
template <class T>
TG_INLINE T horizontal_max(Vec<T> v) {
  return combine_lanes(v, [](T a, T b) { return a > b ? a : b; });
}

// Below every number: where a maximum starts, and what pads the last vector of a row.
template <class T>
constexpr T kLowest = -Ieee<T>::infinity;

// ---- the rows of strided arrays -----------------------------------------------------------------------------

constexpr int64_t kTaskElements = 32768;  // a task has about this many: 10 us or more (bench_softmax.py)

// How many units of so many elements a task takes: a function of the shape alone, never of the threads.
TG_INLINE int64_t units_per_task(int64_t unit) {
  return unit < 1 ? kTaskElements : unit > kTaskElements ? 1 : kTaskElements / unit;
}

// A contiguous row: lanes are neighbours in it.
template <class T>
struct AlongRow {
  int64_t length;
  static constexpr int64_t rows = 1;
  template <class Step>
  TG_INLINE void sweep(const Step& step) const {
    tg::TG_LEVEL::sweep<T>(length, step);
  }
  TG_INLINE Vec<T> sum(Vec<T> v) const { return Vec<T>(horizontal_sum(v)); }
  TG_INLINE Vec<T> max(Vec<T> v) const { return Vec<T>(horizontal_max(v)); }
  TG_INLINE Vec<T> per_row(const T* p) const { return Vec<T>(*p); }
};

// One element of each of several rows: data[lane * across]; the next one of each is `along` further.
template <class T>
struct AcrossPointer {
  T* data;
  int64_t along, across;
  friend TG_INLINE AcrossPointer operator+(AcrossPointer p, int64_t i) {
    return {p.data + i * p.along, p.along, p.across};
  }
  TG_INLINE T& operator[](int64_t lane) const { return data[lane * across]; }
};

// `rows` neighbouring rows: each lane is one of them.
template <class T>
struct AcrossRows {
  int64_t length;
  int64_t rows;

  TG_INLINE Vec<T> load(AcrossPointer<const T> p, Vec<T> fill) const {
    if (p.across == 1 && rows == Vec<T>::width) return Vec<T>::load(p.data);
    alignas(TG_VECTOR_BYTES) T lanes[Vec<T>::width];
    fill.store(lanes);
    for (int64_t i = 0; i < rows; ++i) lanes[i] = p[i];
    return Vec<T>::load(lanes);
  }
  TG_INLINE Vec<T> load(AcrossPointer<T> p, Vec<T> fill) const {
    return load(AcrossPointer<const T>{p.data, p.along, p.across}, fill);
  }
  TG_INLINE void store(Vec<T> v, AcrossPointer<T> p) const {
    if (p.across == 1 && rows == Vec<T>::width) return v.store(p.data);
    alignas(TG_VECTOR_BYTES) T lanes[Vec<T>::width];
    v.store(lanes);
    for (int64_t i = 0; i < rows; ++i) p[i] = lanes[i];
  }
  template <class Step>
  TG_INLINE void sweep(const Step& step) const {
    for (int64_t i = 0; i < length; ++i) step(i, *this);
  }
  TG_INLINE Vec<T> sum(Vec<T> v) const { return v; }
  TG_INLINE Vec<T> max(Vec<T> v) const { return v; }
  TG_INLINE Vec<T> per_row(const T* p) const { return load(AcrossPointer<const T>{p, 0, 1}, T(0)); }
  TG_INLINE Vec<T> per_position(const T* p) const { return Vec<T>(*p); }
};

// max over each row. A NaN may be lost here (every comparison with it is false); what follows carries it.
template <class T, class Along, class Pointer>
TG_INLINE Vec<T> row_max(const Along& along, Pointer x) {
  Vec<T> largest(kLowest<T>);
  along.sweep([&](int64_t i, auto lanes) {
    const Vec<T> x_i = lanes.load(x + i, kLowest<T>);
    largest = select(x_i > largest, x_i, largest);
  });
  return along.max(largest);
}

// log sum_j exp(x_j - largest) of each row, for largest = row_max(x): the sum is at least 1, so the log at least 0.
template <class T, class Along, class Pointer>
TG_INLINE Vec<T> row_log_sum(const Along& along, Pointer x, Vec<T> largest) {
  Vec<T> sum(T(0));
  along.sweep([&](int64_t i, auto lanes) { sum = sum + exp_no_denormals(lanes.load(x + i, kLowest<T>) - largest); });
  return log(along.sum(sum));
}

// The dims other than `dim` of arrays of one shape, without those of size 1; neighbours that a single stride walks
// through in every array are one, so that dense arrays have a single dim left. Rows are numbered in row-major order.
struct OtherDims {
  int64_t dim;  // the dim left out, or -1 for none
  int64_t ndim = 0;
  int64_t rows = 1;
  int64_t shape[kMaxDims];
  int64_t source[kMaxDims];  // the array's dim whose stride it takes

  template <class First, class... Rest>
  OtherDims(int64_t left_out, const Array<First>& first, const Array<Rest>&... rest) : dim(left_out) {
    for (int64_t d = 0; d < first.ndim; ++d) {
      const int64_t size = first.shape[d];
      if (d == dim || size == 1) continue;
      rows *= size;
      const auto joins = [&](const auto& array) { return array.strides[source[ndim - 1]] == size * array.strides[d]; };
      if (ndim > 0 && (joins(first) && ... && joins(rest))) {
        shape[ndim - 1] *= size;
      } else {
        shape[ndim++] = size;
      }
      source[ndim - 1] = d;
    }
  }
  TG_INLINE int64_t inner() const { return ndim > 0 ? shape[ndim - 1] : 1; }

  template <class T>
  TG_INLINE T* start(const Array<T>& array, int64_t row) const {
    T* p = array.data;
    for (int64_t d = ndim - 1; d > 0; --d) {
      p += row % shape[d] * array.strides[source[d]];
      row /= shape[d];
    }
    return ndim > 0 ? p + row * array.strides[source[0]] : p;
  }
  // From `row` on, along the innermost of these dims.
  template <class T>
  TG_INLINE AcrossPointer<T> across(const Array<T>& array, int64_t row) const {
    return {start(array, row), dim < 0 ? 0 : array.strides[dim], ndim > 0 ? array.strides[source[ndim - 1]] : 0};
  }
};

// body(row, along, pointers...) for the rows along `dim` of arrays of one shape: one row (along is AlongRow, the
// pointers are plain), or the along.rows ones from `row` on (AcrossRows and AcrossPointer).
template <class T, class Body, class... Values>
void for_each_row(int64_t dim, int64_t length, const Body& body, const Array<Values>&... arrays) {
  const OtherDims dims(dim, arrays...);
  const bool contiguous = length == 1 || ((arrays.strides[dim] == 1) && ...);
  const int64_t width = contiguous ? 1 : Vec<T>::width;  // rows of a block
  const int64_t blocks_inner = (dims.inner() + width - 1) / width;
  const int64_t blocks = dims.rows == 0 ? 0 : dims.rows / dims.inner() * blocks_inner;
  const int64_t per_task = units_per_task(length * width);
  parallel_for((blocks + per_task - 1) / per_task, [&](int64_t task) {
    const int64_t end = (task + 1) * per_task < blocks ? (task + 1) * per_task : blocks;
    for (int64_t block = task * per_task; block < end; ++block) {
      if (contiguous) {
        body(block, AlongRow<T>{length}, dims.start(arrays, block)...);
      } else {
        const int64_t inner = block % blocks_inner * width, left = dims.inner() - inner;
        const int64_t row = block / blocks_inner * dims.inner() + inner;
        body(row, AcrossRows<T>{length, left < width ? left : width}, dims.across(arrays, row)...);
      }
    }
  });
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
