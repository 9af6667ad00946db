"""Evidence of classes and of errors: sums of parts are sums of the whole, in any order."""

from __future__ import annotations

import json
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auditkit.disclosure import Disclosure
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import moments as module
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.errors import ErrorSums
from auditkit.evidence.frames import QUANTITIES

CLASSES = ("a", "b", "c")
ROW = st.tuples(st.sampled_from(["f", "m"]), st.integers(-1, 2), st.integers(-1, 2))
NUMBER = st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, allow_nan=False))
NUMBERS = st.tuples(st.sampled_from(["f", "m"]), NUMBER, NUMBER)


def tally(rows: list[tuple[str, int, int]]) -> ClassTally:
    sex, truth, decision = ([r[i] for r in rows] for i in range(3))
    codes = {"y_true": np.array(truth, dtype=int), "y_pred": np.array(decision, dtype=int)}
    return ClassTally.of({"sex": np.array(sex, dtype=object)}, CLASSES, **codes)


def sums(rows: list[tuple[str, float, float]]) -> ErrorSums:
    sex, truth, prediction = ([r[i] for r in rows] for i in range(3))
    return ErrorSums.of({"sex": np.array(sex, dtype=object)}, y_true=truth, y_pred=prediction)


@given(st.lists(ROW, min_size=1, max_size=40), st.integers(0, 40), st.randoms())
@settings(max_examples=60, deadline=None)
def test_a_tally_of_classes_adds_in_any_order(rows: list[tuple[str, int, int]], cut: int, random: Any) -> None:
    whole = tally(rows)
    moved = rows.copy()
    random.shuffle(moved)
    added = tally(moved[:cut]) + tally(moved[cut:])
    pd.testing.assert_frame_equal(added.cells, whole.cells, check_dtype=False)
    for (group,), table in zip(*whole.counts("sex"), strict=True):
        for t in range(3):
            for d in range(3):
                assert table[t, d] == rows.count((group, t, d))


def test_one_class_against_the_rest() -> None:
    rows = [("f", 0, 1), ("f", 2, 2), ("m", 1, -1), ("m", -1, 2), ("m", 2, 0)]
    found = tally(rows).one_vs_rest("c").counts("sex").table
    assert found[0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert found[1].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    hits = tally(rows).hits().counts("sex").table
    assert hits[:, 2, 1:].tolist() == [[1, 1], [1, 0]]
    with pytest.raises(DataError, match="no class 'd'"):
        tally(rows).one_vs_rest("d")


def test_tallies_of_other_classes_do_not_add() -> None:
    other = ClassTally.of({"sex": ["f"]}, ("a", "b"), y_true=[0], y_pred=[1])
    with pytest.raises(EvidenceError, match="cannot add a tally"):
        tally([("f", 0, 0)]) + other
    with pytest.raises(DataError, match="positions of classes from 0 to 1"):
        ClassTally.of({"sex": ["f"]}, ("a", "b"), y_true=[2], y_pred=[1])


def test_json_brings_both_back() -> None:
    one = tally([("f", 0, 1), ("m", 2, -1)])
    again = ClassTally.from_json(json.loads(json.dumps(one.to_json())))
    pd.testing.assert_frame_equal(again.cells, one.cells, check_dtype=False)
    numbers = sums([("f", 1.0, 2.5), ("m", 3.0, float("nan")), ("m", 1.5, -0.25)])
    back = ErrorSums.from_json(json.loads(json.dumps(numbers.to_json(), allow_nan=False)))
    np.testing.assert_array_equal(back.moments("sex").mean, numbers.moments("sex").mean)
    np.testing.assert_array_equal(back.values("sex").values, [-0.25, 2.5])


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.integers(0, 40), st.randoms())
@settings(max_examples=60, deadline=None)
def test_moments_of_errors_are_those_of_the_rows(rows: list[Any], cut: int, random: Any) -> None:
    moved = rows.copy()
    random.shuffle(moved)
    found = (sums(moved[:cut]) + sums(moved[cut:])).moments("sex")
    frame = pd.DataFrame(rows, columns=["sex", "y", "p"]).dropna()
    e = frame["p"] - frame["y"]
    wanted = pd.DataFrame({"error": e, "absolute": e.abs(), "squared": e**2, "prediction": frame["p"]})
    for i, (group,) in enumerate(found.groups):
        mine = wanted[frame["sex"] == group]
        assert found.n[i] == len(mine)
        for j, name in enumerate(QUANTITIES):
            scale = max(1.0, float(mine[name].abs().max())) if len(mine) else 1.0
            np.testing.assert_allclose(found.mean[i, j], mine[name].mean(), rtol=1e-12, atol=1e-12 * scale)
            np.testing.assert_allclose(found.variance[i, j], mine[name].var(), rtol=1e-9, atol=1e-12 * scale**2)


