"""What moves the model's output, column by column and by group, if the explanation holds; if not, that it does not."""

from typing import NamedTuple

from auditkit.formatting import ends, quotient
from auditkit.records import Estimate, Finding, GroupEstimates, Pictures
from auditkit.report.html import pictures
from auditkit.report.html.figures import Figure, Names, TableView, level_text
from auditkit.report.html.geometry import Axis, Mark, axis_to, mark
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.html.retold import COLUMN, part_of
from auditkit.report.html.told import Told
from auditkit.report.html.trust import Failed, Trust, failed, holds, lost
from auditkit.report.html.trust import view as trust_view
from auditkit.report.vocabulary import listed, name_of, shown, upper_first

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
    pictures: "pictures.PicturesView | None" = None
    """Of images: mean pictures with the regions that the rows are about."""


def attributes(f: Finding) -> bool:
    """True for an explanation of what moves the output, whatever its method."""
    x = exhibit(f)
    overall = f.comparison == "overall" and not f.by
    return overall and (x.series[:1] == ("overall",) if x is not None else bool(f.trust) and not f.exhibits)


def exhibit(f: Finding) -> GroupEstimates | None:
    """The contributions: one row a column of the data."""
    return next(iter(exhibits_of(f, GroupEstimates)), None)


def first(look: Lookup) -> Finding | None:
    """The first explanation of what moves the output that holds and has parts that surely lead, one without a caution
    before others; if none has, the first that holds."""
    own = [f for f in look.report.findings if f.concern == "explanation" and attributes(f)]
    held = [f for f in own if holds(f) and (x := exhibit(f)) and x.rows]
    led = [f for f in held if leads(f)]
    return min(led, key=lambda f: any(t.cautions for t in f.trust), default=held[0] if held else None)


def leads(f: Finding) -> list[str]:
    """The parts that surely lead, at most three: their lower bounds exceed the upper bounds of all that follow."""
    x = exhibit(f)
    es = [row[0] for _, row in x.rows] if x else []
    for most in (1, 2, 3):
        rest = [e.high for e in es[most:]]
        low = [e.low for e in es[:most]]
        sure = len(es) > most and all(v is not None for v in [*rest, *low])
        if x and sure and min(v for v in low if v is not None) > max(v for v in rest if v is not None):
            return [pictures.label(f, label) for label, _ in x.rows[:most]]
    return []


def score_of(f: Finding) -> str:
    """Which score is explained: "the score", or "the score of “6”" where each class has its own."""
    return f"the score of “{shown(f.label)}”" if f.label else "the score"


def said(f: Finding) -> str:
    """Which parts move the score most, as a title."""
    names = leads(f)
    if not names:
        return f"No single {part_of(f)} surely moves {score_of(f)} most"
    return f"{upper_first(listed(names))} {'moves' if len(names) == 1 else 'move'} {score_of(f)} most"


def view(look: Lookup, f: Finding, told: Told, names: Names) -> Attributed:
    """One explanation."""
    method = name_of(f.metric)
    name = f"{method}, {score_of(f)}" if f.label else method
    contributions = exhibit(f)
    table = _table(look, f, contributions) if contributions else TableView("Contributions", ("Column",), ())
    note = f"Method: {method}"
    note += f", {f.estimate.n:,} rows." if f.estimate.n else "."
    trust, missed = trust_view(f, name, names), lost(f)
    more = tuple(names.table(_table(look, f, x)) for x in exhibits_of(f, GroupEstimates)[1:])
    if missed or contributions is None or not contributions.rows:
        return Attributed(None, failed(name, missed, names.table(table), told), axis_to(0), (), (), trust, more, note)
    series = _drawn(look, contributions)
    rows = contributions.rows[:MOST]
    ends = [x for _, es in rows for i, _ in series for x in (es[i].value, es[i].high) if x is not None]
    axis = axis_to(max(ends, default=1.0))
    subtitle, sentence = _subtitle(look, f, contributions, series), _sentence(look, f, contributions)
    figure = names.figure(Figure(name, said(f), subtitle, sentence, table, told))
    heads = tuple(_head(look, contributions, i) for i, _ in series)
    shown_rows = _rows(f, axis, contributions, series)
    seen = next((pictures.view(look, f, x, f"r{f.metric[:2]}") for x in exhibits_of(f, Pictures)), None)
    return Attributed(figure, None, axis, heads, shown_rows, trust, more, note, seen)


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


def _rows(f: Finding, axis: Axis, x: GroupEstimates, series: list[tuple[int, str]]) -> tuple[FeatureRow, ...]:
    apart = [_apart([es[i] for i, _ in series]) for _, es in x.rows[:MOST]]
    widest = apart.index(max(apart)) if len(series) == 2 and apart else -1
    return tuple(
        FeatureRow(
            label=pictures.label(f, label),
            marks=tuple(mark(axis, es[i], tone) for i, tone in series),
            values=tuple(quotient(es[i]) for i, _ in series),
            names=k == widest,
        )
        for k, (label, es) in enumerate(x.rows[:MOST])
    )


def _apart(es: list[Estimate]) -> float:
    values = [e.value for e in es if e.value is not None]
    return abs(values[0] - values[-1]) if len(values) == len(es) else 0.0


def _subtitle(look: Lookup, f: Finding, x: GroupEstimates, series: list[tuple[int, str]]) -> str:
    drawn = [_head(look, x, i) for i, _ in series]
    marks = f" Circle: {drawn[0]}. Square: {drawn[1]}." if len(drawn) == 2 else ""
    cut = f" The {MOST} largest of {len(x.rows)} {part_of(f)}s." if len(x.rows) > MOST else ""
    level = level_text(x.rows[0][1][0])
    return f"{shown(x.title)}, in {shown(x.unit)}. Line: {level} interval.{marks}{cut}"


def _sentence(look: Lookup, f: Finding, x: GroupEstimates) -> str:
    part = part_of(f)
    columns = {label for label, _ in x.rows}
    unseen = [shown(a) for a in look.report.provenance.data.sensitive_features if a not in columns]
    head = (
        f"A large contribution says that the model leans on a {part}, not that the {part} makes a gap between groups."
    )
    if not unseen or part != COLUMN:
        return head
    verb = "is" if len(unseen) == 1 else "are"
    return f"{head} {upper_first(listed(unseen))} {verb} not among the columns that are explained."


def _table(look: Lookup, f: Finding, x: GroupEstimates) -> TableView:
    caption = f"{shown(x.title)}, in {shown(x.unit)}"
    heads = [_head(look, x, i) for i in range(len(x.series))]
    rows = x.rows
    full = len(rows) * len(heads) <= FULL
    if not full:
        rows = rows[:MOST]
        caption += f"; {len(rows)} of {len(x.rows)} {part_of(f)}s, intervals in the JSON report"
    body = tuple((pictures.label(f, label), *(_cell(e, full) for e in es)) for label, es in rows)
    return TableView(caption, (upper_first(part_of(f)), *heads), body)


def _cell(e: Estimate, full: bool) -> str:
    if not full or e.value is None or e.low is None or e.high is None:
        return quotient(e.value)
    to = " to " if e.low < 0 else "–"
    return f"{quotient(e)} ({to.join(map(quotient, ends(e)))})"
