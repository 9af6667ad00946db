"""From flipped rows to findings: how many decisions change, how far scores move, which way. No torch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.evidence.sample import Observations
from auditkit.explain.estimates import UNBOUNDED, Cell, excludes_zero, mean, share
from auditkit.records import Estimate, Finding, GroupEstimate, Table, Unit
from auditkit.wording import interval, percent, plain, points, quantity

Floats = NDArray[np.float64]

CHANGED, DELTA, UP = "changed:", "delta:", "up:"
"""Prefixes of the columns: the decision is another; the score's change; the decision turned positive."""
CAUTION = "This is how the model reaches its decisions, not what causes the outcome."


class Flips(NamedTuple):
    """What flipping one attribute did, a row; a row's other values count alike."""

    attribute: str
    group: NDArray[np.object_]
    """(N,) what the rows are."""
    values: tuple[str, ...]
    """What they were given."""
    changed: Floats
    """(N, values) 0 or 1."""
    delta: Floats
    """(N, values)."""
    up: Floats
    """(N, values) 0 or 1: the decision turned positive (binary only)."""
    weight: Floats
    task: str

    def others(self, values: Floats) -> Floats:
        """(N,) mean over the values that are not a row's own."""
        other = np.array([[g != v for v in self.values] for g in self.group], dtype=float)
        out: Floats = (values * other).sum(1) / other.sum(1)
        return out


def flip_findings(seen: Observations, attribute: str, *, level: float) -> tuple[Finding, ...]:
    """`robustness/flip_rate/overall/<attribute>` (no decisions: none) and `robustness/flip_effect/overall/…`."""
    flips = _flips(seen, attribute)
    if flips is None:
        return ()
    rate = () if flips.task == "regression" else (_rate(flips, level),)
    return (*rate, _effect(flips, level))


def _flips(seen: Observations, attribute: str) -> Flips | None:
    """None where the attribute could not be flipped."""
    head = f"{DELTA}{attribute}="
    values = tuple(c.removeprefix(head) for c in seen.columns if c.startswith(head))
    if not values:
        return None

    def stacked(prefix: str) -> Floats:
        names = [f"{prefix}{attribute}={v}" for v in values]
        nothing = np.zeros(len(seen))
        return np.stack([seen.columns.get(name, nothing) for name in names], axis=1)

    group = np.array(seen.labels[attribute], dtype=object)
    changed, delta, up = stacked(CHANGED), stacked(DELTA), stacked(UP)
    return Flips(attribute, group, values, changed, delta, up, seen.columns["weight"], seen.facts["task"])


def _rate(flips: Flips, level: float) -> Finding:
    changed = flips.others(flips.changed)
    everybody = _mean(changed, flips.weight, (0.0, 1.0)).estimate(level)
    return _finding(flips, "flip_rate", everybody, changed, (0.0, 1.0), level, _rate_statement(flips, everybody))


def _effect(flips: Flips, level: float) -> Finding:
    size = flips.others(np.abs(flips.delta))
    bounds = (0.0, 1.0) if flips.task != "regression" else (0.0, np.inf)
    everybody = _mean(size, flips.weight, bounds).estimate(level)
    return _finding(flips, "flip_effect", everybody, size, bounds, level, _effect_statement(flips, everybody, level))


def _mean(values: Floats, weight: Floats, bounds: tuple[float, float]) -> Cell:
    """Wilson's limits where every value is 0 or 1 (an attribute of two values), Student's for means of several."""
    if len(values) and np.isin(values, (0.0, 1.0)).all():
        return share(values, weight)
    return mean(values, weight, bounds=bounds)


