"""T10 and T11: how sure the ranking is, and whether the explanation is as good for every group. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import listing
from auditkit.evidence.sample import Observations
from auditkit.explain.trust.readings import SPARSE, bootstrapped, missed, sensitivity
from auditkit.explain.trust.records import checked, unmeasured
from auditkit.records import Estimate, GroupEstimates, Table, TrustCheck
from auditkit.stats import contrasts
from auditkit.stats.contrasts import Method
from auditkit.stats.means import t_value
from auditkit.stats.rates import Limits, critical_value
from auditkit.wording import decimals, percent

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]

MEAN = "mean, t over the rows"
RATIO = "ratio of means, linearised; t over the rows"
GAP = "largest of all pairs, MOVER"


def ranking(features: tuple[str, ...], phi: Floats, weight: Floats, *, level: float) -> tuple[TrustCheck, Table]:
    """T10: the leading features of φ (N, d), its columns in the order of their mean size, under a bootstrap of rows.

    The check's value is P(in the top k), the smallest of the k features that are named as leading.
    """
    sizes = np.abs(phi)
    found = bootstrapped(sizes, weight, level=level)
    named, sure = features[: found.k], float(found.leads[: found.k].min())
    table = Table(
        title="How sure is the ranking",
        columns=("column", "mean size", "low", "high", f"chance to be among the {found.k} largest"),
        rows=tuple(
            (name, float(m), float(lo), float(hi), float(p))
            for name, m, lo, hi, p in zip(
                features, np.average(sizes, weights=weight, axis=0), found.low, found.high, found.leads, strict=True
            )
        ),
        units=("", "", "", "", "percent"),
    )
    note = (
        f"{len(phi):,} rows drawn anew 1,000 times: {listing(named)} "
        f"{'is' if len(named) == 1 else 'are each'} among the {found.k} largest at least {percent(sure)} of the time"
    )
    return checked("T10", sure, True, note), table


class _Statistic(NamedTuple):
    """Σ over / Σ under of some rows; a mean where `under` is 1 for each."""

    name: str
    over: Floats
    under: Floats

    def estimate(self, rows: Rows, level: float) -> Estimate:
        over, under = self.over[rows], self.under[rows]
        n, total = len(over), float(under.sum())
        method = MEAN if np.all(self.under == 1) else RATIO
        if not total:
            return Estimate(value=None, level=level, n=n, method=method, state="undefined", note="nothing to measure")
        value = float(over.sum() / total)
        if n < SPARSE:
            note = f"{n} rows, fewer than {SPARSE}: no interval"
            return Estimate(value=value, level=level, n=n, method=method, state="sparse", note=note)
        low, high = self.limits(rows, critical_value(level))
        return Estimate(value=value, low=low, high=high, level=level, n=n, method=method)

    def limits(self, rows: Rows, z: float) -> tuple[float, float]:
        over, under = self.over[rows], self.under[rows]
        n, value = len(over), over.sum() / under.sum()
        residual = (over - value * under) / under.mean()
        half = float(t_value(n, z)) * float(residual.std(ddof=1)) / np.sqrt(n)
        return float(value - half), float(value + half)


def parity(seen: Observations, *, level: float) -> tuple[TrustCheck, GroupEstimates | None]:
    """T11: T1, T5, T6 and T7 as means a row, by group, with the largest gap of each attribute.

    None in place of the exhibit where there are no groups.
    """
    if not seen.labels:
        return unmeasured("T11", "no groups are declared"), None
    statistics = list(_statistics(seen))
    if not statistics:
        return unmeasured("T11", "none of T1, T5, T6 and T7 was measured"), None
    series: list[str] = []
    cells: list[list[Estimate]] = [[] for _ in statistics]
    apart: list[str] = []
    for attribute, labels in seen.labels.items():
        values = sorted(set(labels))
        series += [f"{attribute}: {v}" for v in values]
        series += [f"{attribute}: largest gap"] if len(values) > 1 else []
        for (statistic, of), row in zip(statistics, cells, strict=True):
            where = [np.asarray(of.labels[attribute], dtype=object) == v for v in values]
            row += [statistic.estimate(rows, level) for rows in where]
            if len(values) > 1:
                row.append(_gap(statistic, where, level))
                if (row[-1].low or 0) > 0:
                    apart.append(f"{statistic.name} by {attribute} ({decimals(row[-1].value, 3)})")
    exhibit = GroupEstimates(
        title="Is the explanation as good for every group",
        unit="the unit of each check",
        series=tuple(series),
        rows=tuple((s.name, tuple(row)) for (s, _), row in zip(statistics, cells, strict=True)),
    )
    names = [s.name.split()[0] for s, _ in statistics]
    n = len(seen if seen.trials is None else seen.trials)
    gaps = f"groups differ in {listing(apart)}" if apart else "no gap between groups is sure"
    return checked("T11", None, True, f"{listing(names)} by group, {n:,} rows; {gaps}"), exhibit


def _statistics(seen: Observations) -> Iterator[tuple[_Statistic, Observations]]:
    """What is compared, with the table whose rows it has."""
    epsilon = seen.columns.get("epsilon")
    if epsilon is not None:
        yield _Statistic("T1 miss of the score difference", epsilon, np.ones(len(epsilon))), seen
    trials = seen.trials
    if trials is None:
        return
    ones, absent = np.ones(len(trials)), trials.facts["not_tried"]
    read: dict[str, Callable[[], tuple[str, Floats, Floats]]] = {
        "T5": lambda: ("T5 move under small noise", sensitivity(trials), ones),
        "T6": lambda: ("T6 infidelity", missed(trials, "own"), trials.columns["T6:dd"]),
        "T7": lambda: ("T7 gain over random orders", _gained(trials), np.abs(trials.columns["delta"])),
    }
    for name, statistic in read.items():
        if name not in absent:
            yield _Statistic(*statistic()), trials


def _gained(trials: Observations) -> Floats:
    """Mean gain of deletion and insertion, in the unit of F."""
    out: Floats = (trials.columns["T7:insertion"] + trials.columns["T7:deletion"]) / 2
    return out


def _gap(statistic: _Statistic, where: list[Rows], level: float) -> Estimate:
    """max − min over the groups of ten rows or more, judged as the largest of all pairs."""
    kept = [rows for rows in where if rows.sum() >= SPARSE and statistic.under[rows].sum()]
    n = int(sum(rows.sum() for rows in kept))
    if len(kept) < 2:
        note = f"fewer than two groups of {SPARSE} rows"
        return Estimate(value=None, level=level, n=n, method=GAP, state="undefined", note=note)

    def limits_at(z: float, _: Method) -> Limits:
        both = np.array([statistic.limits(rows, z) for rows in kept])
        return Limits(both.mean(1), both[:, 0], both[:, 1])

    found = contrasts.difference(limits_at, len(kept), level=level, most=np.inf)
    high = None if np.isinf(found.high) else float(found.high)
    return Estimate(value=float(found.value), low=float(found.low), high=high, level=level, n=n, method=GAP)
