"""Judge a report, fresh or stored: no model, no rows, and no torch, captum or fairlearn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.errors import ReportError
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence

if TYPE_CHECKING:
    from auditkit.evidence.tally import Tally


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

    def reassess(rule: Rule, level: float) -> Finding | None:
        stored = report.evidence.get("group_fairness")
        if stored is None:
            return None
        # numpy, pandas and scipy: only when a rule needs them
        from auditkit.fairness.checks import reassess as from_counts

        tally, asked = _tally(stored), (rule.metric, rule.comparison, rule.by)
        return from_counts(tally, *asked, level=level, min_n=rule.min_n, reference=rule.reference)

    judged = judge_findings(report.findings, policy, reassess)
    return report.model_copy(
        update={
            "policy": policy.info(),
            "verdicts": judged.verdicts,
            "findings": (*report.findings, *judged.added),
        }
    )


def _tally(stored: StoredEvidence) -> Tally:
    from auditkit.evidence.tally import Tally

    if (stored.type, stored.version) != ("Tally", 1):
        raise ReportError(
            f"the evidence of 'group_fairness' is {stored.type}, version {stored.version}; expected Tally, version 1"
        )
    try:
        return Tally.from_json(stored.data)
    except (KeyError, TypeError, ValueError) as e:
        raise ReportError(f"the evidence of 'group_fairness' cannot be read ({e!r}): write the report again") from e
