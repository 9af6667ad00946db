"""Scores: what the check finds is what scikit-learn finds over rows; gaps and their p; groups too small; bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from auditkit.catalogue.index import METRICS
from auditkit.errors import PolicyError
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.check import Scores, answering
from auditkit.fairness.scores.values import CROSSED, READ
from auditkit.question import Question
from auditkit.records import Comparison, Curve, Finding
from tests.helpers import reassessing

reassess, p_value = reassessing(answering)

SCORED = (*READ, *CROSSED)


def frame(seed: int, sizes: dict[str, int], shift: dict[str, float] | None = None) -> pd.DataFrame:
    """Calibrated scores, but for `shift`, which is added to the log-odds of a group's truth."""
    rng = np.random.default_rng(seed)
    g = np.repeat(list(sizes), list(sizes.values()))
    s = expit(rng.normal(-0.3, 1.3, g.size))
    p = expit(np.log(s / (1 - s)) + np.array([(shift or {}).get(x, 0.0) for x in g]))
    return pd.DataFrame({"g": g, "s": s, "y": (rng.random(g.size) < p).astype(int)})


def histogram(rows: pd.DataFrame) -> ScoreHistogram:
    return ScoreHistogram.of(rows[["g"]], y_true=rows["y"], y_pred=(rows["s"] >= 0.5).astype(int), score=rows["s"])


def found(rows: pd.DataFrame, level: float = 0.95) -> dict[str, Finding]:
    return {f.id: f for f in Scores().assess(histogram(rows), level=level).findings}


ROWS = frame(0, {"a": 900, "b": 500, "c": 300}, {"a": 0.0, "b": 1.0})


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    return found(ROWS)


def values(f: Finding) -> dict[str, float]:
    return {g.group["g"]: g.estimate.value for g in f.by_group if g.estimate.value is not None}


def test_auc_is_scikit_learns(findings: dict[str, Finding]) -> None:
    by_group = {k: roc_auc_score(v["y"], v["s"]) for k, v in ROWS.groupby("g")}
    assert values(findings["fairness/roc_auc/difference/g"]) == pytest.approx(by_group, abs=1e-3)
    assert findings["performance/roc_auc/overall"].estimate.value == pytest.approx(
        roc_auc_score(ROWS["y"], ROWS["s"]), abs=1e-3
    )
    gap, least = (findings[f"fairness/roc_auc/{c}/g"].estimate for c in ("difference", "group_min"))
    assert gap.value == pytest.approx(max(by_group.values()) - min(by_group.values()), abs=2e-3)
    assert least.value == pytest.approx(min(by_group.values()), abs=1e-3)


@pytest.mark.parametrize(("metric", "truth"), [("bpsn_auc", 0), ("bnsp_auc", 1)])
def test_crossed_auc_is_scikit_learns(findings: dict[str, Finding], metric: str, truth: int) -> None:
    expected = {}
    for k in "abc":
        rows = ROWS[((ROWS["g"] == k) & (ROWS["y"] == truth)) | ((ROWS["g"] != k) & (ROWS["y"] != truth))]
        expected[k] = roc_auc_score(rows["y"], rows["s"])
    assert values(findings[f"fairness/{metric}/group_min/g"]) == pytest.approx(expected, abs=1e-3)


def test_in_the_large_is_numpys_and_names_who_is_scored_too_low(findings: dict[str, Finding]) -> None:
    f = findings["calibration/calibration_in_the_large/difference/g"]
    assert values(f) == pytest.approx({k: (v["y"] - v["s"]).mean() for k, v in ROWS.groupby("g")}, abs=1e-9)
    assert f.estimate.low is not None
    assert f.estimate.low > 0
    assert "b" in f.statement
    assert "too low" in f.statement


def test_curves_go_with_findings(findings: dict[str, Finding]) -> None:
    (reliability,) = findings["calibration/calibration_error/group_max/g"].exhibits
    (roc,) = findings["fairness/roc_auc/difference/g"].exhibits
    assert isinstance(reliability, Curve)
    assert isinstance(roc, Curve)
    assert [s.name for s in reliability.series] == ["a", "b", "c"]
    assert [sum(s.n) for s in reliability.series] == [900, 500, 300]
    assert all((s.x[0], s.y[0], s.x[-1], s.y[-1]) == (0, 0, 1, 1) for s in roc.series)


@pytest.mark.parametrize("metric", SCORED)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_an_interval_lies_beyond_a_limit_exactly_when_p_is_small(metric: str, level: float) -> None:
    h = histogram(ROWS)
    for comparison in METRICS[metric].comparisons:
        by = () if comparison == "overall" else ("g",)
        asked = Question(metric, comparison, by, level=level)
        f = reassess(h, asked)
        assert f is not None
        e = f.estimate
        for side, above in ((e.low, True), (e.high, False)):
            if side is None or (above and side <= 0):
                continue
            step = 1e-4 * max(1.0, abs(side))
            outside, inside = (side - step, side + step) if above else (side + step, side - step)
            p = [p_value(h, asked, x, above=above) for x in (outside, inside)]
            assert p[0] is not None
            assert p[1] is not None
            assert p[0] < 1 - level < p[1], (comparison, above, p)


