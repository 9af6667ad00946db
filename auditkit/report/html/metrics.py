"""Sections drawn from findings alone: one figure a metric, never asking which check measured it."""

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.assertions import level_of as level_of_report
from auditkit.assertions import p_of
from auditkit.catalogue.detections import DETECTION
from auditkit.catalogue.generated import SHARES
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.matches import MATCHING
from auditkit.catalogue.measured import KIND as MEASURED
from auditkit.catalogue.rankings import EXPOSED
from auditkit.formatting import NOTHING
from auditkit.records import CHANGES, Comparison, Concern, Estimate, Finding, GroupEstimate
from auditkit.report.html import limits
from auditkit.report.html.exhibits import MOST, Chart, Group, Named, chart, level_of
from auditkit.report.html.figures import Figure, Names, TableView, cells, counted, cut_to
from auditkit.report.html.leading import speaks_in_people
from auditkit.report.html.lookup import By, Lookup, class_of, compares, established, stands_out
from auditkit.report.html.sections import in_cases, reasons
from auditkit.report.html.told import NO_LINES, Told, once
from auditkit.report.html.views import Drawn, Room, drawn
from auditkit.report.places import SIGNED
from auditkit.report.vocabulary import UNSTABLE, by_words, listed, name_of, shown, unit_of, upper_first

LONGEST = 110
"""Characters of a title."""

FINDINGS = 30
"""Rows of a figure's own table, at least: what is not drawn stands there."""

_NAMES: dict[Comparison, str] = {
    "group_min": "Lowest group",
    "group_max": "Highest group",
    "difference": "Largest difference between groups",
    "ratio": "Smallest ratio between groups",
    "difference_to_overall": "Largest difference to everybody",
    "ratio_to_overall": "Ratio to everybody",
}


class Answer(NamedTuple):
    """One figure: every finding of a metric."""

    figure: Figure
    charts: tuple[Chart, ...]
    open: tuple[Drawn, ...]
    """An exhibit in place of charts, where those would show one dot, or none."""
    folded: tuple[Drawn, ...]
    says: bool
    """Whether it tells of a difference that is established, or of what a rule asks."""
    failed: bool = False
    """Whether a rule that asks about it failed."""
    leads: bool = False
    """Whether it stands before the fold, wherever it comes."""


class Answers(NamedTuple):
    """The figures of a concern, what other figures and all of them have to say, and why what was asked is missing."""

    answers: tuple[Answer, ...]
    others: Told
    beside: tuple[Told, ...]
    shared: Told
    caveats: tuple[str, ...]
    missing: tuple[str, ...]
    null: Told = NO_LINES
    """What is told of figures in which nothing stands out and that no rule asks about: they are not drawn."""
    null_line: str = ""
    """Their one line; their statements stand in the fold."""
    null_drawn: tuple[Drawn, ...] = ()
    """Their exhibits."""


def view(look: Lookup, concern: Concern, names: Names) -> Answers:
    """Every finding of a concern; what the figures of rates draw is told in words, and single cases are elsewhere."""
    found = [f for f in look.report.findings if f.concern == concern and not in_cases(f)]
    elsewhere = [f for f in found if look.in_rates(f)]
    missing = tuple(dict.fromkeys(shown(why) for why in reasons(look, concern)))
    own = [f for f in found if not look.in_rates(f)]
    if concern == "change":  # one figure draws all of it
        words = once([], own)
        return Answers((), words.others, (), words.shared, (), missing)
    told = of(look, own, names, elsewhere, null=null_figures(look, own))
    first = sorted(told.answers, key=lambda a: (not a.failed, not a.says, not (a.charts or a.open)))[:1]
    rest = tuple(a for a in told.answers if a not in first)
    return told._replace(missing=missing, answers=(*first, *rest))


def null_figures(look: Lookup, found: Sequence[Finding]) -> frozenset[str]:
    """Metrics of which every finding is a test that finds nothing, and that no rule asks about."""
    asked = {v.finding for v in look.report.verdicts} | {v.rule.metric for v in look.report.verdicts}
    alpha = 1 - level_of_report(look.report)
    loud = {f.metric for f in found if f.id in asked or f.metric in asked or (p_of(f) or 0.0) < alpha}
    return frozenset(f.metric for f in found) - loud


