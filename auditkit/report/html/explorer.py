"""The threshold explorer: what other common thresholds would do, drawn whole, and as numbers for the page's script.

The axis counts thresholds: they stand evenly, so that a slider's thumb stands under its line. What a script shows at a
common threshold was computed and rounded here; with two thresholds it follows from counts (`_recomputed`).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from auditkit.explorer import Explorer, RuleSteps
from auditkit.formatting import decimals
from auditkit.records import Comparison, Estimate, Rule, Status
from auditkit.report.html.explorer_data import (
    AUDITED,
    COMMON,
    STATES,
    UNITS,
    Series,
    Shown,
    data_of,
    falls,
    labels_of,
    span,
    summed,
    tenths,
    top_of,
    written_in,
)
from auditkit.report.html.explorer_kinds import Kind, kind, rate
from auditkit.report.html.figures import Judged, TableView, bracketed
from auditkit.report.html.geometry import even_steps
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.steps import Line, across, bars, line_of, score, stands
from auditkit.report.places import ALARMS
from auditkit.report.verdict_words import asked
from auditkit.report.vocabulary import by_words, kind_of, listed, number, several, upper_first

MOST_GROUPS = 6
"""Groups whose scores are drawn."""
MOST_RULES = 12
"""Rules that are told; the bytes of a rule are some 1,200."""
_ROWS = 9
"""Thresholds in the table."""
_TICKS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
_NEAR = 9.0
"""Percent of the width that two ticks need."""
_COMPARED: dict[Comparison, str] = {
    "overall": "",
    "group_min": ", lowest by {by}",
    "group_max": ", highest by {by}",
    "difference": ", gap by {by}",
    "ratio": ", ratio by {by}",
    "difference_to_overall": ", gap to everybody by {by}",
    "ratio_to_overall": ", ratio to everybody by {by}",
    "difference_to_reference": ", gap to a reference by {by}",
    "ratio_to_reference": ", ratio to a reference by {by}",
    "difference_to_rest": ", gap to the rest by {by}",
    "ratio_to_rest": ", ratio to the rest by {by}",
}


class Group(NamedTuple):
    """One group's scores."""

    name: str
    n: str
    tone: str
    body: str
    """Everybody, as bars."""
    strong: str
    """Those who are truly positive."""
    rates: tuple[tuple[str, str], ...]
    """At the start, each with the word that follows it."""
    beyond: str
    """Who stands beyond the ends of the axis."""


class Told(NamedTuple):
    """One rule at the start."""

    label: str
    status: Status
    value: str
    range: str
    limit: str


class View(NamedTuple):
    """The figure."""

    title: str
    subtitle: str
    groups: tuple[Group, ...]
    ticks: tuple[tuple[float, str], ...]
    last: int
    """Position of the last threshold."""
    start: int
    at: float
    """Where the start stands, in percent."""
    threshold: str
    today: bool
    """Whether the start is how the audit decides."""
    rules: tuple[Told, ...]
    lead: int
    """Which rule the curve is of."""
    curve: Line | None
    zone: tuple[float, float]
    """Top and height of what is allowed, in percent."""
    limit: float
    labels: tuple[str, str, str]
    """Of the curve's axis: its top, the limit, its foot."""
    words: str
    """The curve for those who hear it."""
    below: Line
    below_title: str
    below_ends: tuple[str, str]
    below_words: str
    sentence: str
    note: str
    two: bool
    """Whether a threshold a group can be tried."""
    table: TableView
    data: Markup


