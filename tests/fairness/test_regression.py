"""Errors of a regression by group: fairlearn's values, scipy's intervals, coverage, and what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, mean_prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

import auditkit as ak
from auditkit.errors import PolicyError
from auditkit.evidence.errors import ErrorSums, GroupMoments
from auditkit.fairness.groups.regression import RegressionFairness, answering, family_from
from auditkit.question import Question
from auditkit.records import Finding
from tests.helpers import reassessing

reassess, p_value = reassessing(answering)

MEANS = ("signed_error", "mean_absolute_error", "root_mean_squared_error", "mean_prediction")


def people(n: int = 600, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Predictions lie too high for women, and farther off for men; c is rare."""
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], n), "race": rng.choice(["a", "b", "c"], n, p=[0.6, 0.39, 0.01])}
    )
    y = rng.normal(100, 20, n)
    woman = groups["sex"].to_numpy() == "f"
    return groups, y, y + np.where(woman, 4.0, 0.0) + rng.normal(size=n) * np.where(woman, 3.0, 9.0)


def found_in(groups: pd.DataFrame, y: Any, p: Any, level: float = 0.95, **options: Any) -> dict[str, Finding]:
    sums = ErrorSums.of(groups, y_true=y, y_pred=p)
    return {f.id: f for f in RegressionFairness(**options).assess(sums, level=level).findings}


def test_values_are_fairlearns() -> None:
    groups, y, p = people()
    frame = MetricFrame(
        metrics={
            "signed_error": lambda a, b: float(np.mean(b - a)),
            "mean_absolute_error": mean_absolute_error,
            "root_mean_squared_error": root_mean_squared_error,
            "mean_prediction": mean_prediction,
        },
        y_true=y,
        y_pred=p,
        sensitive_features=groups["sex"],
    )
    found = found_in(groups, y, p)
    for m in MEANS:
        assert found[f"performance/{m}/overall"].estimate.value == pytest.approx(frame.overall[m], rel=1e-12)
        gap = found[f"fairness/{m}/difference/sex"]
        assert gap.estimate.value == pytest.approx(frame.difference()[m], rel=1e-12)
        for g in gap.by_group:
            assert g.estimate.value == pytest.approx(frame.by_group[m][g.group["sex"]], rel=1e-12)
        assert found[f"fairness/{m}/group_min/sex"].estimate.value == pytest.approx(frame.group_min()[m], rel=1e-12)
        assert found[f"fairness/{m}/group_max/sex"].estimate.value == pytest.approx(frame.group_max()[m], rel=1e-12)


def test_distances_are_scipys() -> None:
    groups, y, p = people()
    found = found_in(groups, y, p)
    f, m = (p[groups["sex"] == s] for s in "fm")
    ks, moved = (found[f"fairness/{x}_distance/difference/sex"] for x in ("ks", "wasserstein"))
    assert ks.estimate.value == pytest.approx(stats.ks_2samp(f, m).statistic, abs=1e-12)
    assert moved.estimate.value == pytest.approx(stats.wasserstein_distance(f, m), rel=1e-12)
    assert (ks.estimate.low, ks.estimate.high) == (None, None)
    assert any("no interval" in n for n in ks.notes)


def test_intervals_of_one_group_are_students() -> None:
    """Without third moments, as older evidence is: scipy's t, and t on the log of the mean square."""
    groups, y, p = people()
    e = (p - y)[groups["sex"] == "m"]
    moments = ErrorSums.of(groups, y_true=y, y_pred=p).moments("sex")._replace(skewness=None)
    for metric, values in (("signed_error", e), ("mean_absolute_error", np.abs(e))):
        own = family_from(moments, metric, ("sex",), level=0.9).by_group[1].estimate
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.9)
        assert (own.low, own.high) == pytest.approx((interval.low, interval.high))
    family = family_from(moments, "root_mean_squared_error", ("sex",), level=0.9)
    own = family.by_group[1].estimate
    mse, se = np.mean(e**2), np.std(e**2, ddof=1) / len(e) ** 0.5
    half = stats.t.ppf(0.95, (e**2).sum() ** 2 / (e**4).sum() - 1) * se / mse
    wanted = np.sqrt(mse * np.exp([-half, half]))
    assert (own.low, own.high) == pytest.approx(tuple(wanted))
    assert any("no third moments" in r for r in family.remarks)


