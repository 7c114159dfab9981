"""Rows of layer_norm and batch_norm.

Values are distinct, so that no variance is close to 0, and there are three or more to a statistic:
two become -1 and 1 whatever they are, and a gradient of 0 cannot be compared in relative terms.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, shapes

F = tg.nn.functional


def normalised(x: np.ndarray, dims: tuple[int, ...], eps: float) -> np.ndarray:
    centred = x - x.mean(dims, keepdims=True)
    return centred / np.sqrt((centred**2).mean(dims, keepdims=True) + eps)


def layer_norm(
    x: np.ndarray, shape: tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> np.ndarray:
    out = normalised(x, tuple(range(x.ndim - len(shape), x.ndim)), eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


@st.composite
def samples(draw: st.DrawFn) -> Case:
    """An input, the shape of its last dims, and none, one or both of weight and bias."""
    shape = draw(shapes(min_dims=1, min_side=1))
    last = (shape[-1] + 2,)
    shape = (*shape[:-1], *last)
    last = shape[draw(st.integers(0, len(shape) - 1)) :]
    affine = [draw(arrays(last)) for _ in range(draw(st.integers(0, 2)))]
    eps = draw(st.sampled_from([1e-5, 0.5]))
    return Case((draw(arrays(shape, distinct=True)), last, *affine), {"eps": eps})


def per_channel(values: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(values).reshape(-1, *(1,) * (x.ndim - 2))


def affine(out: np.ndarray, weight: Any, bias: Any) -> np.ndarray:
    out = out if weight is None else out * per_channel(weight, out)
    return out if bias is None else out + per_channel(bias, out)


def batch_norm(
    x: np.ndarray,
    _mean: None,
    _var: None,
    weight: Any = None,
    bias: Any = None,
    training: bool = True,
    eps: float = 1e-5,
) -> np.ndarray:
    return affine(normalised(x, (0, *range(2, x.ndim)), eps), weight, bias)


def batch_norm_eval(
    x: np.ndarray, mean: Any, var: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> np.ndarray:
    centred = x - per_channel(mean, x)
    return affine(centred / np.sqrt(per_channel(var, x) + eps), weight, bias)


@st.composite
def batches(draw: st.DrawFn, training: bool) -> Case:
    """An input (N, C, ...) with three samples at least; given statistics as plain numbers."""
    shape = draw(shapes(min_dims=2, min_side=1))
    shape = (shape[0] + 2, *shape[1:])
    channels = shape[1]
    parameters = [draw(arrays((channels,))) for _ in range(draw(st.integers(0, 2)))]
    options: dict[str, Any] = {"eps": draw(st.sampled_from([1e-5, 0.5]))}
    statistics: tuple[Any, Any] = (None, None)
    if training:
        options["training"] = True
    else:
        numbers = draw(arrays((2, channels), 0.5, 2.0))
        statistics = (tuple(numbers[0]), tuple(numbers[1]))
    return Case((draw(arrays(shape, distinct=True)), *statistics, *parameters), options)


def with_statistics(op: Any) -> Any:
    """batch_norm, taking the running statistics, which have no gradient, as plain numbers."""

    @functools.wraps(op)
    def call(x: Any, mean: Any, var: Any, *parameters: Any, **options: Any) -> Any:
        make = tg.tensor if isinstance(x, tg.Tensor) else x.new_tensor
        given = (make(mean, dtype=x.dtype), make(var, dtype=x.dtype))
        return op(x, *given, *parameters, **options)

    return call


def torch_batch_norm(*args: Any, **options: Any) -> Any:
    import torch

    return with_statistics(torch.nn.functional.batch_norm)(*args, **options)


SPECS = [
    Spec(F.layer_norm, layer_norm, samples(), torch="nn.functional.layer_norm", tolerance=64),
    Spec(F.batch_norm, batch_norm, batches(True), torch="nn.functional.batch_norm", tolerance=64),
    Spec(
        with_statistics(F.batch_norm),
        batch_norm_eval,
        batches(False),
        torch=torch_batch_norm,
        tolerance=4,
        name="batch_norm_eval",
    ),
]
