"""How groups are named: one rule for numbers and booleans, text as it is; look-alikes are said; ids are refused."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.evidence.tally import coded_strings
from auditkit.inputs.dataset import Dataset
from auditkit.report.html.page import render
from auditkit.report.html.page import render as to_html
from tests.limits import run

ONES: dict[str, Any] = {
    "int": [1, 0],
    "int8": np.array([1, 0], dtype=np.int8),
    "float": [1.0, 0.0],
    "float32": np.array([1, 0], dtype=np.float32),
    "bool": [True, False],
    "boolean": pd.array([True, False], dtype="boolean"),
    "Int64": pd.array([1, 0], dtype="Int64"),
    "Float64": pd.array([1, 0], dtype="Float64"),
    "bool[pyarrow]": pd.array([True, False], dtype="bool[pyarrow]"),
    "double[pyarrow]": pd.array([1.0, 0.0], dtype="double[pyarrow]"),
    "object of np.bool_": np.array([np.bool_(True), np.bool_(False)], dtype=object),
    "object of Decimal": np.array([Decimal("1.00"), Decimal("0.0")], dtype=object),
    "mixed numbers": np.array([True, 0.0], dtype=object),
    "category of bool": pd.Categorical([True, False]),
    "category of float": pd.Categorical([1.0, 0.0]),
    "sparse": pd.arrays.SparseArray([1, 0]),
    "text": ["1", "0"],
}


def groups(values: Any) -> list[str]:
    frame = pd.DataFrame({"g": values})
    frame["y"] = np.arange(len(frame)) % 2
    (batch,) = Dataset(frame, y_true="y", sensitive_features="g").batches()
    return [str(x) for x in batch.groups["g"]]


@pytest.mark.parametrize("form", ONES)
def test_one_and_true_are_written_alike(form: str) -> None:
    assert groups(ONES[form]) == ["1", "0"]
    codes, labels = coded_strings(pd.Series(ONES[form]), "g")
    assert [labels[i] for i in codes] == ["1", "0"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "1.0", "True", "01", " 1", ""], ["1", "1.0", "True", "01", " 1", ""]),
        (np.array([0.1, 2.5], dtype=np.float32), ["0.1", "2.5"]),
        (np.array([1e30, 10**30, -0.0], dtype=object), ["1000000000000000019884624838656", "1" + "0" * 30, "0"]),
        (np.array([Decimal("0.50"), 0.5, 2], dtype=object), ["0.5", "0.5", "2"]),
        (pd.to_datetime(["2024-05-01", "2024-05-02"]), ["2024-05-01", "2024-05-02"]),
        (np.array([datetime.date(2024, 5, 1), pd.Timestamp("2024-05-01")], dtype=object), ["2024-05-01"] * 2),
        (pd.to_datetime(["2024-05-01 12:30"]), ["2024-05-01T12:30:00"]),
        (pd.Series([1.0, np.nan, None], dtype="double[pyarrow]"), ["1", "(missing)", "(missing)"]),
    ],
)
def test_other_values(values: Any, expected: list[str]) -> None:
    assert groups(values) == expected


def test_text_and_numbers_are_never_merged() -> None:
    with pytest.raises(DataError, match=r"'g' holds the text '1' and .*written alike"):
        groups(np.array(["1", 1], dtype=object))
    assert groups(np.array(["1", 2], dtype=object)) == ["1", "2"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["Other ", "Other"], "'Other' and 'Other '"),
        (["ASIAN", "Asian"], "'ASIAN' and 'Asian'"),
        (["Asian", "\u0410sian"], "CYRILLIC CAPITAL LETTER A"),
        (["Ma\u0301laga", "M\u00e1laga"], "look alike"),
        (["Two  races", "Two races"], "look alike"),
        (["a\u200bb", "ab"], "ZERO WIDTH SPACE"),
        (["a\u00a0b", "a b"], "look alike"),
        (["1", "1.0"], "'1' and '1.0'"),
        (["n\u2013a", "n-a"], "EN DASH"),
        (["", None], "whose value is missing and rows whose value is ''"),
        (["None", None], "rows whose value is 'None'"),
        (["N/A", None], "rows whose value is 'N/A'"),
    ],
)
def test_look_alikes_are_said(values: list[Any], said: str) -> None:
    frame = pd.DataFrame({"g": values * 2, "y": [0, 1, 1, 0], "c": "x"})
    for options in ({"sensitive_features": "g"}, {"sensitive_features": "c", "control_features": "g"}):
        cautions = Dataset(frame, y_true="y", **options).cautions
        assert len(cautions) == 1
        assert cautions[0].startswith("'g' has ")
        assert said in cautions[0]
    assert len(set(groups(values))) == 2


def test_ordinary_labels_are_not_said() -> None:
    for values in (
        ["f", "m", None],
        ["Black", "White", "Asian"],
        ["10", "11", "01A"],
        ["Mali", "Mall"],
        ["a-b", "a b"],
    ):
        frame = pd.DataFrame({"g": values * 2})
        assert Dataset(frame.assign(y=np.arange(len(frame)) % 2), y_true="y", sensitive_features="g").cautions == ()


def test_look_alikes_stand_on_the_page() -> None:
    frame = pd.DataFrame({"g": ["Other", "Other "] * 40, "y": [0, 1, 1, 0] * 20, "p": [1, 0, 1, 1] * 20})
    report = ak.audit(
        ak.Predictions("p"), Dataset(frame, y_true="y", sensitive_features="g"), checks=[ak.GroupFairness()]
    )
    assert "look alike and count as different" in render(report)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"user {i}" for i in range(1_001)], "1,001 different values, more than 1,000: they are ids.*cluster"),
        (pd.date_range("2020-01-01", periods=400, freq="h"), "400 distinct dates or times.*dt.year"),
        ([datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(60)], "60 distinct dates or times"),
        ([[i] for i in range(4)], "lists or other values that are no groups"),
        ([{i} for i in range(4)], "lists or other values that are no groups"),
        ([object() for _ in range(4)], "that are no groups"),
    ],
)
def test_what_is_no_group(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        groups(values)


def test_eight_thousand_ids_are_refused_at_once() -> None:
    frame = pd.DataFrame({"g": [f"id{i}" for i in range(8_000)], "y": [0, 1] * 4_000})
    ran = run(lambda: Dataset(frame, y_true="y", sensitive_features="g"), seconds=2, megabytes=200)
    assert ran.error == "DataError"


@pytest.mark.slow
def test_a_default_audit_of_a_thousand_groups_ends_within_memory() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    frame = pd.DataFrame({"g": [f"g{i}" for i in rng.permutation(n) % 1_000], "s": rng.random(n)})
    frame = frame.assign(p=(frame["s"] > 0.5).astype(int), y=rng.integers(0, 2, n))
    data = Dataset(frame, y_true="y", sensitive_features="g")

    ran = run(lambda: len(to_html(ak.audit(ak.Predictions("p", score="s"), data))), seconds=100, megabytes=1_000)
    assert not ran.error, ran
    assert ran.value


CONTENTS: dict[str, Any] = {
    "lists": [[i, i % 3] for i in range(60)],
    "arrays": [np.full((2, 2), i) for i in range(60)],
    "dicts": [{"a": i} for i in range(60)],
    "sets": [{i, "a"} for i in range(60)],
    "bytes": [bytes([128 + i]) for i in range(60)],
    "with gaps": [[i] if i % 3 else None for i in range(60)],
    "arrow lists": pd.Series([[i] for i in range(60)], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "arrow structs": pd.Series([{"a": i} for i in range(60)], dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())]))),
    "objects": [object() for _ in range(60)],
    "complex": np.arange(60) + 1j,
}


ROWS = pd.DataFrame({"g": ["f", "m"] * 30, "y": [0, 1, 1] * 20, "p": [1, 0, 1, 1] * 15, "s": np.arange(60) / 60})


def audited(rows: pd.DataFrame) -> ak.Report:
    data = Dataset(rows, y_true="y", sensitive_features="g")
    asked = [ak.GroupFairness(), ak.Subgroups(), ak.Proxies(), ak.DataProfile()]
    return ak.audit(ak.Predictions("p", score="s"), data, checks=asked, on_error="raise")


@pytest.fixture(scope="module")
def plain() -> ak.Report:
    return audited(ROWS)


@pytest.mark.parametrize("kind", CONTENTS)
def test_columns_that_nothing_needs_are_left_alone(kind: str, plain: ak.Report) -> None:
    report = audited(ROWS.assign(image=pd.Series(CONTENTS[kind])))
    assert report.provenance.data.sha256 == plain.provenance.data.sha256
    rates = [f for f in report.findings if f.metric == "selection_rate"]
    assert rates == [f for f in plain.findings if f.metric == "selection_rate"]
    assert all(not n.accident for n in report.not_measured)
