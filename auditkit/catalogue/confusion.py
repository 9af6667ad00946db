"""Rates over the table of truth and decision, and the worst of two of their gaps."""

from __future__ import annotations

from functools import partial

from auditkit.catalogue.metric import ALL, Cell, Metric, Wording
from auditkit.catalogue.of_class import MISTAKEN

_of_all = partial(Metric, denominator=ALL, denominator_words="everybody")
_of_positives = partial(Metric, denominator=((1, 0), (1, 1)), denominator_words="those who are truly positive")
_of_negatives = partial(Metric, denominator=((0, 0), (0, 1)), denominator_words="those who are truly negative")
_of_selected = partial(Metric, denominator=((0, 1), (1, 1)), denominator_words="those who are selected")
_of_others = partial(Metric, denominator=((0, 0), (1, 0)), denominator_words="those who are not selected")

_TRUTHS = _DECISIONS = (-1, 0, 1)
DECIDED: tuple[Cell, ...] = tuple((t, d) for t in _TRUTHS for d in (0, 1))
"""Rows with a decision."""
TOLD: tuple[Cell, ...] = tuple((t, d) for t in (0, 1) for d in _DECISIONS)
"""Rows with a truth."""

LABELS = "labels"
"""The kind of what is missing of the truth: a property of the data, as a rate."""
MISSING_TRUTH = "missing_truth"
SELECTIVE = "selective_labels"
_SELECTED_LABELS = (
    "selective labels: Lakkaraju, Kleinberg, Leskovec, Ludwig & Mullainathan (2017); missing at random: Rubin (1976)"
)

