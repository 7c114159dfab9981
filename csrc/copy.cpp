// Copies between arrays of the same shape and any strides, and gathers and scatters by element offsets.
//
// copy: dimensions are ordered by out's strides and merged (nest.h). Runs contiguous in both are memcpy; where
// x is contiguous along another dimension than out, tiles of width x width elements are transposed in registers,
// in blocks of kTile x kTile that stay in cache; anything else goes element by element.
//
// take, put: x (or out) describes one item, and offsets[j], in elements, says where item j lies; so one kernel
// serves index_select, gather, embeddings and every mixture of integer and boolean indices.
#include "kernels.h"
#include "nest.h"
#include "shuffle.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kTile = 64;   // rows and columns of a block that is transposed in cache
constexpr int64_t kNarrow = 8;  // fewer rows or columns than this are not worth a tile (images of 3 channels)

// ---- copy ---------------------------------------------------------------------------------------------------

template <class T>
TG_INLINE void copy_run(T* out, const T* x, int64_t n, int64_t out_stride, int64_t x_stride) {
  constexpr int64_t width = Vec<T>::width;
  if (out_stride == 1 && x_stride == 1) {
    if (n < width) {
      Vec<T>::load_part(x, n).store_part(out, n);
    } else if (n <= 16 * width) {  // vector by vector, the last overlapping the one before: no call
      for (int64_t i = 0; i + width < n; i += width) Vec<T>::load(x + i).store(out + i);
      Vec<T>::load(x + n - width).store(out + n - width);
    } else {
      std::memcpy(out, x, static_cast<size_t>(n) * sizeof(T));
    }
  } else if (out_stride == 1 && x_stride == 0) {
    const T value = *x;
    for (int64_t i = 0; i < n; ++i) out[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] = x[i * x_stride];
  }
}

// out[a * out_stride + b] = x[a + b * x_stride] for a < rows, b < columns, both at most the vector's width.
template <class T>
TG_INLINE void transpose_tile(T* out, const T* x, int64_t rows, int64_t columns, int64_t out_stride, int64_t x_stride) {
  constexpr int64_t width = Vec<T>::width;
  Vec<T> lanes[width];
  if (rows == width && columns == width) {
    TG_UNROLL
    for (int64_t b = 0; b < width; ++b) lanes[b] = Vec<T>::load(x + b * x_stride);
    transpose(lanes);
    TG_UNROLL
    for (int64_t a = 0; a < width; ++a) lanes[a].store(out + a * out_stride);
    return;
  }
  TG_UNROLL
  for (int64_t b = 0; b < width; ++b) lanes[b] = b < columns ? Vec<T>::load_part(x + b * x_stride, rows) : Vec<T>(T(0));
  transpose(lanes);
  TG_UNROLL
  for (int64_t a = 0; a < width; ++a)
    if (a < rows) lanes[a].store_part(out + a * out_stride, columns);
}

template <class T>
void transpose_block(T* out, const T* x, int64_t rows, int64_t columns, int64_t out_stride, int64_t x_stride) {
  constexpr int64_t width = Vec<T>::width;
  for (int64_t a = 0; a < rows; a += width)
    for (int64_t b = 0; b < columns; b += width)
      transpose_tile(out + a * out_stride + b, x + a + b * x_stride, rows - a < width ? rows - a : width,
                     columns - b < width ? columns - b : width, out_stride, x_stride);
}

