"""tinygrad_edu: a reverse-mode autograd engine that can be read to the bottom.

Tensors record what is done to them; `backward()` walks the record in reverse. See docs/design.md
for the map.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from numpy import dtype as dtype, finfo as finfo, iinfo as iinfo

try:
    from . import _C
except ImportError:
    from importlib.util import find_spec

    if find_spec(__name__ + "._C") is not None:
        raise
    raise ImportError(
        f"tinygrad_edu: the kernels are not built in {__path__[0]}, the source folder, which "
        "Python found before the installed package; start Python in another folder, or install "
        "with pip install -e ."
    ) from None

from . import autograd as autograd, dtypes, gradients as _gradients

# First, or the module of this name would shadow the function tensor().
from .tensor import Tensor as Tensor, is_tensor as is_tensor  # isort: skip
from ._C import (
    empty_cache as empty_cache,
    memory_stats as memory_stats,
    reset_peak_memory as reset_peak_memory,
    set_num_threads as set_num_threads,
)
from .device import device as device
from .dtypes import (
    float32 as float32,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    set_default_dtype as set_default_dtype,
    uint8 as uint8,
)
from .grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from .gradcheck import gradcheck as gradcheck, gradgradcheck as gradgradcheck
from .ops.activations import relu as relu
from .ops.comparison import *
from .ops.convert import (
    as_tensor as as_tensor,
    asarray as asarray,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    tensor as tensor,
)
from .ops.copies import *
from .ops.copies import FORMATS as _formats
from .ops.creation import *
from .ops.elementwise import *
from .ops.extremes import *
from .ops.gather import *
from .ops.indexing import *
from .ops.matmul import *
from .ops.promotion import promote_types as promote_types, result_type as result_type
from .ops.random import *
from .ops.reduce import *
from .ops.sampling import bernoulli as bernoulli, multinomial as multinomial
from .ops.shape import *
from .ops.slicing import *
from .ops.softmax import *
from .ops.statistics import *
from .ops.view import *
from .ops.where import *
from .ops.windows import *
from .printing import set_printoptions as set_printoptions
from .random import (
    Generator as Generator,
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)

from . import random as random  # isort: skip  not ops.random

if TYPE_CHECKING:
    from . import data as data, nn as nn, optim as optim, train as train
    from .serialization import load as load, save as save

__version__ = "0.1.0"

float = float32
double = float64
long = int64
int = int32
bool = dtypes.bool_

preserve_format, contiguous_format, channels_last = _formats

is_floating_point = Tensor.is_floating_point
numel = Tensor.numel
get_num_threads = _C.num_threads

autograd.backward = _gradients.backward
autograd.grad = _gradients.grad
autograd.gradcheck = gradcheck
autograd.gradgradcheck = gradgradcheck


def __getattr__(name: str) -> Any:
    """What not every program uses is imported when it is first asked for: half of the time."""
    if name in ("data", "nn", "optim", "train"):
        return importlib.import_module("." + name, __name__)
    if name in ("load", "save"):
        return getattr(importlib.import_module(".serialization", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "data", "load", "nn", "optim", "save", "train"})
