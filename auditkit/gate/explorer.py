"""What each rule comes to at other thresholds: by the judge of the rules, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auditkit.explorer import RuleSteps
from auditkit.gate.judge import status_of
from auditkit.gate.policy import Policy
from auditkit.records import Estimate, Rule


def along(policy: Policy, at: Iterable[Callable[[Rule, float], Estimate | None]]) -> tuple[RuleSteps, ...]:
    """Every rule at each threshold: `at` gives what the evidence would say there to a rule, at a level.

    Without Holm: a reader who moves a threshold looks at one rule after the other, and Holm's levels would move with
    all of them. What passes is the same; a rule fails here as it would alone.
    """
    told: dict[str, list[tuple[object, ...]]] = {r.id: [] for r in policy.rules}
    for estimate in at:
        for rule in policy.rules:
            e = estimate(rule, policy.confidence if rule.confidence is None else rule.confidence)
            if e is None or e.value is None:
                told[rule.id].append((None, None, None, "not_measured"))
            else:
                told[rule.id].append((e.value, e.low, e.high, status_of(rule, e)))
    return tuple(
        RuleSteps(rule=id, **dict(zip(("value", "low", "high", "status"), zip(*steps, strict=True), strict=True)))
        for id, steps in told.items()
    )
