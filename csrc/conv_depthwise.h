// Depthwise convolution: as many groups as channels, so every channel has a filter of its own.
//
//   out[n, c, oh, ow] = bias[c] + sum over kh, kw of weight[c, 0, kh, kw] * x[n, c, tap (kh, kw) of (oh, ow)]
//
// There is no product over channels to block for: a register holds neighbouring channels of one pixel, and the
// same pointers as in conv_tile.h say where the taps of a pixel lie. Memory, not arithmetic, sets the pace.
#pragma once
#include "conv.h"
#include "microkernel.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int kDepthwisePixels = 4;         // output pixels that share one read of the weights
constexpr int64_t kDepthwiseTask = 64;      // output pixels per task
constexpr int64_t kDepthwiseRegisters = 4;  // channels that the weight gradient sums at a time, in registers
constexpr int64_t kDepthwiseParts = 8;      // of the weight gradient's sum, whatever the number of threads

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

// PIXELS pixels, channels [c, c + count): count is one register, or less at the end.
template <class T, int PIXELS>
TG_INLINE void depthwise_tile(const T* const* rows, const int64_t* used, int64_t runs, const T* weights,
                              int64_t channels, int64_t c, int64_t count, const T* bias, bool relu, T* const* out) {
  using V = Vec<T>;
  const bool whole = count == V::width;
  const V start = !bias ? V(T(0)) : whole ? V::load(bias + c) : V::load_part(bias + c, count);
  V sums[PIXELS];
  for (int p = 0; p < PIXELS; ++p) sums[p] = start;
  for (int64_t u = 0; u < runs; ++u, rows += PIXELS) {
    const T* w = weights + used[u] * channels + c;
    const V weight = whole ? V::load(w) : V::load_part(w, count);
    for (int p = 0; p < PIXELS; ++p)
      sums[p] = sums[p] + weight * (whole ? V::load(rows[p] + c) : V::load_part(rows[p] + c, count));
  }
  const V zero(T(0));
  for (int p = 0; p < PIXELS; ++p) {
    if (relu) sums[p] = select(sums[p] < zero, zero, sums[p]);
    if (whole)
      sums[p].store(out[p] + c);
    else
      sums[p].store_part(out[p] + c, count);
  }
}

template <class T, int PIXELS, class G>
void depthwise_pixels(const G& g, Position& at, const T* zeros, const T* weights, const T* bias, bool relu,
                      const T** rows, int64_t* used) {
  T* out[PIXELS];
  const int64_t runs = point_rows(g, at, PIXELS, zeros, rows, used, out);
  for (int64_t c = 0; c < g.groups; c += Vec<T>::width)
    depthwise_tile<T, PIXELS>(rows, used, runs, weights, g.groups, c, smaller(g.groups - c, Vec<T>::width), bias, relu,
                              out);
}

// The walk of forward and input gradient; `weights` is (kh, kw, c) in the order of the taps.
template <class T>
void depthwise_product(Gather<T> g, const T* weights, const T* bias, bool relu) {
  if (g.source_group != 1) {
    const PaddedCopy<T> dense = contiguous_channels(g.source, g.source_group, g.groups);
    g.source = dense.images;
    g.source_group = 1;
    return depthwise_product(g, weights, bias, relu);
  }
  Scratch<T> zeros(g.groups);
  for (int64_t c = 0; c < g.groups; ++c) zeros[c] = T(0);
  const int64_t taps = g.taps_h.count * g.taps_w.count;
  const int64_t tasks = (g.positions() + kDepthwiseTask - 1) / kDepthwiseTask;
  parallel_for(tasks, [&](int64_t task) {
    FlushDenormals flush;
    Scratch<const T*> rows(taps * kDepthwisePixels + 1);
    Scratch<int64_t> used(taps + 1);
    const int64_t begin = task * kDepthwiseTask, end = smaller(begin + kDepthwiseTask, g.positions());
    Position at(g, begin);
    int64_t p = begin;
    for (; p + kDepthwisePixels <= end; p += kDepthwisePixels)
      depthwise_pixels<T, kDepthwisePixels>(g, at, zeros.data(), weights, bias, relu, rows.data(), used.data());
    for (; p < end; ++p) depthwise_pixels<T, 1>(g, at, zeros.data(), weights, bias, relu, rows.data(), used.data());
  });
}

// sums[c...] += over pixels j in [first, end) of one row: x[j] * grad_output[j], REGISTERS registers of channels.
template <class T, int REGISTERS>
TG_INLINE void depthwise_row(const T* x, int64_t x_step, const T* grad_output, int64_t grad_step, int64_t pixels,
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
TG_INLINE void depthwise_row_end(const T* x, int64_t x_step, const T* grad_output, int64_t grad_step, int64_t pixels,
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
        depthwise_row<T, kDepthwiseRegisters>(x + c, x_step, grad + c, g.out.step_w, end - first, sums + c);
      for (; c + width <= g.groups; c += width)
        depthwise_row<T, 1>(x + c, x_step, grad + c, g.out.step_w, end - first, sums + c);
      if (c < g.groups) depthwise_row_end(x + c, x_step, grad + c, g.out.step_w, end - first, g.groups - c, sums + c);
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
