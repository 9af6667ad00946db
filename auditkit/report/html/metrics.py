"""Sections drawn from findings alone: one figure a metric, never asking which check measured it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.laws import LAWS
from auditkit.formatting import NOTHING
from auditkit.records import Comparison, Concern, Curve, Exhibit, Finding, GroupEstimate, GroupEstimates, Report, Table
from auditkit.report.html.curves import Curves
from auditkit.report.html.curves import view as curves_view
from auditkit.report.html.exhibits import (
    MOST,
    Chart,
    Grid,
    Named,
    chart,
    estimates,
    grid,
    level_of,
    table_of_estimates,
    texts,
)
from auditkit.report.html.figures import Figure, Names, TableView, counted
from auditkit.report.html.lookup import RATED, By, Lookup, established
from auditkit.report.html.retold import once, without_caveat
from auditkit.report.html.sections import ANSWERED, RATED_SECTIONS, reasons
from auditkit.report.vocabulary import by_words, number, shown, unit_of, upper_first

_E = TypeVar("_E", GroupEstimates, Curve, Table)

LONGEST = 110
"""Characters of a title."""

FINDINGS = 30
"""Rows of a figure's own table, at least: what is not drawn stands there."""

SENTENCES = 4
"""Statements under a figure; the table names every finding."""

_NAMES: dict[Comparison, str] = {
    "group_min": "Lowest group",
    "group_max": "Highest group",
    "difference": "Largest difference between groups",
    "ratio": "Smallest ratio between groups",
    "difference_to_overall": "Largest difference to everybody",
    "ratio_to_overall": "Ratio to everybody",
}


