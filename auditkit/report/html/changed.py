"""The figure of what changed: every group before and now, under each rate, with the change and its interval."""

from typing import NamedTuple

from auditkit.catalogue.for_worse import beyond, worse
from auditkit.formatting import in_unit
from auditkit.records import Estimate, Finding, GroupEstimates, Table
from auditkit.report.changes import of_changes, told
from auditkit.report.html.exhibits import table
from auditkit.report.html.figures import Figure, Names, TableView, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_over, share_axis
from auditkit.report.html.lookup import Lookup, counts, exhibits_of
from auditkit.report.html.views import Room
from auditkit.report.vocabulary import by_words, range_in, upper_first

MOST = 12
"""Groups of a block that are drawn: those that changed most surely; the table has all."""


class ChangedRow(NamedTuple):
    """One group."""

    label: str
    n: str
    mark: Mark
    """Now; without an interval, which is that of the change."""
    old: float | None
    value: str
    range: str
    word: str
    """"worse", or nothing."""
    note: str


class Changed(NamedTuple):
    """One figure."""

    figure: Figure
    blocks: tuple[tuple[str, tuple[ChangedRow, ...]], ...]
    axis: Axis
    tables: tuple[TableView, ...]
    """The decisions that changed, by group."""


def view(look: Lookup, names: Names) -> Changed | None:
    """Of the first attribute that was compared; None where nothing changed hands, or no group is told."""
    found = [f for f in of_changes(look.report) if f.by and exhibits_of(f, GroupEstimates)]
    if not found:
        return None
    by = min((f.by for f in found), key=len)
    found = [f for f in found if f.by == by]
    pairs = {f.id: _pairs(f) for f in found}
    ends = [e.value for p in pairs.values() for both in p for e in both if e.value is not None]
    unit = "percent" if exhibits_of(found[0], GroupEstimates)[0].unit == "percent" else ""
    axis = share_axis(max(ends, default=1.0)) if unit else axis_over(ends)
    sure = {f.id: f.surest.groups[0] for f in found if f.surest is not None and not f.alone}
    blocks = tuple((_head(look, f), _rows(look, f, pairs[f.id], axis, sure.get(f.id))) for f in found)
    level = level_text(found[0].estimate)
    figure = Figure(
        "Before and now",
        f"Before and now, by {by_words(by)}",
        "Ring: the older model; filled: this one. Beside: the change"
        f"{' in points' if unit else ''}, with the paired {level} interval of that group "
        "alone; a sentence about all groups together has a wider one.",
        told(look.report),
        _table(look, found, pairs, unit),
    )
    flips = [x for f in of_changes(look.report) for x in exhibits_of(f, Table)]
    return Changed(names.figure(figure), blocks, axis, tuple(table(x, Room.of(look).rows, names) for x in flips))


def _pairs(f: Finding) -> list[tuple[Estimate, Estimate]]:
    x = exhibits_of(f, GroupEstimates)[0]
    return [(es[0], es[1]) for _, es in x.rows if len(es) > 1]


def _head(look: Lookup, f: Finding) -> str:
    return upper_first(look.say_of(f.label).phrase(f.metric))


def _rows(
    look: Lookup, f: Finding, pairs: list[tuple[Estimate, Estimate]], axis: Axis, sure: dict[str, str] | None
) -> tuple[ChangedRow, ...]:
    """The groups of one rate; of the one that surely changed, among all of the report, whether for the worse."""
    rows = list(zip(f.by_group, pairs, strict=False))
    kept = {id(r) for r in sorted(rows, key=lambda r: -_surely(r[0].estimate))[:MOST]}
    out = []
    for g, (old, new) in (r for r in rows if id(r) in kept):
        e = g.estimate
        known = counts(e)
        out.append(
            ChangedRow(
                look.say.label(g.group),
                f"n {e.n:,}",
                Mark(look.tone(g.group), axis.place(new.value) if known else None),
                axis.place(old.value) if known else None,
                _signed(e, axis.unit) if known else "",
                range_in(e, _moved_in(axis.unit)) if known else "",
                _word(f) if g.group == sure else "",
                "" if known else e.note,
            )
        )
    return tuple(out)


def _surely(e: Estimate) -> float:
    return max(e.low or 0.0, -(e.high or 0.0)) if counts(e) else -1.0


def _signed(e: Estimate, unit: str) -> str:
    return f"{'+' if (e.value or 0.0) > 0 else ''}{in_unit(e, _moved_in(unit))}"


def _moved_in(unit: str) -> str:
    """The unit of a change."""
    return "points" if unit == "percent" else unit


def _word(f: Finding) -> str:
    for_worse = worse(f.metric, f.comparison)
    return "worse" if for_worse and beyond(f.comparison, f.estimate) else ""


def _table(
    look: Lookup, found: list[Finding], pairs: dict[str, list[tuple[Estimate, Estimate]]], unit: str
) -> TableView:
    rows = tuple(
        (
            f"{_head(look, f)}: {look.say.label(g.group)}",
            in_unit(old.value, unit),
            in_unit(new.value, unit),
            _signed(g.estimate, unit),
            range_in(g.estimate, _moved_in(unit)) or g.estimate.note,
            f"{g.estimate.n:,}",
        )
        for f in found
        for g, (old, new) in zip(f.by_group, pairs[f.id], strict=False)
    )
    return TableView(
        "Before and now", ("What", "Before", "Now", "Change, points" if unit else "Change", "Interval", "n"), rows
    )
