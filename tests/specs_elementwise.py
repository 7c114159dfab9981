"""Rows of the elementwise ops."""

from __future__ import annotations

from specs import Spec

SPECS: list[Spec] = []
