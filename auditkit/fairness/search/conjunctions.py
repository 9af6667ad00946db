"""The search half: every conjunction of conditions, those that stand out, without those that add nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.crossed import CrossedSums
from auditkit.stats.rates import Floats, critical_value, sidak_value
from auditkit.stats.rest import Sums, lower_of_size

Booleans = NDArray[np.bool_]
Direction = Literal["higher", "lower", "either"]
FEWEST = 10
"""Rows of a subgroup in the search half, at least, whatever its support."""
_TOGETHER = 200_000
"""Subgroups that are read in one call."""


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
    rows: float
    """Of those, on average: (effective) rows of the search half."""
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
    levels = [_Level.of(evidence, by, everybody, support) for by in evidence.crossings(depth)]
    searched = sum(len(level_.where) for level_ in levels)
    apart = sidak_value(level, max(1, searched))
    found: list[Subgroup] = []
    standing_out = redundant = 0
    for some in _batches(levels):
        low, side = at_z.of(_joined([level_.enough for level_ in some]))
        stands = low > 0
        repeats = _adds_nothing(evidence, some, stands, side, at_z, apart)
        standing_out, redundant = standing_out + int(stands.sum()), redundant + int(repeats.sum())
        found += _subgroups(evidence, some, everybody, low, stands & ~repeats)
    found.sort(key=lambda s: (-s.low, len(s.by), s.conditions))
    rows = sum(float(level_.enough.n.sum()) for level_ in levels) / max(1, searched)
    return Search(searched, rows, standing_out, redundant, tuple(found[:most]))


class _Level(NamedTuple):
    """The subgroups of one crossing that have enough rows."""

    by: tuple[str, ...]
    shape: tuple[int, ...]
    where: NDArray[np.intp]
    """(m,) their places in the flattened crossing."""
    enough: Sums
    """(m,) their sums."""

    @classmethod
    def of(cls, evidence: CrossedSums, by: tuple[str, ...], everybody: Sums, support: float) -> _Level:
        cells = effective(evidence, 0, by)
        enough = (cells.n >= max(FEWEST, support * float(everybody.n))) & (cells.n < everybody.n)
        where = np.flatnonzero(enough)
        return cls(by, cells.n.shape, where, Sums(*(x.ravel()[where] for x in cells)))


def _batches(levels: list[_Level]) -> Iterator[list[_Level]]:
    """Crossings whose subgroups are read together: enough for one call of numpy, not too many for memory."""
    some: list[_Level] = []
    size = 0
    for one in levels:
        some.append(one)
        size += len(one.where)
        if size >= _TOGETHER:
            yield some
            some, size = [], 0
    if some:
        yield some


def _joined(parts: Sequence[Sums]) -> Sums:
    return Sums(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def _by_level(levels: Sequence[_Level], joined: NDArray[Any]) -> list[NDArray[Any]]:
    """What was read of the joined subgroups, crossing by crossing."""
    return np.split(joined, np.cumsum([len(level.where) for level in levels])[:-1])


def effective(evidence: CrossedSums, half: int, by: tuple[str, ...]) -> Sums:
    """The sums of a half (0 searches, 1 confirms) over a crossing, rows that share a half counting as one observation.

    These bring no independent evidence: all sums are divided by their average number.
    """
    n, x, xx, *_ = evidence.of(*by)[half] / evidence.together
    return Sums(n, x, xx)


def cubes(evidence: CrossedSums, half: int, by: tuple[str, ...]) -> Floats | None:
    """Σx³ likewise; None where it is not known."""
    return evidence.of(*by)[half][3] / evidence.together if evidence.width > 3 else None


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


def _adds_nothing(
    evidence: CrossedSums, levels: list[_Level], stands: Booleans, side: Floats, at_z: _Reading, apart: float
) -> Booleans:
    """(m,) where one of the broader subgroups, made of some of the conditions, says it already."""
    out = np.zeros(len(stands), dtype=bool)
    which: list[NDArray[np.intp]] = []
    broader: list[Sums] = []
    for level, positions in zip(levels, _by_level(levels, np.arange(len(stands))), strict=True):
        stand = stands[positions]
        rows = positions[stand]
        if not len(rows) or len(level.by) == 1:
            continue
        at = np.unravel_index(level.where[stand], level.shape)
        cells = effective(evidence, 0, level.by)
        for size in range(1, len(level.by)):
            for dropped in combinations(range(len(level.by)), size):
                left = tuple(place for axis, place in enumerate(at) if axis not in dropped)
                which.append(rows)
                broader.append(Sums(*(x.sum(axis=dropped)[left] for x in cells)))
    if not which:
        return out
    rows, wide = np.concatenate(which), _joined(broader)
    part = Sums(*(x[rows] for x in _joined([level.enough for level in levels])))
    low, broader_side = at_z.of(wide)
    others = wide.minus(part)
    changes = (lower_of_size(part, others, z=apart, rates=at_z.rates) > 0) & (
        np.sign(np.nan_to_num(part.mean - others.mean)) == side[rows]
    )
    out[rows[(others.n <= 0) | ((low > 0) & (broader_side == side[rows]) & ~changes)]] = True
    return out & stands


def _subgroups(
    evidence: CrossedSums, levels: list[_Level], everybody: Sums, low: Floats, where: Booleans
) -> Iterator[Subgroup]:
    parts = zip(levels, _by_level(levels, low), _by_level(levels, where), strict=True)
    for level, lows, wanted in parts:
        for i in np.flatnonzero(wanted):
            position = tuple(int(p) for p in np.unravel_index(level.where[i], level.shape))
            one = Sums(*(x[i] for x in level.enough))
            conditions = tuple(evidence.labels[c][p] for c, p in zip(level.by, position, strict=True))
            difference = float(one.mean - everybody.minus(one).mean)
            share = float(one.n / everybody.n)
            yield Subgroup(level.by, position, conditions, share, difference, float(lows[i]))
