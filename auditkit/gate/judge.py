"""Findings and a policy → verdicts. All rules at once, each with the interval that decided and one sentence.

With `correction = "holm"` the rules of one severity share the error of one: in the order of their p, a rule fails while
p < α / (rules left), and the limit on its failing side is drawn at that level. What lets a rule pass needs no
correction: that every rule is met is the claim that each one is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from auditkit import holm
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.errors import listing
from auditkit.formatting import confidence, limit, quantity
from auditkit.gate.keys import key_of as key_of
from auditkit.gate.policy import Policy
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding, Rule, Status, Surest, Verdict


class Answering(Protocol):
    """What answers rules."""

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level; None if nothing can."""
        ...

    def p_value(self, rule: Rule, *, kept: bool = True) -> float | None:
        """p of H0: the rule's limit is kept, or (not `kept`) exceeded, for its whole family; None without a test."""
        ...

    def refused(self, rule: Rule) -> bool:
        """Whether the rule asks for more than is answered."""
        ...


class Reassess(Answering, Protocol):
    """What stored evidence can still answer."""

    def estimate(self, rule: Rule, level: float) -> Estimate | None:
        """The number of the finding that answers the rule, without its words; None if nothing can."""
        ...

    def times(self, factor: int) -> Reassess:
        """The same with so many copies of every row, where `grows`."""
        ...

    def grows(self, rule: Rule) -> bool:
        """Whether it is known what more rows would say to the rule."""
        ...

    def too_few(self, rule: Rule) -> str:
        """What keeps a group out of the answer, in words."""
        ...

    def absence(self, rule: Rule) -> str:
        """Why nothing answers the rule."""
        ...


class Judged(NamedTuple):
    """What judging gives."""

    verdicts: tuple[Verdict, ...]
    added: tuple[Finding, ...]
    """Findings that a rule asked for and the report did not have."""


class _Case(NamedTuple):
    """One rule, with the finding that answers it."""

    rule: Rule
    finding: Finding | None
    deciding: Finding | None
    """The finding with the rule's own `min_n`, at the rule's own level."""
    level: float

    @property
    def tested(self) -> bool:
        return _tested(self.rule, None if self.deciding is None else self.deciding.estimate)


MOST_TIMES = 1_000
"""Beyond so many times as many rows it is not said how many would decide."""
FINE = 16
"""The number said is the smallest whole one up to so many; beyond, it decides, and a sixteenth less may."""


def judge(findings: Sequence[Finding], policy: Policy, reassess: Reassess) -> Judged:
    """One verdict a rule: `fail` when the whole interval lies beyond the limit, `pass` when it lies within."""
    cases, drawn, added = answered(findings, policy, reassess)
    grown = _Grown(policy, reassess)
    return Judged(tuple(_verdict(c, drawn.get(c.rule.id), reassess, grown) for c in cases), added)


def answered(
    findings: Sequence[Finding], policy: Policy, reassess: Answering
) -> tuple[list[_Case], dict[str, _Drawn], tuple[Finding, ...]]:
    """Every rule with its finding, the intervals under Holm by rule, and the findings that rules asked for."""
    known = {key_of(f): f for f in findings}
    level = next((f.estimate.level for f in findings), policy.confidence)
    added: dict[str, Finding] = {}
    cases = []
    for rule in policy.rules:
        refused = reassess.refused(rule)
        finding = None if refused else known.get(key_of(rule))
        if finding is None and not refused:
            finding = reassess.finding(rule.model_copy(update={"min_n": SPARSE}), level)
            if finding is not None:
                added[finding.id] = finding
                known[key_of(finding)] = finding
        asked = level_of(rule, policy)
        deciding = finding
        if finding is not None and (asked != finding.estimate.level or rule.min_n != SPARSE):
            deciding = reassess.finding(rule, asked)
        cases.append(_Case(rule, finding, deciding, asked))
    drawn = _holm(cases, reassess) if policy.correction == "holm" else {}
    return cases, drawn, tuple(added.values())


