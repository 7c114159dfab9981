// The product behind conv2d and its input gradient: the walk of conv.h as a matrix product that reads the source in
// place.
//
// A task takes a block of output pixels (rows of A, through pointers: conv_tile.h) and walks over the columns of
// B, the weights, which are packed once into panels (group, panel, kh, kw, c, column). Where no tap can leave the
// image, the taps of one kernel row are one contiguous run of KW * C elements. With few channels the image is
// first copied into zero padding, so that this always holds. Sums run over kh, kw, c in a fixed order.
#pragma once
#include "conv.h"
#include "conv_depthwise.h"
#include "conv_tile.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kSmallPixel = 1024;  // products per pixel and tap below which pointers cost more than a copy
constexpr int64_t kTaskRows = 8 * kTileRows;
constexpr int64_t kSmallTask = int64_t{1} << 19;  // multiply-adds that are not worth a second thread

template <class T>
constexpr int64_t kPanel = int64_t{kTileVectors} * kTileWidth<T>;

// Where element (column, c, kh, kw) of one group's weights lies: forward, columns are output channels and c input
// channels; for the input gradient the other way round.
template <class T>
struct Weights {
  const T* data;
  int64_t step_group, step_column, step_c, step_h, step_w;
};

// Rows (kh, kw, c) of B for one panel of columns, `width` wide, zeros past the last column.
template <class T>
void pack_panel(const Weights<T>& weights, const Gather<T>& g, int64_t group, int64_t first, int64_t width, T* packed) {
  const int64_t columns = g.columns - first < width ? g.columns - first : width;
  for (int64_t th = 0; th < g.taps_h.count; ++th) {
    for (int64_t tw = 0; tw < g.taps_w.count; ++tw) {
      const T* tap = weights.data + group * weights.step_group + first * weights.step_column +
                     g.taps_h.kernel[th] * weights.step_h + g.taps_w.kernel[tw] * weights.step_w;
      for (int64_t c = 0; c < g.channels; ++c, packed += width) {
        for (int64_t j = 0; j < columns; ++j) packed[j] = tap[c * weights.step_c + j * weights.step_column];
        for (int64_t j = columns; j < width; ++j) packed[j] = T(0);
      }
    }
  }
}

// The same for one filter per channel: (kh, kw, channel).
template <class T>
void pack_depthwise(const Weights<T>& weights, const Gather<T>& g, T* packed) {
  for (int64_t th = 0; th < g.taps_h.count; ++th) {
    for (int64_t tw = 0; tw < g.taps_w.count; ++tw) {
      const T* tap = weights.data + g.taps_h.kernel[th] * weights.step_h + g.taps_w.kernel[tw] * weights.step_w;
      for (int64_t c = 0; c < g.groups; ++c) *packed++ = tap[c * weights.step_group];
    }
  }
}

// One block of output pixels of one group, over all its columns.
template <class T>
void multiply_block(const Gather<T>& g, const T* packed, int64_t begin, int64_t end, const T* zeros, const T* bias,
                    bool relu) {
  const int64_t runs = g.taps_h.count * g.runs_w(), depth = g.depth(), run = runs ? depth / runs : 0;
  const RowPanels panels(end - begin);
  Scratch<const T*> rows(runs * (end - begin) + runs + 1);
  Scratch<int64_t> used(runs * panels.count + 1);
  Scratch<int64_t> used_count(panels.count);
  Scratch<T*> out(end - begin);
  Position at(g, begin);
  for (int64_t panel = 0; panel < panels.count; ++panel) {
    const int64_t start = panels.start(panel);
    used_count[panel] = point_rows(g, at, panels.rows(panel), zeros, rows.data() + runs * start,
                                   used.data() + runs * panel, out.data() + start);
  }

  const T** const b = rows.data() + runs * (end - begin);
  IndirectTile<T> tile;
  tile.run = run;
  tile.relu = relu;
  tile.b = b;
  for (int64_t first = 0; first < g.columns; first += kPanel<T>) {
    const int64_t left = g.columns - first, vectors = left <= kTileWidth<T> ? 1 : kTileVectors;
    tile.columns = left < kPanel<T> ? left : kPanel<T>;
    tile.b_step = vectors * kTileWidth<T>;
    tile.bias = bias ? bias + first : nullptr;
    const IndirectTileFunction<T> lower = indirect_tile_function<T>(panels.height, vectors);
    const IndirectTileFunction<T> taller =
        panels.taller ? indirect_tile_function<T>(panels.height + 1, vectors) : lower;
    for (int64_t panel = 0; panel < panels.count; ++panel) {
      tile.rows = rows.data() + runs * panels.start(panel);
      tile.rows_per_tap = panels.rows(panel);
      tile.taps = used_count[panel];
      for (int64_t u = 0; u < tile.taps; ++u)
        b[u] = packed + first * depth + used[runs * panel + u] * run * tile.b_step;
      tile.c = out.data() + panels.start(panel);
      (panel < panels.taller ? taller : lower)(tile);
    }
    for (int64_t r = 0; r < end - begin; ++r) out[r] += kPanel<T>;
  }
}

