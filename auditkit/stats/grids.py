"""Places on a round grid, near quantiles and yet nobody's value. Arrays in, arrays out."""

from __future__ import annotations

import math

import numpy as np

from auditkit.stats.rates import Floats

FEWEST = 10
"""A value that fewer rows hold is not told."""
PARTS = 50
"""Steps of the grid over nine tenths of the values, about: places move by a hundredth of their range at most."""


def round_step(values: Floats) -> float:
    """1, 2 or 5 times a power of ten: at most a fiftieth of what nine tenths of the values span.

    >>> round_step(np.arange(1001.0)), round_step(np.zeros(3))
    (10.0, 1.0)
    """
    low, high = np.quantile(values, [0.05, 0.95])
    most = float(high - low) / PARTS or float(np.ptp(values)) / PARTS
    if not most:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return float(max(m for m in (1.0, 2.0, 5.0) if m * power <= most * (1 + 1e-12)) * power)


def told(values: Floats, places: Floats) -> Floats:
    """The places (P,) rounded to the grid of the values (N,), each once, without those that 1 to 9 rows hold.

    >>> told(np.arange(100.0) + 0.25, np.array([20.1, 20.3, 49.9])).tolist()
    [20.0, 50.0]
    """
    step = round_step(values)
    digits = max(0, -math.floor(math.log10(step)))
    grid = np.unique(np.round(np.round(places / step) * step, digits))
    order = np.sort(values)
    held = np.searchsorted(order, grid, "right") - np.searchsorted(order, grid, "left")
    return np.asarray(grid[(held == 0) | (held >= FEWEST)])
