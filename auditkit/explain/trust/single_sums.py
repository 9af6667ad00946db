"""What T12 keeps of a row, and which column it finds farthest from what it does. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.stats.means import t_limits

MISS, ROOM = "T12:miss:", "T12:room:"
"""Prefixes of the columns of |φ_j − s_j| and of the room for it, a feature each."""
FLOOR = 0.01
"""Part of the mean size of a score difference that a column's contribution may be off by anyway."""


class Farthest(NamedTuple):
    """The column whose contributions are farthest from what it does."""

    name: str
    ratio: float
    """Σ miss / Σ room over the rows."""
    low: float
    """Its lower limit beside the limit asked for: one-sided t over the rows, Bonferroni over the columns. Above that
    limit where some column surely is; the farthest is then one of these."""


def farthest(columns: Mapping[str, Floats], names: Sequence[str], limit: float, *, level: float) -> Farthest:
    """The largest ratio of all columns; of those that are above `limit` at `level` (one-sided), where there are any."""
    miss, room = (np.stack([columns[f"{what}{name}"] for name in names]) for what in (MISS, ROOM))
    total = room.sum(1)
    ratio = np.divide(miss.sum(1), total, out=np.where(miss.sum(1) > 0, np.inf, 0.0), where=total > 0)
    over = miss - limit * room
    n = over.shape[1]
    error = over.std(1, ddof=1) / np.sqrt(n)
    low = t_limits(over.mean(1), error, effective_n=n, level=1 - 2 * (1 - level) / len(names)).low
    j = int(np.argmax(np.where(low > 0, ratio, -1.0) if (low > 0).any() else ratio))
    beside = limit + low[j] * n / total[j] if total[j] > 0 else np.inf
    return Farthest(names[j], float(ratio[j]), float(beside))
