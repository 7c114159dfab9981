"""
Kernels and arrays of tinygrad_edu; see csrc/ for the sources and kernels.def for the list.
"""

from __future__ import annotations

import typing

__all__: list[str] = [
    "Storage",
    "adam_step",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_stats",
    "constants",
    "conv2d",
    "conv2d_input",
    "conv2d_weight",
    "copy",
    "cross_entropy",
    "cross_entropy_backward",
    "cumsum",
    "dropout",
    "elementwise",
    "embedding",
    "embedding_backward",
    "empty",
    "empty_cache",
    "fill",
    "index_bounds",
    "layer_norm",
    "layer_norm_backward",
    "level",
    "levels",
    "log_softmax",
    "log_softmax_backward",
    "matmul",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_gather",
    "memory_stats",
    "nll_loss",
    "nll_loss_backward",
    "num_threads",
    "owns_memory_alone",
    "prod",
    "put",
    "random_bits",
    "random_integers",
    "random_mask",
    "random_normal",
    "random_permutation",
    "random_uniform",
    "register_tensor_class",
    "reset_peak_memory",
    "set_cache_limit",
    "set_level",
    "set_num_threads",
    "sgd_step",
    "softmax",
    "softmax_backward",
    "sum",
    "take",
    "view",
    "where",
    "wrap",
]

class Storage:
    """
    A block of the caching allocator; the base of the arrays that live in it.
    """

