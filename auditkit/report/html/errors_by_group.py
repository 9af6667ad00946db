"""Errors of predicted numbers by group: too much or too little, and how far off, on one axis, in words."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from auditkit.catalogue.of_numbers import CLAUSES, Side, direction, told
from auditkit.formatting import Like, measured
from auditkit.records import Estimate, Finding, GroupEstimate
from auditkit.report.html.figures import Figure, Names, TableView, bracketed, cells, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_over, mark
from auditkit.report.html.lookup import By, Lookup, counts, established, rated
from auditkit.report.places import OFF, PREDICTED, SIGNED
from auditkit.report.vocabulary import by_words, range_in, upper_first

Sides = Sequence[tuple[Mapping[str, str], Estimate]]


class ErrorRow(NamedTuple):
    """One group."""

    label: str
    n: str
    mark: Mark
    """The signed error."""
    size: float | None
    """Where the mean size of its errors lies."""
    value: str
    """The signed error in words."""
    range: str
    size_words: str
    note: str
    """In place of a mark, where there is none."""


class ErrorBlock(NamedTuple):
    """The groups of one attribute."""

    title: str
    rows: tuple[ErrorRow, ...]


class Errors(NamedTuple):
    """The figure."""

    figure: Figure
    axis: Axis
    zero: float
    blocks: tuple[ErrorBlock, ...]


def in_numbers(f: Finding) -> bool:
    """True for errors and predictions of the declared groups, which are told in the unit of the target."""
    return f.metric in CLAUSES and rated(f) and f.label is None and bool(f.by_group or not f.by)


def write(look: Lookup, x: float, e: Estimate | None = None) -> str:
    """A number in the unit of the target."""
    return measured(x if e is None else Like(x, e), look.unit)


def sentence(look: Lookup, metric: str, sides: Sides) -> str:
    """Values of groups as the first sentence that a reader sees."""
    known = {abs(e.value or 0.0): e for _, e in sides}
    own = [Side(look.say.people(g), e.value or 0.0, not e.excludes_zero) for g, e in sides]
    return told(metric, own, lambda x: write(look, x, known.get(x)), unit=bool(look.unit)) + "."


def clause(look: Lookup, metric: str, low: Mapping[str, str], high: Mapping[str, str]) -> str:
    """That one group has a higher value than another."""
    return CLAUSES[metric].format(low=look.say.people(low), high=look.say.people(high))


def truth(look: Lookup, by: By, sides: Sides) -> list[float]:
    """The mean truth of each group: what is predicted less the error; empty where rows lack either."""
    data = look.report.provenance.data
    if data.missing_target or data.missing_prediction:
        return []
    known = [{tuple(g.group.items()): g.estimate.value for g in look.groups(m, by)} for m in (PREDICTED, SIGNED)]
    found = [[own.get(tuple(g.items())) for own in known] for g, _ in sides]
    return [p - s for p, s in found if p is not None and s is not None] if all(None not in x for x in found) else []


def view(look: Lookup, names: Names) -> Errors | None:
    """Every group of each attribute; None where no errors were measured."""
    bys = [by for by in look.bys() if len(by) == 1 and look.groups(SIGNED, by)]
    if not bys:
        return None
    every = [(by, g) for by in bys for g in look.groups(SIGNED, by)]
    axis = axis_for(look, [(by, g.group, g.estimate) for by, g in every if counts(g.estimate)])
    blocks = tuple(
        ErrorBlock(upper_first(by_words(by)), tuple(_row(look, axis, by, g) for g in look.groups(SIGNED, by)))
        for by in bys
    )
    figure = Figure(
        name="Errors by group",
        title=_title(look, bys),
        subtitle=f"Mean error{unit_words(look)}: left of 0 predictions are too low, right of it too high. Line: "
        f"{level_text(every[0][1].estimate)} interval. Diamond: how far off predictions are on average, whichever way.",
        sentence=_sentence(look, bys),
        table=_table(look, bys),
    )
    return Errors(names.figure(figure), axis, axis.at(0.0), blocks)


def unit_words(look: Lookup) -> str:
    """The unit, where it has a name: ", in h"."""
    return f", in {look.unit}" if look.unit else ""


def axis_for(look: Lookup, rows: Sequence[tuple[By, Mapping[str, str], Estimate]]) -> Axis:
    """One axis for signed errors, their limits, and the sizes of errors."""
    ends = [x for _, _, e in rows for x in (e.value, e.low, e.high)]
    sizes = [size.value for by, g, _ in rows if (size := size_of(look, by, g)) is not None]
    return axis_over([*ends, *sizes])


def size_of(look: Lookup, by: By, group: Mapping[str, str]) -> Estimate | None:
    """How far off predictions are for a group on average."""
    found = next((g.estimate for g in look.groups(OFF, by) if g.group == group), None)
    return found if found is not None and counts(found) else None


def _row(look: Lookup, axis: Axis, by: By, g: GroupEstimate) -> ErrorRow:
    e, size = g.estimate, size_of(look, by, g.group)
    tone = look.shape(by[0], g.group[by[0]])
    if not counts(e) or e.value is None:
        return ErrorRow(look.say.label(g.group), f"n {e.n:,}", Mark(tone, None), None, *cells(e, ""), "", e.note)
    return ErrorRow(
        look.say.label(g.group),
        f"n {e.n:,}",
        mark(axis, e, tone),
        None if size is None else axis.place(size.value),
        direction(e.value, lambda x: write(look, x, e), unit=bool(look.unit)),
        range_in(e, ""),
        "" if size is None else f"off by {measured(size, look.unit)}",
        "",
    )


def _title(look: Lookup, bys: Sequence[By]) -> str:
    found = [f for m in (SIGNED, OFF) for by in bys if (f := look.finding(m, "difference", by)) and established(f)]
    if not found:
        return "Errors: no difference between groups is established"
    f = max(found, key=lambda f: (f.metric == SIGNED, f.estimate.low or 0.0))
    sides = [(g.group, g.estimate) for g in look.sides(f)]
    return sentence(look, f.metric, sides[::-1]).removesuffix(".") if sides else f.title


def _sentence(look: Lookup, bys: Sequence[By]) -> str:
    sizes = [by_words(by) for by in bys if established(look.finding(OFF, "difference", by))]
    if sizes:
        return f"How far off predictions are differs, too, between groups of {' and of '.join(sizes)}."
    return "That one group is further off than another, whichever way, is not established."


def _table(look: Lookup, bys: Sequence[By]) -> TableView:
    metrics = [m for m in look.metrics() if any(look.groups(m, by) for by in bys)]
    rows = []
    for by in bys:
        known = {m: {tuple(g.group.items()): g.estimate for g in look.groups(m, by)} for m in metrics}
        for g in look.groups(SIGNED, by):
            own = [bracketed(*cells(known[m].get(tuple(g.group.items())), "", few=True)) for m in metrics]
            rows.append((f"{upper_first(by_words(by))}: {look.say.label(g.group)}", *own, f"{g.estimate.n:,}"))
    heads = [upper_first(look.say.phrase(m)) for m in metrics]
    return TableView(f"Errors by group{unit_words(look)}", ("Group", *heads, "n"), tuple(rows))
