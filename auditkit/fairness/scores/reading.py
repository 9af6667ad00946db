"""The metrics of scores, read in every group of a histogram: one value a group, with its limits and its state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores import values
from auditkit.fairness.scores.values import GroupScores, Reading, scores_of
from auditkit.fairness.sets import Attributes
from auditkit.question import SPARSE
from auditkit.stats import calibration
from auditkit.stats.calibration import bins_for

READ: tuple[str, ...] = (
    "roc_auc",
    "calibration_error",
    "calibration_in_the_large",
    "calibration_slope",
    "calibration_intercept",
    "cumulative_calibration_error",
)
"""Metrics of one group's own rows, in the order of the report."""
CROSSED = ("bpsn_auc", "bnsp_auc")


def read_each(metric: str, groups: Sequence[GroupScores], min_n: int) -> tuple[Reading, ...]:
    if metric == "roc_auc":
        return tuple(values.ranking(g.negatives, g.positives, min_n) for g in groups)
    if metric in CROSSED:
        return _against_others(metric, groups, min_n)
    if metric == "calibration_error":
        enough = [g.rows for g in groups if g.rows >= max(min_n, values.FEWEST_FOR_BINS)]
        bins = bins_for(min(enough, default=max(g.rows for g in groups)))  # the same number for every group
        return tuple(values.calibration_error(g, bins, min_n) for g in groups)
    readers: dict[str, Callable[[GroupScores, int], Reading]] = {
        "calibration_in_the_large": values.in_the_large,
        "calibration_slope": partial(values.logistic, calibration.slope),
        "calibration_intercept": partial(values.logistic, calibration.intercept),
        "cumulative_calibration_error": values.cumulative,
    }
    return tuple(readers[metric](g, min_n) for g in groups)


def _against_others(metric: str, groups: Sequence[GroupScores], min_n: int) -> tuple[Reading, ...]:
    """Each group's negatives (bpsn) or positives (bnsp) against the other side of all other groups."""
    if len(groups) == 1:
        one = values.ranking(groups[0].negatives, groups[0].positives)
        alone = Reading(one.value, one.limits, one.rows, one.method, state="undefined", note="there is no other group")
        return (alone,)
    if metric == "bpsn_auc":
        others = values.of_the_others([g.positives for g in groups])
        return tuple(values.ranking(g.negatives, o, min_n) for g, o in zip(groups, others, strict=True))
    others = values.of_the_others([g.negatives for g in groups])
    return tuple(values.ranking(o, g.positives, min_n) for g, o in zip(groups, others, strict=True))


def plainly(
    evidence: ScoreHistogram, by: Attributes, metrics: Sequence[str]
) -> dict[tuple[str, ...], dict[str, Reading]]:
    """Group → metric → its reading as the bins give it."""
    found = scores_of(evidence, by)
    read_ = {m: read_each(m, [g for _, g in found], SPARSE) for m in metrics if by or m in READ}
    return {k: {m: r[i] for m, r in read_.items()} for i, (k, _) in enumerate(found)}
