"""Rank correlations. Oracle: scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from auditkit.stats.ranks import spearman_rows, weighted_tau


def test_spearman_of_rows_with_ties() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (20, 9)).astype(float), rng.normal(size=(20, 9))
    expected = [stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(spearman_rows(a, b), expected)
    assert spearman_rows([[1.0, 1.0]], [[1.0, 2.0]]).tolist() == [0.0]


def test_weighted_tau_minds_the_top_more() -> None:
    order = np.arange(8.0)[::-1]
    top, bottom = order.copy(), order.copy()
    top[[0, 1]], bottom[[6, 7]] = top[[1, 0]], bottom[[7, 6]]
    assert weighted_tau(order, top) < weighted_tau(order, bottom) < 1
    assert weighted_tau(order, -order) == pytest.approx(-1)
    assert np.isnan(weighted_tau([1.0], [1.0]))
