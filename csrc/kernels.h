// How a kernel reaches Python, in three steps that this header ties together:
//
//   1. kernels.def has one row for it: TG_KERNEL(name, (parameters)).
//   2. <stem>.cpp defines `template <class T> void name(parameters)` and ends with TG_EXPORT(name).
//      The file is compiled once per instruction-set level (TG_LEVEL = v2, v3, v4, neon), each in its own
//      namespace, and exports one constant: the pair of function pointers for float and double.
//   3. dispatch.cpp gathers the constants of all levels into one table per level and picks one at import;
//      bindings.cpp turns every row into a Python function that checks its arguments by their C++ types.
//
// Inside a kernel file everything lives in `namespace tg { namespace TG_LEVEL { namespace {`: two levels must
// never share a symbol, or the linker may keep the AVX-512 copy for a machine without it. So: no std::
// templates that allocate, no exceptions, no static initialisers, only constexpr tables.
#pragma once
#include "array.h"

namespace tg {

struct ElementwiseTable;  // elementwise_table.h

template <template <class> class Signature>
struct Kernel {
  Signature<float> f32;
  Signature<double> f64;
};

#define TG_KERNEL(name, parameters) \
  template <class T>                \
  using name##_signature = void(*) parameters;
#include "kernels.def"
#undef TG_KERNEL

// One table per level.
struct Kernels {
  const char* level;
  const ElementwiseTable* elementwise;
#define TG_KERNEL(name, parameters) Kernel<name##_signature> name;
#include "kernels.def"
#undef TG_KERNEL
#define TG_CONSTANT(name) int64_t name;
#include "constants.def"
#undef TG_CONSTANT
};

const Kernels* picked_kernels();               // the level in use, or null (dispatch.cpp)
const Kernels* kernels_at(const char* level);  // a level by name, or null where this machine lacks it

#ifdef TG_LEVEL
namespace TG_LEVEL {
#define TG_KERNEL(name, parameters) extern const Kernel<name##_signature> name##_kernel;
#include "kernels.def"
#undef TG_KERNEL
}  // namespace TG_LEVEL

#define TG_EXPORT(name) const Kernel<name##_signature> name##_kernel{&name<float>, &name<double>};
#endif

}  // namespace tg
