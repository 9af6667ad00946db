"""Holm across the rules of a policy. Oracle: statsmodels; verdict and drawn interval agree."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering
from auditkit.judging import judge
from auditkit.question import Question
from auditkit.records import DataProvenance, ModelProvenance, Provenance, Report, StoredEvidence
from tests.helpers import reassessing
from tests.holm import rejected as by_statsmodels

reassess, p_value = reassessing(answering)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def report_of(tally: Tally) -> Report:
    """A stored report with evidence and no finding."""
    return Report(
        provenance=Provenance(auditkit="0", created=NOW, model=ModelProvenance(), data=DataProvenance()),
        evidence={"group_fairness": StoredEvidence(type="Tally", data=tally.to_json())},
    )


def tally_of(n: list[int], positive: list[float], tpr: list[float], fpr: list[float], seed: int) -> Tally:
    """Simulated counts of groups with these rates."""
    rng = np.random.default_rng(seed)
    cells: dict[str, list[Any]] = {"g": [], "y_true": [], "y_pred": [], "n": []}
    for i, size in enumerate(n):
        pos = rng.binomial(size, positive[i])
        hit, wrong = rng.binomial(pos, tpr[i]), rng.binomial(size - pos, fpr[i])
        for y, p, count in ((1, 1, hit), (1, 0, pos - hit), (0, 1, wrong), (0, 0, size - pos - wrong)):
            for column, value in zip(cells, (f"g{i:02}", y, p, int(count)), strict=True):
                cells[column].append(value)
    return Tally.from_json({"by": ["g"], "cells": cells})


def policy_of(limit: float, metrics: tuple[str, ...], **options: Any) -> dict[str, Any]:
    rules = [
        {"id": m, "metric": m, "comparison": "difference", "by": ["g"], "at_most": limit, **options} for m in metrics
    ]
    return {"rule": rules}


THREE = ("selection_rate", "true_positive_rate", "false_positive_rate")
FIVE = (*THREE, "precision", "accuracy")


@pytest.mark.parametrize("seed", range(15))
def test_rejections_are_statsmodels_and_agree_with_the_drawn_interval(seed: int) -> None:
    tally = tally_of([150, 300, 250], [0.4] * 3, [0.5, 0.62, 0.6], [0.2, 0.26, 0.3], seed)
    judged = judge(report_of(tally), policy_of(0.02, FIVE))
    p = [v.p for v in judged.verdicts]
    assert None not in p
    expected = by_statsmodels(p)
    assert [v.status == "fail" for v in judged.verdicts] == expected
    for v in judged.verdicts:
        assert v.estimate is not None
        assert v.estimate.low is not None
        assert (v.status == "fail") == (v.estimate.low > 0.02)
        assert (v.status == "pass") == (v.estimate.high is not None and v.estimate.high <= 0.02)
    levels = sorted((v.estimate.level for v in judged.verdicts if v.estimate), reverse=True)
    assert levels[0] == pytest.approx(1 - 0.05 / 5)


def test_severities_do_not_share_their_error() -> None:
    tally = tally_of([400, 400], [0.4] * 2, [0.5, 0.7], [0.2, 0.3], 1)
    policy = policy_of(0.0, THREE)
    alone = judge(report_of(tally), {"rule": policy["rule"][:1]}).verdicts[0]
    policy["rule"][1]["severity"] = policy["rule"][2]["severity"] = "warning"
    mixed = judge(report_of(tally), policy).verdicts[0]
    assert mixed.estimate == alone.estimate
    assert mixed.estimate is not None
    assert mixed.estimate.level == 0.95


def test_no_correction_and_points_are_left_alone() -> None:
    tally = tally_of([400, 400], [0.4] * 2, [0.5, 0.7], [0.2, 0.3], 1)
    plain = judge(report_of(tally), {**policy_of(0.0, THREE), "defaults": {"correction": "none"}})
    assert {v.estimate.level for v in plain.verdicts if v.estimate} == {0.95}
    assert {v.p for v in plain.verdicts} == {None}
    point = judge(report_of(tally), policy_of(0.0, THREE, decision="point"))
    assert {v.estimate.level for v in point.verdicts if v.estimate} == {0.95}


def test_a_judged_report_judged_again_is_the_same() -> None:
    tally = tally_of([150, 300, 250], [0.4] * 3, [0.5, 0.62, 0.6], [0.2, 0.26, 0.3], 3)
    once = judge(report_of(tally), policy_of(0.02, FIVE))
    again = judge(Report.from_json(once.to_json()), policy_of(0.02, FIVE))
    assert again == once
    other = judge(once, policy_of(0.05, FIVE))
    assert other == judge(once.model_copy(update={"verdicts": ()}), policy_of(0.05, FIVE))


def false_fails(n: list[int], tpr: list[float], limit: float, runs: int) -> float:
    policy = policy_of(limit, THREE)
    fails = 0
    for seed in range(runs):
        judged = judge(report_of(tally_of(n, [0.5] * len(n), tpr, tpr, seed)), policy)
        fails += any(v.status == "fail" for v in judged.verdicts)
    return fails / runs


@pytest.mark.parametrize("runs", [30, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [[200] * 5, [20, 80, 400, 1600, 4000]])
def test_at_most_7_percent_false_fails_without_a_gap(n: list[int], runs: int) -> None:
    assert false_fails(n, [0.3] * 5, 0.0, runs) <= (0.07 if runs >= 500 else 0.17)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [500])
@pytest.mark.parametrize("n", [[200] * 5, [20, 80, 400, 1600, 4000]])
def test_at_most_7_percent_false_fails_with_the_gap_at_its_limit(n: list[int], runs: int) -> None:
    assert false_fails(n, [0.3, 0.3, 0.35, 0.4, 0.4], 0.1, runs) <= (0.07 if runs >= 500 else 0.17)


@pytest.mark.parametrize("runs", [20, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("n", "tpr", "metrics"),
    [
        ([400, 400], [0.3, 0.6], ("true_positive_rate",)),  # 200 in each denominator
        ([800] * 5, [0.3, 0.4, 0.45, 0.5, 0.6], THREE),  # 400 in each denominator
    ],
)
def test_a_gap_of_30_points_fails_a_limit_of_10(
    n: list[int], tpr: list[float], metrics: tuple[str, ...], runs: int
) -> None:
    policy, fails = policy_of(0.1, metrics), 0
    for seed in range(runs):
        judged = judge(report_of(tally_of(n, [0.5] * len(n), tpr, tpr, seed)), policy)
        fails += any(v.status == "fail" for v in judged.verdicts)
    assert fails / runs >= (0.95 if runs >= 400 else 0.85)


ASKED = ("selection_rate", "f1", "equalized_odds", "equalized_odds_mean")
KINDS = ("difference", "ratio", "difference_to_overall", "ratio_to_overall", "group_min", "group_max", "overall")


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize(("metric", "kind"), [(m, k) for m in ASKED for k in KINDS if k in METRICS[m].comparisons])
def test_p_is_the_level_where_the_drawn_limit_touches(metric: str, kind: Any, groups: int) -> None:
    """On both sides: the limit that a rule fails by may be the simultaneous one, or the plain one."""
    tally = tally_of([150, 300, 250, 400][:groups], [0.4] * 4, [0.2, 0.85, 0.6, 0.8], [0.1, 0.4, 0.2, 0.25], 3)
    by = () if kind == "overall" else ("g",)
    for level in (0.9, 0.99):
        found = reassess(tally, Question(metric, kind, by, level=level))
        assert found is not None
        assert found.estimate.low is not None
        assert found.estimate.high is not None
        for limit, above in ((found.estimate.low, True), (found.estimate.high, False)):
            p = p_value(tally, Question(metric, kind, by), limit, above=above)
            assert p == pytest.approx(1 - level, rel=1e-5), (level, above)


def test_a_rule_that_fails_on_its_outer_side_is_corrected_too() -> None:
    tally = tally_of([200, 200], [0.4] * 2, [0.5, 0.5], [0.25, 0.25], 1)
    rules = [
        {"id": "lowest", "metric": "selection_rate", "comparison": "group_min", "by": ["g"], "at_most": 0.24},
        {"id": "gap", "metric": "selection_rate", "comparison": "difference", "by": ["g"], "at_least": 0.2},
    ]
    judged = judge(report_of(tally), {"rule": rules})
    p = [v.p for v in judged.verdicts]
    assert all(x is not None and x > 1e-12 for x in p), p
    expected = by_statsmodels(p)
    assert [v.status == "fail" for v in judged.verdicts] == expected
