// The register tile of convolution: the tile of microkernel.h, except that each row of A has a pointer of its own.
//
//   C[r, j] = bias[j] + sum over taps t, k in [0, run) of A[t][r][k] * B[t][k][j],  then optionally max(., 0)
//
// A row is an output pixel, a tap is a piece of the window that is contiguous in channels-last memory: usually
// the channels under one kernel element. The pointers say where each lies, so stride, padding (a pointer to
// zeros), dilation, groups and the borders between image rows and images cost nothing inside the tile, and no
// im2col copy is made.
// Source: M. Dukhan, "The Indirect Convolution Algorithm", arXiv:1907.02129 (2019), section 3.
#pragma once
#include "microkernel.h"

namespace tg {
namespace TG_LEVEL {

template <class T>
struct IndirectTile {
  const T* const* rows;  // rows[t * rows_per_tap + r] is where A[t][r] starts
  int64_t rows_per_tap;
  int64_t taps;
  int64_t run;              // elements of A under one tap
  int64_t a_step = 1;       // from one k to the next in A
  const T* const* b;        // b[t] is where B[t] starts; the columns of one k are contiguous and readable to the
  int64_t b_step;           // tile's width; b_step leads from one k to the next
  T* const* c;              // where each row of C starts
  int64_t columns;          // columns of C to write
  const T* bias = nullptr;  // `columns` elements, or null
  bool accumulate = false;  // C += instead of C =
  bool relu = false;        // after bias; NaN stays NaN
};

template <class T>
using IndirectTileFunction = void (*)(const IndirectTile<T>&);

// The kernel for `rows` rows (1..kTileRows) and `vectors` registers of columns (1..kTileVectors).
template <class T>
IndirectTileFunction<T> indirect_tile_function(int64_t rows, int64_t vectors);
template <>
IndirectTileFunction<float> indirect_tile_function(int64_t rows, int64_t vectors);
template <>
IndirectTileFunction<double> indirect_tile_function(int64_t rows, int64_t vectors);

}  // namespace TG_LEVEL
}  // namespace tg
