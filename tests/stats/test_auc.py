"""The area under the ROC curve: scikit-learn's value, a slow twin of DeLong, Newcombe by search, coverage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.values import GroupScores
from auditkit.stats.auc import Auc, Side, auc, auc_limits, newcombe5, side

Floats = NDArray[np.float64]


def rows(seed: int, n: int, digits: int | None = None) -> tuple[NDArray[np.int64], Floats]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    s = expit(rng.normal(0.8 * y, 1.0))
    return y, s if digits is None else np.round(s, digits)


def binned(y: NDArray[np.int64], s: Floats) -> Auc:
    h = ScoreHistogram.of({}, y_true=y, y_pred=y, score=s)
    g = GroupScores.of(next(h.groups())[1])
    return auc(g.negatives, g.positives)


def exact(y: NDArray[np.int64], s: Floats) -> Auc:
    """Every distinct score is a bin."""
    _, at = np.unique(s, return_inverse=True)
    negatives, positives = (np.bincount(at[y == t], minlength=at.max() + 1) for t in (0, 1))
    return auc(side(negatives), side(positives))


def slow_delong(y: NDArray[np.int64], s: Floats) -> tuple[float, float]:
    """All pairs, from the definition of DeLong, DeLong & Clarke-Pearson (1988)."""
    x, z = s[y == 1], s[y == 0]
    wins = (x[:, None] > z[None, :]) + 0.5 * (x[:, None] == z[None, :])
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    return float(wins.mean()), float((v10.var(ddof=1) / len(x) + v01.var(ddof=1) / len(z)) ** 0.5)


@pytest.mark.parametrize(("n", "digits"), [(30, None), (400, None), (400, 1), (50, 0)])
def test_value_and_error_are_those_of_all_pairs(n: int, digits: int | None) -> None:
    y, s = rows(n, n, digits)
    a = exact(y, s)
    assert (a.value, a.error) == pytest.approx(slow_delong(y, s), abs=1e-12)
    assert a.value == pytest.approx(roc_auc_score(y, s), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("squeeze", [1.0, 0.01, 1e-4])
def test_bins_miss_the_value_by_no_more_than_the_bound(seed: int, squeeze: float) -> None:
    y, s = rows(seed, 2000)
    s = 0.4 + squeeze * (s - 0.4)
    a = binned(y, s)
    assert abs(a.value - roc_auc_score(y, s)) <= a.bound + 1e-12
    if squeeze == 1.0:
        assert a.bound < 1e-3
        assert not a.coarse


def test_scores_squeezed_into_a_bin_are_coarse() -> None:
    y, s = rows(0, 2000)
    assert binned(y, 0.4 + 1e-6 * s).coarse


def test_constant_scores_are_ties() -> None:
    a = binned(np.array([0, 1, 0, 1]), np.full(4, 0.3))
    assert (a.value, a.bound) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("value", "m", "n"), [(0.8, 10, 10), (1.0, 10, 10), (0.0, 7, 30), (0.5, 3, 400), (0.99, 40, 5)]
)
@pytest.mark.parametrize("z", [1.0, 1.96, 3.2])
def test_newcombe_by_searching_all_thetas(value: float, m: int, n: int, z: float) -> None:
    theta = np.linspace(0, 1, 200_001)
    big = (m + n) / 2 - 1
    wide = z * np.sqrt(
        theta * (1 - theta) * (1 + big * (1 - theta) / (2 - theta) + big * theta / (1 + theta)) / (m * n)
    )
    inside = theta[np.abs(theta - value) <= wide]
    assert newcombe5(value, m, n, z) == pytest.approx((inside.min(), inside.max()), abs=1e-5)


@pytest.mark.parametrize("z", [1e-9, 0.5, 1.96, 10.0, 38.0])
@pytest.mark.parametrize("a", [Auc(1.0, 0.0, 0.0, 12, 12), Auc(0.93, 0.01, 0.0, 300, 300), Auc(0.0, 0.0, 0.0, 1, 9)])
def test_limits_hold_the_value_at_every_critical_value(a: Auc, z: float) -> None:
    low, high = auc_limits(a, z)
    assert 0 <= low <= a.value <= high <= 1


def test_nothing_to_rank_is_undefined() -> None:
    nobody = Side(np.zeros(3, np.int64), np.full(3, np.inf), np.full(3, -np.inf))
    a = auc(nobody, side([1, 0, 2]))
    assert np.isnan(a.value)
    assert all(np.isnan(x) for x in auc_limits(a, 1.96))


@pytest.mark.parametrize(("m", "n", "shift"), [(30, 30, 1.0), (20, 200, 2.0), (200, 200, 0.3), (12, 12, 2.5)])
def test_coverage(m: int, n: int, shift: float) -> None:
    """Scores are normal, so the true area is Φ(shift/√2)."""
    from scipy.stats import norm

    rng = np.random.default_rng(7)
    truth, hit, repeats = float(norm.cdf(shift / 2**0.5)), 0, 1500
    for _ in range(repeats):
        s = np.concatenate([rng.normal(shift, 1, m), rng.normal(0, 1, n)])
        y = np.concatenate([np.ones(m, int), np.zeros(n, int)])
        a = exact(y, s)
        low, high = auc_limits(a, 1.959964)
        hit += low <= truth <= high
    assert hit / repeats >= 0.92
