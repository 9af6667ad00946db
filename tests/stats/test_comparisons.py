"""Comparisons: values by their definitions, and p-values dual to the intervals, for every kind and number of groups."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.stats.comparisons import Comparisons, Quantity

K, N = np.array([300.0, 420.0, 520.0, 610.0]), np.full(4, 1000.0)
LEVEL = 0.9


def rates(k: np.ndarray, n: np.ndarray) -> Quantity:
    return lambda q, method: method(k, n, q)


def comparisons(kind: str, groups: int, df: float) -> Comparisons:
    k, n = K[:groups], N[:groups]
    facts = {"level": LEVEL, "df": df}
    if kind.endswith("to_reference"):
        return Comparisons(rates(k[1:], n[1:]), groups - 1, other=rates(k[:1], n[:1]), **facts)
    claims, rest = 1 if groups == 2 else groups, rates(k.sum() - k, n.sum() - n)
    if kind.endswith("to_rest"):
        return Comparisons(rates(k, n), claims, other=rest, **facts)
    if kind.endswith("to_overall"):
        return Comparisons(rates(k, n), claims, other=rest, share=n / n.sum(), **facts)
    return Comparisons(rates(k, n), groups, **facts)


def by_definition(kind: str, groups: int) -> float:
    k, n = K[:groups], N[:groups]
    p = k / n
    other = {
        "reference": p[0],
        "rest": (k.sum() - k) / (n.sum() - n),
        "overall": k.sum() / n.sum(),
    }.get(kind.rpartition("_")[2])
    if kind in ("group_min", "group_max"):
        return float(p.min() if kind == "group_min" else p.max())
    if kind == "difference":
        return float(p.max() - p.min())
    if kind == "ratio":
        return float(p.min() / p.max())
    if kind.startswith("difference"):
        return float(np.abs(p - other).max())
    return float(np.minimum(p / other, other / p).min())


KINDS = [
    "difference", "ratio", "group_min", "group_max", "difference_to_overall", "ratio_to_overall",
    "difference_to_reference", "ratio_to_reference", "difference_to_rest", "ratio_to_rest",
]  # fmt: skip


@pytest.mark.parametrize("df", [np.inf, 25.0])
@pytest.mark.parametrize("groups", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_p_of_a_limit_is_one_less_the_level(kind: str, groups: int, df: float) -> None:
    of = comparisons(kind, groups, df)
    found = of.interval(kind)
    assert found.value == pytest.approx(by_definition(kind, groups), abs=1e-12)
    assert 0 < found.low < found.value < found.high < 1
    assert of.p_value(kind, found.low, above=True) == pytest.approx(1 - LEVEL, abs=1e-6)
    assert of.p_value(kind, found.high, above=False) == pytest.approx(1 - LEVEL, abs=1e-6)


@pytest.mark.parametrize("groups", [2, 4])
def test_each_group_holds_at_the_level_of_the_farthest(groups: int) -> None:
    of = comparisons("difference_to_reference", groups, np.inf)
    each, found = of.each("difference_to_reference"), of.interval("difference_to_reference")
    assert each.value == pytest.approx((K[1:groups] - K[0]) / 1000)
    assert each.low.max() == pytest.approx(found.low)
