// Running sums along one dimension: out[k, i] = x[k, 0] + ... + x[k, i], accumulated in double for float too.
//
// Where x is contiguous along another dimension, a strip of kStrip neighbouring outputs runs side by side; else
// one output after another. Backwards sums are the caller's: arrays flipped by negative strides.
#include "kernels.h"
#include "nest.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kStrip = 64;

template <class T>
void cumsum(In<T> x, Out<T> out, int64_t dim) {
  const int64_t n = x.shape[dim], step = x.strides[dim], out_step = out.strides[dim];
  Nest<2> kept;
  for (int64_t d = 0; d < x.ndim; ++d)
    if (d != dim) kept.push({x.shape[d], {x.strides[d], out.strides[d]}});
  kept.arrange();
  if (n == 0 || kept.numel() == 0) return;
  if (kept.ndim == 0) kept.dims[kept.ndim++] = {1, {0, 0}};
  const auto& run = kept.inner();
  const bool by_columns = run.stride[0] == 1 && run.stride[1] == 1 && step != 1;
  const int64_t strip = by_columns ? kStrip : 1, strips = (run.size + strip - 1) / strip;
  parallel_slices(kept.numel() / run.size * strips, n * strip, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; ++k) {
      const Odometer<2> position(kept, kept.ndim - 1, k / strips);
      const int64_t start = k % strips * strip;
      const T* from = x.data + position.offset[0] + start * run.stride[0];
      T* to = out.data + position.offset[1] + start * run.stride[1];
      if (by_columns) {
        const int64_t columns = run.size - start < kStrip ? run.size - start : kStrip;
        double sum[kStrip] = {};
        for (int64_t i = 0; i < n; ++i)
          for (int64_t c = 0; c < columns; ++c) {
            sum[c] += static_cast<double>(from[i * step + c]);
            to[i * out_step + c] = static_cast<T>(sum[c]);
          }
      } else {
        double sum = 0;
        for (int64_t i = 0; i < n; ++i) {
          sum += static_cast<double>(from[i * step]);
          to[i * out_step] = static_cast<T>(sum);
        }
      }
    }
  });
}

}  // namespace
extern const int64_t cumsum_strip;
const int64_t cumsum_strip = kStrip;
TG_EXPORT(cumsum)
}  // namespace TG_LEVEL
}  // namespace tg
