// softmax:      out_i = exp(x_i - m) / sum_j exp(x_j - m),       m = max_j x_j
//               grad_x = out * (g - sum_j g_j out_j)
// log_softmax:  out_i = (x_i - m) - log sum_j exp(x_j - m)
//               grad_x = g - exp(out) * sum_j g_j
// along one dim of arrays of any strides. Three sweeps over a row that stays in cache: the maximum, the
// exponentials and their sum, the division. Subtracting m keeps every exponent at or below 0, so nothing overflows;
// a row of -inf, or one that holds +inf or NaN, is NaN throughout, as in PyTorch.
#include "kernels.h"
#include "row.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
void softmax(In<T> x, Out<T> out, int64_t dim) {
  const auto row_softmax = [](int64_t, auto along, auto x_row, auto out_row) {
    const Vec<T> largest = row_max<T>(along, x_row);
    Vec<T> sum(T(0));
    along.sweep([&](int64_t i, auto lanes) {
      const Vec<T> e = exp_no_denormals(lanes.load(x_row + i, kLowest<T>) - largest);
      lanes.store(e, out_row + i);
      sum = sum + e;
    });
    const Vec<T> scale = Vec<T>(T(1)) / along.sum(sum);
    along.sweep([&](int64_t i, auto lanes) { lanes.store(lanes.load(out_row + i, T(0)) * scale, out_row + i); });
  };
  for_each_row<T>(dim, x.shape[dim], row_softmax, x, out);
}

template <class T>
void log_softmax(In<T> x, Out<T> out, int64_t dim) {
  const auto row_log_softmax = [](int64_t, auto along, auto x_row, auto out_row) {
    const Vec<T> largest = row_max<T>(along, x_row);
    const Vec<T> log_sum = row_log_sum<T>(along, x_row, largest);
    along.sweep(
        [&](int64_t i, auto lanes) { lanes.store((lanes.load(x_row + i, T(0)) - largest) - log_sum, out_row + i); });
  };
  for_each_row<T>(dim, x.shape[dim], row_log_softmax, x, out);
}

template <class T>
void softmax_backward(In<T> grad_output, In<T> out, Out<T> grad_x, int64_t dim) {
  const auto row_backward = [](int64_t, auto along, auto g, auto out_row, auto grad_row) {
    Vec<T> dot(T(0));
    along.sweep([&](int64_t i, auto lanes) { dot = dot + lanes.load(g + i, T(0)) * lanes.load(out_row + i, T(0)); });
    dot = along.sum(dot);
    along.sweep([&](int64_t i, auto lanes) {
      lanes.store(lanes.load(out_row + i, T(0)) * (lanes.load(g + i, T(0)) - dot), grad_row + i);
    });
  };
  for_each_row<T>(dim, out.shape[dim], row_backward, grad_output, out, grad_x);
}

template <class T>
void log_softmax_backward(In<T> grad_output, In<T> out, Out<T> grad_x, int64_t dim) {
  const auto row_backward = [](int64_t, auto along, auto g, auto out_row, auto grad_row) {
    Vec<T> sum(T(0));
    along.sweep([&](int64_t i, auto lanes) { sum = sum + lanes.load(g + i, T(0)); });
    sum = along.sum(sum);
    along.sweep([&](int64_t i, auto lanes) {
      lanes.store(lanes.load(g + i, T(0)) - exp_no_denormals(lanes.load(out_row + i, T(0))) * sum, grad_row + i);
    });
  };
  for_each_row<T>(dim, out.shape[dim], row_backward, grad_output, out, grad_x);
}

}  // namespace
extern const int64_t row_vector_bytes, row_task_elements;
const int64_t row_vector_bytes = TG_VECTOR_BYTES, row_task_elements = kTaskElements;
TG_EXPORT(softmax)
TG_EXPORT(log_softmax)
TG_EXPORT(softmax_backward)
TG_EXPORT(log_softmax_backward)
}  // namespace TG_LEVEL
}  // namespace tg
