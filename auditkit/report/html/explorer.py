"""The threshold explorer: what other common thresholds would do, drawn whole, and as numbers for the page's script.

The axis counts thresholds: they stand evenly, so that a slider's thumb stands under its line. What a script shows at a
common threshold was computed and rounded here; with two thresholds it follows from counts (`_recomputed`).
"""

from __future__ import annotations

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
    Shown,
    data_of,
    falls,
    labels_of,
    span,
    tenths,
    top_of,
    written_in,
)
from auditkit.report.html.figures import Judged, TableView, bracketed
from auditkit.report.html.geometry import even_steps
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.steps import Line, across, bars, line_of, score, stands
from auditkit.report.places import MOVED
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
    rates: tuple[str, ...]
    """At the start."""
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
    accuracy: Line
    accuracy_ends: tuple[str, str]
    accuracy_words: str
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
    everybody = _group(found, "", "")
    groups = _groups(found, by) or [everybody]
    right = [sum(everybody.cells(i)[c] for c in (0, 3)) / everybody.n for i in range(len(found.threshold))]
    start = max(range(len(right)), key=right.__getitem__) if found.today is None else found.today
    lead = _lead(told, by)
    level = look.report.policy.confidence if look.report.policy else 0.95
    two = len(groups) == 2 == len({g.group[by] for g in found.groups}) if by else False
    curve, zone, limit, labels = _curve(look, *told[lead]) if told else (None, (0.0, 0.0), 0.0, ("", "", ""))
    ends = (int(10 * min(right)) / 10, -int(-10 * max(right) // 1) / 10)
    ends = ends if ends[0] < ends[1] else (ends[0], ends[0] + 0.1)
    names = [score(x) for x in found.threshold]
    note, counted = _notes(look, found, told, two)
    return View(
        title=_title(told, found, names, right),
        subtitle=_subtitle(look, by, groups),
        groups=tuple(_drawn(look, by, groups, names, start)),
        ticks=_ticks(found.threshold, own_units=bool(look.report.provenance.model.scale)),
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
        accuracy=line_of(right, ends=ends),
        accuracy_ends=(tenths(ends[1], "percent").replace(".0", ""), tenths(ends[0], "percent").replace(".0", "")),
        accuracy_words=f"Accuracy, from {tenths(right[0], 'percent')} at {names[0]} to "
        f"{tenths(right[-1], 'percent')} at {names[-1]}, "
        f"highest {tenths(max(right), 'percent')} at {names[right.index(max(right))]}",
        sentence=_sentence(told, found, names, right, start),
        note=note,
        two=two,
        table=_table(look, by, groups, told, lead, found, names, right, start)._replace(note=counted),
        data=data_of(by, groups, told, found, right, start, lead, two, level),
    )


def _attribute(look: Lookup, found: Explorer, rules: Sequence[Rule]) -> str:
    """Whose groups are drawn: the first attribute that rules ask about alone, of few enough groups; else any."""
    of_rules = [rule.by[0] for rule in rules if len(rule.by) == 1]
    for a in (*of_rules, *found.groups[0].group):
        if all(a in g.group for g in found.groups) and 2 <= len({g.group[a] for g in found.groups}) <= MOST_GROUPS:
            return a
    return ""


def _groups(found: Explorer, by: str) -> list[Shown]:
    return [_group(found, by, value) for value in sorted({g.group[by] for g in found.groups})] if by else []


def _group(found: Explorer, by: str, value: str) -> Shown:
    """The sum of the crossed groups that have the value; of all without an attribute."""
    own = [g for g in found.groups if not by or g.group[by] == value]
    false, true = (
        tuple(map(sum, zip(*columns, strict=True))) for columns in ([g.false for g in own], [g.true for g in own])
    )
    return Shown(value, sum(g.negatives for g in own), sum(g.positives for g in own), false, true)


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
    told: Sequence[tuple[Rule, RuleSteps]], found: Explorer, names: Sequence[str], right: Sequence[float]
) -> str:
    """Whether any of the thresholds meets all rules."""
    if not told:
        best = max(range(len(right)), key=right.__getitem__)
        rightly = tenths(right[best], "percent")
        return f"Of {len(names)} common thresholds, {names[best]} decides most people rightly: {rightly}"
    met = [sum(s.status[i] == "pass" for _, s in told) for i in range(len(names))]
    all_ = {1: "the one rule", 2: "both rules"}.get(len(told), f"all {several(len(told), 'rule')}")
    if max(met) < len(told):
        today = found.today
        best = today if today is not None and met[today] == max(met) else met.index(max(met))
        most = f"at most {number(max(met))}, as at {names[best]}" if max(met) else "none meets any"
        most = "" if len(told) == 1 else f"; {most}"
        return f"None of {len(names)} common thresholds meets {all_}{most}"
    full = [i for i, n in enumerate(met) if n == len(told)]
    runs = [[full[0]]]
    for a, b in pairwise(full):
        runs[-1].append(b) if b == a + 1 else runs.append([b])
    if len(runs) > 3:
        return f"{upper_first(number(len(full)))} of {len(names)} common thresholds meet {all_}"
    spans = [names[r[0]] if len(r) == 1 else f"{names[r[0]]} to {names[r[-1]]}" for r in runs]
    return f"One common threshold can meet {all_}: {listed(spans)}"


def _subtitle(look: Lookup, by: str, groups: Sequence[Shown]) -> str:
    whose = listed([look.say.people({by: g.value}) for g in groups]) if by else "everybody"
    return (
        f"Scores of {whose}; right of the line: selected. Strong: {look.say.yes()}; faint: {look.say.no()}. "
        "The axis is stretched at both ends, as log-odds are."
    )


def _drawn(look: Lookup, by: str, groups: Sequence[Shown], names: Sequence[str], start: int) -> list[Group]:
    """Every group's bars on one scale of shares: equal areas are equal shares of a group."""
    between = [[a + b for a, b in zip(falls(g.false), falls(g.true), strict=True)] for g in groups]
    most = max(max(rows) / max(1, g.n) for rows, g in zip(between, groups, strict=True)) or 1.0
    out = []
    for g, rows in zip(groups, between, strict=True):
        here, n = {by: g.value} if by else {}, max(1, g.n)
        below, above = 1 - (g.false[0] + g.true[0]) / n, (g.false[-1] + g.true[-1]) / n
        out.append(
            Group(
                name=look.say.label(here) if by else "Everybody",
                n=f"{g.n:,} {'person' if g.n == 1 else 'people'}",
                tone=look.shape(by, g.value) if by else "n",
                body=bars(rows, most * n),
                strong=bars(falls(g.true), most * n),
                rates=tuple(g.rate(m, start) for m in MOVED),
                beyond="".join(
                    f", {decimals(100 * share, 0)}% {where}"
                    for share, where in ((below, f"below {names[0]}"), (above, f"above {names[-1]}"))
                    if share >= 0.005
                ),
            )
        )
    return out


def _ticks(thresholds: Sequence[float], *, own_units: bool) -> tuple[tuple[float, str], ...]:
    if own_units:  # of which no number is rounder than another
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
    return line, zone, at, labels_of(rule, top)


def _heard(look: Lookup, rule: Rule, steps: RuleSteps, names: Sequence[str]) -> str:
    first, last = (_told(look, rule, steps, i) for i in (0, -1))
    limit = asked(rule, kind_of(rule.metric))
    return f"{first.label}: {first.value} at {names[0]}, {last.value} at {names[-1]}; allowed: {limit}"


def _sentence(
    told: Sequence[tuple[Rule, RuleSteps]], found: Explorer, names: Sequence[str], right: Sequence[float], i: int
) -> str:
    """What a threshold does in one sentence; the script says it of others in the same words."""
    states = Counter(s.status[i] for _, s in told)
    what = [f"{states[s]} {w}" for s, w in STATES.items() if s != "not_measured" or states[s]]
    rules = f"of {len(told)} rule{'' if len(told) == 1 else 's'} {', '.join(what)}; " if told else ""
    open_ = sum(g.open[i] for g in found.groups)
    sides = f" Up to {open_:,} people may stand on its other side." if open_ else ""
    rightly = tenths(right[i], "percent")
    return f"{AUDITED if i == found.today else COMMON} {names[i]}: {rules}{rightly} decided rightly.{sides}"


def _notes(look: Lookup, found: Explorer, told: Sequence[tuple[Rule, RuleSteps]], two: bool) -> tuple[str, str]:
    """What must be known at once, and how it was counted."""
    first = ["Each rule is judged by itself, without Holm’s correction."] if told else []
    first.append("A threshold that is chosen on these rows looks better here than it will on others.")
    if two:
        first.append("A threshold a group treats people by a protected attribute: in many places that is unlawful.")
    said = ["Counted are the rows with truth, decision and score."]
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
    found: Explorer,
    names: Sequence[str],
    right: Sequence[float],
    start: int,
) -> TableView:
    short = look.say.short
    columns = ["Threshold"]
    columns += [f"{look.say.label({by: g.value})} {short(MOVED[0])}" for g in groups] if by else ["Selected"]
    columns += [_label(look, told[lead][0]), "Verdict"] if told else []
    rows = []
    for i in sorted({start, *even_steps(len(names), _ROWS)}):
        cells: list[str | Judged] = [names[i], *(g.rate(MOVED[0], i) for g in groups)]
        if told:
            t = _told(look, *told[lead], i)
            cells += [bracketed(t.value, t.range), Judged(t.status)]
        rows.append((*cells, tenths(right[i], "percent")))
    words = (0, len(columns) - 1) if told else (0,)
    return TableView("Some common thresholds", (*columns, "Accuracy"), tuple(rows), words)
