"""Judging a report, fresh or stored: every rule is answered from evidence, never from what a finding says of it.

What a report says and what its evidence says are one thing, or the report is refused. Evidence that was itself edited,
and its findings with it, can only be found against a digest that is kept elsewhere.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from auditkit.assertions import asserted
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.of_class import worded
from auditkit.check import Judge, Steps
from auditkit.checks import check_names, judges, kind_of
from auditkit.clock import now
from auditkit.completing import completed
from auditkit.errors import AuditkitError, EvidenceError, PolicyError, ReportError, listing, nearest
from auditkit.explorer import Explorer
from auditkit.formatting import printable
from auditkit.gate.agreement import answers
from auditkit.gate.explorer import along
from auditkit.gate.judge import judge as judge_findings
from auditkit.gate.perfect import beside
from auditkit.gate.policy import Policy
from auditkit.gate.remedies import Known, in_gaps, under_rules
from auditkit.gate.required import held, required_of
from auditkit.gate.standing import standing
from auditkit.question import Question
from auditkit.records import Estimate, Finding, Report, Rule, StoredEvidence


def as_policy(policy: Policy | dict[str, Any] | str | Path) -> Policy:
    """A policy as given, from a dict, from a TOML file, or by the name of a preset."""
    if isinstance(policy, Policy):
        return policy
    return Policy.from_dict(policy) if isinstance(policy, dict) else Policy.load(policy)


def judge(report: Report, policy: Policy | dict[str, Any] | str | Path, *, exhibits: bool = True) -> Report:
    """The report with the verdicts of this policy, each answered from the evidence; with what its file says of the
    model's use and of who decides, if it says anything.

    Waivers hold, or have expired, on the day of judging (UTC; of SOURCE_DATE_EPOCH where that is set). `exhibits`: with
    what a page shows beside verdicts, and no verdict needs (remedies under the same rules); a gate that only decides
    goes without.

    Raises PolicyError for a wrong policy, and ReportError for a public report, which holds no evidence, and where a
    rule asks about a finding that is not what the evidence says, or whose evidence is missing or cannot be read.
    """
    if report.disclosure is not None and report.disclosure.profile == "public":
        raise ReportError("this report is public: it holds no evidence and cannot be judged again")
    policy = as_policy(policy).for_features(report.provenance.data.sensitive_features)
    policy, others = held(policy, report, now().date(), check_names)
    policy = _one_rule_a_label(policy, report)
    _one_answer(report, policy)
    stored = _Stored(report, policy)
    said = answers(report, [r for r in policy.rules if not stored.refused(r)], stored.told, level=policy.confidence)
    judged = judge_findings(said.derived, policy, stored)
    verdicts = standing(beside(judged.verdicts, policy, stored), policy, report, said.findings, now().date())
    remedies = None
    if exhibits:
        with _answerable("remedies cannot be told"):
            remedies = under_rules(stored.remedies(policy.rules), verdicts, policy, stored)
    judged_report = report.model_copy(
        update={
            "policy": policy.info(now().date()),
            "verdicts": verdicts,
            "findings": said.findings,
            "context": policy.context or report.context,
            "sign_off": policy.sign_off or report.sign_off,
            "remedies": remedies,
            "explorer": None,
        },
    )
    return asserted(judged_report.model_copy(update={"required": (*others, *required_of(judged_report))}))


def with_remedies(report: Report, *, level: float = 0.95) -> Report:
    """A report that no policy judges, with the gaps that remedies would leave, where its evidence tells of them."""
    known = _Stored(report, Policy()).remedies(())
    return report.model_copy(update={"remedies": in_gaps(known, level=level)})


def explored(report: Report) -> Report:
    """A judged report with what other common thresholds would do to its rules, by the judge of these rules.

    The same where it has that already, and where nothing tells: no rules, no scores in the evidence, or weights and
    clusters, which score bins do not know (what is counted of a detector's boxes does). Where small counts are
    suppressed there is none: groups are joined until no decision of today is one of a few people, and at other
    thresholds some would be. Costs a judgment a threshold, which a gate has no use for. ReportError where the evidence
    cannot be read.
    """
    if report.explorer is not None or not report.verdicts or report.policy is None:
        return report
    if report.disclosure is not None and report.disclosure.suppress_below:
        return report
    try:
        return report.model_copy(update={"explorer": _explorer(report, report.policy.confidence)})
    except ACCIDENTS as e:
        if isinstance(e, AuditkitError):
            raise
        raise ReportError(f"other thresholds cannot be told from the evidence ({_said(e)})") from e


def explored_if_it_can(report: Report) -> Report:
    """The same, or the report as it is where its evidence cannot be read: what is stored can be shown all the same."""
    try:
        return explored(report)
    except AuditkitError as e:
        logging.getLogger("auditkit").info("no other thresholds are told: %s", printable(str(e)))
        return report


def _explorer(report: Report, confidence: float) -> Explorer | None:
    """From the evidence; None where it does not tell."""
    policy = Policy(rules=tuple(v.rule for v in report.verdicts), confidence=confidence)
    stored = _Stored(report, policy)
    steps = stored.steps()
    if steps is None:
        return None
    known = [r for r in policy.rules if stored.steps_tell(steps, r)]
    at = (stored.at(steps, i).estimate for i in range(len(steps.threshold)))
    return steps.explorer(along(policy.model_copy(update={"rules": tuple(known)}), at))


def _one_rule_a_label(policy: Policy, report: Report) -> Policy:
    """Of several labels, a rule that names none is asked of each: as many rules in Holm's eyes."""
    data = report.provenance.data
    if not data.kind.by_label:
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


MOST_PAIRS = 1_000_000
"""Pairs of groups that all rules together compare: what one rule of `MOST_COUNTED` groups asks for."""
_MOST_STEPPED = 40
"""Groups that a rule compares at every threshold, at most."""
ACCIDENTS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What numbers that cannot be lead to, where no bound was stated."""


class _Stored:
    """What the evidence of a report says. Nothing is taken from its findings and verdicts."""

    def __init__(self, report: Report, policy: Policy) -> None:
        self._times = 1
        self._evidence = report.evidence
        self._data = report.provenance.data
        self._not_measured = report.not_measured
        self._judges = judges(re.split(r"[:\[]", key)[0] for key in report.evidence)
        self._once: dict[str, Judge] = {}
        self._made: dict[str, Judge] = {}
        self._beyond = self._too_much(policy)

    def _too_much(self, policy: Policy) -> dict[str, str]:
        """Rule id → why what it asks for is too much, for one rule or with those before it."""
        pairs, beyond = 0, {}
        for rule in policy.rules:
            with _told(rule):
                judge = self._judge(rule)
                groups = 0 if judge is None else judge.groups(Question.of_rule(rule))
            of = f"{groups:,} groups of {' and '.join(rule.by)}"
            if judge is not None and groups > judge.most:
                beyond[rule.id] = f"{of}, more than the {judge.most:,} that one rule compares"
            elif pairs + groups**2 > MOST_PAIRS:
                beyond[rule.id] = f"{of}: with the rules before it more than {MOST_PAIRS:,} pairs, which is all"
            else:
                pairs += groups**2
        return beyond

    def finding(self, rule: Rule, level: float) -> Finding | None:
        """The finding that answers the rule, at that level."""
        with _told(rule):
            judge = self._judge(rule)
            found = None if judge is None else judge.finding(Question.of_rule(rule, level))
            if found is None or rule.label is None or found.label is not None:
                return found
            return worded(found, METRICS.get(found.metric), rule.label, several_labels=True)

    def told(self, rule: Rule, level: float) -> Finding | None:
        """The same as an audit would have told it: with what its check does not look at."""
        found = self.finding(rule, level)
        if found is None:
            return None
        with _told(rule):
            weighting = self._data.weighting
            kind = None if weighting is None else kind_of(self._check(rule))
            return completed([found], kind, weighting)[0]

    def estimate(self, rule: Rule, level: float) -> Estimate | None:
        """The number of that finding."""
        with _told(rule):
            judge = self._judge(rule)
            return None if judge is None else judge.estimate(Question.of_rule(rule, level))

    def p_value(self, rule: Rule, *, kept: bool = True) -> float | None:
        """p of H0: the rule's limit is kept, or (not `kept`) exceeded. By the check's `Judge`; of groups,
        `GroupFamily.p_value`."""
        with _told(rule):
            judge, above = self._judge(rule), (rule.at_most is not None) is kept
            return None if judge is None else judge.p_value(Question.of_rule(rule), rule.limit, above=above)

    def times(self, factor: int) -> _Stored:
        """The same of evidence as so many copies of every row would give it, where anything is known of that."""
        more = copy.copy(self)
        more._made, more._times = {}, factor
        return more

    def grows(self, rule: Rule) -> bool:
        """Whether it is known what more rows would say to the rule."""
        judge = self._judge(rule)
        return judge is not None and judge.times(1) is not None

    def too_few(self, rule: Rule) -> str:
        """What keeps a group out of the answer, in words."""
        judge = self._judge(rule)
        return "too few to tell" if judge is None else judge.too_few(Question.of_rule(rule))

    def refused(self, rule: Rule) -> bool:
        """Whether the rule asks for too much."""
        return rule.id in self._beyond

    def steps(self) -> Steps | None:
        """Counts at other common thresholds (`Judge.steps`); None where nothing tells them, where no check was asked
        that reads such counts, and where rows are counted that have no score."""
        for check, kind in self._judges.items():
            tells = kind.steps is not Judge.steps and self._data.task in kind.tasks and self._data.kind.yes_no
            if tells and check in self._evidence:
                found = self._read(check, {check: self._evidence[check]}, kind).steps()
                if found is not None and self._evidence.keys() & found.evidence(0).keys():
                    return found
        return None

    def steps_tell(self, steps: Steps, rule: Rule) -> bool:
        """Whether the rule is about decisions, and not so dear that it cannot be judged at every threshold."""
        if not steps.tells(rule.metric) or self._check(rule) not in steps.evidence(0) or self.refused(rule):
            return False
        judge = self._judge(rule)
        return judge is not None and judge.groups(Question.of_rule(rule)) <= _MOST_STEPPED

    def at(self, steps: Steps, i: int) -> _Stored:
        """The same with what would be counted at one of these thresholds."""
        more, of = copy.copy(self), steps.evidence(i)
        more._made = {check: self._judges[check]({check: (e, {})}) for check, e in of.items() if check in self._judges}
        return more

    def absence(self, rule: Rule) -> str:
        """Why nothing answers the rule: its check broke or says why not, or its rows are none that it serves."""
        if self.refused(rule):
            return self._beyond[rule.id]
        if self._untold(rule):
            return "no row of the data has a truth"
        check = self._check(rule)
        own = self._own(rule)
        own = f" {own}" if own else ""
        named = {n.what.removesuffix(own): n for n in self._not_measured if n.what.endswith(own)}
        whole = [n for what, n in named.items() if what.partition(":")[0] == check]
        for absent in (*(n for n in whole if n.accident), *whole):
            return f"{check}: {absent.why}"
        judge = self._judge(rule)
        known = self._data.sensitive_features
        lost = [a for a in rule.by if a not in known]
        close = nearest(lost[0], known).strip() if lost else ""
        mistyped = f" ({close[0].lower()}{close[1:]})" if close else ""
        without = "" if judge is not None or check not in self._judges else self._judges[check].without
        if without:
            return without
        return (judge and judge.why_not(Question.of_rule(rule))) or f"not in the data of this report{mistyped}"

    def remedies(self, rules: Sequence[Rule]) -> Known:
        """Today's decisions and remedies for them, of the check that knows any; none of several labels."""
        named = {frozenset(r.by) for r in rules if r.by}
        for check, kind in self._judges.items():
            stock = {k: v for k, v in self._evidence.items() if _check_of(k, "") == check}
            tells = kind.alternatives is not Judge.alternatives  # evidence is read only of a judge that may tell
            if stock and self._data.task in kind.tasks and tells and not self._data.kind.by_label:
                judge = self._read(check, stock, kind)
                return Known(tuple(judge.alternatives(named)), judge.frontier)
        return Known((), lambda by: None)

    def _check(self, rule: Rule) -> str:
        """The check whose evidence the rule is about."""
        kind, task = METRICS[rule.metric].kind, self._data.task
        known = {name: j for name, j in self._judges.items() if kind in j.kinds and task in j.tasks}
        own = [name for name, j in known.items() if rule.comparison in j.comparisons]
        return next(iter((*own, *(name for name, j in known.items() if not j.comparisons))), "")

    def _untold(self, rule: Rule) -> bool:
        """Whether it asks of truths, and no row has one."""
        return self._data.no_truths and METRICS[rule.metric].needs_truths

    def _own(self, rule: Rule) -> str:
        """What ends the keys of the evidence of the rule's label, of several."""
        return f"[{rule.label}]" if self._data.kind.by_label else ""

    def _judge(self, rule: Rule) -> Judge | None:
        """Who answers the rule from the evidence that it is about."""
        if self._untold(rule) or (rule.label is not None and not self._data.classes):
            return None
        check, own = self._check(rule), self._own(rule)
        if check + own not in self._made:
            stock = {k: v for k, v in self._evidence.items() if _check_of(k, own) == check}
            if not stock:
                return None
            judge = self._read(check + own, stock, self._judges[check])
            self._made[check + own] = judge if self._times == 1 else judge.times(self._times) or judge
        return self._made[check + own]

    def _read(self, key: str, stock: dict[str, StoredEvidence], kind: type[Judge]) -> Judge:
        """Read once, however often it is multiplied."""
        if key not in self._once:
            self._once[key] = kind(_read_all(stock, kind.evidence))
        return self._once[key]


@contextlib.contextmanager
def _told(rule: Rule) -> Iterator[None]:
    """Errors name the rule."""
    try:
        with _answerable(f"rule '{rule.id}' cannot be answered"):
            yield
    except PolicyError as e:
        raise PolicyError(f"rule '{rule.id}': {e}") from None


@contextlib.contextmanager
def _answerable(what: str) -> Iterator[None]:
    """An accident over numbers that no audit gives is the fault of the report, and one line."""
    try:
        yield
    except ACCIDENTS as e:
        if isinstance(e, AuditkitError):
            raise
        raise ReportError(f"{what} from the evidence ({_said(e)})") from e


def _check_of(key: str, label: str) -> str | None:
    """The check that a piece of evidence is of; None for that of another label."""
    return key.removesuffix(label).partition(":")[0] if key.endswith(label) else None


def _read_all(stock: dict[str, StoredEvidence], place: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Key → (evidence, options); ReportError for evidence of another kind or version, or that cannot be read."""
    module, _, name = place.partition(":")
    kind = getattr(importlib.import_module(module), name)
    out = {}
    for key, stored in stock.items():
        if (stored.type, stored.version) != (name, 1):
            raise ReportError(
                f"the evidence of '{key}' is {stored.type}, version {stored.version}; expected {name}, version 1"
            )
        try:
            out[key] = (kind.from_json(stored.data), stored.options)
        except EvidenceError as e:
            raise ReportError(f"the evidence of '{key}' cannot be read: {e}") from e
        except ACCIDENTS as e:
            raise ReportError(f"the evidence of '{key}' cannot be read ({_said(e)}): write the report again") from e
    return out


def _said(e: Exception) -> str:
    return f"{type(e).__name__}: {' '.join(str(e).split())[:120]}"
