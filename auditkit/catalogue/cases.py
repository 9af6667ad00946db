"""Single rows: what it would take to decide them otherwise, and whether another attribute alone would."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import check, shown

_flip = partial(
    check,
    denominator_words="the rows of the sample",
    direction="lower is better",
    reference="Black, Yeom & Fredrikson (2020), FAT*; Kusner et al. (2017), NeurIPS (whatever follows from it stays)",
    oracle="a slow twin, row by row; linear nets by formula",
    comparisons=("overall",),
)
_FORMULA = "mean over rows, and over the values v that are not a row's own, of {}; x(v): the attribute set to v"

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
    shown(
        name="missed_objects",
        title="Where the net looks at missed objects",
        plain="of what moves the score at a missed object, in its own box",
        definition=(
            "Of missed objects of the group that is missed most, which parts of the picture move the net's score at "
            "the object's own box, beside found objects of the same class, group and size; and how much of it lies in "
            "that box."
        ),
        formula="Σ abs(φ) over pixels in the box / Σ abs(φ) over all pixels; φ: contributions to score_at at the box",
        denominator_words="the missed objects that were drawn, one a scene",
        reference="the energy-based pointing game: Wang et al. (2020), CVPR workshops (Score-CAM)",
        oracle="Captum called directly; a planted detector that reads a patch elsewhere",
        interval="mean over objects, each of a scene of its own, t",
        tasks=("detection",),
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
    _flip(
        name="flip_rate",
        title="Decisions that flip with the attribute",
        plain="decided otherwise if only the attribute were another",
        definition="The share of decisions that change when nothing but the sensitive attribute is changed in a row.",
        formula=_FORMULA.format("1[ŷ(x(v)) ≠ ŷ(x)]"),
        interval="Wilson with Kish's effective rows; Student's t over rows for attributes of more than two values",
        tasks=("binary", "multiclass"),
    ),
    _flip(
        name="flip_effect",
        title="How far a flip of the attribute moves scores",
        plain="moved if only the attribute were another",
        definition="The mean size of a score's change when nothing but the sensitive attribute is changed in a row.",
        formula=_FORMULA.format("abs(s(x(v)) − s(x))"),
        interval="weighted mean over rows, t with Kish's effective rows",
        unit="points",
        tasks=("binary", "multiclass", "regression"),
    ),
)
