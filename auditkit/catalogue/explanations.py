"""Attributions of a model's output to what goes in."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric

METRICS = (
    Metric(
        name="integrated_gradients",
        title="Integrated Gradients",
        plain="what moves the score",
        definition=(
            "How much each column moves the model's output away from the output for the average row: gradients "
            "along the straight path between the two, summed."
        ),
        formula="φ_j = (x_j − b_j) ∫₀¹ ∂_j F(b + α(x − b)) dα; Σ_j φ_j = F(x) − F(b)",
        denominator_words="the rows of the sample",
        direction="shown",
        reference="Sundararajan, Taly & Yan (2017); captum.attr.IntegratedGradients",
        oracle="Captum",
        interval="weighted mean of abs(φ) over the sample, t with Kish's effective rows",
        kind="check",
        unit="number",
        comparisons=("overall",),
    ),
)
