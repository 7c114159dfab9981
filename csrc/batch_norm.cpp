// Batch norm of x (N, C, ...), each channel over its M elements:
//   out = xhat * weight + bias,   xhat = (x - mean) * rstd,   rstd = 1 / sqrt(var + eps)
//   grad_weight = sum of grad_output * xhat,   grad_bias = sum of grad_output
//   grad_x = weight * rstd * (grad_output - grad_bias / M - xhat * grad_weight / M)     in training
//   grad_x = weight * rstd * grad_output                                                where statistics are given
// Memory is dense: channels-last (a row of C after another) or planes (row-major). Both run the same formulas on a
// vector of elements: in channels-last its lanes are channels, in planes they are elements of one channel. Sums are cut
// into fixed chunks and added in order; variances are joined as in Chan, Golub and LeVeque (1979), so that no digits
// are lost where |mean| >> std.
#include "kernels.h"
#include "row.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// How a parameter of one channel meets a vector of its elements, and how such a vector becomes the channel's sum.
template <class T>
struct OneChannel {
  TG_INLINE Vec<T> load(const T* p, Vec<T>) const { return Vec<T>(*p); }
  TG_INLINE void store_sum(Vec<T> v, T* p) const { *p = horizontal_sum(v); }
};
template <class T, class Lanes>
struct ChannelPerLane {
  Lanes lanes;
  TG_INLINE Vec<T> load(const T* p, Vec<T> fill) const { return lanes.load(p, fill); }
  TG_INLINE void store_sum(Vec<T> v, T* p) const { lanes.store(v, p); }
};

// The chunks that both layouts are cut into: whole rows of C, or whole images of C planes.
template <class T>
struct Chunks {
  bool channels_last;
  int64_t channels, plane;   // plane: elements of a channel in one unit
  int64_t units, per_chunk;  // a unit is a row or an image
  int64_t count;

  Chunks(In<T> x, bool last) : channels_last(last), channels(x.shape[1]), plane(1), units(x.shape[0]) {
    int64_t& inner = channels_last ? units : plane;
    for (int64_t d = 2; d < x.ndim; ++d) inner *= x.shape[d];
    per_chunk = units_per_task(channels * plane);
    count = (units + per_chunk - 1) / per_chunk;
  }

  int64_t begin(int64_t chunk) const { return chunk * per_chunk; }
  int64_t end(int64_t chunk) const { return (chunk + 1) * per_chunk < units ? (chunk + 1) * per_chunk : units; }
  int64_t elements(int64_t chunk) const { return (end(chunk) - begin(chunk)) * plane; }  // of one channel

  // body(c, channel, visit) for every group of channels; visit(step) runs step(offset, lanes) over its elements.
  template <class Body>
  TG_INLINE void for_each_channel(int64_t chunk, const Body& body) const {
    const int64_t first = begin(chunk), last = end(chunk);
    if (channels_last) {
      sweep<T>(channels, [&](int64_t c, auto lanes) {
        body(c, ChannelPerLane<T, decltype(lanes)>{lanes}, [&](const auto& step) {
          for (int64_t row = first; row < last; ++row) step(row * channels + c, lanes);
        });
      });
    } else {
      for (int64_t c = 0; c < channels; ++c)
        body(c, OneChannel<T>{}, [&](const auto& step) {
          for (int64_t image = first; image < last; ++image) {
            const int64_t start = (image * channels + c) * plane;
            sweep<T>(plane, [&](int64_t i, auto lanes) { step(start + i, lanes); });
          }
        });
    }
  }
};

// mean and (biased) variance of each channel.
template <class T>
void batch_norm_stats(In<T> x, Out<T> mean, Out<T> var, bool channels_last) {
  const Chunks<T> chunks(x, channels_last);
  const int64_t channels = chunks.channels;
  Scratch<T> partial(2 * chunks.count * channels);  // (chunks, 2, C): mean and sum of squared deviations
  parallel_for(chunks.count, [&](int64_t chunk) {
    T* const means = partial.data() + 2 * chunk * channels;
    T* const squares = means + channels;
    const Vec<T> inverse_count(T(1) / static_cast<T>(chunks.elements(chunk)));
    chunks.for_each_channel(chunk, [&](int64_t c, auto channel, const auto& visit) {
      Vec<T> sum(T(0)), square(T(0));
      visit([&](int64_t at, auto lanes) { sum = sum + lanes.load(x.data + at, T(0)); });
      channel.store_sum(sum * inverse_count, means + c);
      const Vec<T> centre = channel.load(means + c, T(0));
      visit([&](int64_t at, auto lanes) {
        const Vec<T> deviation = lanes.load(x.data + at, centre) - centre;
        square = square + deviation * deviation;
      });
      channel.store_sum(square, squares + c);
    });
  });
  for (int64_t c = 0; c < channels; ++c) {
    double count = 0, joined_mean = 0, joined_square = 0;
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
      const T* const means = partial.data() + 2 * chunk * channels;
      const double n = static_cast<double>(chunks.elements(chunk));
      const double delta = static_cast<double>(means[c]) - joined_mean;
      count += n;
      joined_mean += delta * n / count;
      joined_square += static_cast<double>(means[channels + c]) + delta * delta * n * (count - n) / count;
    }
    mean.data[c] = static_cast<T>(joined_mean);
    var.data[c] = static_cast<T>(joined_square / count);
  }
}

