"""Multiplicity against statsmodels, and the law that ties selected intervals to Benjamini–Hochberg's rejections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from auditkit.stats.multiplicity import benjamini_hochberg, coverage_adjusted_level

P_VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=40)


@given(p=P_VALUES)
def test_adjusted_p_are_those_of_statsmodels(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=1e-12, atol=1e-300)


@given(p=P_VALUES)
def test_order_does_not_matter(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p[::-1])[::-1], benjamini_hochberg(p))


@given(z=st.lists(st.floats(-6, 6), min_size=1, max_size=30))
def test_an_adjusted_interval_excludes_zero_exactly_where_its_test_rejects(z: list[float]) -> None:
    p = 2 * norm.sf(np.abs(z))
    rejected = benjamini_hochberg(p) <= 0.05
    level = coverage_adjusted_level(0.95, int(rejected.sum()), len(z))
    excludes = np.abs(z) >= norm.isf((1 - level) / 2)
    assert (rejected == excludes).all()


def test_no_tests_at_all_and_wrong_input() -> None:
    assert benjamini_hochberg([]).shape == (0,)
    for wrong in ([0.1, float("nan")], [-0.1], [1.1], [[0.1]]):
        with pytest.raises(ValueError, match="in \\[0, 1\\]"):
            benjamini_hochberg(wrong)
    with pytest.raises(ValueError, match="got 3 of 2"):
        coverage_adjusted_level(0.95, 3, 2)