def adam_step(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: typing.SupportsFloat | typing.SupportsIndex,
    arg7: typing.SupportsFloat | typing.SupportsIndex,
    arg8: typing.SupportsFloat | typing.SupportsIndex,
    arg9: typing.SupportsFloat | typing.SupportsIndex,
    arg10: typing.SupportsFloat | typing.SupportsIndex,
    arg11: bool,
    arg12: bool,
) -> None: ...
def amax(arg0: typing.Any, arg1: typing.Any) -> None: ...
def amin(arg0: typing.Any, arg1: typing.Any) -> None: ...
def argmax(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def argmin(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def avg_pool2d(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.SupportsInt | typing.SupportsIndex,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: bool,
    arg9: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def avg_pool2d_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.SupportsInt | typing.SupportsIndex,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: bool,
    arg9: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def batch_norm(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: bool,
    arg7: typing.SupportsFloat | typing.SupportsIndex,
) -> None: ...
def batch_norm_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: typing.Any,
    arg7: typing.Any,
    arg8: bool,
    arg9: bool,
    arg10: typing.SupportsFloat | typing.SupportsIndex,
) -> None: ...
def batch_norm_stats(arg0: typing.Any, arg1: typing.Any, arg2: typing.Any, arg3: bool) -> None: ...
def constants() -> dict: ...
def conv2d(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsInt | typing.SupportsIndex,
    arg10: typing.SupportsInt | typing.SupportsIndex,
    arg11: bool,
) -> None: ...
def conv2d_input(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def conv2d_weight(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def copy(arg0: typing.Any, arg1: typing.Any) -> None: ...
def cross_entropy(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsFloat | typing.SupportsIndex,
) -> None: ...
def cross_entropy_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: typing.Any,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsFloat | typing.SupportsIndex,
) -> None: ...
def cumsum(
    arg0: typing.Any, arg1: typing.Any, arg2: typing.SupportsInt | typing.SupportsIndex
) -> None: ...
def dropout(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsFloat | typing.SupportsIndex,
) -> None: ...
def embedding(arg0: typing.Any, arg1: typing.Any, arg2: typing.Any) -> None: ...
def embedding_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def empty(shape: tuple, dtype: typing.Any, strides: typing.Any = None) -> typing.Any: ...
def empty_cache() -> None: ...
def fill(arg0: typing.Any, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
def index_bounds(arg0: typing.Any, arg1: typing.Any) -> None: ...
def layer_norm(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: typing.SupportsFloat | typing.SupportsIndex,
) -> None: ...
def layer_norm_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.Any,
    arg6: typing.Any,
    arg7: typing.Any,
) -> None: ...
def level() -> str: ...
def levels() -> list: ...
def log_softmax(
    arg0: typing.Any, arg1: typing.Any, arg2: typing.SupportsInt | typing.SupportsIndex
) -> None: ...
def log_softmax_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def matmul(
    arg0: typing.Any, arg1: typing.Any, arg2: typing.Any, arg3: typing.Any, arg4: bool, arg5: bool
) -> None: ...
def max_pool2d(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsInt | typing.SupportsIndex,
    arg10: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def max_pool2d_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsInt | typing.SupportsIndex,
    arg10: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def max_pool2d_gather(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
    arg7: typing.SupportsInt | typing.SupportsIndex,
    arg8: typing.SupportsInt | typing.SupportsIndex,
    arg9: typing.SupportsInt | typing.SupportsIndex,
    arg10: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def memory_stats() -> dict: ...
def nll_loss(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def nll_loss_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.Any,
    arg4: typing.Any,
    arg5: typing.SupportsInt | typing.SupportsIndex,
    arg6: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def num_threads() -> int: ...
def owns_memory_alone(arg0: typing.Any) -> bool: ...
def prod(arg0: typing.Any, arg1: typing.Any) -> None: ...
def put(arg0: typing.Any, arg1: typing.Any, arg2: typing.Any, arg3: bool) -> None: ...
def random_bits(
    arg0: typing.Any,
    arg1: typing.SupportsInt | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def random_integers(
    arg0: typing.Any,
    arg1: typing.SupportsInt | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
    arg3: typing.SupportsInt | typing.SupportsIndex,
    arg4: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def random_mask(
    arg0: typing.Any,
    arg1: typing.SupportsFloat | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def random_normal(
    arg0: typing.Any,
    arg1: typing.SupportsInt | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def random_permutation(
    arg0: typing.Any,
    arg1: typing.SupportsInt | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def random_uniform(
    arg0: typing.Any,
    arg1: typing.SupportsInt | typing.SupportsIndex,
    arg2: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def register_tensor_class(cls: typing.Any) -> typing.Any:
    """
    Class decorator: results of ops are instances of this class.
    """

def reset_peak_memory() -> None: ...
def set_cache_limit(arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
def set_level(arg0: str) -> None: ...
def set_num_threads(arg0: typing.SupportsInt | typing.SupportsIndex) -> None: ...
def sgd_step(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsFloat | typing.SupportsIndex,
    arg4: typing.SupportsFloat | typing.SupportsIndex,
    arg5: typing.SupportsFloat | typing.SupportsIndex,
    arg6: typing.SupportsFloat | typing.SupportsIndex,
    arg7: bool,
    arg8: bool,
    arg9: bool,
) -> None: ...
def softmax(
    arg0: typing.Any, arg1: typing.Any, arg2: typing.SupportsInt | typing.SupportsIndex
) -> None: ...
def softmax_backward(
    arg0: typing.Any,
    arg1: typing.Any,
    arg2: typing.Any,
    arg3: typing.SupportsInt | typing.SupportsIndex,
) -> None: ...
def sum(
    arg0: typing.Any, arg1: typing.Any, arg2: typing.SupportsFloat | typing.SupportsIndex
) -> None: ...
def take(arg0: typing.Any, arg1: typing.Any, arg2: typing.Any) -> None: ...
def view(
    array: typing.Any,
    shape: tuple,
    strides: tuple,
    offset: typing.SupportsInt | typing.SupportsIndex = 0,
) -> typing.Any: ...
def where(arg0: typing.Any, arg1: typing.Any, arg2: typing.Any, arg3: typing.Any) -> None: ...
def wrap(array: typing.Any, node: typing.Any = None) -> typing.Any:
    """
    A Tensor around an array that nobody else wraps.
    """

elementwise: dict
