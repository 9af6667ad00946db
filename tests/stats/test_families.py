"""Family intervals. Oracles: statsmodels and scipy for two groups; simulation for coverage; laws."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import studentized_range
from statsmodels.stats.proportion import confint_proportions_2indep

from auditkit.stats.families import of_rates
from auditkit.stats.joint import joint_quantile
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.rates import jeffreys

ALL = [partial(of_rates, kind) for kind in ("difference", "ratio", "difference_to_overall", "ratio_to_overall")]
counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
family = st.lists(counts, min_size=2, max_size=8)


def split(groups: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [k for k, _ in groups], [n for _, n in groups]


@given(counts, counts)
def test_two_groups_are_newcombe(a: tuple[int, int], b: tuple[int, int]) -> None:
    found = of_rates("difference", *split([a, b]), level=0.95)
    low, high = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff")
    assert found.low == pytest.approx(max(0, low, -high), abs=1e-10)
    assert found.high == pytest.approx(min(1, max(-low, high)), abs=1e-10)


@given(family)
def test_values_lie_inside(groups: list[tuple[int, int]]) -> None:
    for interval in ALL:
        found = interval(*split(groups), level=0.95)
        assert 0 <= found.low <= found.high
        assert not np.isnan([found.low, found.high]).any()
        if not np.isnan(found.value):
            assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    for largest in (False, True):
        found = of_rates("group_max" if largest else "group_min", *split(groups), level=0.95)
        assert found.low <= found.value <= found.high


@given(family, st.randoms())
def test_order_of_groups_does_not_matter(groups: list[tuple[int, int]], random: object) -> None:
    other = groups[:]
    random.shuffle(other)  # type: ignore[attr-defined]
    for interval in ALL:
        a, b = (interval(*split(g), level=0.95) for g in (groups, other))
        assert (a.low, a.high) == (pytest.approx(b.low, abs=1e-12), pytest.approx(b.high, abs=1e-12))


@given(family)
def test_complement_keeps_the_gap(groups: list[tuple[int, int]]) -> None:
    k, n = split(groups)
    a = of_rates("difference", k, n, level=0.95)
    b = of_rates("difference", [y - x for x, y in groups], n, level=0.95)
    assert (a.value, a.low, a.high) == tuple(pytest.approx(x, abs=1e-9) for x in (b.value, b.low, b.high))


@given(st.lists(counts, min_size=3, max_size=6))
def test_gap_is_its_slow_twin(groups: list[tuple[int, int]]) -> None:
    """Pair by pair: Jeffreys limits at the studentized range below, Newcombe above."""
    q = studentized_range.ppf(0.95, len(groups), np.inf) / np.sqrt(2)
    low, high = 0.0, 0.0
    for a, b in combinations(groups, 2):
        for (k1, n1), (k2, n2) in ((a, b), (b, a)):
            (p1, l1, _), (p2, _, u2) = (tuple(map(float, jeffreys(k, n, q))) for k, n in ((k1, n1), (k2, n2)))
            low = max(low, p1 - p2 - np.hypot(p1 - l1, u2 - p2))
        lower, upper = confint_proportions_2indep(*a, *b, method="newcomb", compare="diff")
        high = max(high, -lower, upper)
    found = of_rates("difference", *split(groups), level=0.95)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(min(1, high), abs=1e-9))


@given(counts, counts)
def test_to_overall_is_a_share_of_the_gap_for_two_groups(a: tuple[int, int], b: tuple[int, int]) -> None:
    gap = of_rates("difference", *split([a, b]), level=0.95)
    found = of_rates("difference_to_overall", *split([a, b]), level=0.95)
    share = max(a[1], b[1]) / (a[1] + b[1])  # the smaller group stands farther from overall
    assert found.value == pytest.approx(share * gap.value, abs=1e-12)
    assert found.low == pytest.approx(share * gap.low, abs=1e-9)


def test_quantiles_of_the_page() -> None:
    assert family_quantile(0.95, 2) == pytest.approx(1.960, abs=5e-4)
    for k, q in ((2, 2.236), (5, 2.964), (10, 3.379)):
        assert joint_quantile(0.95, (k, k)) == pytest.approx(q, abs=5e-4)
