"""What is drawn of net benefit: the decision curve of each group, with treating all of it, and nobody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.arrays import Floats
from auditkit.evidence.histogram import Bins
from auditkit.evidence.score_grid import LEAST
from auditkit.evidence.thresholds import ThresholdCounts
from auditkit.fairness.clinical.benefit import BenefitFamily
from auditkit.fairness.families.family import number
from auditkit.records import Curve, Series, Table

MOST_GROUPS, POINTS = 12, 60
"""Groups whose curves are drawn, and points of one, at most."""
LOWEST = -0.05
"""Curves end where they fall below this: treating all falls without end."""
BEYOND = 2.0
"""The curve is drawn to twice the odds of the largest threshold that is asked."""
AGAINST = "dashed: all are treated; treating nobody has 0"


def curves(evidence: ThresholdCounts, by: Sequence[str], asked: Sequence[BenefitFamily]) -> Curve:
    """Net benefit by threshold, of the score and of treating everybody, in the largest groups.

    From the score histogram where rows count alike, at the lower edges of its bins, where it is exact; of weighted rows
    at the thresholds that are asked alone.
    """
    family = asked[0]
    order = [int(i) for i in np.argsort(-family.rows, kind="stable") if family.n[i] > 0][:MOST_GROUPS]
    drawn = {} if evidence.histogram is None else dict(evidence.histogram.groups(*by))
    odds = BEYOND * evidence.thresholds[-1] / (1 - evidence.thresholds[-1])
    end = odds / (1 + odds)
    series = []
    for i in order:
        bins = drawn.get(family.groups[i])
        x, y = _asked(evidence, asked, i) if bins is None else _of_bins(bins, end)
        kept = tuple(None if v < LOWEST else number(float(v)) for v in y)
        name = family.name(i) or "everybody"
        series.append(
            Series(name=name, x=tuple(x.tolist()), y=kept, against=_treat_all(float(family.prevalence[i]), end))
        )
    title = "Decision curves" + (f" by {' and '.join(by)}" if by else "")
    return Curve(
        title=title,
        unit_x="threshold, in percent",
        unit_y="net benefit, in events treated a patient",
        series=tuple(series),
        against=AGAINST,
    )


def _of_bins(bins: Bins, end: float) -> tuple[Floats, Floats]:
    """At the lower edges of bins, at sixty of them at most."""
    full = np.flatnonzero(bins.n.sum(axis=0))
    cut = LEAST[full] if bins.cut is None else bins.cut[full]
    order = np.argsort(cut, kind="stable")
    cut, n = cut[order], bins.n[:, full][:, order]
    fp, tp = (np.cumsum(x[::-1])[::-1] for x in n)
    kept = np.flatnonzero(cut <= end)
    at = kept[np.unique(np.linspace(0, max(0, len(kept) - 1), POINTS).astype(np.intp))] if len(kept) else kept
    x = cut[at]
    return x, (tp[at] - fp[at] * x / (1 - x)) / n.sum()


def _asked(evidence: ThresholdCounts, asked: Sequence[BenefitFamily], i: int) -> tuple[Floats, Floats]:
    return np.array(evidence.thresholds), np.array([f.values[i] for f in asked])


def _treat_all(prevalence: float, end: float) -> tuple[tuple[float, float], ...]:
    x = np.linspace(0.0, end, POINTS)
    y = prevalence - (1 - prevalence) * x / (1 - x)
    return tuple(zip(x[y >= LOWEST].tolist(), y[y >= LOWEST].tolist(), strict=True))


def table(families: Sequence[tuple[float, BenefitFamily, BenefitFamily, BenefitFamily]], by: Sequence[str]) -> Table:
    """Each group at each threshold: events, net benefit with its limits, treating all, and the standardised one."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for at, own, over, standard in families:
        for i in range(len(own.groups)):
            p = float(own.prevalence[i])
            limits = [number(float(x[i])) for x in own.limits]
            beyond = [number(float(x[i])) for x in over.limits]
            all_ = number(p - (1 - p) * at / (1 - at))
            head = (own.name(i) or "everybody", at, int(own.rows[i]), int(own.n[i]))
            rows.append((*head, *limits, all_, *beyond, number(float(standard.values[i]))))
    columns = ("Threshold", "Patients", "Events", "Net benefit", "From", "To", "Treat all", "Beyond it", "From", "To",
               "Standardised")  # fmt: skip
    return Table(
        title="Net benefit at each threshold" + (f" by {' and '.join(by)}" if by else ""),
        columns=(" and ".join(by).capitalize() or "Who", *columns),
        rows=tuple(rows),
        units=("", "percent", "", "", *["ratio"] * 8),
    )
