"""A policy, held against what an organisation requires: every point at which it asks less, in words."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.formatting import confidence
from auditkit.formatting import limit as limited
from auditkit.gate.keys import key_of
from auditkit.gate.toml import Path_
from auditkit.looks import declared
from auditkit.records import Floor, PolicyInfo, Rule, Waiver

_RANKS = {"pass": 0, "warn": 1, "fail": 2, "point": 0, "interval": 1, "warning": 0, "error": 1}


def below(
    policy: PolicyInfo,
    rules: Sequence[Rule],
    waivers: Sequence[Waiver],
    floor: Floor,
    *,
    where: Callable[[Path_], str] | None = None,
    whole: bool = True,
    on: datetime.date | None = None,
) -> Iterator[str]:
    """Each a line: where the policy asks less, what is required, and by which file.

    Parameters
    ----------
    where
        Path of a key → file:line of the policy; None: its file.
    whole
        False while rules of presets are still missing: what nobody asks may be theirs.
    on
        The day of judging, from which the length of waivers counts; None: that is not looked at.
    """
    file = policy.source or "the policy"
    where = where or (lambda path: file)
    for rule in rules:
        at = f"{file}:{rule.line}: rule '{rule.id}'" if rule.line else f"{file}: rule '{rule.id}'"
        for said, key in (*_loose(rule, floor), *_weak(rule, floor, policy)):
            yield f"{at} {said} ({floor.at(key)})"
    own = declared(policy.confidence, policy.looks)
    if floor.lowest_confidence is not None and own < floor.lowest_confidence - 1e-12:
        least = f"required is at least {confidence(floor.lowest_confidence)} ({floor.at('lowest_confidence')})"
        yield f"{where(('defaults', 'confidence'))}: the confidence is {confidence(own)}; {least}"
    yield from _waived(waivers, floor, where, on)
    if whole:
        yield from _unasked(rules, floor, file)


def _loose(rule: Rule, floor: Floor) -> Iterator[tuple[str, str]]:
    """Where the rule's limit is looser than that of its kind, or it only warns where an error is asked."""
    for i, required in enumerate(floor.rules):
        if not about(rule, required):
            continue
        unit = METRICS[rule.metric].unit
        side = "at most" if rule.at_most is not None else "at least"
        if looser(rule, required):
            own, least = (limited(r.limit, rule.comparison, of=unit) for r in (rule, required))
            yield f"asks {side} {own}; required is {side} {least}", f"rule.{i}"
        elif _RANKS[rule.severity] < _RANKS[required.severity] and required.exact:
            yield "only warns; required is that it can fail", f"rule.{i}"


def _weak(rule: Rule, floor: Floor, policy: PolicyInfo) -> Iterator[tuple[str, str]]:
    """Where it forgives more than is allowed, or leaves more out."""
    for key in ("on_inconclusive", "on_not_measured"):
        least, own = getattr(floor, key), getattr(rule, key)
        if least is not None and rule.severity == "error" and _RANKS[own] < _RANKS[least]:
            yield f'has {key} = "{own}"; the weakest allowed is "{least}"', key
    if floor.decision == "interval" and rule.decision == "point" and rule.at_least != 0:
        yield "is decided by its point value; required is the interval", "decision"
    if rule.confidence is not None and floor.lowest_confidence is not None:
        own = declared(rule.confidence, policy.looks)
        if own < floor.lowest_confidence - 1e-12:
            least = confidence(floor.lowest_confidence)
            yield f"has a confidence of {confidence(own)}; required is at least {least}", "lowest_confidence"
    if floor.lowest_min_n is not None and rule.min_n < floor.lowest_min_n:
        yield f"has min_n = {rule.min_n}; required is at least {floor.lowest_min_n}", "lowest_min_n"
    if floor.highest_min_n is not None and rule.min_n > floor.highest_min_n:
        yield f"has min_n = {rule.min_n}; required is at most {floor.highest_min_n}", "highest_min_n"


def _waived(
    waivers: Sequence[Waiver], floor: Floor, where: Callable[[Path_], str], on: datetime.date | None
) -> Iterator[str]:
    for i, w in enumerate(waivers):
        at = f"{where(('waiver', i))}: the waiver of '{w.rule}'"
        if not floor.waivers:
            yield f"{at} is none that is allowed: no rule may be waived ({floor.at('waivers')})"
        elif on is not None and floor.longest_waiver is not None and (w.expires - on).days > floor.longest_waiver:
            most = f"{floor.longest_waiver} days from today at most ({floor.at('longest_waiver')})"
            yield f"{at} expires on {w.expires}, in {(w.expires - on).days} days; allowed are {most}"


def _unasked(rules: Sequence[Rule], floor: Floor, file: str) -> Iterator[str]:
    """Metrics that no rule asks, and required rules that are not asked as strictly."""
    for metric in floor.metrics:
        of = [r for r in rules if r.metric == metric]
        lost = [a for a in floor.attributes if not any(a in r.by for r in of)]
        if lost or not of:
            by = f" by {listing(lost)}" if lost else ""
            yield f"{file}: no rule asks {metric}{by}, which is required ({floor.at('metrics')})"
    for i, required in enumerate(floor.rules):
        if required.exact and not any(same(r, required) for r in rules):
            yield f"{file}: no rule asks what is required as '{required.id}' ({floor.at(f'rule.{i}')})"


def about(rule: Rule, required: Rule) -> bool:
    """Whether a required limit is one for this rule: the same question, or, without attributes, one of its kind."""
    if (rule.at_most is None) != (required.at_most is None):
        return False
    if required.exact:
        return same(rule, required)
    mine = rule.metric, rule.comparison
    return mine == (required.metric, required.comparison) and required.label in (None, rule.label)


def same(rule: Rule, required: Rule) -> bool:
    """Whether a rule asks what is required: of several labels, also as the judge asks it of each, by `id[label]`."""
    if required.label is None and rule.label is not None and rule.id.endswith(f"[{rule.label}]"):
        rule = rule.model_copy(update={"label": None})
    return key_of(rule) == key_of(required)


def looser(rule: Rule, required: Rule) -> bool:
    """Whether its limit allows more than the required one."""
    sign = 1 if required.at_most is not None else -1
    return sign * rule.limit > sign * required.limit + 1e-12


def as_strict(rule: Rule, other: Rule, confidence: float) -> bool:
    """Whether a rule asks what another asks, and nothing less; `confidence` is that of a rule without one."""
    if key_of(rule) != key_of(other) or not about(rule, other) or looser(rule, other) or rule.min_n > other.min_n:
        return False
    if (rule.confidence or confidence) < (other.confidence or confidence) - 1e-12:
        return False
    keys = ("severity", "decision", "on_inconclusive", "on_not_measured")
    return all(_RANKS[getattr(rule, k)] >= _RANKS[getattr(other, k)] for k in keys)
