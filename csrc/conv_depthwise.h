// Depthwise convolution: as many groups as channels, so every channel has a filter of its own.
//
//   out[n, c, oh, ow] = bias[c] + sum over kh, kw of weight[c, 0, kh, kw] * x[n, c, tap (kh, kw) of (oh, ow)]
//
// There is no product over channels to block for: a register holds neighbouring channels of one pixel, and several
// pixels of a row share each read of the weights. Memory, not arithmetic, sets the pace.
#pragma once
#include "conv.h"
#include "microkernel.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int kDepthwisePixels = 8;          // output pixels that share one read of the weights
constexpr int64_t kDepthwiseTask = 1 << 18;  // multiply-adds per task
constexpr int64_t kDepthwiseRegisters = 4;   // channels that the weight gradient sums at a time, in registers
constexpr int64_t kDepthwiseParts = 8;       // of the weight gradient's sum, whatever the number of threads

template <class G>
TG_INLINE bool is_depthwise(const G& g) {
  return g.groups > 1 && g.channels == 1 && g.columns == 1;
}

// All channels of a depthwise convolution's image, contiguous: a copy where they are not.
template <class T>
PaddedCopy<T> contiguous_channels(Images<const T> x, int64_t step_c, int64_t channels) {
  x.step_c = step_c;
  return PaddedCopy<T>(x, 1, 0, channels, 0, 0, 0, 0);
}

// The walk of forward and input gradient.
template <class T>
struct Depthwise {
  const Gather<T>& g;
  const T* weights;        // (tap, channel)
  const int64_t* offsets;  // of each tap, from the pixel that a tap (0, 0) would read, in elements
  const T* bias;
  bool relu;
};

// Taps [first, end) of one axis.
struct TapRange {
  int64_t first, end;
};

// Those taps that lie inside of an image of this size when the walk reads at `at`.
static inline TapRange taps_inside(const Taps& taps, int64_t at, int64_t size) {
  TapRange range{0, taps.count};
  while (range.first < range.end && at + taps.offset[range.first] < 0) ++range.first;
  while (range.first < range.end && at + taps.offset[range.end - 1] >= size) --range.end;
  return range;
}

// PIXELS pixels side by side whose taps in [h) x [w) lie inside, channels [c, c + count): one register, or less at
// the end. x is where a tap (0, 0) would read for the first pixel.
template <class T, int PIXELS, bool WHOLE>
TG_INLINE void depthwise_tile(const Depthwise<T>& d, const T* x, T* out, TapRange h, TapRange w, int64_t c,
                              int64_t count) {
  using V = Vec<T>;
  const auto load = [count](const T* p) { return WHOLE ? V::load(p) : V::load_part(p, count); };
  const int64_t x_step = d.g.step_w * d.g.source.step_w, channels = d.g.groups, taps_w = d.g.taps_w.count;
  V sums[PIXELS];
  TG_UNROLL
  for (int p = 0; p < PIXELS; ++p) sums[p] = d.bias ? load(d.bias + c) : V(T(0));
  for (int64_t th = h.first; th < h.end; ++th) {
    for (int64_t tap = th * taps_w + w.first; tap < th * taps_w + w.end; ++tap) {
      const V weight = load(d.weights + tap * channels + c);
      const T* pixel = x + d.offsets[tap] + c;
      TG_UNROLL
      for (int p = 0; p < PIXELS; ++p) sums[p] = sums[p] + weight * load(pixel + p * x_step);
    }
  }
  const V zero(T(0));
  TG_UNROLL
  for (int p = 0; p < PIXELS; ++p) {
    const V value = d.relu ? select(sums[p] < zero, zero, sums[p]) : sums[p];
    T* to = out + p * d.g.out.step_w + c;
    if (WHOLE)
      value.store(to);
    else
      value.store_part(to, count);
  }
}

template <class T, int PIXELS>
void depthwise_pixels(const Depthwise<T>& d, const T* x, T* out, TapRange h, TapRange w) {
  constexpr int64_t width = Vec<T>::width;
  int64_t c = 0;
  for (; c + width <= d.g.groups; c += width) depthwise_tile<T, PIXELS, true>(d, x, out, h, w, c, width);
  if (c < d.g.groups) depthwise_tile<T, PIXELS, false>(d, x, out, h, w, c, d.g.groups - c);
}

template <class T>
void depthwise_row(const Depthwise<T>& d, int64_t n, int64_t i) {
  const Gather<T>& g = d.g;
  const TapRange h = taps_inside(g.taps_h, i * g.step_h, g.source.H);
  for (int64_t j = 0, pixels; j < g.out.W; j += pixels) {
    const TapRange w = taps_inside(g.taps_w, j * g.step_w, g.source.W);
    const int64_t last = j + kDepthwisePixels - 1;
    const bool several = last < g.out.W && w.first == 0 && w.end == g.taps_w.count &&
                         taps_inside(g.taps_w, last * g.step_w, g.source.W).end == g.taps_w.count;
    const T* x =
        g.source.data + (n * g.source.step_n + i * g.step_h * g.source.step_h + j * g.step_w * g.source.step_w);
    T* out = g.out.pixel(n, i, j);
    pixels = several ? kDepthwisePixels : 1;
    if (several)
      depthwise_pixels<T, kDepthwisePixels>(d, x, out, h, w);
    else
      depthwise_pixels<T, 1>(d, x, out, h, w);
  }
}

