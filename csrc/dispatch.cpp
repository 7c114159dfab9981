// Picks the table of kernels for this machine's instruction set, once, at import.
// TINYGRAD_EDU_LEVEL=v2|v3|v4 forces a level (the tests run every one that the machine has).
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "elementwise_table.h"
#include "kernels.h"

// The constants that one level's objects export, declared and gathered.
#if defined(TG_HAVE_v2)
namespace tg::v2 {
#include "level_table.inc"
}
#endif
#if defined(TG_HAVE_v3)
namespace tg::v3 {
#include "level_table.inc"
}
#endif
#if defined(TG_HAVE_v4)
namespace tg::v4 {
#include "level_table.inc"
}
#endif
#if defined(TG_HAVE_neon)
namespace tg::neon {
#include "level_table.inc"
}
#endif

namespace tg {

// The features that tell the levels apart; clang 14 does not know "x86-64-v3" as a name.
#if defined(TG_HAVE_v2) || defined(TG_HAVE_v3) || defined(TG_HAVE_v4)
[[maybe_unused]] static bool has_v2() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }
[[maybe_unused]] static bool has_v3() {
  return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] static bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

const Kernels* kernels_at(const char* level) {
#if defined(TG_HAVE_v4)
  if (std::strcmp(level, "v4") == 0 && has_v4()) {
    static const Kernels table = v4::level_table("v4");
    return &table;
  }
#endif
#if defined(TG_HAVE_v3)
  if (std::strcmp(level, "v3") == 0 && has_v3()) {
    static const Kernels table = v3::level_table("v3");
    return &table;
  }
#endif
#if defined(TG_HAVE_v2)
  if (std::strcmp(level, "v2") == 0 && has_v2()) {
    static const Kernels table = v2::level_table("v2");
    return &table;
  }
#endif
#if defined(TG_HAVE_neon)
  if (std::strcmp(level, "neon") == 0) {
    static const Kernels table = neon::level_table("neon");
    return &table;
  }
#endif
  return nullptr;
}

static const Kernels* pick() {
  if (const char* forced = std::getenv("TINYGRAD_EDU_LEVEL")) return kernels_at(forced);
  for (const char* level : {"v4", "v3", "v2", "neon"})
    if (const Kernels* table = kernels_at(level)) return table;
  return nullptr;
}

const Kernels* picked_kernels() {
  static const Kernels* const table = pick();
  return table;
}

}  // namespace tg
