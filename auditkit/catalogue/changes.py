"""What changed from an older model to a newer one, but for the rates, which have entries of their own."""

from __future__ import annotations

from auditkit.catalogue.metric import shown

METRICS = (
    shown(
        name="decisions_flipped",
        title="Decisions that changed",
        plain="decided otherwise than before",
        definition="Of the rows that both models decide, the share that the newer one decides otherwise.",
        formula="rows decided otherwise / rows decided by both",
        denominator_words="everybody whom both models decide",
        reference="flips for the better and for the worse: McNemar (1947), Psychometrika 12:153",
        oracle="brute force over the rows; scipy.stats.binomtest for p",
        tasks=("binary", "multiclass", "multilabel"),
    ),
)
