"""Judging a report, fresh or stored: the gate over its findings, and over its evidence where no finding answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.errors import EvidenceError, PolicyError, ReportError, listing
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence


def as_policy(policy: Policy | dict[str, Any] | str | Path) -> Policy:
    """A policy as given, from a dict, from a TOML file, or by the name of a preset."""
    if isinstance(policy, Policy):
        return policy
    return Policy.from_dict(policy) if isinstance(policy, dict) else Policy.load(policy)


def judge(report: Report, policy: Policy | dict[str, Any] | str | Path) -> Report:
    """The report with the verdicts of this policy; what a rule needs and no finding answers is assessed from evidence.

    Raises PolicyError for a wrong policy, ReportError for a public report, which holds no evidence.
    """
    if report.disclosure is not None and report.disclosure.profile == "public":
        raise ReportError("this report is public: it holds no evidence and cannot be judged again")
    policy = as_policy(policy).for_features(report.provenance.data.sensitive_features)
    policy = _one_rule_a_label(policy, report)
    _one_answer(report, policy)
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


class _Source(NamedTuple):
    """Answers to rules from the evidence of one check."""

    finding: Callable[[Rule, float], Finding | None]
    p_value: Callable[[Rule], float | None]


_Stock = dict[str, StoredEvidence]
"""Key → evidence: what one reader needs."""


class _Stored:
    """What a report can still answer: first from its verdicts, which need nothing; then from its evidence.

    Asked again what it was asked before, a stored report answers without numpy, pandas and scipy.
    """

    def __init__(self, report: Report) -> None:
        self._findings = {f.id: f for f in report.findings}
        self._verdicts = {_question(v.rule): v for v in report.verdicts if v.p is not None and v.finding is not None}
        self._evidence = report.evidence
        self._task = report.provenance.data.task
        self._sources: dict[str, _Source] = {}

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
        if rule.label is not None and self._task not in ("multiclass", "multilabel"):
            return None
        readers = _READERS if self._task in ("binary", "multilabel") else _OTHER_TASKS[self._task]
        check, reader = readers.get(METRICS[rule.metric].kind, ("", _of_groups))
        label = f"[{rule.label}]" if self._task == "multilabel" else ""
        stock = {k: v for k, v in self._evidence.items() if _check_of(k, label) == check}
        if stock and check + label not in self._sources:
            self._sources[check + label] = reader(stock)
        return self._sources.get(check + label)


def _check_of(key: str, label: str) -> str | None:
    """The check that a piece of evidence is of; None for that of another label."""
    return key.removesuffix(label).partition(":")[0] if key.endswith(label) else None


def _of_groups(stock: _Stock) -> _Source:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness import checks

    (tally,) = _read_all(stock, Tally).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        found = checks.reassess(tally, *asked, level=level, min_n=rule.min_n, reference=rule.reference)
        return _labelled(found, rule)

    return _Source(finding, lambda rule: checks.p_value(tally, **_asked(rule), reference=rule.reference))


def _of_classes(stock: _Stock) -> _Source:
    from auditkit.evidence.classes import ClassTally
    from auditkit.fairness import classes

    (tally,) = _read_all(stock, ClassTally).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        options: dict[str, Any] = {"min_n": rule.min_n, "label": rule.label, "reference": rule.reference}
        return classes.reassess(tally, *asked, level=level, **options)

    def p_value(rule: Rule) -> float | None:
        return classes.p_value(tally, **_asked(rule), label=rule.label, reference=rule.reference)

    return _Source(finding, p_value)


def _of_numbers(stock: _Stock) -> _Source:
    from auditkit.evidence.errors import ErrorSums
    from auditkit.fairness import regression

    (sums,) = _read_all(stock, ErrorSums).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        return regression.reassess(sums, rule.metric, rule.comparison, rule.by, level=level, min_n=rule.min_n)

    return _Source(finding, lambda rule: regression.p_value(sums, **_asked(rule)))


def _of_scores(stock: _Stock) -> _Source:
    from auditkit.evidence.histogram import ScoreHistogram
    from auditkit.fairness import scores

    (histogram,) = _read_all(stock, ScoreHistogram).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        return _labelled(scores.reassess(histogram, *asked, level=level, min_n=rule.min_n), rule)

    return _Source(finding, lambda rule: scores.p_value(histogram, **_asked(rule)))


def _at_equal_controls(stock: _Stock) -> _Source:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness import conditional

    tallies = {k: (tally, stock[k].options) for k, tally in _read_all(stock, Tally).items()}

    def standardised(rule: Rule, level: float) -> conditional.Conditional | None:
        return conditional.reassess(tallies, rule.metric, rule.by, level=level, min_n=rule.min_n)

    def finding(rule: Rule, level: float) -> Finding | None:
        found = standardised(rule, level)
        return _labelled(None if found is None else found.finding(rule.comparison), rule)

    def p_value(rule: Rule) -> float | None:
        found = standardised(rule, 0.95)
        above = rule.at_most is not None
        return None if found is None else found.p_value(rule.comparison, rule.limit, above=above)

    return _Source(finding, p_value)


def _of_gaps(stock: _Stock) -> _Source:
    from auditkit.explain.gaps import findings as gap_findings
    from auditkit.explain.gaps.sums import GapSums

    all_ = _read_all(stock, GapSums)

    def seen(rule: Rule) -> GapSums | None:
        """Of several classes, the evidence of the rule's one; a label of several has its own stock."""
        return next((e for e in all_.values() if e.facts.get("label") in (None, rule.label)), None)

    def finding(rule: Rule, level: float) -> Finding | None:
        sums = seen(rule)
        if sums is None or rule.of is None:
            return None
        try:
            asked = (sums, rule.of, rule.by, rule.features)
            found = gap_findings.reassess(*asked, level=level, min_n=rule.min_n)
        except PolicyError as e:
            raise PolicyError(f"rule '{rule.id}': {e}") from None
        return found if found is None or found.label is not None else _labelled(found, rule)

    def p_value(rule: Rule) -> float | None:
        sums, above = seen(rule), rule.at_most is not None
        if sums is None or rule.of is None:
            return None
        return gap_findings.p_value(sums, rule.of, rule.by, rule.features, limit=rule.limit, above=above)

    return _Source(finding, p_value)


