"""What the values and intervals of a family rest on; here, counts of independent rows that all count alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.records import Estimate
from auditkit.stats.comparisons import Method, Quantity
from auditkit.stats.rates import Floats, Limits, critical_value

Positions = NDArray[np.intp]
Formula = Callable[[Sequence[tuple[Any, ...]], Floats | None, Any, Method], Limits]
"""(counts of each part, correlation of both parts within each group, critical value, method) → limits of K groups."""


class Counts(NamedTuple):
    """Arrays whose first axis is the K groups: numerators and denominators of a rate, or tables."""

    counts: tuple[Any, ...]

    @property
    def total(self) -> Any:
        """(K,) what shares are shares of."""
        return self.counts[-1]

    def others(self, where: Positions) -> Counts:
        """For each of these positions, the counts of the other ones together."""
        return Counts(tuple(x[where].sum(axis=0) - x[where] for x in self.counts))


@dataclass(frozen=True)
class Basis:
    """Independent rows of equal weight; `weighted.WeighedBasis` is the other case."""

    parts: tuple[Any, ...]
    """`Counts` of what the quantity is made of; none where it has limits of its own."""

    @property
    def df(self) -> float:
        """Degrees of freedom of the standard errors; ∞ where rows are independent."""
        return math.inf

    @property
    def suffix(self) -> str:
        """What the method of every interval adds: "; effective n (weights)"."""
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the rows, a note each."""
        return ()

    @property
    def fewest(self) -> str:
        """What keeps a group out of comparisons beside too small a denominator."""
        return ""

    def few(self, position: int) -> str:
        """What the group has too few of, if not rows."""
        raise NotImplementedError("rows that count alike are enough")

    def kept(self, large: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(K,) of the groups with a denominator large enough, those that enter comparisons."""
        return large

    def critical(self, level: float) -> Any:
        """The critical value of every group's own limits."""
        return critical_value(level)

    def qualified(self, position: int, estimate: Estimate) -> Estimate:
        """The estimate of one group, with what else there is to say of it."""
        return estimate

    def own(self, formula: Formula, where: Positions) -> Quantity:
        """The quantity in the groups at these positions."""
        rho = self.within(self.parts)
        counts = [tuple(x[where] for x in p.counts) for p in self.parts]
        return partial(formula, counts, None if rho is None else rho[where])

    def rest(self, formula: Formula, where: Positions) -> Quantity:
        """The quantity in all other groups of these positions, taken together, for each of them."""
        others = [p.others(where) for p in self.parts]
        return partial(formula, [p.counts for p in others], self.within(others))

    def share(self, where: Positions) -> Floats:
        """(len(where),) of each of these groups in their common denominator."""
        total = self.parts[0].total[where]
        return np.asarray(total / total.sum())

    def within(self, parts: Sequence[Any]) -> Floats | None:
        """(K,) correlation of both parts within each group; None: independent."""
        return None

    def correlation(self, where: Positions, to: int | None) -> Floats | None:
        """(len(where),) of each group with group `to`, or with the rest of them (None); None: independent."""
        return None

    def correlations(self, where: Positions) -> Floats | None:
        """(K, K) between these groups; None: independent."""
        return None
