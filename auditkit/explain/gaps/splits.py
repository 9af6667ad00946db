"""One gap and its parts, read off the sums: estimates, shares, what is sure. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.catalogue.gaps import GAPS, TARGETS, GapTarget
from auditkit.explain.all_rows import Means, PairGap, group_name, words_of
from auditkit.explain.estimates import estimated, undefined
from auditkit.explain.gaps.sums import CONDITIONAL, REST, Contrast, GapSums, Units
from auditkit.formatting import confidence, listed
from auditkit.mover import Sides
from auditkit.records import TASK_KINDS, Estimate
from auditkit.stats.fieller import Ratio, fieller
from auditkit.stats.means import t_limits, t_p, t_value
from auditkit.stats.multiplicity import holm_adjusted
from auditkit.stats.pvalues import family_quantile, tail
from auditkit.stats.rates import critical_value

METHOD = "weighted mean over the rows of the smaller group with all their pairs, t with Kish's effective rows"
SHARE = "ratio of weighted means over the rows of the smaller group, Fieller with t"
NOTHING = 1e-24
"""A variance that is only rounding."""
EVEN = Sides(1.0, 1.0)
"""Of a gap whose limits are as far as its standard errors say."""


class Split(NamedTuple):
    """One gap and its parts, read at a level.

    Whether there is a gap, and its size, is said of all rows where they are known; the sample says what makes it. Its
    parts are moved by their regression on the sampled gap, β = Cov(part, gap) / Var(gap), as far as that misses the gap
    of all rows. Σ β = 1, so that they add up to it; and what the sample draws wrong is no longer in their variance.
    What of a part goes with the gap reaches as far to either side as the gap's own limits do (`reaching`).
    Source: Cochran (1977), Sampling Techniques, chapter 7.
    """

    contrast: Contrast
    target: GapTarget
    names: tuple[str, ...]
    parts: tuple[Estimate, ...]
    total: Estimate
    p: float | None
    """Of H0: there is no gap; for all pairs of groups together."""
    part_p: Floats
    """(parts,) of H0: the part is 0; Holm's over all of them, since a sentence that names several is to be true."""
    units: Units
    sampled: Estimate
    """The gap of the sampled rows."""
    mean: Floats
    """(parts + 1,) the parts, and the gap."""
    covariance: Floats
    """Of `mean`, where the two are the pair that differs most surely of several groups: see `chosen`."""
    effective_n: float
    """Kish's rows, less one where a slope was estimated."""
    gaps: int
    """Gaps that were split beside each other, this one counted: so many sentences name parts."""
    reach: Sides[float] = EVEN
    """Of the gap of all rows: see `reaching`."""

    @classmethod
    def of(
        cls,
        contrast: Contrast,
        units: Units,
        level: float,
        whole: PairGap | None = None,
        groups: int = 2,
        gaps: int = 1,
    ) -> Split:
        """Read the sums; `whole` is the gap over all rows, and None where they are not known: then the pair is one of
        all pairs of `groups` groups of the sample."""
        n, error = units.effective_n, float(max(units.covariance[-1, -1], 0.0)) ** 0.5
        q, gap = _quantile(n, groups, level), float(units.mean[-1])
        how: Any = {"n": units.n, "level": level, "method": METHOD, "fewest": 0}
        sampled = estimated(gap, (gap - q * error, gap + q * error), **how)
        mean, covariance = units.mean, units.covariance
        if whole is not None:
            mean, covariance = adjusted(mean, covariance, whole, n)
            n -= 1
        covariance, reach = chosen(covariance, n, groups, level), EVEN if whole is None else reaching(whole, q)
        each = np.eye(len(mean))[:-1]
        parts = [
            estimated(v, limits, **how)
            for v, *limits in zip(*_limits(each, mean, covariance, reach, n, level), strict=True)
        ]
        t = _p_of(each, mean, covariance, reach, n)
        p = _p(gap, error, n, groups) if whole is None else whole.p
        total = sampled if whole is None else whole.estimate
        return cls(contrast, TARGETS[contrast.of], units.names, tuple(parts), total, p, holm_adjusted(t), units,
                   sampled, mean, covariance, n, gaps, reach)  # fmt: skip

    @property
    def sure(self) -> tuple[bool, ...]:
        """Parts that are not 0."""
        return tuple(bool(p <= 1 - self.total.level) for p in self.part_p)

    @property
    def values(self) -> Floats:
        """(parts,)."""
        return self.mean[:-1]

    @property
    def contradicts(self) -> bool:
        """Whether the sampled gap and that of all rows exclude each other: nothing is split then."""
        ends = (self.sampled.low, self.sampled.high, self.total.low, self.total.high)
        if any(x is None for x in ends):
            return False
        low, high, least, most = (float(x or 0.0) for x in ends)
        return high < least or low > most

    @property
    def is_part(self) -> bool:
        """Whether not all rows of the data were drawn."""
        return self.units.n < self.units.w * (1 - 1e-9)

    @property
    def size(self) -> float:
        """Σ abs(φ)."""
        return float(np.abs(self.values).sum())

    @property
    def gap_is_sure(self) -> bool:
        """Whether the gap's interval leaves 0 out."""
        return self.total.excludes_zero

    @property
    def missed(self) -> float:
        """How far the parts miss the gap, over Σ abs(φ)."""
        found = self.units.mean
        off, size = abs(float(found[:-1].sum()) - float(found[-1])), float(np.abs(found[:-1]).sum())
        return off / size if size else float(off > 0)

    @property
    def high_words(self) -> str:
        """The group from whose mean the other's is taken, in words."""
        return words_of(self.contrast.by.split("+"), self.contrast.high)

    @property
    def low_words(self) -> str:
        """The other group, in words."""
        low = self.contrast.low
        return words_of(self.contrast.by.split("+"), low) if low != REST else "everybody else"

    def ratio(self, features: Sequence[str]) -> Ratio:
        """What is needed of the share of some features."""
        pick = np.array([float(name in features) for name in self.names] + [0.0])
        below = np.eye(len(pick))[-1]
        c, mean = self.covariance, self.mean
        return Ratio(float(pick @ mean), float(mean[-1]), float(pick @ c @ pick), float(c[-1, -1]),
                     float(pick @ c @ below), self.effective_n - 1)  # fmt: skip

    def share(self, features: Sequence[str], level: float) -> Estimate:
        """The share of the gap that comes through some features; undefined while the gap may be 0."""
        r, n = self.ratio(features), self.units.n
        if not self.gap_is_sure:
            why = "the gap's own interval contains 0, so that it has no shares"
            return undefined(why, n=n, level=level, method=SHARE)
        if not r.denominator:  # the gap is of rows that were not drawn
            return undefined("no gap between the sampled rows: too few to split it", n=n, level=level, method=SHARE)
        limits = fieller(r, level)
        if limits is None:
            note = f"at {confidence(level)} the gap's interval contains 0: no limits"
            return Estimate(value=r.numerator / r.denominator, level=level, n=n, method=SHARE, note=note)
        return Estimate(
            value=r.numerator / r.denominator, low=limits[0], high=limits[1], level=level, n=n, method=SHARE
        )


