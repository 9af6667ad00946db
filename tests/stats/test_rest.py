"""A part against the rest: scipy's Welch, the definition of MOVER, and p-values that agree with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm, skew, ttest_ind

from auditkit.evidence.errors import GroupMoments
from auditkit.fairness.groups.regression import family_from
from auditkit.stats.rest import Pairs, Sums, difference, lower_of_size, p_value


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


def sums_of(*parts: np.ndarray) -> tuple[Sums, np.ndarray]:
    """Sums (m,) and Σx³ (m,) of m parts."""
    powers = np.array([[len(x), x.sum(), (x**2).sum(), (x**3).sum()] for x in parts]).T
    return Sums(*powers[:3]), powers[3]


def lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.lognormal(0, 1.5, n)


def rare(rng: np.random.Generator, n: int) -> np.ndarray:
    """Errors of a calibrated score of 2 %."""
    return 0.02 - (rng.random(n) < 0.02)


@pytest.mark.parametrize("draw", [lognormal, rare])
def test_skewed_means_of_one_law_are_hardly_found_apart(draw: Any) -> None:
    """30 beside 1,000: Welch's t, which ignores the tail that 30 do not show, finds a gap three times too often."""
    rng = np.random.default_rng(2)
    parts, others = zip(*((draw(rng, 30), draw(rng, 1_000)) for _ in range(400)), strict=True)
    (a, c), (b, d) = sums_of(*parts), sums_of(*others)
    found = Pairs.of(a, b, c, d)
    assert (p_value(a, b, rates=False) < 0.05).mean() > 0.15
    assert (found.p_value() < 0.05).mean() <= 0.07
    held = (found.difference(0.95).low <= 0) & (found.difference(0.95).high >= 0)
    assert (held | found.unstable).mean() >= 0.92


def test_limits_and_p_of_skewed_means_agree_and_are_those_of_the_family_of_two() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.exponential(size=n) + 0.3 * (n == 80) for n in (80, 400)]
    (a, c), (b, d) = sums_of(parts[0]), sums_of(parts[1])
    found = Pairs.of(a, b, c, d)
    p, low = float(found.p_value()[0]), found.difference
    assert 0 < p < 1
    assert abs(float(low(1 - p).low[0])) < 1e-9
    moments = GroupMoments(
        (("x",), ("y",)), *(np.array(v) for v in (
            [80, 400], [[x.mean()] * 4 for x in parts], [[x.var(ddof=1)] * 4 for x in parts],
            [[float(skew(x))] * 4 for x in parts])),
    )  # fmt: skip
    family = family_from(moments, "signed_error", ("g",), level=0.95)
    twin = family.interval("difference")
    assert abs(float(low(0.95).low[0])) == pytest.approx(twin.low, rel=1e-9)


def test_a_planted_gap_of_means_is_found_as_by_welch() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.normal(0.2, 1, 300) for _ in range(200)]
    others = [rng.normal(0, 1, 3_000) for _ in range(200)]
    (a, c), (b, d) = sums_of(*parts), sums_of(*others)
    welch = p_value(a, b, rates=False) < 0.05
    found = Pairs.of(a, b, c, d)
    assert not found.unstable.any()
    assert (found.p_value() < 0.05)[welch].mean() >= 0.9
    assert welch.mean() > 0.8
