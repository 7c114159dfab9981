// Max and average pooling, and the gradients of both.
//
//   max: out[n, c, oh, ow] = max over taps of x,   winner = the tap th * KW + tw that gave it (-1: no tap inside)
//   avg: out[n, c, oh, ow] = sum over taps of x / divisor(oh, ow)
//   over x[n, c, oh * stride - pad + th * dilation, ow * stride - pad + tw * dilation], taps outside left out
//
// The first maximum wins, in row order of the taps; a NaN wins over every number, and the last of several NaNs:
// all as PyTorch. A register holds neighbouring channels of one pixel, values and winners side by side. Gradients
// gather: each input pixel sums, in the order of the taps, over the windows that cover it, so that rows of pixels
// are independent and nothing is written twice.
#include "images.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kTaskElements = 16384;  // results per task (bench_conv)

// Taps [first, end) of the window at output position `at` lie inside; tap t is at start + t * dilation.
struct Span {
  int64_t start, first, end;

  TG_INLINE Span(int64_t at, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation, int64_t size)
      : start(at * stride - pad), first(0), end(kernel) {
    while (first < end && start + first * dilation < 0) ++first;
    while (first < end && start + (end - 1) * dilation >= size) --end;
  }
};

// For each position of the input along one axis, the windows that cover it and by which tap.
struct Cover {
  int64_t kernel;
  Scratch<int64_t> count, windows, taps;  // windows and taps: `kernel` entries per position

  Cover(int64_t size, int64_t outputs, int64_t kernel_size, int64_t stride, int64_t pad, int64_t dilation)
      : kernel(kernel_size), count(size), windows(size * kernel_size), taps(size * kernel_size) {
    for (int64_t at = 0; at < size; ++at) {
      count[at] = 0;
      for (int64_t tap = 0; tap < kernel; ++tap) {
        const int64_t start = at + pad - tap * dilation;
        if (start < 0 || start % stride != 0 || start / stride >= outputs) continue;
        windows[at * kernel + count[at]] = start / stride;
        taps[at * kernel + count[at]++] = tap;
      }
    }
  }
};

// Winners are 32-bit in memory and as wide as T in registers.
template <class T>
struct Winners {
  using Lanes = typename Vec<T>::BitLanes;
  Lanes v;

  static TG_INLINE Winners all(int64_t tap) { return {Lanes{} + static_cast<typename Vec<T>::Bits>(tap)}; }
  static TG_INLINE Winners load(const int32_t* p, int64_t count) {
    alignas(TG_VECTOR_BYTES) typename Vec<T>::Bits lanes[Vec<T>::width];
    if (count == Vec<T>::width)
      for (int64_t i = 0; i < Vec<T>::width; ++i) lanes[i] = p[i];
    else
      for (int64_t i = 0; i < Vec<T>::width; ++i) lanes[i] = i < count ? p[i] : -1;
    Winners winners;
    std::memcpy(&winners.v, lanes, sizeof lanes);
    return winners;
  }
  TG_INLINE void store(int32_t* p, int64_t count) const {
    alignas(TG_VECTOR_BYTES) typename Vec<T>::Bits lanes[Vec<T>::width];
    std::memcpy(lanes, &v, sizeof lanes);
    if (count == Vec<T>::width)
      for (int64_t i = 0; i < Vec<T>::width; ++i) p[i] = static_cast<int32_t>(lanes[i]);
    else
      for (int64_t i = 0; i < count; ++i) p[i] = static_cast<int32_t>(lanes[i]);
  }
};

template <class T>
TG_INLINE Vec<T> load(const T* p, int64_t count) {
  return count == Vec<T>::width ? Vec<T>::load(p) : Vec<T>::load_part(p, count);
}
template <class T>
TG_INLINE void store(Vec<T> value, T* p, int64_t count) {
  if (count == Vec<T>::width)
    value.store(p);
  else
    value.store_part(p, count);
}

