"""Exhibits as views: one chart a kind of exhibit, whatever check made it. Tables stay tables, estimates are rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from auditkit.formatting import BOUNDS, NOTHING, in_unit
from auditkit.records import Estimate, GroupEstimates, Status, Table, Unit
from auditkit.report.html.figures import Names, TableView, counted, level_text, of, right_columns
from auditkit.report.html.geometry import Axis, Mark, axis_over, mark
from auditkit.report.html.lookup import counts
from auditkit.report.vocabulary import STATUS, number, range_in, shown, upper_first

MOST = 12
"""Rows of one block that are drawn; the table has all."""

OPEN = 25
"""Rows of a table that stands open; a longer one is folded."""

_LEAST = 0.01
"""An axis of shares reaches one percent at least: a hundredth of that is nothing to look at."""

_PLAIN: Unit = ""
_UNITS: dict[str, Unit] = {"percent": "percent", "share": "percent", "points": "points", "ratio": "ratio"}
"""Units of `GroupEstimates`, in words, that are no plain numbers."""


class Cell(NamedTuple):
    """A cell of an exhibit's table."""

    text: str
    status: Status | None = None
    """A verdict, drawn as its shape before the word."""


class Grid(NamedTuple):
    """An exhibit that is a table."""

    caption: str
    columns: tuple[str, ...]
    right: tuple[bool, ...]
    """Columns of numbers, which stand right."""
    rows: tuple[tuple[Cell, ...], ...]
    note: str
    folded: bool

    @property
    def classes(self) -> str:
        """Classes of the table that say which columns stand right."""
        return right_columns(self.right)


class Row(NamedTuple):
    """One estimate with its mark."""

    label: str
    n: str
    mark: Mark
    value: str
    range: str
    note: str
    """In place of a mark, where there is none."""


class Block(NamedTuple):
    """Rows that belong together: the groups of one attribute."""

    title: str
    rows: tuple[Row, ...]


class Chart(NamedTuple):
    """Rows on one axis."""

    title: str
    blocks: tuple[Block, ...]
    axis: Axis
    zero: float | None
    """Where 0 lies, if inside the plot."""
    cut: bool
    """True if rows were left to the table."""


Named = tuple[str, Estimate, str]
"""(label, estimate, tone)."""


def chart(title: str, blocks: Iterable[tuple[str, Sequence[Named]]], unit: str, axis: Axis | None = None) -> Chart:
    """Estimates as rows; of more than twelve in a block those surest to differ from 0 are drawn."""
    told = [(name, list(rows)) for name, rows in blocks if rows]
    kept = [(name, _surest(rows)) for name, rows in told]
    axis = axis or _axis([e for _, rows in kept for _, e, _ in rows], unit)
    drawn = tuple(Block(name, tuple(_row(axis, *r) for r in rows)) for name, rows in kept)
    return Chart(
        title=title,
        blocks=drawn,
        axis=axis,
        zero=axis.at(0.0) if axis.low < 0 < axis.high else None,
        cut=any(len(rows) > MOST for _, rows in told),
    )


def _axis(estimates: Iterable[Estimate], unit: str) -> Axis:
    ends = list(_ends(estimates))
    least = _LEAST if unit in ("percent", "points") and ends and min(ends) >= 0 else None
    return axis_over([*ends, least], unit)


def _ends(estimates: Iterable[Estimate]) -> Iterator[float]:
    """Every value, and every limit, of what counts."""
    return (x for e in estimates if counts(e) for x in (e.value, e.low, e.high) if x is not None)


class Group(NamedTuple):
    """An exhibit of estimates: charts, one a series, and their table."""

    title: str
    charts: tuple[Chart, ...]
    table: TableView


def group(x: GroupEstimates, rows: int, names: Names) -> Group:
    """An exhibit of estimates; its table has at most so many rows."""
    return Group(shown(x.title), estimates(x), names.table(table_of_estimates(x, rows)))


def estimates(x: GroupEstimates) -> tuple[Chart, ...]:
    """One small chart a series, at most twelve, all on one axis."""
    unit = _UNITS.get(x.unit.casefold(), "")
    kept = x.series[:MOST]
    axis = axis_over(_ends(e for _, es in x.rows for e in es), unit)
    return tuple(
        chart(
            "Everybody" if name == "overall" else upper_first(shown(name)),
            [("", [(shown(label), es[i], "n") for label, es in x.rows if i < len(es)])],
            unit,
            axis,
        )
        for i, name in enumerate(kept)
    )