def hall(t: float, k: float) -> float:
    """The root of T + kT²/3 + k²T³/27 + k/6 = t."""
    root: float = optimize.brentq(lambda x: x + k * x**2 / 3 + k**2 * x**3 / 27 + k / 6 - t, -50, 50)
    return root


@pytest.mark.parametrize("kind", ["normal", "exponential", "left"])
def test_skewness_is_corrected_as_hall_says(kind: str) -> None:
    """Slow twin: limits at the roots of Hall's polynomial, k the skewness over √n, or at Student's t where wider."""
    rng = np.random.default_rng(5)
    e = rng.normal(size=200) if kind == "normal" else rng.exponential(size=200) * (1 if kind == "exponential" else -1)
    moments = ErrorSums.of({"sex": ["f"] * 200}, y_true=np.zeros(200), y_pred=e).moments()
    for metric, x in (("signed_error", e), ("root_mean_squared_error", e * e), ("mean_absolute_error", np.abs(e))):
        raw = stats.skew(x)
        k = np.clip(raw / (1 - abs(raw) / 200**0.5) ** (np.log10(200) - 1) / 200**0.5, -0.6, 0.6)
        mean, se, t = x.mean(), stats.sem(x), stats.t.ppf(0.975, 199)
        wanted = np.array([mean - se * max(t, hall(t, k)), mean + se * max(t, -hall(-t, k))])
        wanted = wanted if metric == "signed_error" else np.maximum(wanted, 0)
        wanted = np.sqrt(wanted) if metric == "root_mean_squared_error" else wanted
        own = family_from(moments, metric, (), level=0.95).overall()
        assert (own.low, own.high) == pytest.approx(tuple(wanted)), metric


@pytest.mark.parametrize("metric", ["signed_error", "mean_prediction"])
def test_the_gap_of_two_groups_is_welchs_or_a_little_wider(metric: str) -> None:
    for seed in range(20):
        groups, y, p = people(120, seed)
        values = p - y if metric == "signed_error" else p
        a, b = (values[groups["sex"] == s] for s in "fm")
        welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
        moments = ErrorSums.of(groups, y_true=y, y_pred=p).moments("sex")
        family = family_from(moments._replace(skewness=np.zeros((2, 4))), metric, ("sex",), level=0.95)
        ours = family.interval("difference")
        theirs = max(0.0, welch.low, -welch.high), max(welch.high, -welch.low)
        width = welch.high - welch.low
        assert ours.low <= theirs[0] + 1e-3 * width
        assert theirs[1] - 1e-3 * width <= ours.high <= theirs[1] + 0.03 * width


def test_p_belongs_to_the_interval() -> None:
    groups, y, p = people(200)
    sums = ErrorSums.of(groups, y_true=y, y_pred=p)
    for metric, limit in (("signed_error", 1.0), ("root_mean_squared_error", 1.0), ("mean_absolute_error", 1.0)):
        p_of = p_value(sums, Question(metric, "difference", ("sex",)), limit, above=True)
        assert p_of is not None
        assert 0 < p_of < 1
        for level, beyond in ((1 - p_of * 1.01, True), (1 - p_of * 0.99, False)):
            found = reassess(sums, Question(metric, "difference", ("sex",), level=level))
            assert found is not None
            assert ((found.estimate.low or 0.0) > limit) is beyond


@given(st.permutations(range(60)), st.integers(1, 59))
@settings(max_examples=6, deadline=None)
def test_order_parts_and_names_change_nothing(order: list[int], cut: int) -> None:
    groups, y, p = people(60)
    one = RegressionFairness(by=[["sex"]], metrics=MEANS)
    whole = one.assess(ErrorSums.of(groups, y_true=y, y_pred=p)).findings
    parts = [order[:cut], order[cut:]]
    added = [ErrorSums.of(groups.iloc[i], y_true=y[i], y_pred=p[i]) for i in parts]
    renamed = groups.assign(sex=groups["sex"].map({"f": "zz", "m": "aa"}))
    for other in (added[0] + added[1], ErrorSums.of(renamed, y_true=y, y_pred=p)):
        for a, b in zip(whole, one.assess(other).findings, strict=True):
            for x in ("value", "low", "high"):
                assert getattr(a.estimate, x) == pytest.approx(getattr(b.estimate, x), rel=1e-9, abs=1e-9)


