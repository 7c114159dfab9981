// Cross-entropy with class indices, fused over the class dim of logits (N, C, d1, ...):
//   loss_n = sum_c q_c (log_sum - (x_c - m)),   m = max_c x_c,  log_sum = log sum_c exp(x_c - m)
//   grad_x = g (Q softmax(x) - q),              Q = sum_c q_c
// where q spreads the target y by label smoothing e, each class weighted: q_c = w_c ((1 - e) [c == y] + e / C).
// Rows whose target is ignore_index have q = 0. mean divides by the sum of w_y over the rows that count.
// m and log_sum are kept apart: their sum would lose what separates the logits when these are large.
// nll_loss is -w_y x_y on log-probabilities x. Targets, losses and stats are contiguous, one element a row.
// Only rows that belong to no other are written, and sums over rows run in order: same bits for any threads.
#include "kernels.h"
#include "row.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

enum Reduction : int64_t { kNone = 0, kMean = 1, kSum = 2 };  // as REDUCTIONS in ops/cross_entropy.py

// Class weights that default to 1.
template <class T>
struct ClassWeights {
  const T* data;
  TG_INLINE explicit ClassWeights(Maybe<T> weight) : data(weight.data) {}
  TG_INLINE T operator[](int64_t c) const { return data ? data[c] : T(1); }
  template <class Lanes>
  TG_INLINE Vec<T> at(int64_t c, const Lanes& lanes) const {
    return data ? lanes.per_position(data + c) : Vec<T>(T(1));
  }
};

// The class of each row, or kNoClass for one that does not count. Python has checked that these hold ignore_index;
// but the memory may have been written since, and no target may ever lead out of bounds.
constexpr Index kNoClass = -1;
struct Classes {
  const Index* targets;
  int64_t ignore_index, classes;
  TG_INLINE Index operator[](int64_t row) const {
    const Index target = targets[row];
    return target == ignore_index || target < 0 || target >= classes ? kNoClass : target;
  }
};

// How label smoothing turns a target into q, apart from the target itself.
template <class T>
struct Smoothing {
  T on_target;     // 1 - e
  T on_every;      // e / C
  T total_weight;  // sum_c w_c
  Smoothing(double smoothing, int64_t classes, const ClassWeights<T>& weights)
      : on_target(static_cast<T>(1.0 - smoothing)),
        on_every(static_cast<T>(smoothing / static_cast<double>(classes))),
        total_weight(0) {
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += static_cast<double>(weights[c]);
    total_weight = static_cast<T>(sum);
  }
};

// out = the losses, their sum, or their mean over the weight of the rows that count.
template <class T>
void reduce_losses(const T* losses, const Classes& targets, int64_t rows, const ClassWeights<T>& weights,
                   int64_t reduction, T* out, T* total_weight) {
  double sum = 0, weight = 0;
  for (int64_t r = 0; r < rows; ++r) {
    sum += static_cast<double>(losses[r]);
    if (const Index target = targets[r]; target != kNoClass) weight += static_cast<double>(weights[target]);
  }
  *total_weight = static_cast<T>(weight);
  if (reduction == kMean) *out = static_cast<T>(sum / weight);
  if (reduction == kSum) *out = static_cast<T>(sum);
}

// What a row's gradient is scaled by: its grad_output (one for all rows when reduced), over the weight for mean.
template <class T>
struct RowScale {
  const T* grad_output;
  int64_t stride;
  T divisor;
  RowScale(In<T> grad, In<T> total_weight, int64_t reduction)
      : grad_output(grad.data),
        stride(reduction == kNone ? 1 : 0),
        divisor(reduction == kMean ? *total_weight.data : T(1)) {}
  TG_INLINE T operator[](int64_t row) const { return grad_output[row * stride] / divisor; }
};

// sum_c w_c (log_sum - (x_c - largest)) of each row: no term is negative.
template <class T, class Along, class Pointer>
TG_INLINE Vec<T> sum_over_classes(const Along& along, Pointer x, const ClassWeights<T>& weights, T total_weight,
                                  Vec<T> largest, Vec<T> log_sum) {
  Vec<T> below(T(0));
  along.sweep(
      [&](int64_t c, auto lanes) { below = below + weights.at(c, lanes) * (largest - lanes.load(x + c, largest)); });
  return Vec<T>(total_weight) * log_sum + along.sum(below);
}

