// The gradient of conv2d with respect to the weights.
//
//   grad_weight[co, c, kh, kw] = sum over n, oh, ow of grad_output[n, co, oh, ow] *
//                                x[n, c, oh * stride - pad + kh * dilation, ow * stride - pad + kw * dilation]
//
// One product per tap (kh, kw): rows are input channels, columns output channels, and the long sum runs over the
// pixels of both images where they lie, as a loop over images, rows and columns; pixels that the tap puts into
// the padding are left out. With few channels the rows are (kh, kw, c) together, through pointers (conv_tile.h).
// Pixels are taken in blocks that stay in L2, and blocks in at most eight parts, chosen by the shape alone, whose
// sums are added in order.
#include "conv.h"
#include "conv_depthwise.h"
#include "conv_tile.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kParts = 8;
constexpr int64_t kBlockBytes = 256 << 10;        // pixels of x and grad_output that stay in L2 (bench_conv)
constexpr int64_t kPartPixels = 2048;             // fewer would cost more to add than to compute
constexpr int64_t kSmallTask = int64_t{1} << 19;  // multiply-adds that are not worth a second thread
constexpr int64_t kSmallSum = int64_t{1} << 15;   // the same for additions
constexpr int64_t kFewChannels = 8;               // below, one tap alone does not fill a tile

template <class T>
using Walk = Gather<T, const T>;  // the forward walk: source = x, out = grad_output

template <class T>
constexpr int64_t kPanel = int64_t{kTileVectors} * kTileWidth<T>;

// All columns of the output rows [row, end_row) of images [image, end_image).
struct Block {
  int64_t image, end_image, row, end_row;
  TG_INLINE int64_t rows() const { return (end_image - image) * (end_row - row); }
};

// The output pixels of a walk in blocks: several images, or some rows of one.
struct Blocks {
  int64_t images, rows, N, H;  // per block, in all

  template <class T>
  explicit Blocks(const Walk<T>& g) : N(g.out.N), H(g.out.H) {
    const int64_t pixel = (g.step_h * g.step_w * g.channels + g.columns) * int64_t{sizeof(T)};
    const int64_t row = g.out.W * pixel, image = H * row;
    images = image < kBlockBytes ? kBlockBytes / image : 1;
    rows = image < kBlockBytes ? H : row < kBlockBytes ? kBlockBytes / row : 1;
  }
  int64_t per_image() const { return (H + rows - 1) / rows; }
  int64_t count() const { return (N + images - 1) / images * per_image(); }
  Block operator[](int64_t index) const {
    const int64_t image = index / per_image() * images, row = index % per_image() * rows;
    return {image, smaller(image + images, N), row, smaller(row + rows, H)};
  }
};

// Columns [first, first + kPanel) of one block of grad_output, in place where the tile may read them: it reads whole
// registers, which at the end of a row of columns could be past the memory. Such columns are copied to `edge`.
template <class T>
Images<const T> panel_of(const Walk<T>& g, const Block& block, int64_t first, T* edge) {
  Images<const T> panel = g.out;
  panel.data = g.out.pixel(block.image, block.row, 0) + first;
  const int64_t columns = smaller(g.columns - first, kPanel<T>), whole = columns / kTileWidth<T> * kTileWidth<T>;
  if (whole == columns) return panel;
  const Images<const T> source = panel;
  panel.data = edge;
  panel.step_w = kPanel<T>;
  panel.step_h = g.out.W * panel.step_w;
  panel.step_n = (block.end_row - block.row) * panel.step_h;
  for (int64_t n = 0; n < block.end_image - block.image; ++n)
    for (int64_t i = 0; i < block.end_row - block.row; ++i)
      for (int64_t j = 0; j < g.out.W; ++j, edge += kPanel<T>) {
        const T* pixel = source.pixel(n, i, j);
        if (whole) Vec<T>::load(pixel).store(edge);
        Vec<T>::load_part(pixel + whole, columns - whole).store(edge + whole);
      }
  return panel;
}

template <class T>
int64_t registers(const Walk<T>& g, int64_t first) {
  return g.columns - first <= kTileWidth<T> ? 1 : kTileVectors;
}

