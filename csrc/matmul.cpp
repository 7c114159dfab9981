// out = a @ b (+ out) (+ bias), then optionally max(., 0), over batches of matrices with any strides.
//
// The loops of BLIS around the register tile of microkernel.h: NC columns of B at a time, KC of k at a time (a KC x NC
// block of B stays in the second-level cache), MR rows of A at a time (in the first level), then tiles of MR x NR.
// An operand is packed only where that pays (worth_packing_*): small ones are read where they lie.
// C is written transposed, or into scratch memory first, where its columns are not contiguous.
// Source: F. Van Zee, R. van de Geijn, "BLIS: a framework for rapidly instantiating BLAS functionality", ACM TOMS
// 41(3), 2015; T. Smith et al., "Anatomy of high-performance many-threaded matrix multiplication", IPDPS 2014.
#include "matmul.h"

#include "kernels.h"
#include "matmul_pack.h"
#include "matmul_vector.h"
#include "microkernel.h"
#include "parallel.h"
#include "storage.h"

namespace tg {
namespace TG_LEVEL {
namespace {

// Set by benchmarks/bench_matmul.py: a panel of A is 16 KiB and a block of B 1 MiB in float32. Twice or half KC costs
// 2 to 5 %.
template <class T>
constexpr int64_t KC = 1024 / int64_t(sizeof(T));
template <class T>
constexpr int64_t NC = 4096 / int64_t(sizeof(T));
constexpr int64_t kGrain = 512 * 1024;  // multiply-adds that are worth a task
constexpr int64_t kMostTasks = 32;

constexpr int64_t smaller(int64_t x, int64_t y) { return x < y ? x : y; }
constexpr int64_t larger(int64_t x, int64_t y) { return x < y ? y : x; }
constexpr int64_t divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }

template <class T>
TG_INLINE Gemm<T> transposed(const Gemm<T>& g) {
  Gemm<T> t = g;
  t.M = g.N, t.N = g.M;
  t.a = g.b, t.a_m = g.b_n, t.a_k = g.b_k;
  t.b = g.a, t.b_k = g.a_k, t.b_n = g.a_m;
  t.c_m = g.c_n, t.c_n = g.c_m;
  t.bias_m = g.bias_n, t.bias_n = g.bias_m;
  return t;
}

template <class T>
TG_INLINE T clamped(T x, bool relu) {
  return relu && x < T(0) ? T(0) : x;
}

// C = sums (+ C) (+ bias), clamped: the end of a product whose sums were formed elsewhere (null: they are zero).
template <class T>
void finish(const Gemm<T>& g, const T* sums, int64_t sums_m, int64_t sums_n) {
  for (int64_t m = 0; m < g.M; ++m)
    for (int64_t n = 0; n < g.N; ++n) {
      T* c = g.c + m * g.c_m + n * g.c_n;
      T value = sums ? sums[m * sums_m + n * sums_n] : T(0);
      if (g.accumulate) value += *c;
      if (g.bias) value += g.bias[m * g.bias_m + n * g.bias_n];
      *c = clamped(value, g.relu);
    }
}

// Whether matmul_vector.h has a kernel: one row of A, or a few rows where packing B would cost more than the product.
template <class T>
TG_INLINE bool has_few_rows(const Gemm<T>& g) {
  if (g.M == 1) return g.b_n == 1 || g.b_k == 1;
  return g.M <= 32 && g.K >= 32 * g.M && g.a_k == 1 && g.b_k == 1 && g.b_n != 1;
}

template <class T>
void multiply_few_rows(const Gemm<T>& g) {
  constexpr int64_t chunk = 16384;  // of k, with sums of its own, added up in order: fixed, whatever the threads
  const int64_t chunks = divide_up(g.K, chunk), size = g.M * g.N;
  Scratch<T> packed_x(g.a_k == 1 ? 1 : g.K), sums(chunks * size);
  const T* x = g.a;
  if (g.a_k != 1) {
    for (int64_t k = 0; k < g.K; ++k) packed_x[k] = g.a[k * g.a_k];
    x = packed_x.data();
  }
  const bool dots = g.b_k == 1 && (g.b_n != 1 || g.N == 1);
  const int64_t work = g.M * smaller(g.K, chunk);
  const int64_t columns = smaller(g.N, dots ? larger(8, kGrain / 4 / work) : 2048);
  const int64_t blocks = divide_up(g.N, columns);
  parallel_for(chunks * blocks, [&](int64_t task) {
    const FlushDenormals flush;
    const int64_t k = task / blocks * chunk, n = task % blocks * columns;
    const int64_t depth = smaller(chunk, g.K - k), count = smaller(columns, g.N - n);
    T* out = sums.data() + task / blocks * size + n;
    if (dots)
      rows_times_columns(x + k, g.a_m, g.M, g.b + k + n * g.b_n, g.b_n, depth, out, g.N, count);
    else
      vector_times_rows(x + k, g.b + k * g.b_k + n, g.b_k, depth, out, count);
  });
  for (int64_t s = 1; s < chunks; ++s)
    for (int64_t i = 0; i < size; ++i) sums[i] += sums[s * size + i];
  finish(g, sums.data(), g.N, 1);
}

template <class T>
TG_INLINE bool far_apart(int64_t stride) {  // lines this far apart fall into the same few sets of the cache
  return stride * int64_t(sizeof(T)) % 4096 == 0 && stride != 0;
}

template <class T>
TG_INLINE bool worth_packing_a(const Gemm<T>& g) {
  if (g.a_k == 1) return g.N >= 256 || (far_apart<T>(g.a_m) && g.N > 4 * kTileWidth<T>);
  return g.N >= 256 || larger(g.a_k, -g.a_k) * int64_t(sizeof(T)) >= 1024;
}

template <class T>
TG_INLINE bool worth_packing_b(const Gemm<T>& g) {
  return g.b_n != 1 || (far_apart<T>(g.b_k) && g.M > 4 * kTileRows) || (g.M >= 256 && g.K * g.N >= 256 * 1024);
}

// The product of one block: KC of k by NC columns. Its panels of B lie where `panel` says.
template <class T>
struct Block {
  static constexpr int64_t NR = kTileVectors * kTileWidth<T>;
  static constexpr int64_t A_STRIDE = divide_up(kTileRows, kTileWidth<T>) * kTileWidth<T>;

