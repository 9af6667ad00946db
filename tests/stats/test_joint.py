"""Several families at once, against their definitions and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import studentized_range

from auditkit.stats import joint
from auditkit.stats.comparisons import Comparisons
from auditkit.stats.families import of_rates
from auditkit.stats.pvalues import family_quantile
from auditkit.stats.rates import critical_value, wilson


@pytest.mark.parametrize("groups", [(2,), (2, 2), (5, 3), (4, 4, 4), (2, 7, 3, 20)])
def test_the_quantile_solves_its_equation(groups: tuple[int, ...]) -> None:
    q = joint.joint_quantile(0.95, groups)
    inside = [studentized_range.cdf(q * 2**0.5, k, np.inf) for k in groups]
    assert np.prod(inside) == pytest.approx(0.95, abs=1e-6)
    if len(groups) == 1:
        assert q == pytest.approx(family_quantile(0.95, groups[0]), abs=1e-9)


def joint_of(*counts: tuple[np.ndarray, np.ndarray], level: float) -> joint.Joint:
    return joint.Joint(tuple(Comparisons(lambda q, m, c=c: m(*c, q), len(c[0]), level) for c in counts))


def test_one_family_is_what_it_was() -> None:
    k, n = np.array([30.0, 45.0, 12.0]), np.array([100.0, 110.0, 60.0])
    for kind in ("difference", "ratio"):
        found, alone = joint_of((k, n), level=0.9).interval(kind).interval, of_rates(kind, k, n, level=0.9)
        assert found[:3] == pytest.approx(alone[:3])
        assert found.sure == pytest.approx(alone.sure)
    for kind in ("group_max", "group_min"):
        found = joint_of((k, n), level=0.9).interval(kind).interval
        assert found == of_rates(kind, k, n, level=0.9)


def test_the_extreme_says_which_family_and_group() -> None:
    one, two = (np.array([30.0, 45.0]), np.array([100.0, 100.0])), (np.array([60.0, 5.0, 40.0]), np.full(3, 100.0))
    found, far, _ = joint_of(one, two, level=0.95).interval("group_min")
    assert (far, found.far.first, found.value) == (1, 1, 0.05)
    found, far, _ = joint_of(two, one, level=0.95).interval("group_max")
    assert (far, found.far.first, found.value) == (0, 0, 0.6)


@pytest.mark.parametrize("kind", ["group_min", "group_max"])
def test_an_extreme_of_several_families_is_that_of_all_their_groups(kind: str) -> None:
    one, two = (np.array([30.0, 45.0]), np.array([100.0, 100.0])), (np.array([60.0, 5.0, 40.0]), np.full(3, 100.0))
    all_groups = np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]])
    together, apart = joint_of(all_groups, level=0.95), joint_of(one, two, level=0.95)
    assert apart.interval(kind).interval[:3] == together.interval(kind).interval[:3]
    for above in (True, False):
        assert apart.p_value(kind, 0.3, above=above) == pytest.approx(together.p_value(kind, 0.3, above=above))


@pytest.mark.parametrize("kind", ["difference", "ratio", "group_min", "group_max"])
def test_p_of_a_limit_is_one_less_the_level(kind: str) -> None:
    of = joint_of(
        (np.array([30.0, 45.0]), np.full(2, 100.0)), (np.array([60.0, 25.0, 40.0]), np.full(3, 99.0)), level=0.9
    )
    found = of.interval(kind).interval
    assert of.p_value(kind, found.low, above=True) == pytest.approx(0.1, abs=1e-6)
    assert of.p_value(kind, found.high, above=False) == pytest.approx(0.1, abs=1e-6)


def macro_twin(k: np.ndarray, n: np.ndarray, z: float) -> tuple[float, float]:
    low, high, plain = 0.0, 0.0, 0.0
    for a, b in zip(k, n, strict=True):
        w = wilson(a, b, z)
        low += float(w.p - w.low) ** 2
        high += float(w.high - w.p) ** 2
        p = (a + 1) / (b + 2)
        plain += p * (1 - p) / (b + 2)
    middle = (k / n).mean()
    halves = [max(x**0.5, z * plain**0.5) / len(k) for x in (low, high)]
    return max(0.0, middle - halves[0]), min(1.0, middle + halves[1])


def test_macro_recall_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 200, (50, 4)).astype(float)
    k = np.floor(rng.random((50, 4)) * (n + 1))
    found = joint.macro(k, n, critical_value(0.95))
    for i in range(50):
        assert (found.low[i], found.high[i]) == pytest.approx(macro_twin(k[i], n[i], critical_value(0.95)))


@pytest.mark.parametrize("p", [0.02, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(("n", "classes"), [(12, 3), (30, 10), (200, 3)])
def test_macro_recall_covers(p: float, n: int, classes: int) -> None:
    rng = np.random.default_rng(1)
    k = rng.binomial(n, p, (4_000, classes)).astype(float)
    found = joint.macro(k, np.full(k.shape, float(n)), critical_value(0.95))
    assert ((found.low <= p) & (p <= found.high)).mean() >= 0.92
