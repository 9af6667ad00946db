"""Any number that a row has, by group: held to scipy, statsmodels and brute force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.weightstats import DescrStatsW

import auditkit as ak
from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS
from auditkit.check import Assessment
from auditkit.errors import DataError, PolicyError
from auditkit.evidence.numbers import NumberSums
from auditkit.fairness.groups import measured
from auditkit.question import Question
from auditkit.records import Estimate, Finding, Report
from auditkit.report.html.page import render
from tests.helpers import run_cli

N = 900
RNG = np.random.default_rng(3)
SEX: Any
RACE: Any
SEX, RACE = RNG.choice(["f", "m"], N), RNG.choice(["a", "b", "c"], N, p=[0.6, 0.3, 0.1])
WAIT = RNG.normal(20, 4, N) + 3 * (SEX == "f")
WEIGHT = RNG.uniform(0.2, 3.0, N)
FAMILY = RNG.integers(0, 90, N)
GROUPS = {"sex": SEX, "race": RACE}


def frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame({
        **GROUPS, "wait": WAIT, "ndcg": RNG.beta(5, 2, N), "w": WEIGHT, "family": FAMILY,
        "y": np.arange(N) % 2, "p": np.arange(N) // 2 % 2, **more,
    })  # fmt: skip


def found(assessed: Assessment, comparison: str, *by: str) -> Finding:
    (one,) = [f for f in assessed.findings if f.comparison == comparison and f.by == by and "measured" in f.metric]
    return one


def ends(e: Estimate) -> Any:
    return [e.low, e.high]


def of_group(f: Finding, value: str) -> Estimate:
    return next(g.estimate for g in f.by_group if value in g.group.values())


def test_means_and_limits_of_groups_are_scipys() -> None:
    """Normal numbers: Johnson's correction leaves Student's t but for the skewness that chance makes."""
    assessed = ak.Measured("wait", by=[["sex"]]).assess(NumberSums.of(GROUPS, values=WAIT))
    for sex in ("f", "m"):
        own = WAIT[sex == SEX]
        e, truth = of_group(found(assessed, "difference", "sex"), sex), stats.ttest_1samp(own, 0.0)
        assert e.value == pytest.approx(own.mean(), rel=1e-12)
        low, high = truth.confidence_interval()
        assert ends(e) == pytest.approx([low, high], rel=2e-3)
        assert ends(e)[0] <= low + 1e-9
        assert ends(e)[1] >= high - 1e-9


def test_a_gap_of_two_groups_is_nearly_welchs() -> None:
    """MOVER over limits of t: Welch's interval where both groups are large."""
    f = found(ak.Measured("wait", by=[["sex"]]).assess(NumberSums.of(GROUPS, values=WAIT)), "difference", "sex")
    welch = stats.ttest_ind(WAIT[SEX == "f"], WAIT[SEX == "m"], equal_var=False)
    low, high = welch.confidence_interval()
    assert ends(f.estimate) == pytest.approx([low, high], rel=0.02)
    assert f.p is not None
    assert f.p == pytest.approx(welch.pvalue, rel=0.5, abs=1e-12)


def test_symmetric_numbers_are_students_to_the_last_digit() -> None:
    x = np.concatenate([np.linspace(-1, 1, 41), np.linspace(0, 3, 25)])
    g: Any = np.array(["a"] * 41 + ["b"] * 25)
    f = found(ak.Measured("x").assess(NumberSums.of({"g": g}, values=x)), "difference", "g")
    for name in "ab":
        low, high = stats.t.interval(0.95, (g == name).sum() - 1, x[g == name].mean(), stats.sem(x[g == name]))
        e = of_group(f, name)
        assert ends(e) == pytest.approx([low, high], abs=1e-9)


