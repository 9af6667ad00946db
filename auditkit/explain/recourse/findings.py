"""From turned refusals to findings: who has a way out, and at what cost. No torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.evidence.sample import Observations
from auditkit.explain.estimates import Cell, Gap, excludes_zero, gap, mean, share
from auditkit.records import Estimate, Finding, GroupEstimate, Table
from auditkit.wording import interval, percent, points, quotient

Floats = NDArray[np.float64]

CHANGES, MOVES = "changes:", "moves:"
"""Prefixes: 1 where the cheapest action changes the column; 1 where changing it alone moves any score."""
CAUTION = "It says what the model would decide, not that the change is possible, nor what causes the outcome."


class Ways(NamedTuple):
    """One attribute: success and cost of each group."""

    attribute: str
    names: list[str]
    success: list[Cell]
    cost: list[Cell]
    """Among the rows that have a way."""


def recourse_findings(seen: Observations, *, level: float) -> tuple[Finding, ...]:
    """`explanation/recourse_success/difference/<attribute>` and `explanation/recourse_cost/difference/…`."""
    out: list[Finding] = []
    for attribute in seen.labels:
        ways = _ways(seen, attribute)
        table = _table(seen, ways, level)
        out.append(_finding(seen, ways, "recourse_success", ways.success, level, (table,)))
        out.append(_finding(seen, ways, "recourse_cost", ways.cost, level, ()))
    return tuple(out)


def _ways(seen: Observations, attribute: str) -> Ways:
    label = np.array(seen.labels[attribute], dtype=object)
    weight, success, cost = (seen.columns[c] for c in ("weight", "success", "cost"))
    names = sorted(set(label))
    depth = float(seen.facts["depth"])
    turned = success > 0
    return Ways(
        attribute,
        names,
        [share(success[label == g], weight[label == g]) for g in names],
        [mean(cost[turned & (label == g)], weight[turned & (label == g)], bounds=(0.0, depth)) for g in names],
    )


def _finding(
    seen: Observations, ways: Ways, metric: str, cells: list[Cell], level: float, tables: tuple[Table, ...]
) -> Finding:
    between = gap(cells, level=level, most=1.0 if metric == "recourse_success" else float(seen.facts["depth"]))
    nothing = "fewer than two groups have enough refused rows to be compared"
    estimate = Estimate(value=None, level=level, n=len(seen), state="undefined", note=nothing)
    words = _success_statement if metric == "recourse_success" else _cost_statement
    return Finding(
        id=f"explanation/{metric}/difference/{ways.attribute}",
        concern="explanation",
        title=f"{METRICS[metric].title}, {ways.attribute}",
        statement=words(seen, ways, between, level),
        metric=metric,
        comparison="difference",
        by=(ways.attribute,),
        estimate=estimate if between is None else between.estimate,
        by_group=tuple(
            GroupEstimate(group={ways.attribute: g}, estimate=c.estimate(level))
            for g, c in zip(ways.names, cells, strict=True)
        ),
        exhibits=tables,
        notes=_notes(seen),
        references=(METRICS[metric].reference,),
    )


def _table(seen: Observations, ways: Ways, level: float) -> Table:
    label = np.array(seen.labels[ways.attribute], dtype=object)
    columns = seen.facts["actionable"]
    rows = []
    for name, success, cost in zip(ways.names, ways.success, ways.cost, strict=True):
        s, c = success.estimate(level), cost.estimate(level)
        turned = (label == name) & (seen.columns["success"] > 0)
        used = [_part(seen.columns[f"{CHANGES}{x}"][turned], seen.columns["weight"][turned]) for x in columns]
        rows.append((name, s.n, s.value, s.low, s.high, c.value, c.low, c.high, *used))
    return Table(
        title=f"The way out of a refusal, by {ways.attribute}",
        columns=(
            *(ways.attribute, "refused rows", "have a way", "from", "to", "mean cost", "from", "to"),
            *(f"through {c}" for c in columns),
        ),
        rows=tuple(rows),
        units=("", "", "percent", "percent", "percent", "ratio", "ratio", "ratio", *("percent" for _ in columns)),
    )


def _part(hits: Floats, weight: Floats) -> float | None:
    return float(np.average(hits, weights=weight)) if len(hits) else None


def _through(seen: Observations) -> str:
    columns, depth = seen.facts["actionable"], seen.facts["depth"]
    if len(columns) == 1:
        return f"by changing {columns[0]}"
    return f"by changing {f'at most {depth}' if depth < len(columns) else 'some'} of {listing(columns)}"


def _success_statement(seen: Observations, ways: Ways, between: Gap | None, level: float) -> str:
    everybody = share(seen.columns["success"], seen.columns["weight"]).estimate(level)
    sure = "" if everybody.low is None else f" ({interval(everybody, 'overall')})"
    start = f"Of all refused rows {percent(everybody.value)} would be approved {_through(seen)}{sure}"
    if between is None:
        return f"{start}. {CAUTION}"
    if not excludes_zero(between.estimate):
        return f"{start}; no difference between groups of {ways.attribute} is beyond doubt. {CAUTION}"
    low, high = between.lowest, between.highest
    apart = f"{points(between.estimate.value)} points apart ({interval(between.estimate, 'difference')})"
    return (
        f"Of those refused, {percent(ways.success[low].value)} of {ways.names[low]} rows and "
        f"{percent(ways.success[high].value)} of {ways.names[high]} rows have a way to be approved. They are "
        f"{apart}. {start}. {CAUTION}"
    )


def _cost_statement(seen: Observations, ways: Ways, between: Gap | None, level: float) -> str:
    turned = seen.columns["success"] > 0
    if not turned.any():
        return f"No refused row has a way {_through(seen)}, so that there is no cost to compare."
    depth = float(seen.facts["depth"])
    e = mean(seen.columns["cost"][turned], seen.columns["weight"][turned], bounds=(0.0, depth)).estimate(level)
    sure = "" if e.low is None else f" ({interval(e, 'ratio')})"
    start = f"Where there is a way, it costs {quotient(e.value)} on average{sure}; 1 is to pass all other people"
    if between is None:
        return f"{start}. {CAUTION}"
    if not excludes_zero(between.estimate):
        return f"{start}. No difference between groups of {ways.attribute} is beyond doubt. {CAUTION}"
    low, high = between.lowest, between.highest
    return (
        f"{start}. It costs {ways.names[high]} rows {quotient(ways.cost[high].value)} and {ways.names[low]} rows "
        f"{quotient(ways.cost[low].value)}, a difference of {quotient(between.estimate.value)} "
        f"({interval(between.estimate, 'ratio')}). {CAUTION}"
    )


def _notes(seen: Observations) -> tuple[str, ...]:
    facts = seen.facts
    still = [c for c in facts["actionable"] if not seen.columns[f"{MOVES}{c}"].any()]
    directions = [f"{c} only {d}" for c, d in (facts["directions"] or {}).items() if d != "any"]
    return (
        f"{len(seen):,} of {facts['refused']:,} refused rows in the sample; all actions of at most {facts['depth']} "
        f"columns over {facts['grid']} quantile steps: a finer grid may find cheaper ways",
        "cost: the share of rows that a number passes, 1 for another category; several columns add",
        *([f"allowed: {listing(directions)}"] if directions else []),
        *([f"changing it alone moves no score: {listing(still)}"] if still else []),
    )