METRICS = (
    _of_all(
        name="selection_rate",
        title="Selection rate",
        plain="selected",
        definition="The share of rows that the model decides positively.",
        formula="(TP + FP) / n",
        direction="equal is fair",
        reference="fairlearn.metrics.selection_rate; demographic parity, Calders et al. (2009)",
        oracle="fairlearn",
        numerator=tuple((t, 1) for t in _TRUTHS),
        denominator=DECIDED,
        wording=Wording(
            phrase="selected",
            frequencies="The model selects {them}.",
            less_often="{low} are selected less often than {high}",
        ),
    ),
    _of_all(
        name="base_rate",
        title="Base rate",
        plain="truly positive",
        definition="The share of rows whose target is positive: a property of the data, not of the model.",
        formula="(TP + FN) / n",
        direction="shown",
        reference="also called prevalence",
        oracle="fairlearn.metrics.selection_rate of the target",
        numerator=tuple((1, d) for d in _DECISIONS),
        denominator=TOLD,
        wording=Wording(
            phrase="{yes}",
            short="{yes}",
        ),
    ),
    _of_positives(
        name="true_positive_rate",
        title="True positive rate (recall, sensitivity)",
        plain="found",
        definition="Of the rows that are truly positive, the share that the model decides positively.",
        formula="TP / (TP + FN)",
        direction="higher is better",
        reference="fairlearn.metrics.true_positive_rate; equal opportunity, Hardt, Price & Srebro (2016)",
        oracle="fairlearn",
        numerator=((1, 1),),
        wording=Wording(
            phrase="found, of those who {yes}",
            frequencies="Of those who {yes}, the model finds {them}.",
            less_often="among those who {yes}, {low} are found less often than {high}",
        ),
    ),
    _of_negatives(
        name="false_positive_rate",
        title="False positive rate",
        plain="wrongly selected",
        definition="Of the rows that are truly negative, the share that the model decides positively.",
        formula="FP / (FP + TN)",
        direction="lower is better",
        reference="fairlearn.metrics.false_positive_rate",
        oracle="fairlearn",
        numerator=((0, 1),),
        wording=Wording(
            phrase="wrongly selected, of those who {no}",
            frequencies="Of those who {no}, the model wrongly selects {them}.",
            less_often="among those who {no}, {high} are wrongly selected more often than {low}",
        ),
    ),
    _of_negatives(
        name="true_negative_rate",
        title="True negative rate (specificity)",
        plain="rightly not selected",
        definition="Of the rows that are truly negative, the share that the model decides negatively.",
        formula="TN / (FP + TN)",
        direction="higher is better",
        reference="fairlearn.metrics.true_negative_rate",
        oracle="fairlearn",
        numerator=((0, 0),),
        wording=Wording(phrase="rightly not selected, of those who {no}"),
    ),
    _of_positives(
        name="false_negative_rate",
        title="False negative rate (miss rate)",
        plain="overlooked",
        definition="Of the rows that are truly positive, the share that the model decides negatively.",
        formula="FN / (TP + FN)",
        direction="lower is better",
        reference="fairlearn.metrics.false_negative_rate",
        oracle="fairlearn",
        numerator=((1, 0),),
        wording=Wording(
            phrase="overlooked, of those who {yes}",
            frequencies="Of those who {yes}, the model overlooks {them}.",
        ),
    ),
    _of_selected(
        name="precision",
        title="Precision (positive predictive value)",
        plain="right when selecting",
        definition="Of the rows that the model decides positively, the share that is truly positive.",
        formula="TP / (TP + FP)",
        direction="higher is better",
        reference="sklearn.metrics.precision_score; predictive parity, Chouldechova (2017)",
        oracle="scikit-learn through fairlearn",
        numerator=((1, 1),),
        wording=Wording(
            phrase="right, of those selected",
            frequencies="When it selects, the model is right about {them}.",
            less_often="the model is less often right when it selects {low} than when it selects {high}",
        ),
    ),
    _of_others(
        name="negative_predictive_value",
        title="Negative predictive value",
        plain="right when not selecting",
        definition="Of the rows that the model decides negatively, the share that is truly negative.",
        formula="TN / (TN + FN)",
        direction="higher is better",
        reference="sklearn.metrics.precision_score with pos_label=0",
        oracle="scikit-learn",
        numerator=((0, 0),),
    ),
    _of_selected(
        name="false_discovery_rate",
        title="False discovery rate",
        plain="wrong when selecting",
        definition="Of the rows that the model decides positively, the share that is truly negative.",
        formula="FP / (TP + FP)",
        direction="lower is better",
        reference="1 − precision",
        oracle="1 − scikit-learn's precision",
        numerator=((0, 1),),
    ),
    _of_others(
        name="false_omission_rate",
        title="False omission rate",
        plain="wrong when not selecting",
        definition="Of the rows that the model decides negatively, the share that is truly positive.",
        formula="FN / (TN + FN)",
        direction="lower is better",
        reference="1 − negative predictive value",
        oracle="1 − scikit-learn's precision with pos_label=0",
        numerator=((1, 0),),
    ),
    _of_all(
        name="accuracy",
        title="Accuracy",
        plain="right",
        definition="The share of rows that the model decides as they truly are.",
        formula="(TP + TN) / n",
        direction="higher is better",
        reference="sklearn.metrics.accuracy_score",
        oracle="scikit-learn through fairlearn",
        numerator=((0, 0), (1, 1)),
        wording=Wording(
            phrase="right, of all",
            frequencies="The model is right about {them}.",
            less_often="the model is less often right about {low} than about {high}",
        ),
    ),
    _of_all(
        name="error_rate",
        title="Error rate",
        plain="wrong",
        definition="The share of rows that the model decides otherwise than they truly are.",
        formula="(FP + FN) / n",
        direction="lower is better",
        reference="sklearn.metrics.zero_one_loss; 1 − accuracy",
        oracle="scikit-learn through fairlearn",
        numerator=((0, 1), (1, 0)),
    ),
    Metric(
        name="equalized_odds",
        title="Equalized odds, worst case",
        plain="errors and hits alike",
        definition="The larger of the gaps in true and false positive rate; as a ratio, the smaller of their ratios.",
        formula="max(ΔTPR, ΔFPR); min(TPR ratio, FPR ratio)",
        denominator_words="those who are truly positive, and those who are truly negative",
        direction="equal is fair",
        reference="fairlearn.metrics.equalized_odds_difference, equalized_odds_ratio; Hardt, Price & Srebro (2016)",
        oracle="fairlearn",
        interval="both family intervals at the q with F_K1(q)·F_K2(q) = level, F the studentized range of √2 q",
        kind="composite",
        comparisons=("difference", "ratio"),
        wording=Wording(
            phrase="found, and wrongly selected",
            short="found, and wrongly selected",
        ),
    ),
    Metric(
        name=MISSING_TRUTH,
        title="Truth missing",
        plain="without a truth",
        definition="Of the rows with a decision, the share whose truth is missing.",
        formula="rows with a decision and no truth / rows with a decision",
        denominator_words="everybody with a decision",
        direction="equal is fair",
        reference=_SELECTED_LABELS,
        oracle="pandas.isna of the target, by group",
        numerator=((-1, 0), (-1, 1)),
        denominator=DECIDED,
        kind=LABELS,
        wording=Wording(phrase="without a truth", short="without a truth"),
    ),
    Metric(
        name=SELECTIVE,
        untold=False,
        title="Truth missing, by decision",
        plain="labels for one decision",
        definition="The largest difference between decisions of the share of rows whose truth is missing.",
        formula="max over decisions d, e of P(no truth | d) − P(no truth | e)",
        denominator_words="everybody with a decision",
        direction="equal is fair",
        reference=_SELECTED_LABELS,
        oracle="pandas.isna of the target, by decision",
        kind="check",
        comparisons=("difference",),
    ),
    Metric(
        name=MISTAKEN,
        untold=False,
        title="What classes are mistaken for",
        plain="told another class",
        definition="The largest difference between groups in the share of a true class that is told another class.",
        formula="max over groups a, b and classes i ≠ j of P(ŷ = j | y = i, a) − P(ŷ = j | y = i, b)",
        denominator_words="those who are of a class",
        direction="equal is fair",
        reference="sklearn.metrics.confusion_matrix, normalised by the true class",
        oracle="scikit-learn's confusion_matrix by group",
        kind="check",
        comparisons=("difference",),
        tasks=("multiclass",),
    ),
)

ALIASES: dict[str, tuple[str, str | None]] = {
    "demographic_parity_difference": ("selection_rate", "difference"),
    "demographic_parity_ratio": ("selection_rate", "ratio"),
    "demographic_parity": ("selection_rate", None),
    "impact_ratio": ("selection_rate", "ratio"),
    "disparate_impact": ("selection_rate", "ratio"),
    "equal_opportunity_difference": ("true_positive_rate", "difference"),
    "equal_opportunity_ratio": ("true_positive_rate", "ratio"),
    "equal_opportunity": ("true_positive_rate", None),
    "equalized_odds_difference": ("equalized_odds", "difference"),
    "predictive_parity": ("precision", None),
    "recall": ("true_positive_rate", None),
    "recall_score": ("true_positive_rate", None),
    "precision_score": ("precision", None),
    "sensitivity": ("true_positive_rate", None),
    "specificity": ("true_negative_rate", None),
    "positive_predictive_value": ("precision", None),
    "zero_one_loss": ("error_rate", None),
    "zero_one_loss_difference": ("error_rate", "difference"),
    "accuracy_score": ("accuracy", None),
    "accuracy_score_difference": ("accuracy", "difference"),
    "accuracy_score_ratio": ("accuracy", "ratio"),
    "accuracy_score_group_min": ("accuracy", "group_min"),
}
