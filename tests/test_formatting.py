"""How numbers are written: what every format relies on, over numbers of all sizes."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from auditkit.formatting import NOTHING, beside, in_unit, interval, percent, plain, points, quantity, quotient
from auditkit.records import Estimate, Rule, Verdict
from auditkit.report.html.figures import cells
from auditkit.report.verdict_words import tightest
from auditkit.report.vocabulary import range_in, whole_percent

SIZES = st.floats(1e-7, 1e7).flatmap(lambda x: st.sampled_from([x, -x]))
NUMBERS = SIZES | st.just(0.0) | st.floats(-1, 1)
UNITS = ("percent", "points", "ratio", "", "h")
POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read(text: str) -> float:
    """A printed number, read again; shares in percent."""
    digits = re.sub(r"[%, ]|points|h", "", text).replace("−", "-").replace("×10", "e").translate(POWERS)
    return float(digits)


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    ends = sorted(draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    return Estimate(value=ends[1], low=ends[0], high=ends[2])


@st.composite
def narrow(draw: st.DrawFn) -> Estimate:
    """Intervals far smaller than their value."""
    x, off, share = draw(SIZES), draw(st.floats(1e-5, 1e-2)), draw(st.floats(0, 1))
    return Estimate(value=x, low=x - abs(x) * off * share, high=x + abs(x) * off)


def three(e: Estimate, unit: str) -> list[float]:
    """(low, value, high) as a table prints them."""
    value, told = cells(e, unit)
    ends = re.split(r"(?<=[\d⁰¹²³⁴⁵⁶⁷⁸⁹])(?:–| to )", told)
    return [read(ends[0]), read(value), read(ends[1])]


@pytest.mark.parametrize("unit", UNITS)
@given(e=estimates() | narrow())
@example(e=Estimate(value=0.0, low=0.0, high=0.0))
@example(e=Estimate(value=0.001, low=0.0009, high=0.0012))
def test_a_printed_interval_holds_the_printed_value_and_its_ends_differ(unit: str, e: Estimate) -> None:
    low, value, high = three(e, unit)
    assert low <= value <= high
    assert e.low is not None
    assert e.high is not None
    if e.high - e.low > 1e-6 * max(abs(e.low), abs(e.high)) and e.high - e.low > 1e-9:
        assert low < high


@pytest.mark.parametrize("unit", UNITS)
@given(a=NUMBERS, b=NUMBERS)
def test_what_is_larger_is_not_printed_smaller(unit: str, a: float, b: float) -> None:
    a, b = sorted((a, b))
    assert read(in_unit(a, unit)) <= read(in_unit(b, unit))


@pytest.mark.parametrize("unit", UNITS)
@given(x=NUMBERS)
@example(x=-0.0)
@example(x=-1e-17)
def test_two_significant_digits_are_kept_and_zero_has_no_sign(unit: str, x: float) -> None:
    text, scale = in_unit(x, unit), 100 if unit in ("percent", "points") else 1
    assert not re.fullmatch(r"−0(\.0*)?%?( h)?", text)
    assert "-" not in text
    if abs(x) > 1e-9:
        assert read(text) == pytest.approx(scale * x, rel=0.05)


@pytest.mark.parametrize("unit", UNITS)
@given(e=estimates() | narrow())
def test_a_value_keeps_two_digits_beside_its_interval_unless_that_is_far_wider(unit: str, e: Estimate) -> None:
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    scale = 100 if unit in ("percent", "points") else 1
    half = (e.high - e.low) / 2
    assume(abs(e.value) > 1e-9)
    if abs(e.value) > half / 50:
        assert three(e, unit)[1] == pytest.approx(scale * e.value, rel=0.051)
    if e.high - e.low > 2e-6 * max(abs(e.low), abs(e.high)):
        assert abs(three(e, unit)[1] - scale * e.value) <= 0.51 * scale * (e.high - e.low)


@given(e=estimates())
def test_sentences_and_tables_print_one_number(e: Estimate) -> None:
    for comparison, unit in (("overall", "percent"), ("difference", "points"), ("ratio", "ratio")):
        value, beside = cells(e, unit)
        assert quantity(e, comparison).removesuffix(" points") == value  # type: ignore[arg-type]
        told = interval(e, comparison).split(" interval ")[1].replace("%", "")  # type: ignore[arg-type]
        assert told.replace(" to ", "–") == beside.replace(" to ", "–")
    assert range_in(e, "") == cells(e, "")[1]


def test_small_rates_are_no_zeros() -> None:
    assert (percent(0.0003), points(0.0003), quotient(0.0031)) == ("0.030%", "0.030", "0.0031")
    assert whole_percent(0.0004) == "0.040%"
    assert plain(-0.0005) == "−0.000500"
    assert cells(Estimate(value=0.0003, low=0.0001, high=0.0008)) == ("0.030%", "0.010–0.080")
    assert cells(Estimate(value=0.001, low=0.0008, high=0.0013)) == ("0.10%", "0.08–0.13")
    assert percent(None) == NOTHING


LARGEST, LEAST = 1.7976931348623157e308, 5e-324


@pytest.mark.parametrize("unit", ["percent", "points", "ratio", "", "kg"])
@pytest.mark.parametrize("x", [LARGEST, -LARGEST, 1e307, LEAST, -LEAST])
def test_the_largest_and_the_least_numbers_are_written(unit: str, x: float) -> None:
    between = Estimate(value=x, low=-LARGEST, high=LARGEST)
    for text in (in_unit(x, unit), in_unit(between, unit), beside(x, unit, -x), quantity(x, "overall", of=unit)):
        assert text
        assert "inf" not in text
        assert "nan" not in text


@pytest.mark.parametrize("unit", ["percent", "points", "ratio", "number"])
@pytest.mark.parametrize("x", [LARGEST, -LARGEST, 1e307, LEAST, -LEAST, 0.0])
@pytest.mark.parametrize("side", ["at_most", "at_least"])
def test_the_tightest_limit_is_told_of_any_number(unit: str, x: float, side: str) -> None:
    rule = Rule.model_validate({"id": "r", "metric": "m", "comparison": "overall", side: 0.5})
    told = tightest(Verdict(rule=rule, status="fail", finding=None, estimate=None, reason="r", tightest=x), unit)[0]
    assert told
    assert "inf" not in told
