"""What makes the gap, what the layers know and use, what moves the scores, and whether to believe it."""

from collections.abc import Iterable
from typing import NamedTuple

from auditkit.catalogue.sentences import not_causes
from auditkit.formatting import interval, quantity
from auditkit.records import Contributions, Finding, Layers
from auditkit.report.html import attributions, causes, layers, metrics, waterfall
from auditkit.report.html.attributions import Attributed
from auditkit.report.html.exhibits import table_of_estimates
from auditkit.report.html.figures import Names, TableView
from auditkit.report.html.leading import leading
from auditkit.report.html.lookup import By, Lookup, exhibits_of
from auditkit.report.html.retold import part_of
from auditkit.report.html.sections import in_cases, reasons
from auditkit.report.html.told import Told
from auditkit.report.html.trust import Failed, Trust, failed, holds, lost
from auditkit.report.html.trust import view as trust_view
from auditkit.report.html.views import Drawn, Room, drawn
from auditkit.report.places import TRUTH
from auditkit.report.vocabulary import by_words, listed, name_of, several, shown, upper_first

Lines = dict[str, Told]
"""Id of a finding with a figure of its own → what stands beside it."""

DRAWN = 4
"""Attributes whose gap, and whose layers, are drawn; of others the tables."""

ROWS = 20
"""Rows of a further table."""


class Further(NamedTuple):
    """What is told, not drawn."""

    title: str
    table: TableView


class Explained(NamedTuple):
    """What makes the gaps of one attribute, or what the layers know and use of it."""

    drawn: tuple[Drawn, ...]
    """The figure; empty where nothing holds that has one."""
    failed: tuple[Failed, ...]
    further: tuple[Further, ...]
    rest: tuple[Drawn, ...]
    """Its other exhibits."""
    trust: Trust | None
    gaps: tuple[str, ...] = ()
    """What the other gaps say, a line each."""


