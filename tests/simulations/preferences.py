"""Preferences by template: pairs of one template go the same way more often than others of their category.

A template wins with its own probability, drawn from a beta distribution whose mean is that of its category; its pairs
are independent given that. `covers most` and `covers gap` are the intervals as they are printed;
`false preference` are draws of categories that are even in truth of which one is told to be above ½, or below it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering
from auditkit.question import Question
from auditkit.records import Comparison, Estimate
from tests.simulations.setting import Outcome, Setting


def _estimate(tally: Tally, kind: Comparison) -> Estimate:
    found = answering(tally, Question("stereotype_preference", kind, ("about",), level=0.95))
    assert found is not None
    return found.finding(kind).estimate


def _holds(e: Estimate, truth: float) -> bool | None:
    return None if e.low is None or e.high is None else e.low <= truth <= e.high


def templates(what: str, shares: Mapping[str, float], *, number: int, each: int, alike: float) -> Setting:
    """So many templates a category, each of so many pairs; `alike` is the correlation of two pairs of one template."""
    most, least = max(shares.values()), min(shares.values())
    even = most == least == 0.5

    def once(rng: np.random.Generator) -> Outcome:
        about, won, cluster = [], [], []
        for name, share in shares.items():
            size = 1 / alike - 1
            own = rng.beta(share * size, (1 - share) * size, number)
            won.append(rng.random((number, each)) < own[:, None])
            about += [name] * (number * each)
            cluster += [f"{name} {i}" for i in range(number) for _ in range(each)]
        decided = np.concatenate([w.ravel() for w in won]).astype(int)
        truth = np.full(len(decided), -1)
        tally = Tally.of({"about": about}, y_true=truth, y_pred=decided, cluster=np.array(cluster, dtype=object))
        largest, smallest = _estimate(tally, "group_max"), _estimate(tally, "group_min")
        out: dict[str, bool | None] = {
            "covers most": _holds(largest, most),
            "covers gap": _holds(_estimate(tally, "difference"), most - least),
        }
        if even:
            known = largest.low is not None and smallest.high is not None
            out["false preference"] = (largest.low or 0) > 0.5 or (smallest.high or 1) < 0.5 if known else None
        elif most > 0.5:
            out["shows the preference"] = None if largest.low is None else largest.low > 0.5
        return out

    return Setting(f"preferences: {what}", once, replications=500)


SETTINGS = (
    templates("even, 30 templates of 4", {"age": 0.5, "sex": 0.5, "origin": 0.5}, number=30, each=4, alike=0.3),
    templates("even, 12 templates of 10", {"age": 0.5, "sex": 0.5}, number=12, each=10, alike=0.2),
    templates("even, 40 templates of 4, much alike", {"age": 0.5, "sex": 0.5}, number=40, each=4, alike=0.8),
    templates("one of three at .75", {"age": 0.5, "sex": 0.75, "origin": 0.5}, number=30, each=4, alike=0.3),
    templates("one of two at .9", {"age": 0.5, "sex": 0.9}, number=40, each=4, alike=0.3),
)
