"""Intervals of a maximum over groups hold the truth as often as they say, where the percentile bootstrap does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from auditkit.stats.families import of_rates
from auditkit.stats.pvalues import FamilyInterval

SIZES = {
    "five equal": [200] * 5,
    "nine of 10 beside one of 5,000": [10] * 9 + [5000],
    "20 to 4,000": [20, 60, 300, 1000, 4000],
    "two": [100, 300],
}
CELLS = {f"{name}, p = {p}": (n, [p] * len(n)) for name, n in SIZES.items() for p in (0.02, 0.3, 0.9, 0.999)} | {
    "a gap": ([400] * 5, [0.2, 0.2, 0.25, 0.3, 0.35]),
    "two with a gap": ([100, 300], [0.2, 0.35]),
    "a gap, one group always selected": ([200] * 4, [0.9, 0.95, 0.99, 1.0]),
}
Kind = Callable[..., FamilyInterval]
KINDS: dict[str, Kind] = {
    "gap": partial(of_rates, "difference"),
    **{
        kind: partial(of_rates, kind)
        for kind in ("ratio", "difference_to_overall", "ratio_to_overall", "group_min", "group_max")
    },
}


def truth_of(kind: str, sizes: list[int], rates: list[float]) -> float:
    n, p = np.array(sizes), np.array(rates)
    overall = (n * p).sum() / n.sum()
    return {
        "gap": float(np.ptp(p)),
        "ratio": float(p.min() / p.max()),
        "difference_to_overall": float(np.abs(p - overall).max()),
        "ratio_to_overall": float(np.minimum(p / overall, overall / p).min()),
        "group_min": float(p.min()),
        "group_max": float(p.max()),
    }[kind]


def covered(kind: str, cell: str, draws: int) -> float:
    n, p = CELLS[cell]
    truth = truth_of(kind, n, p)
    drawn, runs = np.unique(np.random.default_rng(20).binomial(n, p, size=(draws, len(n))), axis=0, return_counts=True)
    hits = 0
    for k, times in zip(drawn, runs, strict=True):
        found = KINDS[kind](k, n, level=0.95)
        assert np.isfinite(found.low) or not k.any()
        hits += int(times) * (found.low - 1e-12 <= truth <= found.high + 1e-12)
    return hits / draws


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", ["gap", "ratio"])
def test_gaps_cover(kind: str, cell: str) -> None:
    assert covered(kind, cell, 300) >= 0.92


@pytest.mark.slow_one_in(5)
@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", KINDS)
def test_families_cover(kind: str, cell: str) -> None:
    assert covered(kind, cell, 4_000) >= 0.92


def test_percentile_bootstrap_fails_the_same_test() -> None:
    """What the field does covers the true gap of 0 in next to none of the runs; ours does."""
    rng = np.random.default_rng(1)
    n, hits = np.array([200] * 5), 0
    for _ in range(60):
        p = rng.binomial(n, 0.3) / n
        again = rng.binomial(n, p, size=(400, 5)) / n
        low, high = np.quantile(np.ptp(again, axis=1), [0.025, 0.975])
        hits += low <= 0 <= high
    assert hits / 60 < 0.5
    assert covered("gap", "five equal, p = 0.3", 600) >= 0.92
