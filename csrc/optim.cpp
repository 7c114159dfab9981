// One step of an optimiser over all parameters of a group in one call. For each element, with gradient g
// (negated to maximise, plus weight_decay * p where the decay is not decoupled):
//
//   SGD    b = momentum b + (1 - dampening) g  (first step: b = g);  d = b, or g + momentum b with Nesterov;
//          p = p - lr d                                  (Sutskever et al., ICML 2013)
//   Adam   m = m + (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;
//          p = p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)     (Kingma & Ba, ICLR 2015)
//          AMSGrad: v is replaced by its largest value so far        (Reddi, Kale & Kumar, ICLR 2018)
//   AdamW  Adam with p = (1 - lr weight_decay) p first               (Loshchilov & Hutter, ICLR 2019)
//
// A parameter, its gradient and its state are dense in one and the same memory order, so each is a flat run.
// Denormals are flushed: the m of a weight without gradient would rest on one and slow every later step.
#include "kernels.h"
#include "parallel.h"
#include "primitives.h"
#include "simd.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kChunk = 1 << 14;  // elements of a task
constexpr int64_t kSerialElements = 1 << 15;

// update(parameter, begin, end) for runs of at most kChunk elements that cover all parameters.
template <class T, class Update>
void for_each_chunk(List<T> params, const Update& update) {
  Scratch<int64_t> first_chunk(params.size + 1);
  int64_t chunks = 0, elements = 0;
  for (int64_t p = 0; p < params.size; ++p) {
    first_chunk[p] = chunks;
    chunks += (params[p].numel() + kChunk - 1) / kChunk;
    elements += params[p].numel();
  }
  first_chunk[params.size] = chunks;
  if (elements < kSerialElements) {
    const FlushDenormals flush;
    for (int64_t p = 0; p < params.size; ++p) update(p, int64_t{0}, params[p].numel());
    return;
  }
  parallel_for(chunks, [&](int64_t chunk) {
    const FlushDenormals flush;
    int64_t low = 0, high = params.size;  // first_chunk[low] <= chunk < first_chunk[high]
    while (high - low > 1) {
      const int64_t middle = (low + high) / 2;
      (first_chunk[middle] <= chunk ? low : high) = middle;
    }
    const int64_t begin = (chunk - first_chunk[low]) * kChunk, numel = params[low].numel();
    update(low, begin, begin + kChunk < numel ? begin + kChunk : numel);
  });
}

// body(i, lanes) for each vector of [begin, end), lanes = how many of its elements exist.
struct AllLanes {};
struct SomeLanes {
  int64_t count;
};
template <class T, class Body>
TG_INLINE void for_each_vector(int64_t begin, int64_t end, const Body& body) {
  int64_t i = begin;
  for (; i + Vec<T>::width <= end; i += Vec<T>::width) body(i, AllLanes{});
  if (i < end) body(i, SomeLanes{end - i});
}
template <class T>
TG_INLINE Vec<T> load(const T* p, AllLanes) {
  return Vec<T>::load(p);
}
template <class T>
TG_INLINE Vec<T> load(const T* p, SomeLanes lanes) {
  return Vec<T>::load_part(p, lanes.count);
}
template <class T>
TG_INLINE void store(T* p, Vec<T> x, AllLanes) {
  x.store(p);
}
template <class T>
TG_INLINE void store(T* p, Vec<T> x, SomeLanes lanes) {
  x.store_part(p, lanes.count);
}

template <class T>
void sgd_step(List<T> params, List<const T> grads, List<T> momentum_buffers, double lr, double momentum,
              double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  using V = Vec<T>;
  const V sign = T(maximize ? -1 : 1), decay = T(weight_decay), rate = T(lr);
  const V keep = T(first ? 0 : momentum), add = T(first ? 1 : 1 - dampening), ahead = T(momentum);
  for_each_chunk(params, [&](int64_t index, int64_t begin, int64_t end) {
    T* const p = params[index].data;
    const T* const g = grads[index].data;
    T* const b = momentum_buffers.size ? momentum_buffers[index].data : nullptr;
    for_each_vector<T>(begin, end, [&](int64_t i, auto lanes) {
      const V param = load(p + i, lanes);
      V direction = sign * load(g + i, lanes) + decay * param;
      if (b) {
        const V buffer = keep * load(b + i, lanes) + add * direction;
        store(b + i, buffer, lanes);
        direction = nesterov ? direction + ahead * buffer : buffer;
      }
      store(p + i, param - rate * direction, lanes);
    });
  });
}

template <class T>
void adam_step(List<T> params, List<const T> grads, List<T> exp_avgs, List<T> exp_avg_sqs, List<T> max_exp_avg_sqs,
               List<T> steps, double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled,
               bool maximize) {
  using V = Vec<T>;
  for (int64_t p = 0; p < steps.size; ++p) steps[p].data[0] += T(1);
  const V sign = T(maximize ? -1 : 1), decay = T(decoupled ? 0 : weight_decay);
  const V shrink = T(decoupled ? 1 - lr * weight_decay : 1);
  const V weight1 = T(1 - beta1), keep2 = T(beta2), weight2 = T(1 - beta2), epsilon = T(eps);
  for_each_chunk(params, [&](int64_t index, int64_t begin, int64_t end) {
    T* const p = params[index].data;
    const T* const g = grads[index].data;
    T* const m = exp_avgs[index].data;
    T* const v = exp_avg_sqs[index].data;
    T* const largest = max_exp_avg_sqs.size ? max_exp_avg_sqs[index].data : nullptr;
    const double t = static_cast<double>(steps[index].data[0]);
    const V step_size = T(lr / (1 - __builtin_pow(beta1, t)));
    const V correction = T(1 / __builtin_sqrt(1 - __builtin_pow(beta2, t)));
    for_each_vector<T>(begin, end, [&](int64_t i, auto lanes) {
      const V param = load(p + i, lanes);
      const V grad = sign * load(g + i, lanes) + decay * param;
      V average = load(m + i, lanes), square = load(v + i, lanes);
      average = average + weight1 * (grad - average);
      square = keep2 * square + weight2 * (grad * grad);
      store(m + i, average, lanes);
      store(v + i, square, lanes);
      if (largest) {
        square = maximum(load(largest + i, lanes), square);
        store(largest + i, square, lanes);
      }
      store(p + i, shrink * param - step_size * average / (sqrt(square) * correction + epsilon), lanes);
    });
  });
}

}  // namespace
extern const int64_t optim_chunk, optim_serial;
const int64_t optim_chunk = kChunk, optim_serial = kSerialElements;

TG_EXPORT(sgd_step)
TG_EXPORT(adam_step)

}  // namespace TG_LEVEL
}  // namespace tg
