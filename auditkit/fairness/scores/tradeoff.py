"""ErrorTradeoff: both errors of pairs at every threshold, by group, from one score histogram."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.matches import BETWEEN
from auditkit.catalogue.sentences import group_words
from auditkit.check import Assessment, BaseCheck
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.families.family import group_estimates
from auditkit.fairness.notes import finding
from auditkit.fairness.scores.check import Scores
from auditkit.fairness.scores.values import GroupScores, scores_of
from auditkit.fairness.sets import compared, sets_of
from auditkit.formatting import percent
from auditkit.options import checked_options
from auditkit.records import Curve, Estimate, Finding, NotMeasured, Series, Task
from auditkit.stats.roc import Roc, equal_error, roc

MOST_GROUPS = 12
_POINTS = 60
_NO_INTERVAL = "no interval: each group is at a threshold of its own; the rates at one threshold have theirs"


@dataclass(frozen=True)
@checked_options
class ErrorTradeoff(BaseCheck):
    """Detection error trade-off: false non-matches at every share of false matches, by group, and equal error rates.

    Groups are those of pairs within a group. No interval: what one threshold does to each group is `MatchRates`.

    Parameters
    ----------
    by
        Sets of attributes, each crossed. None: each declared attribute alone.

    >>> h = ScoreHistogram.of({"g": ["a"] * 40}, y_true=[0, 1] * 20, y_pred=[0, 1] * 20, score=[0.2, 0.9] * 20)
    >>> ErrorTradeoff().assess(h).findings[0].by_group[0].estimate.value
    0.0
    """

    NAME: ClassVar[str] = "error_tradeoff"
    tasks: ClassVar[tuple[Task, ...]] = ("verification",)
    uses_clusters: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None

    def gather(self, batch: Batch) -> ScoreHistogram:
        """Count the pairs of a batch."""
        return Scores().gather(batch)

    def assess(self, evidence: ScoreHistogram, *, level: float = 0.95) -> Assessment:
        """A curve a group, for each set of attributes."""
        asked = [(a,) for a in evidence.by] if self.by is None else sets_of(self.by, evidence.by)
        if not evidence.rows:
            why = "no pair with a truth, a decision and a score"
            return Assessment(not_measured=(NotMeasured(what=self.name, why=why, concern="calibration"),))
        sets = compared(asked, evidence.table("cells"), what="error trade-offs", concern="calibration")
        found = [_finding(evidence, by, level=level) for by in sets.sets]
        return Assessment(
            tuple(f for f in found if isinstance(f, Finding)),
            (*sets.absent, *(f for f in found if isinstance(f, NotMeasured))),
        )


def _finding(evidence: ScoreHistogram, by: Sequence[str], *, level: float) -> Finding | NotMeasured:
    groups = [(g, s) for g, s in scores_of(evidence, tuple(by)) if not any(BETWEEN in x for x in g)]
    curves = {g: roc(s.negatives.n, s.positives.n) for g, s in groups if s.fewest}
    if not curves:
        why = "no group has pairs of one person and pairs of two"
        return NotMeasured(what=f"error trade-off by {' and '.join(by)}", why=why, concern="calibration")
    estimates = {g: _estimate(curves.get(g), s, level) for g, s in groups}
    told = [(group_words(by, g), estimates[g].value) for g in curves]
    shown = "; ".join(f"{name} {percent(value)}" for name, value in told[:MOST_GROUPS])
    highest = max(curves, key=lambda g: estimates[g].value or 0.0)
    return finding(
        "error_tradeoff",
        "group_max",
        by,
        estimates[highest],
        f"Where both errors are the same, each group at a threshold of its own: {shown} (no interval).",
        concern="calibration",
        by_group=group_estimates(by, estimates),
        exhibits=[_curves(curves, groups, by)],
        notes=(_NO_INTERVAL,),
    )


def _estimate(curve: Roc | None, scores: GroupScores, level: float) -> Estimate:
    if curve is None:
        why = "no pair of one person" if scores.negatives.n.sum() else "no pair of two persons"
        return Estimate(value=None, level=level, n=scores.rows, state="undefined", note=why)
    method = "the equal error rate: both errors linear between thresholds"
    return Estimate(value=equal_error(curve), level=level, n=scores.rows, method=method, note=_NO_INTERVAL)


def _curves(
    curves: dict[tuple[str, ...], Roc], groups: Sequence[tuple[tuple[str, ...], GroupScores]], by: Sequence[str]
) -> Curve:
    largest = sorted((g for g in groups if g[0] in curves), key=lambda x: -x[1].rows)[:MOST_GROUPS]
    return Curve(
        title=f"Detection error trade-off by {' and '.join(by)}",
        unit_x="false match rate, as a power of ten",
        unit_y="false non-match rate",
        series=tuple(_series(group_words(by, g), curves[g]) for g, _ in largest),
    )


def _series(name: str, curve: Roc) -> Series:
    """Where some pair matches falsely, at steps of the logarithm."""
    some = np.flatnonzero(curve.fpr > 0)
    at = np.log10(curve.fpr[some])
    steps = np.unique(np.searchsorted(at, np.linspace(at[0], at[-1], _POINTS)).clip(max=len(at) - 1))
    return Series(name=name, x=tuple(at[steps].tolist()), y=tuple((1 - curve.tpr[some][steps]).tolist()))
