// The tile kernels that conv_tile.h describes, one per height and width.
//
// For each k: `vectors` registers of B are loaded, then each row broadcasts its element of A and feeds one fused
// multiply-add per register. The pointers are read once a tap; all sums stay in registers over all taps.
#include "conv_tile.h"

#include <utility>

#include "simd.h"
#include "tile_store.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// The narrow tile has registers to spare: with four k at a time, a row pointer that is fetched serves four products.
constexpr int kSteps = 4;

// sums[r] += a[r][k + u * a_step] * b[u] for u in [0, kSteps).
template <class T, int ROWS>
TG_INLINE void add_steps(const T* const* a, int64_t k, int64_t a_step, const T* b, int64_t b_step,
                         typename Vec<T>::Lanes (&sums)[ROWS][1]) {
  typename Vec<T>::Lanes columns[kSteps];
  TG_UNROLL
  for (int u = 0; u < kSteps; ++u) columns[u] = Vec<T>::load(b + u * b_step).v;
  TG_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    TG_UNROLL
    for (int u = 0; u < kSteps; ++u) sums[r][0] += Vec<T>(a[r][k + u * a_step]).v * columns[u];
  }
}

template <class T, int ROWS, int VECTORS>
void indirect_tile(const IndirectTile<T>& t) {
  using V = Vec<T>;
  typename V::Lanes sums[ROWS][VECTORS];
  TG_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    TG_UNROLL
    for (int j = 0; j < VECTORS; ++j) sums[r][j] = typename V::Lanes{};
  }
  const int64_t a_step = t.a_step, b_step = t.b_step, a_end = t.run * a_step;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const T* const* rows = t.rows + tap * t.rows_per_tap;
    const T* b = t.b[tap];
    int64_t k = 0;
    if constexpr (VECTORS == 1) {
      const int64_t end = t.run / kSteps * kSteps * a_step;
      for (; k != end; k += kSteps * a_step, b += kSteps * b_step) add_steps<T, ROWS>(rows, k, a_step, b, b_step, sums);
    }
    // More than seven pointers do not fit the integer registers, and GCC would spill them to vector registers that
    // the sums need (98 instead of 160 GFLOP/s at 13 x 2): the others are fetched anew for each k.
    constexpr int resident = ROWS < 7 ? ROWS : 7;
    const T* a[resident];
    TG_UNROLL
    for (int r = 0; r < resident; ++r) a[r] = rows[r];
    const T* const volatile* refetched = rows;
    for (; k != a_end; k += a_step) {
      typename V::Lanes columns[VECTORS];
      TG_UNROLL
      for (int j = 0; j < VECTORS; ++j) columns[j] = V::load(b + j * V::width).v;
      TG_UNROLL
      for (int r = 0; r < ROWS; ++r) {
        const V element(r < resident ? a[r][k] : refetched[r][k]);
        TG_UNROLL
        for (int j = 0; j < VECTORS; ++j) sums[r][j] += element.v * columns[j];
      }
      b += b_step;
    }
  }

  store_tile<T>(t, sums, [&](int r) { return t.c[r]; });
}

// Every height at one width, indexed by rows - 1.
template <class T, int VECTORS, int... I>
constexpr IndirectTileFunction<T> of_height(int64_t rows, std::integer_sequence<int, I...>) {
  constexpr IndirectTileFunction<T> heights[] = {&indirect_tile<T, I + 1, VECTORS>...};
  return heights[rows - 1];
}

template <class T>
IndirectTileFunction<T> find_tile(int64_t rows, int64_t vectors) {
  constexpr auto heights = std::make_integer_sequence<int, kTileRows>();
  return vectors == 1 ? of_height<T, 1>(rows, heights) : of_height<T, 2>(rows, heights);
}

}  // namespace

template <>
IndirectTileFunction<float> indirect_tile_function(int64_t rows, int64_t vectors) {
  return find_tile<float>(rows, vectors);
}
template <>
IndirectTileFunction<double> indirect_tile_function(int64_t rows, int64_t vectors) {
  return find_tile<double>(rows, vectors);
}

}  // namespace TG_LEVEL
}  // namespace tg