def table_of_estimates(x: GroupEstimates, tallest: int = 60) -> TableView:
    """Every value of an exhibit, with its interval where the table is not too large for it."""
    unit = _UNITS.get(x.unit.casefold(), "")
    rows = x.rows[:tallest]
    caption = f"{shown(x.title)}, in {shown(x.unit, empty='its own unit')}" + _some(len(rows), len(x.rows))
    heads = tuple("Everybody" if s == "overall" else shown(s) for s in x.series)
    full = len(rows) * len(heads) <= 400
    write = _both if full else _value
    body = tuple((shown(label), *(write(e, unit) for e in es)) for label, es in rows)
    return TableView(caption, ("What", *heads), body)


def grid(x: Table, tallest: int = 60, names: Names | None = None) -> Grid:
    """A table as text; a missing value is a dash, and the note says what the dash means."""
    units = [x.units[i] if i < len(x.units) else _PLAIN for i in range(len(x.columns))]
    rows = x.rows[:tallest]
    right = tuple(i > 0 and _numbers(r[i] for r in x.rows if i < len(r)) for i in range(len(units)))
    body = tuple(tuple(_cell(v, unit) for v, unit in zip(row, units, strict=False)) for row in rows)
    caption = shown(x.title) + _some(len(rows), len(x.rows))
    blank = any(v is None for row in rows for v in row)
    return Grid(
        caption=names.caption(caption) if names else caption,
        columns=tuple(_head(c, unit) for c, unit in zip(x.columns, units, strict=True)),
        right=right,
        rows=body,
        note=f"{NOTHING} stands where a value is not defined or was not measured." if blank else "",
        folded=len(rows) > OPEN,
    )


def _head(column: str, unit: str) -> str:
    return f"{shown(column)}, points" if unit == "points" and "point" not in column else shown(column)


def _some(kept: int, all_of: int) -> str:
    return f"; {number(kept)} of {number(all_of)} rows, all in the JSON report" if kept < all_of else ""


def _numbers(values: Iterable[object]) -> bool:
    told = [v for v in values if v is not None]
    return any(not isinstance(v, str) for v in told)


def _cell(value: str | int | float | None, unit: str) -> Cell:
    if unit == "verdict" and isinstance(value, str):
        for status, word in STATUS.items():
            if value == status:
                return Cell(word, status)
    return Cell(shown(value, empty="") if isinstance(value, str) else in_unit(value, unit))


def _surest(rows: list[Named]) -> list[Named]:
    """All, or the twelve whose interval lies farthest from 0, in their own order."""
    if len(rows) <= MOST:
        return rows

    def away(r: Named) -> float:
        e = r[1]
        if not counts(e) or e.low is None or e.high is None:
            return float("-inf")
        return max(e.low, -e.high)

    kept = {id(r) for r in sorted(rows, key=away, reverse=True)[:MOST]}
    return [r for r in rows if id(r) in kept]


def _row(axis: Axis, label: str, e: Estimate, tone: str) -> Row:
    n, unit = counted(e), axis.unit
    size = f"n {n:,}" if n else ""
    if counts(e):
        return Row(label, size, mark(axis, e, tone), in_unit(e.value, unit), range_in(e, unit), "")
    if e.value is None:
        return Row(label, size, Mark(tone, None), NOTHING, "", shown(e.note, empty="nobody to count"))
    value = of(e) if e.numerator is not None else in_unit(e.value, unit)
    return Row(label, size, Mark(tone, None), value, "", "too few to tell")


def texts(e: Estimate, unit: str) -> tuple[str, str]:
    """Value and interval of an estimate, or why there is none."""
    if e.value is None:
        return NOTHING, shown(e.note, empty="nobody to count")
    if e.state == "sparse" and e.numerator is not None:
        return of(e), "too few to tell"
    return in_unit(e.value, unit), "too few to tell" if e.state == "sparse" else range_in(e, unit) or NOTHING


def _value(e: Estimate, unit: str) -> str:
    return in_unit(e.value, unit)


def _both(e: Estimate, unit: str) -> str:
    value, interval = texts(e, unit)
    return f"{value} ({interval})" if interval != NOTHING else value


def level_of(e: Estimate) -> str:
    """What the lines of a chart are: "95% interval", or bounds that are none; empty where nothing has one."""
    if e.method.startswith(BOUNDS):
        return "Line: from the worst case to the best, no interval of chance."
    return f"Line: {level_text(e)} interval." if e.low is not None or e.high is not None else ""
