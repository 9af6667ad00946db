"""The spread of rates between groups. Oracles: a slow twin from the definition, scipy's χ², simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chndtrinc
from scipy.stats import chi2, ncx2, norm

from auditkit.stats.dispersion import dispersion, dispersion_p
from auditkit.stats.quadratic import FAR, noncentral_limits, noncentrality

counts = st.integers(2, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
groups = st.lists(counts, min_size=2, max_size=8)


@given(groups)
def test_the_value_is_the_definition(cells: list[tuple[int, int]]) -> None:
    k, n = zip(*cells, strict=True)
    rates = [a / b for a, b in cells]
    mean = sum(rates) / len(rates)
    squared = sum((p - mean) ** 2 for p in rates) / (len(rates) - 1)
    smooth = [(a + 0.5) / (b + 1) for a, b in cells]
    chance = sum(p * (1 - p) / (b - 1) for p, b in zip(smooth, n, strict=True)) / len(rates)
    d = dispersion(k, n, level=0.95)
    assert d.value == pytest.approx(max(0.0, squared - chance) ** 0.5, abs=1e-7)
    assert d.raw == pytest.approx(squared**0.5, abs=1e-9)
    assert 0 <= d.low <= d.value <= d.high


def test_equal_groups_have_the_exact_law() -> None:
    k, n = np.array([30, 45, 60, 40]), np.array([100] * 4)
    smooth = (k + 0.5) / 101
    v = (smooth * (1 - smooth) / 99).mean()  # equal variances: (K − 1) S²/v is a noncentral χ² with K − 1 df
    same = dispersion(k, n, level=0.95)
    low, high = noncentral_limits(float((k / 100).var(ddof=1)), np.full(3, v / 3), 1.959964)
    assert (same.low, same.high) == pytest.approx((low**0.5, high**0.5), rel=0.01)
    x = 3 * (k / 100).var(ddof=1) / v
    assert ncx2.sf(x, 3, 3 * low / v) == pytest.approx(0.025, abs=1e-6)
    assert ncx2.cdf(x, 3, 3 * high / v) == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_p_is_where_the_interval_touches_the_limit(level: float) -> None:
    k, n = [30, 45, 60, 5], [100, 100, 150, 40]
    d = dispersion(k, n, level=level)
    assert dispersion_p(k, n, d.low, above=True) == pytest.approx(1 - level, abs=1e-6)
    assert dispersion_p(k, n, d.high, above=False) == pytest.approx(1 - level, abs=1e-6)


NULL = [(2, 0.3, 200), (5, 0.3, 100), (5, 0.05, 100), (20, 0.1, 50)]


@pytest.mark.parametrize(("k", "p", "n"), NULL)
def test_without_disparity_the_square_is_unbiased_and_nothing_is_found(k: int, p: float, n: int) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.binomial(n, p, (20_000, k))
    rates, smooth = drawn / n, (drawn + 0.5) / (n + 1)
    chance = p * (1 - p) / n
    excess = rates.var(axis=1, ddof=1) - (smooth * (1 - smooth) / (n - 1)).mean(axis=1)
    assert abs(excess.mean()) < 0.12 * chance
    found = [dispersion(x, [n] * k, level=0.95) for x in drawn[:400]]
    assert np.mean([d.low > 0 for d in found]) <= 0.025 + 3 * (0.025 * 0.975 / 400) ** 0.5
    assert np.mean([d.value for d in found]) < 0.7 * np.mean([d.raw for d in found])


@pytest.mark.parametrize(
    ("p", "n"),
    [
        ([0.2, 0.3], [100, 300]),
        ([0.3, 0.35, 0.4], [100, 200, 5_000]),
        (np.linspace(0.1, 0.5, 8), [20, 50, 100, 200, 400, 800, 1_600, 4_000]),
        (np.linspace(0.01, 0.05, 10), [300] * 10),
    ],
)
def test_coverage(p: np.ndarray, n: list[int]) -> None:
    rng = np.random.default_rng(1)
    true = float(np.std(p, ddof=1))
    found = [dispersion(rng.binomial(n, p), n, level=0.95) for _ in range(400)]
    assert np.mean([d.low <= true <= d.high for d in found]) >= 0.92


@pytest.mark.parametrize("z", [-3.0, -1.96, 0.5, 1.96, 3.0])
@pytest.mark.parametrize("df", [0.4, 3.0, 60.0])
@pytest.mark.parametrize("x", [0.01, 2.0, 70.0, 4e4])
def test_a_noncentrality_is_where_scipys_law_has_its_tail(x: float, df: float, z: float) -> None:
    found = noncentrality(x, df, z)
    if found:
        assert ncx2.cdf(x, df, found) == pytest.approx(norm.cdf(z), rel=1e-9)
    else:
        assert chi2.cdf(x, df) <= norm.cdf(z)


@pytest.mark.parametrize("z", [-5.0, 1.96])
def test_far_out_a_noncentrality_goes_on_as_it_was(z: float) -> None:
    for x in (FAR * 0.99, FAR * 1.01):
        near = chndtrinc(x, 7.0, norm.cdf(z))
        gave_up = x > FAR and near == 1e-300  # scipy 1.13 has no number there
        assert gave_up or noncentrality(x, 7.0, z) == pytest.approx(near, rel=1e-11)
    assert noncentrality(1e15, 7.0, z) == pytest.approx(1e15 - 2 * z * 1e15**0.5, rel=1e-12)
