"""Judge a report, fresh or stored: no model, no rows, and no torch, captum or fairlearn."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from auditkit.catalogue.index import METRICS
from auditkit.errors import EvidenceError, ReportError
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence

if TYPE_CHECKING:
    from auditkit.evidence.histogram import ScoreHistogram
    from auditkit.evidence.tally import Tally

_E = TypeVar("_E", "Tally", "ScoreHistogram")


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
        self._evidence = report.evidence

    @cached_property
    def _tally(self) -> Tally | None:
        from auditkit.evidence.tally import Tally

        return _read(Tally, "group_fairness", self._evidence.get("group_fairness"))

    @cached_property
    def _histogram(self) -> ScoreHistogram | None:
        from auditkit.evidence.histogram import ScoreHistogram

        return _read(ScoreHistogram, "scores", self._evidence.get("scores"))

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level."""
        known = self._verdicts.get(_question(rule))
        if known is not None and known.estimate is not None and known.estimate.level == level:
            return self._findings[known.finding or ""].model_copy(update={"estimate": known.estimate})
        asked = (rule.metric, rule.comparison, rule.by)
        if _of_scores(rule):
            if self._histogram is None:
                return None
            from auditkit.fairness import scores

            return scores.reassess(self._histogram, *asked, level=level, min_n=rule.min_n)
        if self._tally is None:
            return None
        from auditkit.fairness import checks

        return checks.reassess(self._tally, *asked, level=level, min_n=rule.min_n, reference=rule.reference)

    def p_value(self, rule: Rule) -> float | None:
        """p of H0: the rule's limit is kept."""
        known = self._verdicts.get(_question(rule))
        if known is not None:
            return known.p
        asked = (rule.metric, rule.comparison, rule.by)
        bound, above, least = rule.limit, rule.at_most is not None, rule.min_n
        if _of_scores(rule):
            if self._histogram is None:
                return None
            from auditkit.fairness import scores

            return scores.p_value(self._histogram, *asked, limit=bound, above=above, min_n=least)
        if self._tally is None:
            return None
        from auditkit.fairness import checks

        return checks.p_value(
            self._tally, *asked, limit=bound, above=above, min_n=least, reference=rule.reference
        )  # fmt: skip


def _of_scores(rule: Rule) -> bool:
    known = METRICS.get(rule.metric)
    return known is not None and known.kind == "score"


def _question(rule: Rule) -> tuple[object, ...]:
    """What a rule asks, whatever it is called."""
    group = frozenset((rule.reference or {}).items())
    return rule.metric, rule.comparison, frozenset(rule.by), group, rule.at_most, rule.at_least, rule.min_n


def _read(kind: type[_E], check: str, stored: StoredEvidence | None) -> _E | None:
    """The evidence of a check; None where the report has none."""
    if stored is None:
        return None
    if (stored.type, stored.version) != (kind.__name__, 1):
        raise ReportError(
            f"the evidence of '{check}' is {stored.type}, version {stored.version}; expected {kind.__name__}, version 1"
        )
    try:
        return kind.from_json(stored.data)
    except (EvidenceError, KeyError, TypeError, ValueError) as e:
        raise ReportError(f"the evidence of '{check}' cannot be read ({e!r}): write the report again") from e
