"""Judge a report, fresh or stored: no model, no rows, and no torch, captum or fairlearn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.errors import ReportError
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence, Task


def as_policy(policy: Policy | dict[str, Any] | str | Path) -> Policy:
    """A policy as given, from a dict, or from a TOML file."""
    if isinstance(policy, Policy):
        return policy
    return Policy.from_dict(policy) if isinstance(policy, dict) else Policy.load(policy)


def judge(report: Report, policy: Policy | dict[str, Any] | str | Path) -> Report:
    """The report with the verdicts of this policy; what a rule needs and no finding answers is assessed from evidence.

    Raises PolicyError for a wrong policy.
    """
    policy = _one_rule_a_label(as_policy(policy), report)
    judged = judge_findings(report.findings, policy, _Stored(report))
    return report.model_copy(
        update={
            "policy": policy.info(),
            "verdicts": judged.verdicts,
            "findings": (*report.findings, *judged.added),
        }
    )


def _one_rule_a_label(policy: Policy, report: Report) -> Policy:
    """Of several labels, a rule that names none is asked of each: as many rules in Holm's eyes."""
    data = report.provenance.data
    if data.task != "multilabel":
        return policy
    rules = [
        rule if rule.label is not None else rule.model_copy(update={"id": f"{rule.id}[{label}]", "label": label})
        for rule in policy.rules
        for label in (data.classes if rule.label is None else (rule.label,))
    ]
    return policy.model_copy(update={"rules": tuple(rules)})


class _Stored:
    """What a report can still answer: first from its verdicts, which need nothing; then from its evidence.

    Asked again what it was asked before, a stored report answers without numpy, pandas and scipy.
    """

    def __init__(self, report: Report) -> None:
        self._findings = {f.id: f for f in report.findings}
        self._verdicts = {_question(v.rule): v for v in report.verdicts if v.p is not None and v.finding is not None}
        self._evidence = report.evidence
        self._task = report.provenance.data.task
        self._sources: dict[str, _Source | None] = {}

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level."""
        known = self._verdicts.get(_question(rule))
        if known is not None and known.estimate is not None and known.estimate.level == level:
            return self._findings[known.finding or ""].model_copy(update={"estimate": known.estimate})
        source = self._source(rule)
        return None if source is None else source.finding(rule, level)

    def p_value(self, rule: Rule) -> float | None:
        """p of H0: the rule's limit is kept."""
        known = self._verdicts.get(_question(rule))
        if known is not None:
            return known.p
        source = self._source(rule)
        return None if source is None else source.p_value(rule)

    def _source(self, rule: Rule) -> _Source | None:
        """Who reads the evidence that the rule is about."""
        key, reader = _READERS[self._task]
        if self._task == "multilabel":
            key = f"{key}[{rule.label}]"
        elif rule.label is not None and self._task != "multiclass":
            return None
        if key not in self._sources:
            stored = self._evidence.get(key)
            self._sources[key] = None if stored is None else reader(key, stored)
        return self._sources[key]


class _Source(NamedTuple):
    """Answers to rules from one piece of evidence."""

    finding: Callable[[Rule, float], Finding | None]
    p_value: Callable[[Rule], float | None]


def _of_groups(key: str, stored: StoredEvidence) -> _Source:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness.checks import p_value, reassess
    from auditkit.fairness.labels import labelled

    tally: Tally = _read(key, stored, Tally)

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        found = reassess(tally, *asked, level=level, min_n=rule.min_n, reference=rule.reference)
        return found if found is None or rule.label is None else labelled(found, rule.label)

    return _Source(finding, lambda rule: p_value(tally, **_asked(rule), reference=rule.reference))


def _of_classes(key: str, stored: StoredEvidence) -> _Source:
    from auditkit.evidence.classes import ClassTally
    from auditkit.fairness.classes import p_value, reassess

    tally: ClassTally = _read(key, stored, ClassTally)

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        return reassess(tally, *asked, level=level, min_n=rule.min_n, label=rule.label, reference=rule.reference)

    return _Source(finding, lambda rule: p_value(tally, **_asked(rule), label=rule.label, reference=rule.reference))


def _of_numbers(key: str, stored: StoredEvidence) -> _Source:
    from auditkit.evidence.errors import ErrorSums
    from auditkit.fairness.regression import p_value, reassess

    sums: ErrorSums = _read(key, stored, ErrorSums)

    def finding(rule: Rule, level: float) -> Finding | None:
        return reassess(sums, rule.metric, rule.comparison, rule.by, level=level, min_n=rule.min_n)

    return _Source(finding, lambda rule: p_value(sums, **_asked(rule)))


_READERS: dict[Task, tuple[str, Callable[[str, StoredEvidence], _Source]]] = {
    "binary": ("group_fairness", _of_groups),
    "multilabel": ("group_fairness", _of_groups),
    "multiclass": ("class_fairness", _of_classes),
    "regression": ("regression_fairness", _of_numbers),
}
"""Task → key of the evidence that rules are judged by, and who reads it."""


def _asked(rule: Rule) -> dict[str, Any]:
    return {
        "metric": rule.metric,
        "comparison": rule.comparison,
        "by": rule.by,
        "limit": rule.limit,
        "above": rule.at_most is not None,
        "min_n": rule.min_n,
    }


def _question(rule: Rule) -> tuple[object, ...]:
    """What a rule asks, whatever it is called."""
    group = frozenset((rule.reference or {}).items())
    asked = rule.metric, rule.comparison, frozenset(rule.by), group, rule.label
    return *asked, rule.at_most, rule.at_least, rule.min_n


def _read(key: str, stored: StoredEvidence, kind: Any) -> Any:
    if (stored.type, stored.version) != (kind.__name__, 1):
        raise ReportError(
            f"the evidence of '{key}' is {stored.type}, version {stored.version}; expected {kind.__name__}, version 1"
        )
    try:
        return kind.from_json(stored.data)
    except (KeyError, TypeError, ValueError) as e:
        raise ReportError(f"the evidence of '{key}' cannot be read ({e!r}): write the report again") from e
