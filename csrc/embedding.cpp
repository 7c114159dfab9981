// embedding:           out[i, :] = weight[index[i], :]
// embedding_backward:  grad_weight[v, :] = sum over i with index[i] = v of grad_output[i, :]   (0 for padding_idx)
// index_bounds:        range = (min, max) of an index array, for checks before anything is read through it.
// The scatter cuts the columns into fixed blocks, and each task adds all rows of its block in order: no locks, and the
// same bits for any number of threads. Python has checked the indices with index_bounds; one that was written since
// and lies outside is passed over, never followed.
#include "kernels.h"
#include "row.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
void embedding(In<T> weight, In<Index> index, Out<T> out) {
  const int64_t width = weight.shape[1], rows = index.numel();
  const int64_t row_stride = weight.strides[0], step = weight.strides[1];
  const int64_t per_task = units_per_task(width);
  parallel_for((rows + per_task - 1) / per_task, [&](int64_t task) {
    const int64_t end = (task + 1) * per_task < rows ? (task + 1) * per_task : rows;
    for (int64_t r = task * per_task; r < end; ++r) {
      const Index row = index.data[r];
      T* const to = out.data + r * width;
      if (row < 0 || row >= weight.shape[0]) {
        for (int64_t i = 0; i < width; ++i) to[i] = T(0);
        continue;
      }
      const T* const from = weight.data + row * row_stride;
      if (step == 1)
        for (int64_t i = 0; i < width; ++i) to[i] = from[i];
      else
        for (int64_t i = 0; i < width; ++i) to[i] = from[i * step];
    }
  });
}

constexpr int64_t kScatterColumns = 64;  // four cache lines of float: a block's share of a row

template <class T>
void embedding_backward(In<T> grad_output, In<Index> index, Out<T> grad_weight, int64_t padding_idx) {
  const int64_t width = grad_weight.shape[1], rows = index.numel(), numel = grad_weight.numel();
  const int64_t columns = rows * width < kTaskElements ? width : kScatterColumns;
  for (int64_t i = 0; i < numel; ++i) grad_weight.data[i] = T(0);
  parallel_for(width == 0 ? 0 : (width + columns - 1) / columns, [&](int64_t block) {
    const int64_t begin = block * columns;
    const int64_t end = begin + columns < width ? begin + columns : width;
    for (int64_t r = 0; r < rows; ++r) {
      const Index row = index.data[r];
      if (row == padding_idx || row < 0 || row >= grad_weight.shape[0]) continue;
      const T* const from = grad_output.data + r * width;
      T* const to = grad_weight.data + row * width;
      for (int64_t i = begin; i < end; ++i) to[i] += from[i];
    }
  });
}

// Index arrays of any strides. An empty one gives (0, -1).
template <class T>
void index_bounds(In<Index> index, Out<Index> range) {
  Index smallest = INT64_MAX, largest = INT64_MIN;
  const int64_t numel = index.numel();
  if (numel == 0) {
    smallest = 0;
    largest = -1;
  }
  const OtherDims dims(-1, index);
  for (int64_t row = 0; row < numel; row += dims.inner()) {
    const AcrossPointer<const Index> values = dims.across(index, row);
    for (int64_t i = 0; i < dims.inner(); ++i) {
      smallest = values[i] < smallest ? values[i] : smallest;
      largest = values[i] > largest ? values[i] : largest;
    }
  }
  range.data[0] = smallest;
  range.data[range.strides[0]] = largest;
}

}  // namespace
extern const int64_t scatter_columns;
const int64_t scatter_columns = kScatterColumns;
TG_EXPORT(embedding)
TG_EXPORT(embedding_backward)
TG_EXPORT(index_bounds)
}  // namespace TG_LEVEL
}  // namespace tg
