"""Sensitivity at a fixed specificity, group by group, read off the score histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from auditkit.arrays import Floats
from auditkit.catalogue.clinical import SENSITIVITY, metric_of
from auditkit.catalogue.sentences import group_words
from auditkit.evidence.histogram import Bins, ScoreHistogram
from auditkit.evidence.score_grid import LEAST
from auditkit.fairness.scores.findings import Readings
from auditkit.fairness.scores.values import Reading
from auditkit.question import SPARSE
from auditkit.records import State, Table
from auditkit.stats.operating import sensitivity_at
from auditkit.stats.rates import critical_value

_METHOD = "MOVER of Wilson's limits of the sensitivity and of the threshold"
NOT_ALIKE = "rows have weights, or clusters, which score bins do not know: no interval of such a threshold is known"


class _Steps(NamedTuple):
    """One group's scores in rising steps."""

    cut: Floats
    """(B,) the threshold that selects a step and all above."""
    negatives: Floats
    positives: Floats
    low: Floats
    """(B,) the smallest and the largest score of a step."""
    high: Floats

    @classmethod
    def of(cls, bins: Bins) -> _Steps:
        full = np.flatnonzero(bins.n.sum(axis=0))
        low, high = bins.low[:, full].min(axis=0), bins.high[:, full].max(axis=0)
        cut = LEAST[full] if bins.cut is None else bins.cut[full]
        n = bins.n[:, full].astype(np.float64)
        return cls(np.where(low == high, low, cut), n[0], n[1], low, high)

    def left_open(self, at: int) -> tuple[float, float]:
        """Shares of the positives by which the sensitivity over rows can lie below and above that at a step.

        Above: a threshold within the step below may reach the specificity, too. Both: steps that overlap, of groups
        that were merged apart from each other.
        """
        total = self.positives.sum()
        if not total:
            return 0.0, 0.0
        below = np.arange(len(self.cut)) < at
        edge = self.cut[at] if at < len(self.cut) else np.inf
        split = self.low < self.high
        over = ~below & split & (self.low < edge)
        under = below & split & (self.high > (self.low[at - 1] if at else np.inf))
        return float(self.positives[over].sum() / total), float(self.positives[under].sum() / total)


def reading(bins: Bins, specificity: float, min_n: int = SPARSE) -> Reading:
    """The sensitivity of one group at its own threshold; sparse below `min_n` with an event, or without.

    Its limits hold what score bins leave open, too.
    """
    steps = _Steps.of(bins)
    rows, few = int(bins.n.sum()), int(min(bins.n.sum(axis=1)))
    one = sensitivity_at(steps.negatives, steps.positives, specificity, 1.0)
    error, (less, more) = (one.high - one.low) / 2, steps.left_open(one.at)

    def limits(z: float) -> tuple[float, float]:
        point = sensitivity_at(steps.negatives, steps.positives, specificity, z)
        return max(0.0, point.low - less), min(1.0, point.high + more)

    if not few:
        state: State = "undefined"
        return Reading(one.value, limits, rows, _METHOD, error, state, "nobody with an event, or nobody without")
    note = "" if few >= min_n else f"only {few} with an event, or without: too few to tell"
    state, bound = "ok" if few >= min_n else "sparse", less + more
    told = f"from score bins: within {bound:.1g} of the value over rows, which its limits hold" if bound else ""
    if state == "ok" and bound > error:
        state, told = "coarse", f"{told}; more than the standard error"
    return Reading(one.value, limits, rows, _METHOD, error, state, note, told, bound)


def readings(
    evidence: ScoreHistogram, by: Sequence[str], specificity: float, *, level: float, min_n: int = SPARSE
) -> Readings:
    """The sensitivity of each crossed group of these columns; `by=()` gives everybody."""
    found = list(evidence.groups(*by))
    read = tuple(reading(bins, specificity, min_n) for _, bins in found)
    return Readings(metric_of(SENSITIVITY, specificity), tuple(by), tuple(k for k, _ in found), read, level)


def thresholds(evidence: ScoreHistogram, by: Sequence[str], specificity: float) -> Table:
    """Each group's own threshold, and what the threshold of everybody gives it."""
    (_, everybody), *_ = evidence.groups()
    common = _threshold(_Steps.of(everybody), specificity)
    rows = []
    for group, bins in evidence.groups(*by):
        steps = _Steps.of(bins)
        own = sensitivity_at(steps.negatives, steps.positives, specificity, critical_value(0.95))
        selected = steps.cut >= (np.inf if common is None else common)
        at = [float(n[selected].sum() / n.sum()) if n.sum() else None for n in (steps.positives, steps.negatives)]
        spared = None if at[1] is None else 1 - at[1]
        value = None if np.isnan(own.value) else own.value
        rows.append((group_words(by, group), _threshold(steps, specificity), value, common, at[0], spared))
    names = ("Own threshold", "Found", "Everybody's threshold", "Found at it", "Spared at it")
    return Table(
        title=f"Thresholds at {100 * specificity:.6g}% specificity",
        columns=(" and ".join(by).capitalize(), *names),
        rows=tuple(rows),
        units=("", "percent", "percent", "percent", "percent", "percent"),
    )


def _threshold(steps: _Steps, specificity: float) -> float | None:
    """None where nobody is selected."""
    at = sensitivity_at(steps.negatives, steps.positives, specificity, critical_value(0.95)).at
    return float(steps.cut[at]) if at < len(steps.cut) else None
