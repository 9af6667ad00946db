"""What each metric is of a model that makes no mistake, whose decisions are the truth itself."""

from typing import NamedTuple

from auditkit.catalogue import detections
from auditkit.catalogue.confusion import LABELS
from auditkit.catalogue.derived import DISPERSION
from auditkit.catalogue.generated import AGAINST, ASSOCIATION, DIVERSITY, UNNAMED
from auditkit.catalogue.index import METRICS
from auditkit.records import Comparison

_RIGHT = ((0, 0), (1, 1))
"""The cells of truth and decision that right decisions fill."""

TRUTH = "base_rate"

_COMPOSITES = {
    "f1": 1.0,
    "balanced_accuracy": 1.0,
    "mcc": 1.0,
    "macro_recall": 1.0,
    "average_odds": 0.5,
    "fairness_discrepancy_rate": 1.0,
    "equalized_odds": 1.0,
    "equalized_odds_mean": 1.0,
    "generalized_entropy_index": 0.0,
    "signed_error": 0.0,
    "mean_absolute_error": 0.0,
    "root_mean_squared_error": 0.0,
    detections.PRECISION: 1.0,
    detections.MISS_RATE: 0.0,
    detections.ALARMS: 0.0,
}
"""Metrics that are no single rate → what they are in every group where every decision is right; of equalized odds the
hits, since errors of 0 have no ratio."""

_UNKNOWN = {
    "treatment_equality": "it compares kinds of mistakes, and there would be none",
    "false_match_rate_inequity": "rates of errors that are 0 have no geometric mean",
    "false_non_match_rate_inequity": "rates of errors that are 0 have no geometric mean",
    **dict.fromkeys(
        (AGAINST, UNNAMED, ASSOCIATION, DIVERSITY), "what is drawn has no truth that it could be right about"
    ),
    "mean_prediction": "the evidence keeps no interval of the truth's own mean",
}


class Perfect(NamedTuple):
    """One of three is given."""

    value: float | None = None
    """In every group, by construction."""
    metric: str = ""
    """The metric of the truth that it becomes."""
    why: str = ""
    """Why it is not known, as a clause."""


def of_right_decisions(name: str) -> Perfect:
    """What a metric is where decisions are the truth.

    >>> of_right_decisions("true_positive_rate").value, of_right_decisions("false_positive_rate").value
    (1.0, 0.0)
    >>> of_right_decisions("selection_rate").metric
    'base_rate'
    """
    m = METRICS[name]
    if m.kind == "rate":
        counted = {c for c in _RIGHT if c in m.denominator}
        hit = {c for c in _RIGHT if c in m.numerator}
        if m.right is not None:  # held against a value of its own, since rows have no truth
            return Perfect(why="its rows have no truth that a model could be right about")
        if hit in (set(), counted):
            return Perfect(value=float(bool(hit)))
        return Perfect(metric=TRUTH)
    if name in _COMPOSITES:
        return Perfect(value=_COMPOSITES[name])
    if name.endswith(DISPERSION):
        return Perfect(value=0.0) if of_right_decisions(name.removesuffix(DISPERSION)).value is not None else _COUNTED
    if m.kind == LABELS:
        return Perfect(why="the rule is about the labels, not about decisions")
    if m.kind == "score":
        return Perfect(why="the rule is about scores, and a model can be right in every decision with many scores")
    if m.kind == "gap":
        return Perfect(why="the rule is about how decisions are reached, not about which they are")
    return Perfect(why=_UNKNOWN[name]) if name in _UNKNOWN else _COUNTED


_COUNTED = Perfect(why="the evidence does not count the truth's own rates in this way")


def compared(value: float, comparison: Comparison) -> float | None:
    """A comparison of groups that all have this value; None where it is 0/0.

    >>> compared(1.0, "difference"), compared(1.0, "ratio"), compared(0.0, "ratio"), compared(0.0, "group_max")
    (0.0, 1.0, None, 0.0)
    """
    if comparison.startswith("difference"):
        return 0.0
    if comparison.startswith("ratio"):
        return 1.0 if value else None
    return value
