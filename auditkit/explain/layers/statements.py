"""What is said of the layers, in sentences that a person outside the field understands. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from auditkit.catalogue.sentences import not_causes
from auditkit.explain.all_rows import doubt
from auditkit.explain.layers.use import LayerReading, Moved
from auditkit.formatting import interval, interval_in, percent, plain, points, upper_first
from auditkit.records import Estimate, Unit, Use
from auditkit.stats.pvalues import tail
from auditkit.stats.rates import critical_value

HARDLY = 0.005
"""Accuracy beyond the commoner answer that counts as hardly any."""


@dataclass(frozen=True)
class About:
    """What the sentence is about."""

    low: str
    high: str
    attribute: str
    held: tuple[str, ...]
    """What was held equal where the erasure was only of what is beyond it; empty: no column was declared legitimate."""
    unit: Unit
    guess: float | None
    pairs: int = 1
    """Pairs of groups of which this is the one that differs most surely."""

    @property
    def equal(self) -> str:
        """The declared columns and the truth, as one would say them."""
        *most, last = self.held
        return f"{', '.join(most)} and {last}" if most else last


def statement(
    readings: list[LayerReading], told: LayerReading, about: About, use: Use, *, all_rows: Estimate | None = None
) -> str:
    """What one layer knows, a cut of the net, and what erasing does there; and what that shows of use.

    `all_rows` is the largest gap in mean scores over all rows, where they are known.
    """
    name = layer_words(told)
    knows = _knows(told, about)
    if knows is None:
        return f"Nothing could be read from {name}."
    shown = upper_first(_shown(readings, told, about, use))
    return f"{upper_first(name)} {knows}{_erased(told, about, all_rows)}. {shown}: {not_causes()}."


def layer_words(r: LayerReading) -> str:
    """The layer as a person would point at it."""
    if r.record.name == "input":
        return "the input"
    if r.record.name.startswith("into "):
        return f"what goes into the layer '{r.record.name.removeprefix('into ')}'"
    return f"the layer '{r.record.name}'"


def _knows(r: LayerReading, about: About) -> str | None:
    knows, curved, before = r.record.knows, r.record.curved, r.record.untrained
    if knows is None or knows.value is None or knows.low is None:
        return None
    pair = f"{about.low} from {about.high}"
    small = "" if curved is None or curved.value is None else f"a small non-linear reader: {percent(curved.value)}"
    if not tells(knows, about.pairs):
        how = f"({percent(knows)}, {interval(knows, 'overall')})"
        text = f"does not linearly tell {pair} better than guessing {how}"
        if knows.low > 0.5:
            text = (
                f"linearly tells {pair} {how} no better than chance can of the surest of {about.pairs} pairs of groups"
            )
        if curved is not None and tells(curved, about.pairs):
            return f"{text}, but {small.replace(':', ' does, in')} of cases"
        return text
    beside = "; ".join(t for t in ("guessing: 50%", small) if t)
    text = f"linearly tells {pair} in {percent(knows)} of cases ({beside})"
    if before is not None and before >= knows.low:
        text += f", an untrained copy in {percent(before)}: training added nothing to that"
    return text


def reader_p(right: Estimate, pairs: int = 1) -> float:
    """p of H0: it tells the groups apart no better than guessing, though they are the surest of so many pairs."""
    if right.value is None or right.low is None or right.low <= 0.5:
        return 1.0
    z = (right.value - 0.5) / max(right.value - right.low, 1e-9) * critical_value(right.level)
    return min(1.0, pairs * tail(z, 1, "separate"))


def tells(right: Estimate, pairs: int = 1) -> bool:
    """Whether it surely tells the groups apart."""
    return right.low is not None and right.low > 0.5 and reader_p(right, pairs) <= 1 - right.level


def _erased(r: LayerReading, about: About, all_rows: Estimate | None) -> str:
    """What erasing all that goes with the attribute does to the gap."""
    before, after, closed = r.record.before, r.record.after, r.record.closed
    if before is None or after is None or closed is None or before.value is None:
        return ""
    attribute, unit = about.attribute, about.unit
    if all_rows is not None and not all_rows.excludes_zero:
        return f"; there is no sure gap in scores between groups of {attribute} ({_doubt(all_rows, unit)})"
    if not before.excludes_zero:
        if all_rows is not None:
            return f"; too few sampled rows to see what erasing {attribute} there does to the gap in scores"
        return f"; there is no sure gap in scores between them ({_size(before.value, unit)})"
    where = "" if all_rows is None else " in the sample"
    what = f"erasing there everything that goes with {attribute}"
    if not closed.excludes_zero:
        known = closed.low is not None and closed.high is not None
        by = f" (it closes {interval_in(closed, _write(unit))})" if known else ""
        return f"; {what} does not surely change the gap of {_size(before.value, unit)}{where}{by}"
    assert closed.value is not None
    if closed.value < 0:
        return f"; {what} widens the gap by {_size(-closed.value, unit)}"
    share = closed.value / before.value
    text = f"; {what} closes {'all' if share >= 1 else percent(share)} of the gap of "
    text += f"{_size(before.value, unit)}{where} ({_left(after, unit)}){_cost(r, about.guess)}"
    if after.high is not None and after.high < 0:
        text += f", and turns it round ({_size(-(after.value or 0), unit)} the other way)"
    random = r.record.random
    if random is not None and before.value - random >= closed.value:
        text += ", which is no more than erasing anything else does"
    return text


def _shown(readings: list[LayerReading], told: LayerReading, about: About, use: Use) -> str:
    """What that shows of use, and what was not shown."""
    cuts = [r for r in readings if r.erased_cut]
    given, attribute = told.record.given, about.attribute
    there = "" if len(cuts) == 1 else f" at any of {len(cuts)} places that all paths through the net cross"
    else_ = f"erasing what else tells {about.low} from {about.high}"
    if use == "not_measured":
        return f"no place that all paths cross could be erased, so what the net uses of {attribute} was not measured"
    if use == "beyond_declared":
        assert given is not None
        moves = "closes" if (given.value or 0) > 0 else "opens"
        size = f"{_size(abs(given.value or 0.0), about.unit)} ({interval_in(given, _write(about.unit))})"
        return (
            f"at equal {about.equal}, {else_} {moves} {size} of gap: the net uses something that goes with {attribute} "
            "beyond what was declared legitimate"
        )
    if use == "nothing_beyond_declared":
        return (
            f"at equal {about.equal}, {else_} hardly moves gap or scores{there}: nothing here shows that the net uses "
            f"{attribute} beyond those"
        )
    if use == "not_used":
        return f"erasing {attribute} hardly moves the gap or the scores{there}: nothing here shows that the net uses it"
    if use == "open":
        most = max(cuts, key=lambda r: 0.0 if r.moved is None else r.moved.changed)
        return f"{_scores_move(most, about)}: that the net does without {attribute} is not shown"
    if about.held and given is not None and given.low is not None:
        return (
            f"at equal {about.equal}, {else_} closes {interval_in(given, _write(about.unit))} of gap: that the net "
            f"uses {attribute} beyond those is neither shown nor ruled out"
        )
    legitimate = "" if about.held else "; columns declared as legitimate (control features) would be held equal"
    return f"erasing alone does not tell what is used from what only goes with {attribute}{legitimate}"


def _scores_move(r: LayerReading, about: About) -> str:
    m = r.moved
    assert isinstance(m, Moved)
    where = "in " if r.record.name == "input" else "at "
    by = f"moves scores by {_size(m.size.value or 0.0, about.unit)} on average"
    other = f" and changes {percent(m.changed)} of decisions" if about.unit == "points" else ""
    return f"erasing {where}{layer_words(r)} what linearly goes with {about.attribute} {by}{other}"


def _write(unit: Unit):  # type: ignore[no-untyped-def]
    return points if unit == "points" else plain


def _left(after: Estimate, unit: Unit) -> str:
    """What remains of the gap, with its interval."""
    sure = "" if after.low is None else f", {interval_in(after, _write(unit))}"
    return f"{_size(after.value or 0.0, unit)} left{sure}"


def _cost(r: LayerReading, guess: float | None) -> str:
    if r.cost is None or r.cost.value is None:
        return ""
    was, now = r.record.accuracy_before, r.record.accuracy_after
    if guess is not None and was is not None and was <= guess + HARDLY:
        return ", where decisions are hardly better than always giving the commoner answer even before"
    if guess is not None and now is not None and now <= guess + HARDLY:
        return ", and leaves decisions hardly better than always giving the commoner answer"
    if not r.cost.excludes_zero:
        return " without a sure change of accuracy"
    if r.cost.value < 0:
        return f" and gains {points(-r.cost.value)} points of accuracy"
    return f" at a cost of {points(r.cost.value)} points of accuracy"


def _doubt(e: Estimate, unit: Unit) -> str:
    return doubt(e, points, " points") if unit == "points" else doubt(e, plain)


def _size(x: float, unit: Unit) -> str:
    return f"{points(x)} points" if unit == "points" else plain(x)
