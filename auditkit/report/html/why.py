"""Section 9: what makes the gap, what the layers know and use, what moves the scores, and whether to believe it."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from auditkit.formatting import interval, quantity
from auditkit.records import Cases, Contributions, Finding, Layers, Table
from auditkit.report.html import attributions, causes, layers, metrics, waterfall
from auditkit.report.html.attributions import Attributed
from auditkit.report.html.exhibits import Grid, grid, table_of_estimates
from auditkit.report.html.figures import Names, TableView
from auditkit.report.html.leading import leading
from auditkit.report.html.lookup import By, Lookup
from auditkit.report.html.retold import CAVEAT
from auditkit.report.html.sections import reasons
from auditkit.report.html.trust import Failed, Trust, failed, holds, lost
from auditkit.report.html.trust import view as trust_view
from auditkit.report.html.waterfall import Waterfall
from auditkit.report.vocabulary import by_words, listed, shown, upper_first

_F = TypeVar("_F", Waterfall, layers.Net)

DRAWN = 4
"""Attributes whose gap, and whose layers, are drawn; of others the tables."""

ROWS = 20
"""Rows of a further table."""


class Further(NamedTuple):
    """Layers that are told, not drawn."""

    title: str
    table: TableView


class Gap(NamedTuple):
    """What makes the gaps of one attribute."""

    drawn: Waterfall | None
    failed: tuple[Failed, ...]
    titles: tuple[str, ...]
    """What the other targets say, a line each."""
    further: TableView | None
    """Their parts."""
    grids: tuple[Grid, ...]
    trust: Trust | None


class Inside(NamedTuple):
    """What the layers know and use of one attribute."""

    drawn: layers.Net | None
    failed: tuple[Failed, ...]
    further: tuple[Further, ...]
    grids: tuple[Grid, ...]
    trust: Trust | None


class Why(NamedTuple):
    """The section."""

    gaps: tuple[Gap, ...]
    inside: tuple[Inside, ...]
    attributions: tuple[tuple[Attributed, tuple[Grid, ...]], ...]
    others: metrics.Section
    failed: tuple[Failed, ...]
    """Other explanations that failed a check."""
    missing: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True where nothing was explained."""
        return not (self.gaps or self.inside or self.attributions or self.others.answers or self.failed)


def explanations(look: Lookup) -> list[Finding]:
    """Findings of this section; single cases have their own."""
    return [
        f
        for f in look.report.findings
        if f.concern == "explanation" and f.metric != "examples" and not any(isinstance(x, Cases) for x in f.exhibits)
    ]


def view(look: Lookup, names: Names) -> Why:
    """The section of a report."""
    gaps: dict[By, list[Finding]] = {}
    inside: dict[By, list[Finding]] = {}
    attributed, others = [], []
    for f in explanations(look):
        if any(isinstance(x, Contributions) for x in f.exhibits):
            gaps.setdefault(f.by, []).append(f)
        elif any(isinstance(x, Layers) for x in f.exhibits):
            inside.setdefault(f.by, []).append(f)
        elif attributions.attributes(f):
            attributed.append(f)
        else:
            others.append(f)
    broken = tuple(_other(f, names) for f in others if not holds(f))
    told = metrics.folded(metrics.of(look, [f for f in others if holds(f)], (), names))
    absent = tuple(dict.fromkeys(shown(why, longest=300) for why in reasons(look, "explanation")))
    return Why(
        gaps=tuple(_gap(look, fs, names, i < DRAWN) for i, fs in enumerate(gaps.values())),
        inside=tuple(_inside(look, fs, names, i < DRAWN) for i, fs in enumerate(inside.values())),
        attributions=tuple((_attributed(look, f, names), _grids([f], names)) for f in attributed),
        others=told,
        failed=broken,
        missing=absent,
    )


def of_gaps(look: Lookup) -> list[tuple[Finding, Contributions]]:
    """Every gap that was taken apart by an explanation that holds, in the order of the report."""
    return [
        (f, x) for f in explanations(look) if holds(f) for x in f.exhibits if isinstance(x, Contributions) and x.rows
    ]


def leading_cause(look: Lookup) -> tuple[str, str] | None:
    """What the first screen says of why: (in bold, the rest); None where nothing was explained."""
    lead = leading(look)
    gaps = of_gaps(look)
    if lead is not None:
        gaps = sorted((p for p in gaps if p[0].by == lead.by), key=lambda p: causes.target(p[0]) != lead.metric)
    for f, x in gaps:
        told = causes.cause(look, f, x)
        if told is not None:
            return "What makes it:", f"{told.clause}{_unseen(look, f, x)}: {CAVEAT}."
    if gaps and gaps[0][1].total.excludes_zero:
        return "What makes it:", f"no single column surely makes most of the {causes.what(look, gaps[0][0])}."
    top = attributions.top_columns(look)
    if not top:
        return None
    asked = "" if gaps else " How much of the gap they make was not measured."
    return "What moves the score most:", f"{listed(top)}.{asked}"


