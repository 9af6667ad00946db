"""What every figure has: a title that is its finding, a line that says what is drawn, a sentence and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import NamedTuple

from auditkit.formatting import NOTHING, confidence, in_unit
from auditkit.records import Estimate, Status, Unit
from auditkit.report.html.told import Told, deck
from auditkit.report.vocabulary import number, range_in, shown

OPEN = 4
"""Statements that stand open beside a figure."""

WIDEST = 12
"""Columns for which the style sheet has a class."""


class Judged(NamedTuple):
    """A cell that is a verdict: its shape before the word."""

    status: Status


class TableView(NamedTuple):
    """A table as text; the first column holds the row heads, numbers stand right."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Judged, ...], ...]
    words: Container[int] = (0,)
    """The columns that are words, which stand left."""
    note: str = ""
    folded: bool = False
    """True for an exhibit that does not stand open."""

    @property
    def classes(self) -> str:
        """Classes that say which columns stand right: one word a table is shorter than one a cell.

        >>> TableView("", ("a", "b", "c"), ()).classes, TableView("", ("a", "b", "c"), (), range(2)).classes
        ('nums', 'c3')
        """
        right = [i not in self.words for i in range(len(self.columns))]
        return "nums" if all(right[1:]) else " ".join(f"c{i + 1}" for i, r in enumerate(right[:WIDEST]) if r)


class Names:
    """Tells tables of one name apart by a number, for those who go from table to table by name."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def caption(self, text: str) -> str:
        """The name, numbered from its second use on."""
        self._seen[text] += 1
        return text if self._seen[text] == 1 else f"{text} ({self._seen[text]})"

    def table(self, t: TableView) -> TableView:
        """A table with a caption of its own."""
        return t._replace(caption=self.caption(t.caption))


class Figure(NamedTuple):
    """The frame of a chart."""

    title: str
    subtitle: str
    sentence: str
    """What the figure itself has to say."""
    table: TableView
    told: Told = Told()
    """What the findings state, the leading one first, and note."""

    @property
    def lines(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """What follows the title in the statement that it begins; the statements beside the figure; the others."""
        rest, others = deck(self.title, self.told.statements)
        return rest, others[:OPEN], others[OPEN:]


def cells(e: Estimate | None, unit: str = "percent", *, few: bool = False) -> tuple[str, str]:
    """Value and interval of an estimate, or why there is none.

    Of too few people the count stands there; where it is no count, its value only if `few`.

    >>> cells(Estimate(value=0.5, low=0.4, high=0.6))
    ('50.0%', '40.0–60.0')
    """
    if e is None:
        return NOTHING, ""
    if e.state == "undefined" or e.value is None:
        return NOTHING, shown(e.note, empty="nobody to count")
    if e.state == "sparse":
        return in_unit(e.value, unit) if few and e.numerator is None else of(e), "too few to tell"
    return in_unit(e.value, unit), range_in(e, unit)


def bracketed(value: str, interval: str) -> str:
    """Both in one cell.

    >>> bracketed("50.0%", "40.0–60.0"), bracketed("50.0%", "")
    ('50.0% (40.0–60.0)', '50.0%')
    """
    return f"{value} ({interval})" if interval else value


def cut_to(kept: int, every: int, what: str = "rows") -> str:
    """How the caption of a table that is cut ends."""
    return f"; {number(kept)} of {number(every)} {what}, all in the JSON report" if kept < every else ""


def of(e: Estimate) -> str:
    """A rate as a count: "2 of 6"."""
    if e.numerator is None or e.denominator is None:
        return NOTHING
    return f"{e.numerator:,.0f} of {e.denominator:,.0f}"


def counted(e: Estimate) -> int:
    """How many people a rate is about: its denominator, else its rows."""
    return round(e.denominator) if e.denominator is not None else e.n


def level_text(e: Estimate | None) -> str:
    """The level of an interval: "95%"."""
    return confidence(e.level if e else 0.95)


def as_points(unit: Unit) -> Unit:
    """The unit of a gap, whose shares are written as points."""
    return "points" if unit == "percent" else unit


def amount(v: float | None, unit: Unit) -> str:
    """A part of a gap, or a gap, without its unit: shares as points.

    >>> amount(0.0725, "percent"), amount(-1234.5, "")
    ('7.2', '−1,234')
    """
    return in_unit(v, as_points(unit))


def unit_words(unit: Unit, before: str = ", ") -> str:
    """The unit of shares behind what is counted in it; a plain number or a ratio needs no word.

    >>> unit_words("points"), unit_words("ratio")
    (', points', '')
    """
    return f"{before}{unit}" if unit in ("points", "percent") else ""