// sums[c, first...] (+)= the block's share for one tap.
template <class T>
void add_tap(const Walk<T>& g, const Block& block, const Images<const T>& panel, int64_t th, int64_t tw, int64_t first,
             bool accumulate, T* sums) {
  const int64_t top = g.taps_h.first_inside(th, g.step_h), left = g.taps_w.first_inside(tw, g.step_w);
  const int64_t row = block.row > top ? block.row : top;
  const int64_t end_row = smaller(block.end_row, g.taps_h.end_inside(th, g.step_h, g.out.H, g.source.H));
  const int64_t end_column = g.taps_w.end_inside(tw, g.step_w, g.out.W, g.source.W);
  const bool any = row < end_row && left < end_column;
  Tile<T> tile;
  tile.k[0] = {any ? end_column - left : 0, g.step_w * g.source.step_w, panel.step_w};
  tile.k[1] = {any ? end_row - row : 0, g.step_h * g.source.step_h, panel.step_h};
  tile.k[2] = {block.end_image - block.image, g.source.step_n, panel.step_n};
  tile.a_row = 1;
  tile.b = any ? panel.pixel(0, row - block.row, left) : panel.data;
  tile.c_row = g.columns;
  tile.columns = smaller(g.columns - first, kPanel<T>);
  tile.accumulate = accumulate;
  const T* pixel =
      any ? g.source.pixel(block.image, row * g.step_h + g.taps_h.offset[th], left * g.step_w + g.taps_w.offset[tw])
          : g.source.data;
  const RowPanels rows(g.channels);
  for (int64_t r = 0; r < rows.count; ++r) {
    tile.a = pixel + rows.start(r);
    tile.c = sums + rows.start(r) * g.columns + first;
    tile_function<T>(rows.rows(r), registers(g, first))(tile);
  }
}

// sums[(th, tw, c), first...] (+)= the block's share for all taps together; no tap leaves the source.
template <class T>
void add_all_taps(const Walk<T>& g, const Block& block, const Images<const T>& panel, int64_t first, bool accumulate,
                  T* sums) {
  const int64_t depth = g.depth();
  Scratch<const T*> rows(block.rows() * depth), b(block.rows());
  Scratch<T*> c(depth);
  const T** row = rows.data();
  for (int64_t n = 0, line = 0; n < block.end_image - block.image; ++n)
    for (int64_t i = 0; i < block.end_row - block.row; ++i) {
      b[line++] = panel.pixel(n, i, 0);
      for (int64_t th = 0; th < g.taps_h.count; ++th)
        for (int64_t tw = 0; tw < g.taps_w.count; ++tw) {
          const T* pixel =
              g.source.pixel(block.image + n, (block.row + i) * g.step_h + g.taps_h.offset[th], g.taps_w.offset[tw]);
          for (int64_t channel = 0; channel < g.channels; ++channel) *row++ = pixel + channel;
        }
    }
  for (int64_t r = 0; r < depth; ++r) c[r] = sums + r * g.columns + first;

  IndirectTile<T> tile;
  tile.rows_per_tap = depth;
  tile.taps = block.rows();
  tile.run = g.out.W;
  tile.a_step = g.step_w * g.source.step_w;
  tile.b = b.data();
  tile.b_step = panel.step_w;
  tile.columns = smaller(g.columns - first, kPanel<T>);
  tile.accumulate = accumulate;
  const RowPanels panels(depth);
  for (int64_t p = 0; p < panels.count; ++p) {
    tile.rows = rows.data() + panels.start(p);
    tile.c = c.data() + panels.start(p);
    indirect_tile_function<T>(panels.rows(p), registers(g, first))(tile);
  }
}

// sums[(th, tw, c), co] = the share of blocks [begin, end), for one tap or (tap < 0) for all.
template <class T>
void sum_part(const Walk<T>& g, const Blocks& blocks, int64_t begin, int64_t end, int64_t tap, T* sums) {
  FlushDenormals flush;
  Scratch<T> edge(smaller(blocks.images, g.out.N) * blocks.rows * g.out.W * kPanel<T>);
  for (int64_t index = begin; index < end; ++index) {
    const Block block = blocks[index];
    const bool accumulate = index > begin;
    for (int64_t first = 0; first < g.columns; first += kPanel<T>) {
      const Images<const T> panel = panel_of(g, block, first, edge.data());
      if (g.channels < kFewChannels) {
        add_all_taps(g, block, panel, first, accumulate, sums);
        continue;
      }
      const int64_t last = tap < 0 ? g.taps_h.count * g.taps_w.count : tap + 1;
      for (int64_t t = tap < 0 ? 0 : tap; t < last; ++t)
        add_tap(g, block, panel, t / g.taps_w.count, t % g.taps_w.count, first, accumulate,
                sums + t * g.channels * g.columns);
    }
  }
}

