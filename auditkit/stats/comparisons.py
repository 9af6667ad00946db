"""One set of comparisons of a family, each with its interval and its p-value. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from auditkit.stats import contrasts, pvalues
from auditkit.stats.contrasts import Quantity
from auditkit.stats.critical_values import FamilyInterval, family_quantile
from auditkit.stats.pairs import Interval
from auditkit.stats.rates import Floats, critical_value, sidak_value

PAIRS = ("difference", "ratio")
"""Comparisons of all pairs of groups."""
EXTREMES = ("overall", "group_min", "group_max")
"""Comparisons that one group is enough for; all others need two."""


def fewest_groups(kind: str) -> int:
    """How many groups a comparison needs."""
    return 1 if kind in EXTREMES else 2


@dataclass(frozen=True)
class Comparisons:
    """A quantity in some groups, with what they are compared with, and how their estimates depend on each other.

    Without `other` the groups are compared among themselves (difference, ratio, group_min, group_max); with it each is
    compared with its other side, and with `share` with what both make together (overall).

    >>> of = Comparisons(lambda q, method: method([30, 45], [100, 100], q), 2, level=0.95)
    >>> round(of.interval("difference").low, 3), round(of.p_value("difference", 0.0, above=True), 4)
    (0.016, 0.0283)
    """

    own: Quantity
    claims: int
    """How many claims must hold together: the groups; one where two groups are compared with their rest."""
    level: float
    most: float = 1.0
    """The largest possible difference."""
    df: float = np.inf
    """Degrees of freedom of the standard errors."""
    rho: Floats | None = None
    """(K, K) correlations between the groups, or (K,) of each with its other side; None: independent."""
    other: Quantity | None = None
    """One reference, or the rest of each group."""
    share: Floats | None = None
    """(K,) share of each group in the overall denominator."""

    def interval(self, kind: str, *, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
        """Positions are among the groups; `inner` and `outer` replace critical values as in `contrasts`."""
        at: dict[str, Any] = {
            "level": self.level,
            "inner": self._inner(kind) if inner is None else inner,
            "outer": critical_value(self.level, self.df) if outer is None else outer,
        }
        if kind in EXTREMES:
            return contrasts.extreme(self.own, self.claims, largest=kind == "group_max", **at)
        at["rho"] = self.rho
        ratio = kind.startswith("ratio")
        if self.other is None:
            if ratio:
                return contrasts.ratio(self.own, self.claims, **at)
            return contrasts.difference(self.own, self.claims, most=self.most, **at)
        if self.share is not None:
            to_overall = contrasts.ratio_to_overall if ratio else contrasts.difference_to_overall
            return to_overall(self.own, self.other, self.share, **at)
        if ratio:
            return contrasts.ratio_to(self.own, self.other, self.claims, **at)
        return contrasts.difference_to(self.own, self.other, self.claims, most=self.most, **at)

    def p_value(self, kind: str, limit: float, *, above: bool) -> float:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit.

        An interval at level 1 − α lies beyond the limit exactly when p < α.
        """
        if kind == "overall":  # one group: whichever extreme has its limit at q on the side that fails
            kind = "group_max" if above else "group_min"
        tail = partial(pvalues.tail, groups=self.claims, law="pairs" if kind in PAIRS else "separate", df=self.df)
        return p_value_of(partial(self.interval, kind), kind, limit, above=above, tail=tail, df=self.df)

    def each(self, kind: str) -> Interval:
        """Every group against its other side, signed, with simultaneous limits, (K,)."""
        assert self.other is not None, "each group is told against another side"
        ratios, q = kind.startswith("ratio"), self._inner(kind)
        return contrasts.each(
            self.own, self.other, self.claims, level=self.level, ratios=ratios, inner=q, rho=self.rho
        )  # fmt: skip

    def _inner(self, kind: str) -> float:
        return (family_quantile if kind in PAIRS else sidak_value)(self.level, self.claims, self.df)


def p_value_of(
    interval: Callable[..., FamilyInterval],
    kind: str,
    limit: float,
    *,
    above: bool,
    tail: Callable[[float], float],
    df: float = np.inf,
) -> float:
    """p from the limit on the failing side: the inner one with the family's tail, or the outer one with a normal's."""
    if above == (kind.startswith("difference") or kind == "group_max"):
        return pvalues.p_value(lambda q: interval(inner=q), limit, above=above, tail_of=tail)
    one = partial(pvalues.tail, groups=1, law="separate", df=df)
    return pvalues.p_value(lambda q: interval(outer=q), limit, above=above, tail_of=one)
