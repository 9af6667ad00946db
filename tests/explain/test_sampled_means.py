"""Means over sampled rows: corrected for skewness as those of all rows. Truths: scipy, laws whose mean is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import skew

from auditkit.evidence.sums import Moments, Weights
from auditkit.explain.all_rows import Means
from auditkit.explain.estimates import CARRIED, PLAIN, gap, mean_of, means_of
from auditkit.stats.means import t_limits

TRUTH = float(np.exp(1.125))
"""Mean of the lognormal law with sigma 1.5."""


def column(x: np.ndarray) -> Moments:
    return Moments.of(x[:, None])


def test_skewness_is_that_of_scipy_in_any_parts_and_after_storing() -> None:
    x = np.random.default_rng(0).lognormal(size=(300, 2)) + 5
    whole, parts = Moments.of(x), Moments.of(x[:80]) + Moments.of(x[80:])
    for m in (whole, parts, Moments.from_json(json.loads(json.dumps(parts.to_json())))):
        assert m.skewness == pytest.approx(skew(x), rel=1e-9)
    copies = Moments.of(x, Weights(np.full(300, 2.0)))
    assert copies.skewness == pytest.approx(skew(x), rel=1e-9)


def test_values_that_are_alike_or_too_large_to_tell_have_no_skewness() -> None:
    x = np.random.default_rng(0).lognormal(size=(50, 1))
    assert Moments.of(np.full((50, 1), 0.1)).skewness == pytest.approx([0.0])
    assert Moments.of(x + 1e9).skewness == pytest.approx([0.0])


def test_sums_of_older_reports_have_the_limits_that_they_had() -> None:
    x = np.random.default_rng(1).lognormal(0, 1.5, 40)
    data = {k: v for k, v in column(x).to_json().items() if k != "wx3"}
    old = Moments.from_json(data)
    assert (old + column(x)).wx3 is None
    assert old.to_json() == data
    e = mean_of(old).estimate(0.95)
    error = x.std(ddof=1) / 40**0.5
    low, high = t_limits(x.mean(), error, effective_n=40, level=0.95)
    assert (e.low, e.high, e.method, e.state) == (pytest.approx(low), pytest.approx(high), PLAIN, "ok")


def test_skewed_means_of_one_law_are_hardly_found_apart() -> None:
    """30 beside 1,000: the mean of 30 lacks the tail. Student's limits find a gap in every sixth draw or more."""
    rng = np.random.default_rng(5)
    draws = [[rng.lognormal(0, 1.5, n) for n in (30, 1_000)] for _ in range(150)]
    plain, found, held, unstable = 0, 0, 0, 0
    for parts in draws:
        moments = [column(x) for x in parts]
        old = gap([mean_of(Moments(*tuple(vars(m).values())[:6])) for m in moments], level=0.95)
        new = gap(cells := means_of(moments), level=0.95)
        assert old is not None
        assert new is not None
        plain, found = plain + old.estimate.excludes_zero, found + new.estimate.excludes_zero
        unstable += new.estimate.state == "unstable"
        assert (new.p is None) == (new.estimate.state == "unstable")
        e = cells[0].estimate(0.95)
        held += e.state == "unstable" or e.low <= TRUTH <= e.high  # type: ignore[operator]
    assert plain > 0.15 * len(draws)
    assert found <= 0.07 * len(draws)
    assert held >= 0.92 * len(draws)
    assert unstable


def test_an_unstable_mean_is_shown_and_never_compared() -> None:
    few = np.r_[np.zeros(29), 50.0]
    cells = means_of([column(few), column(np.random.default_rng(0).normal(9, 0.1, 500))])
    e, between = cells[0].estimate(0.95), gap(cells, level=0.95)
    assert (e.value, e.state, e.note) == (pytest.approx(50 / 30), "unstable", CARRIED)
    assert between is not None
    assert between.estimate.state == between.own.state == "unstable"
    assert not between.estimate.excludes_zero
    assert between.p is None
    rows = {"f": (few, Weights(np.ones(30))), "m": (np.full(500, 9.0), Weights(np.ones(500)))}
    means = Means.of_rows(rows, bounded=False, level=0.95)
    assert means is not None
    assert means.largest().state == "unstable"
    pair = means.pair("m", "f")
    assert pair is not None
    assert pair.p is None


def test_light_tails_keep_their_power() -> None:
    rng = np.random.default_rng(7)
    found, before = 0, 0
    for _ in range(100):
        moments = [column(rng.normal(0.2, 1, 300)), column(rng.normal(0, 1, 3_000))]
        old = gap([mean_of(Moments(*tuple(vars(m).values())[:6])) for m in moments], level=0.95)
        new = gap(means_of(moments), level=0.95)
        assert old is not None
        assert new is not None
        before, found = before + old.estimate.excludes_zero, found + new.estimate.excludes_zero
    assert before > 0.8 * 100
    assert found >= 0.9 * before
