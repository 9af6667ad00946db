"""A rate is of every row that has what it needs; and truth that is missing for some above all is a finding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditkit as ak
from auditkit.catalogue.confusion import ALL, DECIDED, TOLD
from auditkit.catalogue.index import METRICS, rates
from auditkit.disclosure import Disclosure
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.errors import ErrorSums
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups import classes, regression
from auditkit.fairness.groups.check import GroupFairness, answering
from auditkit.fairness.search.check import outcome
from auditkit.question import Question
from auditkit.records import Finding, Report, Table
from auditkit.report.cautions import cautions

RATE = {"f": 0.3, "m": 0.577}
"""True selection rates: 27.7 points apart."""


def people(n: int = 2_000, seed: int = 0, kept: str = "selected") -> pd.DataFrame:
    """Rows whose truth is known of those selected alone (`selected`), of some by chance (`random`), or of all."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    p = (rng.random(n) < pd.Series(sex).map(RATE)).to_numpy().astype(int)
    y = (rng.random(n) < 0.2 + 0.5 * p).astype(int)
    known = {"selected": p == 1, "random": rng.random(n) < 0.7, "all": np.ones(n, bool)}[kept]
    who, w = rng.integers(0, n // 4, n), rng.uniform(0.5, 2, n).round(2)
    return pd.DataFrame({"sex": sex, "y": np.where(known, y, -1), "p": p, "who": who, "w": w})


def tally_of(frame: pd.DataFrame, **how: Any) -> Tally:
    return Tally.of(frame[["sex"]], y_true=frame["y"].to_numpy(), y_pred=frame["p"].to_numpy(), **how)


def found_in(tally: Tally) -> dict[str, Finding]:
    shown = [m for m in rates() if m != "base_rate"]
    return {f.id: f for f in GroupFairness(metrics=shown).assess(tally).findings}


HOW: dict[str, Any] = {
    "plain": lambda f: {},
    "weights": lambda f: {"sample_weight": f["w"]},
    "clusters": lambda f: {"cluster": f["who"]},
    "both": lambda f: {"sample_weight": f["w"], "cluster": f["who"]},
    "strata": lambda f: {"strata": f["who"] % 3},
}


def test_a_metric_knows_which_rows_it_needs() -> None:
    needs = {m: set(METRICS[m].known) for m in rates()}
    assert needs.pop("selection_rate") == needs.pop("stereotype_preference") == set(DECIDED)
    assert needs.pop("base_rate") == set(TOLD)
    assert all(rows == set(ALL) for rows in needs.values())


@pytest.mark.parametrize("how", HOW)
def test_the_selection_gap_is_that_of_all_rows_where_labels_are_selected(how: str) -> None:
    frame = people()
    tally = tally_of(frame, **HOW[how](frame))
    f = found_in(tally)["fairness/selection_rate/difference/sex"]
    weight = frame["w"] if "sample_weight" in HOW[how](frame) else None
    oracle = fl.MetricFrame(
        metrics=fl.selection_rate,
        y_true=frame["p"] * 0,
        y_pred=frame["p"],
        sensitive_features=frame["sex"],
        sample_params=None if weight is None else {"sample_weight": weight},
    )
    assert f.estimate.value == pytest.approx(oracle.difference(), abs=1e-12)
    assert (f.estimate.n, f.estimate.denominator) == (2_000, 2_000)
    assert f.estimate.low is not None
    assert f.estimate.high is not None
    assert 0.2 < f.estimate.low <= 0.277 <= f.estimate.high < 0.36
    for g in f.by_group:
        assert g.estimate.value == pytest.approx(oracle.by_group[g.group["sex"]], abs=1e-12)
    answer = answering(tally, Question("selection_rate", "difference", ("sex",), 0.95))
    assert answer is not None
    assert answer.finding("difference").estimate.low == pytest.approx(f.estimate.low)


@pytest.mark.parametrize("how", ["plain", "weights", "clusters", "both"])
def test_metrics_that_need_both_are_those_of_the_rows_with_both(how: str) -> None:
    """Within strata, rows with both are a part of what was drawn, and its variance is another."""
    frame = people(kept="random")
    frame.loc[::9, "p"] = -1
    known = frame[(frame["y"] >= 0) & (frame["p"] >= 0)]
    found, expected = found_in(tally_of(frame, **HOW[how](frame))), found_in(tally_of(known, **HOW[how](known)))
    for key in set(expected):
        if METRICS[expected[key].metric].of_errors or expected[key].metric == "equalized_odds":
            a, b = found[key].estimate, expected[key].estimate
            assert (a.n, a.denominator, a.state) == (b.n, b.denominator, b.state), key
            assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12), key
            assert [g.estimate.n for g in found[key].by_group] == [g.estimate.n for g in expected[key].by_group]


