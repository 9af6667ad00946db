"""Figure 7.3, rates by group: small charts of one metric each, all from 0 on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.formatting import decimals, percent
from auditkit.records import Estimate, GroupEstimate
from auditkit.report.html.figures import Figure, TableView, cells, counted, level_text
from auditkit.report.html.geometry import Axis, Mark, mark, share_axis
from auditkit.report.html.lookup import By, Lookup, counts, established
from auditkit.report.places import RIGHT, TRUTH
from auditkit.report.vocabulary import by_words, listed, range_text, shown, upper_first

MOST = 12
"""Groups of one attribute that are drawn; the table has all."""


class RateRow(NamedTuple):
    """One group in one small chart."""

    label: str
    n: str
    mark: Mark
    value: str
    range: str
    note: str
    """In place of a mark, where there is none."""


class RateChart(NamedTuple):
    """One metric."""

    title: str
    blocks: tuple[tuple[RateRow, ...], ...]
    """One block of rows an attribute."""
    axis: Axis
    everybody: float | None
    everybody_words: str


class Rates(NamedTuple):
    """The figure."""

    figure: Figure
    charts: tuple[RateChart, ...]


def view(look: Lookup, metrics: Sequence[str]) -> Rates | None:
    """Rates of single attributes; None if no attribute was declared."""
    bys: list[By] = [by for by in look.bys() if len(by) == 1]
    drawn = [(m, by, _surest(look, m, by)) for m in metrics for by in bys]
    drawn = [d for d in drawn if d[2]]
    if not drawn:
        return None
    charts = tuple(_chart(look, m, bys) for m in metrics if any(d[0] == m for d in drawn))
    cut = [by for by in bys if any(len(look.groups(m, by)) > MOST for m in metrics)]
    level = level_text(drawn[0][2][0].estimate)
    figure = Figure(
        title=_title(look, metrics, bys),
        subtitle=f"Share of each group, in percent. Line: {level} interval. Dotted line: everybody."
        + (
            f" Of {listed([by_words(b) for b in cut])} the {MOST} groups surest to differ from everybody are drawn."
            if cut
            else ""
        ),
        sentence=_sentence(look, drawn),
        table=_table(look, metrics, bys),
    )
    return Rates(figure, charts)


def overall(look: Lookup) -> Rates | None:
    """The whole model: one row a metric."""
    found = [f for f in look.report.findings if f.concern == "performance" and not f.by and look.in_rates(f)]
    if not found:
        return None
    axis = share_axis(1.0)
    rows = tuple(_row(upper_first(look.say.phrase(f.metric)), axis, f.estimate, "n") for f in found)
    right = next((f for f in found if f.metric == RIGHT and f.estimate.value is not None), None)
    title = "The model over everybody"
    if right is not None:
        title = f"{decimals(100 * (right.estimate.value or 0.0), 0)} of every 100 decisions are right"
    always = _majority(look)
    figure = Figure(
        title=title,
        subtitle=f"Share of everybody who counts, in percent. Line: {level_text(found[0].estimate)} interval.",
        sentence=always or "Each share has its own denominator: the people it counts stand under its name.",
        table=TableView(
            "The whole model",
            ("Share", "Value", "Interval", "Counted"),
            tuple((r.label, *cells(f.estimate), f"{counted(f.estimate):,}") for r, f in zip(rows, found, strict=True)),
        ),
    )
    return Rates(figure, (RateChart("", (rows,), axis, None, ""),))


def _majority(look: Lookup) -> str:
    """What always giving the commoner answer would reach; needs the base rate of everybody."""
    groups = next((look.groups(TRUTH, by) for by in look.bys() if len(by) == 1 and look.groups(TRUTH, by)), ())
    yes, n = sum(g.estimate.numerator or 0.0 for g in groups), sum(g.estimate.denominator or 0.0 for g in groups)
    if not n:
        return ""
    most = max(yes / n, 1 - yes / n)
    return f"Always giving the commoner answer would be right for {percent(most)} of all."


def _surest(look: Lookup, metric: str, by: By) -> list[GroupEstimate]:
    """All groups, or the twelve whose interval lies surest away from everybody, in their own order."""
    groups, everybody = look.groups(metric, by), look.overall(metric)
    if len(groups) <= MOST:
        return list(groups)
    middle = everybody.value if everybody and everybody.value is not None else 0.0

    def away(g: GroupEstimate) -> float:
        e = g.estimate
        if not counts(e) or e.low is None or e.high is None:
            return -2.0
        return max(e.low - middle, middle - e.high)

    kept = {id(g) for g in sorted(groups, key=away, reverse=True)[:MOST]}
    return [g for g in groups if id(g) in kept]


def _chart(look: Lookup, metric: str, bys: list[By]) -> RateChart:
    kept = [(by, _surest(look, metric, by)) for by in bys]
    ends = [x for _, groups in kept for g in groups if counts(g.estimate) for x in (g.estimate.value, g.estimate.high)]
    axis = share_axis(max((x for x in ends if x is not None), default=1.0))
    blocks = []
    for by, groups in kept:
        rows = [_row(look.say.label(g.group), axis, g.estimate, look.shape(by[0], g.group[by[0]])) for g in groups]
        if rows:
            blocks.append(tuple(rows))
    e = look.overall(metric)
    known = e is not None and e.value is not None
    at = axis.at(e.value) if e is not None and e.value is not None else None
    words = f"everybody {percent(e.value)}" if e is not None and known else ""
    return RateChart(upper_first(look.say.phrase(metric)), tuple(blocks), axis, at, words)


def _row(label: str, axis: Axis, e: Estimate, tone: str) -> RateRow:
    value, note = cells(e)
    if not counts(e):
        return RateRow(label, f"n {counted(e):,}", Mark(tone, None), value, "", note)
    return RateRow(label, f"n {counted(e):,}", mark(axis, e, tone), percent(e.value), range_text(e, "overall"), "")


def _title(look: Lookup, metrics: Sequence[str], bys: list[By]) -> str:
    gaps = [f for m in metrics for by in bys if (f := look.finding(m, "difference", by)) and established(f)]
    if not gaps:
        return "No difference between groups is established"
    f = max(gaps, key=lambda f: f.estimate.low or 0.0)
    pair = look.pair(f.metric, f.by)
    assert pair is not None  # an established gap has two groups
    low, high = (f"{look.say.mention(g.group)} {percent(g.estimate.value)}" for g in pair)
    return f"{upper_first(look.say.short(f.metric))}: {low}, {high}, the surest difference here"


def _sentence(look: Lookup, drawn: list[tuple[str, By, list[GroupEstimate]]]) -> str:
    small = [g for _, _, groups in drawn for g in groups if not counts(g.estimate)]
    if small:
        return "Groups with fewer than 10 people to count have no mark: too few to tell. n: people that a share counts."
    return "n: people that a share counts. Whether two groups differ, the interval of their gap decides, not overlap."


def _table(look: Lookup, metrics: Sequence[str], bys: list[By]) -> TableView:
    rows = []
    for by in bys:
        shares = [{tuple(g.group.values()): g.estimate for g in look.groups(m, by)} for m in metrics]
        for key in dict.fromkeys(k for s in shares for k in s):
            values = [" ".join(_bracketed(*cells(s.get(key)))) for s in shares]
            rows.append((f"{look.say.label(dict(zip(by, key, strict=True)))}", *values))
    columns = (listed([shown(b[0]) for b in bys]), *(upper_first(look.say.short(m)) for m in metrics))
    caption = f"Rates by group: {listed([look.say.short(m) for m in metrics])}"
    return TableView(caption, columns, tuple(rows))


def _bracketed(value: str, interval: str) -> tuple[str, ...]:
    return (value, f"({interval})") if interval else (value,)
