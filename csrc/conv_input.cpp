// The gradient of conv2d with respect to its input.
//
//   grad_x[n, c, h, w] = sum over co, kh, kw of weight[co, c, kh, kw] * grad_output[n, co, oh, ow]
//                        for oh, ow with oh * stride - pad + kh * dilation = h, and the same for ow and w
//
// The pixels of grad_x whose h and w leave the same remainders by stride see the same taps, at distances that do not
// depend on the pixel: each such set is one walk over grad_output (conv.h), with the taps in reverse order. Only
// where the image has few channels, most lanes of a register would idle, and another way is taken (add_shares).
#include "conv_product.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kFewColumns = 8;                    // below, shares are added instead (bench_conv)
constexpr int64_t kShareElements = int64_t{1} << 20;  // shares that are computed before they are added

// The pixels f, f + stride, ... of an image along both axes, as an image.
template <class T>
Images<T> every(const Images<T>& x, int64_t stride_h, int64_t stride_w, int64_t f_h, int64_t f_w) {
  Images<T> some = x;
  some.data += f_h * x.step_h + f_w * x.step_w;
  some.H = f_h < x.H ? (x.H - f_h + stride_h - 1) / stride_h : 0;
  some.W = f_w < x.W ? (x.W - f_w + stride_w - 1) / stride_w : 0;
  some.step_h *= stride_h;
  some.step_w *= stride_w;
  return some;
}

struct Window {
  int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

// The weights as one dense block (C_out, c, kh, kw).
template <class T>
void copy_weights(In<T> weight, T* dense) {
  const int64_t* step = weight.strides;
  for (int64_t co = 0; co < weight.shape[0]; ++co)
    for (int64_t c = 0; c < weight.shape[1]; ++c)
      for (int64_t kh = 0; kh < weight.shape[2]; ++kh)
        for (int64_t kw = 0; kw < weight.shape[3]; ++kw)
          *dense++ = weight.data[co * step[0] + c * step[1] + kh * step[2] + kw * step[3]];
}

// image[h, w, c] = the sum of shares[i, j, c, kh, kw] over the windows (i, j) that cover the pixel (h, w).
template <class T>
void add_shares(const Images<T>& shares, const Images<T>& grad_x, int64_t n, int64_t image, int64_t C, int64_t KH,
                int64_t KW, const Window& window) {
  for (int64_t h = 0; h < grad_x.H; ++h)
    for (int64_t w = 0; w < grad_x.W; ++w)
      for (int64_t c = 0; c < C; ++c) grad_x.pixel(image, h, w)[c] = T(0);
  for (int64_t i = 0; i < shares.H; ++i) {
    for (int64_t kh = 0; kh < KH; ++kh) {
      const int64_t h = i * window.stride_h - window.pad_h + kh * window.dilation_h;
      if (h < 0 || h >= grad_x.H) continue;
      for (int64_t j = 0; j < shares.W; ++j) {
        const T* share = shares.pixel(n, i, j) + kh * KW;
        for (int64_t kw = 0; kw < KW; ++kw) {
          const int64_t w = j * window.stride_w - window.pad_w + kw * window.dilation_w;
          if (w < 0 || w >= grad_x.W) continue;
          T* pixel = grad_x.pixel(image, h, w);
          for (int64_t c = 0; c < C; ++c) pixel[c] += share[c * KH * KW + kw];
        }
      }
    }
  }
}

// grad_x of images with few channels. The columns of the product are all (c, kh, kw) together: each output pixel's
// share of every input pixel under its window. The shares are then added where they belong, image by image (col2im).
template <class T>
void few_channels(In<T> grad_output, In<T> weight, Out<T> grad_x, const Window& window) {
  const int64_t C = weight.shape[1], KH = weight.shape[2], KW = weight.shape[3], columns = C * KH * KW;
  Scratch<T> dense(weight.shape[0] * columns);
  copy_weights(weight, dense.data());
  const Weights<T> weights{dense.data(), 0, 1, columns, 0, 0};
  Taps one(1);
  one.add(0, 0);

  const Images<const T> grads(grad_output);
  const Images<T> to(grad_x);
  const int64_t image = grads.H * grads.W * columns, batch = smaller(kShareElements / image + 1, grads.N);
  Scratch<T> memory(batch * image);
  for (int64_t first = 0; first < grads.N; first += batch) {
    Gather<T> g{grads, to, 1, 0, 0, weight.shape[0], columns, 1, 1, one, one};
    g.inside = true;
    g.source.data += first * grads.step_n;
    g.source.N = smaller(batch, grads.N - first);
    g.out = {memory.data(), g.source.N, grads.H, grads.W, image, grads.W * columns, columns, 1};
    gather_product(g, weights, static_cast<const T*>(nullptr), false);
    parallel_for(g.out.N, [&](int64_t n) { add_shares(g.out, to, n, first + n, C, KH, KW, window); });
  }
}

template <class T>
void conv2d_input(In<T> grad_output, In<T> weight, Out<T> grad_x, int64_t stride_h, int64_t stride_w, int64_t pad_h,
                  int64_t pad_w, int64_t dilation_h, int64_t dilation_w, int64_t groups) {
  const int64_t columns = weight.shape[1], channels = weight.shape[0] / groups;
  if (groups == 1 && columns < kFewColumns && grad_x.numel() > 0 && grad_output.numel() > 0)
    return few_channels<T>(grad_output, weight, grad_x, {stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w});
  const Weights<T> weights{weight.data,       channels * weight.strides[0],
                           weight.strides[1], weight.strides[0],
                           weight.strides[2], weight.strides[3]};
  for (int64_t f_h = 0; f_h < stride_h; ++f_h) {
    Taps taps_h(weight.shape[2]);
    input_taps(taps_h, weight.shape[2], stride_h, pad_h, dilation_h, f_h);
    for (int64_t f_w = 0; f_w < stride_w; ++f_w) {
      Taps taps_w(weight.shape[3]);
      input_taps(taps_w, weight.shape[3], stride_w, pad_w, dilation_w, f_w);
      Gather<T> g{Images<const T>(grad_output),
                  every(Images<T>(grad_x), stride_h, stride_w, f_h, f_w),
                  groups,
                  channels * grad_output.strides[1],
                  columns,
                  channels,
                  columns,
                  1,
                  1,
                  taps_h,
                  taps_w};
      g.inside = g.fits();
      gather_product(g, weights, static_cast<const T*>(nullptr), false);
    }
  }
}

}  // namespace

TG_EXPORT(conv2d_input)

}  // namespace TG_LEVEL
}  // namespace tg
