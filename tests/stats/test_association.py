"""Association and fit against scipy, the formula by hand, and what the limits promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare
from scipy.stats.contingency import association

from auditkit.stats.association import cramers_v, goodness_of_fit


@pytest.mark.parametrize("seed", range(5))
def test_uncorrected_v_and_p_are_scipys_and_the_correction_is_bergsmas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 200, (rng.integers(2, 6), rng.integers(2, 4)))
    ours = cramers_v(table, level=0.95)
    oracle = chi2_contingency(table, correction=False)
    assert ours.uncorrected == pytest.approx(association(table, method="cramer"))
    assert ours.p == pytest.approx(oracle.pvalue, rel=1e-8, abs=1e-300)
    assert ours.least_expected == pytest.approx(oracle.expected_freq.min())
    (r, c), n = table.shape, table.sum()
    phi2 = max(0, oracle.statistic / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    assert ours.value == pytest.approx(np.sqrt(phi2 / least))
    assert ours.low <= ours.value <= ours.high


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.3])
def test_limits_cover(gap: float) -> None:
    rng = np.random.default_rng(3)
    p, runs, covered = np.array([0.3, 0.3 + gap]), 200, 0
    pooled = p.mean()
    truth = np.sqrt(((p - pooled) ** 2).mean() / (pooled * (1 - pooled)))
    for _ in range(runs):
        rows = np.bincount(rng.integers(0, 2, 400), minlength=2)
        k = rng.binomial(rows, p)
        v = cramers_v(np.column_stack([k, rows - k]), level=0.95)
        covered += v.low <= truth + 1e-12 and truth <= v.high
    assert covered / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)


def test_low_is_zero_exactly_without_significance_and_large_tables_work() -> None:
    for k in range(30, 60):
        v = cramers_v([[30, 70], [k, 100 - k]], level=0.9)
        assert (v.low > 0) == (v.p < 0.05)
    big = cramers_v([[400_000, 100_000], [100_000, 400_000]], level=0.95)
    assert big.value == pytest.approx(0.6, abs=1e-5)
    assert 0.598 < big.low < big.value < big.high < 0.602
    assert np.isnan(cramers_v([[3, 4], [0, 0]], level=0.95).value)


def test_fit_is_scipys_chisquare() -> None:
    k, share = [30, 50, 20], [0.4, 0.4, 0.2]
    assert goodness_of_fit(k, share) == pytest.approx(chisquare(k, np.array(share) * 100).pvalue)
    assert goodness_of_fit([3, 0], [1.0, 0.0]) != goodness_of_fit([3, 0], [1.0, 0.0])
    assert goodness_of_fit([3, 1, 1], [0.5, 0.5, 0.0]) == 0
