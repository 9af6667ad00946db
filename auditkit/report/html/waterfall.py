"""Figure 7.7, what makes a gap: one bar a column from the running total, the whole gap under them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from auditkit.catalogue.sentences import CUT
from auditkit.formatting import NOTHING, quotient
from auditkit.records import Contribution, Contributions, Estimate, Finding, Unit
from auditkit.report.html.causes import by_word, gap_words, part, title_of
from auditkit.report.html.figures import (
    Figure,
    Names,
    TableView,
    amount,
    as_points,
    bracketed,
    cut_to,
    level_text,
    unit_words,
)
from auditkit.report.html.geometry import Axis, axis_over
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.told import NO_LINES, Told
from auditkit.report.vocabulary import by_words, number, range_in, shown, upper_first, whole_percent

MOST = 20
"""Columns that are drawn; the last row gathers the others."""

LONGEST = 40
"""Parts of a table; report.json has all."""

_GUESS = Axis(0.5, 1.0, 2)
"""How well a column tells the group: an AUC."""


class Bar(NamedTuple):
    """One part, in percent of the plot's width."""

    label: str
    x: float
    width: float
    closes: bool
    """True for a part that works against the gap: outlined, not filled."""
    end: float
    """Where the running total stands after it: the next bar begins there."""
    low: float | None
    high: float | None
    """The interval of the part, drawn at its end."""
    value: str
    share: str
    beside: float | None
    """Where the lollipop's mark stands."""
    beside_words: str


class Waterfall(NamedTuple):
    """The figure."""

    figure: Figure
    axis: Axis
    bars: tuple[Bar, ...]
    total: Bar
    heads: tuple[str, str, str]
    """Heads of value, share and lollipop; empty: no such column."""
    method: str


_METHODS = {
    "means over all rows": "The gap is that of all rows. Its interval allows for lopsided scores, and for comparing "
    "every pair of groups.",
    "rates over all rows": "The gap is that of all rows. Its interval allows for comparing every pair of groups.",
}
"""How the formal name of a method begins → in words."""


def _method(formal: str) -> str:
    """How the interval of the whole was made, in words; the formal name stands in the appendix."""
    return next((words for start, words in _METHODS.items() if start in formal), "")


def view(look: Lookup, f: Finding, x: Contributions, names: Names, told: Told = NO_LINES) -> Waterfall:
    """One exhibit of parts as a figure."""
    rows = _drawn(x)
    ends = _running(rows)
    edges = [v for (start, end), r in zip(ends, rows, strict=True) for v in (start, end, *_whiskers(start, r.estimate))]
    axis = axis_over([*edges, x.total.value, x.total.low, x.total.high], as_points(x.unit))
    total = x.total.value or 0.0
    bars = tuple(_bar(axis, x, r, start, end, total) for (start, end), r in zip(ends, rows, strict=True))
    shares = any(r.share is not None for r in x.rows)
    name = f"What makes it: {by_words(f.by)}" if f.by else "What makes it"
    figure = Figure(
        name, title_of(look, f, x), _subtitle(look, f, x), _sums(x) + _unread(f), table_of(look, f, x), told
    )
    return Waterfall(
        figure=names.figure(figure),
        axis=axis,
        bars=bars,
        total=_bar(axis, x, _whole(x), 0.0, total, total),
        heads=(
            _unit_words(x.unit),
            "Share" if shares else "",
            upper_first(shown(x.beside, empty="")) if _besides(x) else "",
        ),
        method=_method(x.total.method),
    )


def _besides(x: Contributions) -> bool:
    return bool(x.beside) and any(r.beside is not None for r in x.rows)


def _drawn(x: Contributions) -> list[Contribution]:
    """All parts, or the largest and one row that gathers the others."""
    if len(x.rows) <= MOST:
        return list(x.rows)
    rest = x.rows[MOST - 1 :]
    values = [r.estimate.value for r in rest]
    shares = [r.share for r in rest if r.share is not None]
    gathered = Estimate(value=sum(v for v in values if v is not None), note="a sum of small parts, without an interval")
    share = sum(shares) if shares else None
    return [
        *x.rows[: MOST - 1],
        Contribution(label=f"{number(len(rest))} smaller ones", estimate=gathered, share=share),
    ]


def _running(rows: Sequence[Contribution]) -> list[tuple[float, float]]:
    """(start, end) of each bar."""
    ends, at = [], 0.0
    for r in rows:
        start, at = at, at + (r.estimate.value or 0.0)
        ends.append((start, at))
    return ends


def _whiskers(start: float, e: Estimate) -> tuple[float, ...]:
    return () if e.low is None or e.high is None else (start + e.low, start + e.high)


def _bar(axis: Axis, x: Contributions, r: Contribution, start: float, end: float, total: float) -> Bar:
    left, width = axis.span(start, end)
    low, high = (axis.at(w) for w in _whiskers(start, r.estimate)) if _whiskers(start, r.estimate) else (None, None)
    beside = r.beside if _besides(x) else None
    return Bar(
        label=shown(r.label),
        x=left,
        width=width,
        closes=(r.estimate.value or 0.0) * total < 0,
        end=axis.at(end),
        low=low,
        high=high,
        value=amount(r.estimate.value, x.unit),
        share=whole_percent(r.share),
        beside=_GUESS.place(beside),
        beside_words="" if beside is None else quotient(beside),
    )