def _unseen(look: Lookup, f: Finding, x: Contributions) -> str:
    """Said where a full list of columns is known, and the attribute is none of them."""
    known = {
        label
        for g in explanations(look)
        if (e := attributions.exhibit(g)) and attributions.attributes(g)
        for label, _ in e.rows
    }
    seen = known | {r.label for r in x.rows}
    if not known or len(f.by) != 1 or any(f.by[0] in label.split(" + ") for label in seen):
        return ""
    return f", though the model does not read {shown(f.by[0])}"


def summary(look: Lookup) -> list[tuple[str, str]]:
    """One sentence for the summary: what surely makes the gap of the worst problem, else the first gap that is told."""
    lead = leading(look)
    gaps = of_gaps(look)
    if lead is not None:
        gaps.sort(key=lambda p: (p[0].by != lead.by, causes.target(p[0]) != lead.metric))
    for f, x in gaps:
        told = causes.cause(look, f, x)
        if told is not None:
            size = interval(x.total, "difference") if x.unit == "points" else ""
            text = f"The gap is {quantity(x.total.value, 'difference')}, {size}. " if size else ""
            inside = "".join(f"{t}. " for t in _layers_of(look, f.by)[:1])
            return [(f"{upper_first(told.clause)}.", f"{text}{inside}This is {CAVEAT}.")]
    return []


def _layers_of(look: Lookup, by: By) -> list[str]:
    """What the layers know and use of an attribute, in a line."""
    mine = [f for f in explanations(look) if f.by == by and holds(f)]
    return [layers.title_of(x) for f in mine for x in f.exhibits if isinstance(x, Layers)]


def _gap(look: Lookup, found: list[Finding], names: Names, draw: bool) -> Gap:
    """One attribute: the first target that holds is drawn, the others are told."""
    pairs = [(f, x) for f in found for x in f.exhibits if isinstance(x, Contributions)]
    held = [(f, x) for f, x in pairs if holds(f)]
    first = held[0] if held and draw else None
    drawn = _named(names, waterfall.view(look, *first)) if first else None
    return Gap(
        drawn=drawn,
        failed=tuple(
            _broken(names, failed(waterfall.name_of(look, f, x), lost(f), waterfall.table_of(look, f, x)))
            for f, x in pairs
            if not holds(f)
        ),
        titles=causes.others(look, held[bool(first) :]),
        further=names.table(waterfall.apart(look, held[bool(first) :])) if held[bool(first) :] else None,
        grids=_grids([first[0]] if first else found, names),
        trust=_trust(first[0] if first else found[0], waterfall.name_of(look, *(first or pairs[0])), names),
    )


def _inside(look: Lookup, found: list[Finding], names: Names, draw: bool) -> Inside:
    pairs = [(f, x) for f in found for x in f.exhibits if isinstance(x, Layers)]
    held = [(f, x) for f, x in pairs if holds(f)]
    first = held[0] if held and draw else None
    title = f"Layers, {by_words(found[0].by)}" if found[0].by else "Layers"
    return Inside(
        drawn=_named(names, layers.view(look, *first)) if first else None,
        failed=tuple(_broken(names, failed(title, lost(f), layers.table_of(x))) for f, x in pairs if not holds(f)),
        further=tuple(Further(layers.title_of(x), names.table(layers.table_of(x))) for _, x in held[bool(first) :]),
        grids=_grids(found, names),
        trust=_trust(first[0] if first else found[0], title, names),
    )


def _named(names: Names, drawn: _F) -> _F:
    """A figure whose table has a name of its own."""
    return drawn._replace(figure=drawn.figure._replace(table=names.table(drawn.figure.table)))


def _broken(names: Names, f: Failed) -> Failed:
    return f._replace(table=names.table(f.table))


def _grids(found: list[Finding], names: Names) -> tuple[Grid, ...]:
    """Further tables of explanations that hold, folded."""
    tables = [x for f in found if holds(f) for x in f.exhibits if isinstance(x, Table)]
    made = (grid(x, ROWS) for x in tables)
    return tuple(g._replace(caption=names.caption(g.caption), folded=True) for g in made)


def _attributed(look: Lookup, f: Finding, names: Names) -> Attributed:
    a = attributions.view(look, f)
    return a._replace(
        figure=a.figure._replace(table=names.table(a.figure.table)) if a.figure else None,
        failed=_broken(names, a.failed) if a.failed else None,
        trust=a.trust._replace(table=names.table(a.trust.table)) if a.trust else None,
        more=tuple(names.table(t) for t in a.more),
    )


def _trust(f: Finding, name: str, names: Names) -> Trust | None:
    trust = trust_view(f, name)
    return trust._replace(table=names.table(trust.table)) if trust else None


def _other(f: Finding, names: Names) -> Failed:
    """An explanation of another kind that failed: its values, for the record."""
    x = attributions.exhibit(f)
    table = table_of_estimates(x) if x else TableView("Values", ("What",), ())
    return _broken(names, failed(metrics.name_of(f.metric), lost(f), table))
