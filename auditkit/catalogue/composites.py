"""Metrics made of several rates; of several classes, macro recall."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import Metric, Wording

_EXTREMES = ("overall", "group_min", "group_max")
_DIFFERENCES = ("difference", "difference_to_reference", "difference_to_rest")
_RATIOS = ("ratio", "ratio_to_reference", "ratio_to_rest")

_composite = partial(Metric, kind="composite")

METRICS = (
    _composite(
        name="f1",
        title="F1 score",
        plain="F1 score",
        definition="The harmonic mean of precision and true positive rate: right selections against both errors.",
        formula="2 TP / (2 TP + FP + FN) = 2J / (1 + J), J = TP / (TP + FP + FN)",
        denominator_words="those who are selected or truly positive",
        direction="higher is better",
        reference="sklearn.metrics.f1_score; van Rijsbergen (1979)",
        oracle="scikit-learn; interval a slow twin",
        interval="Wilson on J, transformed; MOVER for gaps",
        comparisons=(*_EXTREMES, *_DIFFERENCES, *_RATIOS),
    ),
    _composite(
        name="balanced_accuracy",
        title="Balanced accuracy",
        plain="right, both classes counting alike",
        definition="The mean of the true positive rate and the true negative rate.",
        formula="½ (TP / (TP + FN) + TN / (FP + TN))",
        denominator_words="the smaller of the truly positive and the truly negative",
        direction="higher is better",
        reference="sklearn.metrics.balanced_accuracy_score; Brodersen et al. (2010)",
        oracle="scikit-learn; interval a slow twin",
        interval="MOVER of the two independent rates",
        comparisons=(*_EXTREMES, *_DIFFERENCES, *_RATIOS),
    ),
    _composite(
        name="mcc",
        title="Matthews correlation coefficient",
        plain="correlation of decision and truth",
        definition="The correlation of decision and truth: 1 is perfect, 0 is chance, −1 is always wrong.",
        formula="(TP·TN − FP·FN) / √((TP + FP)(TP + FN)(TN + FP)(TN + FN))",
        denominator_words="the smallest of the truly positive, the truly negative, the selected and the others",
        direction="higher is better",
        reference="sklearn.metrics.matthews_corrcoef; Matthews (1975)",
        oracle="scikit-learn where no margin is 0 (there it says 0, and we say undefined); interval a slow twin",
        interval="quantiles over draws p* ~ Dirichlet(cells + ½), seeded by the cells; MOVER for gaps",
        comparisons=(*_EXTREMES, *_DIFFERENCES),
        decimals=2,
    ),
    _composite(
        name="generalized_entropy_index",
        title="Generalised entropy of benefits",
        plain="inequality of benefits",
        definition=(
            "How unequally a group's own rows are served: a benefit is 2 for a wrong selection, 0 for an oversight, "
            "and 1 for a right decision; 0 where all are alike."
        ),
        formula="(1/n) Σ [(b_i/μ)² − 1] / 2, b = ŷ − y + 1, μ = mean b (α = 2)",
        denominator_words="everybody, unless all are overlooked",
        direction="lower is better",
        reference="Speicher et al. (2018), KDD; aif360 generalized_entropy_index",
        oracle="the formula over rows; interval a slow twin",
        interval="quantiles over draws p* ~ Dirichlet(cells + ½), seeded by the cells; MOVER for gaps",
        comparisons=(*_EXTREMES, *_DIFFERENCES),
        unit="number",
        decimals=3,
    ),
    _composite(
        name="average_odds",
        title="Average odds",
        plain="selected, averaged over truth",
        definition=(
            "The mean of the false and the true positive rate; its difference to a reference group is the average "
            "odds difference, in which a gap in hits and an opposite gap in errors cancel."
        ),
        formula="½ (FPR + TPR); difference ½ [(FPR_g − FPR_ref) + (TPR_g − TPR_ref)]",
        denominator_words="the smaller of the truly positive and the truly negative",
        direction="equal is fair",
        reference="aif360 average_odds_difference; Bellamy et al. (2018)",
        oracle="half the sum of fairlearn's rates; interval a slow twin",
        interval="MOVER of the two independent rates",
        comparisons=_DIFFERENCES,
    ),
    _composite(
        name="treatment_equality",
        title="Treatment equality",
        plain="overlooked, when wrong",
        definition=(
            "Of the wrong decisions, the share π that overlooks somebody; it stands for the ratio FN / FP, its odds."
        ),
        formula="π = FN / (FN + FP); FN / FP = π / (1 − π)",
        denominator_words="those who are decided wrongly",
        direction="equal is fair",
        reference="Berk et al. (2021), Sociological Methods & Research 50:3",
        oracle="a slow twin from the definition",
        interval="Wilson on π, transformed for FN / FP; groups are compared on π",
        comparisons=(*_EXTREMES, *_DIFFERENCES),
    ),
    _composite(
        name="equalized_odds_mean",
        title="Equalized odds, mean",
        plain="errors and hits alike, on average",
        definition="The mean of the gap in true positive rate and the gap in false positive rate.",
        formula="½ (ΔTPR + ΔFPR)",
        denominator_words="those who are truly positive, and those who are truly negative",
        direction="lower is better",
        reference="fairlearn.metrics.equalized_odds_difference with agg='mean'; Hardt, Price & Srebro (2016)",
        oracle="fairlearn",
        interval="mean of both family intervals at the q with F_K1(q)·F_K2(q) = level",
        comparisons=("difference",),
    ),
    _composite(
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
        wording=Wording(phrase="found, all classes counting alike"),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {
    "f1_score": ("f1", None),
    "f1_score_group_min": ("f1", "group_min"),
    "balanced_accuracy_score": ("balanced_accuracy", None),
    "balanced_accuracy_score_group_min": ("balanced_accuracy", "group_min"),
    "matthews_corrcoef": ("mcc", None),
    "average_odds_difference": ("average_odds", "difference_to_reference"),
    "recall_macro": ("macro_recall", None),
}
"""Other names → (metric, the comparison that the name implies)."""
