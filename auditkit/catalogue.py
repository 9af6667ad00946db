"""Every metric and check as data: what it is, how it is computed, what it is held to. No numpy, no computing.

To add a rate, add one entry here: its numerator and denominator are cells of the table of truth and decision, and
everything else (values, intervals, gaps, findings, report, `auditkit explain`) follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from auditkit.catalogue_scores import SCORE_ALIASES, SCORE_METRICS
from auditkit.errors import PolicyError, nearest

Cell = tuple[int, int]
"""(y_true, y_pred), each 0 or 1."""

_ALL: tuple[Cell, ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
_WILSON = "Wilson for one rate; Newcombe and MOVER-R for gaps and ratios of two groups; family intervals for more"


@dataclass(frozen=True)
class Metric:
    """One entry: a metric, or a check that answers with something else than a rate."""

    name: str
    title: str
    """The formal name."""
    plain: str
    """A few words for people outside the field."""
    definition: str
    """One sentence."""
    formula: str
    denominator_words: str
    """Who could have been counted, in words."""
    direction: Literal["higher is better", "lower is better", "equal is fair", "shown"]
    reference: str
    oracle: str
    """What tests hold it to."""
    interval: str = _WILSON
    numerator: tuple[Cell, ...] = ()
    denominator: tuple[Cell, ...] = ()
    kind: Literal["rate", "composite", "score", "check"] = "rate"
    unit: Literal["share", "points", "number"] = "share"
    """How a value of one group is written: in percent, in points, or as a plain number."""
    comparisons: tuple[str, ...] = (
        "overall",
        "group_min",
        "group_max",
        "difference",
        "ratio",
        "difference_to_overall",
        "ratio_to_overall",
    )
    tasks: tuple[str, ...] = ("binary",)


METRICS: dict[str, Metric] = {}


def _add(metric: Metric) -> None:
    assert metric.name not in METRICS, metric.name
    METRICS[metric.name] = metric


_add(
    Metric(
        name="selection_rate",
        title="Selection rate",
        plain="selected",
        definition="The share of rows that the model decides positively.",
        formula="(TP + FP) / n",
        denominator_words="everybody",
        direction="equal is fair",
        reference="fairlearn.metrics.selection_rate; demographic parity, Calders et al. (2009)",
        oracle="fairlearn",
        numerator=((0, 1), (1, 1)),
        denominator=_ALL,
    )
)
_add(
    Metric(
        name="base_rate",
        title="Base rate",
        plain="truly positive",
        definition="The share of rows whose target is positive: a property of the data, not of the model.",
        formula="(TP + FN) / n",
        denominator_words="everybody",
        direction="shown",
        reference="also called prevalence",
        oracle="fairlearn.metrics.selection_rate of the target",
        numerator=((1, 0), (1, 1)),
        denominator=_ALL,
    )
)
_add(
    Metric(
        name="true_positive_rate",
        title="True positive rate (recall, sensitivity)",
        plain="found",
        definition="Of the rows that are truly positive, the share that the model decides positively.",
        formula="TP / (TP + FN)",
        denominator_words="those who are truly positive",
        direction="higher is better",
        reference="fairlearn.metrics.true_positive_rate; equal opportunity, Hardt, Price & Srebro (2016)",
        oracle="fairlearn",
        numerator=((1, 1),),
        denominator=((1, 0), (1, 1)),
    )
)
_add(
    Metric(
        name="false_positive_rate",
        title="False positive rate",
        plain="wrongly selected",
        definition="Of the rows that are truly negative, the share that the model decides positively.",
        formula="FP / (FP + TN)",
        denominator_words="those who are truly negative",
        direction="lower is better",
        reference="fairlearn.metrics.false_positive_rate",
        oracle="fairlearn",
        numerator=((0, 1),),
        denominator=((0, 0), (0, 1)),
    )
)
_add(
    Metric(
        name="true_negative_rate",
        title="True negative rate (specificity)",
        plain="rightly not selected",
        definition="Of the rows that are truly negative, the share that the model decides negatively.",
        formula="TN / (FP + TN)",
        denominator_words="those who are truly negative",
        direction="higher is better",
        reference="fairlearn.metrics.true_negative_rate",
        oracle="fairlearn",
        numerator=((0, 0),),
        denominator=((0, 0), (0, 1)),
    )
)
_add(
    Metric(
        name="false_negative_rate",
        title="False negative rate (miss rate)",
        plain="overlooked",
        definition="Of the rows that are truly positive, the share that the model decides negatively.",
        formula="FN / (TP + FN)",
        denominator_words="those who are truly positive",
        direction="lower is better",
        reference="fairlearn.metrics.false_negative_rate",
        oracle="fairlearn",
        numerator=((1, 0),),
        denominator=((1, 0), (1, 1)),
    )
)
_add(
    Metric(
        name="precision",
        title="Precision (positive predictive value)",
        plain="right when selecting",
        definition="Of the rows that the model decides positively, the share that is truly positive.",
        formula="TP / (TP + FP)",
        denominator_words="those who are selected",
        direction="higher is better",
        reference="sklearn.metrics.precision_score; predictive parity, Chouldechova (2017)",
        oracle="scikit-learn through fairlearn",
        numerator=((1, 1),),
        denominator=((0, 1), (1, 1)),
    )
)
_add(
    Metric(
        name="negative_predictive_value",
        title="Negative predictive value",
        plain="right when not selecting",
        definition="Of the rows that the model decides negatively, the share that is truly negative.",
        formula="TN / (TN + FN)",
        denominator_words="those who are not selected",
        direction="higher is better",
        reference="sklearn.metrics.precision_score with pos_label=0",
        oracle="scikit-learn",
        numerator=((0, 0),),
        denominator=((0, 0), (1, 0)),
    )
)
_add(
    Metric(
        name="false_discovery_rate",
        title="False discovery rate",
        plain="wrong when selecting",
        definition="Of the rows that the model decides positively, the share that is truly negative.",
        formula="FP / (TP + FP)",
        denominator_words="those who are selected",
        direction="lower is better",
        reference="1 − precision",
        oracle="1 − scikit-learn's precision",
        numerator=((0, 1),),
        denominator=((0, 1), (1, 1)),
    )
)
_add(
    Metric(
        name="false_omission_rate",
        title="False omission rate",
        plain="wrong when not selecting",
        definition="Of the rows that the model decides negatively, the share that is truly positive.",
        formula="FN / (TN + FN)",
        denominator_words="those who are not selected",
        direction="lower is better",
        reference="1 − negative predictive value",
        oracle="1 − scikit-learn's precision with pos_label=0",
        numerator=((1, 0),),
        denominator=((0, 0), (1, 0)),
    )
)
_add(
    Metric(
        name="accuracy",
        title="Accuracy",
        plain="right",
        definition="The share of rows that the model decides as they truly are.",
        formula="(TP + TN) / n",
        denominator_words="everybody",
        direction="higher is better",
        reference="sklearn.metrics.accuracy_score",
        oracle="scikit-learn through fairlearn",
        numerator=((0, 0), (1, 1)),
        denominator=_ALL,
    )
)
_add(
    Metric(
        name="equalized_odds",
        title="Equalized odds, worst case",
        plain="errors and hits alike",
        definition="The larger of the gap in true positive rate and the gap in false positive rate.",
        formula="max(ΔTPR, ΔFPR)",
        denominator_words="those who are truly positive, and those who are truly negative",
        direction="lower is better",
        reference="fairlearn.metrics.equalized_odds_difference; Hardt, Price & Srebro (2016)",
        oracle="fairlearn",
        interval="both family intervals at the q with F_K1(q)·F_K2(q) = level, F the studentized range of √2 q",
        kind="composite",
        comparisons=("difference",),
    )
)
_add(
    Metric(
        name="integrated_gradients",
        title="Integrated Gradients",
        plain="what moves the score",
        definition=(
            "How much each column moves the model's output away from the output for the average row: gradients "
            "along the straight path between the two, summed."
        ),
        formula="φ_j = (x_j − b_j) ∫₀¹ ∂_j F(b + α(x − b)) dα; Σ_j φ_j = F(x) − F(b)",
        denominator_words="the rows of the sample",
        direction="shown",
        reference="Sundararajan, Taly & Yan (2017); captum.attr.IntegratedGradients",
        oracle="Captum",
        interval="weighted mean of abs(φ) over the sample, t with Kish's effective rows",
        kind="check",
        comparisons=("overall",),
    )
)

for _entry in SCORE_METRICS:
    _add(Metric(**{"kind": "score", **_entry}))

ALIASES: dict[str, tuple[str, str | None]] = {
    **SCORE_ALIASES,
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
    "sensitivity": ("true_positive_rate", None),
    "specificity": ("true_negative_rate", None),
    "positive_predictive_value": ("precision", None),
    "accuracy_score": ("accuracy", None),
    "accuracy_score_difference": ("accuracy", "difference"),
    "accuracy_score_ratio": ("accuracy", "ratio"),
    "accuracy_score_group_min": ("accuracy", "group_min"),
}
"""Other names, most of them fairlearn's → (metric, the comparison that the name implies)."""


