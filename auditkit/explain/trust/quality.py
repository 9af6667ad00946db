"""T10 and T11: how sure the ranking is, and whether the explanation is as good for every group. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.errors import listing
from auditkit.evidence.grouped import Grouped
from auditkit.evidence.observations import Observations
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import Cell, gap, undefined
from auditkit.explain.ratios import ratios_of
from auditkit.explain.trust.findings import Ranking, sensitivity
from auditkit.explain.trust.records import checked, unmeasured
from auditkit.explain.trust.set_sums import CHANGES, missed
from auditkit.formatting import decimals, percent
from auditkit.question import SPARSE
from auditkit.records import Estimate, GroupEstimates, Table, TrustCheck


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
            own = [by[attribute].groups.get(v, Moments.of(np.zeros((0, 4)))) for v in values]
            ratios = ratios_of(own)
            row += [_estimate(m, r, level) for m, r in zip(own, ratios, strict=True)]
            if len(values) > 1:
                row.append(_gap(ratios, level))
                if _gap(ratios, 1 - (1 - level) / (len(names) * len(tables[0]))).excludes_zero:  # of all, Bonferroni
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


def _estimate(m: Moments, ratio: Cell, level: float) -> Estimate:
    if m.w and not m.wx[1]:
        return undefined("nothing to measure", n=m.n, level=level, method=ratio.method)
    return ratio.estimate(level)


def _gap(ratios: Sequence[Cell], level: float) -> Estimate:
    """max − min over the groups of ten rows or more, judged as the largest of all pairs."""
    found = gap(ratios, level=level)
    if found is None:
        n = sum(r.n for r in ratios if r.kept)
        return undefined(f"fewer than two groups of {SPARSE} rows", n=n, level=level, method=ratios[0].method)
    return found.estimate
