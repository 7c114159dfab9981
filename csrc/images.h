// Batches of images as convolution and pooling see them: NCHW in shape, channels-last in memory, so that a register
// holds neighbouring channels of one pixel. Images in another order are copied into this one first.
#pragma once
#include <cstring>

#include "kernels.h"
#include "parallel.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Some channels of a batch of images: element (n, h, w, c) lies at
// data[n * step_n + h * step_h + w * step_w + c * step_c].
template <class T>
struct Images {
  T* data;
  int64_t N, H, W;
  int64_t step_n, step_h, step_w, step_c;

  TG_INLINE Images(T* at, int64_t n, int64_t h, int64_t w, int64_t n_step, int64_t h_step, int64_t w_step,
                   int64_t c_step)
      : data(at), N(n), H(h), W(w), step_n(n_step), step_h(h_step), step_w(w_step), step_c(c_step) {}
  explicit TG_INLINE Images(const Array<T>& x)
      : data(x.data),
        N(x.shape[0]),
        H(x.shape[2]),
        W(x.shape[3]),
        step_n(x.strides[0]),
        step_h(x.strides[2]),
        step_w(x.strides[3]),
        step_c(x.shape[1] == 1 ? 1 : x.strides[1]) {}

  TG_INLINE T* pixel(int64_t n, int64_t h, int64_t w) const { return data + n * step_n + h * step_h + w * step_w; }
};

// A dense copy in zero padding, channels last, each group's channels on their own: (group, n, h, w, c).
template <class T>
class PaddedCopy {
 public:
  PaddedCopy(const Images<const T>& x, int64_t groups, int64_t x_group, int64_t channels, int64_t before_h,
             int64_t after_h, int64_t before_w, int64_t after_w)
      : images(x),
        group(x.N * (before_h + x.H + after_h) * (before_w + x.W + after_w) * channels),
        data_(groups * group) {
    images.step_c = 1;
    images.step_w = channels;
    images.step_h = (before_w + x.W + after_w) * channels;
    images.step_n = (before_h + x.H + after_h) * images.step_h;
    images.data = data_.data() + before_h * images.step_h + before_w * channels;
    parallel_for(groups * x.N, [&](int64_t task) {
      T* image = data_.data() + task * images.step_n;
      std::memset(image, 0, static_cast<size_t>(images.step_n) * sizeof(T));
      T* to = image + before_h * images.step_h + before_w * channels;
      const T* from = x.pixel(task % x.N, 0, 0) + task / x.N * x_group;
      for (int64_t h = 0; h < x.H; ++h, to += images.step_h, from += x.step_h)
        for (int64_t w = 0; w < x.W; ++w)
          for (int64_t c = 0; c < channels; ++c) to[w * channels + c] = from[w * x.step_w + c * x.step_c];
    });
  }

  Images<const T> images;  // of the first group, without the padding
  int64_t group;           // from one group to the next

 private:
  Scratch<T> data_;
};

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