template <class T>
void cross_entropy(In<T> logits, In<Index> targets, Maybe<T> weight, Out<T> out, Out<T> stats, Out<T> total_weight,
                   int64_t ignore_index, int64_t reduction, double label_smoothing) {
  const int64_t classes = logits.shape[1], rows = targets.numel();
  const Classes target_of{targets.data, ignore_index, classes};
  const ClassWeights<T> weights(weight);
  const Smoothing<T> smoothing(label_smoothing, classes, weights);
  Scratch<T> scratch(reduction == kNone ? 0 : rows);
  T* const losses = reduction == kNone ? out.data : scratch.data();
  const auto row_losses = [&](int64_t first, auto along, auto x) {
    const Vec<T> largest = row_max<T>(along, x);
    const Vec<T> log_sum = row_log_sum<T>(along, x, largest);
    Vec<T> every(T(0));
    if (smoothing.on_every > 0) every = sum_over_classes(along, x, weights, smoothing.total_weight, largest, log_sum);
    for (int64_t lane = 0; lane < along.rows; ++lane) {
      const int64_t row = first + lane;
      const Index target = target_of[row];
      stats.data[row] = largest.v[lane];
      stats.data[rows + row] = log_sum.v[lane];
      losses[row] = T(0);
      if (target == kNoClass) continue;
      const T surprise = log_sum.v[lane] - ((x + target)[lane] - largest.v[lane]);
      losses[row] = smoothing.on_target * weights[target] * surprise + smoothing.on_every * every.v[lane];
    }
  };
  for_each_row<T>(1, classes, row_losses, logits);
  reduce_losses(losses, target_of, rows, weights, reduction, out.data, total_weight.data);
}

template <class T>
void cross_entropy_backward(In<T> grad_output, In<T> logits, In<Index> targets, Maybe<T> weight, In<T> stats,
                            In<T> total_weight, Out<T> grad_x, int64_t ignore_index, int64_t reduction,
                            double label_smoothing) {
  const int64_t classes = logits.shape[1], rows = targets.numel();
  const Classes target_of{targets.data, ignore_index, classes};
  const ClassWeights<T> weights(weight);
  const Smoothing<T> smoothing(label_smoothing, classes, weights);
  const RowScale<T> scales(grad_output, total_weight, reduction);
  const auto row_gradients = [&](int64_t first, auto along, auto x, auto grad) {
    T total[Vec<T>::width], every[Vec<T>::width], hit[Vec<T>::width];  // per row: g Q, and the two parts of g q
    Index target[Vec<T>::width];
    for (int64_t lane = 0; lane < along.rows; ++lane) {
      target[lane] = target_of[first + lane];
      const bool counts = target[lane] != kNoClass;
      const T scale = counts ? scales[first + lane] : T(0);
      hit[lane] = counts ? scale * smoothing.on_target * weights[target[lane]] : T(0);
      every[lane] = scale * smoothing.on_every;
      total[lane] = hit[lane] + every[lane] * smoothing.total_weight;
    }
    const Vec<T> largest = along.per_row(stats.data + first), log_sum = along.per_row(stats.data + rows + first);
    const Vec<T> totals = along.per_row(total), everys = along.per_row(every);
    along.sweep([&](int64_t i, auto lanes) {
      const Vec<T> p = exp_no_denormals((lanes.load(x + i, T(0)) - largest) - log_sum);
      lanes.store(totals * p - everys * weights.at(i, lanes), grad + i);
    });
    for (int64_t lane = 0; lane < along.rows; ++lane)
      if (target[lane] != kNoClass) (grad + target[lane])[lane] -= hit[lane];
  };
  for_each_row<T>(1, classes, row_gradients, logits, grad_x);
}

template <class T>
void nll_loss(In<T> log_probabilities, In<Index> targets, Maybe<T> weight, Out<T> out, Out<T> total_weight,
              int64_t ignore_index, int64_t reduction) {
  const int64_t rows = targets.numel();
  const Classes target_of{targets.data, ignore_index, log_probabilities.shape[1]};
  const ClassWeights<T> weights(weight);
  const OtherDims dims(1, log_probabilities);
  Scratch<T> scratch(reduction == kNone ? 0 : rows);
  T* const losses = reduction == kNone ? out.data : scratch.data();
  for (int64_t row = 0; row < rows; ++row) {
    const Index target = target_of[row];
    losses[row] = T(0);
    if (target == kNoClass) continue;
    losses[row] = -weights[target] * dims.start(log_probabilities, row)[target * log_probabilities.strides[1]];
  }
  reduce_losses(losses, target_of, rows, weights, reduction, out.data, total_weight.data);
}

// grad_x must arrive as zeros: one element of each row is written.
template <class T>
void nll_loss_backward(In<T> grad_output, In<Index> targets, Maybe<T> weight, In<T> total_weight, Out<T> grad_x,
                       int64_t ignore_index, int64_t reduction) {
  const int64_t rows = targets.numel();
  const Classes target_of{targets.data, ignore_index, grad_x.shape[1]};
  const ClassWeights<T> weights(weight);
  const RowScale<T> scales(grad_output, total_weight, reduction);
  const OtherDims dims(1, grad_x);
  for (int64_t row = 0; row < rows; ++row) {
    const Index target = target_of[row];
    if (target != kNoClass) dims.start(grad_x, row)[target * grad_x.strides[1]] = -scales[row] * weights[target];
  }
}

}  // namespace
TG_EXPORT(cross_entropy)
TG_EXPORT(cross_entropy_backward)
TG_EXPORT(nll_loss)
TG_EXPORT(nll_loss_backward)
}  // namespace TG_LEVEL
}  // namespace tg
