// dropout: out = x * scale where the mask is true, x * 0 elsewhere. Its own gradient, on grad_output.
// x, mask and out have one shape and any strides (the mask is drawn in logical order, whatever x's memory order).
#include "kernels.h"
#include "row.h"

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
void dropout(In<T> x, In<Mask> mask, Out<T> out, double scale) {
  const OtherDims dims(-1, x, mask, out);
  const T kept = static_cast<T>(scale);
  const int64_t blocks_inner = (dims.inner() + kTaskElements - 1) / kTaskElements;
  const int64_t rows = dims.rows == 0 ? 0 : dims.rows / dims.inner();
  const int64_t per_task = units_per_task(dims.inner());  // rows of `inner` elements, or 1 block of one
  const auto run = [&](int64_t first, int64_t count) {
    const auto from = dims.across(x, first);
    const auto keep = dims.across(mask, first);
    const auto to = dims.across(out, first);
    if (from.across == 1 && keep.across == 1 && to.across == 1)
      for (int64_t i = 0; i < count; ++i) to.data[i] = from.data[i] * (keep.data[i] ? kept : T(0));
    else
      for (int64_t i = 0; i < count; ++i) to[i] = from[i] * (keep[i] ? kept : T(0));
  };
  if (blocks_inner > 1) {
    parallel_for(rows * blocks_inner, [&](int64_t task) {
      const int64_t begin = task % blocks_inner * kTaskElements, left = dims.inner() - begin;
      run(task / blocks_inner * dims.inner() + begin, left < kTaskElements ? left : kTaskElements);
    });
  } else {
    parallel_for((rows + per_task - 1) / per_task, [&](int64_t task) {
      const int64_t end = (task + 1) * per_task < rows ? (task + 1) * per_task : rows;
      for (int64_t row = task * per_task; row < end; ++row) run(row * dims.inner(), dims.inner());
    });
  }
}

}  // namespace
TG_EXPORT(dropout)
}  // namespace TG_LEVEL
}  // namespace tg
