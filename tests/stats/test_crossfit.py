"""AUC over folds. Oracles: scikit-learn, simulation, the law that p and interval agree."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auditkit.stats.auc import Auc, auc_limits
from auditkit.stats.crossfit import auc_of, over_folds, p_of_half
from auditkit.stats.rates import critical_value


def test_values_are_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 200), rng.integers(0, 20, 200) / 20
    assert auc_of(y, score).value == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    halves = [slice(0, 80), slice(80, 200)]
    folds = over_folds([auc_of(y[h], score[h]) for h in halves])
    pairs = [y[h].sum() * (1 - y[h]).sum() for h in halves]
    expected = np.average([roc_auc_score(y[h], score[h]) for h in halves], weights=pairs)
    assert folds.value == pytest.approx(expected, abs=1e-12)
    assert (folds.positives, folds.negatives) == (y.sum(), (1 - y).sum())


@pytest.mark.parametrize(("shift", "rows"), [(0.0, 100), (0.7, 100), (1.5, 60)])
def test_coverage_of_the_interval_over_folds(shift: float, rows: int) -> None:
    from scipy.stats import norm

    rng, true, inside = np.random.default_rng(1), norm.cdf(shift / 2**0.5), 0
    for _ in range(600):
        y = np.arange(rows) % 2
        score = rng.normal(size=rows) + shift * y
        folds = over_folds([auc_of(y[i::5], score[i::5]) for i in range(5)])
        low, high = auc_limits(folds, 1.96)
        inside += low <= true <= high
    assert inside / 600 >= 0.92


@pytest.mark.parametrize("a", [Auc(0.6, 0.05, 0.0, 60, 60), Auc(0.9, 0.05, 0.0, 12, 30), Auc(0.3, 0.08, 0.0, 5, 40)])
def test_p_is_where_the_interval_touches_a_half(a: Auc) -> None:
    p = p_of_half(a)
    low, high = auc_limits(a, critical_value(1 - p))
    assert (low if a.value > 0.5 else high) == pytest.approx(0.5, abs=1e-6)