// The share of (position, tap) pairs along one axis that lie inside of the image.
double share_inside(const Taps& taps, int64_t positions, int64_t step, int64_t size) {
  int64_t inside = 0;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t t = 0; t < taps.count; ++t)
      inside += p * step + taps.offset[t] >= 0 && p * step + taps.offset[t] < size;
  return static_cast<double>(inside) / static_cast<double>(positions * taps.count + 1);
}

template <class T>
void gather_product_in_place(Gather<T> g, const Weights<T>& weights, const T* bias, bool relu) {
  constexpr int64_t width = kTileWidth<T>;
  const int64_t panels = (g.columns + kPanel<T> - 1) / kPanel<T>, depth = g.depth();
  const int64_t packed_group = (g.columns + width - 1) / width * width * depth;
  Scratch<T> packed(g.groups * packed_group);
  const auto pack = [&](int64_t task) {
    const int64_t group = task / panels, first = task % panels * kPanel<T>;
    const int64_t wide = g.columns - first <= width ? width : kPanel<T>;
    pack_panel(weights, g, group, first, wide, packed.data() + group * packed_group + first * depth);
  };

  Scratch<T> zeros(g.channels);
  for (int64_t c = 0; c < g.channels; ++c) zeros[c] = T(0);

  // Where much of the window hangs over the border (small maps), a tile takes one pixel of many images: its taps
  // are then inside for all of its rows or for none, and those are skipped.
  g.by_pixel =
      !g.inside && g.out.N >= kTileRows / 2 &&
      share_inside(g.taps_h, g.out.H, g.step_h, g.source.H) * share_inside(g.taps_w, g.out.W, g.step_w, g.source.W) <
          0.9;
  const int64_t rows = g.by_pixel && g.out.N < kTaskRows ? g.out.N : kTaskRows;
  const int64_t blocks = (g.positions() + rows - 1) / rows;
  const auto multiply = [&](int64_t task) {
    FlushDenormals flush;
    const int64_t group = task / blocks, begin = task % blocks * rows;
    const int64_t end = begin + rows < g.positions() ? begin + rows : g.positions();
    multiply_block(g.of_group(group), packed.data() + group * packed_group, begin, end, zeros.data(),
                   bias ? bias + group * g.columns : nullptr, relu);
  };
  if (g.groups * g.positions() * g.columns * depth < kSmallTask) {
    for (int64_t task = 0; task < g.groups * panels; ++task) pack(task);
    for (int64_t task = 0; task < g.groups * blocks; ++task) multiply(task);
  } else {
    parallel_for(g.groups * panels, pack);
    parallel_for(g.groups * blocks, multiply);
  }
}

template <class T>
void gather_product(const Gather<T>& g, const Weights<T>& weights, const T* bias, bool relu) {
  if (g.positions() == 0 || g.columns == 0) return;
  if (is_depthwise(g)) {
    Scratch<T> packed(g.groups * g.depth());
    pack_depthwise(weights, g, packed.data());
    return depthwise_product(g, packed.data(), bias, relu);
  }
  const bool would_merge = g.taps_w.count > 1 && g.taps_w.consecutive() && !g.merged();
  if (g.source.step_c != 1 || (would_merge && g.channels * g.columns < kSmallPixel)) {
    const PaddedCopy<T> padded = g.padded_source();
    gather_product_in_place(g.over(padded), weights, bias, relu);
  } else {
    gather_product_in_place(g, weights, bias, relu);
  }
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
