"""The variance of a split gap holds what both groups of rows bring, however many of one meet a row of the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from auditkit.evidence.sums import Weights
from auditkit.explain.gaps.pairs import Pairs, paired, partners
from auditkit.explain.gaps.splitting import units_of

DRAWS = 200


def of_both(rng: np.random.Generator, weight: np.ndarray, n: int, sd: tuple[float, float]) -> np.ndarray:
    """Covariance of two parts, differences of two independent columns of spread `sd` by group, and of their sum."""
    first, second = np.arange(n), np.arange(n, len(weight))
    x = rng.normal(size=(len(weight), 2)) * np.where(np.arange(len(weight)) < n, *sd)[:, None]
    weights = Weights(weight)
    scene: Any = SimpleNamespace(weights=weights, weight=weight)
    pairs, columns = [], []
    for _ in range(2):
        p = paired(weights.at(first), weights.at(second), rng=rng)
        pairs.append(Pairs(first[p.first], second[p.second], p.weight))
        parts = x[pairs[-1].first] - x[pairs[-1].second]
        columns.append(np.column_stack([parts, parts.sum(1)]))
    return units_of(scene, ("a", "b"), pairs, np.concatenate(columns), first, second).covariance


@pytest.mark.parametrize("sizes", [(60, 60), (60, 62), (60, 75), (60, 91), (60, 150), (150, 60), (40, 900)])
@pytest.mark.parametrize("sd", [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0)])
def test_the_variance_of_a_part_is_that_of_two_means(sizes: tuple[int, int], sd: tuple[float, float]) -> None:
    rng = np.random.default_rng([*sizes, int(10 * sd[0])])
    n, m = sizes
    truth = sd[0] ** 2 / n + sd[1] ** 2 / m
    seen = np.mean([of_both(rng, np.ones(n + m), n, sd) for _ in range(DRAWS)], axis=0)
    assert seen[0, 0] == pytest.approx(truth, rel=0.06)
    assert seen[2, 2] == pytest.approx(2 * truth, rel=0.06)
    assert abs(seen[0, 1]) <= 0.06 * truth


@pytest.mark.parametrize("skew", [0.3, 0.8])
def test_so_it_is_of_weighted_rows(skew: float) -> None:
    rng = np.random.default_rng(7)
    weight = np.exp(skew * rng.normal(size=140))
    own = (weight[:60], weight[60:])
    truth = sum(float((w @ w) / w.sum() ** 2) for w in own)
    seen = np.mean([of_both(rng, weight, 60, (1.0, 1.0)) for _ in range(DRAWS)], axis=0)
    assert seen[0, 0] == pytest.approx(truth, rel=0.08)


def test_units_that_meet_nobody_twice_need_nothing() -> None:
    met = partners(np.arange(5), np.arange(5), np.full(5, 0.2))
    assert met.apart == pytest.approx(0)
    assert met.shared == pytest.approx(0)


def test_where_each_unit_has_one_pair_the_pairs_tell_what_partners_bring() -> None:
    """One row of weight 2 and many of weight 1 against 20 rows: each unit meets one row, and rows meet several."""
    rng = np.random.default_rng(3)
    weight = np.concatenate([np.ones(40), np.full(20, 2.0)])
    seen = np.mean([of_both(rng, weight, 40, (0.2, 1.0))[0, 0] for _ in range(DRAWS)])
    assert seen == pytest.approx(0.04 / 40 + 1 / 20, rel=0.15)