def view(look: Lookup) -> View | None:
    """The explorer; None where the report has none."""
    found = look.report.explorer
    if found is None:
        return None
    rules = {v.rule.id: v.rule for v in look.report.verdicts}
    told = [(rules[r.rule], r) for r in found.rules if r.rule in rules and written_in(rules[r.rule]) in UNITS]
    told = told[:MOST_RULES]
    by = _attribute(look, found, [rule for rule, _ in told])
    groups = _groups(found, by) or [summed(found.groups, "", "", _alarms(found, "", ""))]
    of = kind(look, found, by, groups)
    lead, start, below = _lead(told, by), of.start, of.series[-1]
    level = look.report.policy.confidence if look.report.policy else 0.95
    two = not found.scenes and len(groups) == 2 == len({g.group[by] for g in found.groups}) if by else False
    curve, zone, limit, labels = _curve(look, *told[lead]) if told else (None, (0.0, 0.0), 0.0, ("", "", ""))
    names = [score(x) for x in found.threshold]
    note, counted = _notes(look, found, of, told, two)
    moved = [m for m, _ in of.moved]
    return View(
        title=_title(told, found, of, names, every=len(rules)) if told else of.untold,
        subtitle=of.subtitle,
        groups=tuple(_drawn(look, by, groups, of, names)),
        ticks=_ticks(found.threshold, even=of.even),
        last=len(names) - 1,
        start=start,
        at=across(start, len(names)) / 10,
        threshold=names[start],
        today=found.today is not None,
        rules=tuple(_told(look, rule, steps, start) for rule, steps in told),
        lead=lead,
        curve=curve,
        zone=zone,
        limit=limit,
        labels=labels,
        words=_heard(look, *told[lead], names) if told else "",
        below=line_of(below.values, ends=below.ends),
        below_title=below.title,
        below_ends=below.labels,
        below_words=_heard_below(below, names),
        sentence=_sentence(told, found, of, names, start),
        note=note,
        two=two,
        table=_table(look, by, groups, told, lead, of, names)._replace(note=counted),
        data=data_of(by, groups, told, found, of.series, moved, of.unit, start, lead, two, level),
    )


def _attribute(look: Lookup, found: Explorer, rules: Sequence[Rule]) -> str:
    """Whose groups are drawn: the first attribute that rules ask about alone, of few enough groups; else any."""
    of_rules = [rule.by[0] for rule in rules if len(rule.by) == 1]
    for a in (*of_rules, *found.groups[0].group):
        if all(a in g.group for g in found.groups) and 2 <= len({g.group[a] for g in found.groups}) <= MOST_GROUPS:
            return a
    return ""


def _groups(found: Explorer, by: str) -> list[Shown]:
    values = sorted({g.group[by] for g in found.groups}) if by else []
    return [summed(found.groups, by, v, _alarms(found, by, v)) for v in values]


def _alarms(found: Explorer, by: str, value: str) -> tuple[float, ...]:
    """False alarms a scene at each threshold in the scenes of a group; none where scenes have no such attribute."""
    own = [s for s in found.scenes if not by or s.group.get(by) == value]
    return rate(own, len(found.threshold)) if own else ()


def _lead(told: Sequence[tuple[Rule, RuleSteps]], by: str) -> int:
    """The rule whose curve is drawn: about the groups that are drawn, and with verdicts that change."""
    if not told:
        return 0

    def order(i: int) -> tuple[bool, bool, int]:
        rule, steps = told[i]
        return rule.by != (by,), len(set(steps.status)) < 2, i

    return min(range(len(told)), key=order)


def _label(look: Lookup, rule: Rule) -> str:
    """A rule in a few words: "Found, gap by gender"."""
    return upper_first(look.say.short(rule.metric)) + _COMPARED[rule.comparison].format(by=by_words(rule.by))


def _estimate(steps: RuleSteps, i: int) -> Estimate:
    return Estimate(value=steps.value[i], low=steps.low[i], high=steps.high[i])


def _told(look: Lookup, rule: Rule, steps: RuleSteps, i: int) -> Told:
    e, unit = _estimate(steps, i), written_in(rule)
    limit = asked(rule, kind_of(rule.metric), signs=True)
    return Told(_label(look, rule), steps.status[i], tenths(e.value, unit), span(e.low, e.high, unit), limit)


