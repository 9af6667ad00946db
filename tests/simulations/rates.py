"""Plain rates of independent rows: the ground that the other settings are compared with."""

from __future__ import annotations

import numpy as np

from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering
from auditkit.question import Question
from auditkit.records import Finding
from tests.simulations.setting import Outcome, Setting


def gap_of(tally: Tally, metric: str = "selection_rate") -> Finding:
    """The finding of the largest difference by sex."""
    found = answering(tally, Question(metric, "difference", ("sex",), level=0.95))
    assert found is not None
    return found.finding("difference")


def of_rate(found: Finding, p: float) -> Outcome:
    """Whether every group's interval and that of the gap hold a rate p that all groups share."""
    held: dict[str, bool | None] = {"false gap": None if found.estimate.low is None else found.estimate.low > 0}
    for group in found.by_group:
        e = group.estimate
        name = "/".join(group.group.values())
        held[f"covers {name}"] = None if e.low is None or e.high is None else e.low <= p <= e.high
    return held


def fair(p: float, sizes: dict[str, int]) -> Setting:
    """Independent rows of groups that share one rate."""

    def once(rng: np.random.Generator) -> Outcome:
        sex = np.repeat(list(sizes), list(sizes.values()))
        y = (rng.random(len(sex)) < p).astype(int)
        return of_rate(gap_of(Tally.of({"sex": sex}, y_true=y, y_pred=y)), p)

    return Setting(f"rates: p = {p}, {' and '.join(map(str, sizes.values()))} rows", once)


SETTINGS = (fair(0.3, {"f": 60, "m": 600}), fair(0.05, {"f": 200, "m": 2_000, "x": 400}))
