"""Partial pooling. Oracles: scipy's beta-binomial on a dense grid with whole mixtures of betas; simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import beta, betabinom

from auditkit.stats.partial_pooling import partially_pooled

counts = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
groups = st.lists(counts, min_size=2, max_size=6).filter(lambda cells: sum(n for _, n in cells) > 0)


def twin(k: list[int], n: list[int]) -> tuple[list[float], list[float], list[float]]:
    """Posterior mean and quantiles of every group, by a midpoint rule over μ and γ and mixtures of betas."""
    mu, gamma = np.meshgrid((np.arange(150) + 0.5) / 150, (np.arange(150) + 0.5) / 150)
    a, b = mu * (1 / gamma - 1), (1 - mu) * (1 / gamma - 1)
    log = sum(betabinom.logpmf(x, m, a, b) for x, m in zip(k, n, strict=True))
    weight = np.exp(log - np.max(log))
    weight /= weight.sum()
    keep = weight > 1e-6
    w, a, b = weight[keep] / weight[keep].sum(), a[keep], b[keep]
    means, lows, highs = [], [], []
    for x, m in zip(k, n, strict=True):
        mixed = beta(a + x, b + m - x)
        means.append(float(w @ mixed.mean()))
        ends = [brentq(lambda t, q=q: float(w @ mixed.cdf(t)) - q, 0, 1) for q in (0.025, 0.975)]  # noqa: B023
        lows.append(ends[0])
        highs.append(ends[1])
    return means, lows, highs


@pytest.mark.parametrize(
    ("k", "n"),
    [
        ([3, 10, 4, 0, 8], [10, 25, 30, 6, 12]),
        ([2, 9, 30, 14], [40, 40, 90, 30]),
        ([5, 6, 5, 7, 4, 6], [20] * 6),
        ([1, 12, 3, 25], [12, 15, 40, 30]),
    ],
)
def test_it_is_the_posterior_of_a_slow_twin(k: list[int], n: list[int]) -> None:
    means, lows, highs = twin(k, n)
    found = partially_pooled(k, n, level=0.95)
    assert found.rates == pytest.approx(means, abs=0.004)
    assert found.low == pytest.approx(lows, abs=0.025)  # a beta stands for the mixture
    assert found.high == pytest.approx(highs, abs=0.025)


@settings(deadline=None, max_examples=40)
@given(groups)
def test_laws(cells: list[tuple[int, int]]) -> None:
    k, n = (np.array(x) for x in zip(*cells, strict=True))
    found = partially_pooled(k, n, level=0.9)
    assert np.isfinite([found.rates, found.low, found.high]).all()
    assert (found.low <= found.rates).all()
    assert (found.rates <= found.high).all()
    turned = partially_pooled(n - k, n, level=0.9)  # whoever is counted as a success
    assert turned.rates == pytest.approx(1 - found.rates, abs=2e-3)
    order = np.argsort(k - 2 * n, kind="stable")
    assert partially_pooled(k[order], n[order], level=0.9).rates == pytest.approx(found.rates[order], abs=1e-12)


def test_it_errs_less_than_the_raw_rates_and_less_where_rows_are_many() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(5, 60, 60)
    raw = ours = 0.0
    for _ in range(20):
        true = rng.beta(3, 7, 60)
        k = rng.binomial(n, true)
        raw += float(((k / n - true) ** 2).mean())
        ours += float(((partially_pooled(k, n, level=0.95).rates - true) ** 2).mean())
    assert ours < 0.8 * raw
    large = partially_pooled([3_000, 6_000], [10_000, 10_000], level=0.95)
    assert large.rates == pytest.approx([0.3, 0.6], abs=1e-3)


def test_nobody_counted() -> None:
    assert np.isnan(partially_pooled([0, 0], [0, 0], level=0.95).rates).all()
    new = partially_pooled([0, 30, 35], [0, 100, 100], level=0.95)
    assert new.low[0] < 0.25 < 0.4 < new.high[0]
