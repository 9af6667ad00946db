"""Single rows, and what it would take to decide them otherwise."""

from __future__ import annotations

from auditkit.catalogue.metric import check, shown

METRICS = (
    shown(
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
        reference="prototypes among errors, after Kim, Khanna & Koyejo (2016), NeurIPS",
        oracle="a slow twin over all rows",
        interval="Wilson with Kish's effective rows, of the share of wrong decisions",
        tasks=("binary", "multiclass", "regression"),
    ),
    check(
        name="recourse_success",
        title="A way out of a refusal",
        plain="could turn a refusal",
        definition=(
            "The share of refused rows that some change of the declared actionable columns would turn into an approval."
        ),
        formula="refused rows with an action a of at most `depth` columns, ŷ(x + a) = 1 / refused rows",
        denominator_words="the refused rows of the sample that were tried",
        direction="equal is fair",
        reference="Ustun, Spangher & Liu (2019), FAT*",
        oracle="a slow twin that tries every action on every row; linear nets by formula",
        interval="Wilson with Kish's effective rows; MOVER over all pairs for the gap",
        comparisons=("difference",),
    ),
    check(
        name="recourse_cost",
        title="What a way out costs",
        plain="has to change to turn a refusal",
        definition=(
            "The mean cost of the cheapest change that turns a refusal, among the rows that have one: the share of "
            "rows that a number passes, 1 for another category."
        ),
        formula="min over actions that succeed of Σ_j cost_j; abs(Q(x'_j) − Q(x_j)) for numbers, 1 for categories",
        denominator_words="the refused rows of the sample that have a way",
        direction="equal is fair",
        reference="Ustun, Spangher & Liu (2019), FAT*, percentile shift",
        oracle="a slow twin that tries every action on every row; linear nets by formula",
        interval="weighted mean, t with Kish's effective rows; MOVER over all pairs for the gap",
        unit="number",
        comparisons=("difference",),
    ),
)
