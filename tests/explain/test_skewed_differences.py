"""Differences of means of rows' values, of layers and concepts, that a few large rows carry. Truth: one law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind

from auditkit.errors import EvidenceError
from auditkit.evidence.sums import Moments
from auditkit.explain.concepts.findings import _apart
from auditkit.explain.estimates import less, means_of
from auditkit.explain.layers.readings import apart, given
from auditkit.explain.layers.sums import moments_in, sums_of
from auditkit.stats.rates import critical_value

DRAWS = 150


def column(x: np.ndarray) -> Moments:
    return Moments.of(x[:, None])


def skewed(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """30 beside 1,000 values of one law."""
    rng = np.random.default_rng(seed)
    return [(rng.lognormal(0, 1.5, 30), rng.lognormal(0, 1.5, 1_000)) for _ in range(DRAWS)]


def test_a_concept_that_moves_no_mean_is_hardly_found_to_move_one() -> None:
    """Welch's interval excludes 0 in every sixth draw or more: 30 rows lack the tail."""
    draws = skewed(5)
    plain = [ttest_ind(a, b, equal_var=False).pvalue < 0.05 for a, b in draws]
    found = [_apart(column(a), column(b), 0, 0.95).excludes_zero for a, b in draws]
    assert np.mean(plain) > 0.15
    assert np.mean(found) <= 0.07


def test_what_goes_of_a_gap_at_a_layer_is_hardly_found_where_nothing_goes() -> None:
    found = []
    for low, high in skewed(6):
        seen: dict[str, list[float]] = {}
        for side, x in (("low", low), ("high", high)):
            seen |= sums_of(f"{side}_scores", Moments.of(np.stack([x, x, x, x], axis=1)))
        gone = apart(seen)[2]
        assert gone.unstable == (gone.estimate(0.95).state == "unstable")
        assert not gone.unstable or gone.p == 1.0
        found.append(gone.p < 0.05)
    assert np.mean(found) <= 0.07


@pytest.mark.parametrize("seed", range(5))
def test_a_difference_of_light_tailed_means_is_welchs_to_a_tenth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.3, 1, 80), rng.normal(0, 1.5, 200)
    d = less(*means_of([column(a), column(b)]))  # type: ignore[arg-type]
    oracle = ttest_ind(a, b, equal_var=False)
    low, high = d.limits(critical_value(0.95))
    wide = oracle.confidence_interval()
    assert (low, high) == pytest.approx((wide.low, wide.high), abs=0.1 * (wide.high - wide.low))
    touching = d.limits(float(norm.isf(d.p / 2)))
    assert min(map(abs, touching)) == pytest.approx(0, abs=1e-6)


def test_what_chance_makes_of_the_gap_at_equal_columns_widens_what_went() -> None:
    rng = np.random.default_rng(0)
    seen: dict[str, list[float]] = {}
    for side in ("low", "high"):
        seen |= sums_of(f"given_{side}_scores", Moments.of(rng.normal(size=(200, 4))))
    gone, chance = apart(seen, "given_")[2:]
    z = critical_value(0.95)
    both = given(seen).away(z)
    assert given(seen).value == gone.value
    assert both.below == pytest.approx(np.hypot(gone.away(z).below, chance.away(z).above))
    assert both.above == pytest.approx(np.hypot(gone.away(z).above, chance.away(z).below))


def test_sums_of_older_reports_have_no_third_moments() -> None:
    m = Moments.of(np.random.default_rng(0).lognormal(0, 1.5, (40, 3)))
    seen = sums_of("moved", m)
    assert moments_in(seen, "moved").skewness == pytest.approx(m.skewness)
    with pytest.raises(EvidenceError, match="'moved:cubes' of a layer holds 2 numbers, not 3"):
        moments_in({**seen, "moved:cubes": [1.0, 2.0]}, "moved")
    del seen["moved:cubes"]
    old = moments_in(seen, "moved")
    assert old.skewness is None
    assert not means_of([old])[0].unstable
