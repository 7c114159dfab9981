// Random numbers by counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as
// 1, 2, 3", SC 2011, section 4) turns the key `seed` and the 128-bit counter (block, stream) into four 32-bit
// words. A call starts at the block its generator stands at, and element i of the result, counted row-major,
// is made of the words w i .. w i + w - 1 from there on (w = 1 or 2, said at each kernel). So a value depends
// on nothing but seed, block and i: not on the number of threads, the instruction set or the device.
//
// `out` is contiguous. `stream` is 0 but in the known-answer tests.
#include "kernels.h"
#include "parallel.h"
#include "primitives.h"
#include "simd.h"

namespace tg {
namespace TG_LEVEL {
namespace {

constexpr int64_t kBatchBlocks = 64;  // blocks made at once: whole vectors at every level
constexpr int64_t kBatchWords = 4 * kBatchBlocks;
constexpr int64_t kTaskBatches = 64;
constexpr int64_t kSerialElements = 1 << 15;

// words[4 b + j]: word j of block `first + b`. A round goes over all blocks, so that the compiler sees one loop.
void philox(uint64_t seed, uint64_t first, uint64_t stream, uint32_t* words) {
  uint32_t x0[kBatchBlocks], x1[kBatchBlocks], x2[kBatchBlocks], x3[kBatchBlocks];
  for (int64_t b = 0; b < kBatchBlocks; ++b) {
    const uint64_t block = first + static_cast<uint64_t>(b);
    x0[b] = static_cast<uint32_t>(block);
    x1[b] = static_cast<uint32_t>(block >> 32);
    x2[b] = static_cast<uint32_t>(stream);
    x3[b] = static_cast<uint32_t>(stream >> 32);
  }
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int64_t b = 0; b < kBatchBlocks; ++b) {
      const uint64_t product0 = uint64_t{0xD2511F53} * x0[b];
      const uint64_t product1 = uint64_t{0xCD9E8D57} * x2[b];
      x0[b] = static_cast<uint32_t>(product1 >> 32) ^ x1[b] ^ key0;
      x1[b] = static_cast<uint32_t>(product1);
      x2[b] = static_cast<uint32_t>(product0 >> 32) ^ x3[b] ^ key1;
      x3[b] = static_cast<uint32_t>(product0);
    }
    key0 += 0x9E3779B9;  // the golden ratio
    key1 += 0xBB67AE85;  // sqrt(3) - 1
  }
  for (int64_t b = 0; b < kBatchBlocks; ++b) {
    words[4 * b] = x0[b];
    words[4 * b + 1] = x1[b];
    words[4 * b + 2] = x2[b];
    words[4 * b + 3] = x3[b];
  }
}

// convert(words, out, count) makes `count` elements, at most kBatchWords / kWords of them, of the words.
template <int64_t kWords, class Value, class Convert>
void generate(const Array<Value>& out, uint64_t seed, uint64_t block, uint64_t stream, Convert convert) {
  constexpr int64_t kBatch = kBatchWords / kWords;
  const int64_t n = out.numel(), batches = (n + kBatch - 1) / kBatch;
  const int64_t tasks = n < kSerialElements ? 1 : (batches + kTaskBatches - 1) / kTaskBatches;
  const int64_t batches_per_task = tasks == 1 ? batches : kTaskBatches;
  parallel_for(tasks, [&](int64_t task) {
    const int64_t first = task * batches_per_task;
    const int64_t last = first + batches_per_task < batches ? first + batches_per_task : batches;
    for (int64_t batch = first; batch < last; ++batch) {
      uint32_t words[kBatchWords];
      philox(seed, block + static_cast<uint64_t>(batch * kBatchBlocks), stream, words);
      const int64_t begin = batch * kBatch, left = n - begin;
      convert(words, out.data + begin, left < kBatch ? left : kBatch);
    }
  });
}

TG_INLINE uint64_t pair(const uint32_t* words) { return uint64_t{words[1]} << 32 | words[0]; }
// floor(range * word / 2^64), range = 0 standing for 2^64: an integer in [0, range). A value's probability is
// off by at most 2^-64, that is by range / 2^64 of itself (Lemire, ACM TOMACS 29(1), 2019, without rejection).
TG_INLINE uint64_t scaled(uint64_t word, uint64_t range) {
  if (range == 0) return word;
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(static_cast<Wide>(word) * range >> 64);
}

// Uniform in [0, 1): a multiple of 2^-24 from one word.
void make_uniform(const uint32_t* words, float* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * 0x1p-24F;
}
// ... a multiple of 2^-53 from two words, every step exact.
void make_uniform(const uint32_t* words, double* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = (static_cast<double>(words[2 * i + 1]) * 0x1p21 + static_cast<double>(words[2 * i] >> 11)) * 0x1p-53;
}

template <class T>
void random_uniform(Out<T> out, uint64_t seed, uint64_t block) {
  generate<sizeof(T) / 4>(out, seed, block, 0,
                          [](const uint32_t* words, T* values, int64_t n) { make_uniform(words, values, n); });
}

// Box and Muller (Ann. Math. Stat. 29, 1958): with u in (0, 1] and v in [0, 1), both
// sqrt(-2 log u) cos(2 pi v) and sqrt(-2 log u) sin(2 pi v) are normal, and independent.
// v = q / 4 + f with |f| <= 1/8 holds exactly, so that sine and cosine are accurate next to their zeros, too.
TG_INLINE void box_muller(Vec<double> u, Vec<double> v, Vec<double>& first, Vec<double>& second) {
  const Vec<double> radius = sqrt(log(u) * -2.0);
  const Vec<double> rounder = Ieee<double>::rounder, shifted = v * 4.0 + rounder;
  const Vec<double> f = v - (shifted - rounder) * 0.25;
  const Quadrant angle = {f * 6.283185307179586, Vec<double>(0.0), to_bits(shifted)};
  const Vec<double> sine = sin_series(angle), cosine = cos_series(angle);
  first = radius * flip(select(is_odd(angle.n), sine, cosine), angle.n + 1);
  second = radius * flip(select(is_odd(angle.n), cosine, sine), angle.n);
}

// Elements 2 k and 2 k + 1 come from u of element 2 k's words and v of element 2 k + 1's. Computed in double:
// the floats are all but correctly rounded.
template <class T>
void make_normal(const uint32_t* words, T* out, int64_t count) {
  constexpr int64_t kPairs = kBatchWords / (sizeof(T) / 4) / 2;
  double u[kPairs], v[kPairs];
  for (int64_t k = 0; k < kPairs; ++k) {
    if constexpr (sizeof(T) == 4) {
      u[k] = (static_cast<double>(words[2 * k]) + 1.0) * 0x1p-32;
      v[k] = static_cast<double>(words[2 * k + 1]) * 0x1p-32;
    } else {
      double both[2];
      make_uniform(words + 4 * k, both, 2);
      u[k] = both[0] + 0x1p-53;
      v[k] = both[1];
    }
  }
  T values[2 * kPairs];
  for (int64_t k = 0; k < kPairs; k += Vec<double>::width) {
    Vec<double> first, second;
    box_muller(Vec<double>::load(u + k), Vec<double>::load(v + k), first, second);
    first.store(u + k);
    second.store(v + k);
  }
  for (int64_t k = 0; k < kPairs; ++k) {
    values[2 * k] = static_cast<T>(u[k]);
    values[2 * k + 1] = static_cast<T>(v[k]);
  }
  __builtin_memcpy(out, values, static_cast<size_t>(count) * sizeof(T));
}

template <class T>
void random_normal(Out<T> out, uint64_t seed, uint64_t block) {
  generate<sizeof(T) / 4>(out, seed, block, 0,
                          [](const uint32_t* words, T* values, int64_t n) { make_normal(words, values, n); });
}

// True with the given probability, to 2^-32: word < probability * 2^32.
template <class>
void random_mask(Out<Mask> out, double probability, uint64_t seed, uint64_t block) {
  const double threshold = probability * 0x1p32;
  if (threshold >= 0x1p32) {  // does not fit a word
    for (int64_t i = 0; i < out.numel(); ++i) out.data[i] = true;
    return;
  }
  const uint32_t bound = static_cast<uint32_t>(threshold);
  generate<1>(out, seed, block, 0, [bound](const uint32_t* words, bool* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i) values[i] = words[i] < bound;
  });
}

