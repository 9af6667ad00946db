"""RegressionFairness: errors and predictions by group, and how differently predictions are distributed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools
from auditkit.batch import Batch
from auditkit.catalogue.confusion import MISSING_TRUTH
from auditkit.catalogue.index import METRICS
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import listing
from auditkit.evidence.errors import ErrorSums, GroupMoments
from auditkit.evidence.frames import QUANTITIES, Groups
from auditkit.fairness.families.distributions import DISTANCES, of_values
from auditkit.fairness.families.estimates import Family
from auditkit.fairness.families.family import Answer, Words, tested
from auditkit.fairness.families.quantities import COMPARED, QuantityFamily
from auditkit.fairness.sets import compared, named, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import CHANGES, Task
from auditkit.stats.means import (
    HOPELESS,
    heavy_tailed,
    seen_shape,
    shape_of,
    shape_of_squares,
    skewed_limits,
    t_value,
    too_skewed,
)
from auditkit.stats.rates import Floats, Limits, rate

_COLUMNS = {
    "signed_error": "error",
    "mean_absolute_error": "absolute",
    "root_mean_squared_error": "squared",
    "mean_prediction": "prediction",
}
"""Metric → the quantity of the evidence that it is a mean of."""
_POWERS = {"mean_absolute_error": 1, "root_mean_squared_error": 2}
"""Metric → the power of the size of errors that it is a mean of."""
OF_PREDICTIONS = "mean_prediction"
"""The mean that needs no truth."""
HEAVY = 5
"""Rows for each that carries the mean of squares, (Σ e²)² / Σ e⁴, above which its interval is said to be doubtful:
where evidence keeps no third moments. It is 3 for normal errors, 9 for exponential ones."""
_WORDS = Words("", "no row with target and prediction", "rows")
Rows = NDArray[np.int64]
DEFAULT_METRICS = (*_COLUMNS, *DISTANCES)


@dataclass(frozen=True)
@checked_options
class RegressionFairness(BaseCheck):
    """Errors and predictions of each group of the sensitive features, and their largest differences, with intervals.

    Parameters
    ----------
    by
        Sets of attributes, each crossed; None: each declared attribute alone, and all of them crossed.
    metrics
        Of signed_error, mean_absolute_error, root_mean_squared_error, mean_prediction, ks_distance,
        wasserstein_distance.

    Errors are of rows with target and prediction, mean predictions and distances of all rows with a prediction.

    >>> check = RegressionFairness(by=[["sex"]], metrics=["mean_absolute_error"])
    >>> sums = ErrorSums.of({"sex": ["f", "m"] * 50}, y_true=[0.0] * 100, y_pred=[1.0, 3.0] * 50)
    >>> [f.estimate.value for f in check.assess(sums).findings if f.comparison == "difference"]
    [2.0]
    """

    NAME: ClassVar[str] = "regression_fairness"
    BY_SITE: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)

    def __post_init__(self) -> None:
        metrics = named(self.metrics, DEFAULT_METRICS, "is no metric of a regression; known are")
        object.__setattr__(self, "metrics", metrics)

    def gather(self, batch: Batch) -> ErrorSums:
        """Sum the rows of a batch."""
        return ErrorSums.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: ErrorSums, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        means = [m for m in self.metrics if m in _COLUMNS]
        findings = [tested(family_of(evidence, m, (), level=level), "overall") for m in means]
        counts = evidence.table("moments_")
        sets = compared(sets_of(self.by, evidence.by), counts, what="errors", concern="fairness")
        for by in sets.sets:
            findings += [tested(family_of(evidence, m, by, level=level), kind) for m in means for kind in COMPARED]
            if evidence.untold:
                findings.append(tested(_without_truth(evidence, by, level=level), "difference"))
            own = {m: DISTANCES[m] for m in self.metrics if m in DISTANCES}
            findings += of_values(evidence.values(*by), own, by, level=level) if own else []
        return Assessment(tuple(findings), sets.absent)


def family_of(sums: ErrorSums, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> QuantityFamily:
    """One error in the crossed groups of these attributes; `by=()` gives one group, everybody."""
    return family_from(sums.moments(*by, untold=metric == OF_PREDICTIONS), metric, by, level=level, min_n=min_n)


def family_from(
    moments: GroupMoments, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE
) -> QuantityFamily:
    """The same, from moments by group."""
    column, n = QUANTITIES.index(_COLUMNS[metric]), moments.n
    mean, variance = moments.mean[:, column], moments.variance[:, column]
    if moments.skewness is None:
        return _older(mean, variance, n, metric, by, moments.groups, level=level, min_n=min_n)
    root = metric == "root_mean_squared_error"
    with np.errstate(invalid="ignore", divide="ignore"):
        error, shape = np.sqrt(variance / n), shape_of(moments.skewness[:, column], n)
        alike = (error == 0) & bool(np.nanmax(error, initial=0.0) > 0)
        skewed = too_skewed(moments.skewness[:, column], n) | alike
        if root:
            sizes = seen_shape(moments.skewness[:, QUANTITIES.index("absolute")], n)
            skewed |= shape_of_squares(sizes) > HOPELESS * np.sqrt(n)
        if metric in _POWERS:
            skewed |= _heavy_tailed(moments, _POWERS[metric])
    method = "t corrected for skewness" + (", root of the mean square" if root else "")
    at = partial(_limits, mean, error, n, shape, metric)
    words = _WORDS._replace(method=method)
    return QuantityFamily(metric, tuple(by), moments.groups, n, n, at, words, level, min_n, skewed=skewed & (n > 1))


def _heavy_tailed(moments: GroupMoments, power: int) -> Bools:
    """Which groups have errors of whose power hardly a mean exists; E|e|²ᵖ is what its mean and variance say."""
    size, square = (QUANTITIES.index(q) for q in ("absolute", "squared"))
    of_squares = moments.mean[:, square]
    if power == 2:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            of_squares = np.nan_to_num(moments.variance[:, square]) * (moments.n - 1) / moments.n + of_squares**2
    return heavy_tailed(power, of_squares, moments.mean[:, size], moments.n)


def _without_truth(sums: ErrorSums, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> Family:
    """The share of predictions without a truth, in the crossed groups of these attributes."""
    groups, n, *_ = sums.moments(*by, untold=True)
    k = n - sums.moments(*by).n
    return Family(MISSING_TRUTH, tuple(by), groups, n, k, n, rate(k, n), level, min_n)


def _limits(mean: Floats, error: Floats, n: Rows, shape: Floats, metric: str, z: float) -> Limits:
    """Of a mean, of what cannot be negative at least 0; of a root mean squared error, the roots."""
    low, high = skewed_limits(mean, error, n.astype(np.float64), shape, z)
    if metric in ("mean_absolute_error", "root_mean_squared_error"):
        low = np.maximum(low, 0.0)
    found = Limits(mean, low, high)
    return Limits(*map(np.sqrt, found)) if metric == "root_mean_squared_error" else found


def _older(
    mean: Floats, variance: Floats, n: Rows, metric: str, by: Sequence[str], groups: Groups, *, level: float, min_n: int
) -> QuantityFamily:
    """From evidence without third moments: plain limits, as they were told, and what is not known of them."""
    root = metric == "root_mean_squared_error"
    at = partial(_root_limits if root else _mean_limits, mean, variance, n, positive=metric == "mean_absolute_error")
    words = _WORDS._replace(method="t on the log of the mean squared error" if root else "Student's t")
    family = QuantityFamily(metric, tuple(by), groups, n, n, at, words, level, min_n)
    remarks = ["this evidence keeps no third moments: intervals are not corrected for skewness"]
    heavy = np.flatnonzero((n > 1) & (_carrying(mean, variance, n) * HEAVY < n)) if root else np.zeros(0, np.intp)
    if heavy.size:
        names = listing([family.name(int(i)) or "everybody" for i in heavy])
        remarks.append(f"a few large errors carry the mean of squares; its interval may be too narrow: {names}")
    return replace(family, remarks=tuple(remarks))


def _mean_limits(mean: Floats, variance: Floats, n: Rows, z: float, *, positive: bool) -> Limits:
    with np.errstate(invalid="ignore", divide="ignore"):
        half = t_value(n, z) * np.sqrt(variance / n)
    low = np.maximum(mean - half, 0.0) if positive else mean - half
    return Limits(mean, low, mean + half)


def _root_limits(mean: Floats, variance: Floats, n: Rows, z: float, *, positive: bool) -> Limits:
    """√ of mean · exp(± t · se / mean): the delta method on the log, where a mean of squares is least skewed.

    t has n* − 1 degrees of freedom, n* = (Σ e²)² / Σ e⁴, the rows that carry the sum: with few large errors the
    standard error is known no better than from so many.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        t = t_value(np.where(n > 1, np.maximum(_carrying(mean, variance, n), 2.0), n), z)
        half = np.where(mean > 0, t * np.sqrt(variance / n) / mean, 0 * t_value(n, z))
        return Limits(*(np.sqrt(x) for x in (mean, mean * np.exp(-half), mean * np.exp(half))))


def _carrying(mean: Floats, variance: Floats, n: Rows) -> Floats:
    """n* = (Σ e²)² / Σ e⁴ from mean and variance of e²; n where every error is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = n / (1 + np.nan_to_num(variance) * (n - 1) / n / mean**2)
    return np.where(mean > 0, found, n)


def answering(sums: ErrorSums, asked: Question) -> Answer | None:
    """What answers a question from stored sums; None if they cannot."""
    known, measured = asked.of_attributes(sums.by), (*_COLUMNS, MISSING_TRUTH)
    if known is None or asked.metric not in measured or asked.comparison not in METRICS[asked.metric].comparisons:
        return None
    if asked.comparison in CHANGES:
        return None
    if asked.metric == MISSING_TRUTH:  # evidence of older reports did not look for any
        return _without_truth(sums, known.by, level=asked.level, min_n=asked.min_n) if sums.untold else None
    return family_of(sums, asked.metric, known.by, level=asked.level, min_n=asked.min_n)
