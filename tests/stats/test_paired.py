"""Two proportions of the same rows: a published interval, statsmodels' and scipy's tests, slow twins, laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar as of_statsmodels

from auditkit.stats.gap_change import growth, largest, p_value
from auditkit.stats.paired import correlation, mcnemar, overlapping, score, tango
from auditkit.stats.rates import Limits, critical_value, wilson

Z = critical_value(0.95)


def test_the_interval_of_a_published_example() -> None:
    """Airway hyper-responsiveness before and after a transplantation: of 21 children 1 won, 7 lost.

    Fagerland, Lydersen & Laake (2014), Statistics in Medicine 33:2850, table of intervals: Tango −0.517 to −0.026.
    """
    found = tango(1, 7, 21, Z)
    assert [round(float(x), 3) for x in found] == [-0.286, -0.517, -0.026]


def _likeliest(b: int, c: int, n: int, delta: float) -> float:
    """The share of rows lost that makes the flips likeliest where shares won and lost differ by delta: by search."""
    at = np.linspace(max(0.0, -delta), (1 - delta) / 2, 200_001)[1:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.maximum(1 - 2 * at - delta, 0.0)
        terms = [k * np.log(x) if k else np.zeros_like(at) for k, x in ((b, at + delta), (c, at), (n - b - c, rest))]
        return float(at[np.nanargmax(np.sum(terms, axis=0))])


@pytest.mark.parametrize(("b", "c", "n"), [(9, 1, 100), (3, 8, 40), (30, 20, 60), (1, 0, 15)])
def test_the_statistic_is_the_likelihood_s(b: int, c: int, n: int) -> None:
    for delta in (-0.2, -0.05, 0.03, 0.15):
        lost = _likeliest(b, c, n, delta)
        slow = (b - c - n * delta) / np.sqrt(n * (2 * lost + delta * (1 - delta)))
        assert float(score(b, c, n, delta)) == pytest.approx(slow, rel=2e-3, abs=2e-3)


def test_limits_are_where_the_statistic_is_the_critical_value() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(2, 3_000, 400)
    b = rng.integers(0, n // 2 + 1)
    c = np.where(rng.random(400) < 0.3, 0, rng.integers(0, n - b + 1))
    for q in (0.01, 1.0, Z, 4.0):
        found = tango(b, c, n, q)
        for end, sign in ((found.low, 1), (found.high, -1)):
            inside = np.abs(end) < 1 - 1e-6
            assert score(b, c, n, end)[inside] == pytest.approx(sign * q, abs=1e-4)
        assert np.all((found.low <= found.p) & (found.p <= found.high))
        assert np.all((found.low >= -1) & (found.high <= 1))


def test_zero_is_excluded_exactly_where_mcnemar_rejects() -> None:
    for b, c, n in [(9, 1, 100), (12, 4, 80), (11, 3, 20), (5, 5, 30), (7, 1, 9), (20, 9, 200)]:
        table = [[n - b - c, b], [c, 0]]
        rejects = of_statsmodels(table, exact=False, correction=False).pvalue < 0.05
        found = tango(b, c, n, Z)
        assert bool(found.low > 0 or found.high < 0) == rejects
        assert mcnemar(b, c) == pytest.approx(of_statsmodels(table, exact=True).pvalue)
        assert mcnemar(b, c) == pytest.approx(binomtest(b, b + c).pvalue)


def test_no_flip_is_no_certainty() -> None:
    found = tango([0, 0], [0, 0], [20, 2_000], Z)
    assert found.high == pytest.approx(Z**2 / (np.array([20, 2_000]) + Z**2))
    assert found.low == pytest.approx(-found.high)
    assert np.isnan(tango(0, 0, 0, Z).low)


def test_turned_round_the_limits_change_sign() -> None:
    a, b = tango(12, 5, 90, Z), tango(5, 12, 90, Z)
    assert (a.low, a.high) == pytest.approx((-b.high, -b.low), abs=1e-11)


def test_the_correlation_of_overlapping_rates_is_that_of_their_errors() -> None:
    """Of many rows: the slow twin draws the table again and again."""
    rng = np.random.default_rng(1)
    p = np.array([[0.3, 0.03, 0.05], [0.04, 0.2, 0.0], [0.06, 0.0, 0.32]])
    draws = rng.multinomial(5_000, p.ravel(), 4_000).reshape(-1, 3, 3)
    own, old = draws.sum(axis=2), draws.sum(axis=1)
    new, before = own[:, 2] / own[:, 1:].sum(axis=1), old[:, 2] / old[:, 1:].sum(axis=1)
    assert correlation(5_000 * p[None])[0] == pytest.approx(np.corrcoef(new, before)[0, 1], abs=0.02)


def test_rates_that_share_no_row_are_newcombe_s() -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    table = np.zeros((1, 3, 3))
    table[0, 2, 0], table[0, 1, 0], table[0, 0, 2], table[0, 0, 1] = 400, 100, 300, 200
    found = overlapping(table, tuple(np.array([x]) for x in (400.0, 500.0, 300.0, 500.0)), Z)  # type: ignore[arg-type]
    low, high = confint_proportions_2indep(400, 500, 300, 500, method="newcomb")
    assert (found.low[0], found.high[0]) == pytest.approx((low, high), abs=2e-3)


def test_growth_is_that_of_sizes() -> None:
    rng = np.random.default_rng(2)
    old, new = rng.random((2, 5))
    exact = growth(*(Limits(x, x, x) for x in (new - old, new + old)))
    i, j = np.triu_indices(5, 1)
    slow = np.abs(new[i] - new[j]) - np.abs(old[i] - old[j])
    assert exact.value == pytest.approx(slow)
    assert exact.low == pytest.approx(slow)
    assert exact.high == pytest.approx(slow)


def test_growth_is_paired_where_the_sign_of_the_gap_is_sure() -> None:
    from auditkit.stats.pairs import difference

    change = tango(np.array([10, 30]), np.array([40, 10]), np.array([900, 800]), Z)
    total = Limits(np.array([0.5, 1.5]), np.array([0.45, 1.45]), np.array([0.55, 1.55]))  # far apart in both models
    found = growth(change, total)
    own = difference(*(Limits(*(x[i : i + 1] for x in change)) for i in (1, 0)))
    assert (found.low[0], found.high[0]) == pytest.approx((own.low[0], own.high[0]))


@pytest.mark.parametrize("groups", [2, 4])
def test_p_of_growth_touches_its_interval(groups: int) -> None:
    rng = np.random.default_rng(groups)
    n = rng.integers(200, 900, groups)
    won, lost = rng.integers(0, 20, groups), rng.integers(0, 120, groups)
    old = rng.integers(100, n - 50)

    def both(q: float) -> tuple[Limits, Limits]:
        newer, older = wilson(np.clip(old + won - lost, 0, n), n, q), wilson(old, n, q)
        return tango(won, lost, n, q), Limits(*(a + b for a, b in zip(newer, older, strict=True)))

    for level in (0.9, 0.95, 0.99):
        found = largest(both, groups, level=level)
        assert p_value(both, groups, found.low, above=True) == pytest.approx(1 - level, abs=1e-4)
        assert p_value(both, groups, found.high, above=False) == pytest.approx(1 - level, abs=1e-4)
