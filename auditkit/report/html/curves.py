"""Curves: one small chart a line, all on the same axes, so that groups can be compared without colours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from auditkit.records import Curve, Series
from auditkit.report.html.figures import TableView
from auditkit.report.html.geometry import Axis, axis_over
from auditkit.report.words import several, shown, upper_first
from auditkit.wording import plain

MOST = 12
"""Lines that are drawn."""

DOTS = 30
"""Points up to which each has a mark and its interval; beyond, the line alone."""

LONGEST = 60
"""Points that are drawn, and rows of the table; report.json has all."""


class Dot(NamedTuple):
    """A point with its interval, in percent of the plot."""

    x: float
    y: float
    low: float | None
    high: float | None


class Line(NamedTuple):
    """One small chart."""

    title: str
    path: str
    """In a box of 1000 × 1000."""
    dots: tuple[Dot, ...]
    words: str
    """The chart for those who hear it."""


class Curves(NamedTuple):
    """An exhibit of lines."""

    caption: str
    x_title: str
    y_title: str
    x: Axis
    y: Axis
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    """(percent from the top, words)."""
    diagonal: tuple[float, float, float, float] | None
    lines: tuple[Line, ...]
    note: str
    table: TableView


def view(curve: Curve) -> Curves:
    """An exhibit as small charts and a table."""
    series = curve.series[:MOST]
    x = _axis(v for s in series for v in s.x)
    y = _axis(v for s in series for vs in (s.y, s.low, s.high) for v in vs)
    return Curves(
        caption=shown(curve.title),
        x_title=upper_first(shown(curve.unit_x)),
        y_title=upper_first(shown(curve.unit_y)),
        x=x,
        y=y,
        x_ticks=tuple((at, _tick(v)) for at, v in x.ticks()),
        y_ticks=tuple((round(100 - at, 2), _tick(v)) for at, v in y.ticks()),
        diagonal=_diagonal(x, y) if curve.diagonal else None,
        lines=tuple(_line(s, x, y) for s in series),
        note=_note(curve),
        table=_table(curve),
    )


def _axis(values: Iterable[float | None]) -> Axis:
    """Shares between 0 and 1 keep the whole of it where they need more than half."""
    told = [v for v in values if v is not None]
    least, most = min(told, default=0.0), max(told, default=1.0)
    return Axis(0.0, 1.0, 4) if least >= 0 and 0.5 < most <= 1 else axis_over(least, most)


def _tick(x: float) -> str:
    return f"{round(x, 9):,g}".replace("-", "−")


def _thinned(n: int) -> list[int]:
    """Indices of at most `LONGEST` points, the first and the last among them."""
    if n <= LONGEST:
        return list(range(n))
    return sorted({round(i * (n - 1) / (LONGEST - 1)) for i in range(LONGEST)})


def _line(s: Series, x: Axis, y: Axis) -> Line:
    kept = [i for i in _thinned(len(s.x)) if i < len(s.y)]
    dots, path, pen = [], [], "M"
    for i in kept:
        value = s.y[i]
        if value is None:
            pen = "M"
            continue
        at, up = x.at(s.x[i]), y.at(value)
        path.append(f"{pen}{10 * at:.0f} {1000 - 10 * up:.0f}")
        pen = "L"
        low, high = (_up(limits, i, y) for limits in (s.low, s.high))
        dots.append(Dot(at, round(100 - up, 2), low, high))
    name = "Everybody" if s.name in ("overall", "everybody") else upper_first(shown(s.name))
    words = f"{name}: {several(len(dots), 'point')}, from {_at(s, kept, 0)} to {_at(s, kept, -1)}" if dots else name
    return Line(name, "".join(path), tuple(dots) if len(dots) <= DOTS else (), words)


def _up(limits: tuple[float | None, ...], i: int, y: Axis) -> float | None:
    value = limits[i] if i < len(limits) else None
    return None if value is None else round(100 - y.at(value), 2)


def _at(s: Series, kept: list[int], end: int) -> str:
    i = [i for i in kept if s.y[i] is not None][end]
    return f"{plain(s.y[i])} at {plain(s.x[i])}"


def _diagonal(x: Axis, y: Axis) -> tuple[float, float, float, float] | None:
    """y = x between the edges, as (x1, y1, x2, y2) in percent."""
    low, high = max(x.low, y.low), min(x.high, y.high)
    if low >= high:
        return None
    return x.at(low), round(100 - y.at(low), 2), x.at(high), round(100 - y.at(high), 2)


def _note(curve: Curve) -> str:
    parts = []
    if curve.diagonal:
        parts.append("Dashed: where the line would lie if the two were equal.")
    if any(s.low or s.high for s in curve.series):
        parts.append("Upright lines: intervals.")
    if len(curve.series) > MOST:
        parts.append(f"{MOST} of {len(curve.series)} lines are drawn.")
    if any(None in s.y for s in curve.series):
        parts.append("Where a line is broken, there is nobody to count.")
    return " ".join(parts)


def _table(curve: Curve) -> TableView:
    series = curve.series[:MOST]
    rows = []
    for s in series:
        kept = [i for i in _thinned(len(s.x)) if i < len(s.y)]
        for i in kept[:: 1 if len(series) * len(kept) <= 4 * LONGEST else 4]:
            low, high = (v[i] if i < len(v) else None for v in (s.low, s.high))
            n = f"{s.n[i]:,}" if i < len(s.n) else ""
            rows.append((shown(s.name), plain(s.x[i]), plain(s.y[i]), plain(low), plain(high), n))
    columns = ("Line", shown(curve.unit_x), shown(curve.unit_y), "From", "To", "Rows")
    cut = len(rows) < sum(len(s.x) for s in curve.series)
    caption = shown(curve.title) + ("; some of the points, all in the JSON report" if cut else "")
    return TableView(caption, columns, tuple(rows))