def test_equal_groups_show_no_gap() -> None:
    """Few of 30 audits of groups that are alike establish a gap of any score metric."""
    wrong = dict.fromkeys(SCORED, 0)
    for seed in range(30):
        h = histogram(frame(seed, {"a": 400, "b": 400, "c": 150}))
        for metric in SCORED:
            f = reassess(h, Question(metric, "difference", ("g",), level=0.95))
            assert f is not None
            wrong[metric] += (f.estimate.low or 0.0) > 0
    assert max(wrong.values()) <= 6, wrong  # P(more than 6 of 30 at 5%) is .0006


def test_a_gap_that_is_not_established_names_nobody() -> None:
    f = found(frame(4, {"alpha": 300, "beta": 300}))["fairness/roc_auc/difference/g"]
    assert not f.estimate.low
    assert "alpha" not in f.statement
    assert "no gap between groups of g is established" in f.statement


def test_small_groups_are_listed_and_left_out() -> None:
    rows = pd.concat([ROWS, frame(2, {"tiny": 8}), pd.DataFrame({"g": ["one"] * 30, "s": [0.4] * 30, "y": [0] * 30})])
    fs = found(rows)
    gap = fs["fairness/roc_auc/difference/g"]
    states = {g.group["g"]: g.estimate.state for g in gap.by_group}
    assert (states["tiny"], states["one"], states["a"]) == ("sparse", "undefined", "ok")
    assert any("tiny" in n for n in gap.notes)
    assert any("one" in n for n in gap.notes)
    error = {g.group["g"]: g.estimate.state for g in fs["calibration/calibration_error/group_max/g"].by_group}
    assert (error["tiny"], error["one"]) == ("sparse", "sparse")
    assert "tiny" in " ".join(fs["fairness/abroca/difference/g"].notes)


@pytest.mark.parametrize("constant", [0.3, 0.0, 1.0])
def test_constant_scores_are_no_ranking_and_no_fit(constant: float) -> None:
    rows = ROWS.assign(s=constant)
    fs = found(rows)
    assert fs["performance/roc_auc/overall"].estimate.value == 0.5
    slope = fs["calibration/calibration_slope/overall"].estimate
    assert (slope.value, slope.state) == (None, "undefined")
    assert "undefined" in fs["calibration/calibration_slope/overall"].statement


def test_one_group_has_nothing_to_compare() -> None:
    result = Scores().assess(histogram(frame(0, {"a": 300})))
    gap = next(f for f in result.findings if f.id == "fairness/roc_auc/difference/g")
    assert (gap.estimate.value, gap.estimate.state) == (None, "undefined")
    assert {n.what for n in result.not_measured} >= {"the area between ROC curves by g"}


def test_without_scores_it_says_so() -> None:
    h = ScoreHistogram.of({"g": ["a", "b"]}, y_true=[0, 1], y_pred=[0, 1], score=[np.nan, np.nan])
    result = Scores().assess(h)
    assert result.findings == ()
    assert {(n.concern, n.why) for n in result.not_measured} == {
        ("calibration", "no score column"),
        ("mitigation", "no score column"),
    }


def test_unknown_attributes_are_named() -> None:
    with pytest.raises(PolicyError, match="no sensitive feature 'h'"):
        Scores(by=[["h"]]).assess(histogram(ROWS))
    assert reassess(histogram(ROWS), Question("roc_auc", "difference", ("h",), level=0.95)) is None


def test_rows_left_out_are_noted() -> None:
    s: NDArray[np.float64] = ROWS["s"].to_numpy().copy()
    s[:7] = np.nan
    h = ScoreHistogram.of(ROWS[["g"]], y_true=ROWS["y"], y_pred=ROWS["y"], score=s)
    assert "7 rows left out: their score is missing" in Scores().assess(h).findings[0].notes


@pytest.mark.parametrize("metric", SCORED)
def test_min_n_leaves_groups_out(metric: str) -> None:
    comparison: Comparison = "difference"
    f = reassess(histogram(ROWS), Question(metric, comparison, ("g",), level=0.95, min_n=400))
    assert f is not None
    assert "c" in " ".join(n for n in f.notes if n.startswith("left out"))


def test_miscalibration_that_may_be_chance_is_not_stated_and_names_nobody() -> None:
    fs = found(frame(4, {"alpha": 700, "beta": 700}))
    for metric in ("calibration_error", "cumulative_calibration_error"):
        everybody, worst = (fs[f"calibration/{metric}/{c}"] for c in ("overall", "group_max/g"))
        assert everybody.estimate.low == worst.estimate.low == 0
        assert everybody.statement.startswith("No miscalibration is established: ")
        assert "none is established in any group of g" in worst.statement
        assert "alpha" not in worst.statement
        assert "beta" not in worst.statement


def test_miscalibration_is_stated_where_it_is_sure(findings: dict[str, Finding]) -> None:
    worst = findings["calibration/calibration_error/group_max/g"]
    assert worst.estimate.low is not None
    assert worst.estimate.low > 0
    assert "for b, the highest value of the groups of g" in worst.statement