_READERS: dict[str, tuple[str, Callable[[_Stock], _Source]]] = {
    "rate": ("group_fairness", _of_groups),
    "composite": ("group_fairness", _of_groups),
    "score": ("scores", _of_scores),
    "conditional": ("conditional_parity", _at_equal_controls),
    "gap": ("gap_attribution", _of_gaps),
}
"""Kind of metric → the check whose evidence rules are judged by, and who reads it."""

_CLASSES = ("class_fairness", _of_classes)
_OTHER_TASKS: dict[str, dict[str, tuple[str, Callable[[_Stock], _Source]]]] = {
    "multiclass": {**dict.fromkeys(("rate", "composite"), _CLASSES), "gap": ("gap_attribution", _of_gaps)},
    "regression": {"error": ("regression_fairness", _of_numbers), "gap": ("gap_attribution", _of_gaps)},
}


def _labelled(found: Finding | None, rule: Rule) -> Finding | None:
    """The finding of one label of several, by its name."""
    if found is None or rule.label is None:
        return found
    from auditkit.fairness.labels import labelled

    return labelled(found, rule.label)


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
    asked = rule.metric, rule.comparison, frozenset(rule.by), group, rule.label, rule.of, frozenset(rule.features)
    return *asked, rule.at_most, rule.at_least, rule.min_n


def _read_all(stock: _Stock, kind: Any) -> dict[str, Any]:
    """Key → evidence; ReportError for evidence of another kind or version, or that cannot be read."""
    out = {}
    for key, stored in stock.items():
        if (stored.type, stored.version) != (kind.__name__, 1):
            raise ReportError(
                f"the evidence of '{key}' is {stored.type}, version {stored.version}; "
                f"expected {kind.__name__}, version 1"
            )
        try:
            out[key] = kind.from_json(stored.data)
        except (EvidenceError, KeyError, TypeError, ValueError) as e:
            raise ReportError(f"the evidence of '{key}' cannot be read ({e!r}): write the report again") from e
    return out
