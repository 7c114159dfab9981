// The register tile of every product in the project: matmul and convolution are loops around this one kernel.
//
//   C[r, j] (+)= sum over k of A[r, k] * B[k, j] (+ bias[j]),  then optionally max(., 0)
//   for r in [0, rows), rows = 1..kTileRows, and j in [0, columns), columns = 1..vectors * kTileWidth<T>
//
// A is read one element at a time and broadcast, so its rows and its k may have any stride (0 and negative
// included): a packed panel, a matrix or its transpose in place, the pixels of a channels-last image. B is read
// `vectors` whole registers at a time: the columns of one k must be contiguous and readable up to that width,
// past `columns` too (their content does not matter); from one k to the next any stride goes. C's columns are
// contiguous and only [0, columns) is touched.
// The k loop is three loops deep (say taps, image rows, and the contiguous run within one); k[0] is the
// innermost, and a level that is not needed stays {1, 0, 0}. The sum is one chain per element of C, k ascending.
// Source: G. Van Zee, R. van de Geijn, "BLIS", ACM TOMS 41(3), 2015, section 4; tile sizes: bench_matmul.
#pragma once
#include <cstdint>

#include "array.h"

namespace tg {
namespace TG_LEVEL {

#if TG_VECTOR_BYTES == 64  // 32 registers: 14 x 2 sums, 2 of B, 1 broadcast
constexpr int kTileRows = 14;
#elif TG_VECTOR_BYTES == 32  // 16 registers: 6 x 2 sums, 2 of B, 1 broadcast
constexpr int kTileRows = 6;
#elif defined(__aarch64__)   // 32 registers
constexpr int kTileRows = 12;
#else                        // 16 registers and no fused multiply-add, so that a product takes a register of its own
constexpr int kTileRows = 5;
#endif
constexpr int kTileVectors = 2;  // registers of B in the widest tile
template <class T>
constexpr int kTileWidth = TG_VECTOR_BYTES / int(sizeof(T));  // columns in one register

struct KLoop {
  int64_t count = 1, a_stride = 0, b_stride = 0;  // strides in elements
};

template <class T>
struct Tile {
  const T* a;
  const T* b;
  T* c;
  int64_t a_row = 0;  // from one row of A to the next, in elements
  int64_t c_row = 0;
  KLoop k[3];               // any count may be 0: the sum is then 0
  int64_t columns = 0;      // columns of C to write
  const T* bias = nullptr;  // `columns` contiguous elements, or null
  bool accumulate = false;  // C += instead of C =
  bool relu = false;        // after bias and accumulate; NaN stays NaN
};

template <class T>
using TileFunction = void (*)(const Tile<T>&);

// The kernel for `rows` rows (1..kTileRows) and `vectors` registers of columns (1 or 2). Look it up outside the loops.
template <class T>
TileFunction<T> tile_function(int64_t rows, int64_t vectors);
template <>
TileFunction<float> tile_function(int64_t rows, int64_t vectors);
template <>
TileFunction<double> tile_function(int64_t rows, int64_t vectors);

namespace {

// Rows are cut into panels of nearly equal height (64 = 13 + 13 + 13 + 13 + 12), so that no tile is mostly idle.
struct RowPanels {
  int64_t count, height, taller;  // the first `taller` panels have height + 1 rows

  explicit TG_INLINE RowPanels(int64_t rows)
      : count((rows + kTileRows - 1) / kTileRows), height(count ? rows / count : 0), taller(count ? rows % count : 0) {}
  TG_INLINE int64_t start(int64_t panel) const { return panel * height + (panel < taller ? panel : taller); }
  TG_INLINE int64_t rows(int64_t panel) const { return height + (panel < taller ? 1 : 0); }
};

// Products treat denormals as zero while one of these lives: a single denormal operand costs a hundredfold.
// It acts on the calling thread, so every task of a parallel loop makes its own.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  TG_INLINE FlushDenormals() : saved_(__builtin_ia32_stmxcsr()) {
    __builtin_ia32_ldmxcsr(saved_ | 0x8040u);  // bit 15 flushes results, bit 6 reads operands as zero
  }
  TG_INLINE ~FlushDenormals() { __builtin_ia32_ldmxcsr(saved_); }

 private:
  unsigned int saved_;
#elif defined(__aarch64__)
  TG_INLINE FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(saved_ | (uint64_t{1} << 24)) : "memory");
  }
  TG_INLINE ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(saved_) : "memory"); }

 private:
  uint64_t saved_;
#endif
 public:
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

}  // namespace
}  // namespace TG_LEVEL
}  // namespace tg