  const Gemm<T>& g;
  RowPanels rows;
  bool pack_a, pack_b;
  T* packed_b;
  int64_t k0, depth, n0, columns;

  TG_INLINE int64_t panels() const { return divide_up(columns, NR); }
  TG_INLINE int64_t width(int64_t panel) const { return smaller(NR, columns - panel * NR); }
  // The tile reads whole registers, so the last panel is packed unless its width is whole.
  TG_INLINE bool packed(int64_t panel) const { return pack_b || width(panel) % kTileWidth<T> != 0; }
  TG_INLINE T* packed_panel(int64_t panel) const { return packed_b + (pack_b ? panel * NR * depth : 0); }
  TG_INLINE const T* b_at(int64_t panel) const { return g.b + k0 * g.b_k + (n0 + panel * NR) * g.b_n; }

  void pack_b_panels(int64_t begin, int64_t end) const {
    for (int64_t p = begin; p < end; ++p)
      if (packed(p)) pack_panel(b_at(p), g.b_n, g.b_k, width(p), depth, packed_panel(p), NR);
  }

  // The tiles of some panels of rows by some panels of columns. A panel of A is packed right before its tiles, so
  // that it is still in the first-level cache; B streams past it from the second.
  void multiply(int64_t row_begin, int64_t row_end, int64_t panel_begin, int64_t panel_end) const {
    const FlushDenormals flush;
    const Scratch<T> packed_a(pack_a ? A_STRIDE * depth : 1);
    const bool last = k0 + depth == g.K;
    Tile<T> tile;
    tile.a_row = pack_a ? 1 : g.a_m;
    tile.c_row = g.c_m;
    tile.accumulate = g.accumulate || k0 > 0;
    tile.relu = g.relu && last;
    for (int64_t r = row_begin; r < row_end; ++r) {
      const int64_t m = rows.start(r), height = rows.rows(r);
      const T* a = g.a + m * g.a_m + k0 * g.a_k;
      if (pack_a) pack_panel(a, g.a_m, g.a_k, height, depth, packed_a.data(), A_STRIDE);
      tile.a = pack_a ? packed_a.data() : a;
      const TileFunction<T> wide = tile_function<T>(height, kTileVectors), narrow = tile_function<T>(height, 1);
      for (int64_t p = panel_begin; p < panel_end; ++p) {
        const int64_t n = n0 + p * NR;
        tile.b = packed(p) ? packed_panel(p) : b_at(p);
        tile.k[0] = {depth, pack_a ? A_STRIDE : g.a_k, packed(p) ? NR : g.b_k};
        tile.columns = width(p);
        tile.bias = g.bias && last ? g.bias + n : nullptr;
        tile.c = g.c + m * g.c_m + n;
        (tile.columns > kTileWidth<T> ? wide : narrow)(tile);
      }
    }
  }
};

// The blocked product; c_n is 1, and bias is null or a row (bias_m = 0, bias_n = 1).
template <class T>
void gemm_blocked(const Gemm<T>& g) {
  const bool pack_a = worth_packing_a(g), pack_b = worth_packing_b(g);
  constexpr int64_t NR = Block<T>::NR;
  const int64_t depth = divide_up(g.K, divide_up(g.K, KC<T>));
  const int64_t most_columns = smaller(g.N, NC<T>);
  Scratch<T> packed_b(depth * NR * (pack_b ? divide_up(most_columns, NR) : 1));
  for (int64_t n0 = 0; n0 < g.N; n0 += NC<T>) {
    for (int64_t k0 = 0; k0 < g.K; k0 += depth) {
      const Block<T> block{g,  RowPanels(g.M),          pack_a, pack_b, packed_b.data(), k0, smaller(depth, g.K - k0),
                           n0, smaller(NC<T>, g.N - n0)};
      const int64_t panels = block.panels();
      if (pack_b) {
        const int64_t group = larger(1, kGrain / 8 / (NR * depth));
        parallel_for(divide_up(panels, group),
                     [&](int64_t task) { block.pack_b_panels(task * group, smaller(panels, (task + 1) * group)); });
      } else {
        block.pack_b_panels(panels - 1, panels);
      }
      // Tasks: groups of row panels; where these are few, of column panels too (which packs A once for each).
      const int64_t wanted = larger(1, smaller(kMostTasks, g.M * block.columns * block.depth / kGrain));
      const int64_t row_group = divide_up(block.rows.count, wanted);
      const int64_t row_groups = divide_up(block.rows.count, row_group);
      const int64_t splits = row_groups >= 8 ? 1 : smaller(divide_up(wanted, row_groups), divide_up(panels, 8));
      const int64_t panel_group = divide_up(panels, splits), panel_groups = divide_up(panels, panel_group);
      parallel_for(row_groups * panel_groups, [&](int64_t task) {
        const int64_t row = task / panel_groups * row_group, panel = task % panel_groups * panel_group;
        block.multiply(row, smaller(block.rows.count, row + row_group), panel, smaller(panels, panel + panel_group));
      });
    }
  }
}

template <class T>
void gemm_strided(const Gemm<T>& given) {
  if (given.M == 0 || given.N == 0) return;
  if (given.K == 0) return finish(given, static_cast<const T*>(nullptr), 0, 0);
  Gemm<T> g = given;
  const bool by_columns = g.N == 1 || (g.M != 1 && g.c_n != 1 && g.c_m == 1);
  if (by_columns) g = transposed(g);
  if (has_few_rows(g)) return multiply_few_rows(g);
  if (g.c_n != 1) {
    Scratch<T> sums(g.M * g.N);
    Gemm<T> plain = g;
    plain.c = sums.data(), plain.c_m = g.N, plain.c_n = 1;
    plain.bias = nullptr, plain.accumulate = plain.relu = false;
    gemm_blocked(plain);
    return finish(g, sums.data(), g.N, 1);
  }
  if (g.bias && (g.bias_m != 0 || g.bias_n != 1)) {
    Gemm<T> start = g;
    start.relu = false;
    finish(start, static_cast<const T*>(nullptr), 0, 0);
    g.bias = nullptr;
    g.accumulate = true;
  }
  gemm_blocked(g);
}

}  // namespace

template <>
void gemm(const Gemm<float>& g) {
  gemm_strided(g);
}
template <>
void gemm(const Gemm<double>& g) {
  gemm_strided(g);
}

namespace {

// The batch dims of a product, merged where all operands allow: extents, and strides of a, b, bias, c.
struct Batch {
  int64_t ndim = 0;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims][4];

