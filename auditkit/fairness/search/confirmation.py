"""The confirmation half: every subgroup that the search carried over is tested on rows that it has not seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.crossed import CrossedSums
from auditkit.fairness.search.conjunctions import Search, cubes, effective
from auditkit.stats.families import minimum_detectable
from auditkit.stats.means import t_value
from auditkit.stats.multiplicity import benjamini_hochberg, coverage_adjusted_level
from auditkit.stats.pairs import Interval
from auditkit.stats.rates import Floats, critical_value
from auditkit.stats.rest import Pairs, Sums, difference, p_value


class Tested(NamedTuple):
    """What the confirmation half says of the m subgroups carried to it, (m,) each, in their order."""

    part: Sums
    rest: Sums
    to_rest: Interval
    """The difference, with limits at `level`."""
    adjusted: Floats
    """Benjamini–Hochberg's p; 1 where the difference has changed its side."""
    confirmed: NDArray[np.bool_]
    unstable: NDArray[np.bool_]
    """Whose errors are too skewed to be judged: p is 1."""
    level: float
    """False-coverage-adjusted: 1 − αR/m."""
    asked: float
    """The level of the report."""
    smallest: float
    """The smallest gap that a subgroup of average size would have shown, with 80 % power: on this half, or, where none
    was carried to it, on both."""


def confirm(evidence: CrossedSums, found: Search, *, rates: bool, level: float) -> Tested:
    """Test every carried subgroup on the other half.

    A subgroup is confirmed where Benjamini–Hochberg rejects; its interval then excludes 0, and those of the others
    do not (`coverage_adjusted_level`), but for a difference that changed its side, which is never confirmed.
    """
    everybody = effective(evidence, 1, ())
    sums = [[x[s.at] for x in effective(evidence, 1, s.by)] for s in found.carried]
    part = Sums(*np.array(sums, dtype=np.float64).reshape(len(sums), 3).T)
    rest = Sums(*np.broadcast_arrays(*everybody.minus(part)))
    pairs = None if rates else _pairs(evidence, found, part, rest)
    p = p_value(part, rest, rates=rates) if pairs is None else pairs.p_value()
    unstable = np.zeros(len(p), dtype=bool) if pairs is None else pairs.unstable
    same = np.sign(np.nan_to_num(part.mean - rest.mean)) == np.sign([s.difference for s in found.carried])
    adjusted = benjamini_hochberg(np.where(same, p, 1.0))
    confirmed = adjusted <= 1 - level
    tried = max(1, len(found.carried))
    adjusted_level = coverage_adjusted_level(level, int(confirmed.sum()), tried)
    to_rest = difference(part, rest, level=adjusted_level, rates=rates)
    if pairs is not None:
        to_rest = pairs.difference(adjusted_level)
    if found.carried:
        smallest = _mde(everybody, float(part.n.mean()), critical_value(adjusted_level), rates=rates)
    else:
        smallest = _mde(everybody, found.rows, critical_value(level), rates=rates, power=0.8**0.5)
    return Tested(part, rest, to_rest, adjusted, confirmed, unstable, adjusted_level, level, smallest)


def _pairs(evidence: CrossedSums, found: Search, part: Sums, rest: Sums) -> Pairs | None:
    """Means with their tails; None where the evidence (of an older report) does not know them."""
    whole = cubes(evidence, 1, ())
    if whole is None:
        return None
    own = np.array([float(c[s.at]) for s in found.carried if (c := cubes(evidence, 1, s.by)) is not None])
    return Pairs.of(part, rest, own, whole - own)


def _mde(everybody: Sums, part: float, q: float, *, rates: bool, power: float = 0.8) -> float:
    """The gap that a part of so many rows of a half shows beyond q errors."""
    n, x = float(everybody.n), float(everybody.x)
    rest = n - part
    if rates:
        return float(minimum_detectable(x / n, n, part, rest, q=q, z=critical_value(0.95), power=power))
    if min(part, rest) <= 0:
        return float("nan")
    error = (max(0.0, float(everybody.xx) / n - (x / n) ** 2) * (1 / part + 1 / rest)) ** 0.5
    return float((t_value(part, q) + critical_value(2 * power - 1)) * error)
