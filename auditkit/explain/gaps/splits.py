"""One gap and its parts, read off the sums: estimates, shares, what is sure. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.catalogue.gaps import GAPS, TARGETS, GapTarget
from auditkit.explain.estimates import estimated, undefined
from auditkit.explain.gaps.sums import REST, Contrast, GapSums, Units, group_name
from auditkit.formatting import confidence
from auditkit.records import Estimate
from auditkit.stats.fieller import Ratio, fieller
from auditkit.stats.means import t_limits, t_p
from auditkit.stats.multiplicity import benjamini_hochberg

METHOD = "weighted mean over the rows of the smaller group with all their pairs, t with Kish's effective rows"
SHARE = "ratio of weighted means over the rows of the smaller group, Fieller with t"


class Split(NamedTuple):
    """One gap and its parts, read at a level."""

    contrast: Contrast
    target: GapTarget
    names: tuple[str, ...]
    parts: tuple[Estimate, ...]
    total: Estimate
    sure: tuple[bool, ...]
    """Parts that are not 0, after Benjamini–Hochberg over all of them."""
    units: Units

    @classmethod
    def of(cls, contrast: Contrast, units: Units, level: float) -> Split:
        """Read the sums."""
        mean, error = units.mean, np.sqrt(np.maximum(np.diag(units.covariance), 0.0))
        n = units.effective_n
        low, high = t_limits(mean, error, effective_n=n, level=level)
        how: Any = {"n": units.n, "level": level, "method": METHOD, "fewest": 0}
        estimates = [estimated(v, limits, **how) for v, *limits in zip(mean, low, high, strict=True)]
        p = t_p(mean[:-1], error[:-1], effective_n=n)
        sure = benjamini_hochberg(p) <= 1 - level
        return cls(contrast, TARGETS[contrast.of], units.names, tuple(estimates[:-1]), estimates[-1],
                   tuple(bool(s) for s in sure), units)  # fmt: skip

    @property
    def values(self) -> Floats:
        """(parts,)."""
        return self.units.mean[:-1]

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
        off = abs(float(self.values.sum()) - float(self.units.mean[-1]))
        return off / self.size if self.size else float(off > 0)

    @property
    def low_words(self) -> str:
        """The other group, in words."""
        return self.contrast.low if self.contrast.low != REST else "everybody else"

    def ratio(self, features: Sequence[str]) -> Ratio:
        """What is needed of the share of some features."""
        pick = np.array([float(name in features) for name in self.names] + [0.0])
        below = np.eye(len(pick))[-1]
        c, mean = self.units.covariance, self.units.mean
        return Ratio(float(pick @ mean), float(mean[-1]), float(pick @ c @ pick), float(c[-1, -1]),
                     float(pick @ c @ below), self.units.effective_n - 1)  # fmt: skip

    def share(self, features: Sequence[str], level: float) -> Estimate:
        """The share of the gap that comes through some features; undefined while the gap may be 0."""
        r, n = self.ratio(features), self.units.n
        if not self.gap_is_sure:
            why = "the gap's own interval contains 0, so that it has no shares"
            return undefined(why, n=n, level=level, method=SHARE)
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
    return [Split.of(c, seen.units[c], level) for c in kept]


def together(split: Split, which: Sequence[int]) -> Estimate:
    """Some parts as one."""
    pick = np.zeros(len(split.names) + 1)
    pick[list(which)] = 1.0
    value, variance = float(pick @ split.units.mean), float(pick @ split.units.covariance @ pick)
    level = split.total.level
    limits = t_limits(value, max(variance, 0.0) ** 0.5, effective_n=split.units.effective_n, level=level)
    return estimated(value, limits, n=split.units.n, level=level, method=METHOD, fewest=0)


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