class Why(NamedTuple):
    """The section."""

    open: tuple[Explained, ...]
    """What makes the gap that leads, and what the layers know of that attribute: drawn where they hold."""
    shown: int
    """How many attributions stand open: one, where nothing else does."""
    lost: str
    """Said where explanations failed a check: they are folded, and not drawn."""
    explained: tuple[Explained, ...]
    """The others."""
    attributions: tuple[tuple[Attributed, tuple[Drawn, ...]], ...]
    others: metrics.Answers
    failed: tuple[Failed, ...]
    """Other explanations that failed a check."""
    missing: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True where nothing was explained."""
        return not (self.open or self.explained or self.attributions or self.others.answers or self.failed)


def explanations(look: Lookup) -> list[Finding]:
    """Findings of this section; single cases have their own."""
    return [f for f in look.report.findings if f.concern == "explanation" and not in_cases(f)]


def view(look: Lookup, names: Names) -> Why:
    """The section of a report."""
    parts: dict[str, dict[By, list[Finding]]] = {"contributions": {}, "layers": {}}
    attributed: list[Finding] = []
    others: list[Finding] = []
    for f in explanations(look):
        kind = next((x.kind for x in f.exhibits if x.kind in parts), None)
        if kind:
            parts[kind].setdefault(f.by, []).append(f)
        else:
            (attributed if attributions.attributes(f) else others).append(f)
    apart = [fs for kind in parts.values() for fs in _leading_first(look, kind)[:DRAWN]]
    leads = [next(f for f in fs if holds(f)) for fs in apart if any(map(holds, fs))]
    own = [f for f in explanations(look) if f in leads or f in attributed or not holds(f)]
    told = [f for kind in parts.values() for fs in kind.values() for f in fs if f not in own]
    section = metrics.of(look, [f for f in others if holds(f)], names, told, own)
    lines = Lines(zip((f.id for f in own), section.beside, strict=True))
    gaps = [_gap(look, fs, names, lines) for fs in _leading_first(look, parts["contributions"])]
    inside = [_inside(look, fs, names, lines) for fs in _leading_first(look, parts["layers"])]
    opened = [next((g for g in kind if g.drawn), kind[0] if kind else None) for kind in (gaps, inside)]
    shown_open = tuple(g for g in opened if g is not None)
    return Why(
        open=shown_open,
        shown=0 if shown_open else 1,
        lost=_lost([f for f in explanations(look) if not holds(f)]),
        explained=tuple(g for g in (*gaps, *inside) if g not in shown_open),
        attributions=tuple(
            (attributions.view(look, f, lines[f.id], names), _rest(look, [f], names, "group_estimates", "pictures"))
            for f in attributed
        ),
        others=section._replace(caveats=()),
        failed=tuple(_other(look, f, names, lines[f.id]) for f in others if not holds(f)),
        missing=tuple(dict.fromkeys(shown(why, longest=300) for why in reasons(look, "explanation"))),
    )


def _lost(found: list[Finding]) -> str:
    """Which explanations failed a check, each method with the classes that it explains."""
    classes: dict[str, list[str]] = {}
    for f in found:
        classes.setdefault(name_of(f.metric), []).extend([f"“{shown(f.label)}”"] if f.label else [])
    named = [f"{name}{f' of {listed(of)}' if of else ''}" for name, of in classes.items()]
    failed, them = upper_first(several(len(found), "explanation")), "it" if len(found) == 1 else "them"
    return f"{failed} failed a check, {'; '.join(named)}: do not read {them}." if found else ""


def _leading_first(look: Lookup, parts: dict[By, list[Finding]]) -> list[list[Finding]]:
    """Findings by attribute: established gaps first, of them that of the worst problem, and of that its own metric."""
    lead = leading(look)
    by = lead.finding.by if lead is not None else None
    metric = lead.metric if lead is not None else ""
    first = [fs for _, fs in sorted(parts.items(), key=lambda part: (not any(map(_sure, part[1])), part[0] != by))]
    return [sorted(fs, key=lambda f: (causes.target(f) != metric, not causes.by_word(f))) for fs in first]


def _sure(f: Finding) -> bool:
    """Whether a gap that was taken apart, or whose layers were looked at, is established."""
    return not f.alone and all(x.total.excludes_zero for x in exhibits_of(f, Contributions))


def of_gaps(look: Lookup) -> list[tuple[Finding, Contributions]]:
    """Every gap that was taken apart by an explanation that holds, in the order of the report, those by word first."""
    found = [(f, x) for f in explanations(look) if holds(f) for x in exhibits_of(f, Contributions) if x.rows]
    return sorted(found, key=lambda p: not causes.by_word(p[0]))


def in_decisions(look: Lookup, bys: Iterable[By]) -> str:
    """What no gap is said of where one in scores is established beside it: " in decisions"."""
    apart = {f.by for f, x in of_gaps(look) if x.total.excludes_zero}
    return " in decisions" if apart.intersection(bys) and not look.report.provenance.data.kind.numeric else ""


def leading_cause(look: Lookup) -> tuple[str, str] | None:
    """What the first screen says of why: (in bold, the rest); None where nothing was explained."""
    lead = leading(look)
    gaps = of_gaps(look)
    if lead is not None:
        gaps = sorted((p for p in gaps if p[0].by == lead.finding.by), key=lambda p: causes.target(p[0]) != lead.metric)
    for f, x in gaps:
        told = causes.cause(look, f, x)
        if told is not None:
            return "What makes it:", f"{told}{_unseen(look, f, x)}: {not_causes()}.{_caution(f)}"
    if gaps and gaps[0][1].total.excludes_zero and not gaps[0][0].alone:
        f, x = gaps[0]
        noun = causes.part(x, words=causes.by_word(f))
        return "What makes it:", f"no single {noun} surely makes most of the {causes.what(look, f)}."
    moved = attributions.first(look)
    if moved is None:
        return None
    asked = "" if gaps else " What makes the gap was not measured."
    names = attributions.leads(moved)
    told = listed(names) if names else f"no single {part_of(moved)} surely does"
    return f"What moves {attributions.score_of(moved)} most:", f"{told}.{_caution(moved)}{asked}"


def _caution(f: Finding) -> str:
    """What the first caution of its checks asks of a reader."""
    told = next((t.meaning for t in f.trust if t.cautions and t.meaning), "")
    return f" {upper_first(shown(told))}." if told else ""


def _unseen(look: Lookup, f: Finding, x: Contributions) -> str:
    """Said where a full list of columns is known, and the attribute is none of them; not of what pictures and texts
    show."""
    if causes.part(x, words=causes.by_word(f)) != "column":
        return ""
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
        gaps.sort(key=lambda p: (p[0].by != lead.finding.by, causes.target(p[0]) != lead.metric))
    for f, x in gaps:
        told = causes.cause(look, f, x)
        if told is not None:
            text = _size(look, f, x) if x.unit == "points" else ""
            known = [g for g in explanations(look) if g.by == f.by and holds(g)]
            inside = next((f"{layers.title_of(net, g.label)}. " for g in known for net in exhibits_of(g, Layers)), "")
            return [(f"{upper_first(told)}.", f"{text}{inside}This is {not_causes()}.{_caution(f)}")]
    return []


def _size(look: Lookup, f: Finding, x: Contributions) -> str:
    """How large a gap is, and of scores who has the lower ones: "Women score 4.3 points lower, 95% interval …"."""
    e, low = x.total, x.between[-1] if x.between else ""
    size, sure = quantity(e.value, "difference"), interval(e, "difference")
    who = next((g.group for g in look.groups(TRUTH, f.by) if low in (look.say.mention(g.group), *g.group.values())), {})
    if causes.target(f) != "mean_score" or f.label or not low or not who or (e.low or 0.0) <= 0:
        return f"The gap is {size}, {sure}. "
    return f"{upper_first(look.say.people(who))} score {size} lower on average, {sure}. "


def _gap(look: Lookup, found: list[Finding], names: Names, lines: Lines) -> Explained:
    """One attribute: the first target that holds is drawn, the others are told."""
    pairs = [(f, x) for f in found for x in exhibits_of(f, Contributions)]
    held = [(f, x) for f, x in pairs if holds(f)]
    first = held[0] if held and held[0][0].id in lines else None
    further = held[bool(first) :]
    return Explained(
        drawn=(Drawn("contributions", waterfall.view(look, *first, names, lines[first[0].id])),) if first else (),
        failed=tuple(
            failed(waterfall.name_of(look, f, x), lost(f), names.table(waterfall.table_of(look, f, x)), lines[f.id])
            for f, x in pairs
            if not holds(f)
        ),
        gaps=causes.others(look, further),
        further=(Further("", names.table(waterfall.apart(look, further))),) if further else (),
        rest=_rest(look, [first[0]] if first else found, names, "contributions"),
        trust=trust_view(first[0] if first else found[0], waterfall.name_of(look, *(first or pairs[0])), names),
    )


def _inside(look: Lookup, found: list[Finding], names: Names, lines: Lines) -> Explained:
    pairs = [(f, x) for f in found for x in exhibits_of(f, Layers)]
    held = [(f, x) for f, x in pairs if holds(f)]
    first = held[0] if held and held[0][0].id in lines else None
    title = f"Layers, {by_words(found[0].by)}" if found[0].by else "Layers"
    return Explained(
        drawn=(Drawn("layers", layers.view(look, *first, names, lines[first[0].id])),) if first else (),
        failed=tuple(
            failed(title, lost(f), names.table(layers.table_of(x)), lines[f.id]) for f, x in pairs if not holds(f)
        ),
        further=tuple(
            Further(layers.title_of(x, f.label), names.table(layers.table_of(x))) for f, x in held[bool(first) :]
        ),
        rest=_rest(look, found, names, "layers"),
        trust=trust_view(first[0] if first else found[0], title, names),
    )


def _rest(look: Lookup, found: list[Finding], names: Names, *kinds: str) -> tuple[Drawn, ...]:
    """The other exhibits of explanations that hold, folded."""
    room = Room.of(look)._replace(rows=ROWS)
    return drawn(look, [f for f in found if holds(f)], room, names, without=kinds)


def _other(look: Lookup, f: Finding, names: Names, told: Told) -> Failed:
    """An explanation of another kind that failed: its values, for the record."""
    x = attributions.exhibit(f)
    table = table_of_estimates(look, f, x) if x else TableView("Values", ("What",), ())
    return failed(name_of(f.metric), lost(f), names.table(table), told)