@pytest.mark.parametrize("how", HOW)
def test_a_base_rate_counts_rows_without_a_decision(how: str) -> None:
    frame = people(kept="all")
    frame.loc[::5, "p"] = -1
    f = found_in(tally_of(frame, **HOW[how](frame)))["data/base_rate/difference/sex"]
    whole = frame.assign(p=0)
    assert f.estimate.n == 2_000
    expected = found_in(tally_of(whole, **HOW[how](whole)))["data/base_rate/difference/sex"].estimate
    assert (f.estimate.value, f.estimate.low, f.estimate.high) == pytest.approx(
        (expected.value, expected.low, expected.high), abs=1e-12
    )
    assert not [i for i in found_in(tally_of(frame)) if "missing_truth" in i or "selective_labels" in i]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kept", ["selected", "random"])
def test_stored_evidence_gives_the_same(how: str, kept: str) -> None:
    frame = people(kept=kept)
    frame.loc[::11, "p"] = -1
    tally = tally_of(frame, **HOW[how](frame)).reduced(Disclosure())
    again = Tally.from_json(json.loads(json.dumps(tally.to_json())))
    assert again.to_json() == tally.to_json()
    assert found_in(again) == found_in(tally)
    of_all, told = found_in(tally_of(frame, **HOW[how](frame))), found_in(tally)
    for key, f in told.items():
        assert f.estimate.low == pytest.approx(of_all[key].estimate.low, abs=1e-4), key
        assert (f.estimate.n, f.estimate.denominator) == (of_all[key].estimate.n, of_all[key].estimate.denominator)


def test_older_evidence_of_clusters_answers_with_fewer_of_them() -> None:
    frame = people(kept="random")
    tally = tally_of(frame, cluster=frame["who"]).reduced(Disclosure())
    stored = json.loads(json.dumps(tally.to_json()))
    for counts in stored["clusters"]["counts"]:
        del counts["lacking"]
    old, new = (found_in(t)["fairness/selection_rate/difference/sex"] for t in (Tally.from_json(stored), tally))
    assert old.estimate.value == new.estimate.value
    assert old.estimate.low is not None
    assert new.estimate.low is not None
    assert old.estimate.low <= new.estimate.low + 1e-9


def test_evidence_without_missing_truth_keeps_no_counts_of_it() -> None:
    frame = people(kept="all")
    stored = tally_of(frame, cluster=frame["who"]).reduced(Disclosure()).to_json()
    assert not any("lacking" in c for c in stored["clusters"]["counts"])
    assert "untold" not in ErrorSums.of(frame[["sex"]], y_true=frame["w"], y_pred=frame["p"]).to_json()


codes = st.sampled_from([-1, 0, 1])
table = st.lists(st.tuples(st.sampled_from("ab"), codes, codes, st.integers(0, 5)), min_size=1, max_size=40)