def rates() -> tuple[str, ...]:
    """Names of the metrics that are rates over the table of truth and decision.

    >>> "precision" in rates(), "equalized_odds" in rates()
    (True, False)
    """
    return tuple(name for name, m in METRICS.items() if m.kind == "rate")


def resolve(name: str) -> tuple[str, str | None]:
    """The metric that a name or alias stands for, and the comparison that it implies.

    Raises PolicyError naming the nearest.

    >>> resolve("demographic_parity_ratio")
    ('selection_rate', 'ratio')
    """
    if name in METRICS:
        return name, None
    if name in ALIASES:
        return ALIASES[name]
    raise PolicyError(f"unknown metric '{name}'.{nearest(name, [*METRICS, *ALIASES])}")


def explain(name: str) -> str:
    """A metric or check in words: definition, formula, interval, reference.

    >>> print(explain("recall").splitlines()[0])
    true_positive_rate: True positive rate (recall, sensitivity)
    """
    metric, comparison = resolve(name)
    m = METRICS[metric]
    names = sorted(alias for alias, (target, _) in ALIASES.items() if target == metric)
    lines = [
        f"{m.name}: {m.title}",
        "",
        m.definition,
        "",
        f"Formula      {m.formula}",
        f"Counted of   {m.denominator_words}",
        f"Direction    {m.direction}",
        f"Comparisons  {', '.join(m.comparisons)}",
        f"Interval     {m.interval}",
        f"Held to      {m.oracle}",
        f"Reference    {m.reference}",
        f"Also called  {', '.join(names) or '-'}",
    ]
    if comparison:
        lines.insert(1, f"'{name}' is its {comparison}.")
    return "\n".join(lines)
