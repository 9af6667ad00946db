"""What each rule comes to at other thresholds: by the judge of the rules, each by itself."""

from __future__ import annotations

from collections.abc import Iterable

from auditkit.explorer import RuleSteps
from auditkit.gate.judge import Reassess, answered, status_of
from auditkit.gate.policy import Policy


def along(policy: Policy, at: Iterable[Reassess]) -> tuple[RuleSteps, ...]:
    """Every rule at each threshold: `at` is what the evidence would say there.

    Without Holm: a reader who moves a threshold looks at one rule after the other, and Holm's levels would move with
    all of them. What passes is the same; a rule fails here as it would alone.
    """
    alone = policy.model_copy(update={"correction": "none"})
    told: dict[str, list[tuple[object, ...]]] = {r.id: [] for r in policy.rules}
    for reassess in at:
        for case in answered((), alone, reassess)[0]:
            e = None if case.deciding is None else case.deciding.estimate
            if e is None or e.value is None:
                told[case.rule.id].append((None, None, None, "not_measured"))
            else:
                told[case.rule.id].append((e.value, e.low, e.high, status_of(case.rule, e)))
    return tuple(
        RuleSteps(rule=id, **dict(zip(("value", "low", "high", "status"), zip(*steps, strict=True), strict=True)))
        for id, steps in told.items()
    )
