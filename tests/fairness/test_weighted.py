"""Weighted and clustered rates: fairlearn, scikit-learn and statsmodels as oracles, laws, coverage."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score
from statsmodels.stats.proportion import proportion_confint

import auditkit as ak
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.frame import functions
from auditkit.fairness.families.rates import COMPARED
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.question import Question
from auditkit.records import Comparison, Estimate, Finding
from tests.helpers import reassessing

reassess, p_value = reassessing(answering)

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy")
COMPOSITES = ("f1", "balanced_accuracy", "average_odds", "treatment_equality", "equalized_odds_mean")
ALL = GroupFairness(metrics=(*RATES, *COMPOSITES), reference={"sex": "f", "race": "a"})


def rows(seed: int, n: int = 600) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "race": rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2])})
    y_true = rng.integers(0, 2, n)
    y_pred = (rng.random(n) < 0.3 + 0.3 * y_true + 0.1 * (groups["sex"] == "f")).astype(int)
    return {"groups": groups, "y_true": y_true, "y_pred": y_pred}


def findings(tally: Tally, check: GroupFairness = ALL) -> dict[str, Finding]:
    return {f.id: f for f in check.assess(tally, level=0.95).findings}


def numbers(f: Finding) -> list[float]:
    """Every number of a finding, NaN for None."""
    estimates = [f.estimate, *(g.estimate for g in f.by_group)]
    kept = [(e.value, e.low, e.high, e.mde) for e in estimates]
    return [np.nan if x is None else x for e in kept for x in e]


def one(tally: Tally, metric: str, kind: Comparison, by: tuple[str, ...] = ("sex",)) -> Finding:
    found = reassess(tally, Question(metric, kind, by, level=0.95))
    assert found is not None
    return found


@given(st.integers(0, 10_000), st.sampled_from([("sex",), ("race",), ("sex", "race")]))
@settings(max_examples=12, deadline=None)
def test_values_are_fairlearns(seed: int, by: tuple[str, ...]) -> None:
    r = rows(seed, 200)
    w = np.random.default_rng(seed).exponential(size=200)
    tally = Tally.of(**r, sample_weight=w)
    frame = MetricFrame(
        metrics={m: functions()[m] for m in RATES},
        y_true=r["y_true"],
        y_pred=r["y_pred"],
        sensitive_features=r["groups"][list(by)],
        sample_params={m: {"sample_weight": w} for m in RATES},
    )
    for m in RATES:
        for kind in COMPARED:
            ours = reassess(tally, Question(m, kind, by, level=0.95, min_n=1))
            assert ours is not None
            method = "to_overall" if kind.endswith("overall") else "between_groups"
            theirs = getattr(frame, kind.split("_")[0])(method=method)[m]
            if all(g.estimate.denominator for g in ours.by_group):
                assert ours.estimate.value == pytest.approx(theirs, abs=1e-12)
        for g in ours.by_group:
            key = tuple(g.group.values())
            if g.estimate.value is not None:
                expected = frame.by_group[m][key if len(key) > 1 else key[0]]
                assert g.estimate.value == pytest.approx(expected, abs=1e-12)


def test_intervals_are_wilson_at_the_effective_n() -> None:
    r = rows(3)
    w = np.random.default_rng(3).exponential(size=600)
    for g in one(Tally.of(**r, sample_weight=w), "selection_rate", "difference").by_group:
        inside = (r["groups"]["sex"] == g.group["sex"]).to_numpy()
        y, v = r["y_pred"][inside], w[inside]
        p = np.average(y, weights=v)
        n = min(p * (1 - p) / ((v**2 * (y - p) ** 2).sum() / v.sum() ** 2), v.sum() ** 2 / (v**2).sum())
        expected = proportion_confint(p * n, n, method="wilson")
        assert (g.estimate.low, g.estimate.high) == pytest.approx(expected, rel=1e-9)
        assert (g.estimate.numerator, g.estimate.denominator) == (y.sum(), inside.sum())
        assert g.estimate.method == "Wilson, effective n (weights)"


def test_equal_weights_are_none() -> None:
    r = rows(1)
    plain, equal = findings(Tally.of(**r)), findings(Tally.of(**r, sample_weight=np.full(600, 2.7)))
    assert plain.keys() == equal.keys()
    for id, f in plain.items():
        np.testing.assert_allclose(numbers(equal[id]), numbers(f), atol=1e-9, rtol=0, err_msg=id)
        assert [g.estimate.state for g in equal[id].by_group] == [g.estimate.state for g in f.by_group]
    assert any("sampling weights" in note for note in equal["fairness/selection_rate/difference/sex"].notes)
    assert equal["fairness/f1/difference/sex"].estimate.method.endswith("effective n (weights)")


def test_whole_weights_give_the_values_of_repeated_rows() -> None:
    r = rows(2)
    w = np.random.default_rng(2).integers(0, 4, 600)
    repeated = np.repeat(np.arange(600), w)
    again = Tally.of(r["groups"].iloc[repeated], y_true=r["y_true"][repeated], y_pred=r["y_pred"][repeated])
    weighed = findings(Tally.of(**r, sample_weight=w))
    for id, f in findings(again).items():
        ours, theirs = weighed[id].estimate, f.estimate
        assert ours.value == pytest.approx(theirs.value, abs=1e-12), id
        assert ours.low is not None
        for g, h in zip(weighed[id].by_group, f.by_group, strict=True):
            assert g.estimate.value == pytest.approx(h.estimate.value, abs=1e-12)
    counted = findings(Tally.of(**r, sample_weight=w, weights_kind="frequency"))
    assert counted == findings(again)


def test_composites_are_scikit_learns() -> None:
    r = rows(4)
    w = np.random.default_rng(4).exponential(size=600)
    tally = Tally.of(**r, sample_weight=w)
    for metric, oracle in (("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score)):
        for g in one(tally, metric, "difference").by_group:
            at = (r["groups"]["sex"] == g.group["sex"]).to_numpy()
            expected = oracle(r["y_true"][at], r["y_pred"][at], sample_weight=w[at])
            assert g.estimate.value == pytest.approx(expected, abs=1e-12)


def test_what_cannot_be_measured_says_so() -> None:
    tally = Tally.of(**rows(5), sample_weight=np.ones(600))
    found = GroupFairness(metrics=["selection_rate", "mcc"], n_boot=50).assess(tally)
    assert [x.what for x in found.not_measured] == ["mcc", "bootstrap quantiles"]
    assert not any(f.metric == "mcc" for f in found.findings)
    assert reassess(tally, Question("mcc", "difference", ("sex",), level=0.95)) is None
    assert p_value(tally, Question("mcc", "difference", ("sex",)), 0.1, above=True) is None


def test_clusters_of_size_one_are_no_clusters() -> None:
    """n* = p(1−p)/V_rep, and a variance of 500 replicates has a relative standard error of √(2/500) = 6.3 %."""
    r = rows(6, 3_000)
    plain, alone = Tally.of(**r), Tally.of(**r, cluster=np.arange(3_000))
    for metric in ("selection_rate", "true_positive_rate", "f1", "balanced_accuracy"):
        for kind in ("difference", "ratio"):
            a, b = one(plain, metric, kind, ("race",)), one(alone, metric, kind, ("race",))
            for x, y in zip([a, *a.by_group], [b, *b.by_group], strict=True):
                assert x.estimate.value == pytest.approx(y.estimate.value, abs=1e-12)
                assert _width(y.estimate) / _width(x.estimate) == pytest.approx(1, abs=3 * 0.063 / 2 + 0.01)
    assert (
        one(alone, "selection_rate", "difference")
        .by_group[0]
        .estimate.method.startswith("Wilson, effective n (clusters), t with")
    )


def _width(e: Estimate) -> float:
    assert e.low is not None
    assert e.high is not None
    return e.high - e.low


def test_few_clusters_are_sparse_however_many_rows() -> None:
    r = rows(7)
    who = np.where(r["groups"]["race"] == "c", np.arange(600) % 9, 1_000 + np.arange(600) % 60)
    f = one(Tally.of(**r, cluster=who), "selection_rate", "difference", ("race",))
    states = {g.group["race"]: (g.estimate.state, g.estimate.note) for g in f.by_group}
    assert states == {"a": ("ok", ""), "b": ("ok", ""), "c": ("sparse", "only 9 clusters: too few to tell")}
    assert "left out, fewer than 10 to count or fewer than 10 clusters: c" in f.notes
    reference = GroupFairness(metrics=["selection_rate"], reference={"race": "c"})
    to = findings(Tally.of(**r, cluster=who), reference)["fairness/selection_rate/difference_to_reference/race=c"]
    assert to.estimate.note == "the reference group c has only 9 clusters"


@pytest.mark.parametrize(("clusters", "more"), [("who", " or fewer than 10 clusters"), (None, "")])
def test_a_rule_says_what_left_its_groups_out(clusters: str | None, more: str) -> None:
    r = rows(7)
    who = np.where(r["groups"]["race"] == "c", np.arange(600) % 9, 1_000 + np.arange(600) % 60)
    frame = r["groups"].assign(y=r["y_true"], p=r["y_pred"], who=who)
    frame = frame[(frame["race"] != "c") | (frame.groupby("race").cumcount() < 15)]
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["race"], cluster=clusters)
    rule = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["race"], "at_most": 0.5}
    policy = {"rule": [rule | {"min_n": 20}]}
    (verdict,) = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"], policy=policy).verdicts
    assert verdict.reason.endswith(f" Left out, fewer than 20 to count{more}: c.")


@pytest.mark.parametrize(
    ("metric", "said"),
    [("conditional_selection_rate", "fewer than 20 to count in the strata shared"), ("roc_auc", "too few to tell")],
)
def test_a_rule_of_another_kind_says_what_left_its_groups_out(metric: str, said: str) -> None:
    r = rows(7)
    score = np.random.default_rng(7).uniform(size=600)
    frame = r["groups"].assign(y=r["y_true"], p=r["y_pred"], score=score)
    frame = frame[(frame["race"] != "c") | (frame.groupby("race").cumcount() < 15)]
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["race"], control_features=["sex"])
    rule = {"id": "r", "metric": metric, "comparison": "difference", "by": ["race"], "at_most": 0.5, "min_n": 20}
    checks = ["scores", ak.ConditionalParity(control=("sex",))]
    (verdict,) = ak.audit(ak.Predictions("p", "score"), data, checks=checks, policy={"rule": [rule]}).verdicts
    assert verdict.reason.endswith(f" Left out, {said}: c.")


def test_few_rows_are_sparse_whatever_their_weight() -> None:
    groups = {"sex": ["f"] * 9 + ["m"] * 50}
    tally = Tally.of(groups, y_true=[1] * 59, y_pred=[1, 0] * 29 + [1], sample_weight=[100.0] * 59)
    assert [g.estimate.state for g in one(tally, "selection_rate", "difference").by_group] == ["sparse", "ok"]


@pytest.mark.parametrize("how", ["weights", "clusters", "both"])
def test_a_stored_tally_answers_as_the_fresh_one_and_p_agrees_with_the_interval(how: str) -> None:
    r = rows(8)
    rng = np.random.default_rng(8)
    asked: dict[str, Any] = {} if how == "clusters" else {"sample_weight": rng.exponential(size=600)}
    if how != "weights":
        asked["cluster"] = rng.integers(0, 80, 600)
    fresh = Tally.of(**r, **asked)
    stored = Tally.from_json(json.loads(json.dumps(fresh.to_json(), allow_nan=False)))
    assert findings(stored) == findings(fresh)
    for metric, kind in (
        ("selection_rate", "difference"),
        ("selection_rate", "difference_to_overall"),
        ("accuracy", "difference_to_rest"),
        ("balanced_accuracy", "difference"),
        ("equalized_odds", "difference"),
    ):
        limit = 0.01
        p = p_value(stored, Question(metric, kind, ("race",)), limit, above=True)
        assert p is not None
        for level, beyond in ((1 - p * 1.02, True), (1 - p * 0.98, False)):
            if 0.5 < level < 1:
                found = reassess(stored, Question(metric, kind, ("race",), level=level))
                assert found is not None
                assert found.estimate.low is not None
                assert (found.estimate.low > limit) == beyond
