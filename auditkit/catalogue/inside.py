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
        interval="Welch's t over rows at the false-coverage level; p from permuted labels, Benjamini–Hochberg over all",
        kind="check",
        unit="number",
        comparisons=("overall",),
        tasks=("binary", "multiclass", "regression"),
    ),
    Metric(
        name="influence",
        title="Training rows behind the gap",
        plain="pushed by training rows",
        definition=(
            "How far training rows of a group and label push the gap in mean scores up or down, as a part of all that "
            "training rows push."
        ),
        formula="I_i = Σ_t η_t (−∇G(θ_t)·∇ℓ_i(θ_t)), one directional derivative a gap; Σ I over a cell / Σ abs(I)",
        denominator_words="the training rows with a target",
        direction="shown",
        reference="Pruthi et al. (2020), TracIn, NeurIPS; Koh & Liang (2017), ICML 70",
        oracle="gradients row by row; retraining a small logistic regression without each row",
        interval="ratio of sums, linearised; t over training rows",
        kind="check",
        comparisons=("overall",),
        limits=(-1.0, 1.0),
        tasks=("binary", "regression"),
    ),
)