@given(table, table, st.booleans())
def test_parts_add(a: list[Any], b: list[Any], clustered: bool) -> None:
    def made(rows: list[Any]) -> Tally:
        g, y, p, who = (list(x) for x in zip(*rows, strict=True))
        return Tally.of({"sex": g}, y_true=y, y_pred=p, cluster=who if clustered else None)

    whole = made(a + b).reduced(Disclosure()).to_json()
    assert (made(a) + made(b)).reduced(Disclosure()).to_json() == whole
    assert (made(b) + made(a)).reduced(Disclosure()).to_json() == whole


@given(table, st.sampled_from(["selection_rate", "base_rate", "accuracy", "missing_truth"]))
def test_rates_are_those_of_a_slow_count(rows: list[Any], metric: str) -> None:
    tally = Tally.of({"sex": [r[0] for r in rows]}, y_true=[r[1] for r in rows], y_pred=[r[2] for r in rows])
    answer = answering(tally, Question(metric, "difference", ("sex",), 0.95))
    assert answer is not None
    for g in answer.finding("difference").by_group:
        own = [(t, d) for sex, t, d, _ in rows if sex == g.group["sex"]]
        counted = {
            "selection_rate": [d for t, d in own if d >= 0],
            "base_rate": [t for t, d in own if t >= 0],
            "accuracy": [t == d for t, d in own if t >= 0 and d >= 0],
            "missing_truth": [t < 0 for t, d in own if d >= 0],
        }[metric]
        assert g.estimate.denominator == g.estimate.n == len(counted)
        assert g.estimate.value == (pytest.approx(np.mean(counted)) if counted else None)


@pytest.mark.parametrize("how", HOW)
def test_labels_of_the_selected_alone_are_a_finding(how: str) -> None:
    frame = people()
    found = found_in(tally_of(frame, **HOW[how](frame)))
    f = found["data/selective_labels/difference"]
    assert f.concern == "data"
    assert f.statement.startswith("Truth is missing for 100.0% of those not selected and 0.0% of those selected (")
    assert f.statement.endswith("error rates speak of those with a truth alone.")
    assert f.p is not None
    assert f.p < 1e-6
    (shown,) = f.exhibits
    assert isinstance(shown, Table)
    sizes = (frame["p"] == 0).sum(), (frame["p"] == 1).sum()
    assert [r[1:3] for r in shown.rows] == [(sizes[0], sizes[0]), (sizes[1], 0)]
    assert "of f and" in found["data/missing_truth/difference/sex"].statement


def test_labels_missing_at_random_are_not() -> None:
    found = found_in(tally_of(people(kept="random")))
    for key in ("data/selective_labels/difference", "data/missing_truth/difference/sex"):
        assert "established" in found[key].statement
        assert "could have gone unseen" in found[key].statement
        assert found[key].estimate.low == 0.0


def test_few_of_one_decision_are_too_few() -> None:
    tally = Tally.of({"sex": ["f", "m"] * 50}, y_true=[-1, 1] * 50, y_pred=[1] * 5 + [0] * 95)
    f = found_in(tally)["data/selective_labels/difference"]
    assert (f.estimate.value, f.estimate.state) == (None, "sparse")
    assert "cannot be compared" in f.statement


def test_classes_know_whose_truth_is_missing() -> None:
    rng = np.random.default_rng(0)
    n = 1_500
    sex, p = rng.choice(["f", "m"], n), rng.integers(0, 3, n)
    p = np.where((sex == "m") & (rng.random(n) < 0.3), 2, p)
    y = np.where(p == 2, rng.integers(0, 3, n), -1)
    tally = ClassTally.of({"sex": sex}, ("a", "b", "c"), y_true=y, y_pred=p)
    again = ClassTally.from_json(json.loads(json.dumps(tally.to_json())))
    for t in (tally, again):
        found = {f.id: f for f in classes.ClassFairness().assess(t).findings}
        f = found["data/selective_labels/difference"]
        assert "those decided as c" in f.statement
        assert f.estimate.value == 1.0
        gap = found["data/missing_truth/difference/sex"].estimate
        missing = pd.Series(y < 0).groupby(sex).mean()
        assert gap.value == pytest.approx(missing["f"] - missing["m"])
        answer = classes.answering(t, Question("selection_rate", "difference", ("sex",), 0.95, label="c"))
        assert answer is not None
        e = answer.finding("difference").estimate
        selected = pd.Series(p == 2).groupby(sex).mean()
        assert e.value == pytest.approx(selected["m"] - selected["f"])
        assert e.n == n
        rule = classes.answering(t, Question("missing_truth", "difference", ("sex",), 0.95))
        assert rule is not None
        assert rule.finding("difference").estimate == gap
        known = y >= 0
        right = found["performance/accuracy/overall"].estimate
        assert (right.value, right.n) == (pytest.approx((y == p)[known].mean()), known.sum())


