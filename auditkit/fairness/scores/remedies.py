"""The finding of section "What would help": every remedy side by side, and the frontier with its knee."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.families.family import number
from auditkit.fairness.notes import finding, title_of
from auditkit.fairness.scores.mitigation import CAUTION, Mitigation, enough, mitigate
from auditkit.fairness.scores.thresholds import GRID, Constraint, GroupRule, Reach, best_positions, hulls_of
from auditkit.formatting import confidence, percent, points
from auditkit.question import SPARSE
from auditkit.records import Curve, Estimate, Finding, NotMeasured, Series, Table
from auditkit.stats.rates import critical_value

MOST_GROUPS = 12
MOST_NAMED = 4
"""Groups whose numbers the statement tells; the table has all."""
_POINTS = 41
REMEDIES: tuple[tuple[Constraint, str], ...] = (
    ("demographic_parity", "equal selection rates"),
    ("equal_opportunity", "equal true positive rates"),
    ("equalized_odds", "equal error rates"),
    ("one_threshold", "one threshold for all"),
)
_GAPS = ("selection_rate", "true_positive_rate", "false_positive_rate")


class Frontier(NamedTuple):
    """The greatest accuracy at each gap that is allowed to remain; gaps rise from 0."""

    gap: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    knee: int | None
    """Where the curve lies farthest above the straight line between its ends; None where equality costs nothing."""


def remedies_finding(evidence: ScoreHistogram, by: tuple[str, ...], *, level: float) -> Finding | NotMeasured:
    """What every remedy does to the gaps, to accuracy, and to whom; NotMeasured with fewer than two groups."""
    sizes = evidence.sizes(*by)
    count = sum(min(rows) >= SPARSE for rows in sizes.values())
    if count < 2 or len(sizes) > MOST_GROUPS:
        why = (
            f"{count} of {len(sizes)} groups of {' and '.join(by)} has {SPARSE} positives and negatives; two needed"
            if count < 2
            else f"{len(sizes)} groups of {' and '.join(by)}; remedies are shown for at most {MOST_GROUPS}"
        )
        return NotMeasured(what=f"remedies by {' and '.join(by)}", why=why, concern="mitigation")
    remedies = {name: mitigate(evidence, by, constraint=name) for name, _ in REMEDIES}
    curve = frontier([Reach.of(b) for _, b in evidence.groups(*by) if enough(b)])
    parity = remedies["demographic_parity"]
    estimate = _price(parity, level)
    exhibits = (*_tables(remedies, evidence, by, curve, level), _thresholds(remedies, by), _curve(curve, by))
    return finding(
        "price_of_parity",
        "overall",
        by,
        estimate,
        _statement(parity, estimate),
        concern="mitigation",
        title=title_of("price_of_parity", by),
        exhibits=exhibits,
        notes=(
            "remedies are computed from score bins, and tried on the rows that they were chosen on: "
            "new rows will do slightly worse",
            *_knee_note(curve),
            *dict.fromkeys(n for m in (parity, remedies["one_threshold"]) for n in m.notes if n != CAUTION),
            CAUTION,
        ),
    )


def frontier(groups: Sequence[Reach]) -> Frontier:
    """Accuracy against the gap in selection rate, thresholds by group; the knee is Kneedle's (Satopää et al., 2011)."""
    hulls = hulls_of(groups, "demographic_parity")
    weight = np.array([g.rows for g in groups]) / sum(g.rows for g in groups)
    free = best_positions(groups, hulls, 1.0)
    widest = int(np.ptp(free))
    steps = np.unique(np.linspace(0, widest, _POINTS).astype(int))
    accuracy = []
    for step in steps:
        at = best_positions(groups, hulls, float(GRID[step]))
        accuracy.append(float(weight @ [h.y[i] for h, i in zip(hulls, at, strict=True)]))
    x, y = GRID[steps], np.array(accuracy)
    if x.size < 3 or y[-1] - y[0] < 1e-6:
        return Frontier(x, y, None)
    above = (y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])
    return Frontier(x, y, int(above.argmax()))


def _knee_note(curve: Frontier) -> tuple[str, ...]:
    if curve.knee is None:
        return ("equal selection rates cost no accuracy worth a knee",)
    gap, lost = curve.gap[curve.knee], curve.accuracy[-1] - curve.accuracy[curve.knee]
    return (
        f"knee of the frontier: a gap in selection rate of {points(gap)} points costs {points(lost)} of accuracy; "
        f"a gap of 0 costs {points(curve.accuracy[-1] - curve.accuracy[0])}",
    )


def _price(m: Mitigation, level: float) -> Estimate:
    z = critical_value(level)
    return Estimate(
        value=m.price.value,
        low=m.price.value - z * m.price.error,
        high=m.price.value + z * m.price.error,
        level=level,
        n=m.price.rows,
        method="normal, paired over rows, thresholds taken as given",
    )