def _title(
    told: Sequence[tuple[Rule, RuleSteps]], found: Explorer, of: Kind, names: Sequence[str], *, every: int
) -> str:
    """Whether any of the thresholds meets all rules, and what these come to where that says whether they are of use."""
    met = [sum(s.status[i] == "pass" for _, s in told) for i in range(len(names))]
    all_ = {1: "the one rule", 2: "both rules"}.get(len(told), f"all {several(len(told), 'rule')}")
    all_ += " drawn here" if len(told) < every else ""
    if max(met) < len(told):
        today, none = found.today, f"None of {len(names)} common thresholds meets {all_}"
        best = today if today is not None and met[today] == max(met) else met.index(max(met))
        if len(told) == 1:
            return none
        most = f"at most {number(max(met))}, as at {names[best]}{_where(of, [best])}" if max(met) else "none meets any"
        return f"{none}; {most}"
    full = [i for i, n in enumerate(met) if n == len(told)]
    runs = [[full[0]]]
    for a, b in pairwise(full):
        runs[-1].append(b) if b == a + 1 else runs.append([b])
    if len(runs) > 3:
        return f"{upper_first(number(len(full)))} of {len(names)} common thresholds meet {all_}{_where(of, full)}"
    spans = [names[r[0]] if len(r) == 1 else f"{names[r[0]]} to {names[r[-1]]}" for r in runs]
    if of.price is not None:
        return f"{upper_first(all_)} can be met only at {listed(spans)}{_where(of, full)}"
    return f"One common threshold can meet {all_}: {listed(spans)}{_where(of, full)}"


def _where(of: Kind, at: Sequence[int]) -> str:
    """What the thresholds come to, where a rule can be met by missing everything."""
    if of.price is None:
        return ""
    best = max(at, key=of.price.values.__getitem__)
    return f", where {'at most ' if len(at) > 1 else ''}{tenths(of.price.values[best], of.price.unit)} {of.price.words}"


def _drawn(look: Lookup, by: str, groups: Sequence[Shown], of: Kind, names: Sequence[str]) -> list[Group]:
    """Every group's bars on one scale of shares: equal areas are equal shares of a group."""
    between = [[a + b for a, b in zip(falls(g.false), falls(g.true), strict=True)] for g in groups]
    most = max(max(rows) / max(1, g.n) for rows, g in zip(between, groups, strict=True)) or 1.0
    out = []
    for g, rows in zip(groups, between, strict=True):
        here, n = {by: g.value} if by else {}, max(1, g.n)
        below, above = 1 - (g.false[0] + g.true[0]) / n, (g.false[-1] + g.true[-1]) / n
        out.append(
            Group(
                name=look.say.label(here) if by else upper_first(look.say.everybody),
                n=f"{g.n:,} {of.one if g.n == 1 else of.unit}",
                tone=look.shape(by, g.value) if by else "n",
                body=bars(rows, most * n),
                strong=bars(falls(g.true), most * n),
                rates=tuple((g.rate(m, of.start), word) for m, word in of.moved if m != ALARMS or g.alarms),
                beyond="".join(
                    f", {decimals(100 * share, 0)}% {where}"
                    for share, where in ((below, f"{of.below} {names[0]}"), (above, f"above {names[-1]}"))
                    if share >= 0.005
                ),
            )
        )
    return out


