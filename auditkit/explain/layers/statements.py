"""What is said of the layers, in sentences that a person outside the field understands. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditkit.catalogue.sentences import not_causes
from auditkit.explain.all_rows import doubt
from auditkit.formatting import interval, interval_in, percent, plain, points, upper_first
from auditkit.records import Estimate, Layer, Unit

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
HARDLY = 0.005
"""Accuracy beyond the commoner answer that counts as hardly any."""
SMALL = 0.25
"""Part of a sure gap that a change may be, at most, for "nothing shows that the net uses it" to be said."""
POINT = 0.01
"""The same where there is no sure gap, in scores."""


@dataclass(frozen=True)
class LayerReading:
    """One layer, read off the sums."""

    fact: dict[str, Any]
    record: Layer
    cost: Estimate | None
    """Accuracy that goes with it."""
    ablated: tuple[int, float, float | None] | None
    """Neurons held at their means; the gap then; the median gap with as many random ones."""

    @property
    def inner(self) -> bool:
        """Whether it has been probed, and is neither the input nor a single number."""
        return bool(self.record.knows is not None and self.record.name != "input" and self.record.units > 1)


def statement(
    readings: list[LayerReading],
    told: LayerReading,
    fact: dict[str, Any],
    attribute: str,
    *,
    guess: float | None,
    unit: Unit,
    all_rows: Estimate | None = None,
) -> str:
    """What one hidden layer, the last, knows and what erasing does; and whether any layer shows use.

    `all_rows` is the largest gap in mean scores over all rows, where they are known.
    """
    name = layer_words(told, readings)
    knows, used = _knows(told, fact), _used(told, attribute, guess, unit, all_rows)
    if knows is None:
        return f"Nothing could be read from {name}."
    if unused(readings, unit):
        used += (
            f"; erasing {attribute} hardly moves the gap at any hidden layer: nothing here shows that the net uses it"
        )
    return f"{upper_first(name)} {knows}{used}: {not_causes()}."


def hidden(readings: list[LayerReading]) -> list[LayerReading]:
    """The layers between the input and the last layer with weights; where there are none, any before the output."""
    last = max(r.fact["depth"] for r in readings)
    inner = [r for r in readings if r.inner]
    return [r for r in inner if r.fact["depth"] < last] or inner


def layer_words(r: LayerReading, readings: list[LayerReading]) -> str:
    """The layer as a person would point at it."""
    if r.record.name == "input":
        return "the input"
    depth, last = r.fact["depth"], max(x.fact["depth"] for x in readings)
    if not 0 < depth < last or depth > len(ORDINALS):
        return f"the layer '{r.record.name}'"
    return f"the {ORDINALS[depth - 1]} hidden layer ({r.record.name})"


def _knows(r: LayerReading, fact: dict[str, Any]) -> str | None:
    knows = r.record.knows
    if knows is None or knows.value is None or knows.low is None:
        return None
    pair = f"{fact['low']} from {fact['high']}"
    if knows.low > 0.5:
        return f"tells {pair} in {percent(knows.value)} of cases (guessing: 50%)"
    return f"does not tell {pair} better than guessing ({percent(knows.value)}, {interval(knows, 'overall')})"


def _used(r: LayerReading, attribute: str, guess: float | None, unit: Unit, all_rows: Estimate | None) -> str:
    before, after, closed = r.record.before, r.record.after, r.record.closed
    if before is None or after is None or closed is None or before.value is None:
        return ""
    if all_rows is not None and not all_rows.excludes_zero:
        return f"; there is no sure gap in scores between groups of {attribute} ({_doubt(all_rows, unit)})"
    if not before.excludes_zero:
        if all_rows is not None:
            return f"; too few sampled rows to see what erasing {attribute} there does to the gap in scores"
        return f"; there is no sure gap in scores between them ({_size(before.value, unit)})"
    where = "" if all_rows is None else " in the sample"
    if not closed.excludes_zero:
        known = closed.low is not None and closed.high is not None
        by = f" (it closes {interval_in(closed, points if unit == 'points' else plain)})" if known else ""
        return f"; erasing {attribute} there does not surely change the gap of {_size(before.value, unit)}{where}{by}"
    assert closed.value is not None
    if closed.value < 0:
        return f"; erasing {attribute} there widens the gap by {_size(-closed.value, unit)}"
    share = closed.value / before.value
    text = f"; erasing {attribute} there closes {'all' if share >= 1 else percent(share)} of the gap of "
    text += f"{_size(before.value, unit)}{where} ({_left(after, unit)}){_cost(r, guess)}"
    if after.high is not None and after.high < 0:
        text += f", and turns it round ({_size(-(after.value or 0), unit)} the other way)"
    random = r.record.random
    if random is not None and before.value - random >= closed.value:
        text += ", which is no more than erasing anything else does"
    return text


def _left(after: Estimate, unit: Unit) -> str:
    """What remains of the gap, with its interval."""
    write = points if unit == "points" else plain
    sure = "" if after.low is None else f", {interval_in(after, write)}"
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


def unused(readings: list[LayerReading], unit: Unit) -> bool:
    """Whether erasing at every hidden layer surely leaves the gap nearly as it is, be there one or not."""
    inner = hidden(readings)
    erased = [r for r in inner if r.record.closed is not None and r.record.before is not None]
    if not erased or len(erased) < len(inner):  # of a layer that was not erased nothing is known
        return False
    for r in erased:
        before, closed = r.record.before, r.record.closed
        assert before is not None
        assert closed is not None
        if before.value is None or closed.low is None or closed.high is None:
            return False
        small = SMALL * abs(before.value) if before.excludes_zero else POINT if unit == "points" else 0.0
        if max(abs(closed.low), abs(closed.high)) > small:
            return False
    return True
