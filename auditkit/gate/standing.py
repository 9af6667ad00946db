"""What stands beside verdicts on the day of judging, and leaves their status: waivers, and what the baseline says."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.formatting import confidence, limit, quantity
from auditkit.gate.identical import METHOD, is_unchanged, same_decisions, same_rows, unchanged
from auditkit.gate.policy import Policy
from auditkit.gate.ratchet import SAME, changed, numbers_of, same_question
from auditkit.gate.unpaired import Measured, levels, measured, p_of_shift, shift
from auditkit.gate.waivers import waived
from auditkit.records import BesideBaseline, Comparison, Estimate, Finding, Held, Report, Rule, Status, Verdict


def standing(
    verdicts: Sequence[Verdict], policy: Policy, report: Report, findings: Sequence[Finding], on: datetime.date
) -> tuple[Verdict, ...]:
    """The verdicts with their waivers as they stand on that day, and with what the policy's baseline says."""
    told = waived(verdicts, policy.waivers, on)
    if not policy.baseline:
        return told
    cases = [_case(v, policy, report, findings) for v in told]
    at = levels([c.p for c in cases], policy.confidence) if policy.correction == "holm" else [None] * len(cases)
    return tuple(
        v.model_copy(update={"baseline": _beside(v, c, policy, share, report)})
        for v, c, share in zip(told, cases, at, strict=True)
    )


class _Case(NamedTuple):
    held: Held | None
    old: Measured | None
    new: Measured | None
    p: float | None
    """Of H0: it is worse by no more than allowed; None where nothing is tested."""
    same: bool = False
    """Whether it is judged by the very rows, decisions and counts that the baseline was."""


def _case(v: Verdict, policy: Policy, report: Report, findings: Sequence[Finding]) -> _Case:
    held = policy.held.rules.get(v.rule.id) if policy.held is not None else None
    new = numbers_of(v, findings, policy.confidence)
    if held is None or new is None or not same_question(held.rule, v.rule):
        return _Case(held, None, new, None)
    old, p = measured(held.estimate), None
    if old is not None and same_decisions(held, v, report, findings):
        return _Case(held, old, new, None, same=True)
    allowed = v.rule.max_regression
    if old is not None and allowed is not None and v.rule.decision == "interval":
        side = 1 if v.rule.at_most is not None else -1
        beyond = side * (new.value - old.value) > allowed
        p = p_of_shift(old._replace(value=old.value + side * allowed), new)
        p = p if p is None or beyond else 1.0
    return _Case(held, old, new, p)


def _beside(v: Verdict, case: _Case, policy: Policy, share: float | None, report: Report) -> BesideBaseline:
    rule, held, allowed = v.rule, case.held, v.rule.max_regression
    if held is None or case.old is None or case.new is None:
        status: Status | None = None if allowed is None else "not_measured"
        return BesideBaseline(status=status, allowed=allowed, held=held, change=None, reason=_absent(v, case, policy))
    own = rule.confidence or policy.confidence
    change = (
        unchanged(own)
        if case.same
        else _drawn(shift(case.old, case.new, own), shift(case.old, case.new, max(own, share or own)), rule)
    )
    status = None if allowed is None else status_of(change, rule, allowed)
    reason = _reason(change, rule, held, status, report)
    return BesideBaseline(status=status, allowed=allowed, held=held, change=change, reason=reason)


def _drawn(own: Estimate, shared: Estimate, rule: Rule) -> Estimate:
    """The failing side at the level that rules share, the other at the rule's own: as the interval of a verdict."""
    side = "low" if rule.at_most is not None else "high"
    if own.level == shared.level:
        return own
    note = f"{confidence(shared.level)} on the failing side (Holm), {confidence(own.level)} on the other"
    return own.model_copy(update={side: getattr(shared, side), "level": shared.level, "note": note})


def status_of(change: Estimate, rule: Rule, allowed: float) -> Status:
    """Whether a rule is worse by more than allowed: decided as the rule is.

    >>> rule = Rule(id="r", metric="accuracy", comparison="overall", at_least=0.8)
    >>> status_of(Estimate(value=-0.04, low=-0.06, high=-0.021), rule, 0.02)
    'fail'
    """
    assert change.value is not None
    sign = 1 if rule.at_most is not None else -1
    if rule.decision == "point":
        return "fail" if sign * change.value > allowed + SAME else "pass"
    near, far = (change.low, change.high) if sign > 0 else (change.high, change.low)
    if near is not None and sign * near > allowed:
        return "fail"
    return "pass" if far is not None and sign * far <= allowed else "inconclusive"


def _reason(change: Estimate, rule: Rule, held: Held, status: Status | None, report: Report) -> str:
    of = METRICS[rule.metric].unit if rule.metric in METRICS else "measure"
    kind: Comparison = rule.comparison if rule.comparison.startswith("ratio") else "difference"
    was = quantity(held.estimate, rule.comparison, of=of)
    if is_unchanged(change):
        return f"The baseline, of {held.since}, is {was}, and so is the value today: {METHOD}."
    head = f"The baseline, of {held.since}, is {was}; the change since is {changed(change, rule, of)}"
    if status is None or rule.max_regression is None:
        return f"{head}; the policy sets no max_regression."
    allowed = limit(rule.max_regression, kind, of=of)
    said = {
        "fail": f"worse by more than the {allowed} that are allowed",
        "pass": f"not worse by more than the {allowed} that are allowed",
        "inconclusive": f"whether it is worse by more than the {allowed} that are allowed is not decided",
        "not_measured": "not measured",
    }[status]
    if rule.decision == "point":
        said += ", by the value alone"
    told = f"{head}: {said}."
    if status == "inconclusive" and change.mde is not None:
        told += f" A change of {quantity(change.mde, kind, of=of)} would be seen with 80% power."
    if same_rows(held, report):
        told += (
            " Both are of the same rows, which an unpaired interval does not know: an audit of both models at once "
            "(against=) pairs them, and sees smaller changes."
        )
    return told


def _absent(v: Verdict, case: _Case, policy: Policy) -> str:
    update = "`auditkit baseline update REPORT.json --reason …` adds it"
    if policy.held is None:
        return f"There is no baseline '{policy.baseline}': {update}."
    if case.held is None:
        return f"The baseline has no value of this rule: {update}."
    if not same_question(case.held.rule, v.rule):
        return f"The baseline's rule of this id asks something else: {update} (--accept-worse)."
    return "Not measured today, so that nothing can be held against the baseline."
