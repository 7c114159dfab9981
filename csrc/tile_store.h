// The end of a register tile, shared by microkernel.cpp and conv_tile.cpp: the sums plus what was there (accumulate),
// plus the bias, clamped at 0 (relu; NaN stays NaN), written to C.
#pragma once
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// `row(r)` is where row r of C starts. Tile has `columns`, `bias`, `accumulate` and `relu`.
template <class T, int ROWS, int VECTORS, class Tile, class Row>
TG_INLINE void store_tile(const Tile& t, const typename Vec<T>::Lanes (&sums)[ROWS][VECTORS], const Row& row) {
  using V = Vec<T>;
  if (t.columns == VECTORS * V::width) {
    TG_UNROLL
    for (int r = 0; r < ROWS; ++r) {
      TG_UNROLL
      for (int j = 0; j < VECTORS; ++j) {
        T* c = row(r) + j * V::width;
        V value(sums[r][j]);
        if (t.accumulate) value = value + V::load(c);
        if (t.bias) value = value + V::load(t.bias + j * V::width);
        if (t.relu) value = select(value < V(T(0)), V(T(0)), value);
        value.store(c);
      }
    }
    return;
  }
  // The right edge, through memory and rolled up: its masked stores would be most of the code.
  alignas(TG_VECTOR_BYTES) T edge[ROWS][VECTORS * V::width];
  TG_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    TG_UNROLL
    for (int j = 0; j < VECTORS; ++j) V(sums[r][j]).store(edge[r] + j * V::width);
  }
  for (int64_t start = 0; start < t.columns; start += V::width) {
    const int64_t count = t.columns - start;
    for (int r = 0; r < ROWS; ++r) {
      T* c = row(r) + start;
      V value = V::load(edge[r] + start);
      if (t.accumulate) value = value + V::load_part(c, count);
      if (t.bias) value = value + V::load_part(t.bias + start, count);
      if (t.relu) value = select(value < V(T(0)), V(T(0)), value);
      value.store_part(c, count);
    }
  }
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
