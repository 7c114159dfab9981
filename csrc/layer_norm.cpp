// Layer norm over rows of n elements:
//   out = xhat * weight + bias,   xhat = (x - mean) * rstd,   rstd = 1 / sqrt(mean((x - mean)^2) + eps)
//   grad_x = rstd * (h - mean(h) - xhat * mean(h * xhat)),    h = grad_output * weight
//   grad_weight = sum over rows of grad_output * xhat,        grad_bias = sum over rows of grad_output
// The variance takes a second sweep over the row in cache, which loses no digits where |mean| >> std. Backward sums
// the gradients of weight and bias over fixed chunks of rows, then adds the chunks in order: the same bits for any
// number of threads.
#include "kernels.h"
#include "row.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
void layer_norm(In<T> x, Maybe<T> weight, Maybe<T> bias, Out<T> out, Out<T> mean, Out<T> rstd, double eps) {
  const int64_t rows = mean.numel(), n = rows > 0 ? x.numel() / rows : 0;
  const int64_t per_task = units_per_task(n);
  const auto row_norm = [&](int64_t row) {
    const T* const x_row = x.data + row * n;
    T* const out_row = out.data + row * n;
    Vec<T> sum(T(0)), squares(T(0));
    sweep<T>(n, [&](int64_t i, auto lanes) { sum = sum + lanes.load(x_row + i, T(0)); });
    const T row_mean = horizontal_sum(sum) / static_cast<T>(n);
    sweep<T>(n, [&](int64_t i, auto lanes) {
      const Vec<T> centred = lanes.load(x_row + i, row_mean) - Vec<T>(row_mean);
      squares = squares + centred * centred;
    });
    const double variance = static_cast<double>(horizontal_sum(squares)) / static_cast<double>(n);
    const T row_rstd = static_cast<T>(1.0 / __builtin_sqrt(variance + eps));
    sweep<T>(n, [&](int64_t i, auto lanes) {
      Vec<T> y = (lanes.load(x_row + i, T(0)) - Vec<T>(row_mean)) * Vec<T>(row_rstd);
      if (weight.data) y = y * lanes.load(weight.data + i, T(0));
      if (bias.data) y = y + lanes.load(bias.data + i, T(0));
      lanes.store(y, out_row + i);
    });
    mean.data[row] = row_mean;
    rstd.data[row] = row_rstd;
  };
  parallel_for((rows + per_task - 1) / per_task, [&](int64_t task) {
    const int64_t end = (task + 1) * per_task < rows ? (task + 1) * per_task : rows;
    for (int64_t row = task * per_task; row < end; ++row) row_norm(row);
  });
}

// grad_x of one row; adds the row's share to grad_weight and grad_bias.
template <class T>
TG_INLINE void layer_norm_row_backward(const T* g, const T* x, const T* weight, T mean, T rstd, int64_t n, T* grad_x,
                                       T* grad_weight, T* grad_bias) {
  Vec<T> sum_h(T(0)), sum_h_xhat(T(0));
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const Vec<T> g_i = lanes.load(g + i, T(0));
    const Vec<T> xhat = (lanes.load(x + i, mean) - Vec<T>(mean)) * Vec<T>(rstd);
    const Vec<T> h = weight ? g_i * lanes.load(weight + i, T(0)) : g_i;
    sum_h = sum_h + h;
    sum_h_xhat = sum_h_xhat + h * xhat;
    lanes.store(lanes.load(grad_weight + i, T(0)) + g_i * xhat, grad_weight + i);
    lanes.store(lanes.load(grad_bias + i, T(0)) + g_i, grad_bias + i);
  });
  const Vec<T> mean_h(horizontal_sum(sum_h) / static_cast<T>(n));
  const Vec<T> mean_h_xhat(horizontal_sum(sum_h_xhat) / static_cast<T>(n));
  sweep<T>(n, [&](int64_t i, auto lanes) {
    const Vec<T> g_i = lanes.load(g + i, T(0));
    const Vec<T> xhat = (lanes.load(x + i, T(0)) - Vec<T>(mean)) * Vec<T>(rstd);
    const Vec<T> h = weight ? g_i * lanes.load(weight + i, T(0)) : g_i;
    lanes.store(Vec<T>(rstd) * (h - mean_h - xhat * mean_h_xhat), grad_x + i);
  });
}

constexpr int64_t kNormChunks = 32;     // most chunks: adding them up stays cheap beside the rows themselves
constexpr int64_t kNormChunkRows = 16;  // fewest rows of a chunk

template <class T>
void layer_norm_backward(In<T> grad_output, In<T> x, Maybe<T> weight, In<T> mean, In<T> rstd, Out<T> grad_x,
                         Out<T> grad_weight, Out<T> grad_bias) {
  const int64_t rows = mean.numel(), n = grad_weight.numel();
  const int64_t even = (rows + kNormChunks - 1) / kNormChunks;
  const int64_t chunk_rows = even < kNormChunkRows ? kNormChunkRows : even;
  const int64_t chunks = (rows + chunk_rows - 1) / chunk_rows;
  Scratch<T> sums(2 * chunks * n);  // (chunks, 2, n): grad_weight and grad_bias of each chunk
  const auto chunk_backward = [&](int64_t chunk) {
    T* const chunk_weight = sums.data() + 2 * chunk * n;
    for (int64_t i = 0; i < 2 * n; ++i) chunk_weight[i] = T(0);
    const int64_t end = (chunk + 1) * chunk_rows < rows ? (chunk + 1) * chunk_rows : rows;
    for (int64_t row = chunk * chunk_rows; row < end; ++row)
      layer_norm_row_backward(grad_output.data + row * n, x.data + row * n, weight.data, mean.data[row], rstd.data[row],
                              n, grad_x.data + row * n, chunk_weight, chunk_weight + n);
  };
  if (rows * n < kTaskElements) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) chunk_backward(chunk);
  } else {
    parallel_for(chunks, chunk_backward);
  }
  for (int64_t i = 0; i < n; ++i) grad_weight.data[i] = grad_bias.data[i] = T(0);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const T* const chunk_weight = sums.data() + 2 * chunk * n;
    for (int64_t i = 0; i < n; ++i) {
      grad_weight.data[i] += chunk_weight[i];
      grad_bias.data[i] += chunk_weight[n + i];
    }
  }
}

}  // namespace
extern const int64_t norm_chunks, norm_chunk_rows;
const int64_t norm_chunks = kNormChunks, norm_chunk_rows = kNormChunkRows;
TG_EXPORT(layer_norm)
TG_EXPORT(layer_norm_backward)
}  // namespace TG_LEVEL
}  // namespace tg
