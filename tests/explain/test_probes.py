"""Probes. Oracles: scikit-learn's discriminant, balanced accuracy and AUC; laws of halves and control tasks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from auditkit.explain.layers.erasure import whitening
from auditkit.explain.layers.probes import (
    Half,
    auc_of,
    balanced_accuracy,
    control_tasks,
    discriminant,
    fitted_and_read,
    halves,
)


def rows(n: int, d: int = 6, *, shift: float = 0.7, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.random(n) < 0.3
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + shift * z[:, None] * rng.normal(size=d)
    return x, z, rng.uniform(0.5, 2, n)


def test_oracle_linear_discriminant() -> None:
    x, z, _ = rows(500)
    direction, middle = discriminant(whitening(x), x, z, np.ones(500))
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(x, z)
    prior = np.log(z.mean() / (1 - z.mean()))
    cosine = direction @ theirs.coef_[0] / np.linalg.norm(direction) / np.linalg.norm(theirs.coef_[0])
    assert cosine == pytest.approx(1, abs=1e-9)
    assert (((x @ direction - middle) > 0) == (theirs.decision_function(x) - prior > 0)).all()


def test_oracle_weighted_balanced_accuracy_and_auc() -> None:
    x, z, w = rows(400)
    parts = halves(z, seed=1)
    (said,) = fitted_and_read(x, [z], w, parts)
    assert balanced_accuracy(said, z, w) == pytest.approx(balanced_accuracy_score(z, said > 0, sample_weight=w))
    everything = np.arange(400)
    right, pairs = auc_of(said.round(1), z, w, (Half(everything, everything),) * 2)
    assert right / pairs == pytest.approx(roc_auc_score(z, said.round(1), sample_weight=w))


def test_halves_share_each_group_and_nobody_reads_what_they_were_fitted_on() -> None:
    z = np.arange(101) % 3 == 0
    for half in halves(z, seed=0):
        assert not set(half.fit) & set(half.read)
        assert len(half.fit) + len(half.read) == 101
        assert abs(int(z[half.fit].sum()) - int(z[half.read].sum())) <= 1


def test_noise_reads_as_guessing_also_in_wide_layers() -> None:
    rng = np.random.default_rng(0)
    z, x = rng.random(600) < 0.4, rng.normal(size=(600, 900))
    (said,) = fitted_and_read(x, [z], np.ones(600), halves(z, seed=0))
    assert abs(balanced_accuracy(said, z, np.ones(600)) - 0.5) < 3 * 0.5 / np.sqrt(240)


def test_reads_as_well_as_logistic_regression() -> None:
    x, z, _ = rows(2_000, 20)
    parts = halves(z, seed=0)
    (said,) = fitted_and_read(x, [z], np.ones(2_000), parts)
    theirs = np.zeros(2_000)
    for half in parts:
        fitted = LogisticRegression(class_weight="balanced", max_iter=1_000).fit(x[half.fit], z[half.fit])
        theirs[half.read] = fitted.decision_function(x[half.read])
    ones = np.ones(2_000)
    assert balanced_accuracy(said, z, ones) > balanced_accuracy(theirs, z, ones) - 0.01


def test_control_tasks_label_clusters_at_random_with_the_same_share() -> None:
    rng = np.random.default_rng(0)
    z = rng.random(1_000) < 0.25
    centres = 20 * rng.normal(size=(10, 3))
    which = rng.integers(0, 10, 1_000)
    inputs = centres[which] + 0.01 * rng.normal(size=(1_000, 3))
    tasks = control_tasks(inputs, z, np.ones(1_000), seed=0)
    assert len(tasks) == 5
    assert len({t.tobytes() for t in tasks}) > 1
    for task in tasks:
        assert abs(task.mean() - z.mean()) < 0.1
    again = control_tasks(inputs, z, np.ones(1_000), seed=0)
    assert all((a == b).all() for a, b in zip(tasks, again, strict=True))


def test_a_control_task_is_learnt_where_clusters_are_apart() -> None:
    """What selectivity subtracts: a probe of the inputs that tells clusters apart learns random labels too."""
    rng = np.random.default_rng(0)
    inputs = np.eye(30)[rng.integers(0, 30, 900)] * 10 + 0.1 * rng.normal(size=(900, 30))
    z = rng.random(900) < 0.5
    tasks = control_tasks(inputs, z, np.ones(900), seed=0)
    said = fitted_and_read(inputs, tasks, np.ones(900), halves(z, seed=0))
    assert np.mean([balanced_accuracy(s, t, np.ones(900)) for s, t in zip(said, tasks, strict=True)]) > 0.8