def headlines(seen: GapSums, level: float) -> list[Split]:
    """A split each attribute and target: by Shapley where that was done, else by Integrated Gradients."""
    order = list(seen.facts["by"])
    kept = [c for c in seen.units if c.low != REST
            and (c.form == "shapley" or c._replace(form="shapley") not in seen.units)]  # fmt: skip
    kept.sort(key=lambda c: (order.index(c.by), GAPS.index(c.of)))
    return [read(seen, c, level) for c in kept]


def read(seen: GapSums, contrast: Contrast, level: float) -> Split:
    """One gap of the sums, beside that of all rows."""
    all_rows = means_of(seen, contrast, level)
    whole = None if all_rows is None else all_rows.pair(contrast.high, contrast.low)
    groups = {c.high for c in seen.units if c.by == contrast.by and c.low == REST}
    units = seen.conditional if contrast.form == CONDITIONAL else seen.units
    gaps = {(c.by, c.of) for c in seen.units if c.low != REST}
    return Split.of(contrast, units[contrast], level, whole, max(2, len(groups)), max(1, len(gaps)))


def means_of(seen: GapSums, contrast: Contrast, level: float) -> Means | None:
    """What the gap is a gap of, in all groups over all rows; None where they are not known."""
    if seen.facts.get("label") is not None or contrast.low == REST:
        return None
    numeric = TASK_KINDS[seen.facts["task"]].numeric
    by = seen.attributes(contrast.by)
    return Means.of_census(seen.means, by, TARGETS[contrast.of], numeric=numeric, level=level)


