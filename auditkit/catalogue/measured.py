"""Any number that a row has: its entry is made of the name that the user gives it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import get_args

from auditkit.catalogue import rankings, regression
from auditkit.catalogue.metric import Metric
from auditkit.records import Comparison, Task

KIND = "measured"
COMPARED: tuple[Comparison, ...] = (
    *("overall", "group_min", "group_max", "difference", "ratio"),
    *("difference_to_reference", "ratio_to_reference"),
)
"""What rules may ask of a number."""
DISTANCES = ("ks_distance", "wasserstein_distance")
"""Distances of predictions that are asked of any number, too."""
_TASKS = get_args(Task)
_NAMED = re.compile(rf"({'|'.join((KIND, *DISTANCES))})\[([^\[\]]+)\]")


def metric_of(name: str, of: str = KIND) -> str:
    """The metric of a number of that name: its mean, or the distance of its distributions `of` which it is.

    >>> metric_of("ndcg"), metric_of("ndcg", "ks_distance")
    ('measured[ndcg]', 'ks_distance[ndcg]')
    """
    return f"{of}[{name}]"


def named(metric: str) -> str | None:
    """The name of the number that a metric is of; None for another metric.

    >>> named("measured[ndcg]"), named("accuracy"), named("measured")
    ('ndcg', None, None)
    """
    found = _NAMED.fullmatch(metric)
    return None if found is None or found[1] != KIND else found[2]


def made(metric: str) -> Metric | None:
    """The entry of a metric of a number; None for another metric.

    >>> made("ks_distance[ndcg]").title, made("accuracy")
    ('Kolmogorov–Smirnov distance of ndcg', None)
    """
    found = _NAMED.fullmatch(metric)
    if found is None:
        return None
    of, name = found[1], found[2]
    if of == KIND:
        return entry(name)
    known = next(m for m in regression.METRICS if m.name == of)
    told = rankings.words_of(name).get("title", name)
    words = {k: getattr(known, k).replace("predictions", told) for k in ("title", "plain", "definition")}
    return replace(known, name=metric, denominator_words="rows with a number", tasks=_TASKS, **words)


def entry(name: str) -> Metric:
    """The entry of a number of that name; its unit and which side is better stand in its findings.

    >>> entry("ndcg").title, entry("ndcg").unit
    ('ndcg', 'measure')
    """
    bare = Metric(
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
        tasks=_TASKS,
    )
    return replace(bare, **rankings.words_of(name))


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
