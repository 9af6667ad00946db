"""What the score histogram of a group says, metric by metric: a value, its limits at any critical value, its state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from auditkit.evidence.histogram import Bins, ScoreHistogram
from auditkit.fairness.families.family import estimated
from auditkit.fairness.notes import p_text
from auditkit.fairness.sets import Attributes
from auditkit.question import SPARSE
from auditkit.records import Estimate, State
from auditkit.stats import calibration
from auditkit.stats.auc import Side, auc, auc_limits, normal
from auditkit.stats.calibration import Logistic, Sums
from auditkit.stats.rates import Floats, critical_value

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
OF_PROBABILITIES = frozenset(READ) - {"roc_auc"}
"""Metrics that compare scores with what happened: of scores on another scale they say nothing."""
FEWEST_FOR_BINS = 100
"""Rows below which a group's calibration error is not judged: fewer than five bins of twenty."""
LEAST_CHANCE = 5.0
"""Σ s(1−s) below which the law of the cumulative error does not hold."""


@dataclass(frozen=True)
class Reading:
    """One metric of one group."""

    value: float
    limits: Callable[[float], tuple[float, float]]
    """Critical value → lower and upper limit."""
    rows: int
    method: str
    error: float = math.nan
    """Standard error, where there is one."""
    state: State = "ok"
    note: str = ""
    of_bins: str = ""
    """What score bins leave open, in words."""
    bound: float = 0.0
    """How far the value over rows can lie from it, as far as bins alone tell."""

    @property
    def kept(self) -> bool:
        """True where it may be compared."""
        return self.state in ("ok", "coarse")

    def estimate(self, level: float) -> Estimate:
        """As a record."""
        known = self.state != "undefined"
        limits = self.limits(critical_value(level)) if known else (math.nan, math.nan)
        return estimated(
            self.value if known else math.nan,
            *limits,
            level=level,
            n=self.rows,
            method=self.method,
            state=self.state,
            note="; ".join(x for x in (self.note, self.of_bins) if x),
        )


class GroupScores(NamedTuple):
    """One group: its negatives, its positives, and its sums a bin."""

    rows: int
    negatives: Side
    positives: Side
    sums: Sums
    straddling: float = 0.0
    """Twice the most that rows of bins which overlap move the cumulative miss, at any score; 0 where none overlap."""

    @classmethod
    def of(cls, bins: Bins) -> GroupScores:
        """Read the bins of a group."""
        full = np.flatnonzero(bins.n.sum(axis=0))
        n, s, s2 = (x[:, full].astype(float) for x in (bins.n, bins.s, bins.s2))
        sums = Sums(n.sum(axis=0), n[1], s.sum(axis=0), s2.sum(axis=0), s[1])
        sides = [Side(bins.n[t], bins.low[t], bins.high[t]) for t in (0, 1)]
        low, high = bins.low[:, full].min(axis=0), bins.high[:, full].max(axis=0)
        return cls(int(bins.n.sum()), sides[0], sides[1], sums, _straddling(sums, low, high))

    @property
    def fewest(self) -> int:
        """The smaller of the numbers of positives and negatives."""
        return int(min(self.negatives.n.sum(), self.positives.n.sum()))


def scores_of(evidence: ScoreHistogram, by: Attributes) -> list[tuple[tuple[str, ...], GroupScores]]:
    """Every crossed group of these columns; `by=()` gives everybody."""
    return [(group, GroupScores.of(bins)) for group, bins in evidence.groups(*by)]


def of_the_others(sides: Sequence[Side]) -> Iterator[Side]:
    """For each group's positives (or negatives), those of all other groups as one side; of two groups at least."""
    total = np.sum([s.n for s in sides], axis=0)
    low, high = ([getattr(s, end) for s in sides] for end in ("low", "high"))
    for s, lowest, highest in zip(sides, _without_each(low, np.minimum), _without_each(high, np.maximum), strict=True):
        yield Side(total - s.n, lowest, highest)


def _without_each(rows: Sequence[Floats], least: np.ufunc) -> list[Floats]:
    """For each row, `least` (minimum or maximum) of all other rows: those before it and those after it."""
    before = list(accumulate(rows[:-1], least))
    after = list(accumulate(rows[:0:-1], least))[::-1]
    middle = [least(a, b) for a, b in zip(before[:-1], after[1:], strict=True)]
    return [after[0], *middle, before[-1]]


def _straddling(sums: Sums, low: Floats, high: Floats) -> float:
    """Where bins overlap, the walk of the cumulative miss is known at no score but within what these bins can add."""
    order = np.argsort(low, kind="stable")
    if not (low[order][1:] <= np.maximum.accumulate(high[order])[:-1]).any():
        return 0.0
    most = np.maximum(sums.y - sums.sy, sums.s - sums.sy)
    ends = np.argsort(high, kind="stable")
    begun = np.cumsum(most[order])  # at the lower edge of each bin, those begun less those ended are open
    ended = np.concatenate([[0.0], np.cumsum(most[ends])])[np.searchsorted(high[ends], low[order], side="left")]
    return 2 * float((begun - ended).max() / sums.n.sum())


def ranking(negatives: Side, positives: Side, min_n: int = SPARSE) -> Reading:
    """AUC of these negatives and positives; sparse below `min_n` of either."""
    a = auc(negatives, positives)
    few = min(a.positives, a.negatives)
    state, note = _state(few, min_n, "positives or negatives", "no pair of a positive and a negative")
    if state == "ok" and a.coarse:
        state = "coarse"
    bins = ""
    if state in ("ok", "coarse") and a.bound > 0:
        bins = f"from score bins: within {a.bound:.1g} of the value over rows"
        bins += ", more than a tenth of the standard error" if state == "coarse" else ""
    method = "DeLong, logit scale" if few and normal(a) else "Newcombe (2006), method 5"
    rows = a.positives + a.negatives
    return Reading(a.value, lambda z: auc_limits(a, z), rows, method, a.error, state, note, bins, a.bound)