// rstd of each channel.
template <class T>
void reciprocal_std(In<T> var, double eps, T* rstd) {
  for (int64_t c = 0; c < var.shape[0]; ++c)
    rstd[c] = static_cast<T>(1.0 / __builtin_sqrt(static_cast<double>(var.data[c]) + eps));
}

template <class T>
void batch_norm(In<T> x, Maybe<T> weight, Maybe<T> bias, In<T> mean, In<T> var, Out<T> out, bool channels_last,
                double eps) {
  const Chunks<T> chunks(x, channels_last);
  Scratch<T> scale(chunks.channels);
  reciprocal_std<T>(var, eps, scale.data());
  if (weight.data)
    for (int64_t c = 0; c < chunks.channels; ++c) scale[c] *= weight.data[c];
  parallel_for(chunks.count, [&](int64_t chunk) {
    chunks.for_each_channel(chunk, [&](int64_t c, auto channel, const auto& visit) {
      const Vec<T> centre = channel.load(mean.data + c, T(0)), factor = channel.load(scale.data() + c, T(0));
      const Vec<T> shift = bias.data ? channel.load(bias.data + c, T(0)) : Vec<T>(T(0));
      visit([&](int64_t at, auto lanes) {
        lanes.store((lanes.load(x.data + at, T(0)) - centre) * factor + shift, out.data + at);
      });
    });
  });
}

template <class T>
void batch_norm_backward(In<T> grad_output, In<T> x, Maybe<T> weight, In<T> mean, In<T> var, Out<T> grad_x,
                         Out<T> grad_weight, Out<T> grad_bias, bool training, bool channels_last, double eps) {
  const Chunks<T> chunks(x, channels_last);
  const int64_t channels = chunks.channels;
  Scratch<T> rstd(channels), partial(2 * chunks.count * channels);  // (chunks, 2, C)
  reciprocal_std<T>(var, eps, rstd.data());
  parallel_for(chunks.count, [&](int64_t chunk) {
    T* const sums = partial.data() + 2 * chunk * channels;
    chunks.for_each_channel(chunk, [&](int64_t c, auto channel, const auto& visit) {
      const Vec<T> centre = channel.load(mean.data + c, T(0));
      Vec<T> sum_g(T(0)), sum_g_centred(T(0));
      visit([&](int64_t at, auto lanes) {
        const Vec<T> g = lanes.load(grad_output.data + at, T(0));
        sum_g = sum_g + g;
        sum_g_centred = sum_g_centred + g * (lanes.load(x.data + at, T(0)) - centre);
      });
      channel.store_sum(sum_g_centred * channel.load(rstd.data() + c, T(0)), sums + c);
      channel.store_sum(sum_g, sums + channels + c);
    });
  });
  for (int64_t c = 0; c < channels; ++c) grad_weight.data[c] = grad_bias.data[c] = T(0);
  for (int64_t chunk = 0; chunk < chunks.count; ++chunk)
    for (int64_t c = 0; c < channels; ++c) {
      grad_weight.data[c] += partial[2 * chunk * channels + c];
      grad_bias.data[c] += partial[(2 * chunk + 1) * channels + c];
    }
  const T share = training ? T(1) / static_cast<T>(chunks.units * chunks.plane) : T(0);
  parallel_for(chunks.count, [&](int64_t chunk) {
    chunks.for_each_channel(chunk, [&](int64_t c, auto channel, const auto& visit) {
      const Vec<T> centre = channel.load(mean.data + c, T(0)), r = channel.load(rstd.data() + c, T(0));
      const Vec<T> factor = weight.data ? r * channel.load(weight.data + c, T(0)) : r;
      const Vec<T> mean_g = channel.load(grad_bias.data + c, T(0)) * Vec<T>(share);
      const Vec<T> slope = channel.load(grad_weight.data + c, T(0)) * Vec<T>(share) * r;
      visit([&](int64_t at, auto lanes) {
        const Vec<T> g = lanes.load(grad_output.data + at, T(0));
        const Vec<T> deviation = lanes.load(x.data + at, T(0)) - centre;
        lanes.store(factor * (g - mean_g - deviation * slope), grad_x.data + at);
      });
    });
  });
}

}  // namespace
TG_EXPORT(batch_norm_stats)
TG_EXPORT(batch_norm)
TG_EXPORT(batch_norm_backward)
}  // namespace TG_LEVEL
}  // namespace tg
