// The geometry that the three passes of a convolution share.
//
// Forward and input gradient are the same walk: each position (i, j) of a grid gathers, from a source image,
//
//   out[n, i, j, :] = sum over taps (th, tw) of source[n, i * step_h + th, j * step_w + tw, :] . B[th, tw]
//
//   forward:         grid = output pixels, source = x,           step = stride, tap = k * dilation - pad
//   input gradient:  grid = every stride-th pixel of grad_x from a first one f < stride, source = grad_output,
//                    step = 1, tap = (f + pad - k * dilation) / stride, for those k where that is whole
#pragma once
#include "images.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// The taps of a window along one axis, their offsets in ascending order, and the kernel index of each.
struct Taps {
  Scratch<int64_t> offset, kernel;
  int64_t count = 0;

  explicit TG_INLINE Taps(int64_t capacity) : offset(capacity), kernel(capacity) {}
  TG_INLINE void add(int64_t tap_offset, int64_t k) {
    offset[count] = tap_offset;
    kernel[count++] = k;
  }
  TG_INLINE int64_t first() const { return count ? offset[0] : 0; }
  TG_INLINE int64_t last() const { return count ? offset[count - 1] : 0; }
  TG_INLINE bool consecutive() const { return last() - first() == count - 1; }
  // The positions [first_inside, end_inside) of a tap lie inside of an image of this size.
  TG_INLINE int64_t first_inside(int64_t tap, int64_t step) const {
    return offset[tap] < 0 ? (step - 1 - offset[tap]) / step : 0;
  }
  TG_INLINE int64_t end_inside(int64_t tap, int64_t step, int64_t positions, int64_t size) const {
    const int64_t end = offset[tap] < size ? (size - offset[tap] + step - 1) / step : 0;
    return end < positions ? end : positions;
  }
  // How far the taps of positions 0, step, ... reach before 0 and past size - 1.
  TG_INLINE int64_t before() const { return first() < 0 ? -first() : 0; }
  TG_INLINE int64_t after(int64_t positions, int64_t step, int64_t size) const {
    const int64_t reach = (positions - 1) * step + last() - (size - 1);
    return reach > 0 ? reach : 0;
  }
};

static inline void forward_taps(Taps& taps, int64_t kernel, int64_t pad, int64_t dilation) {
  for (int64_t k = 0; k < kernel; ++k) taps.add(k * dilation - pad, k);
}

static inline void input_taps(Taps& taps, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, int64_t f) {
  for (int64_t k = kernel - 1; k >= 0; --k) {
    const int64_t distance = f + pad - k * dilation;
    if (distance % stride == 0) taps.add(distance / stride, k);
  }
}

template <class T, class Target = T>
struct Gather {
  Images<const T> source;                   // of the first group
  Images<Target> out;                       // of the first group; its N, H, W are the grid
  int64_t groups, source_group, out_group;  // from one group's channels to the next, in elements
  int64_t channels, columns;                // of one group: of the source, of out
  int64_t step_h, step_w;
  const Taps& taps_h;
  const Taps& taps_w;
  bool inside = false;    // no tap of any position leaves the source
  bool by_pixel = false;  // positions are counted i, j, n instead of n, i, j

  TG_INLINE int64_t positions() const { return out.N * out.H * out.W; }
  TG_INLINE int64_t depth() const { return taps_h.count * taps_w.count * channels; }
  TG_INLINE bool merged() const {  // the taps of one kernel row are one run of channels
    return inside && source.step_w == channels && taps_w.consecutive();
  }
  TG_INLINE int64_t runs_w() const { return merged() ? 1 : taps_w.count; }

  TG_INLINE bool fits() const {
    return taps_h.before() == 0 && taps_h.after(out.H, step_h, source.H) == 0 && taps_w.before() == 0 &&
           taps_w.after(out.W, step_w, source.W) == 0;
  }
  // The same walk over a copy of the source that has room for every tap.
  PaddedCopy<T> padded_source() const {
    return PaddedCopy<T>(source, groups, source_group, channels, taps_h.before(), taps_h.after(out.H, step_h, source.H),
                         taps_w.before(), taps_w.after(out.W, step_w, source.W));
  }
  TG_INLINE Gather over(const PaddedCopy<T>& padded) const {
    Gather g = *this;
    g.source = padded.images;
    g.source_group = padded.group;
    g.inside = true;
    return g;
  }
  TG_INLINE Gather of_group(int64_t group) const {
    Gather g = *this;
    g.source.data += group * source_group;
    g.out.data += group * out_group;
    return g;
  }
};