def test_predictions_of_numbers_need_no_truth() -> None:
    rng = np.random.default_rng(0)
    n = 1_200
    sex = rng.choice(["f", "m"], n)
    p = rng.normal(size=n) + (sex == "f")
    y = np.where(p > 0.5, p + rng.normal(size=n), np.nan)

    def made(rows: slice) -> ErrorSums:
        return ErrorSums.of({"sex": sex[rows]}, y_true=y[rows], y_pred=p[rows])

    whole, parts = made(slice(None)), made(slice(0, 400)) + made(slice(400, None))
    stored = whole.reduced(Disclosure())
    again = ErrorSums.from_json(json.loads(json.dumps(stored.to_json())))
    assert again.to_json() == stored.to_json()
    oracle = fl.MetricFrame(
        metrics=fl.mean_prediction, y_true=np.zeros(n), y_pred=p, sensitive_features=pd.Series(sex, name="sex")
    )
    known = ErrorSums.of({"sex": sex[~np.isnan(y)]}, y_true=y[~np.isnan(y)], y_pred=p[~np.isnan(y)])
    errors = {f.id: f for f in regression.RegressionFairness().assess(known).findings}
    for sums in (whole, parts, stored, again):
        found = {f.id: f for f in regression.RegressionFairness().assess(sums).findings}
        e = found["fairness/mean_prediction/difference/sex"].estimate
        assert (e.value, e.n) == (pytest.approx(oracle.difference()), n)
        assert found["fairness/ks_distance/difference/sex"].estimate.n == n
        mae = found["fairness/mean_absolute_error/difference/sex"].estimate
        expected = errors["fairness/mean_absolute_error/difference/sex"].estimate
        assert (mae.n, mae.value) == (expected.n, pytest.approx(expected.value))
        missing = pd.Series(np.isnan(y)).groupby(sex).mean()
        gap = found["data/missing_truth/difference/sex"].estimate
        assert gap.value == pytest.approx(missing["m"] - missing["f"])
        answer = regression.answering(sums, Question("missing_truth", "difference", ("sex",), 0.95))
        assert answer is not None
        assert answer.finding("difference").estimate == gap


def test_means_of_few_predictions_without_a_truth_are_rounded() -> None:
    y = [np.nan] * 7 + [1.0] * 63 + [np.nan] * 30
    p = np.arange(100.0) + 0.123
    sums = ErrorSums.of({"sex": ["f"] * 50 + ["m"] * 50}, y_true=y, y_pred=p)
    whole, stored = sums.reduced(Disclosure()), sums.reduced(Disclosure(suppress_below=10))
    assert whole.untold_["prediction_mean"].tolist() == pytest.approx([p[:7].mean(), p[70:].mean()])
    few, many = stored.untold_["prediction_mean"]
    assert many == pytest.approx(p[70:].mean())
    assert few != pytest.approx(p[:7].mean(), abs=1e-3)
    assert abs(few - p[:7].mean()) < p.std()
    assert ErrorSums.from_json(json.loads(json.dumps(stored.to_json()))).to_json() == stored.to_json()