def test_a_large_mean_does_not_eat_a_small_variance() -> None:
    rng = np.random.default_rng(0)
    p = 1e9 + rng.normal(size=5_000)
    parts = [ErrorSums.of({"g": ["a"] * 100}, y_true=q, y_pred=q) for q in p.reshape(50, 100)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert total.moments().variance[0, 3] == pytest.approx(p.var(ddof=1), rel=1e-6)


def test_values_stay_exact_while_they_fit_and_are_cut_the_same_way_however_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    g, p = rng.choice(["a", "b"], 2_000), np.round(rng.normal(size=2_000) * 50, 3)
    whole = ErrorSums.of({"g": g}, y_true=p, y_pred=p)
    assert whole.cut == 0
    assert whole.values("g").width == 0
    exact = {v: int((p[g == "a"] == v).sum()) for v in whole.values("g").values}
    assert whole.values("g").n[0].tolist() == list(exact.values())
    monkeypatch.setattr(module, "MOST_VALUES", 300)
    coarse = ErrorSums.of({"g": g}, y_true=p, y_pred=p)
    order = rng.permutation(2_000)
    parts = [ErrorSums.of({"g": g[i]}, y_true=p[i], y_pred=p[i]) for i in np.array_split(order, 7)]
    total = parts[3]
    for i in (0, 6, 1, 2, 5, 4):
        total = total + parts[i]
    assert total.cut == coarse.cut > 0
    pd.testing.assert_frame_equal(total.values_, coarse.values_, check_dtype=False)
    seen = coarse.values("g")
    assert len(coarse.values_) <= 300
    nearest = np.abs(p[:, None] - seen.values[None, :]).min(axis=1)
    assert nearest.max() <= seen.width / 2


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(DataError, match="'g' has 1 rows, y_true has 2"):
        ErrorSums.of({"g": ["a"]}, y_true=[1, 2], y_pred=[1, 2])
    with pytest.raises(EvidenceError, match="cannot add sums by"):
        sums([("f", 1.0, 1.0)]) + ErrorSums.of({"g": ["a"]}, y_true=[1], y_pred=[2])


@pytest.mark.parametrize("parts", [1, 3, 40])
def test_third_moments_add(parts: int) -> None:
    """Any partition in any order gives scipy's skewness, also beside a large mean; sums without them have none."""
    rng = np.random.default_rng(parts)
    y, p, sex = rng.normal(1e5, 1, 400), 1e5 + rng.exponential(size=400), rng.choice(["f", "m"], 400)
    at = np.array_split(rng.permutation(400), parts)
    sums = [ErrorSums.of({"sex": sex[i]}, y_true=y[i], y_pred=p[i]) for i in at]
    whole = reduce(add, sums)
    e = p - y
    columns = np.stack([e, np.abs(e), e**2, p], axis=1)
    for by, groups in (((), [e == e]), (("sex",), [sex == "f", sex == "m"])):
        wanted = np.array([stats.skew(columns[g], axis=0) for g in groups])
        assert whole.moments(*by).skewness == pytest.approx(wanted, abs=1e-6)
    stored = whole.to_json()
    again = ErrorSums.from_json(stored)
    assert again.moments("sex").skewness == pytest.approx(whole.moments("sex").skewness)
    older = {k: v for k, v in stored["moments"].items() if not k.endswith("_m3")}
    without = ErrorSums.from_json({**stored, "moments": older})
    assert without.moments("sex").skewness is None
    assert (without + whole).moments("sex").skewness is None


def test_third_moments_of_few_are_told_to_one_digit() -> None:
    rng = np.random.default_rng(0)
    sex = np.repeat(["few", "many"], [7, 500])
    told = ErrorSums.of({"sex": sex}, y_true=np.zeros(507), y_pred=rng.exponential(size=507)).reduced(Disclosure())
    few, many = told.moments_.set_index("sex")["error_m3"]
    assert few == float(f"{few:.0e}")
    assert many == float(f"{many:.2e}") != float(f"{many:.0e}")
