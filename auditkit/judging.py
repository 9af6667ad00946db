"""Judge a report, fresh or stored: no model, no rows, and no torch, captum or fairlearn."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.errors import ReportError
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence

if TYPE_CHECKING:
    from auditkit.evidence.tally import Tally


def as_policy(policy: Policy | dict[str, Any] | str | Path) -> Policy:
    """A policy as given, from a dict, from a TOML file, or by the name of a preset."""
    if isinstance(policy, Policy):
        return policy
    return Policy.from_dict(policy) if isinstance(policy, dict) else Policy.load(policy)


def judge(report: Report, policy: Policy | dict[str, Any] | str | Path) -> Report:
    """The report with the verdicts of this policy; what a rule needs and no finding answers is assessed from evidence.

    Raises PolicyError for a wrong policy.
    """
    policy = as_policy(policy).for_features(report.provenance.data.sensitive_features)
    judged = judge_findings(report.findings, policy, _Stored(report))
    return report.model_copy(
        update={
            "policy": policy.info(),
            "verdicts": judged.verdicts,
            "findings": (*report.findings, *judged.added),
        }
    )


class _Stored:
    """What a report can still answer: first from its verdicts, which need nothing; then from its evidence.

    Asked again what it was asked before, a stored report answers without numpy, pandas and scipy.
    """

    def __init__(self, report: Report) -> None:
        self._findings = {f.id: f for f in report.findings}
        self._verdicts = {_question(v.rule): v for v in report.verdicts if v.p is not None and v.finding is not None}
        self._evidence = report.evidence.get("group_fairness")

    @cached_property
    def _tally(self) -> Tally | None:
        return None if self._evidence is None else _read(self._evidence)

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level."""
        known = self._verdicts.get(_question(rule))
        if known is not None and known.estimate is not None and known.estimate.level == level:
            return self._findings[known.finding or ""].model_copy(update={"estimate": known.estimate})
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


def _question(rule: Rule) -> tuple[object, ...]:
    """What a rule asks, whatever it is called."""
    group = frozenset((rule.reference or {}).items())
    return rule.metric, rule.comparison, frozenset(rule.by), group, rule.at_most, rule.at_least, rule.min_n


def _read(stored: StoredEvidence) -> Tally:
    from auditkit.evidence.tally import Tally

    if (stored.type, stored.version) != ("Tally", 1):
        raise ReportError(
            f"the evidence of 'group_fairness' is {stored.type}, version {stored.version}; expected Tally, version 1"
        )
    try:
        return Tally.from_json(stored.data)
    except (KeyError, TypeError, ValueError) as e:
        raise ReportError(f"the evidence of 'group_fairness' cannot be read ({e!r}): write the report again") from e