def _whole(x: Contributions) -> Contribution:
    """The gap itself, as the last part of figure and table."""
    share = 1.0 if any(r.share is not None for r in x.rows) else None
    return Contribution.model_construct(label="The whole gap", estimate=x.total, share=share)


def _unit_words(unit: Unit) -> str:
    return {"points": "Points", "percent": "Percent", "ratio": "Ratio"}.get(unit, "Value")


def name_of(look: Lookup, f: Finding, x: Contributions) -> str:
    """The explanation, for a list."""
    title = shown(x.title, longest=300)
    return f"{title}, {by_words(f.by)}" if f.by and not x.between else title


def _subtitle(look: Lookup, f: Finding, x: Contributions) -> str:
    cut = (
        f" The {MOST - 1} largest of {len(x.rows)} parts; the last bar gathers the others."
        if len(x.rows) > MOST
        else ""
    )
    total = x.total.value or 0.0
    closing = any((r.estimate.value or 0.0) * total < -0.001 * total * total for r in x.rows)
    outlined = " Outlined: parts that close the gap." if closing else ""
    ranged = any(r.estimate.low is not None for r in x.rows)
    level = f" Whisker: {level_text(x.rows[0].estimate)} interval." if ranged else ""
    noun = part(x, words=by_word(f))
    each = f"Each bar is the part that one {noun} makes{unit_words(x.unit, ', in ')}; together they are the gap."
    if noun == "region" and any(e.kind == "pictures" for g in look.report.findings for e in g.exhibits):
        each += " The mean pictures of this section number the regions."
    return f"{shown(x.title, longest=300)}. {each}{outlined}{level}{cut}"


def _unread(f: Finding) -> str:
    """That the net does not read texts to their end."""
    return next((f" {upper_first(shown(n, longest=300))}." for n in f.notes if CUT in n), "")


def _sums(x: Contributions) -> str:
    """What the parts add up to, beside the gap of all rows, or of the rows used where these are not known."""
    unit = unit_words(x.unit, " ")
    total = sum(r.estimate.value or 0.0 for r in x.rows)
    parts, whole = amount(total, x.unit), amount(x.total.value, x.unit)
    of_all = x.of_all is not None and math.isclose(x.of_all, x.total.value or 0.0, rel_tol=1e-6, abs_tol=1e-9)
    told = f"The parts add up to {parts}{unit}, {'as' if parts == whole else f'{whole} is'} the gap of "
    told += "all rows of the data" if of_all else "the rows used"
    if x.of_all is not None and not of_all:
        told += f"; over all rows of the data it is {amount(x.of_all, x.unit)}"
    if not any(r.share is not None for r in x.rows) and x.rows and x.total.value is not None:
        told += ". Shares are not given" + (
            "" if x.total.excludes_zero else ": the interval of the whole gap contains 0"
        )
    return f"{told}."


def table_of(look: Lookup, f: Finding, x: Contributions) -> TableView:
    """The parts with their intervals, and the whole."""
    shares, besides = any(r.share is not None for r in x.rows), _besides(x)
    body = tuple(
        (
            shown(r.label),
            *(t or NOTHING for t in _texts(r.estimate, x.unit)),
            *((whole_percent(r.share),) if shares else ()),
            *((quotient(r.beside),) if besides else ()),
        )
        for r in (*x.rows[:LONGEST], _whole(x))
    )
    heads = ("Share",) * shares + (upper_first(shown(x.beside)),) * besides
    caption = name_of(look, f, x) + cut_to(len(body) - 1, len(x.rows), "parts")
    return TableView(caption, ("Part", _unit_words(x.unit), "Interval", *heads), body)


def _texts(e: Estimate, unit: Unit) -> tuple[str, str]:
    if e.value is None:
        return NOTHING, shown(e.note, empty="not defined")
    return amount(e.value, unit), range_in(e, unit)


def apart(look: Lookup, pairs: Sequence[tuple[Finding, Contributions]]) -> TableView:
    """Several gaps of one attribute in one table: a row a column of the data, a column a gap."""
    labels = list(dict.fromkeys(r.label for _, x in pairs for r in x.rows))
    found = [{r.label: r.estimate for r in x.rows} for _, x in pairs]
    body = [
        (
            shown(label),
            *(
                bracketed(*_texts(of[label], x.unit)) if label in of else NOTHING
                for of, (_, x) in zip(found, pairs, strict=True)
            ),
        )
        for label in labels[:LONGEST]
    ]
    body.append(("The whole gap", *(bracketed(*_texts(x.total, x.unit)) for _, x in pairs)))
    heads = tuple(f"{upper_first(gap_words(look, f, x))}{unit_words(x.unit)}" for f, x in pairs)
    by = pairs[0][0].by
    caption = f"Other gaps{f' of {by_words(by)}' if by else ''}, part by part"
    return TableView(caption + cut_to(len(body) - 1, len(labels), "parts"), ("Part", *heads), tuple(body))
