"""The training loop, written to be read, and the metrics that it reports."""

from .metrics import accuracy, top_k
from .trainer import Trainer

__all__ = ["Trainer", "accuracy", "top_k"]
