"""Curves: one small chart a line, all on the same axes, so that groups can be compared without colours."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from auditkit.formatting import NOTHING, plain
from auditkit.records import Curve, Finding, Series
from auditkit.report.html.figures import Names, TableView
from auditkit.report.html.geometry import Axis, Mark, axis_between, axis_over, even_steps
from auditkit.report.html.lookup import Lookup
from auditkit.report.vocabulary import number, several, shown, upper_first

DECADES, PERCENT = ", as a power of ten", ", in percent"
"""How the words of a unit end whose values are logarithms of shares, or shares: both are written as percent."""
SEEN = 2.0
"""Thousandths of the plot that a line may run beside a point."""
DOTS = 30
"""Points up to which each has a mark and its interval; beyond, the line alone."""

LONGEST = 60
"""Points that are drawn; report.json has all."""


class Line(NamedTuple):
    """One small chart."""

    title: str
    tone: str
    """The mark of its group, as in `Mark`."""
    shape: str
    path: str
    """In a box of 1000 × 1000."""
    bars: str
    """Intervals of the points, in the same box."""
    dots: tuple[tuple[str, str], ...]
    """Points, in percent."""
    words: str
    """The chart for those who hear it."""
    against: str = ""
    """The path of what it is compared with, in the same box."""


class Curves(NamedTuple):
    """An exhibit of lines."""

    caption: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    y_ticks: tuple[tuple[float, str], ...]
    """(percent from the top, words)."""
    diagonal: tuple[float, float, float, float] | None
    lines: tuple[Line, ...]
    note: str
    table: TableView | None
    """None where a page has no room for it."""
    zero: float | None = None
    """Where 0 lies, in percent from the top, if lines are on both sides of it."""


def view(look: Lookup, f: Finding, curve: Curve, lines: int, rows: int, names: Names) -> Curves:
    """An exhibit as at most `lines` small charts, and a table of at most `rows` rows."""
    series = _ordered(look, f, curve.series[:lines])
    x = _across(curve.unit_x, [v for s in series for v in s.x], whole=curve.diagonal)
    against = [v for s in series for _, v in s.against]
    y = _axis([*against, *(v for s in series for vs in (s.y, s.low, s.high) for v in vs)], whole=curve.diagonal)
    return Curves(
        caption=shown(curve.title),
        x_title=upper_first(_of(curve.unit_x)),
        y_title=upper_first(shown(curve.unit_y)),
        x=x,
        y=y,
        y_ticks=tuple((round(100 - at, 2), words) for at, words in y.ticks[:: 2 if y.parts == 4 else 1]),
        diagonal=_diagonal(x, y) if curve.diagonal else None,
        lines=tuple(_line(look.line(f.by, s.name), s, x, y, curve.unit_x) for s in series),
        note=_note(curve, lines, zoomed=x.low > 0 or y.low > 0),
        table=names.table(_table(look, f, curve, lines, rows)) if look.roomy else None,
        zero=round(100 - y.at(0.0), 2) if y.low < 0 < y.high else None,
    )


def _ordered(look: Lookup, f: Finding, series: Sequence[Series]) -> list[Series]:
    """Lines of groups in the order of the groups, wherever these are named."""
    order = look.identity.groups(f.by[0]) if len(f.by) == 1 else ()
    return sorted(series, key=lambda s: order.index(s.name) if s.name in order else len(order))


def _of(unit: str) -> str:
    """A unit as a title: "false match rate, each step ten times the one before"."""
    if unit.endswith(DECADES):
        return f"{shown(unit.removesuffix(DECADES))}, each step ten times the one before"
    return shown(unit.removesuffix(PERCENT))


def _across(unit: str, values: Sequence[float | None], *, whole: bool) -> Axis:
    """The axis across: of logarithms whole powers of ten, of which at most six are named."""
    if not unit.endswith(DECADES):
        axis = _axis(values, whole=whole)
        return axis._replace(unit="percent") if unit.endswith(PERCENT) else axis
    told = [v for v in values if v is not None]
    low, high = math.floor(min(told, default=-1.0)), math.ceil(max(told, default=0.0))
    step = max(1, -(-(high - low) // 5))
    parts = max(1, -(-(high - low) // step))
    return Axis(float(high - parts * step), float(high), parts, "decades")


def _written(x: float, unit: str) -> str:
    """A place on the axis across, as its ticks are written, with three digits.

    >>> _written(-1.98, "false match rate, as a power of ten"), _written(0.121, "threshold, in percent")
    ('1.05%', '12.1%')
    """
    if unit.endswith((DECADES, PERCENT)):
        return f"{plain(100 * (10**x if unit.endswith(DECADES) else x))}%"
    return plain(x)


def _axis(values: Sequence[float | None], *, whole: bool) -> Axis:
    """From 0, all of it for shares that fill more than half, unless the lines would lie in a corner."""
    told = [v for v in values if v is not None]
    least, most = min(told, default=0.0), max(told, default=1.0)
    if not whole and 0 < most - least < least:
        return axis_between(least, most)
    return Axis(0.0, 1.0, 4) if least >= 0 and 0.5 < most <= 1 else axis_over([least, most])


def _line(of: tuple[str, str], s: Series, x: Axis, y: Axis, unit: str) -> Line:
    name, tone = of
    kept = [i for i in even_steps(len(s.x), LONGEST) if i < len(s.y)]
    dots, bars, pieces = [], [], list[list[tuple[float, float]]]([[]])
    for i in kept:
        value = s.y[i]
        if value is None:
            pieces.append([])
            continue
        at, up = x.at(s.x[i]), y.at(value)
        pieces[-1].append((10 * at, 1000 - 10 * up))
        dots.append((f"{at:g}", f"{100 - up:.4g}"))
        low, high = (limits[i] if i < len(limits) else None for limits in (s.low, s.high))
        if low is not None and high is not None:
            bars.append(f"M{10 * at:.0f} {1000 - 10 * y.at(low):.0f}V{1000 - 10 * y.at(high):.0f}")
    if not dots:
        return Line(name, tone, "circle", "", "", (), f"{name}: no points")
    words = f"{name}: {several(len(dots), 'point')}, from {_at(s, kept, 0, unit)} to {_at(s, kept, -1, unit)}"
    few = len(dots) <= DOTS
    if s.marked is not None:
        words += f"; {shown(s.mark)}: {_point(s, s.marked, unit)}"
    kept_dots = tuple(dots) if few else _marked(s, x, y)
    shape = Mark(tone, None).shape
    beside = _path([(10 * x.at(a), 1000 - 10 * y.at(b)) for a, b in s.against])
    return Line(name, tone, shape, "".join(map(_path, pieces)), "".join(bars) if few else "", kept_dots, words, beside)


def _path(points: list[tuple[float, float]]) -> str:
    """A line through the points, without those that no eye would miss."""
    shown_ = " ".join(f"{x:.0f} {y:.0f}" for x, y in _bends(points))
    return f"M{shown_}" if shown_ else ""


def _bends(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points between which straight lines miss no other by more than `SEEN` of a thousandth of the plot.

    Source: Douglas & Peucker (1973), Cartographica 10:112.

    >>> _bends([(0, 0), (10, 10), (20, 20), (30, 0)])
    [(0, 0), (20, 20), (30, 0)]
    """
    if len(points) < 3:
        return points
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    off = [
        abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length if length else math.hypot(x - x0, y - y0)
        for x, y in points[1:-1]
    ]
    worst = max(range(len(off)), key=off.__getitem__) + 1
    if off[worst - 1] <= SEEN:
        return [points[0], points[-1]]
    return _bends(points[: worst + 1])[:-1] + _bends(points[worst:])


