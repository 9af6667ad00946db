"""Empirical-Bayes shrinkage. Oracles: a slow twin of Kleinman's moments, the beta posterior, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from auditkit.stats.shrinkage import shrunk

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
groups = st.lists(counts, min_size=2, max_size=8)


def kleinman(cells: list[tuple[int, int]]) -> float:
    """γ, with weights w = n, written as in the paper."""
    total = sum(n for _, n in cells)
    p = sum(k for k, _ in cells) / total
    s = sum(n * (k / n - p) ** 2 for k, n in cells)
    one = sum((n / n) * (1 - n / total) for _, n in cells)
    two = sum(n * (1 - n / total) for _, n in cells)
    return (s - p * (1 - p) * one) / (p * (1 - p) * (two - one))


@given(groups)
def test_it_is_the_posterior_mean_at_kleinmans_moments(cells: list[tuple[int, int]]) -> None:
    k, n = zip(*cells, strict=True)
    found = shrunk(k, n)
    total = sum(n)
    mean = sum(k) / total
    assert found.mean == pytest.approx(mean)
    one_row_each = total - sum(x * x for x in n) / total - (len(n) - 1) <= 0
    if mean in (0, 1) or one_row_each:
        assert found.rates == pytest.approx(mean)
        return
    gamma = min(1.0, kleinman(cells))
    if gamma <= 1e-9:
        assert found.rates == pytest.approx(mean, abs=1e-6)
        return
    rows = 1 / gamma - 1
    for rate, (a, b) in zip(found.rates, cells, strict=True):
        posterior = (a + rows * mean) / (b + rows)
        if rows > 1e-9:
            posterior = float(beta(a + rows * mean, b - a + rows * (1 - mean)).mean())
        assert rate == pytest.approx(posterior, abs=1e-6)


@given(groups)
def test_every_rate_lies_between_its_own_and_the_mean(cells: list[tuple[int, int]]) -> None:
    k, n = (np.array(x) for x in zip(*cells, strict=True))
    found = shrunk(k, n)
    own = k / n
    assert (np.minimum(own, found.mean) - 1e-12 <= found.rates).all()
    assert (found.rates <= np.maximum(own, found.mean) + 1e-12).all()


def test_it_finds_the_prior_and_errs_less_than_the_raw_rates() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(5, 60, 400)
    raw = ours = 0.0
    rows = []
    for _ in range(40):
        true = rng.beta(3, 7, 400)
        k = rng.binomial(n, true)
        found = shrunk(k, n)
        rows.append(found.prior_rows)
        raw, ours = raw + ((k / n - true) ** 2).mean(), ours + ((found.rates - true) ** 2).mean()
    assert np.median(rows) == pytest.approx(10, rel=0.1)
    assert ours < 0.75 * raw


def test_nobody_counted_and_no_spread() -> None:
    assert np.isnan(shrunk([0, 0], [0, 0]).rates).all()
    assert shrunk([0, 3, 50], [0, 30, 100]).rates[0] == pytest.approx(53 / 130)
    assert shrunk([30, 30, 30], [100, 100, 100]).rates == pytest.approx(0.3)
    assert shrunk([0, 0], [5, 5]).rates == pytest.approx(0)
