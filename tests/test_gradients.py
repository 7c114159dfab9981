"""Every row of the table of ops (specs.py): values, gradients, exact points, storage, PyTorch.

Inputs are exact in float32, so float32 and float64 runs see the same numbers, and one float64
reference serves both. The steps are the same for every op: nothing here knows which it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg
from specs import Spec, all_specs, build, outputs
from strategies import Case, layouts

SPECS = all_specs()
DIFFERENTIABLE = [spec for spec in SPECS if spec.differentiable]
RELATIVE = {np.float32: 2e-6, np.float64: 1e-13}  # some ulp, of the largest element

each_spec = pytest.mark.parametrize("spec", SPECS, ids=str)
each_differentiable = pytest.mark.parametrize("spec", DIFFERENTIABLE, ids=str)


def assert_close(
    got: Any, expected: Any, dtype: Any, tolerance: float, inputs: Any = (), what: str = "value"
) -> None:
    """Equal in shape, NaN and infinity; else within some ulp of the largest element of the result
    or (sums may cancel) of the inputs.
    """
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    scale = max(np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in (expected, *inputs))
    error = RELATIVE[dtype] * tolerance
    near = error * scale + np.finfo(dtype).tiny  # products may flush denormals
    np.testing.assert_allclose(got, expected, rtol=4 * error, atol=near, err_msg=what)


def run_reference(spec: Spec, case: Case) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return [np.asarray(out) for out in outputs(spec.reference(*case.args, **case.kwargs))]


@each_spec
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(st.data())
def test_values(spec: Spec, dtype: Any, data: st.DataObject) -> None:
    """op = reference, in any storage, with the dtype kept and the operands left alone."""
    case = data.draw(spec.cases)
    layout = data.draw(layouts)
    args, kwargs, leaves = build(case, dtype, layout)
    before = [leaf.array.copy() for leaf in leaves]
    results = outputs(spec.op(*args, **kwargs))
    references = run_reference(spec, case)
    assert len(results) == len(references)
    for out, expected in zip(results, references, strict=True):
        if out.array.dtype.kind == "f":
            assert out.dtype == dtype
        assert_close(out.array, expected, dtype, spec.tolerance, before)
        assert spec.differentiable or not out.requires_grad
    for leaf, kept in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf.array, kept)


@each_differentiable
@given(st.data())
def test_gradient(spec: Spec, data: st.DataObject) -> None:
    """First derivatives against finite differences."""
    case = data.draw(spec.cases)
    run_gradcheck(spec, case, data.draw(layouts), order=1)


@pytest.mark.parametrize("spec", [s for s in DIFFERENTIABLE if s.order >= 2], ids=str)
@given(st.data())
def test_second_gradient(spec: Spec, data: st.DataObject) -> None:
    """Second derivatives against finite differences of the first."""
    case = data.draw(spec.cases)
    run_gradcheck(spec, case, data.draw(layouts), order=2)


def run_gradcheck(spec: Spec, case: Case, layout: str, order: int) -> None:
    _, _, leaves = build(case, np.float64, layout)

    def of_leaves(*tensors: tg.Tensor) -> Any:
        queue = iter(tensors)
        return spec.op(*refill(case.args, queue), **refill(case.kwargs, queue))

    check = tg.gradcheck if order == 1 else tg.gradgradcheck
    tolerance = 1e-6 * spec.tolerance
    check(of_leaves, leaves, atol=tolerance, rtol=tolerance)


def refill(value: Any, leaves: Any) -> Any:
    """The case's arguments with the given Tensors in the places of its float arrays."""
    if isinstance(value, np.ndarray):
        return next(leaves) if value.dtype == np.float64 else tg.from_numpy(value.copy())
    if isinstance(value, (list, tuple)):
        return type(value)(refill(item, leaves) for item in value)
    if isinstance(value, dict):
        return {name: refill(item, leaves) for name, item in value.items()}
    return value


