"""Section 1: at most six plain sentences, the worst first, and what is not known."""

from typing import NamedTuple

from auditkit.formatting import interval, percent, points, quantity
from auditkit.records import Finding, GroupEstimate, Status, Verdict
from auditkit.report.html import conflicts, why
from auditkit.report.html.errors_by_group import clause, in_numbers
from auditkit.report.html.errors_by_group import sentence as in_words
from auditkit.report.html.leading import Story, led, speaks_in_people, story, whose
from auditkit.report.html.lookup import Lookup, class_of, established, own_estimate, stands_out
from auditkit.report.html.rules import ranked, sentence
from auditkit.report.html.sections import CONCERNS, NUMBER, SECTIONS, home, in_cases
from auditkit.report.html.unmeasured import unasked
from auditkit.report.places import FLIPPED, WAY_OUT
from auditkit.report.surest import compared, uncovered
from auditkit.report.verdict_words import asked, kind_of_verdict
from auditkit.report.vocabulary import brief, by_words, listed, measured_in, number, several, shown, upper_first

MOST = {"fail": 3, "inconclusive": 1}
"""Rules of a state that get a sentence of their own; the gate has them all."""


SENTENCES = 6
"""Sentences of a summary; what is met gives way to what makes the gap."""


class Item(NamedTuple):
    """One sentence of the summary."""

    status: Status | None
    """None without a policy."""
    bold: str
    text: str
    link: str
    link_words: str


def view(look: Lookup) -> tuple[Item, ...]:
    """The summary of a report."""
    order = ranked(look.report.verdicts)
    items = []
    for status, most in MOST.items():
        mine = [v for v in order if v.status == status]
        items += [_judged(look, v) for v in mine[: most + 1 if len(mine) == most + 1 else most]]
    made = why.summary(look)
    conflict = "" if order else conflicts.sentence(look)  # that of rules stands with them
    most = min(4, SENTENCES - 1 - len(made) - bool(conflict))
    first = led(look)[:1]  # the headline of a report without a policy
    ways = [f for f in _ways(look) if look.report.verdicts or f not in first][:2]
    most = max(1, most - len(ways))
    items = items[:most] if look.report.verdicts else _without_policy(look, [f.id for f in ways])[:most]
    items += [
        Item(None, shown(brief(f.claim), longest=400), "", f"#{SECTIONS[at(f)].anchor}", SECTIONS[at(f)].title)
        for f in ways
    ]
    items += [Item(None, "Not all can hold.", conflict, "#data", "Data")] if conflict else []
    items += [Item(None, bold, text, "#why", "What makes the gap") for bold, text in made]
    passed = [v for v in order if v.status == "pass"]
    if passed and len(items) < SENTENCES - 1:
        names = "; ".join(sentence(v.rule, look) for v in passed[:3])
        verb = "is met" if len(passed) == 1 else "are met"
        rest = f"; and {number(len(passed) - 3)} more" if len(passed) > 3 else ""
        items.append(
            Item("pass", f"{upper_first(several(len(passed), 'rule'))} {verb}.", f"{names}{rest}.", "#gate", "Gate")
        )
    left = uncovered(look.report)
    told = any(left is not None and left.id == f.id for f in ways)
    if left is not None and not told and len(items) < SENTENCES - 1:
        items.append(_found(look, left)._replace(link_words="No rule asks about it"))
    return (*items, _unknown(look))


def _judged(look: Lookup, v: Verdict) -> Item:
    bold, text = _clauses(look, v)
    anchor, title, *_ = SECTIONS[home(look, v)]
    return Item(v.status, bold, text, f"#{anchor}", "By group" if anchor == "fairness" else title)


def _clauses(look: Lookup, v: Verdict) -> tuple[str, str]:
    rule, e = v.rule, v.estimate
    lost = "Not met" if v.status == "fail" else "Not decided"
    if e is None:
        return f"{lost}: {sentence(rule, look)}.", v.reason
    of = kind_of_verdict(look.report, v)
    finding, kind = look.by_id(v.finding), rule.comparison
    told = story(finding, v) if finding else Story(v.surest, e, True)
    e = told.surest.estimate if told.surest else told.estimate
    size = f"{quantity(e, kind, of=of)}, {interval(e, kind, of=of)}"
    if not told.decides:
        size += ", which alone would decide: judged with the other rules it is open"
    people = finding is None or speaks_in_people(look, finding)
    if finding is not None and in_numbers(finding):
        return _of_numbers(look, v, finding, told, size)
    pair = look.sides(finding, told.surest) if finding and kind in ("difference", "ratio") and people else ()
    if len(pair) < 2 or (v.status == "fail" and not stands_out(finding)):
        return f"{lost}: {sentence(rule, look)}.", f"The value{whose(look, told)} is {size}."
    say = look.say_of(class_of(finding) if finding else None)
    told_apart = say.clause(rule.metric, pair[0].group, pair[1].group)
    what = "gap" if kind == "difference" else "ratio"
    if v.status == "fail":
        rates = _against(*say.in_clause(rule.metric, *pair))
        return f"{upper_first(told_apart)}.", f"{rates}, a {what} of {size}; the policy asks for {asked(rule, of)}."
    value = f"The {what} is {size}; the policy asks for {asked(rule, of)}."
    return f"Whether {told_apart} beyond the limit is not decided.", value