@pytest.mark.parametrize("clustered", [False, True])
def test_weighted_means_and_errors_are_statsmodels(clustered: bool) -> None:
    """WLS of a constant with HC1 is the linearised variance of a ratio; by clusters, within what 500 replicates err."""
    cluster = FAMILY if clustered else None
    means = NumberSums.of(GROUPS, values=WAIT, sample_weight=WEIGHT, cluster=cluster).means("sex")
    for k, (sex,) in enumerate(means.groups):
        at = sex == SEX
        fit = WLS(WAIT[at], np.ones(at.sum()), weights=WEIGHT[at])
        assert means.mean[k] == pytest.approx(DescrStatsW(WAIT[at], WEIGHT[at]).mean, rel=1e-12)
        assert np.sqrt(means.variance[k]) == pytest.approx(fit.fit(cov_type="HC1").bse[0], rel=1e-9)
        if means.drawn is not None and means.measure is not None:
            error = np.sqrt((means.drawn[1][k] / means.w[k]) ** 2 @ means.measure)
            truth = fit.fit(cov_type="cluster", cov_kwds={"groups": FAMILY[at]}).bse[0]
            assert error == pytest.approx(truth, rel=0.15)


def test_frequencies_are_rows_repeated() -> None:
    times = RNG.integers(0, 4, N)
    a = NumberSums.of(GROUPS, values=WAIT, sample_weight=times, weights_kind="frequency")
    b = NumberSums.of({k: np.repeat(v, times) for k, v in GROUPS.items()}, values=np.repeat(WAIT, times))
    assert DescrStatsW(WAIT, times).mean == pytest.approx(a.means().mean[0], rel=1e-12)
    for name in ("n", "mean", "variance", "skewness"):
        assert np.allclose(getattr(a.means("race"), name), getattr(b.means("race"), name))


WEIGHED = [{}, {"sample_weight": WEIGHT}, {"cluster": FAMILY}, {"sample_weight": WEIGHT, "cluster": FAMILY}]
IDS = ["plain", "weights", "clusters", "both"]


@pytest.mark.parametrize("more", WEIGHED, ids=IDS)
def test_evidence_adds_and_comes_back_from_json(more: dict[str, Any]) -> None:
    """A large mean eats no digits, and lost numbers are counted wherever they stand."""
    x = WAIT + 1e6
    x[::50] = np.nan
    whole = NumberSums.of(GROUPS, values=x, **more)
    parts = [
        NumberSums.of({k: v[i] for k, v in GROUPS.items()}, values=x[i], **{k: v[i] for k, v in more.items()})
        for i in np.array_split(np.random.default_rng(0).permutation(N), 4)
    ]
    added = parts[2] + parts[0] + (parts[3] + parts[1])
    again = NumberSums.from_json(whole.reduced(ak.Disclosure()).to_json())
    for by in ((), ("sex",), ("race", "sex")):
        a, b, c = whole.means(*by), added.means(*by), again.means(*by)
        assert a.missing.sum() == b.missing.sum() == c.missing.sum() == 18
        for other in (b, c):
            assert np.allclose(a.mean, other.mean, rtol=1e-14)
            assert np.allclose(a.variance, other.variance, rtol=1e-7 if other is b else 1e-3)
            assert np.allclose(a.skewness, other.skewness, rtol=1e-2, atol=1e-2)
            if a.drawn is not None and other.drawn is not None and a.measure is not None and other.measure is not None:
                assert np.allclose(a.drawn[1] ** 2 @ a.measure, other.drawn[1] ** 2 @ other.measure, rtol=1e-4)


def test_two_numbers_live_in_one_audit_and_rules_ask_of_each() -> None:
    rules: list[dict[str, Any]] = [
        {"id": "wait", "metric": "measured[wait]", "comparison": "difference", "by": ["sex"], "at_most": 1.0},
        {"id": "ndcg", "metric": "measured[ndcg]", "comparison": "group_min", "by": ["race"], "at_least": 0.2},
        {"id": "ratio", "metric": "measured[wait]", "comparison": "ratio", "by": ["sex"], "at_least": 0.5},
        {"id": "all", "metric": "measured[wait]", "comparison": "overall", "at_most": 60.0},
        {
            "id": "ref", "metric": "measured[wait]", "comparison": "difference_to_reference", "by": ["sex"],
            "reference": "m", "at_most": 9.0,
        },
        {"id": "typo", "metric": "measured[wat]", "comparison": "overall", "at_most": 60.0},
    ]  # fmt: skip
    data = ak.Dataset(frame(), y_true="y", sensitive_features=["sex", "race"])
    asked = [ak.Measured("wait", unit="min", better="lower"), ak.Measured("ndcg")]
    report = ak.audit(ak.Predictions("p"), data, checks=asked, policy={"rule": rules}, on_error="raise")
    verdicts = {v.rule.id: v for v in report.verdicts}
    said = {k: v.status for k, v in verdicts.items()}
    assert said == {
        "wait": "fail",
        "ndcg": "pass",
        "ratio": "pass",
        "all": "pass",
        "ref": "pass",
        "typo": "not_measured",
    }
    assert "limit of 1 min" in verdicts["wait"].reason
    assert "limit of 9 min" in verdicts["ref"].reason
    assert "no Measured('wat') in this audit; measured are ndcg, wait" in verdicts["typo"].reason
    again = Report.from_json(report.to_json())
    assert ak.judge(again.model_copy(update={"verdicts": ()}), {"rule": rules}).verdicts == report.verdicts
    page = render(again)
    assert "min" in page


