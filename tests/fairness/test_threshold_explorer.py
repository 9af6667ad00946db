"""What other thresholds would do: against the rows themselves, audited again with the decisions of each threshold."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import accuracy_score

import auditkit as ak
from auditkit.errors import ReportError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.explorer import Explorer
from auditkit.fairness.scores.explorer import MOST, Steps, steps
from auditkit.judging import explored
from auditkit.records import Report
from tests.helpers import run_cli

CHECKS = ("group_fairness", "scores")
POLICY: dict[str, Any] = {
    "defaults": {"correction": "holm"},
    "rule": [
        {"id": "selected", "metric": "selection_rate", "comparison": "ratio", "by": ["sex"], "at_least": 0.8},
        {"id": "found", "metric": "true_positive_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.1},
        {"id": "wrongly", "metric": "false_positive_rate", "comparison": "difference", "by": ["race"], "at_most": 0.1},
        {"id": "odds", "metric": "equalized_odds", "comparison": "difference", "by": ["sex"], "at_most": 0.15},
        {"id": "right", "metric": "accuracy", "comparison": "overall", "at_least": 0.6},
        {"id": "worst", "metric": "accuracy", "comparison": "group_min", "by": ["sex", "race"], "at_least": 0.5},
        {"id": "few", "metric": "precision", "comparison": "difference", "by": ["sex"], "at_most": 0.2, "min_n": 50},
        {"id": "sure", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.2,
         "confidence": 0.9},
        {"id": "point", "metric": "mcc", "comparison": "difference", "by": ["sex"], "at_most": 0.1,
         "decision": "point"},
    ],
}  # fmt: skip


def rows(n: int = 4000, *, values: int | None = 12, seed: int = 0) -> pd.DataFrame:
    """Rows whose scores tell the truth better for one group; of `values` distinct scores, so that bins part none."""
    rng = np.random.default_rng(seed)
    sex, race = rng.choice(["f", "m"], n), rng.choice(["a", "b"], n, p=[0.4, 0.6])
    y = (rng.random(n) < np.where(sex == "f", 0.25, 0.45)).astype(int)
    logit = rng.normal(size=n) * 1.2 + y * np.where(race == "a", 1.0, 2.0) + (sex == "m") * 0.5 - 1
    score = 1 / (1 + np.exp(-logit))
    if values:
        score = (np.floor(score * values) + 0.5) / values
    return pd.DataFrame({"sex": sex, "race": race, "y": y, "score": score, "p": (score >= 0.5).astype(int)})


ONE = {"rule": POLICY["rule"][:1]}


def audited(frame: pd.DataFrame, policy: dict[str, Any] | None = ONE, checks: Any = CHECKS, **data: Any) -> Report:
    asked = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex", "race"], **data)
    return ak.audit(ak.Predictions("p", "score"), asked, checks=checks, policy=policy)


def counted(frame: pd.DataFrame) -> ScoreHistogram:
    groups = {c: frame[c].to_numpy() for c in ("sex", "race")}
    return ScoreHistogram.of(groups, y_true=frame["y"], y_pred=frame["p"], score=frame["score"])


def stepped(frame: pd.DataFrame) -> Steps:
    """From the bins that a report keeps."""
    found = steps(counted(frame).reduced(ak.Disclosure()))
    assert found is not None
    return found


def off(frame: pd.DataFrame, found: Steps) -> list[np.ndarray[Any, Any]]:
    """Of each threshold, (G, 2) rows that were counted on another side."""
    out = []
    for i, t in enumerate(found.threshold):
        told = counts(frame, t)
        own = np.array([[told.get((*g, truth), 0) for truth in (0, 1)] for g in found.groups])
        out.append(np.abs(own - found.selected[i]))
    return out


@cache
def report() -> Report:
    return audited(rows(), POLICY)


def of(made: Report) -> Explorer:
    assert made.explorer is not None
    return made.explorer


def counts(frame: pd.DataFrame, threshold: float) -> pd.Series:
    """Rows of (sex, race, truth) that a threshold selects."""
    picked = frame.assign(k=(frame["score"] >= threshold).astype(int))
    return picked.groupby(["sex", "race", "y"])["k"].sum()


def test_counts_are_those_of_the_rows_where_no_bin_is_parted() -> None:
    frame, found = rows(), of(report())
    exact = [not any(g.open[i] for g in found.groups) for i in range(len(found.threshold))]
    assert sum(exact) >= 7
    for i, t in enumerate(found.threshold):
        told = counts(frame, t)
        for g in found.groups:
            own = told[g.group["sex"], g.group["race"]]
            assert (abs(own[0] - g.false[i]) + abs(own[1] - g.true[i])) <= (0 if exact[i] else g.open[i])


@pytest.mark.parametrize("seed", range(5))
def test_counts_lie_within_the_stated_bound_of_the_rows(seed: int) -> None:
    frame = rows(2500, values=None, seed=seed)
    found = stepped(frame)
    assert len(found.threshold) > 50
    wrong = off(frame, found)
    assert all((w <= o).all() for w, o in zip(wrong, found.open, strict=True))
    assert found.today is not None
    assert not wrong[found.today].any()
    assert sum(w.sum() for w in wrong), "rows of parted bins stand on some other side somewhere"


def test_every_rule_is_that_of_an_audit_of_these_decisions() -> None:
    """At each threshold another audit is made of the rows, and judged by the same policy without Holm."""
    frame, found = rows(), of(report())
    alone = {**POLICY, "defaults": {"correction": "none"}}
    told = {r.rule: r for r in found.rules}
    assert list(told) == [r["id"] for r in POLICY["rule"]]
    places = [i for i in range(len(found.threshold)) if not any(g.open[i] for g in found.groups)]
    for i in places[::3]:
        other = frame.assign(p=(frame["score"] >= found.threshold[i]).astype(int))
        again = audited(other, alone, ["group_fairness"])
        for v in again.verdicts:
            steps_ = told[v.rule.id]
            e = v.estimate
            assert steps_.status[i] == v.status, (v.rule.id, i)
            assert e is not None
            if v.status != "not_measured":
                got = (steps_.value[i], steps_.low[i], steps_.high[i])
                assert got == pytest.approx((e.value, e.low, e.high), abs=1e-12), (v.rule.id, i)


def test_rates_are_fairlearns_at_every_threshold() -> None:
    frame, found = rows(), of(report())
    rates = {"selection": selection_rate, "found": true_positive_rate, "wrong": false_positive_rate}
    for i, t in enumerate(found.threshold):
        if any(g.open[i] for g in found.groups):
            continue
        p = (frame["score"] >= t).astype(int)
        told = MetricFrame(metrics=rates, y_true=frame["y"], y_pred=p, sensitive_features=frame["sex"]).by_group
        for sex in ("f", "m"):
            own = [g for g in found.groups if g.group["sex"] == sex]
            false, true = sum(g.false[i] for g in own), sum(g.true[i] for g in own)
            negatives, positives = sum(g.negatives for g in own), sum(g.positives for g in own)
            mine = [(false + true) / (negatives + positives), true / positives, false / negatives]
            assert mine == pytest.approx(told.loc[sex, list(rates)].tolist(), abs=1e-12)
        right = sum(g.negatives - g.false[i] + g.true[i] for g in found.groups) / len(frame)
        assert right == pytest.approx(accuracy_score(frame["y"], p), abs=1e-12)


def test_today_is_the_threshold_of_the_decisions_and_says_what_the_gate_measured() -> None:
    for made in (report(), audited(rows(2500, values=None, seed=3), {"rule": POLICY["rule"][:3]})):
        found = of(made)
        assert found.today is not None
        assert found.threshold[found.today] == 0.5
        for r in found.rules:
            v = next(v for v in made.verdicts if v.rule.id == r.rule)
            assert v.estimate is not None
            assert r.value[found.today] == pytest.approx(v.estimate.value, abs=1e-12)
            if r.status[found.today] == "pass":
                assert v.status == "pass", "what passes needs no correction"


@pytest.mark.parametrize("threshold", [0.2, 0.37, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_another_threshold_is_found_from_the_decisions(threshold: float, seed: int) -> None:
    frame = rows(values=None, seed=seed)
    frame["p"] = (frame["score"] >= threshold).astype(int)
    found = stepped(frame)
    assert found.today is not None
    t = found.threshold[found.today]
    assert abs(np.log(t / (1 - t)) - np.log(threshold / (1 - threshold))) < 0.05
    assert found.selected[found.today].sum() == frame["p"].sum()
    assert all(
        (w <= o).all() for i, (w, o) in enumerate(zip(off(frame, found), found.open, strict=True)) if i != found.today
    )
    assert (np.diff(found.selected, axis=0) <= 0).all()


def test_decisions_that_are_no_threshold_have_no_today() -> None:
    frame = rows()
    frame["p"] = np.random.default_rng(1).integers(0, 2, len(frame))
    assert stepped(frame).today is None


def test_a_bounded_number_of_thresholds_that_rise_and_select_ever_fewer() -> None:
    found = stepped(rows(20_000, values=None, seed=7))
    assert MOST * 3 // 4 <= len(found.threshold) <= MOST
    total = found.selected.sum(axis=(1, 2))
    assert (np.diff(total) < 0).all()
    assert (np.diff(found.threshold) > 0).all()
    positives = found.n[:, 1].sum()
    assert found.selected[0, :, 1].sum() > 0.95 * positives
    assert found.selected[-1, :, 1].sum() < 0.1 * positives


def test_parts_added_in_any_order_give_the_same() -> None:
    frame = rows(900, values=None)
    one, two, three = (counted(frame.iloc[i::3]) for i in range(3))
    whole = stepped(frame)
    for other in (one + two + three, three + one + two):
        again = steps(other.reduced(ak.Disclosure()))
        assert again is not None
        assert again.threshold.tolist() == whole.threshold.tolist()
        assert again.selected.tolist() == whole.selected.tolist()


@pytest.mark.parametrize("declared", ["sample_weight", "cluster"])
def test_weights_and_clusters_have_none(declared: str) -> None:
    frame = rows(600).assign(w=np.arange(600) % 50 + 1)
    assert audited(frame, **{declared: "w"}).explorer is None


def test_without_rules_or_scores_or_anything_to_choose_there_is_none() -> None:
    assert audited(rows(600), None).explorer is None
    frame = rows(600)
    asked = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex", "race"])
    only = ak.audit(ak.Predictions("p"), asked, checks=CHECKS, policy=ONE)
    assert only.explorer is None
    assert audited(frame.assign(score=0.5, p=1)).explorer is None


def test_rows_without_score_or_truth_are_left_out() -> None:
    frame = rows(1500)
    frame.loc[:99, "score"] = np.nan
    assert stepped(frame).n.sum() == 1400


def test_an_audit_makes_it_a_gate_does_not_and_a_report_does(tmp_path: Path) -> None:
    made = report()
    judged = ak.judge(made, POLICY)
    assert judged.explorer is None
    assert explored(judged).explorer == made.explorer
    assert Report.from_json(made.to_json()).explorer == made.explorer
    assert '"explorer"' not in judged.to_json()
    assert explored(made) is made


@pytest.mark.parametrize("profile", ["public", "regulator"])
def test_where_small_counts_are_suppressed_there_is_none(profile: Any) -> None:
    frame = rows(600)
    asked = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["sex", "race"])
    given = ak.Disclosure(profile=profile)
    made = ak.audit(ak.Predictions("p", "score"), asked, checks=CHECKS, policy=ONE, disclosure=given)
    assert made.explorer is None
    assert explored(made) is made


def test_a_report_whose_evidence_cannot_be_read_is_shown_without_it(tmp_path: Path) -> None:
    judged = ak.judge(report(), POLICY)
    evidence = dict(judged.evidence)
    broken = evidence["scores"].model_copy(update={"data": {"by": ["sex"]}})
    edited = judged.model_copy(update={"evidence": {**evidence, "scores": broken}})
    with pytest.raises(ReportError, match="scores"):
        explored(edited)
    for name, told in (("edited", edited), ("whole", judged)):
        told.save(tmp_path / f"{name}.json")
        status, _, err = run_cli(["report", str(tmp_path / f"{name}.json"), "--out", str(tmp_path), "--quiet"])
        assert status == 0, err
        page = (tmp_path / f"{name}.html").read_text()
        assert ("id=explorer" in page or 'id="explorer"' in page) == (name == "whole")


def test_columns_of_other_lengths_are_refused() -> None:
    good = of(report()).model_dump()
    for wrong in (
        {"today": 999},
        {"threshold": good["threshold"][:-1]},
        {"threshold": good["threshold"][::-1]},
        {"groups": [{**good["groups"][0], "true": [1]}]},
    ):
        with pytest.raises(ValueError, match="explorer"):
            Explorer.model_validate({**good, **wrong})
