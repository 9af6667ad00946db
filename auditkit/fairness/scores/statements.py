"""Sentences about scores. The first of a gap is short and names the groups; one that may be chance names nobody."""

from __future__ import annotations

from typing import Protocol

from auditkit.catalogue.index import METRICS
from auditkit.fairness.scores.values import Reading
from auditkit.formatting import decimals, percent, points
from auditkit.records import Comparison, Estimate
from auditkit.stats.families import FamilyInterval

_ONE = {
    "roc_auc": "The score ranks a truly positive row above a truly negative one in {} of pairs",
    "bpsn_auc": "A positive row of other groups is ranked above a negative row of the group in {} of pairs",
    "bnsp_auc": "A positive row of the group is ranked above a negative row of other groups in {} of pairs",
    "consistency": "The decision on a row agrees with {} of those on the rows most like it",
    "calibration_error": "Beyond chance, scores miss what happens by {}",
    "calibration_in_the_large": "Scores are {} on average",
    "calibration_slope": "The calibration slope is {} (1 is right, below it scores are too extreme)",
    "calibration_intercept": "The log-odds of scores must shift by {} to be right on average",
    "cumulative_calibration_error": "Misses add up to {} over the worst stretch of scores",
}
_TWO = {
    "roc_auc": "Scores rank {low} less well than {high}: AUC {x} against {y}",
    "bpsn_auc": "Negatives of {low} outrank others' positives more often than those of {high}: AUC {x} against {y}",
    "bnsp_auc": "Positives of {low} rank below others' negatives more often than those of {high}: AUC {x} against {y}",
    "consistency": "Decisions on {low} agree less with those on similar rows than those on {high}: {x} against {y}",
    "calibration_error": "Scores of {high} miss what happens by more than those of {low}: {y} against {x}",
    "calibration_in_the_large": "Scores of {low} are {x} on average, those of {high} {y}",
    "calibration_slope": "The calibration slope is {x} for {low} and {y} for {high} (1 is right)",
    "calibration_intercept": "To be right on average, log-odds must shift by {x} for {low} and by {y} for {high}",
    "cumulative_calibration_error": "Misses of scores add up to {y} for {high} and to {x} for {low}",
}
"""`low` is the group of the lowest value, x; `high` that of the highest, y."""
_RIGHT = {
    "calibration_error": 0.0,
    "calibration_in_the_large": 0.0,
    "calibration_slope": 1.0,
    "calibration_intercept": 0.0,
    "cumulative_calibration_error": 0.0,
}
"""What right scores give."""


class ScoreValues(Protocol):
    """What a sentence needs to know of a metric in K groups."""

    @property
    def metric(self) -> str: ...
    @property
    def by(self) -> tuple[str, ...]: ...
    @property
    def readings(self) -> tuple[Reading, ...]: ...
    def name(self, position: int) -> str: ...


def statement(r: ScoreValues, comparison: Comparison, e: Estimate, found: FamilyInterval | None) -> str:
    """What a finding says."""
    attributes, title = " and ".join(r.by), METRICS[r.metric].title
    if e.value is None:
        return f"{title}: {f'groups of {attributes} cannot be compared' if r.by else 'undefined'}; {e.note}."
    one = _ONE[r.metric].format(_written(r.metric, e.value))
    if comparison == "overall":
        head = "No miscalibration is established: " if _may_be_chance(r.metric, e) else ""
        return f"{head}{one[0].lower() + one[1:] if head else one}. {_sure(r.metric, e)}"
    assert found is not None
    if comparison != "difference":
        which = "lowest" if comparison == "group_min" else "highest"
        if _may_be_chance(r.metric, e):
            return (
                f"{title}: none is established in any group of {attributes}. "
                f"The {which} value is {_written(r.metric, e.value)}. {_sure(r.metric, e)}"
            )
        return f"{one} for {r.name(found.first)}, the {which} value of the groups of {attributes}. {_sure(r.metric, e)}"
    if not e.low:
        seen = "" if e.mde is None else f"; a gap below {_gap(r.metric, e.mde)} could have gone unseen"
        return (
            f"{title}: no gap between groups of {attributes} is established ({_interval(r.metric, e, gap=True)}{seen})."
        )
    x, y = (_written(r.metric, r.readings[i].value) for i in (found.first, found.second))
    told = _TWO[r.metric].format(low=r.name(found.first), high=r.name(found.second), x=x, y=y)
    return f"{told}. The gap is {_gap(r.metric, e.value)} ({_interval(r.metric, e, gap=True)})."


def _written(metric: str, x: float) -> str:
    """One group's value in words."""
    if metric == "calibration_in_the_large":
        return f"{points(abs(x))} points too {'low' if x > 0 else 'high'}"
    unit = METRICS[metric].unit
    return decimals(x, 2) if unit == "number" else f"{points(x)} points" if unit == "points" else percent(x)


def _gap(metric: str, x: float) -> str:
    return decimals(x, 2) if METRICS[metric].unit == "number" else f"{points(x)} points"


def _interval(metric: str, e: Estimate, *, gap: bool = False) -> str:
    unit = METRICS[metric].unit
    low, high = (
        decimals(x, 2) if unit == "number" else points(x) if unit == "points" or gap else percent(x)
        for x in (e.low, e.high)
    )
    of_truth = " points, truth less score" if metric == "calibration_in_the_large" and not gap else ""
    return f"{100 * e.level:g}% interval {low} to {high}{of_truth}"


def _sure(metric: str, e: Estimate) -> str:
    """The interval as a sentence."""
    level, _, limits = _interval(metric, e).partition(" interval ")
    return f"The {level} interval is {limits}."


def _may_be_chance(metric: str, e: Estimate) -> bool:
    """True where the interval of a calibration metric holds the value of right scores."""
    if metric not in _RIGHT or e.low is None or e.high is None:
        return False
    return e.low <= _RIGHT[metric] <= e.high