def test_what_is_wrong_with_a_column_is_one_line() -> None:
    rows = frame(text=["x"] * N, far=np.where(np.arange(N) == 7, np.inf, 1.0))
    data = ak.Dataset(rows, y_true="y", sensitive_features=["sex"])
    for number, fault in (("text", "no numbers"), ("far", "infinite in 1 rows"), ("wiat", "no column 'wiat'.*'wait'")):
        with pytest.raises(DataError, match=fault):
            ak.audit(ak.Predictions("p"), data, checks=[ak.Measured(number)])
    for number, unit in (("a[b]", ""), ("", ""), ("a/b", ""), ("x", "percent"), ("x" * 99, "")):
        with pytest.raises(PolicyError, match=r"number is a name|unit is what"):
            ak.Measured(number, unit=unit)


def _normal(rng: np.random.Generator, n: int) -> tuple[Any, dict[str, Any], float]:
    return rng.normal(5, 2, n), {}, 5.0


def _lognormal(rng: np.random.Generator, n: int) -> tuple[Any, dict[str, Any], float]:
    return rng.lognormal(0, 1, n), {}, float(np.exp(0.5))


def _weighted(rng: np.random.Generator, n: int) -> tuple[Any, dict[str, Any], float]:
    """Rows drawn less often the larger their number, and weighted for it."""
    every = rng.gamma(2.0, 1.0, 6 * n)
    chance = 1 / (1 + every)
    kept = rng.random(6 * n) < chance * n / chance.sum()
    return every[kept], {"sample_weight": 1 / chance[kept]}, 2.0


def _clustered(rng: np.random.Generator, n: int) -> tuple[Any, dict[str, Any], float]:
    """40 clusters of unequal size share half of the variance."""
    cluster = np.minimum(rng.geometric(0.05, n), 40)
    return 3 + rng.normal(0, 1, 41)[cluster] + rng.normal(0, 1, n), {"cluster": cluster}, 3.0


@pytest.mark.slow
@pytest.mark.parametrize("law", [_normal, _lognormal, _weighted, _clustered], ids=lambda f: f.__name__)
def test_intervals_cover(law: Any) -> None:
    """Of the mean of 300 rows in 95 % of draws, within what 400 draws err; of equal groups few gaps are asserted."""
    rng, held, told, false, draws = np.random.default_rng(8), 0, 0, 0, 400
    for _ in range(draws):
        values, more, truth = law(rng, 300)
        sums = NumberSums.of({"g": rng.choice(["a", "b"], len(values))}, values=values, **more)
        e = measured.family_of(sums, "x", (), level=0.95).overall()
        assert e.low is not None
        assert e.high is not None
        told += e.state == "ok"
        held += e.state == "ok" and e.low <= truth <= e.high
        gap = measured.family_of(sums, "x", ("g",), level=0.95).measured("difference")[0]
        false += gap.state == "ok" and (gap.low or 0.0) > 0
    print(law.__name__, held / told, told, false / draws)
    assert told > 0.9 * draws
    assert held / told > 0.93
    assert false / draws < 0.07


