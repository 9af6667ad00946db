"""Predicted numbers as cells: floats in their order as whole numbers, of which bits can be cut."""

from __future__ import annotations

import numpy as np

from auditkit.arrays import Floats, Ints


def cells_of(values: Floats) -> Ints:
    """float64 → int64 in the same order: bits of negative numbers turned round."""
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def values_of(cells: Ints, cut: int) -> Floats:
    """The middle of each cell; the value itself where nothing was cut."""
    return floats((cells << cut) + ((1 << cut) >> 1))


def floats(bits: Ints) -> Floats:
    """The numbers that cells of whole bits stand for."""
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits).view(np.float64)
