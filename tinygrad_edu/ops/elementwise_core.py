"""How an elementwise op runs, records itself and is differentiated. The ops themselves are in
elementwise.py.

The formulas are in csrc/elementwise.h, and so is what each derivative reads. From the record that
the extension exports for a formula, the decorators below make the op's function: `@unary("tanh")`
and `@binary("mul")` stand above a documented function with an empty body. Their text is the whole
forward and backward of every elementwise op, and it is written for speed: in a small network these
few lines are most of the time.

The derivative is `Derivative`: grad_output * d^n f. Its own gradients are of the same kind (order n
for grad_output, order n + 1 for what the derivative reads), so the family is closed under
differentiation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .. import autograd
from ..autograd import (
    Function,
    Node,
    Tensor,
    changed_message,
    current_node,
    freed_message,
    next_number,
    wrap,
)
from ..backends import backend, cpu
from ..dtypes import get_default_dtype
from ..grad_mode import _grad_mode
from .checks import check_broadcast
from .promotion import result_type

F = TypeVar("F", bound=Callable[..., Any])
_recording = _grad_mode.get
X, Y, OUT = 1, 2, 4  # what a derivative reads, as in csrc/elementwise.h
_BIT = {"x": X, "y": Y, "out": OUT}


class Gradient:
    """The derivative with respect to one operand, as the extension describes it."""

    def __init__(self, record: dict[str, Any]):
        self.names: tuple[str, ...] = record["reads"]
        self.reads = sum(_BIT[name] for name in self.names)
        self.kernels: tuple[Callable[..., Any], ...] = record["orders"]
        self.text: str = record["text"]
        self.passes = self.text == "1"  # grad_output itself is the gradient
        self.vanishes = self.text == "0"
        # (array of grad_output, saved) -> array of the gradient; None: grad_output itself.
        self.rule = None if self.passes else _zeros if self.vanishes else self.kernels[0]


def _zeros(grad_output: Any, saved: tuple[Any, ...]) -> Any:
    return backend(grad_output).zeros(grad_output.shape, grad_output.dtype)


class Op:
    """One formula of csrc/elementwise.h."""

    def __init__(self, name: str):
        record = cpu.elementwise[name]
        self.name = name
        self.arity: int = record["arity"]
        self.text: str = record["text"]
        self.forward: Callable[..., Any] = record["forward"]
        self.into: Callable[..., Any] = record["into"]
        self.grads = tuple(Gradient(grad) for grad in record["grads"])
        self.rule_x, self.rule_y = self.grads[0].rule, self.grads[-1].rule
        # What to keep, by which operands want a gradient: bit 0 for x, bit 1 for y.
        reads_x = self.grads[0].reads
        reads_y = self.grads[1].reads if self.arity == 2 else 0
        self.keeps = (0, reads_x, reads_y, reads_x | reads_y)


OPS: dict[str, Op] = {}


# ---- nodes ---------------------------------------------------------------------------------------

_NEVER_WRITTEN = [0]  # the version of an operand that is no tensor


class Elementwise(Node):
    """The node of an elementwise op. One class for all ops: the interpreter's inline caches, and so
    the functions below, are fastest on objects of one type.
    """

    __slots__ = ("op", "stamp", "version_out", "version_x", "version_y")
    op: Op
    # saved_values: (x, y, out, *parameters), None for what no derivative reads; () if none does
    version_x: list[int]  # of what is kept
    version_y: list[int]
    version_out: list[int]
    stamp: int  # the sum of their counts when they were saved: counts only grow

    def name(self) -> str:
        return self.op.name

    def backward(self, grad_output: Any) -> Any:
        saved = self.saved_values
        if saved is None:
            raise RuntimeError(freed_message(self))
        if self.version_x[0] + self.version_y[0] + self.version_out[0] != self.stamp:
            raise RuntimeError(changed_message(self, next(v for v in saved if hasattr(v, "shape"))))
        if _recording():
            return tuple(
                None if edge is None else self.recorded_gradient(i, grad_output)
                for i, edge in enumerate(self.edges)
            )
        edges = self.edges
        grad_x = None
        if edges[0] is not None:
            rule = self.op.rule_x
            grad_x = grad_output if rule is None else wrap(rule(grad_output.array, saved))
        if edges[-1] is None or len(edges) == 1:
            return grad_x
        rule = self.op.rule_y
        return grad_x, grad_output if rule is None else wrap(rule(grad_output.array, saved))

    def recorded_gradient(self, operand: int, grad_output: Any) -> Any:
        """The gradient as an op of its own, so that it can be differentiated again."""
        assert self.saved_values is not None
        derivative = self.op.grads[operand]
        if derivative.passes:
            return grad_output
        edges = (self.edges[0], self.edges[-1], self)
        reads = []
        for i, bit in enumerate((X, Y, OUT)):
            if derivative.reads & bit:
                value = self.saved_values[i]
                reads.append(wrap(value, edges[i]) if isinstance(value, np.ndarray) else value)
        return Derivative.apply(self.op, operand, (), self.saved_values[3:], grad_output, *reads)


class Derivative(Function):
    """grad_output * d^(n+1) f, differentiated first for operand `operand`, then for the reads
    listed in `seeds`.

    Of its own gradients, the one for grad_output is the same derivative again, and the one for a
    read is grad_output times the derivative of the next order.
    """

    def forward(
        self,
        op: Op,
        operand: int,
        seeds: tuple[int, ...],
        parameters: tuple[float, ...],
        grad_output: Any,
        *reads: Any,
    ) -> Any:
        self.op, self.operand, self.seeds, self.parameters = op, operand, seeds, parameters
        self.save(grad_output, *reads)
        derivative = op.grads[operand]
        if len(seeds) >= len(derivative.kernels):
            raise RuntimeError(
                f"{op.name}: derivatives have kernels up to order {len(derivative.kernels)}, "
                f"order {len(seeds) + 1} was asked for"
            )
        if derivative.vanishes:
            return cpu.zeros(grad_output.shape, grad_output.dtype)
        given = iter(reads)
        values = [next(given) if derivative.reads & bit else None for bit in (X, Y, OUT)]
        return derivative.kernels[len(seeds)](*seeds, grad_output, (*values, *parameters))

    def backward(self, grad_grad: Any) -> Any:
        grad_output, *reads = self.saved
        op, operand, seeds, parameters = self.op, self.operand, self.seeds, self.parameters
        needs = self.needs_input_grad
        again = upstream = None
        if needs[4]:
            again = Derivative.apply(op, operand, seeds, parameters, grad_grad, *reads)
        if any(needs[5:]):
            upstream = autograd.engine_ops["mul"](grad_grad, grad_output)
        grad_reads = [
            Derivative.apply(op, operand, (*seeds, k), parameters, upstream, *reads)
            if needs[5 + k]
            else None
            for k in range(len(reads))
        ]
        return None, None, None, None, again, *grad_reads

    def name(self) -> str:
        return f"{self.op.name}_grad_{'xy'[self.operand]}"


# ---- functions -----------------------------------------------------------------------------------


def unary(name: str) -> Callable[[F], F]:
    """Makes the function of a one-operand formula: f(x, *parameters). The decorated body is only
    documentation.
    """
    op = OPS[name] = Op(name)
    forward = op.forward
    keeps_any, keeps_x, keeps_out = op.keeps[1], op.keeps[1] & X, op.keeps[1] & OUT

    def decorate(documented: F) -> F:
        @functools.wraps(documented)
        def call(x: Any, *parameters: float) -> Any:
            try:
                array = x.array
            except AttributeError:
                x = autograd.engine_ops["as_tensor"](x)
                array = x.array
            out = forward(array, *parameters)
            if out is None:
                if name in _UNARY_ON_INTEGERS and array.dtype.kind != "f":
                    return _integer_unary(name, array)
                return call(as_float(x), *parameters)
            result = wrap(out)
            edge = x.node if x.view_of is None else current_node(x)
            if edge is not None and _recording():
                result.node = node = Elementwise()
                node.op = op
                node.number = next_number()
                node.edges = (edge,)
                node.shape = out.shape
                node.side = None
                node.version_x = node.version_y = node.version_out = _NEVER_WRITTEN
                kept_x = kept_out = None
                if keeps_x:
                    kept_x, node.version_x = array, x.version
                if keeps_out:
                    kept_out, node.version_out = out, result.version
                node.stamp = node.version_x[0]
                node.saved_values = (kept_x, None, kept_out, *parameters) if keeps_any else ()
            if autograd.recorder is not None:
                autograd.recorder.forward(result.node, (x, *parameters), (result,))
            return result

        call.op = op  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


def formula(name: str) -> Callable[..., Any]:
    """The bare function of a one-operand formula, for functions that check or choose first."""

    def documented(x: Any, *parameters: float) -> Any:
        """The formula of that name in csrc/elementwise.h."""

    return unary(name)(documented)


def binary(name: str) -> Callable[[F], F]:
    """Makes the function of a two-operand formula; operands are Tensors, arrays or numbers."""
    op = OPS[name] = Op(name)
    forward, keeps = op.forward, op.keeps

    def decorate(documented: F) -> F:
        @functools.wraps(documented)
        def call(x: Any, y: Any) -> Any:
            a = x.array if isinstance(x, Tensor) else x
            b = y.array if isinstance(y, Tensor) else y
            out = forward(a, b)
            if out is None:
                return promoted(op, call, documented, x, y)
            result = wrap(out)
            edge_x = edge_y = None
            if a is not x:
                edge_x = x.node if x.view_of is None else current_node(x)
            if b is not y:
                edge_y = y.node if y.view_of is None else current_node(y)
            if (edge_x is not None or edge_y is not None) and _recording():
                result.node = node = Elementwise()
                node.op = op
                node.number = next_number()
                node.edges = (edge_x, edge_y)
                node.shape = out.shape
                node.side = None
                keep = keeps[(edge_x is not None) + 2 * (edge_y is not None)]
                node.version_x = node.version_y = node.version_out = _NEVER_WRITTEN
                kept_x = kept_y = kept_out = None
                if keep & X:
                    kept_x = a
                    if a is not x:
                        node.version_x = x.version
                if keep & Y:
                    kept_y = b
                    if b is not y:
                        node.version_y = y.version
                if keep & OUT:
                    kept_out, node.version_out = out, result.version
                node.stamp = node.version_x[0] + node.version_y[0]
                node.saved_values = (kept_x, kept_y, kept_out) if keep else ()
            if autograd.recorder is not None:
                autograd.recorder.forward(result.node, (x, y), (result,))
            return result

        call.op = op  # type: ignore[attr-defined]
        return call  # type: ignore[return-value]

    return decorate


# ---- operands that are not floats of one dtype ---------------------------------------------------

# Formulas that are exact on integers, and NumPy's function for them.
_ON_INTEGERS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmod": np.fmod,
    "remainder": np.remainder,
}
_BINARY_ZERO_CHECK = ("fmod", "remainder")
_UNARY_ON_INTEGERS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.copy,
    "floor": np.copy,
    "neg": np.negative,
    "relu": lambda x: np.maximum(x, 0),
    "sign": np.sign,
    "square": np.square,
    "trunc": np.copy,
}


def as_float(x: Any) -> Any:
    """An integer or bool tensor in the default float dtype: what functions such as exp compute
    in.
    """
    if x.array.dtype.kind == "f":
        raise TypeError(f"elementwise: no kernel for {x.array.dtype} on this device")
    return wrap(backend(x.array).cast(x.array, get_default_dtype()))


def promoted(
    op: Op, call: Callable[..., Any], documented: Callable[..., Any], x: Any, y: Any
) -> Any:
    """Calls again with both operands as tensors of the dtype that promotion gives."""
    if (
        x is None
        or y is None
        or isinstance(x, (str, list, tuple, dict))
        or isinstance(y, (str, list, tuple, dict))
    ):
        raise TypeError(
            f"{op.name}: operands must be tensors, arrays or numbers, got {type(x).__name__} and "
            f"{type(y).__name__}"
        )
    as_tensor = autograd.engine_ops["as_tensor"]
    dtype = result_type(
        x.array if isinstance(x, Tensor) else x, y.array if isinstance(y, Tensor) else y
    )
    if dtype.kind != "f":
        if op.name in _ON_INTEGERS:
            return _integer_op(op, as_tensor(x), as_tensor(y), dtype)
        dtype = get_default_dtype()
    operands = []
    for operand in (x, y):
        operands.append(as_tensor(operand, dtype))
    return call(*operands)


def _integer_unary(name: str, array: Any) -> Any:
    if array.dtype.kind == "b":
        raise TypeError(f"{name}: not defined for bool tensors; convert with .to(dtype), or use ~")
    with np.errstate(over="ignore"):
        return wrap(np.asarray(_UNARY_ON_INTEGERS[name](array), dtype=array.dtype))


def _integer_op(op: Op, x: Any, y: Any, dtype: Any) -> Any:
    a, b = x.array, y.array
    if op.name == "sub" and dtype.kind == "b":
        raise TypeError("sub: not defined for two bool tensors; use logical_xor or ~")
    if op.name in _BINARY_ZERO_CHECK and (b == 0).any():
        raise ZeroDivisionError(f"{op.name}: integer division by zero")
    if op.name == "pow" and (b < 0).any():
        raise ValueError(
            "pow: integers to negative integer powers are not allowed; convert to float first"
        )
    check_broadcast(op.name, a.shape, b.shape)
    with np.errstate(over="ignore"):
        values = _ON_INTEGERS[op.name](a.astype(dtype), b.astype(dtype))
    return wrap(np.asarray(values, dtype=dtype))
