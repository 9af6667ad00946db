"""Limits of rates, differences and ratios. Oracle: statsmodels; laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from auditkit.stats import pairs
from auditkit.stats.rates import clopper_pearson, critical_value, jeffreys, rate, wilson

Z = critical_value(0.95)
counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_wilson_is_statsmodels(kn: tuple[int, int]) -> None:
    k, n = kn
    low, high = proportion_confint(k, n, method="wilson")
    found = wilson(k, n, Z)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


@given(counts)
def test_jeffreys_is_statsmodels_inside_the_edges(kn: tuple[int, int]) -> None:
    k, n = kn
    low, high = proportion_confint(k, n, method="jeffreys")
    found = jeffreys(k, n, Z)
    assert found.low == (0 if k == 0 else pytest.approx(low, abs=1e-9))
    assert found.high == (1 if k == n else pytest.approx(high, abs=1e-9))


@given(counts)
def test_clopper_pearson_is_statsmodels(kn: tuple[int, int]) -> None:
    k, n = kn
    low, high = proportion_confint(k, n, method="beta")
    found = clopper_pearson(k, n, Z)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_edges_are_exact_and_nothing_is_nan() -> None:
    assert wilson(0, 7, Z).low == 0
    assert wilson(7, 7, Z).high == 1
    assert np.isnan(rate(0, 0))
    assert np.isnan(wilson(0, 0, Z).low)


@given(counts, counts)
def test_newcombe_is_statsmodels(a: tuple[int, int], b: tuple[int, int]) -> None:
    low, high = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff")
    found = pairs.difference(wilson(*a, Z), wilson(*b, Z))
    assert found.low == pytest.approx(low, abs=1e-10)
    assert found.high == pytest.approx(high, abs=1e-10)


@given(counts, counts)
def test_ratio_is_reciprocal(a: tuple[int, int], b: tuple[int, int]) -> None:
    ab, ba = pairs.ratio(wilson(*a, Z), wilson(*b, Z)), pairs.ratio(wilson(*b, Z), wilson(*a, Z))
    if a[0] and b[0]:
        assert float(ab.low) == pytest.approx(1 / float(ba.high), rel=1e-9)
        assert ab.low <= ab.value <= ab.high
    if a[0] == 0:
        assert ab.low == 0
    if b[0] == 0:
        assert ab.high == np.inf


def slow_mover_r(k1: int, n1: int, k2: int, n2: int) -> tuple[float, float]:
    """A slow twin, line by line from Donner & Zou (2012), for k1, k2 > 0."""
    (p1, l1, u1), (p2, l2, u2) = ((float(x) for x in wilson(k, n, Z)) for k, n in ((k1, n1), (k2, n2)))
    root_low = (p1 * p2) ** 2 - l1 * u2 * (2 * p1 - l1) * (2 * p2 - u2)
    root_high = (p1 * p2) ** 2 - u1 * l2 * (2 * p1 - u1) * (2 * p2 - l2)
    return (
        (p1 * p2 - root_low**0.5) / (u2 * (2 * p2 - u2)) if abs(2 * p2 - u2) > 1e-9 else float("nan"),
        (p1 * p2 + root_high**0.5) / (l2 * (2 * p2 - l2)),
    )


@given(st.integers(20, 300), st.integers(20, 300), st.data())
def test_mover_r_is_its_slow_twin(n1: int, n2: int, data: st.DataObject) -> None:
    k1, k2 = data.draw(st.integers(1, n1)), data.draw(st.integers(1, n2))
    found = pairs.ratio(wilson(k1, n1, Z), wilson(k2, n2, Z))
    low, high = slow_mover_r(k1, n1, k2, n2)
    if np.isfinite(low):
        assert float(found.low) == pytest.approx(low, rel=1e-6)
    assert float(found.high) == pytest.approx(high, rel=1e-9)


def test_ratio_is_near_the_score_interval() -> None:
    """statsmodels' score interval of the ratio, within 15 % of the width at n ≥ 100."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        n1, n2 = rng.integers(100, 400, 2)
        k1, k2 = (int(rng.integers(0.2 * n, 0.8 * n)) for n in (n1, n2))
        low, high = confint_proportions_2indep(k1, n1, k2, n2, method="score", compare="ratio")
        found = pairs.ratio(wilson(k1, n1, Z), wilson(k2, n2, Z))
        assert float(found.high - found.low) == pytest.approx(high - low, rel=0.15)
