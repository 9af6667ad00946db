"""Any number that a row has: its entry is made of the name that the user gives it."""

from __future__ import annotations

import math
import re

from auditkit.catalogue.metric import Metric
from auditkit.records import Comparison

KIND = "measured"
COMPARED: tuple[Comparison, ...] = (
    *("overall", "group_min", "group_max", "difference", "ratio"),
    *("difference_to_reference", "ratio_to_reference"),
)
"""What rules may ask of a number."""
_NAMED = re.compile(r"measured\[([^\[\]]+)\]")


def metric_of(name: str) -> str:
    """The metric of a number of that name.

    >>> metric_of("ndcg")
    'measured[ndcg]'
    """
    return f"{KIND}[{name}]"


def named(metric: str) -> str | None:
    """The name of the number that a metric is of; None for another metric.

    >>> named("measured[ndcg]"), named("accuracy"), named("measured")
    ('ndcg', None, None)
    """
    found = _NAMED.fullmatch(metric)
    return None if found is None else found[1]


def entry(name: str) -> Metric:
    """The entry of a number of that name; its unit and which side is better stand in its findings.

    >>> entry("ndcg").title, entry("ndcg").unit
    ('ndcg', 'measure')
    """
    return Metric(
        name=metric_of(name),
        title=name,
        plain=f"{name}, on average",
        definition=f"The mean of '{name}', a number that every row has, group by group.",
        formula="Σ w x / Σ w, x the number of a row, w its weight (1 without weights)",
        denominator_words="rows with a number",
        direction="shown",
        reference="Welch (1947) for two means; Johnson (1978), Hall (1992) for skewed numbers",
        oracle="scipy (t, Welch) and statsmodels (weighted means, HC1) by group; brute force",
        interval="Johnson's t, corrected for skewness, unstable where that is too large; gaps by MOVER, ratios by "
        "MOVER-R, at the studentized range",
        kind=KIND,
        unit="measure",
        comparisons=COMPARED,
        limits=(-math.inf, math.inf),
        tasks=("binary", "multiclass", "regression", "multilabel"),
    )


METRICS = (
    Metric(
        name=KIND,
        title="A measured number",
        plain="a number that every row has, on average",
        definition="The mean of any number that every row has (NDCG, loss, seconds), group by group: rules ask of it "
        "as measured[NAME].",
        formula=entry("x").formula,
        denominator_words="rows with a number",
        direction="shown",
        reference=entry("x").reference,
        oracle=entry("x").oracle,
        interval=entry("x").interval,
        kind="check",
        unit="measure",
        comparisons=COMPARED,
        limits=(-math.inf, math.inf),
        tasks=entry("x").tasks,
    ),
)