// body(n, row) for every row of a batch of images, in tasks of about kTaskElements results.
template <class T, class Body>
void for_each_row(const Images<T>& images, int64_t channels, const Body& body) {
  const int64_t rows = images.N * images.H, row = images.W * channels;
  if (row == 0) return;
  const int64_t rows_per_task = row < kTaskElements ? kTaskElements / row : 1;
  parallel_for((rows + rows_per_task - 1) / rows_per_task, [&](int64_t task) {
    const int64_t end = smaller((task + 1) * rows_per_task, rows);
    for (int64_t r = task * rows_per_task; r < end; ++r) body(r / images.H, r % images.H);
  });
}

// body(c, count) for the channels of a pixel, a register at a time.
template <class T, class Body>
TG_INLINE void for_each_register(int64_t channels, const Body& body) {
  int64_t c = 0;
  for (; c + Vec<T>::width <= channels; c += Vec<T>::width) body(c, Vec<T>::width);
  if (c < channels) body(c, channels - c);
}

// x, or a copy of it with contiguous channels.
template <class T>
class ContiguousChannels {
 public:
  ContiguousChannels(In<T> x) : source_(x), copy_(source_, source_.step_c == 1 ? 0 : 1, 0, x.shape[1], 0, 0, 0, 0) {}
  const Images<const T>& images() const { return source_.step_c == 1 ? source_ : copy_.images; }

 private:
  Images<const T> source_;
  PaddedCopy<T> copy_;
};

template <class T>
void max_pool2d(In<T> x, Out<T> out, Out<int32_t> winner, int64_t kernel_h, int64_t kernel_w, int64_t stride_h,
                int64_t stride_w, int64_t pad_h, int64_t pad_w, int64_t dilation_h, int64_t dilation_w) {
  const ContiguousChannels<T> contiguous(x);
  const Images<const T>& from = contiguous.images();
  const Images<T> to(out);
  const Images<int32_t> to_winner(winner);
  const int64_t channels = x.shape[1];
  for_each_row(to, channels, [&](int64_t n, int64_t i) {
    const Span rows(i, kernel_h, stride_h, pad_h, dilation_h, from.H);
    for (int64_t j = 0; j < to.W; ++j) {
      const Span columns(j, kernel_w, stride_w, pad_w, dilation_w, from.W);
      const T* window = from.pixel(n, rows.start, columns.start);
      T* result = to.pixel(n, i, j);
      int32_t* result_winner = to_winner.pixel(n, i, j);
      const bool empty = rows.first >= rows.end || columns.first >= columns.end;
      const int64_t first_tap = empty ? -1 : rows.first * kernel_w + columns.first;
      for_each_register<T>(channels, [&](int64_t c, int64_t count) {
        Vec<T> best(-T(__builtin_inf()));
        Winners<T> best_tap = Winners<T>::all(first_tap);
        for (int64_t th = rows.first; th < rows.end; ++th)
          for (int64_t tw = columns.first; tw < columns.end; ++tw) {
            const T* pixel = window + th * dilation_h * from.step_h + tw * dilation_w * from.step_w;
            const Vec<T> value = load(pixel + c, count);
            const auto wins = (value > best) | (value != value);
            best = select(wins, value, best);
            best_tap.v = wins.v ? Winners<T>::all(th * kernel_w + tw).v : best_tap.v;
          }
        store(best, result + c, count);
        best_tap.store(result_winner + c, count);
      });
    }
  });
}