def test_distributions_are_compared_as_scipy_does() -> None:
    x = np.round(np.where(SEX == "f", WAIT, WAIT * 1.5 - 10), 1)
    assessed = ak.Measured("wait", by=[["sex"]]).assess(NumberSums.of(GROUPS, values=x))
    told = {f.metric: f for f in assessed.findings if f.comparison == "difference"}
    a, b = x[SEX == "f"], x[SEX == "m"]
    assert told["ks_distance[wait]"].estimate.value == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert told["wasserstein_distance[wait]"].estimate.value == pytest.approx(stats.wasserstein_distance(a, b))
    weighed = ak.Measured("wait").assess(NumberSums.of(GROUPS, values=x, sample_weight=WEIGHT))
    assert [n.what for n in weighed.not_measured] == ["how differently wait is distributed"]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("nan", "0 of 2 groups has anybody to count"),
        ("one side", "1 of 2 groups has anybody to count"),
        ("constant", "0 min to 0 min"),
        ("heavy", "unstable and no finding"),
    ],
)
def test_odd_columns_are_a_visible_state(column: str, said: str) -> None:
    """Nothing but NaN, numbers of one group alone, one number only, a tail without a variance."""
    odd = {
        "nan": np.full(N, np.nan),
        "one side": np.where(SEX == "f", 1.5, np.nan),
        "constant": np.full(N, 3.0),
        "heavy": np.random.default_rng(0).pareto(1.1, N),
    }
    data = ak.Dataset(frame(**odd), y_true="y", sensitive_features=["sex"])
    report = ak.audit(ak.Predictions("p"), data, checks=[ak.Measured(column, unit="min")], on_error="raise")
    assert said in report.finding(f"fairness/measured[{column}]/difference/sex").statement
    assert render(Report.from_json(report.to_json()))
    if column == "constant":
        assert any("all numbers are alike" in n for n in report.findings[0].notes)


def test_numbers_below_0_have_no_ratio() -> None:
    sums = NumberSums.of(GROUPS, values=WAIT - 20)
    assert not any(f.comparison == "ratio" for f in ak.Measured("x", by=[["sex"]]).assess(sums).findings)
    asked = Question("measured[x]", "ratio", ("sex",))
    answer = measured.answering(sums, asked)
    assert answer is not None
    assert answer.finding("ratio").estimate.value is None
    assert "below 0" in answer.finding("ratio").estimate.note
    assert answer.p_value("ratio", 0.8, above=False) is None


def test_a_callable_makes_numbers_of_decisions_and_scores() -> None:
    """The log loss of each row, which no column holds; one of another length is refused."""
    rows = frame(s=RNG.uniform(0.1, 0.9, N))
    data = ak.Dataset(rows, y_true="y", sensitive_features=["sex"])

    def loss(batch: Batch) -> Any:
        assert batch.score is not None
        return -np.log(np.where(batch.y_true == 1, batch.score, 1 - batch.score))

    report = ak.audit(ak.Predictions("p", "s"), data, checks=[ak.Measured("log loss", better="lower", of=loss)])
    truth = -np.log(np.where(rows["y"] == 1, rows["s"], 1 - rows["s"]))
    f = report.finding("fairness/measured[log loss]/difference/sex")
    assert of_group(f, "m").value == pytest.approx(truth[SEX == "m"].mean())
    assert f.direction == "lower is better"
    with pytest.raises(DataError, match=r"gives shape \(3,\) for 900 rows"):
        ak.audit(ak.Predictions("p"), data, checks=[ak.Measured("x", of=lambda batch: np.zeros(3))])


@pytest.mark.parametrize(
    ("task", "more", "predictions", "told"),
    [
        ("binary", {}, ak.Predictions("p"), "selection_rate"),
        ("binary", {"positive": "yes"}, ak.Predictions("word"), "selection_rate"),
        ("binary", {}, ak.Predictions(score="s", threshold=0.4), "selection_rate"),
        ("multiclass", {"classes": ["a", "b", "c"]}, ak.Predictions("race"), "selection_rate"),
        ("regression", {}, ak.Predictions("wait"), "mean_prediction"),
    ],
)
def test_without_a_truth_what_needs_one_is_not_measured(task: Any, more: Any, predictions: Any, told: str) -> None:
    """What is told is what rows whose every truth is missing but one's would tell."""
    rows = frame(s=RNG.uniform(0, 1, N), word=np.where(np.arange(N) % 3 == 0, "yes", "no"))
    data = ak.Dataset(rows, y_true=None, sensitive_features=["sex"], task=task, **more)
    rule = {"id": "r", "metric": "accuracy", "comparison": "overall", "at_least": 0.5}
    policy = {"rule": [rule]} if task == "binary" else None
    report = ak.audit(predictions, data, policy=policy, on_error="raise")
    metrics = {f.metric for f in report.findings}
    assert told in metrics
    assert not any(METRICS[m].needs_truths for m in metrics)
    assert any("no row has a truth" in n.why for n in report.not_measured)
    assert report.provenance.data.no_truths
    assert "not given: nothing that needs one is measured" in render(Report.from_json(report.to_json()))
    if policy is not None:
        assert report.verdicts[0].status == "not_measured"
        assert "no row of the data has a truth" in report.verdicts[0].reason
        assert ak.judge(Report.from_json(report.to_json()), policy).verdicts == report.verdicts
    with pytest.raises(PolicyError, match="cannot be asked here: no row has a truth"):
        ak.audit(
            predictions, data, checks=[{"binary": "scores", "regression": "regression_change"}.get(task, "examples")]
        )