template <class>
void random_bits(Out<Index> out, uint64_t seed, uint64_t block, uint64_t stream) {
  generate<2>(out, seed, block, stream, [](const uint32_t* words, int64_t* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i) values[i] = static_cast<int64_t>(pair(words + 2 * i));
  });
}

template <class>
void random_integers(Out<Index> out, int64_t low, uint64_t range, uint64_t seed, uint64_t block) {
  generate<2>(out, seed, block, 0, [low, range](const uint32_t* words, int64_t* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      values[i] = static_cast<int64_t>(static_cast<uint64_t>(low) + scaled(pair(words + 2 * i), range));
  });
}

// Fisher and Yates (Knuth, TAOCP 2, 3.4.2, algorithm P): element i changes places with one of i .. n - 1.
// In sequence by nature; a device that wants the same permutation runs the same loop.
template <class>
void random_permutation(Out<Index> out, uint64_t seed, uint64_t block) {
  const int64_t n = out.numel();
  for (int64_t i = 0; i < n; ++i) out.data[i] = i;
  uint32_t words[kBatchWords];
  for (int64_t i = 0; i < n; ++i) {
    const int64_t at = 2 * i % kBatchWords;
    if (at == 0) philox(seed, block + static_cast<uint64_t>(i / 2), 0, words);
    const int64_t j = i + static_cast<int64_t>(scaled(pair(words + at), static_cast<uint64_t>(n - i)));
    const int64_t held = out.data[i];
    out.data[i] = out.data[j];
    out.data[j] = held;
  }
}

}  // namespace

extern const int64_t random_batch, random_task, random_serial;
const int64_t random_batch = kBatchWords, random_task = kTaskBatches * kBatchWords;  // in words
const int64_t random_serial = kSerialElements;
TG_EXPORT(random_uniform)
TG_EXPORT(random_normal)
TG_EXPORT(random_mask)
TG_EXPORT(random_bits)
TG_EXPORT(random_integers)
TG_EXPORT(random_permutation)

}  // namespace TG_LEVEL
}  // namespace tg
