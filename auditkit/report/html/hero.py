"""The chart of the first screen: one or two groups, what the model does to them, and the truth."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from auditkit.catalogue.of_numbers import direction
from auditkit.formatting import percent
from auditkit.records import Estimate
from auditkit.report.html import confusion
from auditkit.report.html.errors_by_group import in_numbers, size_of, truth, unit_words, write
from auditkit.report.html.figures import level_text
from auditkit.report.html.geometry import Axis, Mark, axis_over, mark, share_axis
from auditkit.report.html.leading import Leading, at_most, needed
from auditkit.report.html.lookup import Lookup
from auditkit.report.places import PREDICTED, SELECTED, SIGNED, TRUTH
from auditkit.report.vocabulary import range_in, upper_first


class HeroRow(NamedTuple):
    """One group of the hero chart."""

    label: str
    mark: Mark
    value: str
    range: str
    truth: float | None
    truth_words: str
    tick: float | None
    tick_words: str
    crowded: bool
    """True if a mark stands where the words of the tick would."""
    word: str
    """What stands under the filled mark."""


class Hero(NamedTuple):
    """The chart of the first screen."""

    subtitle: str
    axis: Axis
    rows: tuple[HeroRow, ...]
    sentence: str
    """The chart for those who hear it."""
    zero: float | None = None
    """Where 0 lies, if inside the plot."""
    wide: bool = False
    """True where values take more room than a percentage."""


def view(look: Lookup, lead: Leading) -> Hero:
    """The chart of a comparison that has sides."""
    if in_numbers(lead.finding):
        return _of_numbers(look, lead)
    known: list[float | None] = list(truths(look, lead)) or [None] * len(lead.sides)
    limit = needed(lead)
    seen = [x for _, e in lead.sides for x in (e.value, e.high) if x is not None]
    axis = share_axis(1.25 * max([*seen, *(t for t in known if t is not None), limit or 0.0]))
    rows = tuple(_hero_row(look, lead, axis, i, known[i], limit) for i in range(len(lead.sides)))
    say = look.say_of(lead.label)
    phrase = say.phrase(lead.metric)
    truth_words = f", and share who {say.really()} (truth)" if known[0] is not None else ""
    level = level_text(lead.sides[0][1])
    spoken = [
        f"{r.label} {r.value}, interval {r.range}" + (f", {r.truth_words}" if r.truth_words else "") for r in rows
    ]
    return Hero(
        subtitle=f"Share {phrase}, with {level} intervals{truth_words}",
        axis=axis,
        rows=rows,
        sentence=f"{upper_first(phrase)}: {'; '.join(spoken)}. {rows[0].tick_words}".strip(),
    )


def _of_numbers(look: Lookup, lead: Leading) -> Hero:
    """The signed errors of the sides on one axis, and how far off they are; or what is predicted, and the truth."""
    by, predicted = lead.finding.by, lead.metric == PREDICTED
    own = {tuple(g.group.items()): g.estimate for g in look.groups(SIGNED, by)}
    errors = [(g, own.get(tuple(g.items())) or e) for g, e in lead.sides] if not predicted else list(lead.sides)
    signed = not predicted and all(tuple(g.items()) in own for g, _ in lead.sides)
    found = truth(look, by, lead.sides) if predicted else []
    sizes = [size_of(look, by, g) if signed else None for g, _ in errors]
    rings: list[float | None] = [*found] or [None if size is None else size.value for size in sizes]
    axis = axis_over([x for (_, e), r in zip(errors, rings, strict=True) for x in (e.value, e.low, e.high, r)])
    rows = []
    for i, ((g, e), ring) in enumerate(zip(errors, rings, strict=True)):
        words = direction(e.value or 0.0, partial(_written, look, e), unit=bool(look.unit)) if signed else ""
        ringed = "" if ring is None else f"{'truth' if predicted else 'off by'} {write(look, ring, e)}"
        rows.append(
            HeroRow(
                label=look.say.label(g),
                mark=mark(axis, e, _tone(look, g, i)),
                value=write(look, e.value or 0.0, e),
                range=range_in(e, ""),
                truth=axis.place(ring),
                truth_words=ringed,
                tick=None,
                tick_words="",
                crowded=False,
                word=words or look.say.short(lead.metric),
            )
        )
    what = (
        "Mean error: left of 0 too low, right of it too high" if signed else upper_first(look.say.phrase(lead.metric))
    )
    ring_words = "" if rings[0] is None else "; ring: mean truth" if predicted else "; ring: how far off on average"
    spoken = [
        f"{r.label} {r.word} {r.value}, interval {r.range}" + f", {r.truth_words}" * bool(r.truth_words) for r in rows
    ]
    return Hero(
        subtitle=f"{what}{unit_words(look)}, with {level_text(errors[0][1])} intervals{ring_words}",
        axis=axis,
        rows=tuple(rows),
        sentence=f"{what}: {'; '.join(spoken)}.",
        zero=axis.at(0.0) if axis.low < 0 < axis.high else None,
        wide=True,
    )


def _hero_row(look: Lookup, lead: Leading, axis: Axis, i: int, truth: float | None, limit: float | None) -> HeroRow:
    who, e = lead.sides[i]
    tick = limit if i == 0 else None
    word = "allowed" if at_most(lead) else "needed"
    return HeroRow(
        label=look.say.label(who),
        mark=mark(axis, e, _tone(look, who, i)),
        value=percent(e),
        range=range_in(e, "percent"),
        truth=axis.place(truth),
        truth_words="" if truth is None else f"truth {percent(truth)}",
        tick=axis.place(tick),
        tick_words="" if tick is None else f"{percent(tick)} {word}",
        crowded=tick is not None
        and (
            (e.value is not None and e.value > tick)
            or any(0 < x - tick < 0.3 * axis.high for x in (e.value, e.high, truth) if x is not None)
        ),
        word=look.say_of(lead.label).short(lead.metric),
    )


def truths(look: Lookup, lead: Leading) -> list[float]:
    """The share truly positive in each side; empty unless the headline is about being selected."""
    if lead.metric != SELECTED:
        return []
    if lead.label:
        return _class_truths(look, lead, lead.label)
    overall = look.overall(TRUTH)
    known = {tuple(g.group.items()): g.estimate for g in look.groups(TRUTH, lead.finding.by)}
    sides = [known.get(tuple(g.items())) if g else overall for g, _ in lead.sides]
    values = [e.value for e in sides if e is not None and e.value is not None]
    return values if len(values) == len(lead.sides) else []


def _class_truths(look: Lookup, lead: Leading, label: str) -> list[float]:
    """The same of one class, or of one label."""
    own = look.of_label(TRUTH, "difference", lead.finding.by, label)
    mine = {tuple(g.group.items()): g.estimate.value for g in own.by_group} if own else {}
    known = mine or {**confusion.truths(look, lead.finding.by, label)}
    values = [v for g, _ in lead.sides if (v := known.get(tuple(g.items()))) is not None]
    return values if len(values) == len(lead.sides) else []


def _tone(look: Lookup, who: Mapping[str, str], i: int) -> str:
    """A group's own mark where its attribute has two; else the first side is the circle, the second the square."""
    own = look.shape(*next(iter(who.items()))) if len(who) == 1 else "n"
    return own if own in ("a", "b") else "ab"[min(i, 1)]


def _written(look: Lookup, e: Estimate, x: float) -> str:
    return write(look, x, e)
