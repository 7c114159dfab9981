"""tinygrad_edu: a reverse-mode autograd engine that can be read to the bottom.

Tensors record what is done to them; `backward()` walks the record in reverse. See docs/design.md
for the map.
"""

from __future__ import annotations

from . import autograd as autograd
from . import gradients as _gradients

from .tensor import Tensor  # isort: skip  the module of this name must not shadow the function tensor()
from ._C import empty_cache, memory_stats, reset_peak_memory
from ._C import num_threads as get_num_threads
from ._C import set_num_threads as set_num_threads
from .device import device
from .dtypes import bool_ as bool
from .dtypes import (
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .gradcheck import gradcheck as gradcheck
from .gradcheck import gradgradcheck as gradgradcheck
from .ops.activations import relu
from .ops.comparison import *
from .ops.convert import as_tensor, asarray, from_dlpack, from_numpy, tensor
from .ops.copies import *
from .ops.creation import *
from .ops.elementwise import *
from .ops.extremes import *
from .ops.gather import *
from .ops.indexing import *
from .ops.matmul import *
from .ops.random import *
from .ops.reduce import *
from .ops.sampling import bernoulli, multinomial
from .ops.shape import *
from .ops.slicing import *
from .ops.softmax import *
from .ops.statistics import *
from .ops.view import *
from .ops.where import *
from .ops.windows import *
from .printing import set_printoptions
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .serialization import load, save

from . import nn as nn  # isort: skip  after the ops
from . import optim as optim  # isort: skip
from . import data as data  # isort: skip
from . import train as train  # isort: skip
from . import random as random  # isort: skip  not ops.random

__version__ = "0.1.0"

float = float32
double = float64
long = int64
int = int32

autograd.backward = _gradients.backward
autograd.grad = _gradients.grad
