"""What moves the model's output, column by column and by group, if the explanation holds; if not, that it does not."""

from __future__ import annotations

from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.formatting import decimals
from auditkit.records import Estimate, Finding, GroupEstimates
from auditkit.report.html.figures import Figure, Names, TableView, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_to, mark
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.html.told import Told
from auditkit.report.html.trust import Failed, Trust, failed, holds, lost
from auditkit.report.html.trust import view as trust_view
from auditkit.report.vocabulary import listed, shown, upper_first

MOST = 20
"""Columns that are drawn."""

FULL = 400
"""Cells of a table with intervals; a larger one keeps the `MOST` largest columns, without intervals."""


class FeatureRow(NamedTuple):
    """One column of the data."""

    label: str
    marks: tuple[Mark, ...]
    values: tuple[str, ...]
    names: bool
    """True in the row where the two groups are named."""


class Attributed(NamedTuple):
    """One explanation."""

    figure: Figure | None
    failed: Failed | None
    axis: Axis
    heads: tuple[str, ...]
    rows: tuple[FeatureRow, ...]
    trust: Trust | None
    more: tuple[TableView, ...]
    """Further exhibits, as tables."""
    note: str


def attributes(f: Finding) -> bool:
    """True for an explanation of what moves the output, whatever its method."""
    x = exhibit(f)
    overall = f.comparison == "overall" and not f.by
    return overall and (x.series[:1] == ("overall",) if x is not None else bool(f.trust))


def exhibit(f: Finding) -> GroupEstimates | None:
    """The contributions: one row a column of the data."""
    return next(iter(exhibits_of(f, GroupEstimates)), None)


def top_columns(look: Lookup) -> list[str]:
    """The two columns with the largest contributions, from the first explanation that holds; else none."""
    for f in look.report.findings:
        shown_rows = exhibit(f)
        if f.concern == "explanation" and attributes(f) and shown_rows and holds(f):
            return [shown(label) for label, _ in shown_rows.rows[:2]]
    return []


def view(look: Lookup, f: Finding, told: Told, names: Names) -> Attributed:
    """One explanation."""
    known = METRICS.get(f.metric)
    method = known.title if known else shown(f.metric)
    contributions = exhibit(f)
    table = _table(look, contributions) if contributions else TableView("Contributions", ("Column",), ())
    note = f"Method: {method}"
    note += f", {f.estimate.n:,} rows." if f.estimate.n else "."
    trust, missed = trust_view(f, method, names), lost(f)
    more = tuple(names.table(_table(look, x)) for x in exhibits_of(f, GroupEstimates)[1:])
    if missed or contributions is None or not contributions.rows:
        return Attributed(None, failed(method, missed, names.table(table), told), axis_to(0), (), (), trust, more, note)
    series = _drawn(look, contributions)
    rows = contributions.rows[:MOST]
    ends = [x for _, es in rows for i, _ in series for x in (es[i].value, es[i].high) if x is not None]
    axis = axis_to(max(ends, default=1.0))
    subtitle, sentence = _subtitle(look, contributions, series), _sentence(look, contributions)
    figure = names.figure(Figure(method, _title(contributions), subtitle, sentence, table, told))
    heads = tuple(_head(look, contributions, i) for i, _ in series)
    return Attributed(figure, None, axis, heads, _rows(axis, contributions, series), trust, more, note)


def _head(look: Lookup, x: GroupEstimates, i: int) -> str:
    """Whom a series is about, in words."""
    of = x.groups[i] if x.groups else {}
    group = {attribute: value for attribute, value in of.items() if value is not None}
    if group != of:
        return "Largest gap"
    return look.say.label(group) if group else "Everybody" if x.series[i] == "overall" else shown(x.series[i])


def _drawn(look: Lookup, x: GroupEstimates) -> list[tuple[int, str]]:
    """Indices and tones of the series to draw: the first attribute of two groups, else everybody."""
    for attribute in look.report.provenance.data.sensitive_features:
        mine = [(i, look.shape(attribute, v)) for i, g in enumerate(x.groups) if (v := g.get(attribute)) is not None]
        pair = sorted((m for m in mine if m[1] in ("a", "b")), key=lambda m: m[1])
        if len(pair) == 2:
            return pair
    return [(i, "n") for i, name in enumerate(x.series) if name == "overall"][:1] or [(0, "n")]


def _rows(axis: Axis, x: GroupEstimates, series: list[tuple[int, str]]) -> tuple[FeatureRow, ...]:
    apart = [_apart([es[i] for i, _ in series]) for _, es in x.rows[:MOST]]
    widest = apart.index(max(apart)) if len(series) == 2 and apart else -1
    return tuple(
        FeatureRow(
            label=shown(label),
            marks=tuple(mark(axis, es[i], tone) for i, tone in series),
            values=tuple(decimals(es[i].value, 2) for i, _ in series),
            names=k == widest,
        )
        for k, (label, es) in enumerate(x.rows[:MOST])
    )


def _apart(es: list[Estimate]) -> float:
    values = [e.value for e in es if e.value is not None]
    return abs(values[0] - values[-1]) if len(values) == len(es) else 0.0


def _title(x: GroupEstimates) -> str:
    """The columns that surely lead: those whose lower bound exceeds the upper bound of all that follow."""
    first = [es[0] for _, es in x.rows]
    for most in (1, 2, 3):
        rest = [e.high for e in first[most:]]
        low = [e.low for e in first[:most]]
        sure = len(first) > most and all(v is not None for v in [*rest, *low])
        if sure and min(v for v in low if v is not None) > max(v for v in rest if v is not None):
            names = listed([shown(label) for label, _ in x.rows[:most]])
            return f"{upper_first(names)} {'moves' if most == 1 else 'move'} the score most"
    return "No single column surely moves the score most"


def _subtitle(look: Lookup, x: GroupEstimates, series: list[tuple[int, str]]) -> str:
    drawn = [_head(look, x, i) for i, _ in series]
    marks = f" Circle: {drawn[0]}. Square: {drawn[1]}." if len(drawn) == 2 else ""
    cut = f" The {MOST} largest of {len(x.rows)} columns." if len(x.rows) > MOST else ""
    level = level_text(x.rows[0][1][0])
    return f"{shown(x.title)}, in {shown(x.unit)}. Line: {level} interval.{marks}{cut}"


def _sentence(look: Lookup, x: GroupEstimates) -> str:
    columns = {label for label, _ in x.rows}
    unseen = [shown(a) for a in look.report.provenance.data.sensitive_features if a not in columns]
    head = "A large contribution says that the model leans on a column, not that the column makes a gap between groups."
    if not unseen:
        return head
    verb = "is" if len(unseen) == 1 else "are"
    return f"{head} {upper_first(listed(unseen))} {verb} not among the columns that are explained."


def _table(look: Lookup, x: GroupEstimates) -> TableView:
    caption = f"{shown(x.title)}, in {shown(x.unit)}"
    heads = [_head(look, x, i) for i in range(len(x.series))]
    rows = x.rows
    full = len(rows) * len(heads) <= FULL
    if not full:
        rows = rows[:MOST]
        caption += f"; {len(rows)} of {len(x.rows)} columns, intervals in the JSON report"
    body = tuple((shown(label), *(_cell(e, full) for e in es)) for label, es in rows)
    return TableView(caption, ("Column", *heads), body)


def _cell(e: Estimate, full: bool) -> str:
    if not full or e.value is None or e.low is None or e.high is None:
        return decimals(e.value, 2)
    to = " to " if e.low < 0 else "–"
    return f"{decimals(e.value, 2)} ({decimals(e.low, 2)}{to}{decimals(e.high, 2)})"