def _of_numbers(look: Lookup, v: Verdict, f: Finding, told: Story, size: str) -> tuple[str, str]:
    """A rule about errors of numbers: which group, how much, which way."""
    rule, of = v.rule, kind_of_verdict(look.report, v)
    lost = "Not met" if v.status == "fail" else "Not decided"
    pair = look.sides(f, told.surest) if rule.comparison == "difference" else ()
    if len(pair) < 2:
        return f"{lost}: {sentence(rule, look)}.", f"The value is {size}."
    between = clause(look, rule.metric, pair[0].group, pair[1].group)
    if v.status != "fail" or not stands_out(f):
        return (
            f"Whether {between} beyond the limit is {lost.lower()}.",
            f"The gap is {size}; the policy asks for {asked(rule, of)}.",
        )
    said = in_words(look, rule.metric, [(g.group, g.estimate) for g in reversed(pair)])
    return said, f"A gap of {size}; the policy asks for {asked(rule, of)}."


def at(f: Finding) -> int:
    """The number of the section that shows a finding."""
    if in_cases(f):
        return NUMBER["cases"]
    return next((n for n, concern in CONCERNS.items() if concern == f.concern), NUMBER["why"])


def _against(a: GroupEstimate, b: GroupEstimate) -> str:
    return f"{percent(a.estimate)} against {percent(b.estimate)}"


def _without_policy(look: Lookup, told: list[str]) -> list[Item]:
    """The surest differences, in the order of the headline, without those that have a sentence of their own."""
    return [_found(look, f) for f in [f for f in led(look) if f.id not in told][:4]]


def _ways(look: Lookup) -> list[Finding]:
    """Who has a way out of a refusal, and decisions that hang on an attribute alone: the surest of each."""
    found = []
    for metric in (WAY_OUT, FLIPPED):
        mine = [f for f in look.report.findings if f.metric == metric and not f.alone and (f.estimate.low or 0.0) > 0]
        mine = [f for f in mine if f.estimate.state != "unstable"]
        found += sorted(mine, key=lambda f: -(f.estimate.low or 0.0))[:1]
    return found


def _found(look: Lookup, f: Finding) -> Item:
    pair = look.sides(f) if speaks_in_people(look, f) or in_numbers(f) else ()
    anchor, title, *_ = SECTIONS[at(f)]
    words = "All gaps" if anchor == "fairness" and pair and look.binary else title
    if len(pair) < 2:
        return Item(None, shown(brief(f.claim), longest=400), "", f"#{anchor}", words)
    own = own_estimate(f)
    if in_numbers(f):
        of = measured_in(look.report, f.metric, f.unit)
        size = f"A gap of {quantity(own, 'difference', of=of)}, {interval(own, 'difference', of=of)}."
        said = in_words(look, f.metric, [(g.group, g.estimate) for g in reversed(pair)])
        return Item(None, said, size, f"#{anchor}", words)
    say = look.say_of(class_of(f))
    apart = say.clause(f.metric, pair[0].group, pair[1].group)
    size = f"a gap of {points(own)} points, {interval(own, 'difference')}"
    rates = _against(*say.in_clause(f.metric, *pair))
    return Item(None, f"{upper_first(apart)}.", f"{rates}, {size}.", f"#{anchor}", words)


def _unknown(look: Lookup) -> Item:
    gaps = [f for f in look.report.findings if f.concern == "fairness" and f.comparison == "difference"]
    found = {by: [f for f in gaps if f.by == by and f.estimate.value is not None] for by in look.bys()}
    unseen = [by for by, mine in found.items() if mine and not any(map(established, mine))]
    absent = [shown(n.what) for n in look.report.not_measured if not n.settled][:3]
    fairness = () if compared(look.report) else ("fairness between groups",)
    words = listed([*fairness, *unasked(look)]) or "; ".join(absent) or "what nobody asked for"
    if unseen:
        gap = f"no gap{why.in_decisions(look, unseen)}"
        words += f". Between groups of {listed([*map(by_words, unseen)])} {gap} is established, and none is ruled out"
    extra = f". Nor: {'; '.join(absent)}" if absent and unasked(look) else ""
    return Item("not_measured", "Not known:", f"{words}{extra}.", "#unmeasured", "Not measured")