class _Grown:
    """What the policy would say with more rows of the same. Numbers tell it, without the words around them."""

    def __init__(self, policy: Policy, reassess: Reassess) -> None:
        self._policy, self._reassess = policy, reassess
        self._times: dict[int, Reassess] = {}
        self._fail: dict[tuple[int, str], set[str]] = {}

    def decided(self, rule: Rule, factor: int) -> bool:
        """Whether so many times as many rows would decide the rule.

        Sharing its error with others keeps a rule from failing, not from passing, and never by more than sharing it
        with all of them alike: what others come to is asked only where that leaves the rule open.
        """
        grown, level = self._grown(factor), level_of(rule, self._policy)
        own = None if grown.refused(rule) else grown.estimate(rule, level)
        if own is None or own.value is None:
            return False
        status = status_of(rule, own)
        if status != "fail" or rule.decision == "point" or self._policy.correction != "holm":
            return status != "inconclusive"
        alike = 1 - (1 - level) / sum(r.severity == rule.severity for r in self._policy.rules)
        return _fails(rule, own, grown, alike) or rule.id in self._failing(factor, rule.severity)

    def _grown(self, factor: int) -> Reassess:
        if factor not in self._times:
            self._times[factor] = self._reassess.times(factor)
        return self._times[factor]

    def _failing(self, factor: int, severity: str) -> set[str]:
        """The rules of a severity that would fail under Holm, by id.

        Those that fail when the error is shared with all that are left are taken off, until none is. That is where
        Holm's order ends, and asks for no p.
        """
        key = factor, severity
        if key not in self._fail:
            grown, failing = self._grown(factor), set[str]()
            asked = [(r, level_of(r, self._policy)) for r in self._policy.rules if r.severity == severity]
            own = [(r, x, grown.estimate(r, x)) for r, x in asked if not grown.refused(r)]
            left = [(r, x, e) for r, x, e in own if e is not None and _tested(r, e)]
            beyond = [(r, x, e) for r, x, e in left if status_of(r, e) == "fail"]
            while True:
                share = len(left) - len(failing)
                more = {r.id for r, x, e in beyond if r.id not in failing and _fails(r, e, grown, 1 - (1 - x) / share)}
                if not more:
                    break
                failing |= more
            self._fail[key] = failing
        return self._fail[key]

    def enough(self, rule: Rule) -> int | None:
        """How many times as many rows would decide it; None beyond `MOST_TIMES`, or where it is not known."""
        if not self._reassess.grows(rule):
            return None
        few, many = 1, 2
        while not self.decided(rule, many):
            if many == MOST_TIMES:
                return None
            few, many = many, min(2 * many, MOST_TIMES)
        while many - few > max(1, few // FINE):
            middle = (few + many) // 2
            few, many = (few, middle) if self.decided(rule, middle) else (middle, many)
        return many


class _Drawn(NamedTuple):
    """The interval of a rule under Holm, whose it is, and its p."""

    estimate: Estimate
    surest: Surest | None
    p: float | None


def _holm(cases: Sequence[_Case], reassess: Answering) -> dict[str, _Drawn]:
    """Rule id → the interval at its step's level."""
    drawn: dict[str, _Drawn] = {}
    for severity in ("error", "warning"):
        known = {c.rule.id: c for c in cases if c.tested and c.rule.severity == severity}
        for step in _steps([(c.rule, c.level) for c in known.values()], reassess):
            case = known[step.rule.id]
            drawn[case.rule.id] = _Drawn(*_at(case, step.level, reassess), step.p)
    return drawn


class _Step(NamedTuple):
    """Where one rule stands in Holm's order: the level of its failing side, and its p."""

    rule: Rule
    level: float
    p: float | None


def _steps(tested: Sequence[tuple[Rule, float]], reassess: Answering) -> list[_Step]:
    """Holm's steps of rules with their own levels; none of a lone rule, which shares its error with nobody."""
    if len(tested) < 2:
        return []
    p = [reassess.p_value(rule) for rule, _ in tested]
    alpha = [1 - level for _, level in tested]
    left = holm.left([1.0 if x is None else x for x in p], alpha)
    return [_Step(rule, 1 - a / m, x) for (rule, _), a, m, x in zip(tested, alpha, left, p, strict=True)]


def level_of(rule: Rule, policy: Policy) -> float:
    """The level of a rule's interval: its own, or that of all."""
    return policy.confidence if rule.confidence is None else rule.confidence


def _tested(rule: Rule, e: Estimate | None) -> bool:
    return e is not None and e.value is not None and rule.decision == "interval"


def _fails(rule: Rule, own: Estimate, reassess: Reassess, level: float) -> bool:
    """Whether a rule that fails by its own interval fails with that side drawn at this level."""
    drawn = reassess.estimate(rule, level)
    side = _failing(rule)
    return drawn is None or status_of(rule, own.model_copy(update={side: getattr(drawn, side)})) == "fail"


def _failing(rule: Rule) -> str:
    """The end of its interval that has to lie beyond the limit for the rule to fail."""
    return "low" if rule.at_most is not None else "high"


def _at(case: _Case, level: float, reassess: Answering) -> tuple[Estimate, Surest | None]:
    """The rule's interval: the failing side at this level, the passing side at the rule's own; and whose it is."""
    assert case.deciding is not None
    own = case.deciding.estimate
    finding = None if level == case.level else reassess.finding(case.rule, level)
    if finding is None:
        return own, case.deciding.surest
    side = _failing(case.rule)
    note = f"{confidence(level)} on the failing side (Holm), {confidence(case.level)} on the other"
    drawn = own.model_copy(update={side: getattr(finding.estimate, side), "level": level, "note": note})
    return drawn, finding.surest


def _verdict(case: _Case, drawn: _Drawn | None, reassess: Reassess, grown: _Grown) -> Verdict:
    rule, finding, deciding = case.rule, case.finding, case.deciding
    if finding is None or deciding is None:
        what = f"{rule.metric} by {' and '.join(rule.by)}" if rule.by else rule.metric
        what = f"{what} of {listing(rule.features)} in {rule.of}" if rule.of is not None else what
        what += f" of {rule.label}" if rule.label is not None else ""
        return _unmeasured(rule, f"{what}: {reassess.absence(rule)}.")
    e, surest = (deciding.estimate, deciding.surest) if drawn is None else (drawn.estimate, drawn.surest)
    if e.value is None:
        return _unmeasured(rule, f"{e.note or 'undefined'}.", finding.id, e)
    status = status_of(rule, e)
    known = e.state != "unstable" and not (e.low is None and e.high is None)
    open_ = status == "inconclusive" and known and not _can_only_fail(rule) and not _on_limit(rule, e)
    more = grown.enough(rule) if open_ else None
    reason = " ".join(
        filter(None, (_reason(rule, e, status, more, of=deciding.unit), _left_out(rule, deciding, reassess)))
    )
    tested = case.tested and status != "fail" and known
    return Verdict(
        status=status,
        rule=rule,
        finding=finding.id,
        estimate=e,
        surest=surest,
        reason=reason,
        more_data=more,
        p=None if drawn is None else drawn.p,
        tightest=(e.high if rule.at_most is not None else e.low) if tested else None,
        p_exceeded=reassess.p_value(rule, kept=False) if tested else None,
    )


def _unmeasured(rule: Rule, why: str, finding: str | None = None, e: Estimate | None = None) -> Verdict:
    reason = f"Not measured: {why}"
    return Verdict(status="not_measured", rule=rule, finding=finding, estimate=e, reason=reason, absence=why)


def _left_out(rule: Rule, deciding: Finding, reassess: Reassess) -> str:
    """The groups that are too small for this rule, where it says itself what that is."""
    small = [group_words(g.group, g.group.values()) for g in deciding.by_group if g.estimate.state == "sparse"]
    if rule.min_n == SPARSE or not small:
        return ""
    return f"Left out, {reassess.too_few(rule)}: {listing(small)}."


def status_of(rule: Rule, e: Estimate) -> Status:
    """The status of a defined estimate under a rule.

    >>> rule = Rule(id="r", metric="accuracy", comparison="overall", at_least=0.8)
    >>> status_of(rule, Estimate(value=0.82, low=0.79, high=0.85))
    'inconclusive'
    """
    assert e.value is not None
    sign, bound = (1, rule.limit) if rule.at_most is not None else (-1, -rule.limit)
    if rule.decision == "point":
        return "pass" if sign * e.value <= bound else "fail"
    if e.state == "unstable":
        return "inconclusive"
    low = -math.inf if e.low is None else e.low
    high = math.inf if e.high is None else e.high
    near, far = (low, high) if sign > 0 else (-high, -low)
    if near > bound:
        return "fail"
    return "pass" if far <= bound else "inconclusive"


def _can_only_fail(rule: Rule) -> bool:
    """Whether no interval lies within the limit: it allows no gap at all, or none of a share."""
    if rule.comparison.startswith("difference"):
        return rule.at_most is not None and rule.at_most <= 0
    if rule.comparison.startswith("ratio"):
        return rule.at_least is not None and rule.at_least >= 1
    of_rate = rule.metric in METRICS and METRICS[rule.metric].kind == "rate"
    return of_rate and (rule.limit <= 0 if rule.at_most is not None else rule.limit >= 1)


def _on_limit(rule: Rule, e: Estimate) -> bool:
    assert e.value is not None
    return abs(e.value - rule.limit) < 1e-12


def _reason(rule: Rule, e: Estimate, status: Status, more: float | None, *, of: str = "") -> str:
    """Why; `of`: the unit that its finding gives."""
    unit = of or (METRICS[rule.metric].unit if rule.metric in METRICS else "share")
    asked = limit(rule.limit, rule.comparison, of=unit)
    if rule.decision == "point":
        side = "within" if status == "pass" else "beyond"
        value = quantity(e, rule.comparison, of=unit, limit=rule.limit)
        if rule.at_least == 0:
            return f"Measured: {value}. The rule asks for the number and sets no limit."
        return f"The value, {value}, lies {side} the limit of {asked}; decided by the point value alone."
    if status == "pass":
        return f"The whole interval lies within the limit of {asked}."
    if status == "fail":
        return f"The whole interval lies beyond the limit of {asked}."
    if e.state == "unstable":
        return f"Unstable, which decides no rule: {e.note}."
    if e.low is None and e.high is None:
        return f"There is no interval that could decide{e.note and f': {e.note}'}."
    sentence = f"The interval crosses the limit of {asked}."
    if _can_only_fail(rule):
        return f"{sentence} No interval lies within this limit: the rule can only fail."
    if _on_limit(rule, e):
        return f"{sentence} The estimate lies on the limit: more data may never decide."
    if more is None:
        return sentence
    return f"{sentence} About {more:,.0f} times as many rows would decide, if the estimate stays."
