"""Subgroups that stand out: the confirmed ones with their interval and in people, the others in a line."""

from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.formatting import in_unit, listed
from auditkit.records import Estimate, Finding, Table
from auditkit.report.html.figures import Figure, Names, TableView, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_over, mark
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.vocabulary import kind_of, range_in, shown, upper_first, whole_percent

COLUMNS = ("Subgroup", "Confirmed", "Counted rows", "Difference", "Lower limit", "Upper limit")
"""Of the table of tested subgroups, what a row needs; the two columns before the difference are the rates."""
MOST = 12
"""Rows that are drawn; the table has all."""
NAMED = 4
"""Subgroups that are not confirmed, by name."""


class Row(NamedTuple):
    """One confirmed subgroup."""

    label: str
    n: str
    mark: Mark
    value: str
    range: str
    words: str
    """In people: "1 in 4 wrong, against 1 in 17"."""


class Subgroups(NamedTuple):
    """The figure."""

    figure: Figure
    axis: Axis
    zero: float | None
    rows: tuple[Row, ...]


class _Tested(NamedTuple):
    label: str
    confirmed: bool
    n: int
    own: float
    rest: float
    difference: Estimate


def view(look: Lookup, names: Names) -> Subgroups | None:
    """The first search that confirmed any, and whose result the report asserts; None if none did."""
    for f in look.report.findings:
        tested = _tested(f) if f.concern == "subgroups" and not f.alone else []
        if any(t.confirmed for t in tested):
            return _view(look, f, tested, names)
    return None


def _tested(f: Finding) -> list[_Tested]:
    """The subgroups of the table of a search, in its order."""
    for x in exhibits_of(f, Table):
        if not set(COLUMNS) <= set(x.columns):
            continue
        at = [x.columns.index(c) for c in COLUMNS]
        out = []
        for row in x.rows:
            label, confirmed, n, value, low, high = (row[i] for i in at)
            own, rest = row[at[3] - 2], row[at[3] - 1]
            numbers = [v for v in (n, own, rest, value, low, high) if isinstance(v, int | float)]
            if len(numbers) == 6:
                e = Estimate(
                    value=numbers[3], low=numbers[4], high=numbers[5], level=f.estimate.level, n=int(numbers[0])
                )
                out.append(_Tested(shown(str(label)), confirmed == "yes", int(numbers[0]), numbers[1], numbers[2], e))
        return out
    return []


def _view(look: Lookup, f: Finding, tested: list[_Tested], names: Names) -> Subgroups:
    sure, rates = [t for t in tested if t.confirmed], kind_of(f.metric, f.unit) == "share"
    unit, word = "points" if rates else "", look.say.short(f.metric)
    drawn = sure[:MOST]
    axis = axis_over([x for t in drawn for x in (t.difference.low, t.difference.high)], unit)
    rows = tuple(
        Row(
            t.label,
            f"n {t.n:,}",
            mark(axis, t.difference, "n"),
            _signed(t.difference, unit),
            range_in(t.difference, unit),
            words(t.own, t.rest, word) if rates else "",
        )
        for t in drawn
    )
    first = rows[0]
    title = f"{first.label}: {first.words}" if first.words else f"{first.label}: {first.value} more than everybody else"
    known = METRICS.get(f.metric)
    figure = Figure(
        name="Confirmed subgroups",
        title=title,
        subtitle=f"{known.title if known else upper_first(shown(f.metric))}: difference between each subgroup and "
        f"everybody else{', in points' if rates else ''}. Line: {level_text(f.estimate)} interval. Found on one half "
        "of the rows, confirmed on the other.",
        sentence=_others([t.label for t in tested if not t.confirmed], len(sure) - len(drawn)),
        table=TableView("", (), ()),
    )
    return Subgroups(names.figure(figure), axis, axis.at(0.0) if axis.low < 0 < axis.high else None, rows)


def _signed(e: Estimate, unit: str) -> str:
    return ("+" if (e.value or 0.0) > 0 else "") + in_unit(e, unit)


def _others(names: list[str], more: int) -> str:
    """What is not drawn, in a line."""
    told = f"{more} more are confirmed: see the table. " if more else ""
    if not names:
        return told.strip()
    rest = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return f"{told}Not confirmed on the other half: {listed([*names[:NAMED], *rest])}."


def words(own: float, rest: float, word: str) -> str:
    """Two rates in people.

    >>> words(0.25, 0.06, "wrong"), words(0.61, 0.2, "wrong"), words(0.97, 0.6, "right")
    ('1 in 4 wrong, against 1 in 17', '61 of 100 wrong, against 20', '97 of 100 right, against 60')
    >>> words(1.0, 0.13, "wrong")
    'all wrong, against 13 of 100'
    """
    if 0 < max(own, rest) <= 0.35 and min(own, rest) > 0 and round(1 / own) != round(1 / rest):
        return f"1 in {round(1 / own):,} {word}, against 1 in {round(1 / rest):,}"
    if own >= 1 > rest:
        return f"all {word}, against {whole_percent(rest).removesuffix('%')} of 100"
    base = 100 if round(100 * own) != round(100 * rest) else 1_000
    return f"{round(base * own):,} of {base:,} {word}, against {round(base * rest):,}"
