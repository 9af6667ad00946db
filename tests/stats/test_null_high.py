"""What a permutation test could have seen: a value stands out exactly where it lies above what chance gives."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.stats import distances
from auditkit.stats.dependence import distance_correlation, generalized_parity
from auditkit.stats.roc import abroca


@pytest.mark.parametrize("seed", range(12))
def test_a_value_stands_out_where_it_is_above_the_null(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, pull = rng.normal(size=80), seed / 8
    y = (pull * x + rng.normal(size=80) > 0).astype(float)
    more = {"permutations": 199, "rng": np.random.default_rng(1)}
    found = [generalized_parity(x, y, bandwidth=0.4, **more), distance_correlation(x, y, **more)]  # type: ignore[arg-type]
    slope = np.arange(1, 21) ** pull
    n = np.stack([rng.multinomial(120, np.full(20, 1 / 20)), rng.multinomial(120, slope / slope.sum())])
    found += distances.largest([distances.ks, distances.wasserstein], n, np.arange(20.0))  # type: ignore[arg-type]
    counts = [(rng.multinomial(150, np.full(10, 0.1)), rng.multinomial(150, np.full(10, 0.1))) for _ in range(2)]
    found.append(abroca(counts, permutations=199, generator=np.random.default_rng(2)))  # type: ignore[arg-type]
    for t in found:
        if t.p < 0.045 or t.p > 0.06:  # between the two, quantile and rank differ by one permutation
            assert (t.p < 0.05) == (t.value > t.null_high)
