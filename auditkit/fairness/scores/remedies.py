"""The finding of section "What would help": every remedy side by side, and the frontier with its knee."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.batch import ScoreScale
from auditkit.catalogue.sentences import group_words
from auditkit.errors import listing
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.families.family import number
from auditkit.fairness.notes import finding, title_of
from auditkit.fairness.scores.halved import Halved
from auditkit.fairness.scores.heldout import RATES, HeldOut
from auditkit.fairness.scores.mitigation import CAUTION, Fit, enough, fallback_note, mitigate, open_note
from auditkit.fairness.scores.thresholds import GRID, Constraint, GroupRule, Reach, best_positions, hulls_of
from auditkit.formatting import confidence, percent, points
from auditkit.question import SPARSE
from auditkit.records import Curve, Estimate, Finding, NotMeasured, Series, Table

MOST_GROUPS = 12
MOST_NAMED = 4
"""Groups whose numbers the statement tells; the table has all."""
_POINTS = 41
REMEDIES: tuple[tuple[Constraint, str, tuple[str, ...]], ...] = (
    ("demographic_parity", "equal selection rates", ("selection_rate",)),
    ("equal_opportunity", "equal true positive rates", ("true_positive_rate",)),
    ("equalized_odds", "equal error rates", ("true_positive_rate", "false_positive_rate")),
    ("one_threshold", "one threshold for all", ()),
)
"""With the rates that each is to make equal."""
LOTS = ", with lots"
"""Behind the name of a remedy that draws some rows by chance: one threshold a group is another remedy, which `remedied`
decides by and names without it."""


class Frontier(NamedTuple):
    """The greatest accuracy at each gap that is allowed to remain; gaps rise from 0."""

    gap: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    knee: int | None
    """Where the curve lies farthest above the straight line between its ends; None where equality costs nothing."""


class Tried(NamedTuple):
    """A remedy as the table has it."""

    words: str
    equal: tuple[str, ...]
    held: HeldOut


def remedies_finding(evidence: ScoreHistogram, by: tuple[str, ...], *, level: float) -> Finding | NotMeasured:
    """What every remedy does to the gaps, to accuracy, and to whom, on rows that did not choose it.

    NotMeasured with fewer than two groups, and where rows are weighted or clustered.
    """
    why = why_not(evidence, by)
    if why:
        return NotMeasured(what=f"remedies by {' and '.join(by)}", why=why, concern="mitigation")
    found = list(evidence.groups(*by))
    halves = Halved.of(evidence).halves(by)
    curve = frontier([Reach.of(b) for _, b in found if enough(b)])
    along = list(halves.frontier(curve.gap.tolist()))
    tried = []
    for name, words, equal in REMEDIES:
        fits = [Fit.of(part, halves.own, name) for part in halves.parts]
        lots = _lots(r for fit in fits for r in fit.rules.values())
        tried.append(Tried(words + lots, equal, halves.judged(fits, common=name == "one_threshold")))
    if curve.knee is not None:
        tried.append(Tried("knee of the frontier", ("selection_rate",), along[curve.knee]))
    estimate = along[0].price(level)
    exhibits = (_price_table(tried, by, level), _whom_table(tried, by), _thresholds(evidence, by))
    return finding(
        "price_of_parity",
        "overall",
        by,
        estimate,
        _statement(tried[0], by, estimate),
        concern="mitigation",
        title=title_of("price_of_parity", by),
        exhibits=(*exhibits, _curve(along, curve.knee, by, level)),
        notes=(*_notes(tried, curve, level), *fallback_note(found, by), *_open_notes(tried, by), CAUTION),
    )


def why_not(evidence: ScoreHistogram, by: tuple[str, ...]) -> str:
    """Why no remedy is offered; empty where there is one."""
    attributes, sizes = " and ".join(by), evidence.sizes(*by)
    count = sum(min(rows) >= SPARSE for rows in sizes.values())
    if evidence.declared:
        return (
            f"{listing(evidence.declared)} not used: remedies count every row once, as drawn by itself, and are not "
            "right for such rows"
        )
    if count < 2:
        return f"{count} of {len(sizes)} groups of {attributes} has {SPARSE} positives and negatives; two needed"
    if len(sizes) > MOST_GROUPS:
        return f"{len(sizes)} groups of {attributes}; remedies are shown for at most {MOST_GROUPS}"
    return ""


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


def _lots(rules: Iterable[GroupRule]) -> str:
    """What the name of a remedy of these rules ends with."""
    draws = any(r.ignore > 0 or (0 < r.share < 1 and r.first != r.second) for r in rules)
    return LOTS if draws else ""


def _notes(tried: Sequence[Tried], curve: Frontier, level: float) -> tuple[str, ...]:
    """How remedies were judged, what they leave of the gaps that they are to close, and the knee."""
    told = [
        "remedies are computed from score bins; each half of the rows, drawn at random, is judged at thresholds that "
        "the other half chose: thresholds that all rows choose do as a rule slightly better",
        "gaps that remain are means of the two halves' gaps; as it is: of all rows",
    ]
    for t in tried:
        for rate in t.equal:
            e, what = t.held.gap(rate, level), rate.replace("_", " ")
            if e.value is not None:
                told.append(f"{t.words}: a gap in {what} of {_between(e)} remains")
    if curve.knee is None:
        return (*told, "the frontier has no knee: thresholds chosen for equal selection rates were as good as any")
    parity, knee = (t.held.price(level).value for t in (tried[0], tried[-1]))
    assert parity is not None
    assert knee is not None
    return (
        *told,
        f"knee of the frontier: where a gap in selection rate of {points(curve.gap[curve.knee])} points is allowed, "
        f"{points(knee)} points of accuracy are lost; where none is allowed, {points(parity)}",
    )


def _between(e: Estimate) -> str:
    """Points with their interval."""
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    return f"{points(e)} points ({confidence(e.level)} interval {points(e.low)} to {points(e.high)})"


def _open_notes(tried: Sequence[Tried], by: tuple[str, ...]) -> tuple[str, ...]:
    """Rows whose bins the common threshold parts, and the cells that stay empty for them."""
    told: tuple[str, ...] = ()
    for (name, _, _), t in zip(REMEDIES, tried, strict=False):
        if name in ("demographic_parity", "one_threshold"):
            told += open_note(name, by, sum(t.held.open))
    if any(t.held.gained(i) is None for t in tried for i in range(len(t.held.open))):
        told += ("rows selected: no change is told where such rows may turn it round",)
    return told


def _statement(tried: Tried, by: tuple[str, ...], e: Estimate) -> str:
    held = tried.held
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    gained = ((held.gained(i), group_words(by, o.group)) for i, o in enumerate(held.outcomes))
    moves = sorted(((k, name) for k, name in gained if k), key=lambda x: -abs(x[0]))
    told = [f"{abs(k):,} {'more' if k > 0 else 'fewer'} of {name}" for k, name in moves[:MOST_NAMED]]
    rest = len(moves[MOST_NAMED:])
    more = f", and change {rest} other group{'s' if rest > 1 else ''}" if rest else ""
    lots = f"{LOTS}," if tried.words.endswith(LOTS) else ""
    head = f"Thresholds for equal selection rates by {' and '.join(by)}{lots}"
    if e.low > 0 or e.high < 0:
        side = "cost" if e.value >= 0 else "gain"
        change = f"{percent(held.accuracy_now)} to {percent(held.accuracy)}"
        price = f"would {side} {points(abs(e.value))} points of accuracy on rows that did not choose them: {change}"
    else:
        price = "would not change accuracy by any amount that is established"
    lost = " to ".join(points(x) for x in (e.low, e.high))
    gap = held.gap("selection_rate", e.level)
    now = points(held.gap_now("selection_rate"))
    left = "" if gap.value is None else f" The gap in selection rate, now {now} points, would be {_between(gap)}."
    return (
        f"{head} {price}. The {confidence(e.level)} interval is {lost} points lost.{left} "
        f"These thresholds would select {', '.join(told) or 'as many of every group'}{more}."
    )


def _price_table(tried: Sequence[Tried], by: tuple[str, ...], level: float) -> Table:
    """One row a remedy: what remains and what it costs."""
    first = tried[0].held
    now = (*(number(first.gap_now(g)) for g in RATES), first.accuracy_now, None, None, None)
    return Table(
        title=f"Remedies by {' and '.join(by)}: what remains, what it costs",
        columns=(
            *("remedy", "gap in selection rate", "gap in true positive rate", "gap in false positive rate"),
            *("accuracy", "accuracy lost", "from", "to"),
        ),
        rows=(("as it is", *now), *((t.words, *_row(t.held, level)) for t in tried)),
        units=("", "points", "points", "points", "percent", "points", "points", "points"),
    )


def _row(held: HeldOut, level: float) -> tuple[float | None, ...]:
    e = held.price(level)
    return (*(held.gap(g, level).value for g in RATES), held.accuracy, e.value, e.low, e.high)


def _whom_table(tried: Sequence[Tried], by: tuple[str, ...]) -> Table:
    """One row a group: whom every remedy selects."""
    return Table(
        title=f"Rows selected by {' and '.join(by)}: now, and the change",
        columns=("group", "selected now", *(t.words for t in tried)),
        rows=tuple(
            (group_words(by, o.group), round(o.true_now + o.false_now), *(t.held.gained(i) for t in tried))
            for i, o in enumerate(tried[0].held.outcomes)
        ),
    )


def _thresholds(evidence: ScoreHistogram, by: tuple[str, ...]) -> Table:
    """The rules that all rows choose: what a pipeline would need."""
    own = ScoreScale().own if evidence.scale is None else evidence.scale.own
    rows: list[tuple[str | int | float | None, ...]] = []
    for name, words, _ in REMEDIES:
        remedy = mitigate(evidence, by, constraint=name)
        if name == "one_threshold":
            rows.append((words, "everybody", _from(own(remedy.common)), None, None, None, None))
            continue
        words += _lots(r for _, r in remedy.rules)
        for key, r in remedy.rules:
            rows.append((words, group_words(by, key), *_rule(replace(r, first=own(r.first), second=own(r.second)))))
    return Table(
        title=f"Thresholds of each remedy, chosen on all rows, by {' and '.join(by)}",
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


def _curve(along: Sequence[HeldOut], knee: int | None, by: tuple[str, ...], level: float) -> Curve:
    """What remains and what accuracy is, as larger gaps are allowed; without the gaps that are not known."""
    at = [(held.gap("selection_rate", level).value, held.accuracy, i) for i, held in enumerate(along)]
    known = [(gap, accuracy, i) for gap, accuracy, i in at if gap is not None]
    places = [i for _, _, i in known]
    marked = places.index(knee) if knee in places else None
    return Curve(
        title=f"Accuracy against the gap in selection rate, thresholds by {' and '.join(by)}",
        unit_x="gap in selection rate that remains",
        unit_y="accuracy",
        series=(
            Series(
                name="frontier",
                x=tuple(gap for gap, _, _ in known),
                y=tuple(accuracy for _, accuracy, _ in known),
                marked=marked,
                mark="" if marked is None else "the knee",
            ),
        ),
    )
