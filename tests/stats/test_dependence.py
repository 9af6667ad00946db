"""Dependence on a continuous attribute. Oracles: slow twins from the definitions; p under the null."""

from __future__ import annotations

import math

import numpy as np
import pytest

from auditkit.stats.dependence import distance_correlation, generalized_parity, kernel_weights, silverman


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_generalised_parity_is_the_slow_twin() -> None:
    x, y = rng().normal(50, 10, 80), (rng().random(80) < 0.4).astype(float)
    h = 3.0
    total = 0.0
    for s in x:
        weights = [math.exp(-(((s - t) / h) ** 2) / 2) for t in x]
        total += abs(sum(w * v for w, v in zip(weights, y, strict=True)) / sum(weights) - y.mean())
    found = generalized_parity(x, y, bandwidth=h, permutations=5, rng=rng())
    assert found.value == pytest.approx(total / len(x), abs=1e-12)


def test_distance_correlation_is_the_slow_twin() -> None:
    n = 40
    x = rng().normal(size=n)
    y = x**2 + rng().normal(size=n)

    def centred(v: np.ndarray) -> list[list[float]]:
        d = [[abs(a - b) for b in v] for a in v]
        rows, all_ = [sum(r) / n for r in d], sum(map(sum, d)) / n**2
        return [[d[i][j] - rows[i] - rows[j] + all_ for j in range(n)] for i in range(n)]

    def product(a: list[list[float]], b: list[list[float]]) -> float:
        return sum(a[i][j] * b[i][j] for i in range(n) for j in range(n)) / n**2

    a, b = centred(x), centred(y)
    expected = math.sqrt(product(a, b) / math.sqrt(product(a, a) * product(b, b)))
    assert distance_correlation(x, y, permutations=1, rng=rng()).value == pytest.approx(expected, abs=1e-12)


def test_it_sees_what_a_correlation_does_not() -> None:
    x = rng().normal(size=300)
    y = (np.abs(x) > 1).astype(float)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.15
    assert distance_correlation(x, y, permutations=99, rng=rng()).p == 0.01
    assert generalized_parity(x, y, bandwidth=silverman(x), permutations=99, rng=rng()).p == 0.01


@pytest.mark.parametrize("statistic", ["parity", "distance"])
def test_p_keeps_its_level(statistic: str) -> None:
    draw, small = rng(), 0
    for _ in range(200):
        x, y = draw.normal(size=60), (draw.random(60) < 0.3).astype(float)
        if statistic == "parity":
            found = generalized_parity(x, y, bandwidth=silverman(x), permutations=39, rng=draw)
        else:
            found = distance_correlation(x, y, permutations=39, rng=draw)
        small += found.p <= 0.05
        assert found.value > 0
    assert small / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_bandwidth_and_edges() -> None:
    x = rng().normal(size=500)
    iqr = np.quantile(x, 0.75) - np.quantile(x, 0.25)
    assert silverman(x) == pytest.approx(0.9 * min(x.std(ddof=1), iqr / 1.349) * 500**-0.2)
    mostly = np.r_[np.zeros(90), np.arange(10.0)]
    assert silverman(mostly) == pytest.approx(0.9 * mostly.std(ddof=1) * 100**-0.2)
    assert silverman([3.0, 3.0]) == 0
    far = kernel_weights([1e6], [0.0, 1.0], 1.0)
    assert far.tolist() == [[0.0, 1.0]]
    assert math.isnan(distance_correlation([1, 1, 1], [1, 2, 3], permutations=3, rng=rng()).value)
