"""Calibration: slow twins over rows, statsmodels' logistic fits, the law of the range, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import ncx2

from auditkit.evidence.histogram import ScoreHistogram
from auditkit.fairness.scores.values import GroupScores
from auditkit.stats import calibration
from auditkit.stats.calibration import Sums
from auditkit.stats.quadratic import noncentral_limits

Floats = NDArray[np.float64]
Z = 1.959964


def rows(
    seed: int, n: int, *, tilt: float = 1.0, shift: float = 0.0, digits: int | None = None
) -> tuple[Floats, Floats]:
    """Scores, and truths of probability expit(shift + tilt · logit(score))."""
    rng = np.random.default_rng(seed)
    s = expit(rng.normal(-0.5, 1.2, n))
    s = s if digits is None else np.round(s, digits)
    p = expit(shift + tilt * logit(np.clip(s, 1e-6, 1 - 1e-6)))
    return (rng.random(n) < p).astype(float), s


def each(y: Floats, s: Floats) -> Sums:
    """Every distinct score is a bin."""
    _, at = np.unique(s, return_inverse=True)
    return Sums(*(np.bincount(at, weights=w) for w in (np.ones_like(s), y, s, s * s, s * y)))


def binned(y: Floats, s: Floats) -> GroupScores:
    truth = y.astype(np.int8)
    return GroupScores.of(next(ScoreHistogram.of({}, y_true=truth, y_pred=truth, score=s).groups())[1])


@pytest.mark.parametrize("seed", range(4))
def test_error_is_that_of_the_definition_over_rows(seed: int) -> None:
    y, s = rows(seed, 600, shift=0.6, digits=2)
    sums = each(y, s)
    label = calibration.equal_mass(sums.n, 15)
    of_row = label[np.searchsorted(np.unique(s), s)]
    total = 0.0
    for b in np.unique(label):
        d = (y - s)[of_row == b]
        total += len(d) / len(s) * (d.mean() ** 2 - d.var(ddof=1) / len(d))
    found = calibration.calibration_error(sums.merged(label), Z)
    assert found.value == pytest.approx(max(0.0, total) ** 0.5, abs=1e-12)
    assert found.low <= found.value <= found.high


def test_bins_have_about_equal_mass_and_two_rows() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = rng.integers(1, 9, rng.integers(1, 80)).astype(float)
        bins = int(rng.integers(1, 16))
        label = calibration.equal_mass(n, bins)
        mass = np.bincount(label, weights=n)
        assert (np.diff(label) >= 0).all()
        assert len(mass) <= bins
        assert mass.min() >= min(2, n.sum())
        assert mass.max() <= n.sum() / bins + 2 * n.max() + 1


def test_calibrated_scores_have_an_error_near_0_even_in_small_groups() -> None:
    values, naive = [], []
    for seed in range(400):
        y, s = rows(seed, 100)
        sums = each(y, s)
        merged = sums.merged(calibration.equal_mass(sums.n, 5))
        variance = (merged.squares - merged.n * merged.miss**2) / (merged.n - 1)
        values.append(float((merged.n / 100) @ (merged.miss**2 - variance / merged.n)))
        naive.append(float((merged.n / 100) @ merged.miss**2))
    assert abs(np.mean(values)) < 3 * np.std(values) / 20
    assert np.mean(naive) > 10 * abs(np.mean(values))


@pytest.mark.parametrize(("n", "tilt", "shift"), [(200, 1.0, 0.0), (1000, 1.0, 0.0), (1000, 0.6, 0.0), (400, 1.0, 0.5)])
def test_coverage_of_the_error(n: int, tilt: float, shift: float) -> None:
    """Of the error of these bins: the miss that would remain with infinitely many truths for the same scores."""
    hits = []
    for seed in range(300):
        y, s = rows(seed, n, tilt=tilt, shift=shift)
        sums = each(y, s)
        label = calibration.equal_mass(sums.n, calibration.bins_for(n))
        p = expit(shift + tilt * logit(np.unique(s)))
        gap = np.bincount(label, weights=p - np.unique(s)) / np.bincount(label)
        truth = float((np.bincount(label) / n) @ gap**2) ** 0.5
        found = calibration.calibration_error(sums.merged(label), Z)
        hits.append(found.low <= truth + 1e-12 and truth <= found.high)
    assert np.mean(hits) >= 0.92


@pytest.mark.parametrize("z", [0.5, 1.96, 3.0])
def test_limits_of_the_noncentral_law_are_where_its_tails_are(z: float) -> None:
    from scipy.stats import norm

    m = np.array([1.0, 1.0, 1.0, 1.0])
    low, high = noncentral_limits(25.0, m, z)
    assert ncx2.sf(25.0, 4, low) == pytest.approx(norm.sf(z), rel=1e-6)
    assert ncx2.cdf(25.0, 4, high) == pytest.approx(norm.sf(z), rel=1e-6)


@pytest.mark.parametrize("z", [1e-9, 1.96, 8.0, 38.0])
def test_limits_exist_at_every_critical_value(z: float) -> None:
    y, s = rows(0, 500, shift=0.5)
    sums = each(y, s)
    found = calibration.calibration_error(sums.merged(calibration.equal_mass(sums.n, 15)), z)
    assert 0 <= found.low <= found.value <= found.high < np.inf
    assert 0 < calibration.range_quantile(z) <= 60


@pytest.mark.parametrize("seed", range(4))
def test_ecce_is_the_walk_over_rows(seed: int) -> None:
    y, s = rows(seed, 500, shift=0.3, digits=2)
    order = np.argsort(s, kind="stable")
    walk = np.concatenate([[0.0], np.cumsum((y - s)[order]) / len(s)])
    ends = np.concatenate([[True], np.diff(s[order]) > 0, [True]])  # ties whole
    value, sigma, wide, hidden = calibration.ecce(each(y, s))
    assert value == pytest.approx(np.ptp(walk[ends]), abs=1e-12)
    assert sigma == pytest.approx((s * (1 - s)).sum() ** 0.5 / len(s))
    assert wide >= sigma
    assert hidden >= 0


@pytest.mark.parametrize("seed", range(4))
def test_ecce_of_bins_hides_no_more_than_it_says(seed: int) -> None:
    y, s = rows(seed, 3000, shift=0.3)
    order = np.argsort(s)
    over_rows = np.ptp(np.concatenate([[0.0], np.cumsum((y - s)[order]) / len(s)]))
    value, _, _, hidden = calibration.ecce(binned(y, s).sums)
    assert value - 1e-12 <= over_rows <= value + hidden + 1e-12


def test_law_of_the_range() -> None:
    """8 Σ (−1)^{k−1} k Φ(−kx), against simulated calibrated groups; critical value 2.498."""
    assert calibration.range_quantile(Z) == pytest.approx(2.498, abs=5e-4)
    rng = np.random.default_rng(5)
    rejected = []
    for _ in range(1500):
        s = np.sort(expit(rng.normal(0, 1, 800)))
        y = rng.random(800) < s
        walk = np.concatenate([[0.0], np.cumsum(y - s)])
        rejected.append(calibration.range_tail(np.ptp(walk) / (s * (1 - s)).sum() ** 0.5) < 0.05)
    assert 0.03 <= np.mean(rejected) <= 0.065


@pytest.mark.parametrize(("tilt", "shift"), [(1.0, 0.0), (0.5, 0.3), (1.6, -1.0)])
def test_slope_and_intercept_are_statsmodels(tilt: float, shift: float) -> None:
    y, s = rows(3, 2000, tilt=tilt, shift=shift)
    x = logit(s)
    fit = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit()
    offset = sm.GLM(y, np.ones_like(x), offset=x, family=sm.families.Binomial()).fit()
    for sums, tolerance in ((each(y, s), 1e-6), (binned(y, s).sums, 1e-3)):
        assert calibration.slope(sums) == pytest.approx((fit.params[1], fit.bse[1]), abs=tolerance)
        assert calibration.intercept(sums) == pytest.approx((offset.params[0], offset.bse[0]), abs=tolerance)


def test_fits_without_a_finite_solution_are_undefined() -> None:
    parted = each(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.8, 0.9]))
    constant = each(np.array([0.0, 1.0, 1.0]), np.array([0.3, 0.3, 0.3]))
    nobody = each(np.zeros(5), np.linspace(0.1, 0.5, 5))
    assert np.isnan([calibration.slope(x).value for x in (parted, constant, nobody)]).all()
    assert np.isnan(calibration.intercept(nobody).value)
    assert np.isfinite(calibration.intercept(constant).value)


def test_in_the_large_is_numpys_mean() -> None:
    y, s = rows(2, 400, shift=1.0)
    mean, error, n = calibration.in_the_large(binned(y, s).sums)
    assert (mean, n) == (pytest.approx((y - s).mean()), 400)
    assert error == pytest.approx(max((y - s).std(ddof=1) / 20, (s * (1 - s)).sum() ** 0.5 / 400))