// The two innermost dimensions are (a, b) with out contiguous along b and x contiguous along a.
template <class T>
void copy_transposed(T* out, const T* x, const Nest<2>& nest) {
  const auto &a = nest.dims[nest.ndim - 2], &b = nest.dims[nest.ndim - 1];
  const int64_t a_blocks = (a.size + kTile - 1) / kTile, b_blocks = (b.size + kTile - 1) / kTile;
  const int64_t blocks = a_blocks * b_blocks;
  const int64_t outer = nest.numel() / (a.size * b.size);
  parallel_slices(outer * blocks, a.size * b.size / blocks, [&](int64_t first, int64_t last) {
    Odometer<2> position(nest, nest.ndim - 2, first / blocks);
    int64_t block = first % blocks;
    for (int64_t k = first; k < last; ++k) {
      const int64_t row = block / b_blocks * kTile, column = block % b_blocks * kTile;
      transpose_block(out + position.offset[0] + row * a.stride[0] + column,
                      x + position.offset[1] + row + column * b.stride[1], a.size - row < kTile ? a.size - row : kTile,
                      b.size - column < kTile ? b.size - column : kTile, a.stride[0], b.stride[1]);
      if (++block == blocks) {
        block = 0;
        position.next();
      }
    }
  });
}

template <class T>
void copy_runs(T* out, const T* x, const Nest<2>& nest) {
  const auto& run = nest.inner();
  const int64_t pieces = (run.size + kTask - 1) / kTask, piece = (run.size + pieces - 1) / pieces;
  const int64_t outer = nest.numel() / run.size;
  parallel_slices(outer * pieces, piece, [&](int64_t first, int64_t last) {
    Odometer<2> position(nest, nest.ndim - 1, first / pieces);
    int64_t part = first % pieces;
    for (int64_t k = first; k < last; ++k) {
      const int64_t start = part * piece;
      copy_run(out + position.offset[0] + start * run.stride[0], x + position.offset[1] + start * run.stride[1],
               run.size - start < piece ? run.size - start : piece, run.stride[0], run.stride[1]);
      if (++part == pieces) {
        part = 0;
        position.next();
      }
    }
  });
}

// Dimensions of a copy, out's strides first; `first_dim` and `x_first` leave out leading dimensions.
template <class A, class B>
TG_INLINE Nest<2> paired(const A& out, int64_t out_first, const B& x, int64_t x_first) {
  Nest<2> nest;
  for (int64_t d = 0; d < out.ndim - out_first; ++d)
    nest.push({out.shape[d + out_first], {out.strides[d + out_first], x.strides[d + x_first]}});
  nest.arrange();
  return nest;
}

template <class T>
void copy_nest(T* out, const T* x, Nest<2>& nest) {
  const int64_t last = nest.ndim - 1;
  int64_t d = last;  // the dimension that x is contiguous along
  while (d > 0 && nest.dims[d].stride[1] != 1) --d;
  if (d == last || nest.dims[d].stride[1] != 1 || nest.inner().stride[0] != 1) return copy_runs(out, x, nest);

  const bool narrow = nest.inner().size < kNarrow;
  const auto moved = nest.dims[d];
  const int64_t to = narrow ? last : last - 1;
  for (int64_t e = d; e < to; ++e) nest.dims[e] = nest.dims[e + 1];
  nest.dims[to] = moved;
  if (narrow || moved.size < kNarrow)
    copy_runs(out, x, nest);
  else
    copy_transposed(out, x, nest);
}

template <class T>
void copy(In<T> x, Out<T> out) {
  Nest<2> nest = paired(out, 0, x, 0);
  if (nest.ndim == 0)
    *out.data = *x.data;
  else if (nest.numel() > 0)
    copy_nest(out.data, x.data, nest);
}

template <class T>
void fill(Out<T> out, double value) {
  const T filled = static_cast<T>(value);
  Array<const T> x{&filled, out.ndim, {}, {}};
  copy<T>(x, out);
}

// ---- gather and scatter by offsets --------------------------------------------------------------------------

template <bool accumulate, class T>
TG_INLINE void put_run(T* out, const T* values, int64_t n, int64_t out_stride, int64_t stride) {
  if (!accumulate) return copy_run(out, values, n, out_stride, stride);
  if (out_stride == 1 && stride == 1) {
    int64_t i = 0;
    for (; i + Vec<T>::width <= n; i += Vec<T>::width)
      (Vec<T>::load(out + i) + Vec<T>::load(values + i)).store(out + i);
    if (i < n) (Vec<T>::load_part(out + i, n - i) + Vec<T>::load_part(values + i, n - i)).store_part(out + i, n - i);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * out_stride] += values[i * stride];
  }
}