def calibration_error(group: GroupScores, bins: int, min_n: int = SPARSE) -> Reading:
    """Debiased calibration error over `bins` equal-mass bins; sparse below 100 rows, or `min_n` if that is more."""
    state, note = _state(group.rows, max(FEWEST_FOR_BINS, min_n), "rows", "no rows")
    merged = group.sums.merged(calibration.equal_mass(group.sums.n, bins))
    found = calibration.calibration_error(merged, critical_value(0.95))

    def limits(z: float) -> tuple[float, float]:
        at = calibration.calibration_error(merged, z)
        return at.low, at.high

    method = f"{merged.n.size} bins of equal mass; noncentral χ², inverted"
    return Reading(found.value, limits, group.rows, method, state=state, note=note)


def in_the_large(group: GroupScores, min_n: int = SPARSE) -> Reading:
    """Mean of truth minus score."""
    mean, error, _ = calibration.in_the_large(group.sums)
    state, note = _state(group.rows, min_n, "rows", "no rows")
    return _wald(mean, error, group.rows, "normal; variance at least that of right scores", state, note)


def logistic(fit: Callable[[Sums], Logistic], group: GroupScores, min_n: int = SPARSE) -> Reading:
    """Logistic calibration: `fit` gives its slope, or its intercept at slope 1."""
    fitted = fit(group.sums)
    state, note = _state(group.fewest, min_n, "positives or negatives", "all targets are equal")
    if state != "undefined" and math.isnan(fitted.value):
        state, note = "undefined", "the logistic fit has no finite solution: scores part the targets, or are constant"
    return _wald(fitted.value, fitted.error, group.rows, "Wald", state, note)


def cumulative(group: GroupScores, min_n: int = SPARSE) -> Reading:
    """Range of the cumulative miss; its limits are 0 below exactly where the test does not reject."""
    value, sigma, wide, hidden = calibration.ecce(group.sums)
    chance = float(group.sums.expected.sum())
    state: State = "ok" if chance >= LEAST_CHANCE and group.rows >= min_n else "sparse"
    bins = ""
    if state == "ok":
        note = f"p = {p_text(calibration.range_tail(value / sigma))} that right scores stray so far"
        if group.straddling:
            bins = f"from score bins that overlap: over rows within {max(hidden, group.straddling):.1g} of it"
        elif hidden:
            bins = f"read at the ends of score bins: over rows up to {hidden:.1g} more"
    else:
        note = f"{group.rows} rows whose outcomes vary too little: too few to tell"

    def limits(z: float) -> tuple[float, float]:
        half = calibration.range_quantile(z) * wide
        return max(0.0, value - half), min(1.0, value + half)

    method = "R ± critical range of Brownian motion × σ"
    bound = max(hidden, group.straddling)
    return Reading(value, limits, group.rows, method, state=state, note=note, of_bins=bins, bound=bound)


def _wald(value: float, error: float, rows: int, method: str, state: State, note: str) -> Reading:
    return Reading(value, lambda z: (value - z * error, value + z * error), rows, method, error, state, note)


def _state(count: int, fewest: int, what: str, nothing: str) -> tuple[State, str]:
    if not count:
        return "undefined", nothing
    return ("ok", "") if count >= fewest else ("sparse", f"only {count} {what}: too few to tell")


def read_each(metric: str, groups: Sequence[GroupScores], min_n: int) -> tuple[Reading, ...]:
    """One metric of every group."""
    if metric == "roc_auc":
        return tuple(ranking(g.negatives, g.positives, min_n) for g in groups)
    if metric in CROSSED:
        return _against_others(metric, groups, min_n)
    if metric == "calibration_error":
        enough = [g.rows for g in groups if g.rows >= max(min_n, FEWEST_FOR_BINS)]
        bins = calibration.bins_for(min(enough, default=max(g.rows for g in groups)))  # the same number for every group
        return tuple(calibration_error(g, bins, min_n) for g in groups)
    readers: dict[str, Callable[[GroupScores, int], Reading]] = {
        "calibration_in_the_large": in_the_large,
        "calibration_slope": partial(logistic, calibration.slope),
        "calibration_intercept": partial(logistic, calibration.intercept),
        "cumulative_calibration_error": cumulative,
    }
    return tuple(readers[metric](g, min_n) for g in groups)


def _against_others(metric: str, groups: Sequence[GroupScores], min_n: int) -> tuple[Reading, ...]:
    """Each group's negatives (bpsn) or positives (bnsp) against the other side of all other groups."""
    if len(groups) == 1:
        one = ranking(groups[0].negatives, groups[0].positives)
        alone = Reading(one.value, one.limits, one.rows, one.method, state="undefined", note="there is no other group")
        return (alone,)
    if metric == "bpsn_auc":
        others = of_the_others([g.positives for g in groups])
        return tuple(ranking(g.negatives, o, min_n) for g, o in zip(groups, others, strict=True))
    others = of_the_others([g.negatives for g in groups])
    return tuple(ranking(o, g.positives, min_n) for g, o in zip(groups, others, strict=True))


def plainly(
    evidence: ScoreHistogram, by: Attributes, metrics: Sequence[str]
) -> dict[tuple[str, ...], dict[str, Reading]]:
    """Group → metric → its reading as the bins give it."""
    found = scores_of(evidence, by)
    read_ = {m: read_each(m, [g for _, g in found], SPARSE) for m in metrics if by or m in READ}
    return {k: {m: r[i] for m, r in read_.items()} for i, (k, _) in enumerate(found)}