// grad_x[pixel] = sum of grad_output over the windows that this pixel won.
template <class T>
void max_pool2d_backward(In<T> grad_output, In<int32_t> winner, Out<T> grad_x, int64_t kernel_h, int64_t kernel_w,
                         int64_t stride_h, int64_t stride_w, int64_t pad_h, int64_t pad_w, int64_t dilation_h,
                         int64_t dilation_w) {
  const ContiguousChannels<T> contiguous(grad_output);
  const Images<const T>& from = contiguous.images();
  const Images<const int32_t> from_winner(winner);
  const Images<T> to(grad_x);
  const int64_t channels = grad_x.shape[1];
  const Cover cover_h(to.H, from.H, kernel_h, stride_h, pad_h, dilation_h);
  const Cover cover_w(to.W, from.W, kernel_w, stride_w, pad_w, dilation_w);
  struct Window {
    const T* grad;
    const int32_t* winner;
    int64_t tap;
  };
  for_each_row(to, channels, [&](int64_t n, int64_t h) {
    Scratch<Window> windows(kernel_h * kernel_w);
    for (int64_t w = 0; w < to.W; ++w) {
      int64_t covering = 0;
      for (int64_t a = h * kernel_h; a < h * kernel_h + cover_h.count[h]; ++a)
        for (int64_t b = w * kernel_w; b < w * kernel_w + cover_w.count[w]; ++b) {
          const int64_t i = cover_h.windows[a], j = cover_w.windows[b];
          windows[covering++] = {from.pixel(n, i, j), from_winner.pixel(n, i, j),
                                 cover_h.taps[a] * kernel_w + cover_w.taps[b]};
        }
      T* result = to.pixel(n, h, w);
      for_each_register<T>(channels, [&](int64_t c, int64_t count) {
        Vec<T> sum(T(0));
        for (int64_t v = 0; v < covering; ++v) {
          const Window& window = windows[v];
          const Winners<T> won = Winners<T>::load(window.winner + c, count);
          const typename Vec<T>::Mask mine{won.v == Winners<T>::all(window.tap).v};
          sum = select(mine, sum + load(window.grad + c, count), sum);
        }
        store(sum, result + c, count);
      });
    }
  });
}

// out = x at the winners, 0 where there is none: the transpose of max_pool2d_backward.
template <class T>
void max_pool2d_gather(In<T> x, In<int32_t> winner, Out<T> out, int64_t kernel_h, int64_t kernel_w, int64_t stride_h,
                       int64_t stride_w, int64_t pad_h, int64_t pad_w, int64_t dilation_h, int64_t dilation_w) {
  const ContiguousChannels<T> contiguous(x);
  const Images<const T>& from = contiguous.images();
  const Images<const int32_t> from_winner(winner);
  const Images<T> to(out);
  const int64_t channels = x.shape[1];
  for_each_row(to, channels, [&](int64_t n, int64_t i) {
    const Span rows(i, kernel_h, stride_h, pad_h, dilation_h, from.H);
    for (int64_t j = 0; j < to.W; ++j) {
      const Span columns(j, kernel_w, stride_w, pad_w, dilation_w, from.W);
      const T* window = from.pixel(n, rows.start, columns.start);
      for_each_register<T>(channels, [&](int64_t c, int64_t count) {
        const Winners<T> won = Winners<T>::load(from_winner.pixel(n, i, j) + c, count);
        Vec<T> result(T(0));
        for (int64_t th = rows.first; th < rows.end; ++th)
          for (int64_t tw = columns.first; tw < columns.end; ++tw) {
            const T* pixel = window + th * dilation_h * from.step_h + tw * dilation_w * from.step_w;
            const typename Vec<T>::Mask here{won.v == Winners<T>::all(th * kernel_w + tw).v};
            result = select(here, load(pixel + c, count), result);
          }
        store(result, to.pixel(n, i, j) + c, count);
      });
    }
  });
}

// What an average divides by, along one axis: the taps inside of the image, or inside of image and padding.
struct Divisor {
  int64_t kernel, stride, pad, size;
  bool include_pad;

  TG_INLINE int64_t along(int64_t at) const {
    const int64_t start = at * stride - pad, end = start + kernel;
    if (include_pad) return smaller(end, size + pad) - start;
    return smaller(end, size) - (start > 0 ? start : 0);
  }
};

