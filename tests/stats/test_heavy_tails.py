"""Means of sizes and of squares that hardly exist. Truths: laws whose tail index is known; none was tuned to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import burr12, invgamma, skew, t

from auditkit.fairness.groups.regression import family_from
from auditkit.stats.means import HOPELESS, heavy_tailed, seen_shape, shape_of_squares, too_skewed
from tests.simulations.skew import moments_of

DRAWS = 200
Draw = Callable[[np.random.Generator, int], np.ndarray]
HEAVY: dict[str, tuple[Draw, float, float]] = {
    "log-logistic 2.7": (
        lambda rng, n: np.exp(rng.logistic(0, 1 / 2.7, n)),
        burr12(2.7, 1).mean(),
        burr12(2.7, 1).std(),
    ),
    "inverse gamma 2.6": (lambda rng, n: 1 / rng.gamma(2.6, size=n), invgamma(2.6).mean(), invgamma(2.6).std()),
    "Student 2.8": (lambda rng, n: rng.standard_t(2.8, n), 0.0, t(2.8).std()),
}
LIGHT: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "logistic": lambda rng, n: rng.logistic(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n) - 1,
    "lognormal 0.5": lambda rng, n: rng.lognormal(0, 0.5, n) - np.exp(0.125),
    "Student 5": lambda rng, n: rng.standard_t(5, n),
}


def flagged(errors: np.ndarray, power: int) -> np.ndarray:
    """Which of these samples (D, n) are taken for heavy-tailed, each alone."""
    size = np.abs(errors)
    n = [errors.shape[1]]
    return np.array([heavy_tailed(power, [(x ** (2 * power)).mean()], [x.mean()], n)[0] for x in size])


def skewed(errors: np.ndarray, power: int) -> np.ndarray:
    """Which of them are unstable by their skewness."""
    n = np.array([errors.shape[1]])
    found = []
    for x in np.abs(errors):
        told = too_skewed([skew(x**power)], n)[0]
        if power == 2:
            told |= (shape_of_squares(seen_shape([skew(x)], n)) > HOPELESS * np.sqrt(n))[0]
        found.append(told)
    return np.array(found)


@pytest.mark.parametrize("law", HEAVY)
def test_root_mean_squares_without_a_variance_of_squares_are_held_or_unstable(law: str) -> None:
    """By 200 draws of 1,000 beside 30 rows; the bound is the one that 92 % hardly ever miss."""
    draw, middle, truth = HEAVY[law]
    rng, held = np.random.default_rng(9), 0
    for _ in range(DRAWS):
        moments = moments_of([draw(rng, n) - middle for n in (1_000, 30)])
        e = family_from(moments, "root_mean_squared_error", ("g",), level=0.95).by_group[0].estimate
        held += e.state == "unstable" or e.low <= truth <= e.high  # type: ignore[operator]
    assert held >= 0.87 * DRAWS


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 1_000])
@pytest.mark.parametrize("law", LIGHT)
def test_light_tails_are_hardly_more_often_unstable_than_by_their_skewness(law: str, n: int) -> None:
    errors = LIGHT[law](np.random.default_rng(4), DRAWS * n).reshape(DRAWS, n)
    for power in (1, 2):
        assert (flagged(errors, power) & ~skewed(errors, power)).mean() <= 0.02


@pytest.mark.parametrize(("power", "index"), [(1, 1.2), (2, 2.3)])
def test_laws_that_hardly_have_a_mean_are_told_the_surer_the_more_rows(power: int, index: float) -> None:
    rng = np.random.default_rng(2)
    shares = [flagged(rng.pareto(index, (60, n)) - 1 / (index - 1), power).mean() for n in (100, 1_000, 10_000)]
    assert shares == sorted(shares)
    assert shares[-1] >= 0.8


def test_what_is_taken_for_heavy_does_not_depend_on_the_unit() -> None:
    x = np.abs(np.random.default_rng(0).standard_t(2.2, 500))
    seen = [heavy_tailed(2, [((c * x) ** 4).mean()], [(c * x).mean()], [500])[0] for c in (1e-30, 1.0, 1e30)]
    assert len(set(seen)) == 1


def test_errors_that_are_all_zero_or_too_large_are_no_heavy_tail() -> None:
    with np.errstate(all="raise"):
        assert heavy_tailed(2, [0.0, np.nan, np.inf], [0.0, np.nan, np.inf], [10, 0, 10]).tolist() == [False] * 3


def test_a_small_group_is_told_by_the_tail_of_all() -> None:
    assert heavy_tailed(2, [900.0, 20.0], [1.0, 1.0], [3_000, 20]).all()
    assert not heavy_tailed(2, [20.0], [1.0], [20]).any()