def _marked(s: Series, x: Axis, y: Axis) -> tuple[tuple[str, str], ...]:
    """The one point that a line of many has a mark for."""
    value = None if s.marked is None else s.y[s.marked]
    if s.marked is None or value is None:
        return ()
    return ((f"{x.at(s.x[s.marked]):g}", f"{100 - y.at(value):.4g}"),)


def _at(s: Series, kept: list[int], end: int, unit: str) -> str:
    return _point(s, [i for i in kept if s.y[i] is not None][end], unit)


def _point(s: Series, i: int, unit: str) -> str:
    return f"{plain(s.y[i])} at {_written(s.x[i], unit)}"


def _diagonal(x: Axis, y: Axis) -> tuple[float, float, float, float] | None:
    """y = x between the edges, as (x1, y1, x2, y2) in percent."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low >= high:
        return None
    return x.at(low), round(100 - y.at(low), 2), x.at(high), round(100 - y.at(high), 2)


def _note(curve: Curve, lines: int, *, zoomed: bool) -> str:
    parts = []
    if curve.diagonal:
        parts.append("Dashed: where the line would lie if the two were equal.")
    if curve.against:
        parts.append(f"{upper_first(shown(curve.against))}.")
    if any(s.low or s.high for s in curve.series):
        parts.append("Upright lines: intervals.")
    marks = dict.fromkeys(
        f"{shown(s.mark)}: {_point(s, s.marked, curve.unit_x)}" for s in curve.series if s.marked is not None
    )
    if marks:
        parts.append(f"Dot: {'; '.join(marks)}.")
    if zoomed:
        parts.append("An axis does not begin at 0.")
    if len(curve.series) > lines:
        parts.append(f"{upper_first(number(lines))} of {number(len(curve.series))} lines are drawn.")
    if any(None in s.y for s in curve.series):
        parts.append("Where a line is broken, there is nobody to count.")
    return " ".join(parts)


def _table(look: Lookup, f: Finding, curve: Curve, lines: int, most: int) -> TableView:
    series = _ordered(look, f, curve.series[:lines])
    points = [(s, i) for s in series for i in range(min(len(s.x), len(s.y)))]
    rows = []
    for s, i in points[:: max(1, -(-len(points) // most))]:
        low, high = (v[i] if i < len(v) else None for v in (s.low, s.high))
        n = f"{s.n[i]:,}" if i < len(s.n) else NOTHING
        rows.append(
            (look.line(f.by, s.name)[0], _written(s.x[i], curve.unit_x), plain(s.y[i]), plain(low), plain(high), n)
        )
    columns = (
        "Line",
        shown(curve.unit_x.removesuffix(DECADES).removesuffix(PERCENT)),
        shown(curve.unit_y),
        "From",
        "To",
        "Rows",
    )
    told = [
        i for i in range(len(columns)) if i < 3 or any(row[i] != NOTHING for row in rows)
    ]  # what nobody gave is none
    cut = len(rows) < sum(len(s.x) for s in curve.series)
    caption = shown(curve.title) + ("; some of the points, all in the JSON report" if cut else "")
    return TableView(caption, tuple(columns[i] for i in told), tuple(tuple(row[i] for i in told) for row in rows))
