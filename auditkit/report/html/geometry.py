"""Values → percentages of a plot's width, as text for SVG attributes."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from auditkit.records import Estimate


class Axis(NamedTuple):
    """A linear axis in `parts` equal steps."""

    low: float
    high: float
    parts: int
    unit: str = ""
    """How its values are written, as `in_unit` names units."""

    def at(self, value: float) -> float:
        """Position in percent, 0 to 100; what lies beyond stands on the edge."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 1)

    def place(self, value: float | None) -> float | None:
        """The same of a value that may not be there."""
        return None if value is None else self.at(value)

    def span(self, start: float, end: float) -> tuple[float, float]:
        """(left edge, width) of a bar, in percent."""
        left, right = self.at(min(start, end)), self.at(max(start, end))
        return left, round(right - left, 1)

    def beyond(self, value: float) -> bool:
        """True for a value right of the axis."""
        return value > self.high * (1 + 1e-9)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(position in percent, value in full, without zeros that say nothing), both ends included.

        >>> Axis(-0.05, 0.05, 2, "points").ticks, Axis(0.0, 1500.0, 1).ticks[-1]
        ([(0.0, '−5'), (50.0, '0'), (100.0, '5')], (100.0, '1,500'))
        """
        step = (self.high - self.low) / self.parts
        return [(round(100 * i / self.parts, 2), self._written(self.low + i * step)) for i in range(self.parts + 1)]

    def _written(self, value: float) -> str:
        if self.unit == "decades":
            return f"{100 * 10.0**value:,.10g}%"
        size = round(100 * value, 6) if self.unit in ("percent", "points") else round(value, 9)
        return f"{size:,g}".replace("-", "−") + ("%" if self.unit == "percent" else "")


_SMALLEST, _LARGEST = 1e-290, 1e300
"""What lies nearer to 0, or farther from it, cannot be divided in steps of double precision: it is drawn at the end."""


def axis_to(most: float, unit: str = "") -> Axis:
    """An axis from 0 to a round number at or above `most`, in four steps.

    >>> axis_to(0.37).high, axis_to(0.37).parts
    (0.4, 4)
    """
    if not most > _SMALLEST:
        return Axis(0.0, 1.0, 4, unit)
    most = min(most, _LARGEST)
    scale = 10.0 ** math.floor(math.log10(most))
    step = next(s for s in (0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 2.5) if 4 * s * scale >= most * (1 - 1e-9))
    return Axis(0.0, _short(4 * step * scale, most), 4, unit)


def _short(end: float, span: float) -> float:
    """An end of an axis without rounding errors; a span of nothing but those keeps two ends."""
    return round(end, max(12, 3 - math.floor(math.log10(span))))


def axis_over(values: Iterable[float | None], unit: str = "") -> Axis:
    """An axis that holds 0 and all values that there are, in four or five round steps.

    >>> axis_over([-0.02, None, 0.07]), axis_over([0.1, 0.37]).high
    (Axis(low=-0.02, high=0.08, parts=5, unit=''), 0.4)
    """
    ends = [0.0, *(v for v in values if v is not None)]
    least, most = min(ends), max(ends)
    if least >= -_SMALLEST:
        return axis_to(most, unit)
    return axis_between(max(least, -_LARGEST), min(most, _LARGEST))._replace(unit=unit)


def axis_between(least: float, most: float) -> Axis:
    """An axis in at most five round steps that holds both ends, `least` < `most`, wherever 0 lies.

    >>> axis_between(0.83, 0.857)
    Axis(low=0.83, high=0.86, parts=3, unit='')
    >>> axis_between(0.7, 0.7000000000000001).parts > 0
    True
    """
    size = max(abs(least), abs(most))
    if most - least <= 1e-12 * size:  # one value, but for rounding
        least, most = least - size / 20, most + size / 20
    span = most - least
    scale = 10.0 ** math.floor(math.log10(span))
    for step in (0.1 * scale * s for s in (2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0)):
        down, up = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
        if up - down <= 5:
            return Axis(_short(down * step, span), _short(up * step, span), up - down)
    raise AssertionError("five steps of half the next power of ten hold every span")


def share_axis(most: float) -> Axis:
    """An axis of shares, never beyond 1.

    >>> share_axis(1.3)
    Axis(low=0.0, high=1.0, parts=4, unit='percent')
    """
    axis = axis_to(most, "percent")
    return axis if axis.high <= 1 else Axis(0.0, 1.0, 4, "percent")


class Mark(NamedTuple):
    """One estimate on a plot: a mark, its interval, and what lies beyond the edge. All in percent of the width."""

    tone: str
    """A class of the style sheet: `a`, `b`, `n` for groups; `fail`, `inconclusive`, `pass`; `open` for a ring."""
    x: float | None
    """The mark; None if it lies beyond the axis or is not defined."""
    low: float | None = None
    high: float | None = None
    over: bool = False
    """True if the interval, or the value, goes on to the right."""

    @property
    def shape(self) -> str:
        """The symbol of the tone."""
        return {"b": "square", "fail": "square", "inconclusive": "diamond", "open": "ring"}.get(self.tone, "circle")


def mark(axis: Axis, e: Estimate | None, tone: str) -> Mark:
    """An estimate as a mark, a ring where it is unstable; no limit on one side draws to the edge."""
    if e is None or e.value is None:
        return Mark(tone, None)
    tone = "open" if e.state == "unstable" else tone
    x = None if axis.beyond(e.value) else axis.at(e.value)
    if e.low is None and e.high is None:
        return Mark(tone, x, over=x is None)
    low = 0.0 if e.low is None else axis.at(e.low)
    high = 100.0 if e.high is None else axis.at(e.high)
    over = e.high is None or axis.beyond(e.high)
    return Mark(tone, x, low, high, over)


def even_steps(n: int, most: int) -> list[int]:
    """Positions of at most `most` of n, in even steps, the first and the last among them.

    >>> even_steps(3, 4), even_steps(10, 4)
    ([0, 1, 2], [0, 3, 6, 9])
    """
    return list(range(n)) if n <= most else [round(i * (n - 1) / (most - 1)) for i in range(most)]
