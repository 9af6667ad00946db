"""Section 1: at most six plain sentences, the worst first, and what is not known."""

from __future__ import annotations

from typing import NamedTuple

from auditkit.formatting import interval, percent, points, quantity
from auditkit.records import Finding, GroupEstimate, Status, Verdict
from auditkit.report.html import why
from auditkit.report.html.leading import lower_is_better, speaks_in_people, sure_part
from auditkit.report.html.lookup import Lookup, established, own_estimate, stands_out
from auditkit.report.html.rules import ranked, sentence
from auditkit.report.html.sections import SECTIONS, home
from auditkit.report.html.unmeasured import too_small, unasked
from auditkit.report.vocabulary import asked, by_words, kind_of_verdict, listed, number, several, shown, upper_first

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
    items = items[:4] if look.report.verdicts else _without_policy(look)
    items += [Item(None, bold, text, "#why", "What makes the gap") for bold, text in made]
    passed = [v for v in order if v.status == "pass"]
    if passed and len(items) < SENTENCES - 1:
        names = "; ".join(sentence(v.rule, look) for v in passed[:3])
        verb = "is met" if len(passed) == 1 else "are met"
        rest = f"; and {number(len(passed) - 3)} more" if len(passed) > 3 else ""
        items.append(
            Item("pass", f"{upper_first(several(len(passed), 'rule'))} {verb}.", f"{names}{rest}.", "#gate", "Gate")
        )
    return (*items, _unknown(look))


def _judged(look: Lookup, v: Verdict) -> Item:
    bold, text = _clauses(look, v)
    anchor, title, *_ = SECTIONS[home(look, v)]
    return Item(v.status, bold, text, f"#{anchor}", "By group" if anchor == "fairness" else title)


def _clauses(look: Lookup, v: Verdict) -> tuple[str, str]:
    rule, e = v.rule, v.estimate
    lost = "is not met" if v.status == "fail" else "is not decided"
    if e is None:
        return f"{sentence(rule, look)}: {lost}.", v.reason
    of = kind_of_verdict(look.report, v)
    size = f"{quantity(e.value, rule.comparison, of=of)}, {interval(e, rule.comparison, of=of)}"
    finding, kind = look.by_id(v.finding), rule.comparison
    people = finding is None or speaks_in_people(finding)
    pair = look.sides(finding, v.surest) if finding and kind in ("difference", "ratio") and people else ()
    if len(pair) < 2 or (v.status == "fail" and not stands_out(finding)):
        return f"{sentence(rule, look)}: {lost}.", f"The value is {size}."
    clause = look.say.clause(rule.metric, pair[0].group, pair[1].group)
    what = "gap" if kind == "difference" else "ratio"
    if v.status == "fail":
        own = v.surest.estimate if v.surest else e
        size = f"{quantity(own.value, kind, of=of)}, {interval(own, kind, of=of)}"
        rates = _against(*(reversed(pair) if lower_is_better(rule.metric) else pair))
        return f"{upper_first(clause)}.", f"{rates}, a {what} of {size}; the policy asks for {asked(rule, of)}."
    told = f"The {what} is {size}; the policy asks for {asked(rule, of)}."
    return f"Whether {clause} beyond the limit is not decided.", told


def _against(a: GroupEstimate, b: GroupEstimate) -> str:
    return f"{percent(a.estimate.value)} against {percent(b.estimate.value)}"


def _without_policy(look: Lookup) -> list[Item]:
    items = []
    for by in look.bys():
        for metric in look.metrics():
            found = look.finding(metric, "difference", by)
            pair = look.sides(found) if found else ()
            if found and len(pair) == 2 and established(found) and (look.binary or speaks_in_people(found)):
                clause, own = look.say.clause(metric, pair[0].group, pair[1].group), own_estimate(found)
                size = f"a gap of {points(own.value)} points, {interval(own, 'difference')}"
                item = Item(None, f"{upper_first(clause)}.", f"{_against(*pair)}, {size}.", "#fairness", "All gaps")
                items.append((found.estimate.low or 0.0, item))
    items.sort(key=lambda pair: -pair[0])
    most = 4 if look.binary else 2
    return [*(item for _, item in items[:most]), *([] if look.binary else _stated(look))][:4]


def _stated(look: Lookup) -> list[Item]:
    """Gaps of errors, of classes and of labels, by their own sentence; of each metric and label the surest."""
    best: dict[tuple[str, str | None], Finding] = {}
    for f in look.report.findings:
        if f.concern == "fairness" and f.comparison == "difference" and established(f) and not speaks_in_people(f):
            known = best.setdefault((f.metric, f.label), f)
            best[f.metric, f.label] = max(known, f, key=sure_part)
    found = sorted(best.values(), key=sure_part, reverse=True)
    return [Item(None, shown(f.statement, longest=300), "", "#fairness", "By group") for f in found]


def _unknown(look: Lookup) -> Item:
    small, groups = too_small(look)
    gaps = [f for f in look.report.findings if f.concern == "fairness" and f.comparison == "difference"]
    unseen = [by_words(by) for by in look.bys() if not any(established(f) for f in gaps if f.by == by)]
    absent = [shown(n.what) for n in look.report.not_measured[:3]]
    words = listed(unasked(look)) or "; ".join(absent) or "what nobody asked for"
    if small:
        words += (
            f"; and, for some answers, anything about {number(small)} of {number(groups)} groups, which are too small"
        )
    if unseen:
        words += f". Between groups of {listed(unseen)} no gap is established, and none is ruled out"
    extra = f". Nor: {'; '.join(absent)}" if absent and unasked(look) else ""
    return Item("not_measured", "Not known:", f"{words}{extra}.", "#unmeasured", "Not measured")
