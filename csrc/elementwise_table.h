#pragma once
namespace tg {
struct ElementwiseTable {};
}  // namespace tg