def of(
    look: Lookup,
    found: Sequence[Finding],
    names: Names,
    others: Sequence[Finding] = (),
    beside: Sequence[Finding] = (),
    *,
    null: frozenset[str] = frozenset(),
) -> Answers:
    """These findings: one figure a metric, each law apart; the others are told, and those with a figure elsewhere.

    Metrics in `null` share one line.
    """
    silent = [f for f in found if f.metric in null]
    found = [f for f in found if f.metric not in null]
    figures: dict[tuple[str, str], list[Finding]] = {}
    for f in found:
        figures.setdefault((f.metric, f.law), []).append(f)
    room = Room.of(look)
    told = once([*([f] for f in beside), *([_lead(fs), *fs] for fs in figures.values()), silent], others)
    *own, quiet = told.figures[len(beside) :]
    answers = tuple(_answer(look, fs, t, room, names) for fs, t in zip(figures.values(), own, strict=True))
    caveats = dict.fromkeys(f.caveat for f in (*found, *silent) if f.caveat)
    lines = tuple(upper_first(shown(c)) for c in caveats)
    names_of = list(dict.fromkeys(_metric_and_law(f) for f in silent))
    line = f"Nothing stands out, so that nothing is drawn, in: {'; '.join(names_of)}." if silent else ""
    if any(f.estimate.mde is not None for f in silent):
        line += " What could have gone unseen is told in the fold."
    return Answers(answers, told.others, told.figures[: len(beside)], told.shared, lines, (), quiet, line,
                   drawn(look, silent, room, names))  # fmt: skip


def _answer(look: Lookup, found: list[Finding], told: Told, room: Room, names: Names) -> Answer:
    charts, lead = _charts(look, found), _lead(found)
    table = _table(look, found, max(room.rows, FINDINGS))
    drawn_ = [*(f.estimate for f in found), *(g.estimate for f in found for g in f.by_group)]
    unstable = f" {UNSTABLE}" if any(e.state == "unstable" for e in drawn_) else ""
    exhibits = drawn(look, found, room, names)
    drawn_first = tuple(x for x in exhibits if x.kind != "table")[:1]
    leads = lead.concern == "fairness" and lead.metric in METRICS and METRICS[lead.metric].leads and bool(drawn_first)
    first = () if charts and not leads else drawn_first
    figure = Figure(
        _metric_and_law(lead), _headline(look, lead), _subtitle(found, charts, first), unstable.strip(), table, told
    )
    asked = {v.finding: v.status for v in look.report.verdicts}
    says = any(established(f) or f.id in asked for f in found)
    failed = any(asked.get(f.id) == "fail" for f in found)
    folded = tuple(x for x in exhibits if x not in first)
    return Answer(names.figure(figure), charts, first, folded, says, failed, leads)


def behind(look: Lookup, names: Names) -> tuple[Drawn, ...]:
    """Exhibits of findings that the figures of rates draw: curves, and the folded tables that rank crossings."""
    found = [f for f in look.report.findings if look.in_rates(f)]
    return drawn(look, found, Room.of(look), names)


def _lead(found: list[Finding]) -> Finding:
    """The surest established comparison; else the worst of classes, or the first finding."""
    sure = [f for f in found if established(f)]
    differences = [f for f in sure if f.comparison.startswith("difference")]
    if differences:
        return max(differences, key=lambda f: f.estimate.low or 0.0)
    return sure[0] if sure else _worst(found)


def _worst(found: list[Finding]) -> Finding:
    """Of rates of classes, each over everybody, the worst where one end is better; else the first finding."""
    of_classes = [f for f in found if f.label and f.comparison == "overall" and f.estimate.value is not None]
    known = METRICS.get(found[0].metric)
    sign = {"higher is better": 1, "lower is better": -1}.get(known.direction, 0) if known else 0
    return min(of_classes, key=lambda f: sign * (f.estimate.value or 0.0), default=found[0]) if sign else found[0]


def _headline(look: Lookup, f: Finding) -> str:
    """An established difference of one class in a clause, which its statement is too long for; else as `title_of`."""
    pair = look.sides(f) if class_of(f) and f.comparison == "difference" and established(f) else ()
    if len(pair) == 2 and class_of(f) and speaks_in_people(look, f):
        return upper_first(look.say_of(class_of(f)).clause(f.metric, pair[0].group, pair[1].group))
    return title_of(f)


