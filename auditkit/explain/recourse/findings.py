"""From turned refusals to findings: who has a way out, and at what cost. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import groups_of, incomparable, none_established, too_small, unstable
from auditkit.errors import listing
from auditkit.evidence.grouped import Grouped, GroupSums, PersonRows
from auditkit.evidence.sums import Moments
from auditkit.explain.all_rows import words_of
from auditkit.explain.estimates import Cell, Gap, by_group, gap, mean_of, means_of, share_of, undefined
from auditkit.formatting import interval, percent, points, quotient, upper_first
from auditkit.records import Comparison, Finding, Table

CHANGES, MOVES = "changes:", "moves:"
"""Prefixes: 1 where the cheapest action changes the column; 1 where changing it alone moves any score."""
CAUTION = "It says what the model would decide, not that the change is possible, nor what causes the outcome."


REFUSED, TURNED = "refused|", "turned|"
"""Prefixes of tables, before the attribute: of all refused rows; of those that have a way."""


@dataclass(frozen=True)
class RecourseRows(PersonRows):
    """A row a refused row: `weight`, `success` 0 or 1, `cost` (0 without a way), `changes:…` and `moves:…`."""

    def sums(self, fewest: int = 1) -> GroupSums:
        """Success of the refused rows, and cost of those that have a way, by the groups of each attribute."""
        if not len(self):
            return GroupSums({**self.facts, "tried": 0, "still": []})
        c, turned = self.columns, self.columns["success"] > 0
        ways = {k: v[turned] for k, v in c.items() if k == "cost" or k.startswith(CHANGES)}
        tables = {}
        for attribute, label in self.labels.items():
            own = [g for g, t in zip(label, turned, strict=True) if t]
            tables[f"{REFUSED}{attribute}"] = Grouped.of({"success": c["success"]}, self.weights, label, fewest=fewest)
            found = Grouped.of(ways, self.weights.at(turned), own, fewest=fewest)
            nobody = Moments.of(np.zeros((0, len(ways))))
            tables[f"{TURNED}{attribute}"] = found._replace(
                groups={g: found.groups.get(g, nobody) for g in sorted(set(label))}
            )
        still = [name for name in self.facts["actionable"] if not c[f"{MOVES}{name}"].any()]
        return GroupSums({**self.facts, "tried": self.weights.rows, "still": still}, tables)


class Ways(NamedTuple):
    """One attribute: success and cost of each group."""

    attribute: str
    names: list[str]
    refused: Grouped
    turned: Grouped
    """Of the rows that have a way."""
    success: list[Cell]
    cost: list[Cell]

    def words(self, position: int) -> str:
        """A group in a sentence."""
        return words_of([self.attribute], self.names[position])

    """Among the rows that have a way."""

    def everybody(self, depth: float) -> tuple[Cell, Cell]:
        """Success and cost of all refused rows."""
        cost = mean_of(self.turned.everybody, self.turned.columns.index("cost"), bounds=(0.0, depth))
        return share_of(self.refused.everybody), cost


def recourse_findings(seen: GroupSums, *, level: float) -> tuple[Finding, ...]:
    """`explanation/recourse_success/difference/<attribute>` and `explanation/recourse_cost/difference/…`."""
    out: list[Finding] = []
    for attribute in (t.removeprefix(REFUSED) for t in seen.tables if t.startswith(REFUSED)):
        ways = _ways(seen, attribute)
        table = _table(seen, ways, level)
        out.append(_finding(seen, ways, "recourse_success", ways.success, level, (table,)))
        out.append(_finding(seen, ways, "recourse_cost", ways.cost, level, ()))
    return tuple(out)


def _ways(seen: GroupSums, attribute: str) -> Ways:
    refused, turned = seen.tables[f"{REFUSED}{attribute}"], seen.tables[f"{TURNED}{attribute}"]
    names, j = list(refused.groups), turned.columns.index("cost")
    depth = float(seen.facts["depth"])
    return Ways(
        attribute,
        names,
        refused,
        turned,
        [share_of(refused.groups[g]) for g in names],
        means_of([turned.groups[g] for g in names], j, bounds=(0.0, depth)),
    )


def _finding(
    seen: GroupSums, ways: Ways, metric: str, cells: list[Cell], level: float, tables: tuple[Table, ...]
) -> Finding:
    between = gap(cells, level=level, most=1.0 if metric == "recourse_success" else float(seen.facts["depth"]))
    nothing = "fewer than two groups have enough refused rows to be compared"
    estimate = undefined(nothing, n=seen.facts["tried"], level=level)
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
        p=None if between is None else between.p,
        by_group=by_group(ways.attribute, ways.names, cells, level),
        exhibits=tables,
        notes=_notes(seen),
        references=(METRICS[metric].reference,),
    )


def _table(seen: GroupSums, ways: Ways, level: float) -> Table:
    columns = seen.facts["actionable"]
    rows = []
    for name, success, cost in zip(ways.names, ways.success, ways.cost, strict=True):
        s, c = success.estimate(level), cost.estimate(level)
        used = [_part(ways.turned, name, f"{CHANGES}{x}") for x in columns]
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


def _part(turned: Grouped, group: str, column: str) -> float | None:
    found = float(turned.groups[group].mean[turned.columns.index(column)])
    return None if np.isnan(found) else found


def _through(seen: GroupSums) -> str:
    columns, depth = seen.facts["actionable"], seen.facts["depth"]
    if len(columns) == 1:
        return f"by changing {columns[0]}"
    return f"by changing {f'at most {depth}' if depth < len(columns) else 'some'} of {listing(columns)}"


def _success_statement(seen: GroupSums, ways: Ways, between: Gap | None, level: float) -> str:
    everybody = ways.everybody(float(seen.facts["depth"]))[0].estimate(level)
    sure = "" if everybody.low is None else f" ({interval(everybody, 'overall')})"
    lacking, whose = seen.facts.get("lacking", 0), "all refused rows"
    if lacking:
        whose = f"the refused rows that have a number in {listing(seen.facts['lacked'])}"
    start = f"Of {whose} {percent(everybody)} would be approved {_through(seen)}{sure}"
    if lacking:
        few = "the other is" if lacking == 1 else f"the other {lacking:,} are"
        start += f"; whether there is a way for {'it' if lacking == 1 else 'them'} is not known, and {few} not counted"
    if between is None or not between.estimate.excludes_zero:
        return start + _no_difference(ways, between, "difference")
    low, high = between.lowest, between.highest
    apart = f"{points(between.own)} points apart ({interval(between.own, 'difference')})"
    return (
        f"Of those refused, {percent(ways.success[low].value)} of {ways.words(low)} rows and "
        f"{percent(ways.success[high].value)} of {ways.words(high)} rows have a way to be approved. They are "
        f"{apart}. {start}. {CAUTION}"
    )


def _no_difference(ways: Ways, between: Gap | None, unit: Comparison) -> str:
    """How a statement ends where groups were compared in vain, with what could have been seen, or not at all."""
    if between is None:
        return f". {upper_first(incomparable([ways.attribute], 'fewer than two have enough refused rows'))} {CAUTION}"
    e, write = between.estimate, quotient if unit == "ratio" else points
    if e.state == "unstable":
        size = f"a difference of {write(e)}{'' if unit == 'ratio' else ' points'}"
        return f". {unstable(METRICS['recourse_cost'].title, [ways.attribute], size, e.note)} {CAUTION}"
    seen = None if e.unseen is None else f"{write(e.unseen)}{'' if unit == 'ratio' else ' points'}"
    none = upper_first(none_established("difference", f"between {groups_of([ways.attribute])}"))
    bounds = f"{interval(e, unit)}{'' if unit == 'ratio' else ' points'}"
    return f". {none} ({bounds}{too_small(seen, 'difference')}). {CAUTION}"


def _cost_statement(seen: GroupSums, ways: Ways, between: Gap | None, level: float) -> str:
    if not ways.turned.everybody.n:
        return f"No refused row has a way {_through(seen)}, so that there is no cost to compare."
    e = ways.everybody(float(seen.facts["depth"]))[1].estimate(level)
    sure = "" if e.low is None else f" ({interval(e, 'ratio')})"
    start = f"Where there is a way, it costs {quotient(e)} on average{sure}; 1 is to pass all other people"
    if between is None or not between.estimate.excludes_zero:
        return start + _no_difference(ways, between, "ratio")
    low, high = between.lowest, between.highest
    return (
        f"{start}. It costs {ways.words(high)} rows {quotient(ways.cost[high].value)} and {ways.words(low)} rows "
        f"{quotient(ways.cost[low].value)}, a difference of {quotient(between.own)} "
        f"({interval(between.own, 'ratio')}). {CAUTION}"
    )


def _lacking(facts: dict[str, Any]) -> str:
    """How many were left out because nobody knows where they stand."""
    n = facts.get("lacking", 0)
    return f" ({n:,} {'lacks' if n == 1 else 'lack'} a number in {listing(facts['lacked'])})" if n else ""


def _notes(seen: GroupSums) -> tuple[str, ...]:
    facts = seen.facts
    still = facts["still"]
    directions = [f"{c} only {d}" for c, d in (facts["directions"] or {}).items() if d != "any"]
    return (
        f"{facts['tried']:,} of {facts['refused']:,} refused rows in the sample{_lacking(facts)}; all actions of at "
        f"most {facts['depth']} columns over {facts['grid']} quantile steps: a finer grid may find cheaper ways",
        "cost: the share of rows that a number passes, 1 for another category; several columns add",
        *([f"allowed: {listing(directions)}"] if directions else []),
        *([f"changing it alone moves no score: {listing(still)}"] if still else []),
    )