  void add(int64_t extent, const int64_t (&stride)[4]) {
    if (extent == 1) return;
    bool merges = ndim > 0;
    for (int i = 0; i < 4 && merges; ++i) merges = strides[ndim - 1][i] == extent * stride[i];
    const int64_t d = merges ? ndim - 1 : ndim++;
    shape[d] = merges ? shape[d] * extent : extent;
    for (int i = 0; i < 4; ++i) strides[d][i] = stride[i];
  }
  int64_t count() const {
    int64_t n = 1;
    for (int64_t d = 0; d < ndim; ++d) n *= shape[d];
    return n;
  }
  TG_INLINE int64_t offset(int64_t index, int operand) const {
    int64_t sum = 0;
    for (int64_t d = ndim - 1; d >= 0; --d) {
      sum += index % shape[d] * strides[d][operand];
      index /= shape[d];
    }
    return sum;
  }
};

// Stride of `x` along dim d of an output of `ndim` dims; 0 where x has no such dim or broadcasts along it.
template <class A>
TG_INLINE int64_t stride_along(const A& x, int64_t d, int64_t ndim) {
  const int64_t i = d - (ndim - x.ndim);
  return x.data == nullptr || i < 0 || x.shape[i] == 1 ? 0 : x.strides[i];
}

// Rows of one matrix after another form one taller matrix where B is the same for all: (B, M, K) @ (K, N).
template <class T>
void merge_batch_into_rows(Batch& batch, Gemm<T>& g) {
  if (batch.ndim == 0) return;
  const int64_t(&s)[4] = batch.strides[batch.ndim - 1];
  if (s[1] != 0) return;
  if (g.M != 1 && (s[0] != g.M * g.a_m || s[2] != g.M * g.bias_m || s[3] != g.M * g.c_m)) return;
  if (g.M == 1) g.a_m = s[0], g.bias_m = s[2], g.c_m = s[3];
  g.M *= batch.shape[--batch.ndim];
}

template <class T>
void matmul(In<T> a, In<T> b, Maybe<T> bias, Out<T> out, bool accumulate, bool relu) {
  const int64_t n = out.ndim, batch_dims = n - 2;
  Gemm<T> g{};
  g.M = out.shape[n - 2], g.N = out.shape[n - 1], g.K = a.shape[a.ndim - 1];
  g.a_m = a.strides[a.ndim - 2], g.a_k = a.strides[a.ndim - 1];
  g.b_k = b.strides[b.ndim - 2], g.b_n = b.strides[b.ndim - 1];
  g.c_m = out.strides[n - 2], g.c_n = out.strides[n - 1];
  g.bias_m = stride_along(bias, n - 2, n), g.bias_n = stride_along(bias, n - 1, n);
  g.accumulate = accumulate, g.relu = relu;
  if (g.N == 1) g.b_n = g.c_n = 1;  // the stride of a dim of size 1 means nothing: choose the one that suits
  if (g.K == 1) g.a_k = 1;

  Batch batch;
  for (int64_t d = 0; d < batch_dims; ++d)
    batch.add(out.shape[d], {stride_along(a, d, n), stride_along(b, d, n), stride_along(bias, d, n), out.strides[d]});
  merge_batch_into_rows(batch, g);

  const int64_t count = batch.count(), work = larger(1, g.M * g.N * g.K);
  const int64_t group = work >= 16 * kGrain ? count : larger(1, kGrain / work);
  parallel_for(divide_up(count, larger(1, group)), [&](int64_t task) {
    const int64_t end = smaller(count, (task + 1) * group);
    for (int64_t i = task * group; i < end; ++i) {
      Gemm<T> one = g;
      one.a = a.data + batch.offset(i, 0);
      one.b = b.data + batch.offset(i, 1);
      one.bias = bias.data ? bias.data + batch.offset(i, 2) : nullptr;
      one.c = out.data + batch.offset(i, 3);
      gemm_strided(one);
    }
  });
}

}  // namespace
TG_EXPORT(matmul)

extern const int64_t matmul_kc;
const int64_t matmul_kc = KC<float>;
extern const int64_t matmul_nc;
const int64_t matmul_nc = NC<float>;
extern const int64_t matmul_grain;
const int64_t matmul_grain = kGrain;
}  // namespace TG_LEVEL
}  // namespace tg
