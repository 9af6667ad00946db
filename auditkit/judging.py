"""Judging a report, fresh or stored: every rule is answered from evidence, never from what a finding says of it.

What a report says and what its evidence says are one thing, or the report is refused. Evidence that was itself edited,
and its findings with it, can only be found against a digest that is kept elsewhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.errors import AuditkitError, EvidenceError, PolicyError, ReportError, listing
from auditkit.gate.agreement import answers
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.policy import Policy
from auditkit.records import Finding, Report, Rule, StoredEvidence


def as_policy(policy: Policy | dict[str, Any] | str | Path) -> Policy:
    """A policy as given, from a dict, from a TOML file, or by the name of a preset."""
    if isinstance(policy, Policy):
        return policy
    return Policy.from_dict(policy) if isinstance(policy, dict) else Policy.load(policy)


def judge(report: Report, policy: Policy | dict[str, Any] | str | Path) -> Report:
    """The report with the verdicts of this policy, each answered from the evidence.

    Raises PolicyError for a wrong policy, and ReportError for a public report, which holds no evidence, and where a
    rule asks about a finding that is not what the evidence says, or whose evidence is missing or cannot be read.
    """
    if report.disclosure is not None and report.disclosure.profile == "public":
        raise ReportError("this report is public: it holds no evidence and cannot be judged again")
    policy = as_policy(policy).for_features(report.provenance.data.sensitive_features)
    policy = _one_rule_a_label(policy, report)
    _one_answer(report, policy)
    stored = _Stored(report, policy)
    said = answers(report, [r for r in policy.rules if not stored.refused(r)], stored.finding, level=policy.confidence)
    judged = judge_findings(said.derived, policy, stored)
    return report.model_copy(
        update={"policy": policy.info(), "verdicts": judged.verdicts, "findings": said.findings},
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


MOST_COMPARED = 256
"""Groups that one rule compares, each with each."""
MOST_COUNTED = 1_000
"""The same where plain counts are compared, which is quick."""
MOST_PAIRS = 1_000_000
"""Pairs of groups that all rules together compare: what one rule of `MOST_COUNTED` groups asks for."""
_ACCIDENTS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What numbers that cannot be lead to, where no bound was stated."""


class _Source(NamedTuple):
    """Answers to rules from the evidence of one check."""

    finding: Callable[[Rule, float], Finding | None]
    p_value: Callable[[Rule], float | None]
    groups: Callable[[Rule], int] = lambda rule: 0
    """How many groups a rule compares."""
    most: int = MOST_COMPARED


_Stock = dict[str, StoredEvidence]
"""Key → evidence: what one reader needs."""


class _Stored:
    """What the evidence of a report says. Nothing is taken from its findings and verdicts."""

    def __init__(self, report: Report, policy: Policy) -> None:
        self._evidence = report.evidence
        self._task = report.provenance.data.task
        self._not_measured = report.not_measured
        self._weighing = report.provenance.data.weighting is not None
        self._sources: dict[str, _Source] = {}
        self._beyond = self._too_much(policy)

    def _too_much(self, policy: Policy) -> dict[str, str]:
        """Rule id → why what it asks for is too much, for one rule or with those before it."""
        pairs, beyond = 0, {}
        for rule in policy.rules:
            with _told(rule):
                source = self._source(rule)
                groups = 0 if source is None else source.groups(rule)
            of = f"{groups:,} groups of {' and '.join(rule.by)}"
            if source is not None and groups > source.most:
                beyond[rule.id] = f"{of}, more than the {source.most:,} that one rule compares"
            elif pairs + groups**2 > MOST_PAIRS:
                beyond[rule.id] = f"{of}: with the rules before it more than {MOST_PAIRS:,} pairs, which is all"
            else:
                pairs += groups**2
        return beyond

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level."""
        with _told(rule):
            source = self._source(rule)
            if source is None:
                return None
            return source.finding(rule, level)

    def p_value(self, rule: Rule) -> float | None:
        """p of H0: the rule's limit is kept."""
        with _told(rule):
            source = self._source(rule)
            return None if source is None else source.p_value(rule)

    def refused(self, rule: Rule) -> bool:
        """Whether the rule asks for too much."""
        return rule.id in self._beyond

    def absence(self, rule: Rule) -> str:
        """Why nothing answers the rule: its check broke or says why not, or its rows are none that it serves."""
        if self.refused(rule):
            return self._beyond[rule.id]
        check, _ = self._reader(rule)
        own = f" [{rule.label}]" if self._task == "multilabel" else ""
        named = {n.what.removesuffix(own): n for n in self._not_measured if n.what.endswith(own)}
        whole = [n for what, n in named.items() if what.partition(":")[0] == check]
        for absent in (*(n for n in whole if n.accident), *whole):
            return f"{check}: {absent.why}"
        if self._weighing and METRICS[rule.metric].kind in ("rate", "composite") and self._source(rule) is not None:
            from auditkit.fairness.families.weighted_composites import NOT_SERVED, serves

            if not serves(rule.metric):
                return NOT_SERVED
        return "not in the data of this report"

    def _reader(self, rule: Rule) -> tuple[str, Callable[[_Stock], _Source]]:
        """The check whose evidence the rule is about, and who reads it."""
        readers = _READERS if self._task in ("binary", "multilabel") else _OTHER_TASKS[self._task]
        return readers.get(METRICS[rule.metric].kind, ("", _of_groups))

    def _source(self, rule: Rule) -> _Source | None:
        """Who reads the evidence that the rule is about."""
        if rule.label is not None and self._task not in ("multiclass", "multilabel"):
            return None
        check, reader = self._reader(rule)
        label = f"[{rule.label}]" if self._task == "multilabel" else ""
        stock = {k: v for k, v in self._evidence.items() if _check_of(k, label) == check}
        if stock and check + label not in self._sources:
            self._sources[check + label] = reader(stock)
        return self._sources.get(check + label)


