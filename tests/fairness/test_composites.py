"""Composites against scikit-learn and fairlearn, their intervals against slow twins, and laws."""

from __future__ import annotations

import math

import fairlearn.metrics as fl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics as sk
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.composites import COMPOSITES, CompositeFamily
from auditkit.fairness.families.dispersion import DISPERSIONS
from auditkit.fairness.groups.check import DEFAULT_METRICS, GroupFairness, answering
from auditkit.question import Question
from auditkit.records import Comparison, Finding
from auditkit.stats import tables
from auditkit.stats.rates import wilson
from tests.helpers import reassessing

reassess, _ = reassessing(answering)

Cells = tuple[int, int, int, int]
"""TN, FP, FN, TP"""
A, B, C = (400, 60, 50, 120), (300, 90, 30, 90), (150, 15, 40, 45)


def entropy(truth: np.ndarray, decision: np.ndarray) -> float:
    """Speicher et al. (2018), α = 2, over rows."""
    b = decision - truth + 1
    return float(sum((x / b.mean()) ** 2 - 1 for x in b) / (len(b) * 2 * (2 - 1)))


ON_ROWS = {
    "generalized_entropy_index": entropy,
    "f1": sk.f1_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "average_odds": lambda t, p: (fl.true_positive_rate(t, p) + fl.false_positive_rate(t, p)) / 2,
    "treatment_equality": lambda t, p: float(((t == 1) & (p == 0)).sum() / (t != p).sum()),
}


def rows(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat([0, 0, 1, 1], cells), np.repeat([0, 1, 0, 1], cells)


def tally(**groups: Cells) -> Tally:
    parts = [rows(c) for c in groups.values()]
    g = np.repeat(list(groups), [sum(c) for c in groups.values()])
    return Tally.of(
        {"g": g}, y_true=np.concatenate([t for t, _ in parts]), y_pred=np.concatenate([p for _, p in parts])
    )


def asked(t: Tally, metric: str, comparison: Comparison, **options: object) -> Finding:
    found = reassess(t, Question(metric, comparison, ("g",), level=0.95, **options))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_every_composite_has_an_oracle() -> None:
    assert set(ON_ROWS) == set(COMPOSITES)
    composites = {name for name, m in METRICS.items() if m.kind == "composite" and "binary" in m.tasks}
    assert composites == {*COMPOSITES, "equalized_odds", "equalized_odds_mean", *DISPERSIONS}


cells = st.tuples(*[st.integers(0, 30)] * 4).filter(lambda c: sum(c) > 0)


@given(cells, st.sampled_from(sorted(COMPOSITES)))
def test_values_are_the_oracles_wherever_they_are_defined(c: Cells, metric: str) -> None:
    family = CompositeFamily.of(tally(a=c), metric, ("g",), level=0.95)
    tn, fp, fn, tp = c
    defined = {
        "f1": tp + fp + fn > 0,
        "balanced_accuracy": tp + fn > 0 and tn + fp > 0,
        "average_odds": tp + fn > 0 and tn + fp > 0,
        "mcc": min(tp + fp, tp + fn, tn + fp, tn + fn) > 0,
        "treatment_equality": fp + fn > 0,
        "generalized_entropy_index": fn < sum(c),
    }[metric]
    e = family.estimate(0)
    assert (e.value is not None) == defined == (e.state != "undefined")
    if e.value is not None and e.low is not None and e.high is not None:
        assert e.value == pytest.approx(ON_ROWS[metric](*rows(c)), abs=1e-12)
        assert e.low - 1e-12 <= e.value <= e.high + 1e-12
        assert (-1 if metric == "mcc" else 0) - 1e-12 <= e.low
        assert e.high <= 1 + 1e-12 or metric == "generalized_entropy_index"


def test_where_scikit_learn_invents_a_number_we_do_not() -> None:
    nobody_selected = (50, 0, 20, 0)
    assert sk.matthews_corrcoef(*rows(nobody_selected)) == 0
    e = CompositeFamily.of(tally(a=nobody_selected), "mcc", ("g",), level=0.95).estimate(0)
    assert (e.value, e.low, e.state, e.denominator) == (None, None, "undefined", 0)


def test_intervals_of_one_group_are_slow_twins() -> None:
    def limits(metric: str) -> tuple[float, float]:
        e = CompositeFamily.of(tally(a=A), metric, ("g",), level=0.95).estimate(0)
        assert e.low is not None
        assert e.high is not None
        return e.low, e.high

    tn, fp, fn, tp = A
    j = proportion_confint(tp, tp + fp + fn, method="wilson")
    assert limits("f1") == pytest.approx([2 * x / (1 + x) for x in j], abs=1e-9)
    assert limits("treatment_equality") == pytest.approx(proportion_confint(fn, fn + fp, method="wilson"), abs=1e-9)
    # half of TPR + TNR = half of (TPR − FPR) + ½: Newcombe's interval of a difference, from statsmodels
    newcombe = confint_proportions_2indep(tp, tp + fn, fp, fp + tn, method="newcomb")
    assert limits("balanced_accuracy") == pytest.approx([0.5 + x / 2 for x in newcombe], abs=1e-9)
    newcombe = confint_proportions_2indep(tp, tp + fn, tn, fp + tn, method="newcomb")
    assert limits("average_odds") == pytest.approx([0.5 + x / 2 for x in newcombe], abs=1e-9)
    rng = np.random.default_rng(99)
    gammas = rng.gamma(np.array(A) + 0.5, size=(60_000, 4))
    n, f, m, t = (gammas / gammas.sum(axis=1, keepdims=True)).T
    drawn = (t * n - f * m) / np.sqrt((t + f) * (t + m) * (n + f) * (n + m))
    assert limits("mcc") == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.003)
    mean = 1 + f - m
    drawn = (4 * f + t + n - mean**2) / mean**2 / 2  # half the squared coefficient of variation of the benefits
    assert limits("generalized_entropy_index") == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("p", [(0.5, 0.1, 0.1, 0.3), (0.8, 0.02, 0.05, 0.13), (0.3, 0.3, 0.02, 0.38)])
