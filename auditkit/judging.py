"""Judge a report, fresh or stored: no model, no rows, and no torch, captum or fairlearn."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError, ReportError, listing
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence

if TYPE_CHECKING:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness.conditional import Conditional


def as_policy(policy: Policy | dict[str, Any] | str | Path) -> Policy:
    """A policy as given, from a dict, or from a TOML file."""
    if isinstance(policy, Policy):
        return policy
    return Policy.from_dict(policy) if isinstance(policy, dict) else Policy.load(policy)


def judge(report: Report, policy: Policy | dict[str, Any] | str | Path) -> Report:
    """The report with the verdicts of this policy; what a rule needs and no finding answers is assessed from evidence.

    Raises PolicyError for a wrong policy.
    """
    policy = as_policy(policy)
    _one_answer(report, policy)
    judged = judge_findings(report.findings, policy, _Stored(report))
    return report.model_copy(
        update={
            "policy": policy.info(),
            "verdicts": judged.verdicts,
            "findings": (*report.findings, *judged.added),
        }
    )


def _one_answer(report: Report, policy: Policy) -> None:
    """PolicyError where two conditional findings, of other control features, would answer one rule."""
    for rule in (r for r in policy.rules if METRICS[r.metric].kind == "conditional"):
        asked = (rule.metric, rule.comparison, set(rule.by))
        ids = [f.id for f in report.findings if (f.metric, f.comparison, set(f.by)) == asked]
        if len(ids) > 1:
            raise PolicyError(
                f"rule '{rule.id}' cannot choose between {listing(ids)}: audit with one of these control features "
                "where it is judged"
            )


class _Stored:
    """What a report can still answer: first from its verdicts, which need nothing; then from its evidence.

    Asked again what it was asked before, a stored report answers without numpy, pandas and scipy.
    """

    def __init__(self, report: Report) -> None:
        self._findings = {f.id: f for f in report.findings}
        self._verdicts = {_question(v.rule): v for v in report.verdicts if v.p is not None and v.finding is not None}
        self._evidence = report.evidence.get("group_fairness")
        self._conditional = {k: v for k, v in report.evidence.items() if k.startswith("conditional_parity:")}

    @cached_property
    def _tally(self) -> Tally | None:
        return None if self._evidence is None else _read(self._evidence)

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level."""
        known = self._verdicts.get(_question(rule))
        if known is not None and known.estimate is not None and known.estimate.level == level:
            return self._findings[known.finding or ""].model_copy(update={"estimate": known.estimate})
        if METRICS[rule.metric].kind == "conditional":
            standardised = self._standardised(rule, level)
            return None if standardised is None else standardised.finding(rule.comparison)
        if self._tally is None:
            return None
        from auditkit.fairness.checks import reassess

        asked = (self._tally, rule.metric, rule.comparison, rule.by)
        return reassess(*asked, level=level, min_n=rule.min_n, reference=rule.reference)

    def p_value(self, rule: Rule) -> float | None:
        """p of H0: the rule's limit is kept."""
        known = self._verdicts.get(_question(rule))
        if known is not None:
            return known.p
        if METRICS[rule.metric].kind == "conditional":
            standardised = self._standardised(rule, 0.95)
            above = rule.at_most is not None
            return None if standardised is None else standardised.p_value(rule.comparison, rule.limit, above=above)
        if self._tally is None:
            return None
        from auditkit.fairness.checks import p_value

        above = rule.at_most is not None
        return p_value(
            *(self._tally, rule.metric, rule.comparison, rule.by),
            limit=rule.limit,
            above=above,
            min_n=rule.min_n,
            reference=rule.reference,
        )

    def _standardised(self, rule: Rule, level: float) -> Conditional | None:
        if not self._conditional:
            return None
        from auditkit.fairness.conditional import reassess

        stored = {name: (_read(e, name), e.options) for name, e in self._conditional.items()}
        return reassess(stored, rule.metric, rule.by, level=level, min_n=rule.min_n)


def _question(rule: Rule) -> tuple[object, ...]:
    """What a rule asks, whatever it is called."""
    group = frozenset((rule.reference or {}).items())
    return rule.metric, rule.comparison, frozenset(rule.by), group, rule.at_most, rule.at_least, rule.min_n


def _read(stored: StoredEvidence, name: str = "group_fairness") -> Tally:
    from auditkit.evidence.tally import Tally

    if (stored.type, stored.version) != ("Tally", 1):
        raise ReportError(
            f"the evidence of '{name}' is {stored.type}, version {stored.version}; expected Tally, version 1"
        )
    try:
        return Tally.from_json(stored.data)
    except (KeyError, TypeError, ValueError) as e:
        raise ReportError(f"the evidence of '{name}' cannot be read ({e!r}): write the report again") from e
