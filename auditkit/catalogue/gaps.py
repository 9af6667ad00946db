"""Gaps between groups, and what share of one comes through some columns."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric

GAPS = (
    "mean_score",
    "mean_score_of_positives",
    "mean_score_of_negatives",
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "log_loss",
    "mean_prediction",
)
"""What the share of a gap may be of."""

METRICS = (
    Metric(
        name="gap_share",
        title="Share of a gap",
        plain="what makes the gap",
        definition=(
            "Which part of a gap between two groups comes through some columns: rows of both groups are paired, and "
            "the difference of each pair is shared out over the columns in which its rows differ. A rule says of which "
            "gap (of = mean_score, mean_score_of_positives, mean_score_of_negatives, selection_rate, "
            "true_positive_rate, false_positive_rate, log_loss, mean_prediction) and of which columns (features)."
        ),
        formula="Σ_{j in features} φ_j / gap; φ = Σ_pairs w · Shapley values of s(x) − s(x'); Σ_j φ_j = gap",
        denominator_words="pairs of a sampled row of each group, weighted so that both groups' means are their own",
        direction="shown",
        reference="Shapley (1953); Begley et al. (2020); Sundararajan & Najmi (2020)",
        oracle="the textbook's sum over sets; Captum ShapleyValues; linear nets by formula; planted gaps",
        interval="ratio of weighted means over the rows of the smaller group, Fieller with t",
        kind="gap",
        unit="percent",
        comparisons=("difference",),
        limits=(-10.0, 10.0),
        tasks=("binary", "multiclass", "regression"),
    ),
)
