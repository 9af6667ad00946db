"""Would other decisions meet the rules? Remedies put through the very rules, with their judge, each rule alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

from auditkit.catalogue.index import METRICS
from auditkit.gate.judge import Answering, level_of, status_of
from auditkit.gate.policy import Policy
from auditkit.question import Question
from auditkit.records import (
    CHANGES,
    Estimate,
    Frontier,
    FrontierLimit,
    Gap,
    Remedies,
    Remedy,
    RemedyAnswer,
    Rule,
    Verdict,
)

SELECTED = "selection_rate"
GAPS = (SELECTED, "true_positive_rate", "false_positive_rate")
"""Differences that remedies are told by where there is no policy."""


class Answers(Protocol):
    """Who answers rules of other decisions."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of metrics that are answered."""
        ...

    def estimate(self, asked: Question) -> Estimate | None:
        """The number that answers; None where there is none."""
        ...


class Alternative(Protocol):
    """Other decisions, as `auditkit.check.Alternative`."""

    @property
    def remedy(self) -> Remedy:
        """What they are, without answers."""
        ...

    @property
    def judge(self) -> Answers:
        """Who answers rules of them."""
        ...


class Known(NamedTuple):
    """What evidence knows of other decisions."""

    alternatives: Sequence[Alternative]
    """Today's first; none where no remedy is known."""
    frontier: Callable[[Sequence[str]], Frontier | None]
    """Attributes → the frontier of their groups."""


def under_rules(known: Known, verdicts: Sequence[Verdict], policy: Policy, reassess: Answering) -> Remedies | None:
    """Today's verdicts, and what the gate would say to each rule, alone, of each remedy; None without remedies.

    Without Holm: a remedy's rules are asked what holds of each. What lets a rule pass is the same with it.
    """
    if not known.alternatives:
        return None
    today, *others = known.alternatives
    rows = [today.remedy.model_copy(update={"answers": tuple(map(_of_verdict, verdicts))})]
    for other in others:
        told = tuple(
            None if reassess.refused(r) else _answer(r, other.judge, level_of(r, policy)) for r in policy.rules
        )
        rows.append(other.remedy.model_copy(update={"answers": told}))
    return Remedies(rows=tuple(rows), frontier=_frontier(known, policy.rules))


def in_gaps(known: Known, *, level: float) -> Remedies | None:
    """The gaps that today's decisions and each remedy leave, where there is no policy; None without remedies."""
    if not known.alternatives:
        return None
    sets = dict.fromkeys(a.remedy.by for a in known.alternatives if len(a.remedy.by) == 1)
    gaps = [Gap(metric=m, by=by) for by in sets for m in GAPS]
    rows = []
    for a in known.alternatives:
        found = [a.judge.estimate(Question(g.metric, "difference", g.by, level)) for g in gaps]
        rows.append(a.remedy.model_copy(update={"answers": tuple(map(_of_gap, found))}))
    return Remedies(rows=tuple(rows), gaps=tuple(gaps), frontier=_frontier(known, ()))


def _frontier(known: Known, rules: Sequence[Rule]) -> Frontier | None:
    """Of the first set of attributes with a rule on selections, else of the one with the largest difference in them."""
    sets = list(dict.fromkeys(a.remedy.by for a in known.alternatives if a.remedy.by))
    ruled = [by for by in sets if any(r.metric == SELECTED and set(r.by) == set(by) for r in rules)]
    if not ruled:
        apart = [(_gap_now(known, by), by) for by in sets]
        ruled = [by for gap, by in sorted(apart, key=lambda x: -x[0])]
    found = known.frontier(ruled[0]) if ruled else None
    if found is None:
        return None
    own = [r for r in rules if r.metric == SELECTED and set(r.by) == set(found.by)]
    limits = [FrontierLimit(rule=r.id, gap=gap) for r in own if (gap := _limit(r, found)) is not None]
    return found.model_copy(update={"limits": tuple(limits)})


def _gap_now(known: Known, by: Sequence[str]) -> float:
    found = known.alternatives[0].judge.estimate(Question(SELECTED, "difference", tuple(by)))
    return found.value or 0.0 if found else 0.0


def _limit(rule: Rule, f: Frontier) -> float | None:
    """The gap at which a rule's limit lies; of a ratio where the frontier first falls below it, None if it never does.

    Ratios between two points are read on the straight line between them.
    """
    if rule.comparison == "difference":
        return rule.at_most
    if rule.comparison != "ratio" or rule.at_least is None:
        return None
    points = sorted((g, r) for g, r in zip(f.gap, f.ratio, strict=True) if r is not None)
    for (g0, r0), (g1, r1) in pairwise(points):
        if r0 >= rule.at_least > r1:
            return g0 + (g1 - g0) * (r0 - rule.at_least) / (r0 - r1)
    return None


def _speaks(judge: Answers, rule: Rule) -> bool:
    """Whether other decisions say anything of the rule."""
    return METRICS[rule.metric].kind in judge.kinds and rule.label is None and rule.comparison not in CHANGES


def _answer(rule: Rule, judge: Answers, level: float) -> RemedyAnswer | None:
    e = judge.estimate(Question.of_rule(rule, level)) if _speaks(judge, rule) else None
    if e is None:
        return None
    if e.value is None:
        return RemedyAnswer(status="not_measured", why=e.note or "undefined")
    return RemedyAnswer(status=status_of(rule, e), value=e.value, low=e.low, high=e.high)


def _of_verdict(v: Verdict) -> RemedyAnswer:
    e = v.estimate
    if e is None or e.value is None:
        return RemedyAnswer(status=v.status, why=v.absence)
    return RemedyAnswer(status=v.status, value=e.value, low=e.low, high=e.high)


def _of_gap(e: Estimate | None) -> RemedyAnswer | None:
    if e is None:
        return None
    return RemedyAnswer(value=e.value, low=e.low, high=e.high, why="" if e.value is not None else e.note)
