"""T10 and T11: how sure the ranking is, and whether the explanation is as good for every group. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.errors import listing
from auditkit.evidence.grouped import Grouped, hidden
from auditkit.evidence.observations import Observations
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import estimated, undefined, unshown
from auditkit.explain.trust.findings import Ranking, sensitivity
from auditkit.explain.trust.records import checked, unmeasured
from auditkit.explain.trust.set_sums import CHANGES, missed
from auditkit.formatting import decimals, percent
from auditkit.question import SPARSE
from auditkit.records import Estimate, GroupEstimates, Table, TrustCheck
from auditkit.stats.comparisons import Comparisons, Method
from auditkit.stats.means import t_value
from auditkit.stats.rates import Limits, critical_value

MEAN = "mean, t over the rows"
RATIO = "ratio of means, linearised; t over the rows"
GAP = "largest of all pairs, MOVER"


def ranking(
    features: tuple[str, ...], means: Floats, kept: dict[str, Any], *, n: int, level: float
) -> tuple[TrustCheck, Table]:
    """T10: the leading features, in the order of their mean sizes (d,), under a bootstrap of n rows (`ranked`).

    The check's value is P(in the top k), the smallest of the k features that are named as leading.
    """
    found = Ranking.at(kept, level)
    named, sure = features[: found.k], float(found.leads[: found.k].min())
    table = Table(
        title="How sure is the ranking",
        columns=("column", "mean size", "low", "high", f"chance to be among the {found.k} largest"),
        rows=tuple(
            (name, float(m), float(lo), float(hi), float(p))
            for name, m, lo, hi, p in zip(features, means, found.low, found.high, found.leads, strict=True)
        ),
        units=("", "", "", "", "percent"),
    )
    note = (
        f"{n:,} rows drawn anew 1,000 times: {listing(named)} "
        f"{'is' if len(named) == 1 else 'are each'} among the {found.k} largest at least {percent(sure)} of the time"
    )
    return checked("T10", sure, True, note), table


class Statistic(NamedTuple):
    """Σ over / Σ under of some rows (N,) each; a mean where `under` is 1 for each; `of` is the table of the rows."""

    name: str
    over: Floats
    under: Floats
    of: Observations


class _Ratio(NamedTuple):
    """A statistic of one group: moments of over, under, and both together."""

    moments: Moments

    @property
    def under(self) -> float:
        return float(self.moments.wx[1])

    @property
    def value(self) -> float:
        return float(self.moments.wx[0]) / self.under

    def estimate(self, level: float) -> Estimate:
        m, n = self.moments, self.moments.n
        method = MEAN if n == self.under == m.wx2[1] else RATIO
        if hidden(m):
            return unshown(n, level=level, method=method)
        if not self.under:
            return undefined("nothing to measure", n=n, level=level, method=method)
        limits = self.limits(critical_value(level)) if m.effective_n > 1 else (self.value, self.value)
        return estimated(self.value, limits, n=n, level=level, method=method, rows="rows")

    def limits(self, z: float) -> tuple[float, float]:
        m, value, (over2, under2, both2) = self.moments, self.value, self.moments.wx2
        n = m.effective_n
        squares = over2 - value * (both2 - over2 - under2) + value**2 * under2  # of over − value · under
        squares = 0.0 if squares <= 1e-13 * over2 else float(squares)  # rounding, where all are alike
        spread = np.sqrt(squares * (n / m.w) / (n - 1)) / (self.under / m.w)
        half = float(t_value(n, z)) * float(spread) / np.sqrt(n)
        return float(value - half), float(value + half)


def parity(
    names: Sequence[str], tables: Sequence[Mapping[str, Grouped]], *, tried: int, level: float
) -> tuple[TrustCheck, GroupEstimates | None]:
    """T11: T1, T5, T6 and T7 as means a row, by group, with the largest gap of each attribute.

    `tables` holds an attribute → sums for each of the `names`. None in place of the exhibit where there are no groups.
    """
    if not names:
        return unmeasured("T11", "none of T1, T5, T6 and T7 was measured"), None
    if not tables[0]:
        return unmeasured("T11", "no groups are declared"), None
    series: list[str] = []
    groups: list[dict[str, str | None]] = []
    cells: list[list[Estimate]] = [[] for _ in names]
    apart: list[str] = []
    for attribute in tables[0]:
        values = sorted({g for t in tables for g in t[attribute].groups})
        series += [f"{attribute}: {v}" for v in values]
        groups += [{attribute: v} for v in values]
        if len(values) > 1:
            series.append(f"{attribute}: largest gap")
            groups.append({attribute: None})
        for name, by, row in zip(names, tables, cells, strict=True):
            nobody = Moments.of(np.zeros((0, 3)))
            ratios = [_Ratio(by[attribute].groups.get(v, nobody)) for v in values]
            row += [r.estimate(level) for r in ratios]
            if len(values) > 1:
                row.append(_gap(ratios, level))
                if (_gap(ratios, 1 - (1 - level) / (len(names) * len(tables[0]))).low or 0) > 0:  # of all, Bonferroni
                    apart.append(f"{name} by {attribute} ({decimals(row[-1].value, 3)})")
    exhibit = GroupEstimates(
        title="Is the explanation as good for every group",
        unit="the unit of each check",
        series=tuple(series),
        rows=tuple((name, tuple(row)) for name, row in zip(names, cells, strict=True)),
        groups=tuple(groups),
    )
    gaps = f"groups differ in {listing(apart)}" if apart else "no gap between groups is sure"
    listed = listing([name.split()[0] for name in names])
    return checked("T11", None, True, f"{listed} by group, {tried:,} rows; {gaps}"), exhibit


def statistics_of(seen: Observations) -> list[Statistic]:
    """What is compared, with the table whose rows it has."""
    found: list[Statistic] = []
    epsilon = seen.columns.get("epsilon")
    if epsilon is not None:
        found.append(Statistic("T1 miss of the score difference", epsilon, np.ones(len(epsilon)), seen))
    trials = seen.trials
    if trials is None:
        return found
    ones, absent = np.ones(len(trials)), trials.facts["not_tried"]
    read: dict[str, Callable[[], tuple[str, Floats, Floats]]] = {
        "T5": lambda: ("T5 move under small noise", sensitivity(trials), ones),
        "T6": lambda: ("T6 infidelity", missed(trials.columns, "own"), trials.columns[CHANGES]),
        "T7": lambda: (
            "T7 gain over random orders",
            (trials.columns["T7:insertion"] + trials.columns["T7:deletion"]) / 2,
            np.abs(trials.columns["delta"]),
        ),
    }
    return [*found, *(Statistic(*statistic(), trials) for name, statistic in read.items() if name not in absent)]


def _gap(ratios: Sequence[_Ratio], level: float) -> Estimate:
    """max − min over the groups of ten rows or more, judged as the largest of all pairs."""
    kept = [r for r in ratios if r.moments.n >= SPARSE and r.under]
    n = sum(r.moments.n for r in kept)
    if len(kept) < 2:
        return undefined(f"fewer than two groups of {SPARSE} rows", n=n, level=level, method=GAP)

    def limits_at(z: float, _: Method) -> Limits:
        both = np.array([r.limits(z) for r in kept])
        return Limits(both.mean(1), both[:, 0], both[:, 1])

    found = Comparisons(limits_at, len(kept), level, most=np.inf).interval("difference")
    high = None if np.isinf(found.high) else float(found.high)
    return Estimate(value=float(found.value), low=float(found.low), high=high, level=level, n=n, method=GAP)