template <class T>
void avg_pool2d(In<T> x, Out<T> out, int64_t kernel_h, int64_t kernel_w, int64_t stride_h, int64_t stride_w,
                int64_t pad_h, int64_t pad_w, bool count_include_pad, int64_t divisor_override) {
  const ContiguousChannels<T> contiguous(x);
  const Images<const T>& from = contiguous.images();
  const Images<T> to(out);
  const Divisor divisor_h{kernel_h, stride_h, pad_h, from.H, count_include_pad};
  const Divisor divisor_w{kernel_w, stride_w, pad_w, from.W, count_include_pad};
  for_each_row(to, x.shape[1], [&](int64_t n, int64_t i) {
    const Span rows(i, kernel_h, stride_h, pad_h, 1, from.H);
    for (int64_t j = 0; j < to.W; ++j) {
      const Span columns(j, kernel_w, stride_w, pad_w, 1, from.W);
      const T* window = from.pixel(n, rows.start, columns.start);
      const int64_t divisor = divisor_override ? divisor_override : divisor_h.along(i) * divisor_w.along(j);
      for_each_register<T>(x.shape[1], [&](int64_t c, int64_t count) {
        Vec<T> sum(T(0));
        for (int64_t th = rows.first; th < rows.end; ++th)
          for (int64_t tw = columns.first; tw < columns.end; ++tw)
            sum = sum + load(window + th * from.step_h + tw * from.step_w + c, count);
        store(sum / Vec<T>(static_cast<T>(divisor)), to.pixel(n, i, j) + c, count);
      });
    }
  });
}

// grad_x[pixel] = sum of grad_output / divisor over the windows that cover it.
template <class T>
void avg_pool2d_backward(In<T> grad_output, Out<T> grad_x, int64_t kernel_h, int64_t kernel_w, int64_t stride_h,
                         int64_t stride_w, int64_t pad_h, int64_t pad_w, bool count_include_pad,
                         int64_t divisor_override) {
  const ContiguousChannels<T> contiguous(grad_output);
  const Images<const T>& from = contiguous.images();
  const Images<T> to(grad_x);
  const Cover cover_h(to.H, from.H, kernel_h, stride_h, pad_h, 1);
  const Cover cover_w(to.W, from.W, kernel_w, stride_w, pad_w, 1);
  const Divisor divisor_h{kernel_h, stride_h, pad_h, to.H, count_include_pad};
  const Divisor divisor_w{kernel_w, stride_w, pad_w, to.W, count_include_pad};
  struct Window {
    const T* grad;
    T share;
  };
  for_each_row(to, grad_x.shape[1], [&](int64_t n, int64_t h) {
    Scratch<Window> windows(kernel_h * kernel_w);
    for (int64_t w = 0; w < to.W; ++w) {
      int64_t covering = 0;
      for (int64_t a = h * kernel_h; a < h * kernel_h + cover_h.count[h]; ++a)
        for (int64_t b = w * kernel_w; b < w * kernel_w + cover_w.count[w]; ++b) {
          const int64_t i = cover_h.windows[a], j = cover_w.windows[b];
          const int64_t divisor = divisor_override ? divisor_override : divisor_h.along(i) * divisor_w.along(j);
          windows[covering++] = {from.pixel(n, i, j), T(1) / static_cast<T>(divisor)};
        }
      T* result = to.pixel(n, h, w);
      for_each_register<T>(grad_x.shape[1], [&](int64_t c, int64_t count) {
        Vec<T> sum(T(0));
        for (int64_t v = 0; v < covering; ++v) sum = sum + load(windows[v].grad + c, count) * Vec<T>(windows[v].share);
        store(sum, result + c, count);
      });
    }
  });
}

}  // namespace

TG_EXPORT(max_pool2d)
TG_EXPORT(max_pool2d_backward)
TG_EXPORT(max_pool2d_gather)
TG_EXPORT(avg_pool2d)
TG_EXPORT(avg_pool2d_backward)

extern const int64_t pooling_task;
const int64_t pooling_task = kTaskElements;
}  // namespace TG_LEVEL
}  // namespace tg
