"""Tallies: oracle pandas.crosstab; laws of addition."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.tally import Tally, coded_strings

row = st.tuples(
    st.sampled_from(["f", "m", None]),
    st.sampled_from([1, 2, 30]),
    st.sampled_from([-1, 0, 1]),
    st.sampled_from([-1, 0, 1]),
)
rows = st.lists(row, min_size=1, max_size=60)


def tally_of(table: list[tuple[str | None, int, int, int]]) -> Tally:
    sex, band, y_true, y_pred = zip(*table, strict=True)
    groups = {"sex": pd.Series(sex, dtype=object), "band": list(band)}
    return Tally.of(groups, y_true=np.array(y_true), y_pred=np.array(y_pred))


@given(rows)
def test_counts_are_a_crosstab(table: list[tuple[str | None, int, int, int]]) -> None:
    frame = pd.DataFrame(table, columns=["sex", "band", "t", "p"]).fillna({"sex": "(missing)"}).astype({"band": str})
    expected = frame.groupby(["sex", "band", "t", "p"]).size()
    cells = tally_of(table).cells.set_index(["sex", "band", "y_true", "y_pred"])["n"]
    assert cells.to_dict() == expected.to_dict()


@given(rows, rows)
def test_addition_is_the_tally_of_both(a: list, b: list) -> None:
    pd.testing.assert_frame_equal((tally_of(a) + tally_of(b)).cells, tally_of(a + b).cells)
    pd.testing.assert_frame_equal((tally_of(b) + tally_of(a)).cells, tally_of(a + b).cells)


@given(rows, st.permutations(range(5)))
def test_order_of_rows_does_not_matter(a: list, order: list[int]) -> None:
    shuffled = sorted(a, key=lambda r: (order[r[1] % 5], str(r)))
    pd.testing.assert_frame_equal(tally_of(shuffled).cells, tally_of(a).cells)


@given(rows)
def test_json_round_trip(a: list) -> None:
    tally = tally_of(a)
    again = Tally.from_json(json.loads(json.dumps(tally.to_json())))
    assert again.to_json() == tally.to_json()
    assert again.counts("sex").groups == tally.counts("sex").groups


@given(rows)
def test_over_sums_up(a: list) -> None:
    tally = tally_of(a)
    assert tally.over().cells["n"].sum() == len(a)
    pd.testing.assert_frame_equal(tally.over("sex").over().cells, tally.over().cells)
    assert tally.counts("sex", "band").table.sum() == len(a)


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2", "2"],
        [1, 2, 2],
        [1.0, 2.0, 2.0],
        pd.Series([1, 2, 2], dtype="category"),
        pd.Series([1, 2, 2], dtype="Int64"),
        pd.Series(["1", "2", "2"], dtype="string"),
        np.array(["1", "2", "2"], dtype=object),
    ],
)
def test_kinds_of_columns_give_the_same_groups(values: object) -> None:
    codes, labels = coded_strings(values, "x")
    assert [labels[c] for c in codes] == ["1", "2", "2"]


def test_categories_without_rows_are_no_groups() -> None:
    values = pd.Series(["b", "b"], dtype=pd.CategoricalDtype(["c", "b", "a"]))
    tally = Tally.of({"x": values}, y_true=[1, 0], y_pred=[1, 1])
    assert tally.counts("x").groups == (("b",),)


def test_many_groups_are_counted_sparsely() -> None:
    rng = np.random.default_rng(0)
    groups = {name: rng.integers(0, 400, 500) for name in "abc"}
    tally = Tally.of(groups, y_true=rng.integers(0, 2, 500), y_pred=rng.integers(0, 2, 500))
    assert tally.cells["n"].sum() == 500
    expected = pd.Series(groups["a"]).astype(str).value_counts().to_dict()
    counts = tally.counts("a")
    assert {g[0]: int(t.sum()) for g, t in zip(*counts, strict=True)} == expected


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(DataError, match="'x' has 1 rows, y_true has 2"):
        Tally.of({"x": ["a"]}, y_true=[0, 1], y_pred=[0, 1])
    with pytest.raises(DataError, match="y_pred must hold 1, 0 or -1"):
        Tally.of({"x": ["a", "b"]}, y_true=[0, 1], y_pred=[0.2, 0.7])
    with pytest.raises(DataError, match="y_true must hold 1, 0 or -1"):
        Tally.of({"x": ["a", "b"]}, y_true=[0, 2], y_pred=[0, 1])
    with pytest.raises(DataError, match="literally"):
        Tally.of({"x": ["(missing)", None]}, y_true=[0, 1], y_pred=[0, 1])
    a = Tally.of({"x": ["a"]}, y_true=[0], y_pred=[1])
    with pytest.raises(EvidenceError, match="cannot add a tally by"):
        _ = a + Tally.of({"y": ["a"]}, y_true=[0], y_pred=[1])
    with pytest.raises(EvidenceError, match="Did you mean 'x'"):
        a.over("xx")