def _ticks(thresholds: Sequence[float], *, even: bool) -> tuple[tuple[float, str], ...]:
    if even:  # of which no number is rounder than another
        last = len(thresholds) - 1
        return tuple((100 * i / last, f"{thresholds[i]:.4g}") for i in sorted({last * k // 4 for k in range(5)}))
    out: list[tuple[float, str]] = []
    at = {0.5: stands(thresholds, 0.5)} | {x: stands(thresholds, x) for x in _TICKS}
    for x in sorted(at, key=lambda x: abs(x - 0.5)):
        place = at[x]
        if place is not None and all(abs(place - p) >= _NEAR for p, _ in out):
            out.append((place, f"{x:g}"))
    return tuple(sorted(out))


def _curve(look: Lookup, rule: Rule, steps: RuleSteps) -> tuple[Line, tuple[float, float], float, tuple[str, str, str]]:
    top = top_of(rule, steps)
    line = line_of(steps.value, steps.low, steps.high, ends=(0.0, top))
    at = min(100.0, max(0.0, line.up(rule.limit)))
    zone = (at, round(100 - at, 1)) if rule.at_most is not None else (0.0, at)
    return line, zone, at, labels_of(rule, steps, top)


def _heard(look: Lookup, rule: Rule, steps: RuleSteps, names: Sequence[str]) -> str:
    first, last = (_told(look, rule, steps, i) for i in (0, -1))
    limit = asked(rule, kind_of(rule.metric))
    return f"{first.label}: {first.value} at {names[0]}, {last.value} at {names[-1]}; allowed: {limit}"


def _heard_below(of: Series, names: Sequence[str]) -> str:
    value = [tenths(x, of.unit) for x in of.values]
    most = max(range(len(value)), key=of.values.__getitem__)
    first = f"{of.title}, from {value[0]} at {names[0]} to {value[-1]} at {names[-1]}"
    return f"{first}, highest {value[most]} at {names[most]}"


def _sentence(told: Sequence[tuple[Rule, RuleSteps]], found: Explorer, of: Kind, names: Sequence[str], i: int) -> str:
    """What a threshold does in one sentence; the script says it of others in the same words."""
    states = Counter(s.status[i] for _, s in told)
    what = [f"{states[s]} {w}" for s, w in STATES.items() if s != "not_measured" or states[s]]
    rules = f"of {len(told)} rule{'' if len(told) == 1 else 's'} {', '.join(what)}; " if told else ""
    open_ = sum(g.open[i] for g in found.groups)
    sides = f" Up to {open_:,} {of.unit} may stand on its other side." if open_ else ""
    ends = ", ".join(s.said(i) for s in of.series)
    return f"{AUDITED if i == found.today else COMMON} {names[i]}: {rules}{ends}.{sides}"


def _notes(
    look: Lookup, found: Explorer, of: Kind, told: Sequence[tuple[Rule, RuleSteps]], two: bool
) -> tuple[str, str]:
    """What must be known at once, and how it was counted."""
    first = ["Each rule is judged by itself, without Holm’s correction."] if told else []
    first.append(of.chosen)
    if two:
        first.append("A threshold a group treats people by a protected attribute: in many places that is unlawful.")
    said = [of.counted]
    left = len(look.report.verdicts) - len(told)
    if left:
        rest = f"{upper_first(several(left, 'rule'))} of the policy {'is' if left == 1 else 'are'}"
        said.append(f"{rest} not about decisions at one threshold, or not told here.")
    if any(any(g.open) for g in found.groups):
        said.append(
            "Counts are of stored score bins: of one that a threshold parts, all rows stand where its mean does."
        )
    if found.today is None:
        said.append("The decisions of the audit are not those of one threshold on the score.")
    return " ".join(first), " ".join(said)


def _table(
    look: Lookup,
    by: str,
    groups: Sequence[Shown],
    told: Sequence[tuple[Rule, RuleSteps]],
    lead: int,
    of: Kind,
    names: Sequence[str],
) -> TableView:
    short, (first, _), below = look.say.short, of.moved[0], of.series[-1]
    columns = ["Threshold"]
    columns += (
        [f"{look.say.label({by: g.value})} {short(first)}" for g in groups] if by else [upper_first(short(first))]
    )
    columns += [_label(look, told[lead][0]), "Verdict"] if told else []
    rows = []
    for i in sorted({of.start, *even_steps(len(names), _ROWS)}):
        cells: list[str | Judged] = [names[i], *(g.rate(first, i) for g in groups)]
        if told:
            t = _told(look, *told[lead], i)
            cells += [bracketed(t.value, t.range), Judged(t.status)]
        rows.append((*cells, tenths(below.values[i], below.unit)))
    words = (0, len(columns) - 1) if told else (0,)
    return TableView("Some common thresholds", (*columns, below.title), tuple(rows), words)
