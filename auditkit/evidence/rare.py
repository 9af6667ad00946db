"""What few rows hold: values that name somebody are not kept in a report."""

from __future__ import annotations

import numpy as np

from auditkit.arrays import Floats

FEWEST = 10
"""Rows that hold a value, at least, for it to stand in a report."""


def between(low: float, high: float) -> float | None:
    """The number of fewest digits strictly between two; None where there is none.

    >>> between(50_123, 50_200), between(0.1234, 0.1239), between(-1, 1)
    (50160.0, 0.1236, 0.0)
    """
    if not low < high:
        return None
    if low < 0 < high:
        return 0.0
    size = np.floor(np.log10(max(abs(low), abs(high)))) + 1
    for digits in range(18):
        step = 10.0 ** (size - digits)
        middle = low / 2 + high / 2
        for candidate in (
            np.floor(middle / step) * step,
            np.round(middle / step) * step,
            np.floor(high / step) * step,
            np.ceil(low / step) * step,
        ):
            plain = float(f"{candidate:.17g}") if step < 1e-15 else float(f"{candidate:.15g}")
            if low < plain < high:
                return plain
    return None


def edge(values: Floats, cut: float) -> float | None:
    """A number that parts sorted values as `value ≤ cut` does, and is none of them unless ten rows hold it.

    None where there is no such number.

    >>> edge(np.array([20.0, 31.0, 39.0, 50.0]), 31.0)
    35.0
    """
    upto = int(np.searchsorted(values, cut, side="right"))
    held = upto - int(np.searchsorted(values, cut, side="left"))
    if held >= FEWEST or upto == len(values):
        return cut if held >= FEWEST else None
    return between(float(cut), float(values[upto]))