@each_differentiable
@given(st.data())
def test_gradient_float32(spec: Spec, data: st.DataObject) -> None:
    """The float32 gradient is the float64 gradient, rounded, whatever the storage."""
    case = data.draw(spec.cases)
    layout = data.draw(layouts)
    gradients = []
    for dtype in (np.float32, np.float64):
        args, kwargs, leaves = build(case, dtype, layout)
        outs = [out for out in outputs(spec.op(*args, **kwargs)) if out.requires_grad]
        rng = np.random.default_rng(0)
        us = [
            tg.from_numpy(np.asarray(rng.integers(-8, 8, out.shape)).astype(dtype)) for out in outs
        ]
        gradients.append(tg.autograd.grad(outs, leaves, us, allow_unused=True) if outs else ())
    for single, double in zip(*gradients, strict=True):
        assert (single is None) == (double is None)
        if single is not None:
            assert single.dtype == np.float32
            assert_close(
                single.array, double.array, np.float32, 4 * spec.tolerance, what="gradient"
            )


def exact_points() -> list[Any]:
    return [
        pytest.param(spec, point, expected, id=f"{spec}-{point}")
        for spec in SPECS
        for point, *expected in spec.exact
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec, point, expected", exact_points())
def test_exact(spec: Spec, point: Any, expected: list[float], dtype: Any) -> None:
    """Values at kinks and special points, with the sign of zero; derivatives up to order three."""
    points = point if isinstance(point, tuple) else (point,)
    xs = [tg.tensor(p, dtype=dtype, requires_grad=True) for p in points]
    values = [spec.op(*xs, **spec.exact_params)]
    if len(xs) == 2:
        values += tg.autograd.grad(values[0], xs)[: len(expected) - 1]
    else:
        for _ in expected[1:]:
            flat = not values[-1].requires_grad  # the derivative is a constant
            values += [xs[0] * 0] if flat else tg.autograd.grad(values[-1], xs, create_graph=True)
    for order, (value, wanted) in enumerate(zip(values, expected, strict=True)):
        got = value.item()
        assert got == pytest.approx(wanted, rel=4 * RELATIVE[dtype], abs=0, nan_ok=True), (
            f"{spec}({point}), {'gradient' if len(xs) == 2 else 'derivative'} {order}: "
            f"got {got}, expected {wanted}"
        )
        if order == 0 and wanted == 0:
            assert np.signbit(got) == np.signbit(wanted)


@pytest.mark.parity
@pytest.mark.parametrize("spec", [s for s in SPECS if s.torch is not None], ids=str)
@given(st.data())
def test_parity(spec: Spec, data: st.DataObject) -> None:
    """Values and gradients are PyTorch's."""
    torch = pytest.importorskip("torch")
    case = data.draw(spec.cases)
    args, kwargs, leaves = build(case)
    theirs: list[Any] = []

    def convert(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            x = torch.tensor(value)
            if value.dtype == np.float64:
                theirs.append(x.requires_grad_())
            return x
        if isinstance(value, (list, tuple)):
            return type(value)(convert(item) for item in value)
        return value

    function = find(torch, spec.torch) if isinstance(spec.torch, str) else spec.torch
    torch_args = [convert(value) for value in case.args]
    expected = outputs(function(*torch_args, **{k: convert(v) for k, v in case.kwargs.items()}))
    results = outputs(spec.op(*args, **kwargs))
    for out, want in zip(results, expected, strict=True):
        assert_close(out.array, want.detach().numpy(), np.float64, 100 * spec.tolerance)
    if not spec.differentiable:
        return
    ours = [out for out in results if out.requires_grad]
    wants = [want for want in expected if want.requires_grad]
    assert len(ours) == len(wants)
    if ours:
        us = [np.random.default_rng(0).standard_normal(out.shape) for out in ours]
        mine = tg.autograd.grad(
            ours, leaves, [tg.from_numpy(np.asarray(u)) for u in us], allow_unused=True
        )
        other = torch.autograd.grad(wants, theirs, [torch.tensor(u) for u in us], allow_unused=True)
        for a, b in zip(mine, other, strict=True):
            if a is not None and b is not None:
                assert_close(a.array, b.numpy(), np.float64, 100 * spec.tolerance, what="gradient")


def find(torch: Any, dotted: str) -> Any:
    found = torch
    for name in dotted.split("."):
        found = getattr(found, name)
    return found
