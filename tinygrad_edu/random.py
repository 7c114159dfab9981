"""Random number generators: where random ops take their numbers from, and how a run is repeated.

The numbers are a pure function of (seed, block, index): Philox4x32-10, a block cipher run over a
counter (csrc/random.cpp). A generator is therefore only two integers: the seed, and the number of
the next block. Each op reserves the blocks it needs, so equal seeds give equal values whatever the
thread count, the memory layout or the device.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .autograd import Tensor, wrap
from .device import check_device

_WORDS_PER_BLOCK = 4
_MASK = 2**64 - 1
_reserving = threading.Lock()


class Generator:
    """A stream of random numbers that ops draw from: `tg.randn(3, generator=g)`.

    Args:
        device: where the numbers are made; only "cpu" so far. The values do not depend on it.

    Reference:
        Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.

    Example:
        >>> import tinygrad_edu as tg
        >>> g = tg.Generator().manual_seed(0)
        >>> first = tg.rand(2, generator=g)
        >>> second = tg.rand(2, generator=g.manual_seed(0))
        >>> first.tolist() == second.tolist()
        True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = check_device(device)
        self._seed = 67280421310721  # PyTorch's, for a generator that nobody has seeded
        self._block = 0

    def manual_seed(self, seed: int) -> "Generator":
        """Starts the stream that belongs to `seed` from its beginning.

        Args:
            seed: an integer in [-2**63, 2**64); a negative one counts from 2**64 down.

        Returns:
            The generator itself.

        Raises:
            TypeError: `seed` is not an integer.
            ValueError: `seed` does not fit 64 bits.
        """
        if not isinstance(seed, int | np.integer):
            raise TypeError(f"manual_seed: seed must be an integer, got {type(seed).__name__}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"manual_seed: seed must lie in [-2**63, 2**64), got {seed}")
        with _reserving:
            self._seed = int(seed) & _MASK
            self._block = 0
        return self

    def seed(self) -> int:
        """Starts a stream chosen by the operating system's entropy, and returns its seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed of the current stream."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 Tensor of shape (16,): seed and next block, little-endian."""
        state = np.array([self._seed, self._block], dtype="<u8").view(np.uint8)
        tensor: Tensor = wrap(state)
        return tensor

    def set_state(self, new_state: Tensor) -> None:
        """Continues from a state that `get_state` returned.

        Raises:
            TypeError: `new_state` is not a uint8 Tensor.
            ValueError: its shape is not (16,).
        """
        if not isinstance(new_state, Tensor) or new_state.array.dtype != np.uint8:
            raise TypeError("set_state: the state must be a uint8 Tensor, as get_state returns it")
        if new_state.array.shape != (16,):
            raise ValueError(
                f"set_state: the state must have shape (16,), got {new_state.array.shape}"
            )
        seed, block = np.ascontiguousarray(new_state.array).view("<u8").tolist()
        with _reserving:
            self._seed, self._block = seed, block

    def reserve(self, words: int) -> tuple[int, int]:
        """Takes blocks that hold `words` 32-bit words out of the stream: (seed, first block)."""
        with _reserving:
            block = self._block
            self._block = (block + -(-words // _WORDS_PER_BLOCK)) & _MASK
            return self._seed, block


default_generator = Generator()
default_generator.seed()
_in_use: ContextVar[Generator] = ContextVar("generator", default=default_generator)
generator_in_use = _in_use.get


@contextmanager
def use_generator(generator: Generator) -> Iterator[None]:
    """Inside the `with` block, in this thread, ops draw from `generator` unless told otherwise.

    Example:
        >>> import tinygrad_edu as tg
        >>> with tg.random.use_generator(tg.Generator().manual_seed(0)):
        ...     first = tg.rand(2)
        >>> first.tolist() == tg.rand(2, generator=tg.Generator().manual_seed(0)).tolist()
        True
    """
    token = _in_use.set(generator)
    try:
        yield
    finally:
        _in_use.reset(token)


def manual_seed(seed: int) -> Generator:
    """Seeds the default generator, which random ops use unless told otherwise, and returns it.

    Example:
        >>> import tinygrad_edu as tg
        >>> _ = tg.manual_seed(0)
        >>> first = tg.rand(3)
        >>> _ = tg.manual_seed(0)
        >>> tg.rand(3).tolist() == first.tolist()
        True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seeds the default generator from the operating system's entropy, and returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, a uint8 Tensor of shape (16,)."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Continues the default generator from a state that `get_rng_state` returned."""
    default_generator.set_state(new_state)


@contextmanager
def fork_rng(enabled: bool = True) -> Iterator[None]:
    """Inside the `with` block the default generator may be used and seeded; then it is as before.

    Example:
        >>> import tinygrad_edu as tg
        >>> state = tg.get_rng_state()
        >>> with tg.random.fork_rng():
        ...     _ = tg.manual_seed(1), tg.rand(5)
        >>> tg.get_rng_state().tolist() == state.tolist()
        True
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
