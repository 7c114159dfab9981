// out = x where condition, else y: all of one shape, any strides (0 where an operand is broadcast).
//
// Runs go along the innermost dimension of out: by vectors where all operands are contiguous, or one number, along it.
#include "kernels.h"
#include "nest.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// One byte for each lane of Vec<T>.
template <class T>
struct LaneBytes;
template <>
struct LaneBytes<float> {
  typedef int8_t Bytes __attribute__((vector_size(TG_VECTOR_BYTES / 4)));
};
template <>
struct LaneBytes<double> {
  typedef int8_t Bytes __attribute__((vector_size(TG_VECTOR_BYTES / 8)));
};

template <class T>
TG_INLINE typename Vec<T>::Mask load_mask(const Mask* p) {
  typename LaneBytes<T>::Bytes bytes;
  std::memcpy(&bytes, p, sizeof(bytes));
  return {__builtin_convertvector(bytes, typename Vec<T>::BitLanes) != 0};
}

// A run of n; x_step and y_step are 1 (a run), or 0 (one number).
template <int64_t x_step, int64_t y_step, class T>
void choose(const Mask* condition, const T* x, const T* y, T* out, int64_t n) {
  constexpr int64_t width = Vec<T>::width;
  const Vec<T> one_x(*x), one_y(*y);
  int64_t i = 0;
  for (; i + width <= n; i += width)
    select(load_mask<T>(condition + i), x_step ? Vec<T>::load(x + i) : one_x, y_step ? Vec<T>::load(y + i) : one_y)
        .store(out + i);
  for (; i < n; ++i) out[i] = condition[i] ? x[i * x_step] : y[i * y_step];
}

template <class T>
void where(In<Mask> condition, In<T> x, In<T> y, Out<T> out) {
  Nest<4> nest;
  for (int64_t d = 0; d < out.ndim; ++d)
    nest.push({out.shape[d], {out.strides[d], condition.strides[d], x.strides[d], y.strides[d]}});
  nest.arrange();
  if (nest.ndim == 0) nest.dims[nest.ndim++] = {1, {1, 1, 1, 1}};
  const auto run = nest.inner();
  if (nest.numel() == 0) return;
  const int64_t pieces = (run.size + kTask - 1) / kTask, piece = (run.size + pieces - 1) / pieces;
  parallel_slices(nest.numel() / run.size * pieces, piece, [&](int64_t first, int64_t last) {
    for (int64_t k = first; k < last; ++k) {
      const Odometer<4> position(nest, nest.ndim - 1, k / pieces);
      const int64_t start = k % pieces * piece;
      const int64_t n = run.size - start < piece ? run.size - start : piece;
      T* to = out.data + position.offset[0] + start * run.stride[0];
      const Mask* c = condition.data + position.offset[1] + start * run.stride[1];
      const T* from_x = x.data + position.offset[2] + start * run.stride[2];
      const T* from_y = y.data + position.offset[3] + start * run.stride[3];
      const int64_t step_x = run.stride[2], step_y = run.stride[3];
      const bool by_vectors = run.stride[0] == 1 && run.stride[1] == 1;
      if (by_vectors && step_x == 1 && step_y == 1) {
        choose<1, 1>(c, from_x, from_y, to, n);
      } else if (by_vectors && step_x == 1 && step_y == 0) {
        choose<1, 0>(c, from_x, from_y, to, n);
      } else if (by_vectors && step_x == 0 && step_y == 1) {
        choose<0, 1>(c, from_x, from_y, to, n);
      } else {
        for (int64_t i = 0; i < n; ++i)
          to[i * run.stride[0]] = c[i * run.stride[1]] ? from_x[i * step_x] : from_y[i * step_y];
      }
    }
  });
}

}  // namespace
TG_EXPORT(where)
}  // namespace TG_LEVEL
}  // namespace tg
