"""The variance of a split gap holds what both groups of rows bring, and of what only pairs have as much as is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from auditkit.arrays import Floats
from auditkit.evidence.sums import Weights
from auditkit.explain.gaps.pairs import Pairs, paired, shared
from auditkit.explain.gaps.splitting import units_of
from auditkit.explain.gaps.sums import Units

DRAWS = 200


def of_both(rng: np.random.Generator, weights: Weights, x: Floats, n: int, *, rounds: int = 2) -> Units:
    """The gap in a + b + c · d, split onto the four columns in closed form; the first n rows are one group."""
    first, second = np.arange(n), np.arange(n, len(x))
    scene: Any = SimpleNamespace(weights=weights, weight=weights.weight)
    pairs, columns = [], []
    for _ in range(rounds):
        p = paired(weights.at(first), weights.at(second), rng=rng)
        pairs.append(Pairs(first[p.first], second[p.second], p.weight))
        i, j = x[pairs[-1].first], x[pairs[-1].second]
        parts = i - j
        parts[:, 2:] *= (i + j)[:, :1:-1] / 2
        columns.append(np.column_stack([parts, parts.sum(1)]))
    return units_of(scene, ("a", "b", "c", "d"), pairs, np.concatenate(columns), first, second)


def normal(rng: np.random.Generator, n: int, m: int, sd: tuple[float, float] = (1.0, 1.0)) -> Floats:
    """Rows of four independent columns, of other spread in each group."""
    x: Floats = rng.normal(size=(n + m, 4)) * np.repeat(sd, [n, m])[:, None]
    return x


@pytest.mark.parametrize("sizes", [(60, 60), (60, 62), (60, 75), (60, 91), (60, 150), (150, 60), (40, 900)])
@pytest.mark.parametrize("sd", [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0)])
def test_the_variance_of_a_part_is_that_of_two_means(sizes: tuple[int, int], sd: tuple[float, float]) -> None:
    rng = np.random.default_rng([*sizes, int(10 * sd[0])])
    n, m = sizes
    truth = sd[0] ** 2 / n + sd[1] ** 2 / m
    weights = Weights(np.ones(n + m))
    seen = np.mean([of_both(rng, weights, normal(rng, n, m, sd), n).covariance for _ in range(DRAWS)], axis=0)
    assert seen[0, 0] == pytest.approx(truth, rel=0.06)
    assert abs(seen[0, 1]) <= 0.06 * truth


@pytest.mark.parametrize("skew", [0.3, 0.8])
def test_so_it_is_of_weighted_rows(skew: float) -> None:
    rng = np.random.default_rng(7)
    weights = Weights(np.exp(skew * rng.normal(size=140)))
    own = [weights.weight[:60], weights.weight[60:]]
    truth = sum(float((w @ w) / w.sum() ** 2) for w in own)
    seen = np.mean([of_both(rng, weights, normal(rng, 60, 80), 60).covariance for _ in range(DRAWS)], axis=0)
    assert seen[0, 0] == pytest.approx(truth, rel=0.08)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, 4])
@pytest.mark.parametrize("sizes", [(60, 60), (91, 60), (40, 200)])
def test_columns_that_act_together_vary_as_much_as_is_told(sizes: tuple[int, int], rounds: int) -> None:
    """What of c and d a pair of rows has that neither row has alone is half of their variance in each pair."""
    rng = np.random.default_rng([*sizes, rounds])
    n, m = sizes
    weights = Weights(np.ones(n + m))
    drawn = [of_both(rng, weights, normal(rng, n, m), n, rounds=rounds) for _ in range(3 * DRAWS)]
    spread = np.var([units.mean for units in drawn], axis=0, ddof=1)
    told = np.mean([np.diag(units.covariance) for units in drawn], axis=0)
    assert told[:4] == pytest.approx(spread[:4], rel=0.2)  # three standard errors of a variance over 600 draws
    assert np.mean(told[2:4] / spread[2:4]) == pytest.approx(1, abs=0.15)


def test_rows_that_meet_one_another_once_bring_nothing_that_units_do_not_show() -> None:
    once = Pairs(np.arange(5), np.arange(5), np.full(5, 0.2))
    x = np.random.default_rng(0).normal(size=(5, 2))
    assert shared([once], x, Weights(np.ones(5)), Weights(np.ones(5))) == pytest.approx(0, abs=1e-12)
