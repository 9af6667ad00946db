"""Coverage of one rate, of a difference and of a ratio, exact: every outcome is enumerated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from auditkit.stats import pairs
from auditkit.stats.rates import Limits, wilson

Z = 1.959964


@pytest.mark.parametrize(("n", "least"), [(5, 0.89), (10, 0.89), (30, 0.92), (100, 0.92)])
def test_wilson(n: int, least: float) -> None:
    k = np.arange(n + 1)
    limits = wilson(k, n, Z)
    p = np.linspace(0.001, 0.999, 999)
    inside = (limits.low[:, None] <= p) & (p <= limits.high[:, None])
    coverage = (binom.pmf(k[:, None], n, p) * inside).sum(axis=0)
    assert coverage.mean() >= 0.95
    assert coverage[(p >= 0.05) & (p <= 0.95)].min() >= least


def cells() -> list[tuple[int, int, float, float]]:
    rng = np.random.default_rng(7)
    n = rng.integers(10, 301, size=(200, 2))
    p = rng.uniform(0.02, 0.98, size=(200, 2))
    return [(int(a), int(b), float(x), float(y)) for (a, b), (x, y) in zip(n, p, strict=True)]


def enumerated(n1: int, n2: int) -> tuple[Limits, Limits]:
    """Wilson limits of every pair of outcomes, (n1 + 1, n2 + 1)."""
    first, second = wilson(np.arange(n1 + 1), n1, Z), wilson(np.arange(n2 + 1), n2, Z)
    shape = (n1 + 1, n2 + 1)
    return (
        Limits(*(np.broadcast_to(x[:, None], shape) for x in first)),
        Limits(*(np.broadcast_to(x[None, :], shape) for x in second)),
    )


@pytest.mark.parametrize("kind", ["difference", "ratio"])
def test_newcombe_and_mover_r(kind: str) -> None:
    coverage = []
    for n1, n2, p1, p2 in cells():
        found = getattr(pairs, kind)(*enumerated(n1, n2))
        truth = p1 - p2 if kind == "difference" else p1 / p2
        chance = binom.pmf(np.arange(n1 + 1), n1, p1)[:, None] * binom.pmf(np.arange(n2 + 1), n2, p2)
        coverage.append(float((chance * ((found.low <= truth) & (truth <= found.high))).sum()))
    assert min(coverage) >= 0.92
    assert np.mean(coverage) >= 0.945
