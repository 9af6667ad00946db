"""Fisher's mid-p against scipy's exact test, and against every table by whole numbers."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom

from auditkit.stats.fisher import mid_p


@st.composite
def tables(draw: st.DrawFn, most: int = 40) -> tuple[int, int, int, int]:
    n_a, n_b = draw(st.integers(1, most)), draw(st.integers(1, most))
    return draw(st.integers(0, n_a)), n_a, draw(st.integers(0, n_b)), n_b


def twin(k_a: int, n_a: int, k_b: int, n_b: int) -> Fraction:
    """From the definition, in whole numbers."""
    total, ways = k_a + k_b, comb(n_a + n_b, k_a + k_b)
    p = [Fraction(comb(n_a, x) * comb(n_b, total - x), ways) for x in range(max(0, total - n_b), min(total, n_a) + 1)]
    seen = Fraction(comb(n_a, k_a) * comb(n_b, k_b), ways)
    return sum((x for x in p if x < seen), Fraction(0)) + sum((x for x in p if x == seen), Fraction(0)) / 2


@given(tables())
@settings(max_examples=300, deadline=None)
def test_is_the_sum_over_tables(table: tuple[int, int, int, int]) -> None:
    assert float(mid_p(*table)) == pytest.approx(float(twin(*table)), abs=1e-12)


@given(tables(most=300))
@settings(max_examples=150, deadline=None)
def test_is_scipys_p_less_half_the_ties(table: tuple[int, int, int, int]) -> None:
    k_a, n_a, k_b, n_b = table
    p = fisher_exact([[k_a, n_a - k_a], [k_b, n_b - k_b]]).pvalue
    law = hypergeom(n_a + n_b, k_a + k_b, n_a)
    each = law.pmf(np.arange(n_a + 1))
    ties = each[np.abs(each - law.pmf(k_a)) <= 1e-9 * law.pmf(k_a)].sum()
    assert float(mid_p(*table)) == pytest.approx(p - ties / 2, abs=1e-9)


def test_arrays_symmetry_and_nobody() -> None:
    p = mid_p([1, 8, 0, 0], [10, 10, 0, 9], [8, 1, 3, 0], [10, 10, 5, 9])
    assert p[0] == pytest.approx(p[1]) == pytest.approx(float(twin(1, 10, 8, 10)))
    assert np.isnan(p[2])
    assert p[3] == 0.5  # one table only: it ties with itself


def test_holds_its_level_where_the_exact_test_is_timid() -> None:
    x = np.arange(31)
    both = np.outer(*(2 * [np.array([comb(30, int(k)) * 0.3**k * 0.7 ** (30 - k) for k in x])]))
    p = mid_p(x[:, None], 30, x[None, :], 30)
    exact = np.array([[fisher_exact([[a, 30 - a], [b, 30 - b]]).pvalue for b in x] for a in x])
    assert 0.03 < (both * (p < 0.05)).sum() < 0.06
    assert (both * (exact < 0.05)).sum() < (both * (p < 0.05)).sum()
