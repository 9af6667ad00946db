"""A part against the rest: scipy's Welch, the definition of MOVER, and p-values that agree with intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm, ttest_ind

from auditkit.stats.rest import Sums, difference, lower_of_size, p_value


def sums(x: np.ndarray) -> Sums:
    return Sums(*(np.array([v], float) for v in (len(x), x.sum(), (x * x).sum())))


def counts(k: int, n: int) -> Sums:
    return Sums(*(np.array([v], float) for v in (n, k, k)))


@pytest.mark.parametrize("seed", range(5))
def test_means_are_scipys_welch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.3, 1, 30), rng.normal(0, 2, 200)
    oracle = ttest_ind(a, b, equal_var=False)
    ours = difference(sums(a), sums(b), level=0.9, rates=False)
    limits = oracle.confidence_interval(0.9)
    np.testing.assert_allclose([ours.low[0], ours.high[0]], [limits.low, limits.high], rtol=1e-9)
    np.testing.assert_allclose(p_value(sums(a), sums(b), rates=False)[0], oracle.pvalue, rtol=1e-9)


@given(k=st.integers(0, 30), n=st.integers(30, 60), K=st.integers(0, 300), level=st.floats(0.5, 0.9999))
def test_rates_are_mover_on_beta_limits_and_p_agrees(k: int, n: int, K: int, level: float) -> None:
    def limits(k: int, n: int) -> tuple[float, float]:
        tail = (1 - level) / 2
        low = 0.0 if k == 0 else beta.ppf(tail, k + 0.5, n - k + 0.5)
        return low, 1.0 if k == n else beta.ppf(1 - tail, k + 0.5, n - k + 0.5)

    a, b = counts(k, n), counts(K, 400)
    ours = difference(a, b, level=level, rates=True)
    (l1, u1), (l2, u2) = limits(k, n), limits(K, 400)
    p, r = k / n, K / 400
    assert ours.low[0] == pytest.approx(p - r - np.hypot(p - l1, u2 - r), abs=1e-7)
    assert ours.high[0] == pytest.approx(p - r + np.hypot(u1 - p, r - l2), abs=1e-7)
    found = p_value(a, b, rates=True)[0]
    if abs(found - (1 - level)) > 1e-6:
        assert (found < 1 - level) == bool(ours.low[0] > 0 or ours.high[0] < 0)


def test_undefined_and_far_out() -> None:
    nobody, some = counts(0, 0), counts(3, 10)
    assert np.isnan(difference(nobody, some, level=0.95, rates=True).value[0])
    assert p_value(nobody, some, rates=True)[0] == 1
    assert lower_of_size(nobody, some, z=1.96, rates=True)[0] == -np.inf
    assert 0 < p_value(counts(900, 1000), counts(100, 1000), rates=True)[0] < 1e-200
    one = sums(np.array([1.0]))
    assert difference(one, sums(np.array([0.0, 1.0])), level=0.95, rates=False).high[0] == np.inf
    assert p_value(one, sums(np.array([0.0, 1.0])), rates=False)[0] == 1
    flat = sums(np.ones(5))
    assert difference(flat, sums(np.zeros(5)), level=0.95, rates=False).low[0] == -np.inf
    assert norm.isf(p_value(counts(15, 50), counts(20, 200), rates=True)[0] / 2) > 2