def test_coverage_of_the_entropy(p: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "DRAWS", 4_000)
    _, fp, fn, _ = p
    true = ((1 + 3 * fp - fn) / (1 + fp - fn) ** 2 - 1) / 2
    drawn = np.random.default_rng(5).multinomial(200, p, 1_500).reshape(-1, 2, 2)
    limits = tables.generalized_entropy_index(drawn, 1.96, wilson)
    assert np.mean((limits.low <= true) & (true <= limits.high)) >= 0.93


def test_gaps_of_two_groups_are_mover() -> None:
    for metric in COMPOSITES:
        e = asked(tally(a=A, b=B), metric, "difference").estimate
        a, b = (CompositeFamily.of(tally(g=c), metric, ("g",), level=0.95).limits for c in (A, B))
        d = float(a.p[0] - b.p[0])
        low = d - math.hypot(float(a.p[0] - a.low[0]), float(b.high[0] - b.p[0]))
        high = d + math.hypot(float(a.high[0] - a.p[0]), float(b.p[0] - b.low[0]))
        assert e.value == pytest.approx(abs(d), abs=1e-12)
        assert e.low == pytest.approx(max(0.0, low, -high), abs=1e-9)
        assert e.high == pytest.approx(max(-low, high), abs=1e-9)


@pytest.mark.parametrize("metric", [m for m in COMPOSITES if "ratio" in METRICS[m].comparisons])
def test_ratios_and_extremes(metric: str) -> None:
    t = tally(a=A, b=B, c=C)
    values = [g.estimate.value for g in asked(t, metric, "difference").by_group]
    known = [v for v in values if v is not None]
    assert len(known) == 3
    for kind, expected in {
        "ratio": min(known) / max(known), "difference": max(known) - min(known),
        "group_min": min(known), "group_max": max(known),
    }.items():  # fmt: skip
        e = asked(t, metric, kind).estimate  # type: ignore[arg-type]
        assert e.value == pytest.approx(expected, abs=1e-12)
        assert e.low is not None
        assert e.high is not None
        assert e.low < expected < e.high


def test_mean_equalized_odds_is_fairlearns_and_its_interval_the_mean_of_both_projections() -> None:
    t = tally(a=A, b=B)
    e = asked(t, "equalized_odds_mean", "difference").estimate
    (ta, pa), (tb, pb) = rows(A), rows(B)
    truth, decision = np.concatenate([ta, tb]), np.concatenate([pa, pb])
    g = np.repeat(["a", "b"], [len(ta), len(tb)])
    expected = fl.equalized_odds_difference(truth, decision, sensitive_features=g, agg="mean")
    assert e.value == pytest.approx(expected, abs=1e-12)
    q = norm.ppf(0.5 + math.sqrt(0.95) / 2)  # two independent pairs: each at the root of the level
    low = high = 0.0
    for k, n in (((120, 90), (170, 120)), ((60, 90), (460, 390))):
        a, b = (wilson(k[i], n[i], q) for i in (0, 1))
        d = float(a.p - b.p)
        lower = d - math.hypot(float(a.p - a.low), float(b.high - b.p))
        upper = d + math.hypot(float(a.high - a.p), float(b.p - b.low))
        low, high = low + max(0, lower, -upper) / 2, high + max(-lower, upper) / 2
    assert (e.low, e.high) == pytest.approx((low, high), abs=1e-6)