class Room(NamedTuple):
    """How much a figure may take, so that a page of many stays small; what is cut is said, and stands in the JSON."""

    rows: int
    lines: int

    @classmethod
    def of(cls, report: Report) -> Room:
        """Less for each figure, the more there are."""
        binary = report.provenance.data.kind.yes_no
        concerns = ANSWERED if binary else ANSWERED | RATED_SECTIONS
        mine = [
            f
            for f in report.findings
            if f.concern in (*concerns.values(), "data", "explanation") or (f.concern == "fairness" and _tabled(f))
        ]
        figures = len({(f.concern, f.metric, _law(f)) for f in mine}) or 1
        curves = sum(isinstance(x, Curve) for f in mine for x in f.exhibits) or 1
        return cls(rows=max(12, min(60, 180 // figures)), lines=max(2, min(12, 28 // curves)))


class Group(NamedTuple):
    """An exhibit of estimates: charts, one a series, and their table."""

    title: str
    charts: tuple[Chart, ...]
    table: TableView


class Answer(NamedTuple):
    """One figure: every finding of a metric."""

    figure: Figure
    charts: tuple[Chart, ...]
    groups: tuple[Group, ...]
    curves: tuple[Curves, ...]
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]


class Section(NamedTuple):
    """The figures of a concern, and why what was asked for is not among them."""

    answers: tuple[Answer, ...]
    missing: tuple[str, ...]


def views(look: Lookup, concerns: Sequence[Concern], names: Names) -> list[Section]:
    """A section for each concern."""
    return [view(look, concern, names) for concern in concerns]


def view(look: Lookup, concern: Concern, names: Names) -> Section:
    """Every finding of a concern; base rates, and rates without a table, are drawn elsewhere, as are single cases."""
    elsewhere = look.binary and concern in RATED
    found = [
        f
        for f in look.report.findings
        if f.concern == concern
        and not (look.binary and f.metric == "base_rate")
        and not (elsewhere and not _tabled(f))
        and f.metric != "examples"
    ]
    missing = tuple(dict.fromkeys(shown(why) for why in reasons(look, concern)))
    return of(look, found, missing, names)


def of(look: Lookup, found: Sequence[Finding], missing: tuple[str, ...], names: Names) -> Section:
    """These findings: one figure a metric, each law apart."""
    by_metric: dict[tuple[str, str], list[Finding]] = {}
    for f in found:
        by_metric.setdefault((f.metric, _law(f)), []).append(f)
    room = Room.of(look.report)
    return Section(tuple(_named(_answer(look, fs, room), names) for fs in by_metric.values()), missing)


def folded(s: Section) -> Section:
    """The section with its tables folded."""
    return s._replace(
        answers=tuple(a._replace(grids=tuple(g._replace(folded=True) for g in a.grids)) for a in s.answers)
    )


def _named(a: Answer, names: Names) -> Answer:
    """An answer whose tables have names of their own."""
    return a._replace(
        figure=a.figure._replace(table=names.table(a.figure.table)),
        groups=tuple(g._replace(table=names.table(g.table)) for g in a.groups),
        curves=tuple(c._replace(table=names.table(c.table)) for c in a.curves),
        grids=tuple(g._replace(caption=names.caption(g.caption)) for g in a.grids),
    )


def _answer(look: Lookup, found: list[Finding], room: Room) -> Answer:
    charts = _charts(look, found)
    lead = _lead(found)
    title = title_of(lead)
    exhibits = list({x.model_dump_json(): x for f in found for x in f.exhibits}.values())
    figure = Figure(
        title, _subtitle(found, charts), _sentence(found, lead, title), _table(look, found, max(room.rows, FINDINGS))
    )
    return Answer(
        figure=figure,
        charts=charts,
        groups=tuple(_group(x, room) for x in _of(exhibits, GroupEstimates)),
        curves=tuple(curves_view(x, lines=room.lines, rows=room.rows) for x in _of(exhibits, Curve)),
        grids=tuple(grid(x, room.rows) for x in _of(exhibits, Table)),
        notes=tuple(dict.fromkeys(upper_first(shown(n, longest=600)) for f in found for n in f.notes)),
    )


def _law(f: Finding) -> str:
    """The law that asks for a finding, in words; empty where none does."""
    return next((law.title for name, law in LAWS.items() if f.id.endswith(f":{name}")), "")


def _tabled(f: Finding) -> bool:
    """True for a finding with a table: of the concerns that have figures of their own, all that is drawn here."""
    return any(isinstance(x, Table) for x in f.exhibits) and not _ranked(f)


def _ranked(f: Finding) -> bool:
    """True for the gap of a rate between crossings, whose table ranks them: the gap itself is drawn already."""
    rate = f.metric in METRICS and METRICS[f.metric].kind == "rate"
    return rate and f.concern == "fairness" and f.comparison == "difference" and len(f.by) > 1


class Rankings(NamedTuple):
    """Crossings in the order of their rates, a table a rate."""

    grids: tuple[Grid, ...]
    notes: tuple[str, ...]


def rankings(look: Lookup) -> Rankings:
    """The tables of the gaps between crossings, folded; what is to be known of them once."""
    room = Room.of(look.report)
    found = [f for f in look.report.findings if look.binary and _ranked(f)]
    grids = [grid(x, room.rows)._replace(folded=True) for f in found for x in _of(f.exhibits, Table)]
    notes = [f"{name_of(f.metric)}: {n}" for f in found if f.exhibits for n in f.notes if n.startswith("shrunk")]
    return Rankings(tuple(grids), tuple(dict.fromkeys(shown(n, longest=600) for n in notes)))


def _group(x: GroupEstimates, room: Room) -> Group:
    return Group(shown(x.title), estimates(x), table_of_estimates(x, room.rows))


def _of(exhibits: Sequence[Exhibit], kind: type[_E]) -> list[_E]:
    return [x for x in exhibits if isinstance(x, kind)]


def _lead(found: list[Finding]) -> Finding:
    """The surest established comparison; else the first finding."""
    sure = [f for f in found if established(f)]
    differences = [f for f in sure if f.comparison.startswith("difference")]
    if differences:
        return max(differences, key=lambda f: f.estimate.low or 0.0)
    return sure[0] if sure else found[0]


def _compared(f: Finding) -> bool:
    return f.comparison.startswith(("difference", "ratio"))


def title_of(f: Finding) -> str:
    """The finding in one line; where its interval holds "no gap", that none is established, whatever it states."""
    if _compared(f) and not established(f):
        if f.estimate.value is None:
            return f"{name_of(f.metric)}: nothing to compare between groups of {by_words(f.by)}"
        if f.estimate.low is not None or f.estimate.high is not None:
            where = f"between groups of {by_words(f.by)}" if f.by else "from none"
            return f"{name_of(f.metric)}: no difference {where} is established"
    first = _first_sentence(f.statement)
    return first if 0 < len(first) <= LONGEST else shown(f.title, empty=name_of(f.metric))


def _first_sentence(text: str) -> str:
    end = next((i for i in range(len(text) - 1) if text[i] == "." and text[i + 1] == " "), len(text))
    return shown(text[:end].removesuffix("."), empty="")


def name_of(metric: str) -> str:
    """The formal name of a metric."""
    known = METRICS.get(metric)
    return known.title if known else upper_first(shown(metric).replace("_", " "))


def _metric_and_law(f: Finding) -> str:
    """The metric, and the law that asks for it."""
    return ", ".join(x for x in (name_of(f.metric), _law(f)) if x)


def _sentence(found: list[Finding], lead: Finding, title: str) -> str:
    order = [lead, *(f for f in found if f is not lead)]
    told = dict.fromkeys(without_caveat(shown(f.statement, empty="", longest=600)) for f in order)
    said = [s.removeprefix(f"{title}. ") for s in told if s and s.removesuffix(".") != title]
    more = len(said) - SENTENCES
    rest = f" The table has {number(more)} more." if more > 0 else ""
    return once(said[:SENTENCES]) + rest


def _subtitle(found: list[Finding], charts: tuple[Chart, ...]) -> str:
    first = found[0]
    line = next((words for f in found if (words := level_of(f.estimate))), "")
    cut = ""
    if any(c.cut for c in charts):
        cut = f" Of more than {MOST} rows the {MOST} surest to differ from 0 are drawn."
    if len(_drawn_groups(found)) < len(groups_of(found)):
        cut += " Crossed groups stand in the table."
    known = METRICS.get(first.metric)
    what = (
        f" {known.definition}" if known and first.concern == "explanation" else ""
    )  # names nobody knows: said in words
    return f"{_metric_and_law(first)}.{what} {line}{cut}".strip()


def _charts(look: Lookup, found: list[Finding]) -> tuple[Chart, ...]:
    """The groups' values first; then one chart a comparison, a row a finding."""
    metric = found[0].metric
    own: list[tuple[str, list[Named]]] = []
    whole = next((f for f in found if f.comparison == "overall"), None)
    if whole is not None:
        overall = [f for f in found if f.comparison == "overall"]
        label = "Everybody" if len(overall) == 1 and not whole.by and whole.label is None else ""
        own.append(("", [(label or upper_first(_label(f)), f.estimate, "n") for f in overall]))
    for by, groups in _drawn_groups(found).items():
        own.append((upper_first(by_words(by)), [(look.say.label(g.group), g.estimate, _tone(look, g)) for g in groups]))
    charts = [chart("", own, unit_of(metric, "overall"))] if own else []
    for comparison in dict.fromkeys(f.comparison for f in found if f.comparison != "overall"):
        rows: list[Named] = [(upper_first(_label(f)), f.estimate, "n") for f in found if f.comparison == comparison]
        unit = unit_of(metric, comparison)
        title = comparison_name(comparison) + (", in points" if unit == "points" else "")
        charts.append(chart(title, [("", rows)], unit))
    return tuple(charts)


def _tone(look: Lookup, g: GroupEstimate) -> str:
    """Circle and square for an attribute of two groups; the same mark for all others, and where attributes cross."""
    return look.shape(*next(iter(g.group.items()))) if len(g.group) == 1 else "n"


def comparison_name(comparison: Comparison) -> str:
    """A comparison as the head of a chart."""
    return _NAMES.get(comparison, upper_first(comparison.replace("_", " ")))


def _label(f: Finding) -> str:
    if f.label is not None:
        return f"{shown(f.label)}, {by_words(f.by)}" if f.by else shown(f.label)
    return by_words(f.by) if f.by else shown(f.title, empty="everybody")


def groups_of(found: list[Finding]) -> dict[By, tuple[GroupEstimate, ...]]:
    """by → the groups' estimates, from the first finding that has them."""
    groups: dict[By, tuple[GroupEstimate, ...]] = {}
    for f in found:
        if f.by_group:
            groups.setdefault(f.by or tuple(f.by_group[0].group), f.by_group)
    return groups


def _drawn_groups(found: list[Finding]) -> dict[By, tuple[GroupEstimate, ...]]:
    """Groups of single attributes; crossed ones are drawn where there are no others, and stand in the table always."""
    every = groups_of(found)
    single: dict[By, tuple[GroupEstimate, ...]] = {by: groups for by, groups in every.items() if len(by) == 1}
    return single or every


def _table(look: Lookup, found: list[Finding], tallest: int) -> TableView:
    metric = found[0].metric
    rows = [
        (
            upper_first(_label(f)) if f.comparison == "overall" else f"{comparison_name(f.comparison)}, {_label(f)}",
            *texts(f.estimate, unit_of(metric, f.comparison)),
            f"{counted(f.estimate):,}",
        )
        for f in found
    ]
    for by, groups in groups_of(found).items():
        rows += [
            (
                f"{upper_first(by_words(by))}: {look.say.label(g.group)}",
                *texts(g.estimate, unit_of(metric, "overall")),
                f"{counted(g.estimate):,}",
            )
            for g in groups
        ]
    cut = f"; {tallest} of {len(rows)} rows, all in the JSON report" if len(rows) > tallest else ""
    columns = ("What", "Value", "Interval", "n")
    return TableView(f"{_metric_and_law(found[0])}{cut}", columns, tuple(rows[:tallest]) or ((NOTHING,) * 4,))
