"""The search half: every conjunction of conditions, those that stand out, without those that add nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.crossed import CrossedSums
from auditkit.stats.rates import critical_value, sidak_value
from auditkit.stats.rest import Sums, lower_of_size

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Direction = Literal["higher", "lower", "either"]
FEWEST = 10
"""Rows of a subgroup in the search half, at least, whatever its support."""


class Subgroup(NamedTuple):
    """One conjunction of conditions, one a column."""

    by: tuple[str, ...]
    at: tuple[int, ...]
    """Position of the condition of each column."""
    conditions: tuple[str, ...]
    share: float
    """Share of the rows of the search half."""
    difference: float
    """To the rest, in the search half."""
    low: float
    """Lower limit of its size, there."""


@dataclass(frozen=True)
class Search:
    """What the search half says."""

    searched: int
    """Conjunctions with enough rows."""
    standing_out: int
    """Of those, the ones whose difference to the rest is established on this half (each by itself)."""
    redundant: int
    """Of those, refinements of a broader one that stands out already, whose rate they do not change."""
    carried: tuple[Subgroup, ...]
    """The ones to be tested on the other half, most certain first."""


def search(
    evidence: CrossedSums,
    *,
    depth: int,
    support: float,
    most: int,
    direction: Direction,
    rates: bool,
    level: float = 0.95,
) -> Search:
    """Search all conjunctions of at most `depth` conditions that hold for a share `support` of the search half.

    A conjunction stands out if the interval of its difference to the rest excludes 0. It is redundant if some of its
    conditions alone make a subgroup that stands out too, on the same side, and the further conditions are not shown to
    change the rate (at Šidák's value over all conjunctions searched), or exclude nobody.
    """
    everybody = effective(evidence, 0, ())
    at_z = _Reading(everybody, direction, rates, critical_value(level))
    levels = [
        (by, cells, _enough(cells, everybody, support))
        for by in crossings(evidence, depth)
        for cells in [effective(evidence, 0, by)]
    ]
    searched = sum(int(enough.sum()) for *_, enough in levels)
    apart = sidak_value(level, max(1, searched))
    found: list[Subgroup] = []
    standing_out = redundant = 0
    for by, cells, enough in levels:
        low, side = at_z.of(cells)
        stands = enough & (low > 0)
        repeats = stands & _adds_nothing(evidence, by, cells, side, at_z, apart) if stands.any() else stands
        standing_out, redundant = standing_out + int(stands.sum()), redundant + int(repeats.sum())
        found += _subgroups(evidence, by, cells, everybody, low, stands & ~repeats)
    found.sort(key=lambda s: (-s.low, len(s.by), s.conditions))
    return Search(searched, standing_out, redundant, tuple(found[:most]))


def effective(evidence: CrossedSums, half: int, by: tuple[str, ...]) -> Sums:
    """The sums of a half (0 searches, 1 confirms) over a crossing, equal rows counting as one observation.

    Equal rows share a half and so bring no independent evidence: all sums are divided by their average number.
    """
    n, x, xx = evidence.of(*by)[half] / evidence.copies.average
    return Sums(n, x, xx)


def crossings(evidence: CrossedSums, depth: int) -> Iterator[tuple[str, ...]]:
    """Every set of at most `depth` columns, smaller ones first."""
    for size in range(1, min(depth, evidence.depth) + 1):
        yield from combinations(evidence.labels, size)


@dataclass(frozen=True)
class _Reading:
    """How a subgroup is compared with everybody else."""

    everybody: Sums
    direction: Direction
    rates: bool
    z: float

    def of(self, cells: Sums) -> tuple[Floats, Floats]:
        """(lower limit of the size of the difference to the rest, its sign); −∞ on the side not asked for."""
        rest = Sums(*np.broadcast_arrays(*self.everybody.minus(cells)))
        side = np.sign(np.nan_to_num(cells.mean - rest.mean))
        low = lower_of_size(cells, rest, z=self.z, rates=self.rates)
        wanted = {"higher": side > 0, "lower": side < 0, "either": side != 0}[self.direction]
        return np.where(wanted, low, -np.inf), side


def _enough(cells: Sums, everybody: Sums, support: float) -> Booleans:
    enough: Booleans = (cells.n >= max(FEWEST, support * float(everybody.n))) & (cells.n < everybody.n)
    return enough


def _adds_nothing(
    evidence: CrossedSums, by: tuple[str, ...], cells: Sums, side: Floats, at_z: _Reading, apart: float
) -> Booleans:
    """Where one of the broader subgroups, made of some of the conditions, says it already."""
    out = np.zeros(cells.n.shape, dtype=bool)
    axes = range(cells.n.ndim)
    for size in range(1, cells.n.ndim):
        for dropped in combinations(axes, size):
            wide = effective(evidence, 0, tuple(c for i, c in enumerate(by) if i not in dropped))
            broader = Sums(*(np.expand_dims(x, dropped) for x in wide))
            low, broader_side = at_z.of(broader)
            others = broader.minus(cells)
            changes = (lower_of_size(cells, others, z=apart, rates=at_z.rates) > 0) & (
                np.sign(np.nan_to_num(cells.mean - others.mean)) == side
            )
            out |= (others.n <= 0) | ((low > 0) & (broader_side == side) & ~changes)
    return out


def _subgroups(
    evidence: CrossedSums, by: tuple[str, ...], cells: Sums, everybody: Sums, low: Floats, where: Booleans
) -> Iterator[Subgroup]:
    for at in zip(*np.nonzero(where), strict=True):
        position = tuple(int(i) for i in at)
        one = Sums(*(x[position] for x in cells))
        conditions = tuple(evidence.labels[c][i] for c, i in zip(by, position, strict=True))
        difference = float(one.mean - everybody.minus(one).mean)
        yield Subgroup(by, position, conditions, float(one.n / everybody.n), difference, float(low[position]))
