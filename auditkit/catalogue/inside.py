"""What a net holds inside (what its layers know of an attribute, and use; concepts), and what it was taught by."""

from __future__ import annotations

from auditkit.catalogue.metric import shown

METRICS = (
    shown(
        name="layer_audit",
        title="Layer audit: linear probes and erasure",
        plain="what the layers know, and what erasing it does",
        definition=(
            "How well a linear probe tells two groups apart from what a layer gives, on rows that it was not fitted "
            "on; beside it the gap and the accuracy after everything that goes with the attribute was linearly erased "
            "there (LEACE), and, where control features are declared, after only what tells the groups apart at equal "
            "control features and truth was. Only by the latter is the net said to use something; and it is said to do "
            "without only where hardly a score moves at any layer that all paths cross."
        ),
        formula=(
            "½ (P(probe says a | a) + P(probe says b | b)); LEACE: x − W⁺ P W (x − μ), W = Σ_xx^(−1/2), P onto W Σ_xz"
        ),
        denominator_words="the sampled rows of the two groups whose mean scores differ most",
        reference=(
            "Belrose et al. (2023), LEACE; Hewitt & Liang (2019), control tasks; Frisch & Waugh (1933); "
            "Geiger et al. (2021), interchange interventions"
        ),
        tasks=("binary", "multiclass", "regression"),
        oracle="the definition, concept-erasure, scikit-learn's LinearDiscriminantAnalysis",
        interval="two Wilson intervals with Kish's effective rows, combined as by Newcombe; gaps by t",
    ),
    shown(
        name="gap_conductance",
        title="Gap conductance",
        plain="which neurons carry the gap",
        definition=(
            "How much of the difference in mean score between two groups flows through each neuron, along paths from "
            "rows of one group to rows of the other."
        ),
        formula="G_k = Σ_pairs w ∫₀¹ ∂s/∂y_k · (dy_k/dα) dα; Σ_k G_k = the gap at a layer that cuts the net",
        denominator_words="weighted pairs of sampled rows that keep both groups' means",
        reference="Dhamdhere, Sundararajan & Yan (2019); captum.attr.LayerConductance",
        oracle="Captum",
        interval="none; checked by ablation on rows that the neurons were not chosen on",
        unit="points",
    ),
    shown(
        name="concepts",
        title="Concepts inside the net (TCAV)",
        plain="moved along a concept",
        definition=(
            "How far decisions move when activations move in the direction that tells a group, or given examples, from "
            "the other rows. Behind the last hidden layer that is the gap in mean decisions itself; at equal control "
            "features and truth it tells use from what only goes along."
        ),
        formula="S = mean over rows of ∇h·v, v = mean of h over the concept's rows − mean over the others",
        denominator_words="the rows of the sample, and the examples",
        reference="Kim et al. (2018), TCAV, ICML 80; Phipson & Smyth (2010) on p from permutations",
        oracle="Captum's layer gradients; a slow twin that permutes labels; p uniform on random labels",
        interval="Welch's t over rows at the false-coverage level; p from permuted labels, Benjamini–Hochberg over all",
        unit="number",
        tasks=("binary", "multiclass", "regression"),
    ),
    shown(
        name="influence",
        title="Training rows behind the gap",
        plain="pushed by training rows",
        definition=(
            "How far training rows of a group and label push the gap in mean scores up or down, as a part of all that "
            "training rows push: to first order, what the gap would lose without them. Told only where a gap is "
            "established over all rows."
        ),
        formula=(
            "I_i = −∇G·(A + δM)⁻¹·∇ℓ_i; A = Σ_i h_i j_i j_iᵀ (Gauss–Newton), M = diag A, δ = .01; Σ I over a cell / "
            "Σ abs(I)"
        ),
        denominator_words="the training rows with a target",
        reference=(
            "Koh & Liang (2017), ICML 70; Koh et al. (2019), NeurIPS; Bae et al. (2022), NeurIPS; Martens (2010), ICML"
        ),
        oracle=(
            "matrices inverted as they stand; leave-one-out retraining of logistic regressions in any units; training "
            "small nets again without groups of rows"
        ),
        interval=(
            "ratio of sums, linearised; t over training and audited rows, Bonferroni over cells; of this model, not of "
            "training again"
        ),
        limits=(-1.0, 1.0),
        tasks=("binary", "regression"),
    ),
)
