"""From counts to estimates: each rate, and each comparison over a family of groups, with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.fairness.families.basis import Basis
from auditkit.fairness.families.frame import Compared
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, GroupEstimate, State
from auditkit.stats import contrasts, families, pvalues
from auditkit.stats.contrasts import Quantity
from auditkit.stats.families import FamilyInterval
from auditkit.stats.rates import Limits, critical_value, sidak_value, wilson

_LEAST = {"group_min": 1, "group_max": 1, "overall": 1}
"""Groups that a comparison needs; two unless it stands here."""


def number(x: float) -> float | None:
    """None for NaN and ±∞.

    >>> number(float("nan")), number(0.5)
    (None, 0.5)
    """
    return float(x) if math.isfinite(x) else None


@dataclass(frozen=True)
class Family(Basis):
    """One rate in K crossed groups."""

    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    """(K,)"""
    k: NDArray[np.int64]
    """(K,) numerators."""
    n: NDArray[np.int64]
    """(K,) denominators."""
    values: NDArray[np.float64]
    """(K,) point values, NaN where undefined."""
    level: float
    min_n: int = SPARSE

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(K,) groups whose denominator is large enough to enter comparisons."""
        return self.n >= max(1, self.min_n)

    @property
    def counts(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """(K,) numerators and denominators that intervals are made of."""
        return self.k, self.n

    def own(self, where: NDArray[np.intp]) -> Quantity:
        """The rate in the groups at these positions."""
        k, n = self.k[where], self.n[where]
        return lambda q, method: method(k, n, q)

    def rest(self, where: NDArray[np.intp]) -> Quantity:
        """The rate in all other groups of these positions, taken together, for each of them."""
        k, n = self.k[where], self.n[where]
        return lambda q, method: method(k.sum() - k, n.sum() - n, q)

    def positions(self) -> NDArray[np.intp]:
        """Positions of the groups kept."""
        return np.flatnonzero(self.kept)

    def name(self, position: int) -> str:
        """The group at a position, in the data's own labels."""
        return " & ".join(self.groups[position])

    def left_out(self) -> list[str]:
        """Names of the groups that do not enter comparisons."""
        return [self.name(int(i)) for i in np.flatnonzero(~self.kept)]

    def by_group(self) -> tuple[GroupEstimate, ...]:
        """Every group, the sparse and the undefined ones too; `mde` is against all other groups kept."""
        return self._by_group

    @cached_property
    def _by_group(self) -> tuple[GroupEstimate, ...]:
        limits = self._limits()
        mde = self._mde_to_rest()
        out = []
        for i, group in enumerate(self.groups):
            estimate = rate_estimate(
                self.k[i], self.n[i], self.values[i], rows=int(self.rows[i]), level=self.level, min_n=self.min_n
            )
            estimate = estimate.model_copy(
                update={"low": number(limits.low[i]), "high": number(limits.high[i]), "mde": number(mde[i])}
            )
            estimate = self._qualified(i, estimate)
            out.append(GroupEstimate(group=dict(zip(self.by, group, strict=True)), estimate=estimate))
        return tuple(out)

    def _limits(self) -> Limits:
        return wilson(self.k, self.n, critical_value(self.level))

    def _qualified(self, position: int, estimate: Estimate) -> Estimate:
        """For families whose groups need more than a denominator."""
        return estimate

    def comparison(self, kind: Comparison, value: Compared | None = None) -> tuple[Estimate, FamilyInterval | None]:
        """The estimate of a comparison, and the groups behind it; `value` is the engine's own point value."""
        where = self.positions()
        if len(where) < _LEAST.get(kind, 2):
            return self._nothing_to_compare(), None
        found = self.interval(kind)
        found = found._replace(first=int(where[found.first]), second=int(where[found.second]))
        if value is not None and hasattr(value, kind):
            found = found._replace(value=float(getattr(value, kind)))
        return self.estimate_of(found, kind), found

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test.

        An interval at level 1 − α lies beyond the limit exactly when p < α. The inner limit is simultaneous and has the
        family's law; the outer one stands at z, and has the normal's.
        """
        groups = int(self.kept.sum())
        if groups < _LEAST.get(kind, 2):
            return None
        if kind == "overall":  # one rate: whichever extreme has its limit at q on the side that fails
            kind = "group_max" if above else "group_min"
        if above != (kind.startswith("difference") or kind == "group_max"):
            return pvalues.p_value(
                lambda z: self.interval(kind, z, z),
                limit,
                above=above,
                tail_of=lambda z: pvalues.tail(z, 1, "separate", self.df),
            )
        law: pvalues.Law = "pairs" if kind in ("difference", "ratio") else "separate"
        if kind.endswith("to_overall") and groups == 2:
            groups = 1  # both groups make the same comparison
        return pvalues.p_value(
            lambda q: self.interval(kind, q),
            limit,
            above=above,
            tail_of=lambda q: pvalues.tail(q, groups, law, self.df),
        )

    def interval(self, kind: Comparison, q: float | None = None, z: float | None = None) -> FamilyInterval:
        """Of the groups kept, positions among them; `q` replaces the simultaneous critical value, `z` the plain one."""
        where, level, df = self.positions(), self.level, self.df
        groups, own = len(where), self.own(where)
        z = critical_value(level, df) if z is None else z
        if kind in ("difference", "ratio"):
            inner = families.family_quantile(level, groups, df) if q is None else q
            between = contrasts.difference if kind == "difference" else contrasts.ratio
            return between(own, groups, level=level, inner=inner, outer=z, rho=self.correlations(where))
        inner = sidak_value(level, 1 if groups == 2 and kind.endswith("to_overall") else groups, df) if q is None else q
        if kind.endswith("to_overall"):
            to = contrasts.difference_to_overall if kind.startswith("difference") else contrasts.ratio_to_overall
            rho = self.correlation(where, None)
            return to(own, self.rest(where), self.share(where), level=level, inner=inner, outer=z, rho=rho)
        return contrasts.extreme(own, groups, level=level, largest=kind == "group_max", inner=inner, outer=z)

    def share(self, where: NDArray[np.intp]) -> NDArray[np.float64]:
        """(len(where),) of each of these groups in their common denominator."""
        out: NDArray[np.float64] = self.n[where] / self.n[where].sum()
        return out

    def gap_at(self, q: float) -> FamilyInterval:
        """The gap with both limits at q: one term of a sum makes no intersection–union claim."""
        return self.interval("difference", q, q)

    def estimate_of(self, found: FamilyInterval, kind: Comparison, *, q: float | None = None) -> Estimate:
        """A family interval as an estimate."""
        note = ""
        if math.isnan(found.value):
            note = "nobody is counted in any group: 0/0 is not a ratio"
        return Estimate(
            value=number(found.value),
            low=number(found.low),
            high=number(found.high),
            level=self.level,
            n=int(self.rows[self.kept].sum()),
            denominator=float(self.n[self.kept].sum()),
            method=self.method(kind),
            mde=self._mde_of_smallest(q) if kind == "difference" else None,
            state="undefined" if math.isnan(found.value) else "ok",
            note=note,
        )

    def method(self, kind: Comparison) -> str:
        """How the interval of a comparison is made, in words."""
        return _method(kind, int(self.kept.sum()))

    def _nothing_to_compare(self) -> Estimate:
        defined = int((self.n > 0).sum())
        state: State = "undefined"
        if len(self.groups) < 2:
            note = "one group only: there is nothing to compare"
        elif defined < 2:
            note = f"{defined} of {len(self.groups)} groups has anybody to count"
        else:
            state, note = "sparse", f"fewer than two groups have a denominator of at least {self.min_n}"
        return Estimate(value=None, level=self.level, n=int(self.rows.sum()), state=state, note=note)

    def _pooled(self) -> tuple[float, float]:
        k, n = self.counts
        total = float(n[self.kept].sum())
        return (float(k[self.kept].sum()) / total if total else math.nan), total

    def _mde_of_smallest(self, q: float | None = None) -> float | None:
        """Between the two smallest groups kept: no gap of the family is harder to see."""
        pooled, total = self._pooled()
        a, b = np.sort(self.counts[1][self.kept])[:2]
        q = families.family_quantile(self.level, int(self.kept.sum()), self.df) if q is None else q
        return number(float(families.minimum_detectable(pooled, total, a, b, q=q, z=critical_value(self.level))))

    def _mde_to_rest(self) -> NDArray[np.float64]:
        pooled, total = self._pooled()
        if not total:
            return np.full(len(self.n), np.nan)
        n = self.counts[1]
        rest = total - np.where(self.kept, n, 0)
        q = families.family_quantile(self.level, max(2, int(self.kept.sum())), self.df)
        return families.minimum_detectable(pooled, total, n, rest, q=q, z=critical_value(self.level))


def rate_estimate(k: int, n: int, value: float, *, rows: int, level: float, min_n: int = SPARSE) -> Estimate:
    """One rate with Wilson's interval; undefined without a denominator, sparse below `min_n`."""
    limits = wilson(k, n, critical_value(level))
    state: State = "undefined" if n == 0 else "sparse" if n < min_n else "ok"
    note = {"undefined": "nobody to count: 0/0 is not 0", "sparse": f"only {n} to count: too few to tell"}.get(
        state, ""
    )
    return Estimate(
        value=number(value),
        low=number(float(limits.low)),
        high=number(float(limits.high)),
        level=level,
        n=rows,
        numerator=float(k),
        denominator=float(n),
        method="Wilson",
        state=state,
        note=note,
    )


def _method(kind: Comparison, groups: int) -> str:
    two = groups == 2
    many = "" if two else "; inner limit MOVER with Clopper–Pearson limits, Šidák"
    pairs = "of all pairs with Jeffreys limits at the studentized range"
    return {
        "difference": "Newcombe" if two else f"MOVER {pairs}; upper limit Newcombe",
        "ratio": "MOVER-R" if two else f"MOVER-R {pairs}; lower limit with Wilson limits",
        "difference_to_overall": "(1 − share) × Newcombe(group, rest)" + many,
        "ratio_to_overall": "MOVER-R(group, rest), transformed" + many,
        "group_min": "smallest Wilson limits" + ("" if groups == 1 else "; upper Clopper–Pearson, Šidák"),
        "group_max": "largest Wilson limits" + ("" if groups == 1 else "; lower Clopper–Pearson, Šidák"),
    }[kind]
