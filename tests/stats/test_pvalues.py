"""Adjusted p: the level at which an interval touches the limit is 1 − p. Oracle for the tails: scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, studentized_range

from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import answering
from auditkit.question import Question
from auditkit.records import CHANGES
from auditkit.stats.pvalues import tail
from auditkit.stats.ranges import range_ppf, range_sf
from tests.helpers import reassessing

reassess, p_value = reassessing(answering)

CASES = [
    (metric, comparison)
    for metric in ("selection_rate", "true_positive_rate", "equalized_odds")
    for comparison in METRICS[metric].comparisons
    if comparison not in CHANGES  # their evidence is of two models: tests/fairness/test_change.py
]


@pytest.mark.parametrize("groups", [2, 3, 5, 10, 50, 1000])
def test_the_range_is_scipys(groups: int) -> None:
    for q in (0.3, 1.0, 2.5, 4.0, 6.0, 9.0):
        expected = studentized_range.sf(q, groups, np.inf)
        assert range_sf(q, groups) == pytest.approx(expected, rel=1e-6, abs=1e-10)
    for level in (0.5, 0.9, 0.95, 0.999):
        assert range_ppf(level, groups) == pytest.approx(studentized_range.ppf(level, groups, np.inf), abs=1e-5)
    assert 0 < range_sf(20.0, groups) < 1e-30


def test_tails_are_scipys() -> None:
    for q in (0.5, 1.96, 3.0):
        assert tail(q, 2, "pairs") == pytest.approx(2 * norm.sf(q), rel=1e-9)
        assert tail(q, 2, "pairs") == pytest.approx(studentized_range.sf(q * np.sqrt(2), 2, np.inf), rel=1e-6)
        assert tail(q, 5, "pairs") == pytest.approx(studentized_range.sf(q * np.sqrt(2), 5, np.inf))
        assert tail(q, 5, "separate") == pytest.approx(1 - (1 - 2 * norm.sf(q)) ** 5)


def tally_of(groups: int, seed: int) -> Tally:
    rng = np.random.default_rng(seed)
    n = 900
    g = rng.choice([f"g{i}" for i in range(groups)], n)
    y = rng.random(n) < 0.5
    p = rng.random(n) < 0.3 + 0.3 * y + 0.15 * (g == "g0")
    return Tally.of({"g": g}, y_true=y.astype(int), y_pred=p.astype(int))


@pytest.mark.parametrize("groups", [2, 5])
@pytest.mark.parametrize(("metric", "comparison"), CASES)
@settings(max_examples=6)
@given(limit=st.floats(0.02, 0.98), seed=st.integers(0, 5))
def test_p_is_where_the_interval_touches_the_limit(
    metric: str, comparison: str, groups: int, limit: float, seed: int
) -> None:
    tally, by = tally_of(groups, seed), () if comparison == "overall" else ("g",)
    for above in (True, False) if metric != "equalized_odds" else (True,):
        p = p_value(tally, Question(metric, comparison, by), limit, above=above)  # type: ignore[arg-type]
        assert p is not None
        for level in (1 - 1.01 * p, 1 - 0.99 * p):
            if not 0.5 < level < 1 - 1e-10:
                continue
            found = reassess(tally, Question(metric, comparison, by, level))  # type: ignore[arg-type]
            assert found is not None
            e = found.estimate
            beyond = (e.low or 0) > limit if above else e.high is not None and e.high < limit
            assert beyond == (level < 1 - p)
