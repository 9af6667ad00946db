"""A baseline changes only towards better.

The ratchet: a rule's value is replaced where the new one is surely better (its unpaired interval excludes no change,
over all rules together), or by its value alone where the rule is decided so. What is surely worse, or asked more
loosely, is refused by name unless somebody accepts it with a reason. In between the value stays: chance moves no
baseline, and picking the luckiest of many reports would make one that no model reaches again.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.errors import ReportError
from auditkit.formatting import interval, quantity
from auditkit.gate.identical import METHOD, decided_sha256, is_unchanged, same_decisions, unchanged
from auditkit.gate.judge import key_of
from auditkit.gate.loosened import rule_changes
from auditkit.gate.unpaired import Measured, levels, measured, measured_by, p_of_shift, shift
from auditkit.records import Baseline, Estimate, Finding, Held, Report, Rule, Update, Verdict

SAME = 1e-12
"""Values nearer than that are one."""


class Moved(NamedTuple):
    """What an update does to one rule."""

    rule: str
    what: Literal["new", "better", "kept", "worse"]
    statement: str


def updated(
    old: Baseline | None,
    report: Report,
    digest: str,
    *,
    reason: str,
    on: datetime.date,
    approved_by: str = "",
    accept_worse: bool = False,
) -> tuple[Baseline, tuple[Moved, ...]]:
    """The baseline with a judged report, whose file has that digest; and what that does to each rule.

    Raises ReportError for a report without verdicts, for a blank reason, and, unless `accept_worse`, where a rule is
    surely worse or asked more loosely than the baseline has it.
    """
    if not reason.strip():
        raise ReportError("a baseline needs a reason: --reason says why these values are accepted")
    if report.policy is None or not report.verdicts:
        raise ReportError(f"the report '{report.name}' has no verdicts: audit with a policy, so that rules have values")
    rules = dict(old.rules) if old is not None else {}
    steps = _steps(rules, report, report.policy.confidence, old.confidence if old is not None else 0.95)
    worse = [s.moved.statement for s in steps if s.moved.what == "worse"]
    if worse and not accept_worse:
        lines = "\n".join(f"  {w}" for w in worse)
        raise ReportError(
            f"the baseline moves only towards better, and this report is worse:\n{lines}\n"
            "mend the model, or accept it with --accept-worse, which keeps the reason in the baseline's history"
        )
    for s in steps:
        if s.number is not None:
            rules[s.verdict.rule.id] = Held(
                rule=_without_line(s.verdict.rule),
                status=s.verdict.status,
                estimate=s.number,
                report=digest,
                rows_sha256=report.provenance.data.sha256,
                people_sha256=report.provenance.data.people_sha256,
                decided_sha256=decided_sha256(s.verdict, report, report.findings),
                since=on,
            )
        elif s.verdict.rule.id in rules:
            kept = rules[s.verdict.rule.id]
            rules[s.verdict.rule.id] = kept.model_copy(update={"rule": _without_line(s.verdict.rule)})
    asked = {s.verdict.rule.id for s in steps}
    lost = [Moved(id, "kept", f"{id}: kept, though this report does not ask it.") for id in rules if id not in asked]
    update = Update(
        date=on, reason=reason.strip(), approved_by=approved_by, name=report.name, report=digest, worse=tuple(worse)
    )
    p = report.provenance
    made = Baseline(
        report=digest,
        confidence=report.policy.confidence,
        model_sha256=p.model.sha256 or "",
        rows_sha256=p.data.sha256,
        policy_sha256=report.policy.sha256,
        rules=rules,
        history=(*(old.history if old is not None else ()), update),
    )
    return made, (*(s.moved for s in steps), *lost)


class _Step(NamedTuple):
    """One rule of the report, and the number that it gives to the baseline; None: nothing new."""

    verdict: Verdict
    moved: Moved
    number: Estimate | None


def _steps(rules: dict[str, Held], report: Report, level: float, was: float) -> list[_Step]:
    numbers = [numbers_of(v, report.findings, level) for v in report.verdicts]
    held = [rules.get(v.rule.id) for v in report.verdicts]
    both = [
        (measured(h.estimate), m) if h is not None and m is not None and same_question(h.rule, v.rule) else None
        for v, h, m in zip(report.verdicts, held, numbers, strict=True)
    ]
    same = [
        h is not None and b is not None and b[0] is not None and same_decisions(h, v, report, report.findings)
        for v, h, b in zip(report.verdicts, held, both, strict=True)
    ]
    tested = [None if s or b is None or b[0] is None else (b[0], b[1]) for s, b in zip(same, both, strict=True)]
    at = levels([None if t is None else p_of_shift(*t) for t in tested], level)
    changes = [
        unchanged(level) if s else None if t is None else shift(*t, share)
        for s, t, share in zip(same, tested, at, strict=True)
    ]
    return [
        _step(v, h, m, change, level, was)
        for v, h, m, change in zip(report.verdicts, held, numbers, changes, strict=True)
    ]


def _step(v: Verdict, h: Held | None, m: Measured | None, change: Estimate | None, level: float, was: float) -> _Step:
    id, of = v.rule.id, METRICS[v.rule.metric].unit if v.rule.metric in METRICS else "measure"
    number = None if m is None else m.estimate(level, n=v.estimate.n if v.estimate is not None else 0)
    today = "not measured" if number is None else quantity(number, v.rule.comparison, of=of)
    if h is None:
        said = f"{id}: {today}, new in the baseline." if number else f"{id}: not measured, and not in the baseline."
        return _Step(v, Moved(id, "new" if number else "kept", said), number)
    loose = [c.statement for c in rule_changes(h.rule, v.rule, was, level) if c.way == "loosened"]
    if change is None and not same_question(h.rule, v.rule):
        return _Step(v, Moved(id, "worse", f"{id}: {' '.join(loose)}"), number)
    held = quantity(h.estimate, v.rule.comparison, of=of)
    if change is None:
        told = Moved(id, "kept", f"{id}: kept at {held}; not measured in this report.")
    elif is_unchanged(change):
        told = Moved(id, "kept", f"{id}: kept at {held}; {METHOD}.")
    else:
        between = f"{held} → {today}, {changed(change, v.rule, of)}"
        side = decided(change, v.rule)
        told = {
            "worse": Moved(id, "worse", f"{id}: worse, {between}."),
            "better": Moved(id, "better", f"{id}: better, {between}."),
            "": Moved(id, "kept", f"{id}: kept at {held}; today {today}, {changed(change, v.rule, of)}."),
        }[side]
    if loose:
        told = Moved(id, "worse", " ".join([told.statement, *loose]))
    takes = change is not None and decided(change, v.rule) != ""
    return _Step(v, told, number if takes else None)


def decided(change: Estimate, rule: Rule) -> Literal["worse", "better", ""]:
    """On which side of no change a rule is; empty where that is not sure.

    By the interval; by the value alone where the rule is decided so, or where there is no interval.
    """
    assert change.value is not None
    sign = 1 if rule.at_most is not None else -1
    if rule.decision == "point" or change.low is None or change.high is None:
        return "" if math.isclose(change.value, 0, abs_tol=SAME) else "worse" if sign * change.value > 0 else "better"
    if change.low <= 0 <= change.high:
        return ""
    return "worse" if sign * change.low > 0 else "better"


def numbers_of(v: Verdict, findings: Sequence[Finding], level: float) -> Measured | None:
    """The number of a verdict as it is compared."""
    return measured_by(v, next((f for f in findings if f.id == v.finding), None), level)


def same_question(a: Rule, b: Rule) -> bool:
    """Whether two rules ask for the same number, on the same side."""
    return key_of(a) == key_of(b) and (a.at_most is None) == (b.at_most is None)


def changed(change: Estimate, rule: Rule, of: str) -> str:
    """A change in words, with its interval."""
    kind = rule.comparison if rule.comparison.startswith("ratio") else "difference"
    sign = "+" if (change.value or 0.0) > 0 else ""
    return f"{sign}{quantity(change, kind, of=of)} ({interval(change, kind, of=of)}, unpaired)"


def _without_line(rule: Rule) -> Rule:
    return rule.model_copy(update={"line": None})
