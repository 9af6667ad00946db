"""LEACE against its definition, and against the package of its authors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from auditkit.explain.layers.erasure import RIDGES, leace, random_eraser, ridge_of, whitening
from auditkit.explain.layers.probes import auc_of, fitted_and_read, halves

Floats = np.ndarray


def rows(n: int, d: int, groups: int = 2, *, shift: float = 1.0, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    z = rng.integers(0, groups, n)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + shift * rng.normal(size=(groups, d))[z]
    return x, z


def one_hot(z: Floats) -> Floats:
    return np.eye(z.max() + 1)[z]


def cross_covariance(x: Floats, z: Floats, w: Floats | None = None) -> float:
    w = np.full(len(x), 1 / len(x)) if w is None else w / w.sum()
    return float(np.abs((x - w @ x).T @ (w[:, None] * (z - w @ z))).max())


CASES = {
    "two groups": rows(400, 8),
    "three groups": rows(400, 8, 3),
    "five groups, two directions only": (np.arange(400)[:, None] % 5 * np.array([[1.0, 0, 0]]), np.arange(400) % 5),
    "two units alike": (np.repeat(rows(400, 4)[0], 2, axis=1), rows(400, 4)[1]),
    "a constant unit": (np.pad(rows(400, 4)[0], ((0, 0), (0, 1)), constant_values=3.0), rows(400, 4)[1]),
    "more units than rows": rows(50, 80),
    "large means": (rows(400, 8)[0] + 1e4, rows(400, 8)[1]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_definition_cross_covariance_is_zero(name: str, ridge: float, weighted: bool) -> None:
    x, z = CASES[name]
    w = np.linspace(0.5, 3, len(x)) if weighted else None
    eraser = leace(x, one_hot(z), w, white=whitening(x, w).ridged(ridge))
    assert eraser.rank >= 1
    assert cross_covariance(eraser(x), one_hot(z), w) <= 1e-6
    assert cross_covariance(x, one_hot(z), w) > 0.05
    np.testing.assert_allclose(eraser.read.T @ eraser.write, np.eye(eraser.rank), atol=1e-8)
    np.testing.assert_allclose(eraser(eraser(x)), eraser(x), atol=1e-6 * np.abs(x).max())


@pytest.mark.parametrize("groups", [2, 3])
def test_no_logistic_regression_beats_the_constant(groups: int) -> None:
    x, z = rows(500, 6, groups)
    erased = leace(x, one_hot(z))(x)
    model = LogisticRegression(C=1e6, max_iter=2_000).fit(erased, z)
    constant = log_loss(z, np.tile(np.bincount(z) / len(z), (len(z), 1)))
    assert log_loss(z, model.predict_proba(erased)) >= constant - 1e-6
    assert log_loss(z, LogisticRegression().fit(x, z).predict_proba(x)) < constant - 0.05


def test_on_other_rows_a_probe_finds_nothing() -> None:
    """AUC ½ within three standard errors on the half that neither eraser nor probe has seen."""
    x, z = rows(4_000, 6)
    fit, other = np.arange(2_000), np.arange(2_000, 4_000)
    erased = leace(x[fit], z[fit])(x)
    z = z.astype(bool)
    probe = LogisticRegression().fit(erased[fit], z[fit])
    ones, twice = np.ones(4_000), (halves(z, seed=0)[0]._replace(read=other),) * 2
    right, pairs = auc_of(probe.decision_function(erased), z, ones, twice)
    n = min(z[other].sum(), (~z[other]).sum())
    assert abs(right / pairs - 0.5) <= 3 * np.sqrt(1 / (6 * n))
    right, pairs = auc_of(fitted_and_read(x, [z], ones, halves(z, seed=0))[0], z, ones, halves(z, seed=0))
    assert right / pairs > 0.6


@pytest.mark.parametrize("name", ["two groups", "three groups", "two units alike"])
def test_oracle_concept_erasure(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it scripts a function when it is imported
        from concept_erasure import LeaceFitter

    x, z = CASES[name]
    fitter = LeaceFitter(x.shape[1], z.max() + 1, dtype=torch.float64, shrinkage=False)
    fitter.update(torch.as_tensor(x), torch.as_tensor(one_hot(z)))
    theirs = fitter.eraser(torch.as_tensor(x)).numpy()
    np.testing.assert_allclose(leace(x, one_hot(z))(x), theirs, atol=1e-8)


def test_weights_are_repetitions() -> None:
    x, z = rows(60, 4)
    times = np.arange(60) % 3 + 1
    a = leace(x, z, times)
    b = leace(np.repeat(x, times, axis=0), np.repeat(z, times))
    np.testing.assert_allclose(a(x), b(x), atol=1e-8)


def test_least_change_of_all_erasers() -> None:
    """Definition: no other affine map that erases changes the rows less (here: erasers with other `write`)."""
    x, z = rows(400, 5)
    eraser = leace(x, z)
    least = float(((eraser(x) - x) ** 2).mean())
    white = whitening(x)
    rng = np.random.default_rng(0)
    direction = (x.T @ (z - z.mean()))[:, None]
    for _ in range(20):
        read_ = rng.normal(size=(5, 1))
        other = eraser._replace(mean=white.mean, read=read_ / (read_.T @ direction), write=direction)
        assert cross_covariance(other(x), z[:, None]) < 1e-9
        assert float(((other(x) - x) ** 2).mean()) >= least - 1e-9


def test_ridge_leaves_rows_out() -> None:
    """Slow twin: ridge regressions, each without one row."""
    x, z = rows(40, 30)
    white = whitening(x)
    scaled = (x - x.mean(0)) / x.std(0)
    errors = []
    for ridge in RIDGES:
        penalty = ridge * white.variances.mean() * 40
        missed = []
        for i in range(40):
            rest = np.arange(40) != i
            model = Ridge(alpha=penalty + 1e-9).fit(scaled[rest], z[rest])
            missed.append(z[i] - model.predict(scaled[i : i + 1])[0])
        errors.append(np.square(missed).sum())
    assert ridge_of(white, x, z.astype(float), np.ones(40)) == RIDGES[int(np.argmin(errors))]


def test_wide_rows_are_whitened_from_their_gram_matrix() -> None:
    x, _ = rows(30, 50)
    white = whitening(x)
    assert white.axes.shape == (50, 29)
    np.testing.assert_allclose(np.cov(((x - white.mean) @ white.whiten).T, bias=True), np.eye(29), atol=1e-8)


def test_nothing_to_erase() -> None:
    x, _ = rows(40, 3)
    assert leace(x, np.zeros(40)).rank == 0
    np.testing.assert_array_equal(leace(x, np.zeros(40))(x), x)
    assert leace(np.ones((40, 3)), np.arange(40) % 2).rank == 0


def test_random_directions_are_even_in_the_whitened_space() -> None:
    """Each whitened direction is taken away 1 time in d, however small its variance."""
    x, _ = rows(500, 5)
    white = whitening(x)
    taken = np.zeros(5)
    for seed in range(400):
        eraser = random_eraser(white, 1, seed=seed)
        taken += ((white.colour.T @ eraser.read) ** 2)[:, 0]
    np.testing.assert_allclose(taken / 400, 0.2, atol=0.06)