def test_a_search_by_selection_counts_rows_without_a_truth() -> None:
    class Rows:
        y_true, y_pred, score = np.array([-1, -1, 1, 0, 1], np.int8), np.array([1, 0, 1, -1, 0], np.int8), None

    rows: Any = Rows()
    np.testing.assert_array_equal(outcome(rows, "selection_rate"), [1, 0, 1, np.nan, 0])
    np.testing.assert_array_equal(outcome(rows, "base_rate"), [np.nan, np.nan, 1, 0, 1])
    np.testing.assert_array_equal(outcome(rows, "error_rate"), [np.nan, np.nan, 0, np.nan, 1])


def audited(kept: str = "selected", **how: Any) -> Report:
    frame = people(kept=kept)
    frame = frame.assign(y=frame["y"].where(frame["y"] >= 0), x=np.arange(len(frame)) % 7)
    data = ak.Dataset(
        frame[["sex", "y", "p", "x"]], y_true="y", sensitive_features=["sex"], positive=1, control_features=["x"]
    )
    return ak.audit(ak.Predictions("p"), data, **how)


def page_of(report: Report, folder: Path) -> str:
    report.save(folder / "report.html")
    return (folder / "report.html").read_text()


def test_an_audit_says_so_everywhere(tmp_path: Path) -> None:
    checks = [ak.GroupFairness(), ak.ConditionalParity("x"), ak.ImpactRatios(), ak.DataProfile()]
    report = audited(checks=checks)
    found = {f.id: f for f in report.findings}
    gap = found["fairness/selection_rate/difference/sex"].estimate
    assert found["fairness/conditional_selection_rate/difference/sex|x"].estimate.n == gap.n == 2_000
    assert found["performance/selection_rate/overall"].estimate.n == 2_000
    assert cautions(report)[0] == found["data/selective_labels/difference"].statement
    page = page_of(report, tmp_path)
    assert "in no rate that needs the truth" in page
    assert "those not selected" in page
    assert "Left out of every rate" not in page
    rules = {
        "rule": [
            {"id": "a", "metric": "missing_truth", "comparison": "difference", "at_most": 0.1, "by": ["sex"]},
            {"id": "b", "metric": "selection_rate", "comparison": "difference", "at_most": 0.1, "by": ["sex"]},
        ]
    }
    judged = ak.judge(report, rules)
    assert [v.status for v in judged.verdicts] == ["fail", "fail"]


def test_a_finding_says_how_many_rows_lack_what_it_needs() -> None:
    frame = people()
    frame.loc[:8, "p"] = -1
    lost = int(((frame["y"] < 0) | (frame["p"] < 0)).sum())
    found = found_in(tally_of(frame))
    for key in ("performance/accuracy/overall", "fairness/error_rate/difference/sex"):
        assert f"{lost:,} rows are not counted: they lack the truth or the decision" in found[key].notes
    assert "9 rows are not counted: they lack the decision" in found["fairness/selection_rate/ratio/sex"].notes
    assert not any("not counted" in n for f in found_in(tally_of(people(kept="all"))).values() for n in f.notes)


def test_an_audit_with_every_truth_says_nothing(tmp_path: Path) -> None:
    report = audited(kept="all", checks=[ak.GroupFairness()])
    assert not [f for f in report.findings if f.metric in ("missing_truth", "selective_labels")]
    assert "Left out of every rate" in page_of(report, tmp_path)


def test_bootstrap_replicates_are_of_all_rows() -> None:
    check = GroupFairness(metrics=["selection_rate"], n_boot=200)
    f = {f.id: f for f in check.assess(tally_of(people())).findings}["fairness/selection_rate/difference/sex"]
    note = next(n for n in f.notes if n.startswith("bootstrap"))
    low, high = (float(x.split(" points")[0]) for x in note.split("quantiles ")[1].split(", ")[:2])
    assert 20 < low < 27.7 < high < 36
