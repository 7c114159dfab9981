// Loop nests over strided arrays: dimensions ordered and merged, so that a kernel meets few and long loops.
//
// A nest walks N arrays at once. `arrange` puts the dimension in which array 0 moves least innermost and joins
// neighbours that every array steps through as through one: a contiguous array of any shape becomes one loop.
#pragma once
#include "array.h"
#include "parallel.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <int N>
struct Nest {
  struct Dim {
    int64_t size;
    int64_t stride[N];  // of each array, in elements
  };
  int64_t ndim = 0;  // outermost first
  Dim dims[kMaxDims];

  TG_INLINE void push(Dim dim) {
    if (dim.size != 1) dims[ndim++] = dim;
  }
  TG_INLINE const Dim& inner() const { return dims[ndim - 1]; }
  TG_INLINE int64_t numel() const {
    int64_t n = 1;
    for (int64_t d = 0; d < ndim; ++d) n *= dims[d].size;
    return n;
  }

  void arrange() {
    sort();
    merge();
  }
  void sort() {
    for (int64_t d = 1; d < ndim; ++d)
      for (int64_t e = d; e > 0 && belongs_outside(dims[e], dims[e - 1]); --e) {
        const Dim moved = dims[e];
        dims[e] = dims[e - 1];
        dims[e - 1] = moved;
      }
  }
  void merge() {
    int64_t kept = 0;
    for (int64_t d = 1; d < ndim; ++d) {
      if (steps_as_one(dims[kept], dims[d])) {
        const int64_t size = dims[kept].size * dims[d].size;
        dims[kept] = dims[d];
        dims[kept].size = size;
      } else {
        dims[++kept] = dims[d];
      }
    }
    if (ndim > 0) ndim = kept + 1;
  }

 private:
  static TG_INLINE int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }
  // Larger strides go outside; a stride of 0 (a broadcast dimension) goes outside of all.
  static TG_INLINE bool belongs_outside(const Dim& a, const Dim& b) {
    for (int k = 0; k < N; ++k) {
      const int64_t p = magnitude(a.stride[k]), q = magnitude(b.stride[k]);
      if (p != q) return p == 0 || (q != 0 && p > q);
    }
    return false;
  }
  static TG_INLINE bool steps_as_one(const Dim& outer, const Dim& inside) {
    for (int k = 0; k < N; ++k)
      if (outer.stride[k] != inside.size * inside.stride[k]) return false;
    return true;
  }
};

// A position in the outermost `ndim` dimensions of a nest, and the offset it gives in each array.
template <int N>
struct Odometer {
  const Nest<N>& nest;
  const int64_t ndim;
  int64_t index[kMaxDims];
  int64_t offset[N] = {};

  TG_INLINE Odometer(const Nest<N>& walked, int64_t outer_dims, int64_t start = 0) : nest(walked), ndim(outer_dims) {
    for (int64_t d = ndim - 1; d >= 0; --d) {
      index[d] = start % nest.dims[d].size;
      start /= nest.dims[d].size;
      for (int k = 0; k < N; ++k) offset[k] += index[d] * nest.dims[d].stride[k];
    }
  }
  TG_INLINE void next() {
    for (int64_t d = ndim - 1; d >= 0; --d) {
      const auto& dim = nest.dims[d];
      for (int k = 0; k < N; ++k) offset[k] += dim.stride[k];
      if (++index[d] < dim.size) return;
      for (int k = 0; k < N; ++k) offset[k] -= dim.size * dim.stride[k];
      index[d] = 0;
    }
  }
  // How many positions there are.
  TG_INLINE int64_t count() const {
    int64_t n = 1;
    for (int64_t d = 0; d < ndim; ++d) n *= nest.dims[d].size;
    return n;
  }
};

constexpr int64_t kTask = 1 << 15;  // elements that a task of a memory-bound loop touches, at least

// Calls body(first, last) for slices of [0, units), where each unit touches `work` elements.
template <class Body>
TG_INLINE void parallel_slices(int64_t units, int64_t work, const Body& body) {
  const int64_t wanted = units * work < 2 * kTask ? 1 : units * work / kTask;
  const int64_t slices = wanted < units ? wanted : units;
  if (slices <= 1) return body(int64_t{0}, units);
  const int64_t size = (units + slices - 1) / slices;
  parallel_for((units + size - 1) / size,
               [&](int64_t i) { body(i * size, units - i * size < size ? units : (i + 1) * size); });
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