def title_of(f: Finding) -> str:
    """The finding in one line; where its interval holds "no gap", that none is established, whatever it states."""
    if compares(f.comparison) and not established(f):
        if f.estimate.value is None:
            return f"{name_of(f.metric)}: nothing to compare between groups of {by_words(f.by)}"
        if f.estimate.state == "unstable":
            return f"{name_of(f.metric)}: too unstable to compare groups of {by_words(f.by)}"
        if f.alone and stands_out(f):
            return f"{name_of(f.metric)}: a difference {_where(f)} stands out alone, and may be chance"
        if f.estimate.low is not None or f.estimate.high is not None:
            return f"{name_of(f.metric)}: no difference {_where(f)} is established"
    first = _first_sentence(f.statement)
    return first if 0 < len(first) <= LONGEST else shown(f.title, empty=name_of(f.metric))


def _where(f: Finding) -> str:
    return f"between groups of {by_words(f.by)}" if f.by else "from none"


def _first_sentence(text: str) -> str:
    end = next((i for i in range(len(text) - 1) if text[i] == "." and text[i + 1] == " "), len(text))
    return shown(text[:end].removesuffix("."), empty="")


def _metric_and_law(f: Finding) -> str:
    """The metric, and the law that asks for it."""
    return ", ".join(x for x in (name_of(f.metric), shown(f.law, empty="")) if x)


def _subtitle(found: list[Finding], charts: tuple[Chart, ...], open_: tuple[Drawn, ...]) -> str:
    """What is drawn: of lines nothing where there are none."""
    first = found[0]
    seen = (*charts, *(c for x in open_ if isinstance(x.view, Group) for c in x.view.charts))
    lines = [row for c in seen for b in c.blocks for row in b.rows if row.mark.low is not None]
    line = next((words for f in found if (words := level_of(f.estimate))), "") if lines else ""
    line += limits.TICK if any(c.limited for c in seen) else ""
    cut = ""
    if any(c.cut for c in charts):
        cut = f" Of more than {MOST} rows the {MOST} surest to differ from 0 are drawn."
    if (charts or open_) and len(_drawn_groups(found)) < len(_by_groups(found)):
        cut += " Crossed groups stand in the table."
    known = METRICS.get(first.metric)
    if lines and not any(established(f) for f in found) and any(_clear(e) for f in found for e in _of_gaps(f)):
        cut += f" {CLEAR}"
    what = f" {known.definition}" if known and first.concern == "explanation" else ""  # names nobody knows
    told = f" {upper_first(shown(first.direction))}." if first.direction else ""
    unit = ", in points" if charts and _unit_of_groups(first) == "points" else ""  # elsewhere numbers name their own
    return f"{_metric_and_law(first)}{unit}.{what}{told} {line}{cut}".strip()


CLEAR = "A line clear of 0 may be chance among all tests of this report."
"""Said where some line is of what is 0 by chance, and nothing is established."""

_VALUES = ("rate", "composite", "error", MATCHING, SHARES, EXPOSED, DETECTION, MEASURED)
"""Kinds of metrics whose own values, of a group or of everybody, are no tests of being 0."""


def _of_gaps(f: Finding) -> list[Estimate]:
    """What a finding draws that is 0 where there is nothing to find: gaps, and values whose distance from 0 is one."""
    own = [f.estimate] if f.comparison not in ("group_min", "group_max") else []
    groups = [g.estimate for g in f.by_group]
    if f.comparison in CHANGES:
        return own + groups
    known = METRICS.get(f.metric)
    tests = known is None or known.right == 0 or (known.kind not in _VALUES and bool(own)) or f.metric == SIGNED
    if tests:
        return own + groups
    return own if f.comparison.startswith("difference") else []


def _clear(e: Estimate) -> bool:
    return e.low is not None and e.high is not None and e.low * e.high > 0


