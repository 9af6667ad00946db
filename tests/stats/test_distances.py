"""Distances between distributions against scipy, and the level of their permutation test."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, permutation_test, wasserstein_distance

from auditkit.stats import distances
from auditkit.stats.distances import Counts, Floats, ks, largest, wasserstein

SAMPLE = st.lists(st.integers(-20, 20).map(lambda x: x / 4), min_size=1, max_size=30)


def counted(*samples: np.ndarray) -> tuple[Counts, Floats]:
    values = np.unique(np.concatenate(samples))
    return np.array([[(s == v).sum() for v in values] for s in samples]), values


@given(SAMPLE, SAMPLE)
@settings(max_examples=60, deadline=None)
def test_two_samples_against_scipy(a: list[float], b: list[float]) -> None:
    n, values = counted(np.array(a), np.array(b))
    cumulative = np.cumsum(n, axis=1) / n.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of scipy's p, which is not asked for
        assert ks(cumulative, values)[0] == pytest.approx(ks_2samp(a, b, method="asymp").statistic, abs=1e-12)
    assert wasserstein(cumulative, values)[0] == pytest.approx(wasserstein_distance(a, b), abs=1e-12)


def test_of_several_groups_the_farthest_pair_is_named() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.normal(m, 1, 60) for m in (0.0, 0.1, 1.5, 0.2)]
    found = largest([ks, wasserstein], *counted(*samples))
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for t, oracle in zip(found, (lambda a, b: ks_2samp(a, b).statistic, wasserstein_distance), strict=True):
        found_in = {pair: oracle(samples[pair[0]], samples[pair[1]]) for pair in pairs}
        assert t.value == pytest.approx(max(found_in.values()))
        assert found_in[t.first, t.second] == pytest.approx(t.value)
        assert t.p == 0.001


def test_p_against_scipys_permutation_test() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=70), rng.normal(0.35, 1, 50)
    oracle = permutation_test(
        (a, b), wasserstein_distance, alternative="greater", n_resamples=1_000, random_state=np.random.default_rng(3)
    )
    (found,) = largest([wasserstein], *counted(a, b))
    assert found.p == pytest.approx(oracle.pvalue, abs=4 * (0.25 / 999) ** 0.5 / 2 + 0.01)


def test_many_values_are_merged_for_the_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=500), rng.normal(0.3, 1, 500)
    (full,) = largest([ks], *counted(a, b))
    monkeypatch.setattr(distances, "MOST_CELLS", 64)
    (merged,) = largest([ks], *counted(a, b))
    assert merged.value == full.value == pytest.approx(ks_2samp(a, b).statistic)
    assert (merged.cells, full.cells) == (64, 512)
    assert merged.p <= 0.005
    assert full.p <= 0.005


@pytest.mark.parametrize("groups", [2, 3])
def test_without_a_difference_the_test_keeps_its_level(groups: int) -> None:
    rng = np.random.default_rng(5)
    p = []
    for _ in range(150):
        samples = [np.round(rng.normal(size=int(n)), 1) for n in rng.integers(12, 25, groups)]
        p.append([t.p for t in largest([ks, wasserstein], *counted(*samples), draws=39)])
    for level in (0.05, 0.2):
        rejected = (np.array(p) <= level).mean(axis=0)
        assert (rejected <= level + 3 * (level * (1 - level) / 150) ** 0.5).all()
        assert (rejected >= level - 3.5 * (level * (1 - level) / 150) ** 0.5 - 0.02).all()