def _finding(
    flips: Flips,
    metric: str,
    everybody: Estimate,
    values: Floats,
    bounds: tuple[float, float],
    level: float,
    statement: str,
) -> Finding:
    a = flips.attribute
    groups = [
        GroupEstimate(
            group={a: name},
            estimate=_mean(values[flips.group == name], flips.weight[flips.group == name], bounds).estimate(level),
        )
        for name in sorted(set(flips.group))
    ]
    return Finding(
        id=f"robustness/{metric}/overall/{a}",
        concern="robustness",
        title=f"{METRICS[metric].title}, {a}",
        statement=statement,
        metric=metric,
        comparison="overall",
        by=(a,),
        estimate=everybody,
        by_group=tuple(groups),
        exhibits=(_table(flips, level),) if metric == "flip_effect" or flips.task == "regression" else (),
        notes=(
            f"only {a} is changed; whatever goes with it stays, so that some flipped rows may be like nobody real",
            f"each of {len(values):,} sampled rows is given every other value; its values count alike",
        ),
        references=(METRICS[metric].reference,),
    )


def _table(flips: Flips, level: float) -> Table:
    """Each flip: rows, decisions that change (to positive, to negative), the mean change with its limits."""
    unit: Unit = "points" if flips.task != "regression" else ""
    rows = []
    for name in sorted(set(flips.group)):
        of = flips.group == name
        for j, value in enumerate(flips.values):
            if value == name:
                continue
            e = _shift(flips, of, j).estimate(level)
            rows.append((name, value, int(of.sum()), *_decisions(flips, of, j), e.value, e.low, e.high))
    decided = {"binary": ("turn positive", "turn negative"), "multiclass": ("decided otherwise",)}.get(flips.task, ())
    return Table(
        title=f"{flips.attribute}, flipped",
        columns=("is", "becomes", "rows", *decided, "mean change of score", "from", "to"),
        rows=tuple(rows),
        units=("", "", "", *("percent" for _ in decided), unit, unit, unit),
    )


def _shift(flips: Flips, of: NDArray[np.bool_], j: int) -> Cell:
    bounds = (-1.0, 1.0) if flips.task != "regression" else UNBOUNDED
    return mean(flips.delta[of, j], flips.weight[of], bounds=bounds)


def _decisions(flips: Flips, of: NDArray[np.bool_], j: int) -> tuple[Any, ...]:
    def part(values: Floats) -> float:
        return float(np.average(values[of, j], weights=flips.weight[of]))

    match flips.task:
        case "binary":
            return part(flips.up), part(flips.changed - flips.up)
        case "multiclass":
            return (part(flips.changed),)
    return ()


def _rate_statement(flips: Flips, e: Estimate) -> str:
    a = flips.attribute
    if not flips.changed.any():
        most = "" if e.high is None else f" (with {100 * e.level:.4g}% confidence no more than {percent(e.high)} would)"
        return f"If only {a} were changed, no decision on the sampled rows would change{most}. {CAUTION}"
    sure = "" if e.low is None else f" ({interval(e, 'overall')})"
    return f"If only {a} were changed, {percent(e.value)} of decisions would change{sure}. {CAUTION}"


def _effect_statement(flips: Flips, e: Estimate, level: float) -> str:
    a = flips.attribute
    if flips.task == "regression":
        size, sure = plain(e.value), "" if e.low is None else f" ({interval(e, 'overall', of='measure')})"
    else:
        size = quantity(e.value, "difference")
        sure = "" if e.low is None else f" ({interval(e, 'difference')})"
    which = "score of the class decided on" if flips.task == "multiclass" else "score"
    which = "prediction" if flips.task == "regression" else which
    moved = f"If only {a} were changed, a {which} would move by {size} on average{sure}"
    return f"{moved}{_direction(flips, level)}. {CAUTION}"


def _direction(flips: Flips, level: float) -> str:
    """The largest mean change whose interval excludes 0, in words; nothing where none does."""
    found = []
    for name in sorted(set(flips.group)):
        of = flips.group == name
        for j, value in enumerate(flips.values):
            e = _shift(flips, of, j).estimate(level)
            if value != name and excludes_zero(e) and e.value is not None:
                found.append((abs(e.value), name, value, e.value))
    if not found:
        return "; no flip moves scores one way beyond doubt"
    size, name, value, change = max(found)
    amount = plain(size) if flips.task == "regression" else f"{points(size)} points"
    return f"; from {name} to {value} they {'rise' if change > 0 else 'fall'} by {amount}"
