"""A gate that is asked twelve times: how often a fair model fails at least once, with `looks = 12` and without.

The rule allows no gap at all, and there is none: each look alone fails with the error that it may spend.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np

from auditkit.evidence.tally import Tally
from auditkit.gate.policy import Policy
from auditkit.judging import judge
from auditkit.records import DataProvenance, ModelProvenance, Provenance, Report, StoredEvidence
from tests.simulations.setting import Outcome, Setting

LOOKS = 12
RATE = 0.3
ROWS = (300, 700)
"""Of both groups, that each look adds."""
METRICS = ("selection_rate", "true_positive_rate")
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DRAWS = 600
SLACK = 2 * (0.05 * 0.95 / DRAWS) ** 0.5


def _policy(looks: int) -> Policy:
    rules = [
        {"id": m, "metric": m, "comparison": "difference", "by": ["sex"], "at_most": 0.0} for m in METRICS
    ]  # both true: Holm holds the error of a look over both
    return Policy.from_dict({"policy": {"looks": looks}, "rule": rules})


ONE, TWELVE = _policy(1), _policy(LOOKS)


def _seen(rng: np.random.Generator) -> Tally:
    """Rows of a model that decides by chance, alike for both groups."""
    sex = np.repeat(["f", "m"], ROWS)
    y, decided = (rng.random(sum(ROWS)) < RATE for _ in range(2))
    return Tally.of({"sex": sex}, y_true=y.astype(int), y_pred=decided.astype(int))


def _audits(rng: np.random.Generator, *, growing: bool) -> Iterator[Report]:
    known: Tally | None = None
    for _ in range(LOOKS):
        new = _seen(rng)
        known = new if known is None or not growing else known + new
        data: Any = DataProvenance(sensitive_features=("sex",))
        yield Report(
            provenance=Provenance(auditkit="0", created=NOW, model=ModelProvenance(), data=data),
            evidence={"group_fairness": StoredEvidence(type="Tally", data=known.to_json())},
        )


def _failed(report: Report, policy: Policy) -> bool:
    return any(v.status == "fail" for v in judge(report, policy, exhibits=False).verdicts)


def asked(name: str, *, growing: bool, least: float) -> Setting:
    """Twelve audits of a fair model: whether any failed."""

    def once(rng: np.random.Generator) -> Outcome:
        reports = list(_audits(rng, growing=growing))
        return {
            "false with looks": any(_failed(r, TWELVE) for r in reports),
            "false without": any(_failed(r, ONE) for r in reports),
        }

    bounds = {"false with looks": (0.0, 0.05 + SLACK), "false without": (least, 1.0)}
    return Setting(f"looks: {name}", once, DRAWS, bounds)


SETTINGS = (
    asked("twelve audits of new rows", growing=False, least=0.35),
    asked("twelve audits of rows that grow", growing=True, least=0.12),
)