def adjusted(mean: Floats, covariance: Floats, whole: PairGap, n: float) -> tuple[Floats, Floats]:
    """Parts and gap of a sample of n units, (D,) and (D, D), as those of all rows: see `Split`.

    A gap without variance in the sample scales its parts.

    >>> gap = PairGap(Estimate(value=0.3), 0.0, 0.0)
    >>> adjusted(np.array([0.1, 0.1, 0.2]), np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]), gap, 9)[0]
    array([0.2, 0.1, 0.3])
    """
    value, variance = whole.estimate.value, float(covariance[-1, -1])
    assert value is not None
    if variance <= NOTHING:
        return (mean * (value / mean[-1]) if mean[-1] else mean), covariance
    slope = covariance[:, -1] / variance
    slope[-1] = 1.0
    along = np.outer(slope, slope)
    beside = (covariance - variance * along) * (n - 1) / max(n - 2, 0.5)  # a slope is estimated too
    return mean + slope * (value - mean[-1]), beside + min(variance, whole.variance) * along


def chosen(covariance: Floats, n: float, groups: int, level: float) -> Floats:
    """(D, D) of parts and gap, where their pair was chosen as the surest of `groups`: for Student's t at the level.

    What made the pair stand out is its gap, and of a part the β · gap that goes with it, β its slope on the gap. That
    stands at the studentized range, as the gap does: its variance is (range / t)² times as large. What of a part does
    not go with the gap had no say in the choice.

    >>> float(chosen(np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]), 50, 2, 0.95)[0, 0])
    2.0
    """
    variance = float(covariance[-1, -1])
    if groups <= 2 or n <= 1 or variance <= NOTHING:
        return covariance
    wider = (_quantile(n, groups, level) / _quantile(n, 2, level)) ** 2
    with_gap = np.outer(covariance[:, -1], covariance[:, -1]) / variance
    return covariance + (wider - 1) * with_gap