// grad_weight[co, c, kh, kw] = the parts' sums, added in order; `sums` is (part, group, kh, kw, c, co).
template <class T>
void add_parts(const Walk<T>& g, const T* sums, int64_t parts, Out<T> grad_weight) {
  const int64_t taps = g.taps_h.count * g.taps_w.count, part = g.groups * g.depth() * g.columns;
  const auto add_channel = [&](int64_t task) {
    const int64_t group = task / g.channels, c = task % g.channels;
    Scratch<T> total(taps * g.columns);
    for (int64_t tap = 0; tap < taps; ++tap) {
      const T* row = sums + ((group * taps + tap) * g.channels + c) * g.columns;
      T* to = total.data() + tap * g.columns;
      for (int64_t co = 0; co < g.columns; ++co) to[co] = row[co];
      for (int64_t p = 1; p < parts; ++p)
        for (int64_t co = 0; co < g.columns; ++co) to[co] += row[p * part + co];
    }
    for (int64_t co = 0; co < g.columns; ++co) {
      T* to = grad_weight.data + (group * g.columns + co) * grad_weight.strides[0] + c * grad_weight.strides[1];
      for (int64_t th = 0, tap = 0; th < g.taps_h.count; ++th)
        for (int64_t tw = 0; tw < g.taps_w.count; ++tw, ++tap)
          to[th * grad_weight.strides[2] + tw * grad_weight.strides[3]] = total[tap * g.columns + co];
    }
  };
  if (parts * part < kSmallSum)
    for (int64_t task = 0; task < g.groups * g.channels; ++task) add_channel(task);
  else
    parallel_for(g.groups * g.channels, add_channel);
}

template <class T>
void weight_product(const Walk<T>& g, Out<T> grad_weight) {
  const Blocks blocks(g);
  const int64_t taps = g.taps_h.count * g.taps_w.count;
  const int64_t parts = smaller(smaller(g.positions() / kPartPixels + 1, kParts), blocks.count());
  const bool tap_by_tap = parts < kParts && g.channels >= kFewChannels;  // more tasks where there are few parts
  const int64_t tap_tasks = tap_by_tap ? taps : 1, sums_group = g.depth() * g.columns;
  Scratch<T> sums(parts * g.groups * sums_group);
  const auto sum = [&](int64_t task) {
    const int64_t tap = task % tap_tasks, group = task / tap_tasks % g.groups, part = task / tap_tasks / g.groups;
    sum_part(g.of_group(group), blocks, part * blocks.count() / parts, (part + 1) * blocks.count() / parts,
             tap_by_tap ? tap : -1, sums.data() + (part * g.groups + group) * sums_group);
  };
  const int64_t tasks = parts * g.groups * tap_tasks;
  if (g.positions() * g.groups * sums_group < kSmallTask)
    for (int64_t task = 0; task < tasks; ++task) sum(task);
  else
    parallel_for(tasks, sum);
  add_parts(g, sums.data(), parts, grad_weight);
}

// Copies what the product cannot read in place: channels that are not contiguous, and padding around few channels.
template <class T>
void weight_product_any_strides(Walk<T> g, Out<T> grad_weight) {
  g.inside = g.fits();
  if (is_depthwise(g)) return depthwise_weight(g, grad_weight);
  if (g.out.step_c != 1) {
    const PaddedCopy<T> dense(g.out, g.groups, g.out_group, g.columns, 0, 0, 0, 0);
    g.out = dense.images;
    g.out_group = dense.group;
    weight_product_any_strides(g, grad_weight);
  } else if (g.source.step_c != 1 || (g.channels < kFewChannels && !g.inside)) {
    const PaddedCopy<T> padded = g.padded_source();
    weight_product(g.over(padded), grad_weight);
  } else {
    weight_product(g, grad_weight);
  }
}

template <class T>
void zero(Out<T> x) {
  for (int64_t a = 0; a < x.shape[0]; ++a)
    for (int64_t b = 0; b < x.shape[1]; ++b)
      for (int64_t c = 0; c < x.shape[2]; ++c)
        for (int64_t d = 0; d < x.shape[3]; ++d)
          x.data[a * x.strides[0] + b * x.strides[1] + c * x.strides[2] + d * x.strides[3]] = T(0);
}

template <class T>
void conv2d_weight(In<T> x, In<T> grad_output, Out<T> grad_weight, int64_t stride_h, int64_t stride_w, int64_t pad_h,
                   int64_t pad_w, int64_t dilation_h, int64_t dilation_w, int64_t groups) {
  if (grad_output.numel() == 0 || x.numel() == 0) return zero<T>(grad_weight);
  const int64_t channels = grad_weight.shape[1], columns = grad_weight.shape[0] / groups;
  Taps taps_h(grad_weight.shape[2]), taps_w(grad_weight.shape[3]);
  forward_taps(taps_h, grad_weight.shape[2], pad_h, dilation_h);
  forward_taps(taps_w, grad_weight.shape[3], pad_w, dilation_w);
  const Walk<T> g{Images<const T>(x),
                  Images<const T>(grad_output),
                  groups,
                  channels * x.strides[1],
                  columns * grad_output.strides[1],
                  channels,
                  columns,
                  stride_h,
                  stride_w,
                  taps_h,
                  taps_w};
  weight_product_any_strides(g, grad_weight);
}

}  // namespace

TG_EXPORT(conv2d_weight)

extern const int64_t conv_few_channels;
const int64_t conv_few_channels = kFewChannels;
extern const int64_t conv_part_pixels;
const int64_t conv_part_pixels = kPartPixels;
}  // namespace TG_LEVEL
}  // namespace tg
