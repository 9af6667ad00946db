"""Findings and a policy → verdicts. All rules at once, each with the interval that decided and one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from auditkit.gate.policy import Policy
from auditkit.records import Estimate, Finding, Rule, Status, Verdict
from auditkit.wording import limit, quantity

Reassess = Callable[[Rule, float], Finding | None]
"""(rule, level) → the finding that answers the rule at that level, from stored evidence; None if nothing can."""

SPARSE = 10
"""`min_n` of the findings that a report stores."""


class Judged(NamedTuple):
    """What judging gives."""

    verdicts: tuple[Verdict, ...]
    added: tuple[Finding, ...]
    """Findings that a rule asked for and the report did not have."""


def judge(findings: Sequence[Finding], policy: Policy, reassess: Reassess) -> Judged:
    """One verdict a rule: `fail` when the whole interval lies beyond the limit, `pass` when it lies within."""
    known = {_key(f): f for f in findings}
    level = next((f.estimate.level for f in findings), policy.confidence)
    added: dict[str, Finding] = {}
    verdicts = []
    for rule in policy.rules:
        finding = known.get(_key(rule))
        if finding is None:
            finding = reassess(rule.model_copy(update={"min_n": SPARSE}), level)
            if finding is not None:
                added[finding.id] = finding
                known[_key(finding)] = finding
        asked = policy.confidence if rule.confidence is None else rule.confidence
        deciding = finding
        if finding is not None and (asked != finding.estimate.level or rule.min_n != SPARSE):
            deciding = reassess(rule, asked)
        verdicts.append(_verdict(rule, finding, deciding))
    return Judged(tuple(verdicts), tuple(added.values()))


def _verdict(rule: Rule, finding: Finding | None, deciding: Finding | None) -> Verdict:
    if finding is None or deciding is None:
        what = f"{rule.metric} by {' and '.join(rule.by)}" if rule.by else rule.metric
        reason = f"Not measured: {what}: not in the data of this report."
        return Verdict(status="not_measured", rule=rule, finding=None, estimate=None, reason=reason)
    e = deciding.estimate
    if e.value is None:
        reason = f"Not measured: {e.note or 'undefined'}."
        return Verdict(status="not_measured", rule=rule, finding=finding.id, estimate=e, reason=reason)
    status = status_of(rule, e)
    more = _more_data(rule, e) if status == "inconclusive" else None
    left_out = [n for n in deciding.notes if n.startswith("left out")] if rule.min_n != SPARSE else []
    reason = " ".join([_reason(rule, e, status, more), *(f"{n[0].upper()}{n[1:]}." for n in left_out)])
    return Verdict(status=status, rule=rule, finding=finding.id, estimate=e, reason=reason, more_data=more)


def status_of(rule: Rule, e: Estimate) -> Status:
    """The status of a defined estimate under a rule.

    >>> rule = Rule(id="r", metric="accuracy", comparison="overall", at_least=0.8)
    >>> status_of(rule, Estimate(value=0.82, low=0.79, high=0.85))
    'inconclusive'
    """
    assert e.value is not None
    sign, limit = (1, rule.limit) if rule.at_most is not None else (-1, -rule.limit)
    if rule.decision == "point":
        return "pass" if sign * e.value <= limit else "fail"
    low = -math.inf if e.low is None else e.low
    high = math.inf if e.high is None else e.high
    near, far = (low, high) if sign > 0 else (-high, -low)
    if near > limit:
        return "fail"
    return "pass" if far <= limit else "inconclusive"


def _more_data(rule: Rule, e: Estimate) -> float | None:
    """How many times as many rows would decide if the estimate stays: (half-width ÷ distance)², None on the limit."""
    assert e.value is not None
    side = e.low if e.value > rule.limit else e.high
    distance = abs(e.value - rule.limit)
    if side is None or distance < 1e-12:
        return None
    return max(1.0, (abs(e.value - side) / distance) ** 2)


def _reason(rule: Rule, e: Estimate, status: Status, more: float | None) -> str:
    asked = limit(rule.limit, rule.comparison)
    if rule.decision == "point":
        side = "within" if status == "pass" else "beyond"
        value = quantity(e.value, rule.comparison)
        return f"The value, {value}, lies {side} the limit of {asked}; decided by the point value alone."
    if status == "pass":
        return f"The whole interval lies within the limit of {asked}."
    if status == "fail":
        return f"The whole interval lies beyond the limit of {asked}."
    sentence = f"The interval crosses the limit of {asked}."
    if more is None:
        return f"{sentence} The estimate lies on the limit: more data may never decide."
    times = f"{more:.1f}" if more < 9.95 else f"{more:,.0f}"
    return f"{sentence} About {times} times as many rows would decide, if the estimate stays."


_Key = tuple[str, str, frozenset[str], frozenset[tuple[str, str]]]


def _key(f: Finding | Rule) -> _Key:
    return f.metric, f.comparison, frozenset(f.by), frozenset((f.reference or {}).items())