def named_parts(facts: Mapping[str, Any], names: Sequence[str], features: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The parts of a gap that some features are, and why they have no share: "", or that one is told with another.

    >>> facts = {"as_one": [["zip", "region"]]}
    >>> named_parts(facts, ["zip + region", "age"], ["region", "age", "zip"])
    (('age', 'zip + region'), '')
    >>> named_parts(facts, ["zip + region", "age"], ["zip"])[1]
    'zip is told as one with region: a share of each means nothing; name both'
    """
    parts, why = list(features), []
    for own in facts.get("as_one", ()):
        together, asked = " + ".join(own), [c for c in own if c in parts]
        if together not in names or not asked:
            continue
        others = [] if together in parts else [c for c in own if c not in asked]
        parts = list(dict.fromkeys([*(p for p in parts if p not in asked), together]))
        if others:
            what, how = ("a share of each", "name both") if len(own) == 2 else ("a share of some", "name all of them")
            are = "is" if len(asked) == 1 else "are"
            why.append(f"{listed(asked)} {are} told as one with {listed(others)}: {what} means nothing; {how}")
    return tuple(parts), "; ".join(why)


def _quantile(n: float, groups: int, level: float) -> float:
    """Standard errors to either side of one of all pairs of groups."""
    return family_quantile(level, groups, n - 1) if n > 1 and groups > 2 else float(t_value(n, critical_value(level)))


def _p(gap: float, error: float, n: float, groups: int) -> float:
    if groups <= 2 or n <= 1 or not error:
        return float(t_p(gap, error, effective_n=n))
    return min(1.0, tail(abs(gap) / error, groups, "pairs", n - 1))  # its integral is not exact


def together(split: Split, which: Sequence[int]) -> Estimate:
    """Some parts as one."""
    level, n = split.total.level, split.effective_n
    (value,), (low,), (high,) = _limits(_sum(split, which), split.mean, split.covariance, split.reach, n, level)
    return estimated(float(value), (low, high), n=split.units.n, level=level, method=METHOD, fewest=0)


def together_p(split: Split, which: Sequence[int]) -> float:
    """p of H0: some parts add up to 0."""
    return float(_p_of(_sum(split, which), split.mean, split.covariance, split.reach, split.effective_n)[0])


def reaching(whole: PairGap, q: float) -> Sides[float]:
    """How often q standard errors go into the limits of a gap to either side, at least once: skewness moves them out.

    A part is no surer than the gap that it is a part of: what of it goes with the gap reaches as far as the gap does.

    >>> reaching(PairGap(Estimate(value=1.0, low=0.0, high=4.0), 1.0, 0.0), 2.0)
    Sides(below=1.0, above=1.5)
    """
    e = whole.estimate
    if e.low is None or e.high is None or e.value is None or whole.variance <= NOTHING:
        return EVEN
    error = q * whole.variance**0.5
    return Sides(max(1.0, (e.value - e.low) / error), max(1.0, (e.high - e.value) / error))


def _sum(split: Split, which: Sequence[int]) -> Floats:
    pick = np.zeros((1, len(split.names) + 1))
    pick[0, list(which)] = 1.0
    return pick


def _errors(pick: Floats, covariance: Floats, reach: Sides[float]) -> Sides[Floats]:
    """Standard errors below and above sums of parts that (M, D) picks."""
    own, with_gap = ((pick @ covariance) * pick).sum(1), pick @ covariance[:, -1]
    along = with_gap**2 / covariance[-1, -1] if covariance[-1, -1] > NOTHING else np.zeros(len(pick))
    up = with_gap >= 0
    ways = (np.where(up, reach.below, reach.above), np.where(up, reach.above, reach.below))
    return Sides(*(np.sqrt(np.maximum(own + (way**2 - 1) * along, 0.0)) for way in ways))


def _limits(
    pick: Floats, mean: Floats, covariance: Floats, reach: Sides[float], n: float, level: float
) -> tuple[Floats, Floats, Floats]:
    """The sums, and their limits."""
    value, errors = pick @ mean, _errors(pick, covariance, reach)
    low, high = (t_limits(value, error, effective_n=n, level=level) for error in errors)
    return value, low.low, high.high


def _p_of(pick: Floats, mean: Floats, covariance: Floats, reach: Sides[float], n: float) -> Floats:
    """p of H0: a sum is 0; by the error on that side."""
    value, errors = pick @ mean, _errors(pick, covariance, reach)
    return t_p(value, np.where(value > 0, errors.below, errors.above), effective_n=n)


def of_all(seen: GapSums, split: Split) -> float | None:
    """The same gap over all rows of the data."""
    if seen.census is None or seen.facts.get("label") is not None:
        return None
    by, target = seen.attributes(split.contrast.by), split.target
    at = [seen.census.by.index(name) for name in by]
    cells = {group_name(values): values for cell in seen.census.cells for values in [[cell[i] for i in at]]}

    def mean(group: str, *, rest: bool = False) -> float | None:
        if seen.means is None or group not in cells:
            return None
        return seen.means.mean(target.of, dict(zip(by, cells[group], strict=True)), y=target.y, rest=rest)

    rest = split.contrast.low == REST
    high = mean(split.contrast.high)
    low = mean(split.contrast.high, rest=True) if rest else mean(split.contrast.low)
    return None if high is None or low is None else high - low
