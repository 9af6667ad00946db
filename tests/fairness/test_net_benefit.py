"""Net benefit by group: dcurves, scikit-learn, brute force and bootstraps; rules, parts, weights, what is missing."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve

import auditkit as ak
from auditkit.catalogue.clinical import BENEFITS
from auditkit.catalogue.index import METRICS, resolve
from auditkit.disclosure import Disclosure
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.tally import Tally
from auditkit.evidence.thresholds import ThresholdCounts
from auditkit.fairness.clinical.benefit import BenefitFamily
from auditkit.fairness.clinical.check import NetBenefit, answering, threshold_of
from auditkit.fairness.clinical.operating import reading, readings
from auditkit.fairness.clinical.verification import bounds
from auditkit.judging import judge
from auditkit.question import Question
from auditkit.records import Curve, Estimate, Table
from auditkit.report.html.page import render
from auditkit.stats.operating import sensitivity_at
from tests.fairness.decision_curves import GROUPS, STORED, THRESHOLDS, of_dcurves, patients

NB, OVER, STANDARD = BENEFITS


def counted(frame: pd.DataFrame, thresholds: tuple[float, ...] = THRESHOLDS, **more: Any) -> ThresholdCounts:
    rows = {"y_true": frame["y"].to_numpy(), "score": frame["score"].to_numpy()}
    return ThresholdCounts.of({"group": frame["group"]}, thresholds=thresholds, **rows, **more)


def told(counts: ThresholdCounts, metric: str, kind: Any = "overall") -> Estimate:
    found = answering(counts, Question(metric, kind, () if kind == "overall" else ("group",)))
    assert found is not None
    return found.finding(kind).estimate


def of_group(counts: ThresholdCounts, metric: str, group: str) -> Estimate:
    if group == "everybody":
        return told(counts, metric)
    found = answering(counts, Question(metric, "difference", ("group",)))
    assert found is not None
    return next(x.estimate for x in found.finding("difference").by_group if x.group == {"group": group})


def held_to(numbers: Any) -> None:
    counts = counted(patients())
    for group in GROUPS:
        for t, known in zip(THRESHOLDS, numbers[group], strict=True):
            own = of_group(counts, f"{NB}@{t}", group).value
            over = of_group(counts, f"{OVER}@{t}", group).value
            assert own == pytest.approx(known["score"], abs=1e-6)
            assert over == pytest.approx(known["score"] - known["all"], abs=1e-6)


def test_net_benefit_is_that_of_dcurves() -> None:
    held_to(json.loads(STORED.read_text(encoding="utf-8")))


@pytest.mark.skipif(
    any(importlib.util.find_spec(p) is None for p in ("dcurves", "lifelines")),
    reason="dcurves or lifelines is not installed: its stored numbers are compared with instead",
)
def test_net_benefit_is_that_of_dcurves_asked_now() -> None:
    held_to(of_dcurves(patients()))


def test_standardised_is_divided_by_prevalence() -> None:
    frame, counts = patients(), counted(patients())
    for group in GROUPS:
        own = frame if group == "everybody" else frame[frame["group"] == group]
        for t in THRESHOLDS:
            ratio = of_group(counts, f"{NB}@{t}", group).value / own["y"].mean()
            assert of_group(counts, f"{STANDARD}@{t}", group).value == pytest.approx(ratio, abs=1e-12)


def test_a_gap_is_the_difference_of_two_groups_and_the_lowest_is_named() -> None:
    counts = counted(patients())
    values = [of_group(counts, f"{NB}@0.1", g).value for g in GROUPS[1:]]
    assert told(counts, f"{NB}@0.1", "difference").value == pytest.approx(max(values) - min(values), abs=1e-12)
    assert told(counts, f"{NB}@0.1", "group_min").value == pytest.approx(min(values), abs=1e-12)


def drawn(rng: np.random.Generator, n: int = 500, off: float = 0.0) -> tuple[Any, Any]:
    logit = -1.8 + 1.2 * rng.normal(size=n)
    return (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int), 1 / (1 + np.exp(off - logit))


@pytest.mark.parametrize("weighted", [False, True])
def test_standard_errors_are_those_of_a_bootstrap_of_rows(weighted: bool) -> None:
    rng = np.random.default_rng(3)
    y, s = drawn(rng, 1_500)
    w = rng.lognormal(0, 0.5, len(y)) if weighted else np.ones(len(y))
    t = 0.15
    tally = Tally.of({}, y_true=y, y_pred=(s >= t).astype(int), sample_weight=w if weighted else None)
    odds = t / (1 - t)
    at = rng.integers(0, len(y), (2_000, len(y)))
    w_, y_, on = w[at], y[at], (s >= t)[at]
    tp, fp, events, n = ((w_ * x).sum(axis=1) for x in (y_ * on, (1 - y_) * on, y_, np.ones_like(y_)))
    benefit = (tp - odds * fp) / n
    again = {NB: benefit, OVER: benefit - (events - odds * (n - events)) / n, STANDARD: benefit * n / events}
    for name, values in again.items():
        e = BenefitFamily.of(tally, name, t, (), level=0.95).overall()
        assert e.low is not None
        assert e.high is not None
        assert (e.high - e.low) / 2 / 1.96 == pytest.approx(values.std(), rel=0.08), name
        assert e.low == pytest.approx(np.quantile(values, 0.025), abs=0.35 * values.std())


def test_clusters_of_one_are_no_clusters_and_copies_in_a_cluster_are_one_row() -> None:
    y, s = drawn(np.random.default_rng(4), 600)
    on = (s >= 0.1).astype(int)
    alike = Tally.of({}, y_true=y, y_pred=on)
    single = Tally.of({}, y_true=y, y_pred=on, cluster=np.arange(len(y)))
    copies = Tally.of({}, y_true=np.tile(y, 4), y_pred=np.tile(on, 4), cluster=np.tile(np.arange(len(y)), 4))
    for name in BENEFITS:
        plain, one, four = (BenefitFamily.of(x, name, 0.1, (), level=0.95).overall() for x in (alike, single, copies))
        assert one.value == pytest.approx(plain.value)
        assert four.value == pytest.approx(plain.value)
        assert one.high - one.low == pytest.approx(plain.high - plain.low, rel=0.12)
        assert four.high - four.low == pytest.approx(plain.high - plain.low, rel=0.25)  # wide where one cell has few


def test_sums_of_weights_are_the_value() -> None:
    rng = np.random.default_rng(5)
    y, s = drawn(rng)
    w = rng.lognormal(0, 1, len(y))
    tally = Tally.of({}, y_true=y, y_pred=(s >= 0.2).astype(int), sample_weight=w)
    value = (w * (s >= 0.2) * np.where(y, 1, -0.25)).sum() / w.sum()
    assert BenefitFamily.of(tally, NB, 0.2, (), level=0.95).overall().value == pytest.approx(value)


def test_calibration_at_a_threshold_is_that_of_the_rows() -> None:
    frame = patients()
    counts = counted(frame)
    miss, odds = frame["y"] - frame["score"], frame["score"] / (1 - frame["score"])
    above = frame["score"] >= 0.1
    near = (odds >= 1 / 18) & (odds <= 2 / 9)
    assert told(counts, "calibration_above@0.1").value == pytest.approx(miss[above].mean())
    assert told(counts, "calibration_near@0.1").value == pytest.approx(miss[near].mean())
    findings = NetBenefit(thresholds=[0.1]).assess(counts).findings
    (table,) = next(f for f in findings if f.id == "calibration/calibration_above@0.1/overall").exhibits
    assert isinstance(table, Table)
    _, n, observed, expected, ratio, low, high = table.rows[0]
    own = frame[above]
    assert (n, observed, expected) == (len(own), *(pytest.approx(own[c].mean()) for c in ("y", "score")))
    assert ratio == pytest.approx(own["y"].sum() / own["score"].sum())
    se = (own["y"] - own["score"]).std() / np.sqrt(len(own)) / own["score"].mean()
    assert high - low == pytest.approx(2 * 1.96 * se, rel=0.05)


@pytest.mark.parametrize("specificity", [0.5, 0.8, 0.9, 0.975])
def test_sensitivity_at_a_specificity_is_that_of_scikit_learn(specificity: float) -> None:
    y, s = drawn(np.random.default_rng(6), 700)
    s = np.round(s, 2)
    fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
    counts = ThresholdCounts.of({"group": ["a"] * len(y)}, thresholds=(0.1,), y_true=y, score=s)
    found = answering(counts, Question(f"sensitivity_at_specificity@{specificity}", "overall"))
    assert found is not None
    exact = tpr[fpr <= 1 - specificity + 1e-12].max()
    assert found.finding("overall").estimate.value == pytest.approx(exact)
    merged = counts.reduced(Disclosure())
    assert merged.histogram is not None
    (_, bins), *_ = merged.histogram.groups()
    told = reading(bins, specificity)
    assert told.value <= exact + 1e-12
    assert exact <= told.value + told.bound + 1e-12


def test_the_interval_holds_the_choice_of_the_threshold() -> None:
    rng = np.random.default_rng(7)
    values = []
    for _ in range(800):
        y, s = drawn(rng, 400)
        fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
        values.append(tpr[fpr <= 0.1].max())
    y, s = drawn(rng, 400)
    order = np.argsort(s)
    point = sensitivity_at(1 - y[order], y[order], 0.9, 1.96)
    fixed = 2 * 1.96 * np.sqrt(point.value * (1 - point.value) / y.sum())
    assert (point.high - point.low) == pytest.approx(2 * 1.96 * np.std(values), rel=0.2)
    assert point.high - point.low > 1.05 * fixed


@pytest.fixture(scope="module")
def report() -> ak.Report:
    return audited(rows())


def rows(n: int = 6_000) -> pd.DataFrame:
    """Of one half of the patients the scores are too low by 1.8 of the logit: planted."""
    rng = np.random.default_rng(8)
    y, s = drawn(rng, n)
    age = rng.choice(["older", "younger"], n)
    logit = np.log(s / (1 - s)) - 1.8 * (age == "older")
    return pd.DataFrame({"age": age, "y": y, "s": 1 / (1 + np.exp(-logit))}).assign(d=lambda f: (f["s"] >= 0.1) * 1)


RULES = [
    {"id": "gap", "metric": "net_benefit@0.10", "comparison": "difference", "by": ["age"], "at_most": 0.005},
    {"id": "all", "metric": "net_benefit_over_all@0.1", "comparison": "group_min", "by": ["age"], "at_least": 0.0},
    {"id": "right", "metric": "calibration_above@0.1", "comparison": "difference", "by": ["age"], "at_most": 0.05},
    {
        "id": "found",
        "metric": "sensitivity_at_specificity@0.9",
        "comparison": "group_min",
        "by": ["age"],
        "at_least": 0.2,
    },
    {"id": "elsewhere", "metric": "net_benefit@0.3", "comparison": "overall", "at_least": 0.0},
]


def audited(frame: pd.DataFrame, *, predictions: Any = None, check: Any = None, **declared: Any) -> ak.Report:
    data = ak.Dataset(frame, y_true="y", positive=1, sensitive_features=["age"], **declared)
    checks = [check or ak.NetBenefit(thresholds=[0.05, 0.1])]
    predictions = predictions or ak.Predictions("d", score="s")
    return ak.audit(predictions, data, checks=checks, policy={"rule": RULES}, name="clinic", on_error="raise")


def test_the_planted_harm_is_found_and_sized(report: ak.Report) -> None:
    frame = rows()
    assert {v.rule.id: v.status for v in report.verdicts} == {
        "gap": "fail", "all": "fail", "right": "fail", "found": "pass", "elsewhere": "not_measured"
    }  # fmt: skip
    older, younger = (frame[frame["age"] == a] for a in ("older", "younger"))

    def benefit(f: pd.DataFrame) -> float:
        return float(((f["s"] >= 0.1) * np.where(f["y"], 1, -1 / 9)).mean())

    gap = report.finding("fairness/net_benefit@0.1/difference/age")
    assert gap.estimate.value == pytest.approx(benefit(younger) - benefit(older))
    assert gap.surest is not None
    assert [g["age"] for g in gap.surest.groups] == ["older", "younger"]
    assert any("standardised net benefit takes that off" in note for note in gap.notes)
    lowest = report.finding("fairness/net_benefit_over_all@0.1/group_min/age")
    assert "less net benefit than treating everybody for older" in lowest.statement
    (elsewhere,) = (v for v in report.verdicts if v.rule.id == "elsewhere")
    assert "the audit counted at 0.05, 0.1, and not at 0.3" in elsewhere.reason.replace(" and 0.1", ", 0.1")


def test_the_curve_is_drawn_by_group_with_treating_all_and_nobody(report: ak.Report) -> None:
    curve, table = report.finding("fairness/net_benefit@0.05/difference/age").exhibits
    assert isinstance(curve, Curve)
    assert {s.name for s in curve.series} == {"older", "younger"}
    assert curve.against == "dashed: all are treated; treating nobody has 0"
    frame = rows()
    for s in curve.series:
        prevalence = frame[frame["age"] == s.name]["y"].mean()
        for x, y in s.against:
            assert y == pytest.approx(prevalence - (1 - prevalence) * x / (1 - x))
    page = render(report)
    assert "Dashed: all are treated; treating nobody has 0." in page
    assert page.index("Decision curves by age") < page.index('id="calibration"')
    series = next(s for s in curve.series if s.name == "younger")
    own = frame[frame["age"] == "younger"]
    for x, y in zip(series.x[1::7], series.y[1::7], strict=True):
        exact = float(((own["s"] >= x) * np.where(own["y"], 1, -x / (1 - x))).mean())
        assert y == pytest.approx(exact, abs=1e-9)
    assert isinstance(table, Table)
    assert len(table.rows) == 4


def test_the_gate_judges_the_stored_report_and_says_the_same(report: ak.Report, tmp_path: Any) -> None:
    report.save(tmp_path / "clinic.json")
    stored = judge(ak.Report.load(tmp_path / "clinic.json"), {"rule": RULES})
    assert [(v.status, v.reason) for v in stored.verdicts] == [(v.status, v.reason) for v in report.verdicts]
    again = ak.Report.load(tmp_path / "clinic.json")
    text = (tmp_path / "clinic.json").read_text(encoding="utf-8")
    assert (
        ThresholdCounts.from_json(again.evidence["net_benefit"].data).to_json()
        == json.loads(text)["evidence"]["net_benefit"]["data"]
    )


@pytest.mark.parametrize("more", [{}, {"sample_weight": "w"}, {"cluster": "c"}])
def test_parts_add_to_the_whole(more: dict[str, str]) -> None:
    frame = patients().assign(w=lambda f: 1 + f.index % 5, c=lambda f: f.index % 97)
    beside = {k: frame[v].to_numpy() for k, v in more.items()}

    def of(at: Any) -> ThresholdCounts:
        return counted(frame[at], **{k: v[at] for k, v in beside.items()})

    half = np.arange(len(frame)) % 3 == 0
    both, whole = of(half) + of(~half), of(np.ones(len(frame), bool))
    asked = [f"{m}@0.1" for m in (*BENEFITS, "calibration_above", "calibration_near")]
    for metric in asked:
        one, two = told(both, metric, "difference"), told(whole, metric, "difference")
        assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high), abs=1e-9)


def test_weights_and_clusters_count_and_what_does_not_says_so() -> None:
    frame = rows().assign(hospital=lambda f: f.index % 40, weight=lambda f: 1 + f.index % 3)
    for declared in ({"cluster": "hospital"}, {"sample_weight": "weight"}):
        report = audited(frame, **declared)
        assert not report.finding("fairness/net_benefit@0.1/difference/age").aside
        (absent,) = (n for n in report.not_measured if "specificity" in n.what)
        assert "no interval of such a threshold is known" in absent.why
        assert render(report)


def test_a_group_without_events_is_undefined_and_named() -> None:
    frame = patients().assign(y=lambda f: f["y"] * (f["group"] != "b"))
    found = NetBenefit(thresholds=[0.1]).assess(counted(frame, (0.1,)))
    gap = next(f for f in found.findings if f.id == "fairness/net_benefit@0.1/difference/group")
    b = next(x.estimate for x in gap.by_group if x.group == {"group": "b"})
    assert (b.state, b.value) == ("undefined", None)
    assert "no event in the group" in b.note
    assert any("undefined" in note and "b" in note for note in gap.notes)
    alone = NetBenefit(thresholds=[0.1]).assess(counted(frame[frame["group"] == "b"], (0.1,)))
    assert {f.estimate.state for f in alone.findings if f.metric.startswith(("net", "standard"))} == {"undefined"}


def test_truth_known_only_for_some_is_said_with_what_can_be_told() -> None:
    frame = rows()
    rng = np.random.default_rng(9)
    untold = rng.random(len(frame)) < np.where(frame["s"] >= 0.1, 0.05, 0.6)
    truth = frame["y"].astype("Int64").mask(untold)
    found = audited(frame.assign(y=truth)).finding("data/unverified_truth/difference/10%")
    assert "Truth is missing for" in found.statement
    assert "those who score below 10%" in found.statement
    assert "net benefit and sensitivity speak of those with a truth alone" in found.statement
    tally = Tally.of({}, y_true=np.where(untold, -1, frame["y"]), y_pred=(frame["s"] >= 0.1).astype(int))
    _, missing, _, low, high, alike = bounds(tally, 0.1, ()).rows[0]
    exact = float(((frame["s"] >= 0.1) * np.where(frame["y"], 1, -1 / 9)).mean())
    assert missing == untold.sum()
    assert low < exact < high
    assert alike == pytest.approx(exact, abs=0.005)
    told = audited(frame)
    assert not [f for f in told.findings if f.metric == "unverified_truth"]


def test_costs_are_a_threshold() -> None:
    assert threshold_of({"false_negative": 9, "false_positive": 1}) == pytest.approx(0.1)
    assert NetBenefit(costs={"false_negative": 2, "false_positive": 1}).asked == (0.333333,)
    assert NetBenefit(thresholds=[0.5, 0.1, 0.10], costs={"false_negative": 1, "false_positive": 1}).asked == (0.1, 0.5)
    assert NetBenefit().asked == (0.05, 0.1, 0.2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"thresholds": [0.0]}, "a threshold is a risk between 0 and 1, ends excluded (10% is 0.1); got 0"),
        ({"thresholds": [10]}, "ends excluded (10% is 0.1); got 10"),
        ({"thresholds": [float("nan")]}, "thresholds"),
        ({"thresholds": []}, "thresholds are 1 to 20 risks"),
        ({"thresholds": [i / 30 for i in range(1, 25)]}, "thresholds are 1 to 20 risks, as [0.05, 0.1, 0.2]; got 24"),
        ({"thresholds": [0.99999999]}, "leaves nobody untreated"),
        ({"costs": {"false_negative": 0, "false_positive": 1}}, "the cost of a false_negative is a number above 0"),
        ({"costs": {"false_negative": 5, "false_positive": 0}}, "got 0: a mistake that costs nothing is none"),
        ({"costs": {"fn": 5}}, "costs are those of false_negative, false_positive"),
        ({"specificity": 1.0}, "specificity is a number between 0 and 1, as 0.9; got 1.0"),
    ],
)
def test_wrong_options_are_one_clear_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ak.PolicyError) as caught:
        NetBenefit(**options)
    assert said in str(caught.value).replace("'", "").replace(" and false_positive", ", false_positive")


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("net_benefit", "'net_benefit' is asked at a threshold between 0 and 1, as in metric = \"net_benefit@0.1\""),
        ("net_benefit@1.5", "got 'net_benefit@1.5'"),
        ("net_benefit@ten", "got 'net_benefit@ten'"),
        ("sensitivity_at_specificity@0", "is asked at a specificity between 0 and 1"),
        ("net_benefti@0.1", "unknown metric 'net_benefti@0.1'"),
    ],
)
def test_wrong_names_in_rules_say_how_they_are_asked(metric: str, said: str) -> None:
    with pytest.raises(ak.PolicyError) as caught:
        judge(audited(rows(300)), {"rule": [{"id": "r", "metric": metric, "comparison": "overall", "at_least": 0.0}]})
    assert said in str(caught.value)


def test_a_name_is_canonical() -> None:
    assert resolve("net_benefit@0.10") == ("net_benefit@0.1", None)
    assert METRICS["net_benefit@0.1"].kind == "clinical"
    assert "net_benefit@0.10" not in METRICS


def test_scores_that_are_no_probabilities_are_not_held_to_a_risk() -> None:
    frame = rows(800).assign(s=lambda f: 300 + 550 * f["s"])
    report = audited(frame, predictions=ak.Predictions(None, score="s", threshold=400, score_range=(300, 850)))
    (absent,) = (n for n in report.not_measured if n.what == "net benefit")
    assert "the score is no probability (300 to 850)" in absent.why
    assert [f.metric for f in report.findings][:1] == ["sensitivity_at_specificity@0.9"]
    (verdict,) = (v for v in report.verdicts if v.rule.id == "gap")
    assert (verdict.status, "no probability" in verdict.reason) == ("not_measured", True)


def test_without_scores_nothing_is_measured() -> None:
    report = audited(rows(300), predictions=ak.Predictions("d"))
    assert [(n.what, n.why) for n in report.not_measured] == [("net_benefit", "no score column")]


def test_small_groups_share_bins_and_are_no_less_sure_than_they_say() -> None:
    y, s = drawn(np.random.default_rng(10), 90)
    h = ScoreHistogram.of({"g": ["a", "b"] * 45}, y_true=y, y_pred=(s > 0.1).astype(int), score=s).reduced(Disclosure())
    found = readings(h, ("g",), 0.9, level=0.95)
    assert all(e.low <= e.value <= e.high for e in map(found.estimate, range(2)))
