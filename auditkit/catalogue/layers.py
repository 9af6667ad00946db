"""What the layers of a net know of an attribute, and use."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric

METRICS = (
    Metric(
        name="layer_audit",
        title="Layer audit: linear probes and erasure",
        plain="what the layers know, and use",
        definition=(
            "How well a linear probe tells two groups apart from what a layer gives, on rows that it was not fitted "
            "on; beside it the gap and the accuracy after the attribute was erased from that layer (LEACE)."
        ),
        formula=(
            "½ (P(probe says a | a) + P(probe says b | b)); LEACE: x − W⁺ P W (x − μ), W = Σ_xx^(−1/2), P onto W Σ_xz"
        ),
        denominator_words="the sampled rows of the two groups whose mean scores differ most",
        direction="shown",
        reference="Belrose et al. (2023), LEACE; Hewitt & Liang (2019), control tasks",
        oracle="the definition, concept-erasure, scikit-learn's LinearDiscriminantAnalysis",
        interval="two Wilson intervals with Kish's effective rows, combined as by Newcombe; gaps by t",
        kind="check",
        comparisons=("overall",),
    ),
    Metric(
        name="gap_conductance",
        title="Gap conductance",
        plain="which neurons carry the gap",
        definition=(
            "How much of the difference in mean score between two groups flows through each neuron, along paths from "
            "rows of one group to rows of the other."
        ),
        formula="G_k = Σ_pairs w ∫₀¹ ∂s/∂y_k · (dy_k/dα) dα; Σ_k G_k = the gap at a layer that cuts the net",
        denominator_words="weighted pairs of sampled rows that keep both groups' means",
        direction="shown",
        reference="Dhamdhere, Sundararajan & Yan (2019); captum.attr.LayerConductance",
        oracle="Captum",
        interval="none; checked by ablation on rows that the neurons were not chosen on",
        kind="check",
        unit="points",
        comparisons=("overall",),
    ),
)
