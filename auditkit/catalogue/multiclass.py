"""What only a multiclass audit has; the rates of `confusion` serve there one class against the rest."""

from __future__ import annotations

from auditkit.catalogue.metric import Metric, Wording

METRICS = (
    Metric(
        kind="composite",
        name="macro_recall",
        title="Macro recall",
        plain="found, all classes counting alike",
        definition="The mean over the classes of the share of a class that is predicted as that class.",
        formula="Σ_c TP_c / n_c / C",
        denominator_words="the rarest of the classes",
        direction="higher is better",
        reference="sklearn.metrics.recall_score with average='macro', every class occurring; balanced accuracy",
        oracle="scikit-learn",
        interval="MOVER over the classes, or Σ p̃(1 − p̃)/(n + 2) where that is wider; MOVER for gaps",
        comparisons=("overall", "group_min", "group_max", "difference"),
        tasks=("multiclass",),
        wording=Wording(
            phrase="found, all classes counting alike",
        ),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {"recall_macro": ("macro_recall", None)}
