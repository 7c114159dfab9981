// Convolution (cross-correlation) of images.
//
//   out[n, co, oh, ow] = bias[co] + sum over c, kh, kw of weight[co, c, kh, kw] *
//                        x[n, c, oh * stride - pad + kh * dilation, ow * stride - pad + kw * dilation]
//
// The memory layout and the algorithm are described in conv_product.h, depthwise convolution in conv_depthwise.h.
#include "conv_product.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
void conv2d(In<T> x, In<T> weight, Maybe<T> bias, Out<T> out, int64_t stride_h, int64_t stride_w, int64_t pad_h,
            int64_t pad_w, int64_t dilation_h, int64_t dilation_w, int64_t groups, bool relu) {
  const int64_t channels = weight.shape[1], columns = weight.shape[0] / groups;
  Taps taps_h(weight.shape[2]), taps_w(weight.shape[3]);
  forward_taps(taps_h, weight.shape[2], pad_h, dilation_h);
  forward_taps(taps_w, weight.shape[3], pad_w, dilation_w);
  Gather<T> g{Images<const T>(x), Images<T>(out), groups, channels * x.strides[1], columns, channels, columns, stride_h,
              stride_w,           taps_h,         taps_w};
  g.inside = g.fits();
  const Weights<T> weights{weight.data,       columns * weight.strides[0], weight.strides[0],
                           weight.strides[1], weight.strides[2],           weight.strides[3]};
  Scratch<T> dense_bias(out.shape[1]);
  if (bias.data)
    for (int64_t c = 0; c < out.shape[1]; ++c) dense_bias[c] = bias.data[c * bias.strides[0]];
  gather_product(g, weights, bias.data ? dense_bias.data() : nullptr, relu);
}

}  // namespace

TG_EXPORT(conv2d)

}  // namespace TG_LEVEL
}  // namespace tg
