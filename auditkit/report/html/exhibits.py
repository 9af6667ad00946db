"""Exhibits as views: one chart a kind of exhibit, whatever check made it. Tables stay tables, estimates are rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from auditkit.formatting import BOUNDS, NOTHING, in_unit
from auditkit.records import Estimate, Finding, GroupEstimates, Table, Unit
from auditkit.report.html.figures import Judged, Names, TableView, bracketed, cells, counted, cut_to, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_over, mark
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.lookup import counts as does_count
from auditkit.report.vocabulary import STATUS, shown

MOST = 12
"""Rows of one block that are drawn; the table has all."""

_PLAIN: Unit = ""
_UNITS: dict[str, Unit] = {"percent": "percent", "share": "percent", "points": "points", "ratio": "ratio"}
"""Units of `GroupEstimates`, in words, that are no plain numbers."""


class Row(NamedTuple):
    """One estimate with its mark."""

    label: str
    n: str
    mark: Mark
    value: str
    range: str
    note: str
    """In place of a mark, where there is none."""
    limit: float | None = None
    """Where the limit of a rule about this very value lies."""


class Block(NamedTuple):
    """Rows that belong together: the groups of one attribute."""

    title: str
    rows: tuple[Row, ...]


class Chart(NamedTuple):
    """Rows on one axis."""

    title: str
    blocks: tuple[Block, ...]
    axis: Axis
    zero: float | None = None
    """Where 0 lies, if inside the plot."""
    everybody: float | None = None
    """Where the value of everybody lies, if that is drawn."""
    everybody_words: str = ""
    cut: bool = False
    """True if rows were left to the table."""

    @property
    def limited(self) -> bool:
        """Whether some row has a limit."""
        return any(r.limit is not None for b in self.blocks for r in b.rows)


class Named(NamedTuple):
    """What a row is of."""

    label: str
    estimate: Estimate
    tone: str
    limit: float | None = None


def chart(
    title: str,
    blocks: Iterable[tuple[str, Sequence[Named]]],
    unit: str,
    axis: Axis | None = None,
    *,
    everybody: Estimate | None = None,
    least: float = 0.01,
    few: bool = True,
    counts: str = "",
) -> Chart:
    """Estimates as rows; of more than twelve in a block those surest to differ from 0, or from everybody, are drawn.

    An axis of shares reaches `least`: a hundredth of one percent is nothing to look at. `few` as in `cells`;
    `counts` as in `row_of`.
    """
    middle = None if everybody is None else everybody.value
    told = [(name, list(rows)) for name, rows in blocks if rows]
    kept = [(name, _surest(rows, middle or 0.0)) for name, rows in told]
    every = [r for _, rows in kept for r in rows]
    axis = axis or _axis([r.estimate for r in every], [r.limit for r in every], unit, least)
    return Chart(
        title=title,
        blocks=tuple(Block(name, tuple(row_of(axis, *r, few=few, counts=counts) for r in rows)) for name, rows in kept),
        axis=axis,
        zero=axis.at(0.0) if axis.low < 0 < axis.high else None,
        everybody=axis.place(middle),
        everybody_words="" if middle is None else f"everybody {in_unit(middle, unit)}",
        cut=any(len(rows) > MOST for _, rows in told),
    )


def _axis(estimates: Iterable[Estimate], limits: Iterable[float | None], unit: str, least: float) -> Axis:
    ends = [*_ends(estimates), *(x for x in limits if x is not None)]
    of_shares = unit in ("percent", "points") and ends and min(ends) >= 0
    return axis_over([*ends, least if of_shares else None], unit)


def _ends(estimates: Iterable[Estimate]) -> Iterator[float]:
    """Every value, and every limit, of what counts."""
    return (x for e in estimates if does_count(e) for x in (e.value, e.low, e.high) if x is not None)


class Group(NamedTuple):
    """An exhibit of estimates: charts, one a series, and their table."""

    title: str
    charts: tuple[Chart, ...]
    table: TableView


def group(look: Lookup, f: Finding, x: GroupEstimates, rows: int, names: Names) -> Group:
    """An exhibit of estimates; its table has at most so many rows."""
    return Group(shown(x.title), estimates(look, f, x), names.table(table_of_estimates(look, f, x, rows)))


def series_of(look: Lookup, f: Finding, x: GroupEstimates) -> list[tuple[str, str]]:
    """What each series is called, and its mark: the words of its group where the exhibit, or its name, says which."""
    told = []
    for i, name in enumerate(x.series):
        of = x.groups[i] if x.groups else {}
        known = {a: v for a, v in of.items() if v is not None}
        told.append((look.say.label(known), look.tone(known)) if known and known == of else look.line(f.by, name))
    return told


def estimates(look: Lookup, f: Finding, x: GroupEstimates) -> tuple[Chart, ...]:
    """One small chart a series, at most twelve, all on one axis."""
    unit = _UNITS.get(x.unit.casefold(), "")
    axis = axis_over(_ends(e for _, es in x.rows for e in es), unit)
    charts = []
    for i, (name, tone) in enumerate(series_of(look, f, x)[:MOST]):
        heads = [look.row(f.by, label, tone) for label, _ in x.rows]
        rows = [Named(head, es[i], own) for (head, own), (_, es) in zip(heads, x.rows, strict=True) if i < len(es)]
        charts.append(chart(name, [("", rows)], unit, axis))
    return tuple(charts)


def table_of_estimates(look: Lookup, f: Finding, x: GroupEstimates, tallest: int = 60) -> TableView:
    """Every value of an exhibit, with its interval where the table is not too large for it."""
    unit = _UNITS.get(x.unit.casefold(), "")
    rows = x.rows[:tallest]
    caption = f"{shown(x.title)}, in {shown(x.unit, empty='its own unit')}{cut_to(len(rows), len(x.rows))}"
    full = len(rows) * len(x.series) <= 400
    texts = [[bracketed(*cells(e, unit, few=True)) if full else in_unit(e, unit) for e in es] for _, es in rows]
    body = tuple((look.row(f.by, label)[0], *own) for (label, _), own in zip(rows, texts, strict=True))
    return TableView(caption, ("What", *(name for name, _ in series_of(look, f, x))), body)


def table(x: Table, tallest: int, names: Names) -> TableView:
    """A table as text; a missing value is a dash, and the note says what the dash means."""
    units = [x.units[i] if i < len(x.units) else _PLAIN for i in range(len(x.columns))]
    rows = x.rows[:tallest]
    blank = any(v is None for row in rows for v in row)
    return TableView(
        caption=names.caption(f"{shown(x.title)}{cut_to(len(rows), len(x.rows))}"),
        columns=tuple(_head(c, unit) for c, unit in zip(x.columns, units, strict=True)),
        rows=tuple(tuple(_cell(v, unit) for v, unit in zip(row, units, strict=False)) for row in rows),
        words=[i for i in range(len(units)) if i == 0 or _are_words(r[i] for r in x.rows if i < len(r))],
        note=f"{NOTHING} stands where a value is not defined or was not measured." if blank else "",
    )


def _head(column: str, unit: str) -> str:
    return f"{shown(column)}, points" if unit == "points" and "point" not in column else shown(column)


def _are_words(values: Iterable[object]) -> bool:
    return all(isinstance(v, str | None) for v in values)


def _cell(value: str | int | float | None, unit: str) -> str | Judged:
    if not isinstance(value, str):
        return in_unit(value, unit)
    known = next((s for s in STATUS if s == value), None) if unit == "verdict" else None
    return Judged(known) if known else shown(value, empty="")


def _surest(rows: list[Named], middle: float) -> list[Named]:
    """All, or the twelve whose interval lies farthest from the middle, in their own order."""
    if len(rows) <= MOST:
        return rows

    def away(r: Named) -> float:
        e = r[1]
        if not does_count(e) or e.low is None or e.high is None:
            return float("-inf")
        return max(e.low - middle, middle - e.high)

    kept = {id(r) for r in sorted(rows, key=away, reverse=True)[:MOST]}
    return [r for r in rows if id(r) in kept]


def row_of(
    axis: Axis, label: str, e: Estimate, tone: str, limit: float | None = None, *, few: bool = False, counts: str = ""
) -> Row:
    """An estimate on an axis, in its unit; what does not count has a note in place of its mark. `counts`: what n is of,
    where that is not rows."""
    n, (value, told) = counted(e), cells(e, axis.unit, few=few)
    size = f"n {n:,} {counts}".rstrip() if n or e.denominator is not None else ""
    if does_count(e):
        return Row(label, size, mark(axis, e, tone), value, told, "", axis.place(limit))
    return Row(label, size, Mark(tone, None), value, "", told)


def level_of(e: Estimate) -> str:
    """What the lines of a chart are: "95% interval", or bounds that are none; empty where nothing has one."""
    if e.method.startswith(BOUNDS):
        return "Line: from the worst case to the best, no interval of chance."
    return f"Line: {level_text(e)} interval." if e.low is not None or e.high is not None else ""
