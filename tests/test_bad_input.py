"""Wrong use, one row each: the error's type, and that its text names the op and the facts.

Wrong weight files and data folders are in test_serialization.py and test_datasets.py, an
interrupted epoch in test_train.py.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

x23, x34, x4 = tg.ones(2, 3), tg.ones(3, 4), tg.ones(4)
images, kernel = tg.ones(2, 3, 8, 8), tg.ones(5, 3, 3, 3)
labels = tg.tensor([0, 1])

WRONG = {
    # shapes
    "add": (lambda: x23 + x4, ValueError, r"add: .*\(2, 3\).*\(4,\)"),
    "matmul": (lambda: x23 @ x23, ValueError, r"matmul: .*\(2, 3\).*\(2, 3\)"),
    "matmul 0-d": (lambda: x23 @ tg.tensor(1.0), ValueError, "matmul"),
    "linear": (lambda: nn.Linear(5, 2)(x23), ValueError, r"linear: .*\(2, 3\)"),
    "conv2d channels": (lambda: F.conv2d(images, tg.ones(5, 4, 3, 3)), ValueError, "conv2d"),
    "conv2d kernel": (lambda: F.conv2d(images, tg.ones(5, 3, 9, 9)), ValueError, "conv2d"),
    "conv2d groups": (lambda: F.conv2d(images, kernel, groups=2), ValueError, "conv2d"),
    "conv2d stride": (lambda: F.conv2d(images, kernel, stride=0), ValueError, "conv2d"),
    "max_pool2d": (lambda: F.max_pool2d(images, 9), ValueError, "max_pool2d"),
    "max_pool2d padding": (lambda: F.max_pool2d(images, 2, padding=2), ValueError, "max_pool2d"),
    "reshape": (lambda: x23.reshape(4, 2), ValueError, r"reshape: .*\(2, 3\)"),
    "reshape -1 -1": (lambda: x23.reshape(-1, -1), ValueError, "reshape"),
    "view": (lambda: x34.transpose(0, 1).view(12), ValueError, "view: .*reshape"),
    "expand": (lambda: x23.expand(4, 3), ValueError, "expand"),
    "cat": (lambda: tg.cat([x23, x34]), ValueError, "cat"),
    "cat of nothing": (lambda: tg.cat([]), ValueError, "cat"),
    "stack": (lambda: tg.stack([x23, x34]), ValueError, "stack"),
    "layer_norm": (lambda: F.layer_norm(x23, (4,)), ValueError, "layer_norm"),
    "batch_norm of one": (
        lambda: nn.BatchNorm1d(3)(tg.ones(1, 3)),
        ValueError,
        "batch_norm: .*more than one value",
    ),
    "cross_entropy": (lambda: F.cross_entropy(x23, tg.tensor([0, 1, 2])), ValueError, "cross_en"),
    "max of nothing": (lambda: tg.ones(0, 3).max(), IndexError, r"no elements.*\(0, 3\)"),
    "argmax of nothing": (lambda: tg.ones(0, 3).argmax(0), (ValueError, IndexError), "argmax"),
    "prelu": (lambda: F.prelu(x23, tg.ones(2)), ValueError, r"prelu: .*3 channels.*\(2,\)"),
    "glu dim": (lambda: F.glu(x34, 2), IndexError, r"glu: .*2"),
    "glu odd": (lambda: F.glu(x23), ValueError, "glu: .*3"),
    "glu 0-d": (lambda: F.glu(tg.tensor(1.0)), ValueError, "glu: .*0-d"),
    "zeros": (lambda: tg.zeros(-1), ValueError, "zeros: .*-1"),
    "too large": (lambda: tg.empty(2**40, 2**20), (MemoryError, ValueError), "empty|allocate"),
    # dtypes and types
    "float index": (lambda: x23[tg.ones(2)], (TypeError, IndexError), "index"),
    "bitwise on floats": (lambda: x23 & x23, TypeError, "bitwise_and: .*float32"),
    "mean of ints": (lambda: tg.ones(3, dtype=tg.int64).mean(), TypeError, "mean: .*int64"),
    "mixed dtypes": (lambda: x23 @ tg.ones(3, 2, dtype=tg.float64), TypeError, "matmul: .*float64"),
    "string operand": (lambda: x23 + "1", TypeError, "add"),
    "None operand": (lambda: x23 * None, TypeError, "mul"),
    "list of strings": (lambda: tg.tensor(["a"]), TypeError, "tensor"),
    "complex": (lambda: tg.tensor(np.ones(2) * 1j), TypeError, "complex"),
    "unknown dtype": (lambda: tg.ones(2, dtype="complex64"), TypeError, "complex64"),
    "float labels": (lambda: F.nll_loss(x23, tg.ones(2)), TypeError, "nll_loss"),
    "softmax of ints": (lambda: F.softmax(tg.ones(2, dtype=tg.int64), 0), TypeError, "softmax"),
    "embedding": (lambda: F.embedding(tg.ones(2), x23), TypeError, "embedding"),
    # dims, indices, labels
    "sum dim": (lambda: x23.sum(2), IndexError, r"sum: .*2"),
    "sum dim twice": (lambda: x23.sum((0, 0)), ValueError, "sum"),
    "softmax dim": (lambda: F.softmax(x23, -3), IndexError, "softmax: .*-3"),
    "transpose": (lambda: x23.transpose(0, 5), IndexError, "transpose: .*5"),
    "index": (lambda: x23[2], IndexError, "2 is out of range for dim 0 of size 2"),
    "index array": (lambda: x23[[0, 3]], IndexError, "3"),
    "too many indices": (lambda: x23[0, 0, 0], IndexError, "3 indices for a tensor of 2 dims"),
    "negative step": (lambda: x23[::-1], ValueError, "step"),
    "mask of another shape": (lambda: x23[tg.ones(3, dtype=tg.bool)], IndexError, "mask|bool"),
    "label too large": (lambda: F.cross_entropy(x23, tg.tensor([0, 3])), IndexError, "3"),
    "negative label": (lambda: F.cross_entropy(x23, tg.tensor([-1, 0])), IndexError, "-1"),
    "embedding index": (lambda: F.embedding(tg.tensor([9]), x23), IndexError, "9"),
    "gather index": (lambda: x23.gather(1, tg.tensor([[7]])), IndexError, "7"),
    "index_add on 0-d": (
        lambda: tg.tensor(1.0).index_add(0, tg.tensor([0]), tg.tensor(2.0)),
        ValueError,
        "index_add_: .*one dim",
    ),
    "gather on 0-d": (lambda: tg.tensor(1.0).gather(0, tg.tensor([7])), IndexError, "7"),
    "gather of a list": (lambda: tg.gather([1, 2], 0, tg.tensor([0])), TypeError, "gather: .*list"),
    "scatter into a list": (lambda: tg.scatter_([1], 0, labels, 1), TypeError, "scatter_: .*list"),
    "array of strings": (lambda: x23 + np.array("x"), TypeError, "must be numbers"),
    "size past 64 bits": (lambda: tg.zeros(2**63), ValueError, r"zeros: .*2\^63"),
    "sum_to_size": (lambda: x23.sum_to_size(2, 2), ValueError, r"sum_to_size: .*\(2, 2\)"),
    # graph state
    "gradient of a number": (lambda: tg.autograd.grad(1.0, x23), TypeError, "grad: .*float"),
    "gradient as a number": (
        lambda: tg.ones(1, requires_grad=True).backward(2.0),
        TypeError,
        "backward: .*float",
    ),
    "hook that is no function": (
        lambda: tg.ones(1, requires_grad=True).register_hook(3),
        TypeError,
        "hook must be callable, got int",
    ),
    "no graph": (lambda: x23.sum().backward(), RuntimeError, "does not require grad"),
    "not a scalar": (
        lambda: (x23 * tg.ones(3, requires_grad=True)).backward(),
        RuntimeError,
        r"one element.*\(2, 3\)",
    ),
    "unused input": (
        lambda: tg.autograd.grad(
            tg.ones(1, requires_grad=True) * 2, tg.ones(2, requires_grad=True)
        ),
        RuntimeError,
        "input 0 .*not used",
    ),
    # devices, options
    "device": (lambda: tg.zeros(2, device="cuda"), RuntimeError, "cuda"),
    "reduction": (lambda: F.mse_loss(x23, x23, reduction="max"), ValueError, "mse_loss|reduction"),
    "dropout": (lambda: F.dropout(x23, 1.5), ValueError, "dropout: .*1.5"),
    "no parameters": (lambda: tg.optim.Adam([]), ValueError, "empty"),
    "learning rate": (
        lambda: tg.optim.SGD([x23.clone().requires_grad_()], lr=-1),
        ValueError,
        "-1",
    ),
    "missing key": (
        lambda: nn.Linear(2, 2).load_state_dict({"weight": tg.ones(2, 2)}),
        RuntimeError,
        "bias",
    ),
    "size mismatch": (
        lambda: nn.Linear(2, 2).load_state_dict({"weight": x23, "bias": tg.ones(2)}),
        RuntimeError,
        r"weight.*\(2, 3\)|weight.*2, 3",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_use_is_an_error_that_says_why(what):
    use, error, message = WRONG[what]
    with pytest.raises(error, match=message):
        use()


def test_batches_without_samples_pass_through():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    out = model(tg.ones(0, 3, 8, 8))
    assert out.shape == (0, 2)
    out.sum().backward()
    assert all((p.grad == 0).all() for p in model.parameters())
    assert tg.isnan(F.cross_entropy(out, tg.zeros(0, dtype=tg.int64)))


def test_a_hook_that_returns_no_tensor_is_named():
    y = tg.ones(2, requires_grad=True) * 2
    y.register_hook(lambda gradient: 3)
    with pytest.raises(TypeError, match="hook of mul: .*got int"):
        y.sum().backward()


def test_selecting_from_one_number():
    x = tg.tensor(3.0, requires_grad=True)
    taken = x.gather(0, tg.tensor([0, 0])) + x.index_select(0, tg.tensor([0]))
    assert taken.tolist() == [6, 6] and x.gather(0, tg.tensor(0)).shape == ()
    taken.sum().backward()
    assert x.grad.item() == 4
    assert tg.ones(2, 3).sum_to_size(1, 3).tolist() == [[2, 2, 2]]
    assert tg.tril(tg.ones(2, 2, dtype=tg.bool)).tolist() == [[True, False], [True, True]]
