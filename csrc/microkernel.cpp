// The tile kernels that microkernel.h describes, one per height and width.
//
// For each k: `vectors` registers of B are loaded, then each row broadcasts its element of A and feeds one fused
// multiply-add per register. All sums stay in registers from the first k to the last; C is touched once.
#include "microkernel.h"

#include <utility>

#include "simd.h"
#include "tile_store.h"

// What the outer loops need is read from memory again each time: held in registers, it would drive the sums out.
#define TG_RELOAD() asm volatile("" : : : "memory")

namespace tg {
namespace TG_LEVEL {
namespace {

template <class T>
TG_INLINE const T* after(const T* p, int64_t bytes) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(p) + bytes);
}

constexpr int64_t kPrefetch = 4;  // steps of k that B is fetched ahead: 3 % at 1024 x 1024 x 1024

template <class T, int ROWS, int VECTORS>
struct Sums {
  using V = Vec<T>;
  typename V::Lanes lanes[ROWS][VECTORS];

  // lanes[r][j] += a[r] * b[j] over the innermost loop of k. Every fourth row has a pointer and the others are
  // reached from it, and strides are in bytes: what is left of the index arithmetic fits the address modes.
  TG_INLINE void add(const T* a, int64_t a_row, const T* b, const KLoop& k) {
    constexpr int64_t size = sizeof(T);
    const int64_t row_bytes = a_row * size, a_bytes = k.a_stride * size, b_bytes = k.b_stride * size;
    constexpr int groups = (ROWS + 3) / 4;
    const T* row[groups];
    TG_UNROLL
    for (int g = 0; g < groups; ++g) row[g] = after(a, 4 * g * row_bytes);
    for (int64_t i = 0; i < k.count; ++i) {
      typename V::Lanes columns[VECTORS];
      TG_UNROLL
      for (int j = 0; j < VECTORS; ++j) {
        columns[j] = V::load(b + j * V::width).v;
        if (j * TG_VECTOR_BYTES % 64 == 0)  // once for each line
          __builtin_prefetch(after(b + j * V::width, kPrefetch * b_bytes));
      }
      TG_UNROLL
      for (int r = 0; r < ROWS; ++r) {
        const V element(*after(row[r / 4], (r % 4) * row_bytes));
        TG_UNROLL
        for (int j = 0; j < VECTORS; ++j) lanes[r][j] += element.v * columns[j];
      }
      TG_UNROLL
      for (int g = 0; g < groups; ++g) row[g] = after(row[g], a_bytes);
      b = after(b, b_bytes);
    }
  }
};

template <class T, int ROWS, int VECTORS>
void tile(const Tile<T>& t) {
  using V = Vec<T>;
  for (int r = 0; r < ROWS; ++r)
    for (int j = 0; j < VECTORS; ++j) __builtin_prefetch(t.c + r * t.c_row + j * V::width, 1);

  Sums<T, ROWS, VECTORS> sums;
  TG_UNROLL
  for (int r = 0; r < ROWS; ++r) {
    TG_UNROLL
    for (int j = 0; j < VECTORS; ++j) sums.lanes[r][j] = typename V::Lanes{};
  }
  const T* a_outer = t.a;
  const T* b_outer = t.b;
  for (int64_t outer = 0; outer < t.k[2].count; ++outer) {
    const T* a = a_outer;
    const T* b = b_outer;
    for (int64_t middle = 0; middle < t.k[1].count; ++middle) {
      sums.add(a, t.a_row, b, t.k[0]);
      TG_RELOAD();
      a += t.k[1].a_stride;
      b += t.k[1].b_stride;
    }
    a_outer += t.k[2].a_stride;
    b_outer += t.k[2].b_stride;
  }

  store_tile<T>(t, sums.lanes, [&](int r) { return t.c + r * t.c_row; });
}

// Every height at one width, indexed by rows - 1.
template <class T, int VECTORS, int... I>
constexpr TileFunction<T> tile_of_height(int64_t rows, std::integer_sequence<int, I...>) {
  constexpr TileFunction<T> heights[] = {&tile<T, I + 1, VECTORS>...};
  return heights[rows - 1];
}

template <class T>
TileFunction<T> find_tile(int64_t rows, int64_t vectors) {
  constexpr auto heights = std::make_integer_sequence<int, kTileRows>();
  return vectors == 1 ? tile_of_height<T, 1>(rows, heights) : tile_of_height<T, 2>(rows, heights);
}

}  // namespace

template <>
TileFunction<float> tile_function(int64_t rows, int64_t vectors) {
  return find_tile<float>(rows, vectors);
}
template <>
TileFunction<double> tile_function(int64_t rows, int64_t vectors) {
  return find_tile<double>(rows, vectors);
}

extern const int64_t tile_columns;
const int64_t tile_columns = kTileVectors * kTileWidth<float>;
extern const int64_t tile_rows;
const int64_t tile_rows = kTileRows;
}  // namespace TG_LEVEL
}  // namespace tg
