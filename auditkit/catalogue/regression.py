"""Errors and predictions of a regression, by group."""

from __future__ import annotations

import math
from functools import partial

from auditkit.catalogue.metric import Metric
from auditkit.records import CHANGES

_measure = partial(
    Metric, unit="measure", denominator_words="rows whose target and prediction are known", tasks=("regression",)
)
_PREDICTED = "rows whose prediction is known"
_COMPARED = ("overall", "group_min", "group_max", "difference")
_error = partial(
    _measure,
    kind="error",
    interval=(
        "Johnson's t, corrected for skewness, unstable where that is too large; gaps by MOVER at the studentized range"
    ),
    comparisons=_COMPARED,
)
_distance = partial(
    _measure,
    denominator_words=_PREDICTED,
    kind="check",
    direction="lower is better",
    interval="none; p by permuting group labels, of the largest over all pairs",
    comparisons=("difference",),
)

METRICS = (
    _error(
        limits=(-math.inf, math.inf),
        name="signed_error",
        title="Signed error",
        plain="predicted too high or too low",
        definition="How far predictions lie above the truth on average: 0 where they are right in the mean.",
        formula="Σ (ŷ − y) / n",
        direction="equal is fair",
        reference="also called bias, or mean error; Welch (1947)",
        oracle="fairlearn's MetricFrame; scipy.stats.ttest_1samp, and ttest_ind (Welch) for two groups",
    ),
    _error(
        limits=(0.0, math.inf),
        comparisons=(*_COMPARED, *CHANGES),
        name="mean_absolute_error",
        title="Mean absolute error",
        plain="how far off",
        definition="How far predictions lie from the truth on average, above or below.",
        formula="Σ abs(ŷ − y) / n",
        direction="lower is better",
        reference="sklearn.metrics.mean_absolute_error",
        oracle="scikit-learn through fairlearn's MetricFrame",
    ),
    _error(
        limits=(0.0, math.inf),
        name="root_mean_squared_error",
        title="Root mean squared error (RMSE)",
        plain="how far off, large errors counting more",
        definition="The root of the mean squared distance of predictions from the truth.",
        formula="√(Σ (ŷ − y)² / n)",
        direction="lower is better",
        reference="sklearn.metrics.root_mean_squared_error",
        oracle="scikit-learn through fairlearn's MetricFrame",
    ),
    _error(
        limits=(-math.inf, math.inf),
        name="mean_prediction",
        untold=True,
        denominator_words=_PREDICTED,
        title="Mean prediction",
        plain="predicted on average",
        definition="The average of the predictions.",
        formula="Σ ŷ / n",
        direction="equal is fair",
        reference="fairlearn.metrics.mean_prediction; demographic parity of a regression, Agarwal, Dudík & Wu (2019)",
        oracle="fairlearn",
    ),
    _distance(
        name="ks_distance",
        title="Kolmogorov–Smirnov distance of predictions",
        plain="how differently predictions are distributed",
        definition="The largest difference between the shares of two groups predicted below any one value.",
        formula="max over pairs, and over t, of abs(F_a(t) − F_b(t)), F the distribution of ŷ in a group",
        reference="Kolmogorov (1933); Smirnov (1939); statistical parity of a regression, Agarwal, Dudík & Wu (2019)",
        oracle="scipy.stats.ks_2samp",
    ),
    _distance(
        name="wasserstein_distance",
        title="Wasserstein distance of predictions",
        plain="how far predictions would have to move to be distributed alike",
        definition="The least average change of predictions that gives one group the distribution of another.",
        formula="max over pairs of ∫ abs(F_a(t) − F_b(t)) dt, F the distribution of ŷ in a group",
        reference="Kantorovich (1942); Vaserstein (1969); Jiang et al. (2020), Wasserstein fair classification",
        oracle="scipy.stats.wasserstein_distance",
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {
    "mae": ("mean_absolute_error", None),
    "rmse": ("root_mean_squared_error", None),
    "mean_absolute_error_difference": ("mean_absolute_error", "difference"),
    "mean_absolute_error_group_max": ("mean_absolute_error", "group_max"),
}