// Where a walk over positions stands.
struct Position {
  int64_t n, i, j;

  template <class G>
  TG_INLINE Position(const G& g, int64_t index) {
    const int64_t pixels = g.out.H * g.out.W, pixel = g.by_pixel ? index / g.out.N : index % pixels;
    n = g.by_pixel ? index % g.out.N : index / pixels;
    i = pixel / g.out.W;
    j = pixel % g.out.W;
  }
  // How many positions, this one included, follow on a straight line: images, or pixels of one image row.
  template <class G>
  TG_INLINE int64_t line(const G& g) const {
    return g.by_pixel ? g.out.N - n : g.out.W - j;
  }
  template <class G>
  TG_INLINE void advance(const G& g, int64_t count) {  // at most to the end of the line
    (g.by_pixel ? n : j) += count;
    if (n == g.out.N) {
      n = 0;
      ++j;
    }
    if (j == g.out.W) {
      j = 0;
      ++i;
    }
    if (i == g.out.H) {
      i = 0;
      ++n;
    }
  }
};

// The rows of one tile, from position `at` on, which moves on with them. rows[u * count + r] is where the channels
// under the u-th used run start, or `zeros` where the run lies outside of row r's image; runs that lie outside for
// all rows are left out. used[u] is the number of that run in the packed weights; out[r] is where the result goes.
// Returns how many runs are used.
template <class T>
static inline int64_t point_rows(const Gather<T>& g, Position& at, int64_t count, const T* zeros, const T** rows,
                                 int64_t* used, T** out) {
  const Images<const T>& source = g.source;
  const int64_t runs_w = g.runs_w(), runs = g.taps_h.count * runs_w;
  const int64_t source_line = g.by_pixel ? source.step_n : g.step_w * source.step_w;
  const int64_t out_line = g.by_pixel ? g.out.step_n : g.out.step_w;
  const int64_t step_w = g.by_pixel ? 0 : g.step_w;
  for (int64_t run = 0; run < runs; ++run) used[run] = 0;
  for (int64_t r = 0, line; r < count; r += line) {
    line = at.line(g) < count - r ? at.line(g) : count - r;
    T* result = g.out.pixel(at.n, at.i, at.j);
    for (int64_t q = 0; q < line; ++q) out[r + q] = result + q * out_line;
    const T** row = rows + r;
    for (int64_t run = 0, th = 0; th < g.taps_h.count; ++th) {
      const int64_t h = at.i * g.step_h + g.taps_h.offset[th];
      for (int64_t tw = 0; tw < runs_w; ++tw, ++run, row += count) {
        const int64_t w = at.j * g.step_w + g.taps_w.offset[tw];
        int64_t first = 0, last = line;  // the rows whose tap lies inside
        if (!g.inside) {
          if (h < 0 || h >= source.H) first = line;
          while (first < last && w + first * step_w < 0) ++first;
          while (first < last && w + (last - 1) * step_w >= source.W) --last;
        }
        const T* pixel = source.pixel(at.n, h, w);
        for (int64_t q = 0; q < first; ++q) row[q] = zeros;
        for (int64_t q = first; q < last; ++q) row[q] = pixel + q * source_line;
        for (int64_t q = last; q < line; ++q) row[q] = zeros;
        used[run] |= first < last;
      }
    }
    at.advance(g, line);
  }
  if (g.inside) {
    for (int64_t run = 0; run < runs; ++run) used[run] = run;
    return runs;
  }
  int64_t kept = 0;
  for (int64_t run = 0; run < runs; ++run) {
    if (!used[run]) continue;
    if (kept != run)
      for (int64_t r = 0; r < count; ++r) rows[kept * count + r] = rows[run * count + r];
    used[kept++] = run;
  }
  return kept;
}

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