template <class T>
void take(In<T> x, In<Index> offsets, Out<T> out) {
  const int64_t items = offsets.shape[0], item_stride = out.strides[0], step = offsets.strides[0];
  const Nest<2> item = paired(out, 1, x, 0);
  const int64_t size = item.numel();
  if (items * size == 0) return;
  const bool by_runs = item.ndim > 0 && item.inner().stride[0] == 1;
  if (by_runs) {  // one item after another
    const auto& run = item.inner();
    parallel_slices(items, size, [&](int64_t first, int64_t last) {
      for (int64_t j = first; j < last; ++j) {
        Odometer<2> position(item, item.ndim - 1);
        const T* source = x.data + offsets.data[j * step];
        T* place = out.data + j * item_stride;
        for (int64_t k = 0; k < size; k += run.size, position.next())
          copy_run(place + position.offset[0], source + position.offset[1], run.size, 1, run.stride[1]);
      }
    });
    return;
  }
  // One element of all items after another; pieces of the items where there are many.
  const int64_t pieces = (items + kTask - 1) / kTask, piece = (items + pieces - 1) / pieces;
  parallel_slices(size * pieces, piece, [&](int64_t first, int64_t last) {
    Odometer<2> position(item, item.ndim, first / pieces);
    int64_t part = first % pieces;
    for (int64_t k = first; k < last; ++k) {
      const int64_t end = items < (part + 1) * piece ? items : (part + 1) * piece;
      for (int64_t j = part * piece; j < end; ++j)
        out.data[j * item_stride + position.offset[0]] = x.data[offsets.data[j * step] + position.offset[1]];
      if (++part == pieces) {
        part = 0;
        position.next();
      }
    }
  });
}

// Items are written in order, so that of two at one place the later wins, or is added later: only the elements
// of an item are shared among tasks.
template <bool accumulate, class T>
void put_items(In<T> values, In<Index> offsets, Out<T> out) {
  const int64_t items = offsets.shape[0], item_stride = values.strides[0], step = offsets.strides[0];
  Nest<2> item = paired(out, 0, values, 1);
  if (items * item.numel() == 0) return;
  if (item.ndim == 0) item.dims[item.ndim++] = {1, {1, 1}};
  const auto& run = item.inner();
  const int64_t pieces = run.stride[0] == 1 ? (run.size + kTile - 1) / kTile : 1;
  const int64_t piece = (run.size + pieces - 1) / pieces;
  parallel_slices(item.numel() / run.size * pieces, items * piece, [&](int64_t first, int64_t last) {
    // Neighbouring pieces of one run are written together, as a longer one.
    for (int64_t k = first; k < last;) {
      const int64_t part = k % pieces;
      const int64_t taken = last - k < pieces - part ? last - k : pieces - part;
      const int64_t start = part * piece;
      const int64_t n = run.size - start < taken * piece ? run.size - start : taken * piece;
      const Odometer<2> position(item, item.ndim - 1, k / pieces);
      T* place = out.data + position.offset[0] + start * run.stride[0];
      const T* source = values.data + position.offset[1] + start * run.stride[1];
      for (int64_t j = 0; j < items; ++j)
        put_run<accumulate>(place + offsets.data[j * step], source + j * item_stride, n, run.stride[0], run.stride[1]);
      k += taken;
    }
  });
}

template <class T>
void put(In<T> values, In<Index> offsets, Out<T> out, bool accumulate) {
  if (accumulate)
    put_items<true>(values, offsets, out);
  else
    put_items<false>(values, offsets, out);
}

}  // namespace
extern const int64_t copy_tile;
const int64_t copy_tile = kTile;
TG_EXPORT(copy)
TG_EXPORT(fill)
TG_EXPORT(take)
TG_EXPORT(put)
}  // namespace TG_LEVEL
}  // namespace tg
