"""What a net holds inside, and what it was taught by."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric

METRICS = (
    Metric(
        name="concepts",
        title="Concepts inside the net (TCAV)",
        plain="moved along a concept",
        definition=(
            "How far decisions move when activations move in the direction that tells a group, or given examples, from "
            "the other rows."
        ),
        formula="S = mean over rows of ∇h·v, v = mean of h over the concept's rows − mean over the others",
        denominator_words="the rows of the sample, and the examples",
        direction="shown",
        reference="Kim et al. (2018), TCAV, ICML 80; Phipson & Smyth (2010) on p from permutations",
        oracle="Captum's layer gradients; a slow twin that permutes labels; p uniform on random labels",
        interval="Welch's t over rows; p from permuted labels, Benjamini–Hochberg over layers × concepts",
        kind="check",
        unit="number",
        comparisons=("overall",),
        tasks=("binary", "multiclass", "regression"),
    ),
)
