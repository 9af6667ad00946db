"""Bootstrap replicates of a tally: the row bootstrap is the oracle, by its moments."""

from __future__ import annotations

import numpy as np
import pytest

from auditkit.errors import EvidenceError
from auditkit.evidence.bootstrap import Bootstrap
from auditkit.evidence.tally import Tally

SELECTED, ALL = [(0, 1), (1, 1)], [(0, 0), (0, 1), (1, 0), (1, 1)]
POSITIVE, HIT = [(1, 0), (1, 1)], [(1, 1)]


def test_moments_are_those_of_the_row_bootstrap() -> None:
    rng = np.random.default_rng(0)
    n, times = 300, 2_000
    sex = rng.choice(["f", "m", "x"], n, p=[0.6, 0.3, 0.1])
    y_true, y_pred = rng.integers(0, 2, n), (rng.random(n) < 0.3).astype(int)
    boot = Bootstrap.of(Tally.of({"sex": sex}, y_true=y_true, y_pred=y_pred), n=times, random_state=1)
    assert boot.draws.sum(axis=1).tolist() == [n] * times
    ours = np.concatenate([boot.rate(SELECTED, ALL, "sex"), boot.rate(HIT, POSITIVE, "sex")], axis=1)
    drawn = rng.integers(0, n, (times, n))
    theirs = np.array([_rates(sex[d], y_true[d], y_pred[d]) for d in drawn])
    known = ~np.isnan(theirs)
    assert abs(np.isnan(ours).mean() - 1 + known.mean()) < 0.01
    means, spread = np.nanmean(theirs, axis=0), np.nanstd(theirs, axis=0)
    np.testing.assert_array_less(np.abs(np.nanmean(ours, axis=0) - means), 4 * spread * np.sqrt(2 / times))
    np.testing.assert_allclose(np.nanstd(ours, axis=0), spread, rtol=0.09)
    np.testing.assert_allclose(np.corrcoef(ours[:, :2].T), np.corrcoef(theirs[:, :2].T), atol=0.09)


def _rates(sex: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray) -> list[float]:
    with np.errstate(invalid="ignore"):
        groups = [sex == s for s in "fmx"]
        selected = [np.divide(y_pred[g].sum(), g.sum()) for g in groups]
        return [*selected, *(np.divide((y_pred & y_true)[g].sum(), y_true[g].sum()) for g in groups)]


def test_the_seed_decides_and_everybody_is_one_group() -> None:
    tally = Tally.of({"sex": list("ffmm")}, y_true=[1, 0, 1, 0], y_pred=[1, 0, 0, 0])
    a, b = (Bootstrap.of(tally, 50, random_state=s).draws for s in (3, 3))
    np.testing.assert_array_equal(a, b)
    assert (Bootstrap.of(tally, 50, random_state=4).draws != a).any()
    assert Bootstrap.of(tally, 50).rate(SELECTED, ALL).shape == (50, 1)
    assert Bootstrap.of(tally, 50).groups("sex") == (("f",), ("m",))


def test_a_billion_rows_are_drawn_as_two_are() -> None:
    big = Tally.of({"g": ["a", "b"]}, y_true=[1, 0], y_pred=[1, 0], sample_weight=[10**9] * 2, weights_kind="frequency")
    boot = Bootstrap.of(big, n=1_000)
    assert boot.rate(SELECTED, ALL).std() == pytest.approx(np.sqrt(0.25 / (2 * 10**9)), rel=0.1)


def test_errors_say_what_is_wrong() -> None:
    given = {"groups": {"x": ["a", "b"]}, "y_true": [1, 0], "y_pred": [1, 0]}
    with pytest.raises(EvidenceError, match="sampling weights are not exchangeable"):
        Bootstrap.of(
            Tally.of(**given, sample_weight=[1.0, 2.0]),
        )
    with pytest.raises(EvidenceError, match="clusters are not exchangeable"):
        Bootstrap.of(
            Tally.of(**given, cluster=["u", "v"]),
        )
    with pytest.raises(EvidenceError, match="at least 1"):
        Bootstrap.of(Tally.of(**given), n=0)
    with pytest.raises(EvidenceError, match="without rows"):
        Bootstrap.of(
            Tally.of(**given, sample_weight=[0, 0], weights_kind="frequency"),
        )