def test_average_odds_difference_is_the_definition_with_its_sign() -> None:
    f = asked(tally(a=A, b=B, c=C), "average_odds", "difference_to_reference", reference={"g": "a"})
    (table,) = f.exhibits
    assert table.kind == "table"
    odds = {name: ON_ROWS["average_odds"](*rows(c)) for name, c in {"a": A, "b": B, "c": C}.items()}
    assert [r[0] for r in table.rows] == ["b", "c"]
    assert [r[2] for r in table.rows] == pytest.approx([odds["b"] - odds["a"], odds["c"] - odds["a"]], abs=1e-12)
    assert f.estimate.value == pytest.approx(max(abs(odds[g] - odds["a"]) for g in "bc"), abs=1e-12)


def test_treatment_equality_shows_the_odds() -> None:
    (table,) = asked(tally(a=A, b=(50, 0, 20, 20)), "treatment_equality", "difference").exhibits
    assert table.kind == "table"
    a, b = table.rows
    assert a[:4] == ("a", 50, 60, pytest.approx(50 / 60))
    assert b[3] is None, "nobody wrongly selected: FN / FP is unbounded, not a number"


def test_the_check_takes_composites_and_its_default_stays() -> None:
    assert GroupFairness().metrics == DEFAULT_METRICS
    t = tally(a=A, b=B)
    check = GroupFairness(metrics=["f1_score", "mcc", "equalized_odds_mean", "average_odds", "accuracy"])
    ids = [f.id for f in check.assess(t).findings]
    assert len(ids) == len(set(ids))
    assert {
        "performance/f1/overall", "performance/mcc/overall", "fairness/f1/difference/g", "fairness/f1/ratio/g",
        "fairness/mcc/difference/g", "fairness/equalized_odds_mean/difference/g", "fairness/average_odds/difference/g",
    } <= set(ids)  # fmt: skip
    assert "performance/average_odds/overall" not in ids
    assert "fairness/mcc/ratio/g" not in ids
    assert GroupFairness(**check.options()) == check


def test_laws_same_seed_any_order_and_parts() -> None:
    check = GroupFairness(metrics=sorted(COMPOSITES))
    whole = check.assess(tally(a=A, b=B, c=C)).findings
    parts = check.assess(tally(c=C) + tally(b=B) + tally(a=A)).findings
    assert whole == parts
    swapped = asked(tally(a=B, b=A), "mcc", "difference").estimate
    assert swapped == asked(tally(a=A, b=B), "mcc", "difference").estimate


def test_no_gap_is_named_that_the_interval_does_not_show() -> None:
    t = tally(a=(40, 10, 10, 40), b=(41, 9, 10, 40))
    for f in GroupFairness(metrics=[*COMPOSITES, "equalized_odds_mean"], reference={"g": "a"}).assess(t).findings:
        if f.concern == "fairness":
            assert "established" in f.statement or "is shown to differ" in f.statement, f.statement
    different = tally(a=(450, 50, 50, 450), b=(300, 200, 300, 200))
    found = {f.id: f for f in GroupFairness(metrics=["mcc", "f1"], reference={"g": "a"}).assess(different).findings}
    assert "a difference of 0.80" in found["fairness/mcc/difference/g"].statement
    assert ", farthest from a, " in found["fairness/f1/ratio_to_reference/g=a"].statement


def test_nothing_to_count_nothing_to_compare() -> None:
    t = tally(a=A, b=(30, 0, 0, 0))
    e = asked(t, "f1", "difference").estimate
    assert (e.value, e.state) == (None, "undefined")
    empty = Tally.of({"g": []}, y_true=[], y_pred=[])
    check = GroupFairness(metrics=[*COMPOSITES, "equalized_odds_mean"])
    assert all(f.estimate.value is None for f in check.assess(empty).findings)