def test_rows_count_in_what_they_have_values_for() -> None:
    groups, y, p = people(100)
    y2, p2 = y.copy(), p.copy()
    y2[:5], p2[5:9] = np.nan, np.nan
    both, predicted = found_in(groups.iloc[9:], y[9:], p[9:]), np.r_[:5, 9 : len(p)]
    alone = found_in(groups.iloc[predicted], y[predicted], p[predicted])
    for id, f in found_in(groups, y2, p2).items():
        if f.metric == "missing_truth":
            assert sum(g.estimate.n for g in f.by_group) == len(predicted)
            continue
        kept = alone if f.metric in ("mean_prediction", "ks_distance", "wasserstein_distance") else both
        assert f.estimate.value == pytest.approx(kept[id].estimate.value, rel=1e-9)
        assert f.estimate.n == kept[id].estimate.n


def test_a_sentence_names_no_gap_that_may_be_chance() -> None:
    rng = np.random.default_rng(3)
    groups = pd.DataFrame({"g": rng.choice(["a", "b"], 80)})
    y = rng.normal(size=80)
    found = found_in(groups, y, y + rng.normal(size=80))
    for f in found.values():
        if f.comparison == "difference":
            assert f.estimate.low is None or f.estimate.low == 0
            assert "established" in f.statement
            assert "%" not in f.statement.replace("95% interval", "")
            assert "points" not in f.statement


def test_small_and_single_groups_are_said() -> None:
    groups, y, p = people()
    gap = found_in(groups, y, p)["fairness/signed_error/difference/race"]
    rare = next(g for g in gap.by_group if g.group["race"] == "c")
    assert rare.estimate.state == "sparse"
    assert "left out, fewer than 10 to count: c" in gap.notes
    one = found_in(groups.assign(sex="f", race="a"), y, p)["fairness/ks_distance/difference/sex"]
    assert one.estimate.value is None
    assert "one group only" in one.estimate.note


def test_options_are_checked() -> None:
    with pytest.raises(PolicyError, match="'accuracy' is no metric of a regression"):
        RegressionFairness(metrics=["accuracy"])
    groups, y, p = people(30)
    with pytest.raises(PolicyError, match=r"no sensitive feature 'sexx'.*Did you mean 'sex'"):
        found_in(groups, y, p, by=["sexx"])
    check = RegressionFairness(by=["sex"], metrics=["rmse"])
    assert RegressionFairness(**check.options()) == check
    assert ak.RegressionFairness is RegressionFairness


def moments_of(names: np.ndarray, groups: int, e: np.ndarray) -> GroupMoments:
    columns = np.stack([e, np.abs(e), e * e, e], axis=1)
    parts = [columns[names == i] for i in range(groups)]
    return GroupMoments(
        tuple((f"g{i}",) for i in range(groups)),
        np.array([len(x) for x in parts]),
        np.array([x.mean(axis=0) for x in parts]),
        np.array([x.var(axis=0, ddof=1) for x in parts]),
        np.array([stats.skew(x, axis=0) for x in parts]),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "groups", "n"),
    [
        ("normal", 2, 12),
        ("normal", 5, 30),
        ("normal", 10, 25),
        ("skewed", 2, 60),
        ("skewed", 5, (400, 60, 80, 50, 100)),
    ],
)
def test_gaps_cover(kind: str, groups: int, n: Any) -> None:
    """Errors of one law in every group: each gap is 0, so its low must be 0; and a gap that is there is inside."""
    rng = np.random.default_rng(7)
    names = np.repeat(np.arange(groups), n)
    runs, wrong, outside = 200, dict.fromkeys(MEANS, 0), 0
    for _ in range(runs):
        e = rng.normal(size=len(names)) if kind == "normal" else rng.exponential(size=len(names)) - 1
        moments = moments_of(names, groups, e)
        for m in MEANS[:3]:
            wrong[m] += family_from(moments, m, ("g",), level=0.95).interval("difference").low > 0
        moved = moments_of(names, groups, e + names / (groups - 1))
        gap = family_from(moved, "signed_error", ("g",), level=0.95).interval("difference")
        outside += not gap.low <= 1 <= gap.high
    for m, count in wrong.items():
        assert count / runs <= 0.08, m
    assert outside / runs <= 0.08