def _charts(look: Lookup, found: list[Finding]) -> tuple[Chart, ...]:
    """The groups' values first; then one chart a comparison, a row a finding. One dot is no chart."""
    own: list[tuple[str, list[Named]]] = []
    whole = next((f for f in found if f.comparison == "overall"), None)
    if whole is not None:
        overall = [f for f in found if f.comparison == "overall"]
        label = "Everybody" if len(overall) == 1 and not whole.by and whole.label is None else ""
        limit = limits.of_finding
        own.append(("", [Named(label or upper_first(_label(f)), f.estimate, "n", limit(look, f)) for f in overall]))
    for by, f in _drawn_groups(found).items():
        each = _limit_of_groups(look, f, by)
        rows = [Named(look.say.label(g.group), g.estimate, _tone(look, g), each) for g in f.by_group]
        own.append((_head_of_groups(f, by), rows))
    known = METRICS.get(found[0].metric)
    of = known.counts if known is not None else ""
    charts = [chart("", own, _unit_of_groups(found[0]), counts=of)] if own else []
    for comparison in dict.fromkeys(f.comparison for f in found if f.comparison != "overall"):
        mine = [f for f in found if f.comparison == comparison]
        rows = [Named(upper_first(_label(f)), f.estimate, "n", limits.of_finding(look, f)) for f in mine]
        unit = unit_of(found[0], comparison)
        named = f", in {unit}" if unit not in ("", "percent", "ratio") else ""
        charts.append(chart(comparison_name(comparison) + named, [("", rows)], unit, counts=of))
    return tuple(c for c in charts if sum(len(b.rows) for b in c.blocks) > 1)


def _limit_of_groups(look: Lookup, f: Finding, by: By) -> float | None:
    """Of the finding whose groups are drawn."""
    same = f.comparison not in CHANGES and not f.controls
    return limits.of_groups(look, f.metric, by, f.label, f.law) if same else None


def _head_of_groups(f: Finding, by: By) -> str:
    """Whose values stand below; of one class of several, which."""
    return upper_first(by_words(by)) if f.label is None else f"{upper_first(by_words(by))}, {shown(f.label)}"


def _unit_of_groups(f: Finding) -> str:
    """How the values of groups are written: those of a change are changes themselves."""
    return unit_of(f, f.comparison if f.comparison in CHANGES else "overall")


def _tone(look: Lookup, g: GroupEstimate) -> str:
    """Circle and square for an attribute of two groups; the same mark for all others, and where attributes cross."""
    return look.shape(*next(iter(g.group.items()))) if len(g.group) == 1 else "n"


def comparison_name(comparison: Comparison) -> str:
    """A comparison as the head of a chart."""
    return _NAMES.get(comparison, upper_first(comparison.replace("_", " ")))


def _label(f: Finding) -> str:
    held = f", at equal {listed([shown(c) for c in f.controls])}" if f.controls else ""
    if f.label is not None:
        return (f"{shown(f.label)}, {by_words(f.by)}" if f.by else shown(f.label)) + held
    held += ", any class" if f.surest is not None and f.surest.label else ""
    return (by_words(f.by) if f.by else shown(f.title, empty="everybody")) + held


def _by_groups(found: list[Finding]) -> dict[By, Finding]:
    """by → the finding whose groups are told: that of the title, else one of its class, else the first."""
    lead = _lead(found)
    groups: dict[By, Finding] = {}
    for f in sorted(found, key=lambda f: (f is not lead, f.label != lead.label)):
        if f.by_group:
            groups.setdefault(f.by or tuple(f.by_group[0].group), f)
    return dict(sorted(groups.items(), key=lambda x: next(i for i, f in enumerate(found) if f is x[1])))


def _drawn_groups(found: list[Finding]) -> dict[By, Finding]:
    """Groups of single attributes; crossed ones are drawn where there are no others, and stand in the table always."""
    every = _by_groups(found)
    return {by: f for by, f in every.items() if len(by) == 1} or every


def _table(look: Lookup, found: list[Finding], tallest: int) -> TableView:
    told = [(_row_head(f), f.estimate, unit_of(f)) for f in found]
    for by, f in _by_groups(found).items():
        unit = _unit_of_groups(found[0])
        told += [(f"{_head_of_groups(f, by)}: {look.say.label(g.group)}", g.estimate, unit) for g in f.by_group]
    texts = [(what, *cells(e, unit, few=True), f"{counted(e):,}") for what, e, unit in told[:tallest]]
    rows = tuple(tuple(t or NOTHING for t in row) for row in texts)
    caption = f"{_metric_and_law(found[0])}{cut_to(len(rows), len(told))}"
    known = METRICS.get(found[0].metric)
    n = f"n, {known.counts}" if known is not None and known.counts else "n"
    return TableView(caption, ("What", "Value", "Interval", n), rows or ((NOTHING,) * 4,))


def _row_head(f: Finding) -> str:
    if f.comparison == "overall":
        return upper_first(_label(f))
    known = METRICS.get(f.metric)
    extreme = known.wording.extreme if known and f.comparison in ("group_min", "group_max") else ""
    return f"{extreme or comparison_name(f.comparison)}, {_label(f)}"
