"""Effective counts, Student's laws and correlated MOVER: oracles statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from auditkit.evidence.sizes import Clusters
from auditkit.stats import effective, pairs, pvalues
from auditkit.stats.joint import joint_quantile
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.ranges import range_ppf, range_sf
from auditkit.stats.rates import Limits, critical_value, sidak_value, wilson


@pytest.mark.parametrize("groups", [2, 3, 20])
@pytest.mark.parametrize("df", [1, 9, 1_000])
def test_studentized_range(groups: int, df: float) -> None:
    for q in (0.5, 3.0, 5.0):
        assert range_sf(q, groups, df) == pytest.approx(stats.studentized_range.sf(q, groups, df), abs=2e-6)
    if df >= 9:
        q = range_ppf(0.95, groups, df)
        assert stats.studentized_range.sf(q, groups, df) == pytest.approx(0.05, abs=2e-6)


def test_critical_values_and_tails_with_degrees_of_freedom() -> None:
    assert critical_value(0.9, 7) == pytest.approx(stats.t.ppf(0.95, 7))
    assert sidak_value(0.9, 3, 7) == pytest.approx(stats.t.ppf(0.5 + 0.9 ** (1 / 3) / 2, 7))
    assert family_quantile(0.95, 2, 7) == pytest.approx(stats.t.ppf(0.975, 7))
    assert pvalues.tail(2.5, 2, "pairs", 7) == pytest.approx(2 * stats.t.sf(2.5, 7))
    assert pvalues.tail(2.5, 3, "separate", 7) == pytest.approx(1 - (1 - 2 * stats.t.sf(2.5, 7)) ** 3)
    inside = stats.studentized_range.cdf(joint_quantile(0.95, (3, 4), 20) * 2**0.5, [3, 4], 20)
    assert inside.prod() == pytest.approx(0.95, abs=1e-5)


def sample(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = 200
    return (rng.random(n) < 0.3).astype(float), rng.exponential(size=n), rng.integers(0, 25, n)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_variance_is_that_of_a_weighted_regression_on_a_constant(seed: int) -> None:
    y, w, _ = sample(seed)
    sums = [np.array([x]) for x in (w @ y, w @ (1 - y), w**2 @ y, w**2 @ (1 - y))]
    fit = sm.WLS(y, np.ones(len(y)), weights=w).fit(cov_type="HC0")
    p = fit.params[0]
    assert effective.weighted_variance(*sums)[0] == pytest.approx(fit.bse[0] ** 2, rel=1e-9)
    expected = min(p * (1 - p) / fit.bse[0] ** 2, w.sum() ** 2 / (w**2).sum())
    assert effective.effective_rows(*sums)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_replicates_give_the_cluster_robust_variance(seed: int) -> None:
    y, w, who = sample(seed)
    rng = np.random.default_rng(seed)
    times = rng.poisson(1.0, (25, 8_000))[who]
    success, failure = np.array([w @ y]), np.array([w @ (1 - y)])
    errors = effective.errors(success, failure, ((w * y) @ times)[None], ((w * (1 - y)) @ times)[None])
    fit = sm.WLS(y, np.ones(len(y)), weights=w).fit(
        cov_type="cluster", cov_kwds={"groups": who, "use_correction": False}
    )
    assert (errors**2).mean() == pytest.approx(fit.bse[0] ** 2, rel=0.05)
    variance = effective.mean_square(errors, np.full(8_000, 1 / 8_000))
    n = effective.clustered_rows(fit.params, np.array([1e9]), variance, np.array([25.0]), np.array([1e9]))
    assert n[0] == pytest.approx(fit.params[0] * (1 - fit.params[0]) / fit.bse[0] ** 2, rel=0.05)


def test_extremes_of_effective_rows() -> None:
    w = np.array([1.0, 2.0, 3.0])
    kish = w.sum() ** 2 / (w**2).sum()
    for sums in ((w.sum(), 0, (w**2).sum(), 0), (0, w.sum(), 0, (w**2).sum())):
        assert effective.effective_rows(*(np.array([float(x)]) for x in sums))[0] == pytest.approx(kish)
    assert effective.effective_rows(*np.zeros((4, 1))).tolist() == [0.0]
    times = np.random.default_rng(0).poisson(1.0, (3, 50_000))
    square = effective.mean_square((w @ times - 6)[None], np.full(50_000, 1 / 50_000))
    clusters = Clusters.estimated(np.array([6.0]), square, np.array([1e9]))
    n = effective.clustered_rows(np.array([0.0]), np.array([99.0]), np.zeros(1), clusters.n, clusters.n)
    assert n[0] == pytest.approx(kish, rel=0.05)


def test_correlated_difference_of_symmetric_limits_is_the_normal_one() -> None:
    a, b = (
        Limits(np.array([p]), np.array([p - 1.96 * s]), np.array([p + 1.96 * s])) for p, s in ((0.5, 0.1), (0.3, 0.05))
    )
    d = pairs.difference(a, b, np.array([0.4]))
    half = 1.96 * np.sqrt(0.1**2 + 0.05**2 - 2 * 0.4 * 0.1 * 0.05)
    assert (d.low[0], d.high[0]) == pytest.approx((0.2 - half, 0.2 + half))


@pytest.mark.parametrize("rho", [-0.8, 0.0, 0.3, 0.9])
def test_correlated_ratio_is_where_the_correlated_difference_touches_zero(rho: float) -> None:
    """MOVER-R by its definition: the r at which the lower limit of p_a − r p_b is 0."""
    a, b = wilson(np.array([30.0]), np.array([100.0]), 1.96), wilson(np.array([45.0]), np.array([90.0]), 1.96)

    def limit(r: float) -> float:
        scaled = Limits(*(r * x for x in b))
        return float(pairs.difference(a, scaled, np.array([rho])).low[0])

    found = pairs.ratio(a, b, np.array([rho]))
    assert found.low[0] == pytest.approx(optimize.brentq(limit, 1e-6, float(found.value[0])), rel=1e-9)
    assert found.high[0] == pytest.approx(1 / pairs.ratio(b, a, np.array([rho])).low[0])
    assert found.low[0] < found.value[0] < found.high[0]


def test_no_correlation_is_correlation_zero() -> None:
    a, b = wilson([3, 30], [10, 100], 1.96), wilson([0, 45], [20, 90], 1.96)
    for f in (pairs.difference, pairs.ratio):
        for x, y in zip(f(a, b), f(a, b, np.zeros(2)), strict=True):
            np.testing.assert_allclose(x, y)
