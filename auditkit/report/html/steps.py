"""Lines, bands and bars over the thresholds of an explorer, as paths in a box of `WIDE` × `HIGH`."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

WIDE, HIGH = 1000, 200
_T = TypeVar("_T")


class Line(NamedTuple):
    """A line with its band, and how high its axis goes."""

    path: str
    band: str
    low: float
    high: float

    def up(self, value: float) -> float:
        """Where a value stands, in percent from the top."""
        return round(100 * (1 - (value - self.low) / (self.high - self.low)), 1)


def across(i: int, steps: int) -> int:
    """Where a threshold stands."""
    return round(WIDE * i / (steps - 1))


def bars(rows: Sequence[int], most: float) -> str:
    """What stands between neighbouring thresholds as bars from the base line, the highest of `most` rows.

    >>> bars([1, 2], 2)
    'M0 200V100H500V0H1000V200z'
    """
    steps, y = len(rows) + 1, [HIGH - round(HIGH * n / most) if most else HIGH for n in rows]
    out, last = f"M0 {HIGH}", HIGH
    for i, up in enumerate(y):
        out += ("" if up == last else f"V{up}") + f"H{across(i + 1, steps)}"
        last = up
    return f"{out}V{HIGH}z"


def line_of(
    value: Sequence[float | None],
    low: Sequence[float | None] = (),
    high: Sequence[float | None] = (),
    *,
    ends: tuple[float, float],
) -> Line:
    """A line broken where nothing is known, with its band where both limits are."""
    steps, (least, most) = len(value), ends

    def at(i: int, x: float) -> str:
        share = min(max((x - least) / (most - least), 0.0), 1.0)
        return f"{across(i, steps)} {HIGH - math.floor(HIGH * share + 0.5)}"

    path = "".join(f"M{' '.join(at(i, x) for i, x in run)}" for run in _runs(value))
    both = [None if a is None or b is None else (a, b) for a, b in zip(low, high, strict=True)]
    band = "".join(
        f"M{' '.join([*(at(i, b) for i, (_, b) in run), *(at(i, a) for i, (a, _) in reversed(run))])}z"
        for run in _runs(both)
    )
    return Line(path, band, least, most)


def _runs(values: Sequence[_T | None]) -> Iterator[list[tuple[int, _T]]]:
    """The known values with their positions, as long as they follow each other."""
    run: list[tuple[int, _T]] = []
    for i, x in enumerate(values):
        if x is None:
            if run:
                yield run
            run = []
        else:
            run.append((i, x))
    if run:
        yield run


def score(x: float) -> str:
    """A threshold: two decimals, more where it lies near 0 or 1.

    >>> score(0.5), score(0.043), score(0.99712)
    ('0.50', '0.043', '0.9971')
    """
    near = min(x, 1 - x)
    return f"{x:.{max(2, 1 - math.floor(math.log10(near)))}f}" if near > 0 else f"{x:g}"


def stands(scores: Sequence[float], x: float) -> float | None:
    """Where a score stands among thresholds, in percent, straight in log-odds between them; None beyond their ends.

    >>> stands([0.2, 0.5, 0.8], 0.5), stands([0.2, 0.5, 0.8], 0.9)
    (50.0, None)
    """
    for i, (a, b) in enumerate(pairwise(scores)):
        if a <= x <= b:
            la, lb, lx = (math.log(s / (1 - s)) for s in (a, b, x))
            return round(100 * (i + (lx - la) / (lb - la)) / (len(scores) - 1), 1)
    return None
