"""`ak.plan`: the power that was planned is the power that audits have, for failing and for passing.

Rows are drawn one group after the other, positives too, and every audit is judged by the policy itself. `fails` are the
audits that fail where one group departs by just as much as the plan says, `passes` those that pass where each group has
as many rows as it asks for and nothing is wrong. Both should be 80%; of three groups and more a plan is a little
cautious, since any of the others may show the gap.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.gate.policy import Policy
from auditkit.judging import judge
from auditkit.planning.plan import plan
from auditkit.records import DataProvenance, ModelProvenance, Provenance, Report, StoredEvidence
from tests.simulations.setting import Outcome, Setting

DRAWS = 2_000
SLACK = 2.6 * (0.8 * 0.2 / DRAWS) ** 0.5
"""Of a share of .8 of so many draws, at 99%."""
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def _report(rows: dict[str, int], base: float, p: dict[str, float], metric: str, rng: np.random.Generator) -> Report:
    """Rows of a model whose rate is `p` in each group; all else is a coin."""
    m = METRICS[metric]
    groups, truths, decisions = [], [], []
    for name, n in rows.items():
        y = (rng.random(n) < base).astype(int)
        hit = rng.random(n) < p[name]
        decided = rng.integers(0, 2, n)
        for t in (0, 1):  # where the metric counts rows of this truth, its numerator is the decision
            wins = [d for d in (0, 1) if (t, d) in m.numerator]
            if any((t, d) in m.denominator for d in (0, 1)):
                decided = np.where(y == t, np.where(hit, wins[0], 1 - wins[0]), decided)
        groups += [name] * n
        truths.append(y)
        decisions.append(decided)
    tally = Tally.of({"sex": groups}, y_true=np.concatenate(truths), y_pred=np.concatenate(decisions))
    data: Any = DataProvenance(sensitive_features=("sex",))
    return Report(
        provenance=Provenance(auditkit="0", created=NOW, model=ModelProvenance(), data=data),
        evidence={"group_fairness": StoredEvidence(type="Tally", data=tally.to_json())},
    )


def planned(
    name: str,
    rows: dict[str, int],
    rate: float,
    *,
    base: float = 0.3,
    looks: int = 1,
    fails: tuple[float, float] = (0.8 - SLACK, 0.8 + SLACK),
    passes: tuple[float, float] = (0.8 - SLACK, 0.8 + SLACK),
    **rule: Any,
) -> Setting:
    """A plan, and audits of the sizes that it speaks of."""
    policy = Policy.from_dict({"policy": {"looks": looks}, "rule": [{"id": "r", **rule}]})
    found = plan({"sex": rows}, policy=policy, base_rate=base, rates={rule["metric"]: rate}).rules[0]
    worst = next(g for g in found.groups if g.fails_from == found.fails_from)
    x, who = worst.fails_from, worst.group.get("sex", "")
    assert x is not None
    other = rate * x if rule["comparison"] == "ratio" else x if rule["comparison"] in ("group_min",) else (
        rate + (x if rate <= 0.5 else -x)
    )  # fmt: skip
    needed = {g.group["sex"]: g.rows_needed or 0 for g in found.groups}

    def status(sized: dict[str, int], p: dict[str, float], rng: np.random.Generator) -> str:
        report = _report(sized, base, p, rule["metric"], rng)
        return judge(report, policy, exhibits=False).verdicts[0].status

    def once(rng: np.random.Generator) -> Outcome:
        fair = dict.fromkeys(rows, rate)
        return {
            "fails": status(rows, {**fair, who: other}, rng) == "fail",
            "passes": status(needed, fair, rng) == "pass",
        }

    return Setting(f"planned: {name}", once, DRAWS, {"fails": fails, "passes": passes})


_SEX: dict[str, Any] = {"by": ["sex"]}
SETTINGS = (
    planned(
        "selected, difference, 700 and 1,900 rows", {"f": 700, "m": 1_900}, 0.23,
        metric="selection_rate", comparison="difference", at_most=0.08, **_SEX,
    ),
    planned(
        "found, difference, 900 and 2,500 rows, 12 looks", {"f": 900, "m": 2_500}, 0.72, base=0.37, looks=12,
        metric="true_positive_rate", comparison="difference", at_most=0.05, **_SEX,
    ),
    planned(
        "selected, ratio, 1,500 and 1,500 rows", {"f": 1_500, "m": 1_500}, 0.41,
        metric="selection_rate", comparison="ratio", at_least=0.8, **_SEX,
    ),
    planned(
        "false alarms, difference, 450, 800 and 4,000 rows", {"x": 450, "f": 800, "m": 4_000}, 0.15, base=0.4,
        fails=(0.8 - SLACK, 0.9), passes=(0.8 - SLACK, 0.9),
        metric="false_positive_rate", comparison="difference", at_most=0.1, **_SEX,
    ),
    planned(
        "right, smallest group, 300 and 900 rows", {"f": 300, "m": 900}, 0.86,
        metric="accuracy", comparison="group_min", at_least=0.8, **_SEX,
    ),
)  # fmt: skip
