"""dropout: the kernel, the mask's statistics and independence of layout, edges of p, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from strategies import LAYOUTS
from tinygrad_edu import _C

F = tg.nn.functional


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_kernel(level: str, dtype: Any) -> None:
    task = _C.constants()["row_task_elements"]
    rng = np.random.default_rng(0)
    threads = _C.num_threads()
    try:
        for shape in [(), (0, 3), (5,), (2, 3, 4), (task - 1,), (task + 1,), (3, task // 2, 2)]:
            x = np.asarray(rng.normal(size=shape).astype(dtype))
            mask = np.asarray(rng.random(shape) < 0.5)
            for n in (1, 2):
                _C.set_num_threads(n)
                for layout in LAYOUTS.values():
                    given = layout(x)
                    out = np.empty_like(given)
                    _C.dropout(given, mask, out, 2.0)
                    np.testing.assert_array_equal(out, x * mask * 2)
    finally:
        _C.set_num_threads(threads)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_statistics(p: float) -> None:
    tg.manual_seed(0)
    x = tg.ones(100, 1000, requires_grad=True)
    out = F.dropout(x, p)
    out.sum().backward()
    values = out.detach().numpy()
    assert abs((values == 0).mean() - p) < 5 * (p * (1 - p) / values.size) ** 0.5
    np.testing.assert_allclose(np.unique(values), [0, 1 / (1 - p)], rtol=1e-6)
    np.testing.assert_array_equal(x.grad.numpy(), values)


def test_mask_depends_on_the_seed_alone() -> None:
    results = []
    for layout in LAYOUTS.values():
        tg.manual_seed(3)
        results.append(F.dropout(tg.from_numpy(layout(np.ones((2, 3, 4, 5)))), 0.5).numpy())
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)
    assert not np.array_equal(results[0], F.dropout(tg.ones(2, 3, 4, 5), 0.5).numpy())


def test_channels_last_stays() -> None:
    x = tg.from_numpy(LAYOUTS["channels_last"](np.ones((2, 3, 4, 5))))
    assert F.dropout(x, 0.5).stride() == x.stride()


def test_edges_of_p() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 0.7, training=False) is x
    out = F.dropout(x, 1.0)
    out.sum().backward()
    np.testing.assert_array_equal(out.detach().numpy(), [0, 0])
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0])


def test_in_place() -> None:
    x = tg.ones(50)
    out = F.dropout(x, 0.5, inplace=True)
    assert out is x
    assert set(x.numpy().tolist()) == {0.0, 2.0}


def test_errors() -> None:
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"dropout: p must lie in \[0, 1\], got"):
            F.dropout(tg.ones(2), p)
    with pytest.raises(TypeError, match="input must be a float tensor, got int64"):
        F.dropout(tg.tensor([1, 2]))