// `weights` is (kh, kw, channel) in the order of the taps.
template <class T>
void depthwise_product(Gather<T> g, const T* weights, const T* bias, bool relu) {
  if (g.source_group != 1) {
    const PaddedCopy<T> dense = contiguous_channels(g.source, g.source_group, g.groups);
    g.source = dense.images;
    g.source_group = 1;
    return depthwise_product(g, weights, bias, relu);
  }
  Scratch<int64_t> offsets(g.depth());
  for (int64_t th = 0, tap = 0; th < g.taps_h.count; ++th)
    for (int64_t tw = 0; tw < g.taps_w.count; ++tw)
      offsets[tap++] = g.taps_h.offset[th] * g.source.step_h + g.taps_w.offset[tw] * g.source.step_w;
  const Depthwise<T> d{g, weights, offsets.data(), bias, relu};
  const int64_t rows = g.out.N * g.out.H, work = g.out.W * g.groups * (g.depth() + 1);
  const int64_t rows_per_task = work < kDepthwiseTask ? kDepthwiseTask / work : 1;
  parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](int64_t task) {
    FlushDenormals flush;
    const int64_t end = smaller((task + 1) * rows_per_task, rows);
    for (int64_t row = task * rows_per_task; row < end; ++row) depthwise_row(d, row / g.out.H, row % g.out.H);
  });
}

// sums[c...] += over pixels j in [first, end) of one row: x[j] * grad_output[j], REGISTERS registers of channels.
template <class T, int REGISTERS>
TG_INLINE void depthwise_sum(const T* x, int64_t x_step, const T* grad_output, int64_t grad_step, int64_t pixels,
                             T* sums) {
  using V = Vec<T>;
  V total[REGISTERS];
  for (int r = 0; r < REGISTERS; ++r) total[r] = V(T(0));
  for (int64_t j = 0; j < pixels; ++j, x += x_step, grad_output += grad_step)
    for (int r = 0; r < REGISTERS; ++r)
      total[r] = total[r] + V::load(x + r * V::width) * V::load(grad_output + r * V::width);
  for (int r = 0; r < REGISTERS; ++r) (V::load(sums + r * V::width) + total[r]).store(sums + r * V::width);
}

template <class T>
TG_INLINE void depthwise_sum_end(const T* x, int64_t x_step, const T* grad_output, int64_t grad_step, int64_t pixels,
                                 int64_t count, T* sums) {
  using V = Vec<T>;
  V total(T(0));
  for (int64_t j = 0; j < pixels; ++j, x += x_step, grad_output += grad_step)
    total = total + V::load_part(x, count) * V::load_part(grad_output, count);
  (V::load_part(sums, count) + total).store_part(sums, count);
}

// sums[(kh, kw), c] += the share of one output row.
template <class T>
void depthwise_weight_row(const Gather<T, const T>& g, int64_t n, int64_t i, T* sums) {
  constexpr int64_t width = Vec<T>::width, several = kDepthwiseRegisters * width;
  for (int64_t th = 0; th < g.taps_h.count; ++th) {
    const int64_t h = i * g.step_h + g.taps_h.offset[th];
    for (int64_t tw = 0; tw < g.taps_w.count; ++tw, sums += g.groups) {
      const int64_t first = g.taps_w.first_inside(tw, g.step_w);
      const int64_t end = g.taps_w.end_inside(tw, g.step_w, g.out.W, g.source.W);
      if (h < 0 || h >= g.source.H || first >= end) continue;
      const T* x = g.source.pixel(n, h, first * g.step_w + g.taps_w.offset[tw]);
      const T* grad = g.out.pixel(n, i, first);
      const int64_t x_step = g.step_w * g.source.step_w;
      int64_t c = 0;
      for (; c + several <= g.groups; c += several)
        depthwise_sum<T, kDepthwiseRegisters>(x + c, x_step, grad + c, g.out.step_w, end - first, sums + c);
      for (; c + width <= g.groups; c += width)
        depthwise_sum<T, 1>(x + c, x_step, grad + c, g.out.step_w, end - first, sums + c);
      if (c < g.groups) depthwise_sum_end(x + c, x_step, grad + c, g.out.step_w, end - first, g.groups - c, sums + c);
    }
  }
}

// grad_weight of one channel per group: fixed parts of the output rows, added in order.
template <class T>
void depthwise_weight(Gather<T, const T> g, Out<T> grad_weight) {
  if (g.source_group != 1 || g.out_group != 1) {
    const PaddedCopy<T> source = contiguous_channels(g.source, g.source_group, g.groups);
    const PaddedCopy<T> out = contiguous_channels(g.out, g.out_group, g.groups);
    g.source = source.images;
    g.out = out.images;
    g.source_group = g.out_group = 1;
    return depthwise_weight(g, grad_weight);
  }
  const int64_t rows = g.out.N * g.out.H, parts = smaller(rows, kDepthwiseParts);
  const int64_t taps_w = g.taps_w.count, size = g.taps_h.count * taps_w * g.groups;
  Scratch<T> sums(parts * size);
  parallel_for(parts, [&](int64_t part) {
    FlushDenormals flush;
    T* mine = sums.data() + part * size;
    for (int64_t s = 0; s < size; ++s) mine[s] = T(0);
    for (int64_t row = part * rows / parts; row < (part + 1) * rows / parts; ++row)
      depthwise_weight_row(g, row / g.out.H, row % g.out.H, mine);
  });
  for (int64_t s = 0; s < size; ++s) {
    for (int64_t part = 1; part < parts; ++part) sums[s] += sums[part * size + s];
    const int64_t tap = s / g.groups, c = s % g.groups;
    grad_weight.data[c * grad_weight.strides[0] + tap / taps_w * grad_weight.strides[2] +
                     tap % taps_w * grad_weight.strides[3]] = sums[s];
  }
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
