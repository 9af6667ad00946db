"""A ratio of two sums over sampled rows, from sums that add. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auditkit.arrays import Floats
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import PLAIN as PLAIN_MEAN
from auditkit.explain.estimates import UNBOUNDED, Cell, means_of

METHOD = "ratio of means, linearised; t corrected for skewness, with Kish's effective rows"
PLAIN = "ratio of means, linearised; t with Kish's effective rows"
"""Of evidence without third moments."""


def columns(**two: Floats) -> dict[str, Floats]:
    """What a table of sums needs of two numbers a row, (N,) each: `columns(over=…, under=…)`, by whatever names."""
    over, under = two.values()
    return {**two, "both": over + under, "apart": over - under}


def left(m: Moments, ratio: float) -> Moments:
    """Of over − ratio · under, one column: what a ratio of sums leaves of each row, 0 on the whole at its own.

    (o ± u)³ = o³ ± 3o²u + 3ou² ± u³, so that the sums of the cubes of both together and of their difference tell those
    of o²u and ou².

    >>> over, under = np.array([1.0, 0.0, 2.0]), np.array([2.0, 1.0, 3.0])
    >>> found = left(Moments.of(np.stack([*columns(over=over, under=under).values()], axis=1)), 0.5)
    >>> found.wx.tolist(), found.wx2.tolist(), found.wx3.tolist()
    ([0.0], [0.5], [0.0])
    """
    (over, under), (over2, under2, both2) = m.wx[:2], m.wx2[:3]
    squares = over2 - ratio * (both2 - over2 - under2) + ratio**2 * under2
    squares = 0.0 if squares <= 1e-13 * over2 else float(squares)  # rounding, where all are alike
    cubes = None
    if m.wx3 is not None and len(m.wx3) == 4:  # `columns` of older evidence lack the last
        over3, under3, both3, apart3 = m.wx3
        twice, once = (both3 - apart3 - 2 * under3) / 6, (both3 + apart3 - 2 * over3) / 6  # o²u, ou²
        cubes = np.array([over3 - 3 * ratio * twice + 3 * ratio**2 * once - ratio**3 * under3])
    return Moments(m.n, m.w, m.w2, np.array([over - ratio * under]), np.array([squares]), wx3=cubes)


def ratios_of(groups: Sequence[Moments], *, bounds: tuple[float, float] = UNBOUNDED) -> list[Cell]:
    """Σ over ÷ Σ under in each group, of tables with `columns`: limits of the mean of what is `left`, ÷ the mean of
    under, kept in `bounds`; a small group borrows the tail that it cannot see from all (`means_of`). NaN where under
    is 0."""
    values = [float(m.wx[0] / m.wx[1]) if m.wx[1] else math.nan for m in groups]
    cells = means_of([left(m, 0.0 if math.isnan(v) else v) for m, v in zip(groups, values, strict=True)])
    return [_of(cell, v, m, bounds) for cell, v, m in zip(cells, values, groups, strict=True)]


def _of(cell: Cell, value: float, m: Moments, bounds: tuple[float, float]) -> Cell:
    def limits(z: float) -> tuple[float, float]:
        low, high = (value + x * m.w / float(m.wx[1]) for x in cell.limits(z))
        return max(bounds[0], low), min(bounds[1], high)

    return Cell(value, limits, m.n, PLAIN if cell.method == PLAIN_MEAN else METHOD, cell.unstable)
