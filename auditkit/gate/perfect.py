"""Would a model that makes no mistake pass? The truth's own rates, put through the very rules, with their judge."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.perfect import compared, of_right_decisions
from auditkit.formatting import interval, limit, quantity
from auditkit.gate.judge import Reassess, answered, status_of
from auditkit.gate.policy import Policy
from auditkit.records import CHANGES, Estimate, Finding, PerfectModel, Rule, Status, Verdict


def beside(verdicts: Sequence[Verdict], policy: Policy, reassess: Reassess) -> tuple[Verdict, ...]:
    """The verdicts, each with what the gate would say of right decisions.

    All rules at once, since they share their error: the answer is that of the gate to an audit whose predictions are
    the truth. What holds of right decisions by construction needs no interval, in a group of any size.
    """
    cases, drawn, _ = answered((), policy, _OfTruth(reassess))
    told = []
    for verdict, case in zip(verdicts, cases, strict=True):
        rule, own = case.rule, of_right_decisions(case.rule.metric)
        if rule.comparison in CHANGES:
            found = _unknown("the rule is about what changed from the older model, not about the truth.")
        elif own.value is not None:
            found = _by_construction(rule, own.value)
        elif own.why:
            found = _unknown(f"{own.why}.")
        elif case.deciding is None or case.deciding.estimate.value is None:
            found = _unknown(_why_not(case.deciding, reassess, rule))
        else:
            held = drawn[rule.id].estimate if rule.id in drawn else case.deciding.estimate
            found = _judged(rule, case.deciding, status_of(rule, held))
        told.append(verdict.model_copy(update={"perfect": found}))
    return tuple(told)


class _OfTruth:
    """What the evidence says to each rule where the truth takes the place of the decisions."""

    def __init__(self, reassess: Reassess) -> None:
        self._reassess = reassess

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """See `Answering`; of what holds by construction the value alone, which counts as a test of the policy."""
        own = of_right_decisions(rule.metric)
        if rule.comparison in CHANGES:
            return None
        if own.metric:
            found = self._reassess.finding(_of(rule, own.metric), level)
            # as an answer to this rule: a rule on the truth itself has one of its own
            return found and found.model_copy(update={"metric": rule.metric})
        value = None if own.value is None else compared(own.value, rule.comparison)
        if value is None or self.refused(rule):
            return None
        e = Estimate(value=value, low=value, high=value, level=level)
        asked = rule.model_dump(include={"metric", "comparison", "by", "reference", "label", "of", "features"})
        return Finding(id=rule.id, concern="fairness", title="", statement="", estimate=e, **asked)

    def p_value(self, rule: Rule, *, kept: bool = True) -> float | None:
        """See `Answering`; none of what holds by construction."""
        own = of_right_decisions(rule.metric)
        known = own.metric and rule.comparison not in CHANGES
        return self._reassess.p_value(_of(rule, own.metric), kept=kept) if known else None

    def refused(self, rule: Rule) -> bool:
        """See `Answering`."""
        return self._reassess.refused(rule)


def _of(rule: Rule, metric: str) -> Rule:
    return rule.model_copy(update={"metric": metric})


def _unknown(why: str) -> PerfectModel:
    return PerfectModel(status="not_measured", reason=f"Not known: {why}")


def _why_not(found: Finding | None, reassess: Reassess, rule: Rule) -> str:
    return f"{reassess.absence(rule) if found is None else found.estimate.note or 'undefined'}."


def _by_construction(rule: Rule, value: float) -> PerfectModel:
    got = compared(value, rule.comparison)
    of = METRICS[rule.metric].unit
    if got is None:
        return _unknown("its rates would all be 0, which have no ratio.")
    size = quantity(got, rule.comparison, of=of)
    where = "for everybody" if rule.comparison == "overall" else "in every group"
    why = f"by construction it is {quantity(value, 'overall', of=of)} {where}"
    if rule.comparison.startswith(("difference", "ratio")):
        what = "differences" if rule.comparison.startswith("difference") else "ratios"
        why = f"right decisions leave {what} of {size}, by construction"
    e = Estimate(value=got, low=got, high=got)
    return PerfectModel(status=status_of(rule, e), reason=f"{why[0].upper()}{why[1:]}.", by_construction=True)


def _judged(rule: Rule, deciding: Finding, status: Status) -> PerfectModel:
    of, e = METRICS[rule.metric].unit, deciding.estimate
    size = f"{quantity(e, rule.comparison, of=of)}, {interval(e, rule.comparison, of=of)}"
    reason = f"The truth's own rates give {size}, against the limit of {limit(rule.limit, rule.comparison, of=of)}."
    if status == "inconclusive" and status_of(rule, e) == "fail":
        reason += " Alone it would be decided; among all rules it is not."
    return PerfectModel(status=status, estimate=e, surest=deciding.surest, reason=reason)
