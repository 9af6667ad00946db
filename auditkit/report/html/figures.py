"""What every figure has: a title that is its finding, a line that says what is drawn, a sentence and a table."""

import re
from collections import Counter
from collections.abc import Container
from typing import NamedTuple

from markupsafe import Markup

from auditkit.formatting import NOTHING, confidence, in_unit
from auditkit.records import Estimate, Status, Unit
from auditkit.report.html.told import Told, deck
from auditkit.report.vocabulary import number, range_in, shown

ANCHOR = 40
"""Characters of an anchor."""

WIDEST = 12
"""Columns for which the style sheet has a class."""


OF_ALL = (
    "One number can have two intervals: that of a rule about several groups allows for whichever of them is the worst, "
    "that in a chart of groups is of the one group alone."
)
"""Said where one number has both."""


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

    @property
    def classes(self) -> str:
        """Classes that say which columns stand right: one word a table is shorter than one a cell.

        >>> TableView("", ("a", "b", "c"), ()).classes, TableView("", ("a", "b", "c"), (), range(2)).classes
        ('nums', 'c3')
        """
        right = [i not in self.words for i in range(len(self.columns))]
        return "nums" if all(right[1:]) else " ".join(f"c{i + 1}" for i, r in enumerate(right[:WIDEST]) if r)


class Names:
    """Tells tables, and anchors of figures, of one name apart by a number, for those who go from one to the next."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._anchors: Counter[str] = Counter()

    def caption(self, text: str) -> str:
        """The name, numbered from its second use on."""
        self._seen[text] += 1
        return text if self._seen[text] == 1 else f"{text} ({self._seen[text]})"

    def table(self, t: TableView) -> TableView:
        """A table with a caption of its own."""
        return t._replace(caption=self.caption(t.caption))

    def anchor(self, text: str) -> str:
        """Where a link finds what is called so: "f-all-gaps"; letters and digits of ASCII only.

        >>> names = Names()
        >>> names.anchor("All gaps"), names.anchor("all <gaps>"), names.anchor("\u0645")
        ('f-all-gaps', 'f-all-gaps-2', 'f-figure')
        """
        slug = "-".join(re.findall(r"[a-z0-9]+", text.casefold()))[:ANCHOR].strip("-") or "figure"
        self._anchors[slug] += 1
        return f"f-{slug}" if self._anchors[slug] == 1 else f"f-{slug}-{self._anchors[slug]}"

    def figure(self, f: "Figure") -> "Figure":
        """A figure with an anchor, and a table with a caption, of its own."""
        return f._replace(anchor=self.anchor(f.name), table=self.table(f.table))


class Figure(NamedTuple):
    """The frame of a chart."""

    name: str
    """In the contents: two or three words."""
    title: str
    subtitle: str
    sentence: str
    """What the figure itself has to say."""
    table: TableView
    told: Told = Told()
    """What the findings state, the leading one first, and note."""
    anchor: str = ""

    @property
    def lines(self) -> tuple[str, tuple[str, ...]]:
        """The one statement that stands open, less the title where it begins with it; and the others, folded."""
        rest, others = deck(self.title, self.told.statements)
        return (rest, others) if rest or not others else (others[0], others[1:])


_LINES = re.compile(r'<ul class="limits">(.*?)</ul>', re.DOTALL)


def amounts(inside: str) -> str:
    """What the line of a fold says of its inside: a table by its name, else how many of what; empty of nothing.

    >>> str(amounts("<table><caption>Rates</caption></table>"))
    'Table: Rates'
    >>> amounts("<figure></figure><table></table><table></table>")
    'More: 1 figure, 2 tables'
    """
    tables = re.findall(r"<table[^>]*>\s*(?:<caption[^>]*>(.*?)</caption>)?", inside, re.DOTALL)
    figures = len(re.findall(r'<figure|class="exhibit"', inside))
    lines = sum(block.count("<li>") for block in _LINES.findall(inside))
    if len(tables) == 1 and not figures and not lines:
        return Markup(f"Table: {tables[0]}")
    kinds = ((figures, "figure"), (len(tables), "table"), (lines, "statement"))
    told = [f"{n} {what}{'s' * (n != 1)}" for n, what in kinds if n]
    return f"More: {', '.join(told)}" if told else "More" if inside.strip() else ""


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
        return in_unit(e, unit) if few and e.numerator is None else of(e), "too few to tell"
    return in_unit(e, unit), range_in(e, unit)


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
