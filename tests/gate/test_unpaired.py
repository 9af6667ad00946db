"""Unpaired changes: laws of the interval, an oracle of its p, and strange numbers of stored files."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from auditkit.errors import ReportError
from auditkit.gate.unpaired import Measured, levels, measured, measured_by, p_of_shift, shift
from auditkit.records import Estimate, Finding, Rule, Verdict
from tests.holm import rejected as by_statsmodels

_ANY = st.floats(-1, 1)
_HALF = st.floats(0, 1)


def estimate(value: float, below: float, above: float, level: float = 0.95) -> Estimate:
    return Estimate(value=value, low=value - below, high=value + above, level=level)


def of(e: Estimate) -> Measured:
    found = measured(e)
    assert found is not None
    return found


@pytest.mark.parametrize(("k1", "n1", "k2", "n2"), [(30, 100, 50, 120), (1, 40, 9, 60), (0, 30, 30, 30)])
def test_of_two_rates_it_is_newcombes_interval(k1: int, n1: int, k2: int, n2: int) -> None:
    def rate(k: int, n: int) -> Measured:
        low, high = proportion_confint(k, n, method="wilson")
        return of(Estimate(value=k / n, low=low, high=high))

    e = shift(rate(k1, n1), rate(k2, n2), 0.95)
    expected = confint_proportions_2indep(k2, n2, k1, n1, method="newcomb")
    assert (e.low, e.high) == pytest.approx(expected, abs=1e-9)


@given(_ANY, _HALF, _HALF, _ANY, _HALF, _HALF)
def test_the_other_way_round_it_is_the_mirror_image(a: float, b: float, c: float, x: float, y: float, z: float) -> None:
    old, new = of(estimate(a, b, c)), of(estimate(x, y, z))
    there, back = shift(old, new, 0.97), shift(new, old, 0.97)
    assert (there.value, there.low, there.high) == pytest.approx(
        tuple(-(v or 0.0) for v in (back.value, back.high, back.low)), abs=1e-12
    )


@given(_ANY, st.floats(1e-6, 1), st.floats(1e-6, 1), _ANY, st.floats(1e-6, 1), st.floats(1e-6, 1))
def test_p_is_where_the_interval_touches_no_change(a: float, b: float, c: float, x: float, y: float, z: float) -> None:
    old, new = of(estimate(a, b, c, level=0.6)), of(estimate(x, y, z, level=0.6))
    p = p_of_shift(old, new)
    assert p is not None
    if 1e-9 < p < 0.39:  # no interval is drawn narrower than its estimates' own
        for level, outside in ((1 - p * 1.01, True), (1 - p * 0.99, False)):
            e = shift(old, new, level)
            assert e.low is not None
            assert e.high is not None
            assert (e.low > 0 or e.high < 0) == outside


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_levels_are_those_of_holm(p: list[float]) -> None:
    drawn = levels(p, 0.95)
    rejected = by_statsmodels(p)
    assert [x < 1 - level for x, level in zip(p, drawn, strict=True)] == rejected or any(
        math.isclose(x, 1 - level) for x, level in zip(p, drawn, strict=True)
    )


def test_a_limit_that_nothing_lies_beyond_is_not_drawn_nearer() -> None:
    """A ratio of at most 1, a gap of at least 0: at a lower level the limit would be the same."""
    old = of(Estimate(value=0.02, low=0.0, high=0.1, level=0.99))
    e = shift(old, of(Estimate(value=0.0, low=0.0, high=0.0, level=0.99)), 0.9)
    assert e.high == pytest.approx(0.0, abs=1e-12), "not below no change"


def test_what_has_no_interval_shows_nothing() -> None:
    known = of(estimate(0.5, 0.1, 0.1))
    for e in (
        Estimate(value=0.2),
        Estimate(value=0.2, low=None, high=0.3),
        Estimate(value=0.2, low=0.1, high=0.3, state="unstable"),
        Estimate(value=0.2, low=0.1, high=0.3, method="bounds over every placement of the unknown rows"),
    ):
        one = of(e)
        assert None in (shift(one, known, 0.95).low, shift(one, known, 0.95).high)
    assert measured(Estimate(value=None)) is None


def test_a_verdict_drawn_at_two_levels_is_read_at_both() -> None:
    rule = Rule(id="r", metric="selection_rate", comparison="difference", by=("sex",), at_most=0.1, min_n=30)
    drawn = Estimate(value=0.2, low=0.1, high=0.25, level=0.99)
    v = Verdict(status="fail", rule=rule, finding="f", estimate=drawn, reason="r")
    found = measured_by(v, None, 0.95)
    assert found is not None
    assert found.below is not None
    assert found.above is not None
    assert (found.below.level, found.above.level) == (0.99, 0.95)
    own = Finding(
        id="f", concern="fairness", title="t", statement="s", metric="selection_rate", comparison="difference",
        by=("sex",), estimate=estimate(0.3, 0.1, 0.1),
    )  # fmt: skip
    assert measured_by(v, own, 0.95) == found, "other groups are counted: the finding is another number"
    usual = v.model_copy(update={"rule": rule.model_copy(update={"min_n": 10})})
    assert measured_by(usual, own, 0.95) == measured(own.estimate)


_WILD = st.floats(allow_nan=False, allow_infinity=False)


@given(_WILD, _WILD, st.floats(1e-300, 0.5, exclude_min=True), st.floats(0.5, 1, exclude_max=True))
def test_any_stored_number_gives_an_answer_or_one_line(a: float, b: float, low: float, level: float) -> None:
    old = of(Estimate(value=a, low=a - 1, high=a + 1, level=low))
    new = of(Estimate(value=b, low=b - 1, high=b + 1, level=level))
    p = p_of_shift(old, new)
    assert p is None or 0 <= p <= 1
    with contextlib.suppress(ReportError):
        shift(old, new, level)
