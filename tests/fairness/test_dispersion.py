"""The spread of rates as a metric of GroupFairness: its finding, its words, and rules on it."""

from __future__ import annotations

import numpy as np
import pytest

import auditkit as ak
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.dispersion import DISPERSIONS
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.question import Question
from auditkit.stats.dispersion import dispersion
from tests.helpers import reassessing

reassess, p_value = reassessing(answering)


def tally(seed: int = 0, *, spread: float = 0.0, groups: int = 12, n: int = 6_000) -> Tally:
    rng = np.random.default_rng(seed)
    g = rng.integers(0, groups, n)
    y = rng.random(n) < 0.5
    p = rng.random(n) < 0.3 + 0.2 * y + spread * (g - groups / 2) / groups
    return Tally.of({"g": [f"g{i:02d}" for i in g]}, y_true=y.astype(int), y_pred=p.astype(int))


@pytest.mark.parametrize("metric", DISPERSIONS)
def test_it_is_the_dispersion_of_the_rate(metric: str) -> None:
    t = tally(spread=0.4)
    table = RateTable.of(t, ("g",), (metric.removesuffix("_dispersion"),))
    expected = dispersion(table.numerator[0], table.denominator[0], level=0.9)
    check = GroupFairness(metrics=[metric])
    (found,) = [f for f in check.assess(t, level=0.9).findings if f.metric == metric]
    e = found.estimate
    assert (e.value, e.low, e.high) == (expected.value, expected.low, expected.high)
    assert [g.estimate.value for g in found.by_group] == pytest.approx(table.values[0].tolist())
    again = reassess(t, Question(metric, "difference", ("g",), level=0.9))
    assert again == found.model_copy(update={"p": None})  # a rule needs no p of what is asserted


def test_a_spread_is_named_only_where_there_is_one() -> None:
    metric = "selection_rate_dispersion"
    wide, none = (reassess(tally(spread=s), Question(metric, "difference", ("g",), level=0.95)) for s in (0.4, 0.0))
    assert wide is not None
    assert none is not None
    assert "are spread by" in wide.statement
    assert "no spread between groups of g is established" in none.statement
    assert none.estimate.low == 0


def test_too_few_groups_and_small_ones() -> None:
    metric = "selection_rate_dispersion"
    one = reassess(tally(groups=1), Question(metric, "difference", ("g",), level=0.95))
    assert one is not None
    assert one.estimate.note == "one group only: there is nothing to compare"
    assert p_value(tally(groups=1), Question(metric, "difference", ("g",)), 0.1, above=True) is None
    small = tally() + Tally.of({"g": ["rare"] * 3}, y_true=[1] * 3, y_pred=[1] * 3)
    found = reassess(small, Question(metric, "difference", ("g",), level=0.95))
    plain = reassess(tally(), Question(metric, "difference", ("g",), level=0.95))
    assert found is not None
    assert plain is not None
    assert "left out, fewer than 10 to count: rare" in found.notes
    assert found.estimate.value == plain.estimate.value


def test_a_rule_can_judge_it() -> None:
    t = tally(spread=0.6)
    cells = t.cells.loc[t.cells.index.repeat(t.cells["n"])]
    data = ak.Dataset(cells.drop(columns="n"), y_true="y_true", sensitive_features=["g"])
    asked = {"metric": "selection_rate_dispersion", "comparison": "difference", "by": ["g"]}
    policy = {"rule": [asked | {"id": f"r{x}", "at_most": x} for x in (0.05, 0.12, 0.4)]}
    report = ak.audit(ak.Predictions(y_pred="y_pred"), data, checks=[GroupFairness()], policy=policy)
    assert [v.status for v in report.verdicts] == ["fail", "fail", "pass"]
    stored = ak.Report.from_json(report.to_json())
    assert ak.judge(stored, policy).verdicts == report.verdicts
