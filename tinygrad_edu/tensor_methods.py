"""Every op as a method: one line each, from the module that defines it. tensor.py adds the rest."""

from __future__ import annotations

from typing import Any

from . import graph
from .ops import (
    activations,
    broadcast,
    comparison,
    copies,
    elementwise,
    extremes,
    gather as gather_ops,
    indexing,
    matmul as matmul_ops,
    random_inplace,
    reduce,
    sampling,
    slicing,
    softmax as softmax_ops,
    statistics,
    view as view_ops,
    where as where_ops,
    windows,
)
from .ops.checks import check_broadcast, check_shape
from .ops.inplace import copy_, fill_, inplace, zero_


class Methods(graph.Tensor):
    """The ops, as methods of Tensor."""

    __slots__ = ()

    # Arithmetic and functions of one or two tensors.

    abs = elementwise.abs
    acos = elementwise.acos
    acosh = elementwise.acosh
    add = elementwise.add
    addcdiv = elementwise.addcdiv
    addcmul = elementwise.addcmul
    asin = elementwise.asin
    asinh = elementwise.asinh
    atan = elementwise.atan
    atan2 = elementwise.atan2
    atanh = elementwise.atanh
    ceil = elementwise.ceil
    clamp = elementwise.clamp
    clip = elementwise.clip
    copysign = elementwise.copysign
    cos = elementwise.cos
    cosh = elementwise.cosh
    div = elementwise.div
    erf = elementwise.erf
    exp = elementwise.exp
    exp2 = elementwise.exp2
    expm1 = elementwise.expm1
    floor = elementwise.floor
    floor_divide = elementwise.floor_divide
    fmod = elementwise.fmod
    hypot = elementwise.hypot
    lerp = elementwise.lerp
    log = elementwise.log
    log10 = elementwise.log10
    log1p = elementwise.log1p
    log2 = elementwise.log2
    logaddexp = elementwise.logaddexp
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    mul = elementwise.mul
    neg = elementwise.neg
    positive = elementwise.positive
    pow = elementwise.pow
    reciprocal = elementwise.reciprocal
    remainder = elementwise.remainder
    round = elementwise.round
    rsqrt = elementwise.rsqrt
    sigmoid = elementwise.sigmoid
    sign = elementwise.sign
    sin = elementwise.sin
    sinh = elementwise.sinh
    sqrt = elementwise.sqrt
    square = elementwise.square
    sub = elementwise.sub
    tan = elementwise.tan
    tanh = elementwise.tanh
    trunc = elementwise.trunc
    xlogy = elementwise.xlogy

    # Activations.

    relu = activations.relu

    # Comparisons, logic, tests of values.

    allclose = comparison.allclose
    bitwise_and = comparison.bitwise_and
    bitwise_not = comparison.bitwise_not
    bitwise_or = comparison.bitwise_or
    bitwise_xor = comparison.bitwise_xor
    eq = comparison.eq
    equal = comparison.equal
    ge = comparison.ge
    gt = comparison.gt
    isclose = comparison.isclose
    isfinite = comparison.isfinite
    isinf = comparison.isinf
    isnan = comparison.isnan
    le = comparison.le
    logical_and = comparison.logical_and
    logical_not = comparison.logical_not
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    lt = comparison.lt
    nan_to_num = comparison.nan_to_num
    ne = comparison.ne
    signbit = comparison.signbit

    # Other shapes over the same memory.

    broadcast_to = view_ops.broadcast_to
    expand = view_ops.expand
    expand_as = view_ops.expand_as
    flatten = view_ops.flatten
    moveaxis = view_ops.moveaxis
    movedim = view_ops.movedim
    permute = view_ops.permute
    ravel = view_ops.ravel
    reshape = view_ops.reshape
    reshape_as = view_ops.reshape_as
    squeeze = view_ops.squeeze
    swapaxes = view_ops.swapaxes
    swapdims = view_ops.swapdims
    t = view_ops.t
    transpose = view_ops.transpose
    unflatten = view_ops.unflatten
    unsqueeze = view_ops.unsqueeze
    view = view_ops.view
    view_as = view_ops.view_as

    # Parts over the same memory.

    chunk = slicing.chunk
    narrow = slicing.narrow
    select = slicing.select
    split = slicing.split
    unbind = slicing.unbind

    # Windows and other rearrangements.

    as_strided = windows.as_strided
    diag = windows.diag
    diagonal = windows.diagonal
    unfold = windows.unfold

    # Copies.

    clone = copies.clone
    contiguous = copies.contiguous
    flip = copies.flip
    is_contiguous = copies.is_contiguous
    repeat = copies.repeat
    repeat_interleave = copies.repeat_interleave
    roll = copies.roll
    tile = copies.tile
    tril = copies.tril
    triu = copies.triu

    # Broadcasting undone.

    def sum_to_size(self, *size: Any) -> Any:
        """This tensor summed to `size`, from which it was broadcast."""
        shape = check_shape("sum_to_size", size)
        if check_broadcast("sum_to_size", shape, self.array.shape) != self.array.shape:
            raise ValueError(
                f"sum_to_size: {shape} must broadcast to the tensor's shape {self.array.shape}"
            )
        return broadcast.sum_to_size(self, shape)

    # Indexing.

    index_put = indexing.index_put
    index_put_ = indexing.index_put_

    # Gathering and scattering.

    argwhere = gather_ops.argwhere
    gather = gather_ops.gather
    index_add = gather_ops.index_add
    index_add_ = gather_ops.index_add_
    index_copy = gather_ops.index_copy
    index_copy_ = gather_ops.index_copy_
    index_select = gather_ops.index_select
    masked_fill = gather_ops.masked_fill
    masked_select = gather_ops.masked_select
    nonzero = gather_ops.nonzero
    scatter = gather_ops.scatter
    scatter_ = gather_ops.scatter_
    scatter_add = gather_ops.scatter_add
    scatter_add_ = gather_ops.scatter_add_
    take = gather_ops.take
    take_along_dim = gather_ops.take_along_dim

    # Reductions.

    all = reduce.all
    any = reduce.any
    count_nonzero = reduce.count_nonzero
    mean = reduce.mean
    prod = reduce.prod
    sum = reduce.sum

    # Extremes.

    amax = extremes.amax
    amin = extremes.amin
    aminmax = extremes.aminmax
    argmax = extremes.argmax
    argmin = extremes.argmin
    max = extremes.max
    min = extremes.min

    # Statistics.

    cumsum = statistics.cumsum
    logsumexp = statistics.logsumexp
    norm = statistics.norm
    std = statistics.std
    std_mean = statistics.std_mean
    var = statistics.var
    var_mean = statistics.var_mean

    # Softmax.

    log_softmax = softmax_ops.log_softmax
    softmax = softmax_ops.softmax

    # Products.

    addmm = matmul_ops.addmm
    bmm = matmul_ops.bmm
    dot = matmul_ops.dot
    matmul = matmul_ops.matmul
    mm = matmul_ops.mm
    mv = matmul_ops.mv
    outer = matmul_ops.outer

    # Sampling.

    bernoulli = sampling.bernoulli
    multinomial = sampling.multinomial

    # Filled with random numbers.

    bernoulli_ = random_inplace.bernoulli_
    normal_ = random_inplace.normal_
    random_ = random_inplace.random_
    uniform_ = random_inplace.uniform_

    # In place: the result is written into this tensor's memory.

    abs_ = inplace("abs", elementwise.abs)
    acos_ = inplace("acos", elementwise.acos)
    acosh_ = inplace("acosh", elementwise.acosh)
    add_ = inplace("add", elementwise.add)
    addcdiv_ = inplace("addcdiv", elementwise.addcdiv)
    addcmul_ = inplace("addcmul", elementwise.addcmul)
    asin_ = inplace("asin", elementwise.asin)
    asinh_ = inplace("asinh", elementwise.asinh)
    atan_ = inplace("atan", elementwise.atan)
    atan2_ = inplace("atan2", elementwise.atan2)
    atanh_ = inplace("atanh", elementwise.atanh)
    ceil_ = inplace("ceil", elementwise.ceil)
    clamp_ = inplace("clamp", elementwise.clamp)
    clip_ = clamp_
    copysign_ = inplace("copysign", elementwise.copysign)
    cos_ = inplace("cos", elementwise.cos)
    cosh_ = inplace("cosh", elementwise.cosh)
    div_ = inplace("div", elementwise.div)
    erf_ = inplace("erf", elementwise.erf)
    exp_ = inplace("exp", elementwise.exp)
    exp2_ = inplace("exp2", elementwise.exp2)
    expm1_ = inplace("expm1", elementwise.expm1)
    floor_ = inplace("floor", elementwise.floor)
    floor_divide_ = inplace("floor_divide", elementwise.floor_divide)
    fmod_ = inplace("fmod", elementwise.fmod)
    hypot_ = inplace("hypot", elementwise.hypot)
    lerp_ = inplace("lerp", elementwise.lerp)
    log_ = inplace("log", elementwise.log)
    log10_ = inplace("log10", elementwise.log10)
    log1p_ = inplace("log1p", elementwise.log1p)
    log2_ = inplace("log2", elementwise.log2)
    masked_fill_ = inplace("masked_fill", gather_ops.masked_fill)
    mul_ = inplace("mul", elementwise.mul)
    neg_ = inplace("neg", elementwise.neg)
    pow_ = inplace("pow", elementwise.pow)
    reciprocal_ = inplace("reciprocal", elementwise.reciprocal)
    relu_ = inplace("relu", activations.relu)
    remainder_ = inplace("remainder", elementwise.remainder)
    round_ = inplace("round", elementwise.round)
    rsqrt_ = inplace("rsqrt", elementwise.rsqrt)
    sigmoid_ = inplace("sigmoid", elementwise.sigmoid)
    sign_ = inplace("sign", elementwise.sign)
    sin_ = inplace("sin", elementwise.sin)
    sinh_ = inplace("sinh", elementwise.sinh)
    sqrt_ = inplace("sqrt", elementwise.sqrt)
    square_ = inplace("square", elementwise.square)
    sub_ = inplace("sub", elementwise.sub)
    tan_ = inplace("tan", elementwise.tan)
    tanh_ = inplace("tanh", elementwise.tanh)
    trunc_ = inplace("trunc", elementwise.trunc)
    xlogy_ = inplace("xlogy", elementwise.xlogy)
    copy_ = copy_
    fill_ = fill_
    zero_ = zero_

    # ---- shape and parts ----------------------------------------------------------------------

    T = property(view_ops.reversed_dims)
    mT = property(view_ops.matrix_transpose)
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    def where(self, condition: Any, other: Any) -> Any:
        """This tensor where condition is true, else other."""
        return where_ops.where(condition, self, other)

    # ---- operators -------------------------------------------------------------------------------

    __add__ = elementwise.add_operator
    __sub__ = elementwise.sub_operator
    __mul__ = elementwise.mul
    __truediv__ = elementwise.div_operator
    __floordiv__ = elementwise.floor_divide
    __mod__ = elementwise.remainder
    __pow__ = elementwise.pow

    def __radd__(self, other: Any) -> Any:
        return elementwise.add_operator(other, self)

    def __rsub__(self, other: Any) -> Any:
        return elementwise.sub_operator(other, self)

    def __rmul__(self, other: Any) -> Any:
        return elementwise.mul(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return elementwise.div_operator(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return elementwise.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Any:
        return elementwise.remainder(other, self)

    def __rpow__(self, other: Any) -> Any:
        return elementwise.pow(other, self)

    __matmul__ = matmul_ops.matmul

    def __rmatmul__(self, other: Any) -> Any:
        return matmul_ops.matmul(other, self)

    __neg__ = elementwise.neg
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __eq__ = comparison.eq_operator
    __ne__ = comparison.ne_operator
    __lt__ = comparison.lt
    __le__ = comparison.le
    __gt__ = comparison.gt
    __ge__ = comparison.ge
    __and__ = __rand__ = comparison.bitwise_and
    __or__ = __ror__ = comparison.bitwise_or
    __xor__ = __rxor__ = comparison.bitwise_xor
    __invert__ = comparison.bitwise_not
    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_
    __ifloordiv__ = floor_divide_
    __imod__ = remainder_
    __ipow__ = pow_
    __iand__ = inplace("bitwise_and", comparison.bitwise_and)
    __ior__ = inplace("bitwise_or", comparison.bitwise_or)
    __ixor__ = inplace("bitwise_xor", comparison.bitwise_xor)
