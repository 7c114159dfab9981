// An array as the kernels see it: a pointer, a shape, strides counted in elements. No Python, no ownership.
//
// A kernel states what it takes by the types of its parameters, and the binding checks just that:
//   In<T>     array it reads, of the dtype the kernel was instantiated for (float or double)
//   Out<T>    array it writes
//   In<Index> int64 array;  In<Mask> bool array;  In<uint8_t>, In<int32_t> likewise
//   Maybe<T>  array it reads, or None (then `data` is null)
//   List<T>   a Python list of arrays of dtype T (optimisers take all parameters at once)
#pragma once
#include <cstdint>

#define TG_INLINE inline __attribute__((always_inline))

namespace tg {

constexpr int64_t kMaxDims = 16;
using Index = int64_t;
using Mask = bool;

template <class T>
struct Array {
  T* data;
  int64_t ndim;
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims];

  TG_INLINE int64_t numel() const {
    int64_t n = 1;
    for (int64_t d = 0; d < ndim; ++d) n *= shape[d];
    return n;
  }
  TG_INLINE bool is_contiguous() const {
    int64_t expected = 1;
    for (int64_t d = ndim - 1; d >= 0; --d) {
      if (shape[d] != 1 && strides[d] != expected) return false;
      expected *= shape[d];
    }
    return true;
  }
};

template <class T>
struct MaybeArray : Array<T> {};

template <class T>
struct ArrayList {
  const Array<T>* items;
  int64_t size;
  TG_INLINE const Array<T>& operator[](int64_t i) const { return items[i]; }
};

template <class T>
using In = const Array<const T>&;
template <class T>
using Out = const Array<T>&;
template <class T>
using Maybe = const MaybeArray<const T>&;
template <class T>
using List = const ArrayList<T>&;

}  // namespace tg