def _statement(m: Mitigation, e: Estimate) -> str:
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    moves = sorted(((round(o.gained), " & ".join(o.group)) for o in m.outcomes), key=lambda x: -abs(x[0]))
    told = [f"{abs(k):,} {'more' if k > 0 else 'fewer'} of {name}" for k, name in moves[:MOST_NAMED] if k]
    rest = len([k for k, _ in moves[MOST_NAMED:] if k])
    more = f", and change {rest} other group{'s' if rest > 1 else ''}" if rest else ""
    attributes = " and ".join(m.by)
    head = f"Equal selection rates by {attributes}"
    if e.low > 0 or e.high < 0:
        side = "cost" if e.value >= 0 else "gain"
        change = f"{percent(m.accuracy_now)} to {percent(m.accuracy)}"
        price = f"would {side} {points(abs(e.value))} points of accuracy: {change}"
    else:
        price = "would not change accuracy by any amount that is established"
    lost = " to ".join(points(x) for x in (e.low, e.high))
    return (
        f"{head} {price}. The {confidence(e.level)} interval is {lost} points lost. "
        f"Thresholds by group would select {', '.join(told) or 'as many of every group'}{more}."
    )


def _tables(
    remedies: dict[Constraint, Mitigation], evidence: ScoreHistogram, by: tuple[str, ...], curve: Frontier, level: float
) -> tuple[Table, Table]:
    """One row a remedy: what remains and what it costs; one row a group: whom it selects."""
    made = [(words, remedies[name]) for name, words in REMEDIES]
    if curve.knee is not None:
        made.append(("knee of the frontier", mitigate(evidence, by, at_most=float(curve.gap[curve.knee]))))
    first, attributes = made[0][1], " and ".join(by)
    now = (*(number(first.gap(g, now=True)) for g in _GAPS), first.accuracy_now, None, None, None)
    price = Table(
        title=f"Remedies by {attributes}: what remains, what it costs",
        columns=(
            *("remedy", "gap in selection rate", "gap in true positive rate", "gap in false positive rate"),
            *("accuracy", "accuracy lost", "from", "to"),
        ),
        rows=(("as it is", *now), *((words, *_row(m, level)) for words, m in made)),
        units=("", "points", "points", "points", "percent", "points", "points", "points"),
    )
    whom = Table(
        title=f"Rows selected by {attributes}: now, and the change",
        columns=("group", "selected now", *(words for words, _ in made)),
        rows=tuple(
            (" & ".join(o.group), round(o.true_now + o.false_now), *(round(m.outcomes[i].gained) for _, m in made))
            for i, o in enumerate(first.outcomes)
        ),
    )
    return price, whom


def _row(m: Mitigation, level: float) -> tuple[float | None, ...]:
    e = _price(m, level)
    return (*(number(m.gap(g)) for g in _GAPS), m.accuracy, e.value, e.low, e.high)


def _thresholds(remedies: dict[Constraint, Mitigation], by: tuple[str, ...]) -> Table:
    """The rules: what a pipeline would need."""
    rows: list[tuple[str | int | float | None, ...]] = []
    for name, words in REMEDIES:
        if name == "one_threshold":
            rows.append((words, "everybody", _from(remedies[name].common), None, None, None, None))
            continue
        for key, r in remedies[name].rules:
            rows.append((words, " & ".join(key), *_rule(r)))
    return Table(
        title=f"Thresholds of each remedy, by {' and '.join(by)}",
        columns=("remedy", "group", "select from score", "with chance", "else from", "lot instead", "lot selects"),
        rows=tuple(rows),
        units=("", "", "", "percent", "", "percent", "percent"),
    )


def _rule(r: GroupRule) -> tuple[str | float | None, ...]:
    """(threshold, its chance, other threshold, chance of a lot, what the lot selects); None where there is none."""
    first, second = _from(r.first), _from(r.second)
    lot = (r.ignore, r.constant) if r.ignore > 0 else (None, None)
    if r.share in (0, 1) or r.first == r.second:
        return (second if r.share == 0 else first, None, None, *lot)
    return (first, r.share, second, *lot)


def _from(threshold: float) -> float | str:
    """The score from which rows are selected; no finite one selects nobody."""
    return round(threshold, 4) if math.isfinite(threshold) else "selects nobody"


def _curve(curve: Frontier, by: tuple[str, ...]) -> Curve:
    return Curve(
        title=f"Accuracy against the gap in selection rate, thresholds by {' and '.join(by)}",
        unit_x="gap in selection rate that remains",
        unit_y="accuracy",
        series=(
            Series(
                name="frontier",
                x=tuple(curve.gap.tolist()),
                y=tuple(curve.accuracy.tolist()),
                marked=curve.knee,
                mark="" if curve.knee is None else "the knee",
            ),
        ),
    )
