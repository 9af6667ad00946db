"""Single rows, and what it would take to decide them otherwise."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric

METRICS = (
    Metric(
        name="examples",
        title="Individual cases",
        plain="wrong decisions, one by one",
        definition=(
            "The most typical and the most consequential wrong decisions of each group among the sampled rows, with "
            "what moved their scores; shown only where it was asked for."
        ),
        formula=(
            "consequential: largest abs(s − threshold) among ŷ ≠ y; typical: smallest distance to the mean of the "
            "group's wrong decisions over standardised inputs"
        ),
        denominator_words="the rows of the sample with a target and a decision",
        direction="shown",
        reference="prototypes among errors, after Kim, Khanna & Koyejo (2016), NeurIPS",
        oracle="a slow twin over all rows",
        interval="Wilson with Kish's effective rows, of the share of wrong decisions",
        kind="check",
        comparisons=("overall",),
        tasks=("binary", "multiclass", "regression"),
    ),
)
