"""Whether decisions hold when something about the rows is changed."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric

_REFERENCE = "Black, Yeom & Fredrikson (2020), FAT*; Kusner et al. (2017), NeurIPS (whatever follows from it stays)"
_FORMULA = "mean over rows, and over the values v that are not a row's own, of {}; x(v): the attribute set to v"

METRICS = (
    Metric(
        name="flip_rate",
        title="Decisions that flip with the attribute",
        plain="decided otherwise if only the attribute were another",
        definition="The share of decisions that change when nothing but the sensitive attribute is changed in a row.",
        formula=_FORMULA.format("1[ŷ(x(v)) ≠ ŷ(x)]"),
        denominator_words="the rows of the sample",
        direction="lower is better",
        reference=_REFERENCE,
        oracle="a slow twin, row by row; linear nets by formula",
        interval="Wilson with Kish's effective rows; Student's t over rows for attributes of more than two values",
        kind="check",
        comparisons=("overall",),
        tasks=("binary", "multiclass"),
    ),
    Metric(
        name="flip_effect",
        title="How far a flip of the attribute moves scores",
        plain="moved if only the attribute were another",
        definition="The mean size of a score's change when nothing but the sensitive attribute is changed in a row.",
        formula=_FORMULA.format("abs(s(x(v)) − s(x))"),
        denominator_words="the rows of the sample",
        direction="lower is better",
        reference=_REFERENCE,
        oracle="a slow twin, row by row; linear nets by formula",
        interval="weighted mean over rows, t with Kish's effective rows",
        kind="check",
        unit="points",
        comparisons=("overall",),
        tasks=("binary", "multiclass", "regression"),
    ),
)
