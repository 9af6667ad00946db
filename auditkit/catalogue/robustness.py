"""Whether decisions hold when something about the rows is changed."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import check

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