def test_numbers_alone_need_neither_model_nor_truth() -> None:
    data = ak.Dataset(frame()[["sex", "wait"]], y_true=None, sensitive_features=["sex"])
    report = ak.audit(None, data, checks=[ak.Measured("wait")], on_error="raise")
    assert report.provenance.model.kind == "none"
    assert report.findings
    other = ak.Dataset(frame(wait=WAIT + 1)[["sex", "wait"]], y_true=None, sensitive_features=["sex"])
    again = ak.audit(None, other, checks=[ak.Measured("wait")])
    assert report.provenance.data.sha256 != again.provenance.data.sha256
    assert report.provenance.data.people_sha256 == again.provenance.data.people_sha256
    with pytest.raises(PolicyError, match="'group_fairness' cannot be asked here: nothing is decided"):
        ak.audit(None, data, checks=["group_fairness"])


def test_the_command_line_asks_for_numbers(tmp_path: Path) -> None:
    frame()[["sex", "wait", "ndcg", "p"]].to_csv(tmp_path / "rows.csv", index=False)
    flags = ["run", "--data", str(tmp_path / "rows.csv"), "--sensitive", "sex", "--out", str(tmp_path), "--quiet"]
    status, _, error = run_cli([*flags, "--measured", "wait", "--measured", "ndcg", "--name", "two"])
    assert status == 0, error
    assert list(json.loads((tmp_path / "two.json").read_text())["evidence"]) == ["measured:ndcg", "measured:wait"]
    status, _, error = run_cli([*flags, "--y-pred", "p", "--check", "group_fairness", "--name", "selected"])
    assert status == 0, error
    status, _, error = run_cli([*flags, "--measured", "wiat"])
    assert status == 2
    assert "no column 'wiat' for a measured number" in error
    (tmp_path / "a.toml").write_text(
        '[data]\npath = "rows.csv"\nsensitive_features = ["sex"]\n'
        '[[check]]\nname = "measured"\nnumber = "quality"\ncolumn = "ndcg"\nbetter = "higher"\n'
        '[[rule]]\nid = "q"\nmetric = "measured[quality]"\ncomparison = "ratio"\nby = ["sex"]\nat_least = 0.5\n'
    )
    status, _, error = run_cli(["run", str(tmp_path / "a.toml"), "--out", str(tmp_path), "--quiet"])
    assert status == 0, error
    assert run_cli(["verify", str(tmp_path / "rows.json")])[0] == 0


def test_a_value_that_many_have_stays_where_it_is() -> None:
    """Reciprocal ranks, most of them 1: a few others beside move no distribution by more than their own share."""
    rng = np.random.default_rng(0)
    ranks = np.concatenate([rng.choice([1, 1, 1, 1, 1, 1, 1, 2, 3], 150), rng.choice([1] * 40 + [2], 150)])
    rows = pd.DataFrame({"sex": ["f"] * 150 + ["m"] * 150, "rr": 1 / ranks})
    data = ak.Dataset(rows, y_true=None, sensitive_features=["sex"])
    report = ak.audit(None, data, checks=[ak.Measured("rr")])
    f, m = (rows.loc[rows["sex"] == g, "rr"] for g in "fm")
    told = report.finding("fairness/ks_distance[rr]/difference/sex").estimate.value
    assert told == pytest.approx(stats.ks_2samp(f, m).statistic, abs=9 / 150)