@contextlib.contextmanager
def _told(rule: Rule) -> Iterator[None]:
    """An accident over numbers that no audit gives is the report's fault, and one line."""
    try:
        yield
    except _ACCIDENTS as e:
        if isinstance(e, AuditkitError):
            raise
        raise ReportError(f"rule '{rule.id}' cannot be answered from the evidence ({_said(e)})") from e


def _check_of(key: str, label: str) -> str | None:
    """The check that a piece of evidence is of; None for that of another label."""
    return key.removesuffix(label).partition(":")[0] if key.endswith(label) else None


def _of_groups(stock: _Stock) -> _Source:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness.groups import check as checks

    (tally,) = _read_all(stock, Tally).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        found = checks.reassess(tally, *asked, level=level, min_n=rule.min_n, reference=rule.reference)
        return _labelled(found, rule)

    def p_value(rule: Rule) -> float | None:
        return checks.p_value(tally, **_asked(rule), reference=rule.reference)

    most = MOST_COMPARED if tally.weighted or tally.clusters is not None else MOST_COUNTED
    return _Source(finding, p_value, lambda rule: _crossed(tally.by, tally.columns, rule), most)


def _of_classes(stock: _Stock) -> _Source:
    from auditkit.evidence.classes import ClassTally
    from auditkit.fairness.groups import classes

    (tally,) = _read_all(stock, ClassTally).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        options: dict[str, Any] = {"min_n": rule.min_n, "label": rule.label, "reference": rule.reference}
        return classes.reassess(tally, *asked, level=level, **options)

    def p_value(rule: Rule) -> float | None:
        return classes.p_value(tally, **_asked(rule), label=rule.label, reference=rule.reference)

    return _Source(finding, p_value, lambda rule: _crossed(tally.by, tally.table("cells"), rule))


def _of_numbers(stock: _Stock) -> _Source:
    from auditkit.evidence.errors import ErrorSums
    from auditkit.fairness.groups import regression

    (sums,) = _read_all(stock, ErrorSums).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        return regression.reassess(sums, rule.metric, rule.comparison, rule.by, level=level, min_n=rule.min_n)

    def p_value(rule: Rule) -> float | None:
        return regression.p_value(sums, **_asked(rule))

    return _Source(finding, p_value, lambda rule: _crossed(sums.by, sums.table("moments_"), rule))


def _of_scores(stock: _Stock) -> _Source:
    from auditkit.evidence.histogram import ScoreHistogram
    from auditkit.fairness.scores import check as scores

    (histogram,) = _read_all(stock, ScoreHistogram).values()

    def finding(rule: Rule, level: float) -> Finding | None:
        asked = (rule.metric, rule.comparison, rule.by)
        return _labelled(scores.reassess(histogram, *asked, level=level, min_n=rule.min_n), rule)

    def p_value(rule: Rule) -> float | None:
        return scores.p_value(histogram, **_asked(rule))

    return _Source(finding, p_value, lambda rule: _crossed(histogram.by, histogram.table("cells"), rule))


def _at_equal_controls(stock: _Stock) -> _Source:
    from auditkit.evidence.tally import Tally
    from auditkit.fairness.groups import conditional

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

    def groups(rule: Rule) -> int:
        return max(_crossed(tally.by, tally.columns, rule) for tally, _ in tallies.values())

    return _Source(finding, p_value, groups)


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


def _crossed(by: tuple[str, ...], columns: Any, rule: Rule) -> int:
    """How many groups of the rule's attributes have a row."""
    if not rule.by or not set(rule.by) <= set(by):
        return 0
    return len(set(zip(*(columns[b].tolist() for b in rule.by), strict=True)))


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
        except EvidenceError as e:
            raise ReportError(f"the evidence of '{key}' cannot be read: {e}") from e
        except _ACCIDENTS as e:
            raise ReportError(f"the evidence of '{key}' cannot be read ({_said(e)}): write the report again") from e
    return out


def _said(e: Exception) -> str:
    return f"{type(e).__name__}: {' '.join(str(e).split())[:120]}"
