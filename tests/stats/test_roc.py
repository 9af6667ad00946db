"""The area between ROC curves: a slow twin over a fine grid of scikit-learn's curve; the size of its test."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from auditkit.stats.roc import abroca, area_between, roc

Ints = NDArray[np.int64]
BINS = 60


def counted(rng: np.random.Generator, n: int, shift: float, offset: float = 0.0) -> tuple[Ints, Ints, Ints, Ints]:
    """Truth and binned scores of n rows, and their counts."""
    y = rng.integers(0, 2, n)
    s = np.clip(np.round(rng.normal(shift * y + offset, 1.0) * 8 + 25), 0, BINS - 1).astype(np.int64)
    return y, s, np.bincount(s[y == 0], minlength=BINS), np.bincount(s[y == 1], minlength=BINS)


def slow(a: tuple[Ints, Ints], b: tuple[Ints, Ints]) -> float:
    t = (np.arange(2_000_00) + 0.5) / 2_000_00
    curves = []
    for y, s in (a, b):
        fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
        curves.append(np.interp(t, fpr, tpr))
    return float(np.abs(curves[0] - curves[1]).mean())


@pytest.mark.parametrize("seed", range(8))
def test_area_is_that_between_scikit_learns_curves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, s, n0, n1 = counted(rng, 40 * (seed + 1), 1.0)
    v, u, m0, m1 = counted(rng, 300, 0.2)
    found = area_between(roc(n0, n1), roc(m0, m1))
    assert found == pytest.approx(slow((y, s), (v, u)), abs=2e-5)
    assert found == pytest.approx(area_between(roc(m0, m1), roc(n0, n1)), abs=1e-12)
    assert area_between(roc(n0, n1), roc(n0, n1)) == 0


def test_the_largest_pair_is_named() -> None:
    rng = np.random.default_rng(1)
    groups = [counted(rng, 400, shift)[2:] for shift in (1.0, 1.1, 0.1)]
    a = abroca(groups, permutations=99, generator=rng)
    pairs = {(i, j): area_between(roc(*groups[i]), roc(*groups[j])) for i, j in ((0, 1), (0, 2), (1, 2))}
    assert (a.first, a.second) == max(pairs, key=lambda k: pairs[k])
    assert a.value == max(pairs.values())
    assert a.p == 0.01
    assert 0 < a.null_mean < a.value


@pytest.mark.slow
@pytest.mark.parametrize("offset", [pytest.param(0.0, marks=pytest.mark.slow), 0.8])
def test_size_of_the_permutation_test(offset: float) -> None:
    """Equal ROC curves, also where one group's scores lie higher: at most about 5% of p are at most .05."""
    rng = np.random.default_rng(3)
    p = []
    for _ in range(200):
        groups = [counted(rng, 150, 1.0)[2:], counted(rng, 250, 1.0, offset)[2:]]
        p.append(abroca(groups, permutations=59, generator=rng).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_power_of_the_permutation_test() -> None:
    rng = np.random.default_rng(4)
    groups = [counted(rng, 400, 1.5)[2:], counted(rng, 400, 0.5)[2:]]
    assert abroca(groups, permutations=99, generator=rng).p <= 0.02
