"""What was compared, and the largest established difference that no rule of the policy asks about."""

from __future__ import annotations

from collections.abc import Iterator

from auditkit.catalogue.index import METRICS
from auditkit.records import Concern, Finding, Rule
from auditkit.report.html.leading import sure_part
from auditkit.report.html.lookup import Lookup, compares, counts, established
from auditkit.report.places import PARTS

_OF_PEOPLE: tuple[Concern, ...] = ("fairness", "subgroups", "calibration", "robustness")
"""Concerns whose differences are between people, and not parts of an explanation or promises of a remedy."""


def groups_compared(look: Lookup) -> bool:
    """True if groups were compared in anything: somebody looked for a difference between people."""
    return any(f.estimate.value is not None for f in _differences(look)) or any(
        sum(counts(g.estimate) for g in f.by_group) > 1 for f in look.report.findings if f.concern in _OF_PEOPLE
    )


def uncovered(look: Lookup) -> Finding | None:
    """The established difference with the largest sure bound that no rule asks about; None without rules."""
    rules = [v.rule for v in look.report.verdicts]
    if not rules:
        return None
    found = [f for f in _differences(look) if established(f) and not any(_covers(r, f) for r in rules)]
    return max(found, key=lambda f: (sure_part(f), f.id), default=None)


def _differences(look: Lookup) -> Iterator[Finding]:
    for f in look.report.findings:
        if f.concern in _OF_PEOPLE and f.by and f.comparison.startswith("difference"):
            yield f


def _covers(rule: Rule, f: Finding) -> bool:
    """Whether a rule limits this difference: one between the same groups in the same rate, or in its complement."""
    same = set(rule.by) == set(f.by) and rule.label in (None, f.label) and not rule.features
    asked = (rule.metric, *PARTS.get(rule.metric, ()))
    return compares(rule.comparison) and same and any(f.metric == m or _complement(f.metric, m) for m in asked)


def _complement(a: str, b: str) -> bool:
    """True for two rates that add to 1 in every group: their gaps are one."""
    x, y = METRICS.get(a), METRICS.get(b)
    if x is None or y is None or not x.denominator or set(x.denominator) != set(y.denominator):
        return False
    return set(x.numerator) ^ set(y.numerator) == set(x.denominator) and not set(x.numerator) & set(y.numerator)
