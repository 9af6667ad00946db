"""Standardised rates and Mantel–Haenszel. Oracles: statsmodels, slow twins from the papers, simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

from auditkit.stats.families import of_rates
from auditkit.stats.rates import critical_value, wilson
from auditkit.stats.stratified import mantel_haenszel, standardized

Z = critical_value(0.95)
counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
strata = st.lists(st.tuples(counts, counts), min_size=1, max_size=6)
Strata = list[tuple[tuple[int, int], tuple[int, int]]]


def arrays(cells: Strata) -> tuple[np.ndarray, np.ndarray]:
    x, n = (np.array([[g[i] for g in s] for s in cells]).T for i in (0, 1))
    return x, n


@given(strata)
def test_standardised_rates_are_the_definition(cells: Strata) -> None:
    x, n = arrays(cells)
    found = standardized(x, n)
    total = sum(a[1] + b[1] for a, b in cells)
    for g in (0, 1):
        p = variance = mean = 0.0
        for stratum in cells:
            w = sum(n_ for _, n_ in stratum) / total
            k, rows = stratum[g]
            smooth = (k + 0.5) / (rows + 1)
            p, mean = p + w * k / rows, mean + w * smooth
            variance += w**2 * smooth * (1 - smooth) / rows
        assert found.p[g] == pytest.approx(p, abs=1e-12)
        assert found.effective_n[g] == pytest.approx(mean * (1 - mean) / variance, rel=1e-9)


@given(counts, counts)
def test_one_stratum_is_the_plain_rate(a: tuple[int, int], b: tuple[int, int]) -> None:
    x, n = arrays([(a, b)])
    found = standardized(x, n)
    assert found.effective_n == pytest.approx(n[:, 0], rel=1e-9)
    plain, ours = wilson(x[:, 0], n[:, 0], Z), wilson(found.p * found.effective_n, found.effective_n, Z)
    assert ours.low == pytest.approx(plain.low, abs=1e-9)
    assert ours.high == pytest.approx(plain.high, abs=1e-9)


def test_mantel_haenszel_is_statsmodels_and_the_papers() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        n = rng.integers(5, 80, (2, 4))
        x = rng.binomial(n, rng.uniform(0.1, 0.9, (1, 4)))
        found = mantel_haenszel(x, n)
        tables = [np.array([[x[1, s], n[1, s] - x[1, s]], [x[0, s], n[0, s] - x[0, s]]]) for s in range(4)]
        assert found.ratio == pytest.approx(StratifiedTable(tables).riskratio_pooled, rel=1e-9)
        top = bottom = p_sum = q_sum = greenland = r = s_ = 0.0
        for t in tables:
            (a, b), (c, d) = t.astype(float)
            n1, n0 = a + b, c + d
            total = n1 + n0
            top, bottom = top + (a * n0 - c * n1) / total, bottom + n1 * n0 / total
            p_sum += (n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / total**2
            q_sum += (a * d + c * b) / (2 * total)
            greenland += (n1 * n0 * (a + c) - a * c * total) / total**2
            r, s_ = r + a * n0 / total, s_ + c * n1 / total
        difference = top / bottom
        assert found.difference == pytest.approx(difference, abs=1e-12)
        assert found.difference_error == pytest.approx(math.sqrt(difference * p_sum + q_sum) / bottom, rel=1e-9)
        assert found.log_ratio_error == pytest.approx(math.sqrt(greenland / (r * s_)), rel=1e-9)


def test_mantel_haenszel_of_one_stratum_is_the_plain_difference() -> None:
    found = mantel_haenszel([[30], [45]], [[100], [120]])
    assert found.difference == pytest.approx(45 / 120 - 0.3)
    assert found.ratio == pytest.approx(45 / 120 / 0.3)
    assert found.log_ratio_error == pytest.approx(math.sqrt(1 / 45 - 1 / 120 + 1 / 30 - 1 / 100))
    assert found.difference_error == pytest.approx(math.sqrt(0.3 * 0.7 / 100 + 0.375 * 0.625 / 120), rel=0.02)


def test_nobody_selected_has_no_ratio() -> None:
    assert math.isnan(mantel_haenszel([[0, 0], [3, 2]], [[10, 10], [10, 10]]).ratio)
    assert mantel_haenszel([[3, 2], [0, 0]], [[10, 10], [10, 10]]).ratio == 0
    assert math.isnan(mantel_haenszel([[3, 2], [0, 0]], [[10, 10], [10, 10]]).log_ratio_error)


def test_the_two_standard_errors_are_those_of_repetition() -> None:
    rng = np.random.default_rng(1)
    n, p = np.array([[60, 150, 40], [120, 50, 80]]), np.array([0.2, 0.5, 0.7])
    found = [mantel_haenszel(rng.binomial(n, p), n) for _ in range(4_000)]
    assert np.std([m.difference for m in found]) == pytest.approx(
        np.mean([m.difference_error for m in found]), rel=0.05
    )
    assert np.std([np.log(m.ratio) for m in found]) == pytest.approx(
        np.mean([m.log_ratio_error for m in found]), rel=0.05
    )


@pytest.mark.parametrize(("low", "rows"), [(0.02, 60), (0.05, 20), (0.3, 8), (0.5, 150)])
def test_coverage_of_the_gap_at_equal_strata(low: float, rows: int) -> None:
    rng = np.random.default_rng(2)
    n = np.array([[rows, 3 * rows, 2 * rows], [3 * rows, rows, rows]])
    p = np.array([[low, 0.3, 0.6], [low, 0.4, 0.7]])
    weight = n.sum(axis=0) / n.sum()
    true = abs(float(weight @ (p[0] - p[1])))
    inside, runs = 0, 1_500
    for _ in range(runs):
        s = standardized(rng.binomial(n, p), n)
        g = of_rates("difference", s.p * s.effective_n, s.effective_n, level=0.95)
        inside += g.low <= true <= g.high
    assert inside / runs >= 0.93


def test_equal_within_strata_is_no_gap_whatever_the_mix() -> None:
    rng = np.random.default_rng(3)
    n = np.array([[400, 40], [40, 400]])
    hits = [standardized(rng.binomial(n, [0.1, 0.8]), n) for _ in range(1_000)]
    gaps = [of_rates("difference", s.p * s.effective_n, s.effective_n, level=0.95) for s in hits]
    assert np.mean([g.low > 0 for g in gaps]) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1_000)
    raw = wilson(n @ [0.1, 0.8], n.sum(axis=1), Z).p
    assert raw[1] - raw[0] > 0.5
