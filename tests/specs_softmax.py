"""Specs of softmax and log_softmax."""

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, dims, shapes


def log_softmax(x, dim):
    shifted = x - x.max(dim, keepdims=True, initial=-1e300)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


@st.composite
def rows(draw):
    shape = draw(shapes(min_dims=1))
    return Case((draw(arrays(shape)), draw(dims(len(shape)))))


SPECS = [
    Spec(tg.softmax, lambda x, dim: np.exp(log_softmax(x, dim)), rows(), torch="softmax"),
    Spec(tg.log_softmax, log_softmax, rows(), torch="log_softmax"),
    Spec(
        tg.softmin,
        lambda x, dim: np.exp(log_softmax(-x, dim)),
        rows(),
        torch="nn.functional.softmin",
    ),
]
