"""Dataset and its sources: what may stand in a group column or a target, and what is refused, by message."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions


def groups(values: Any) -> list[str]:
    frame = pd.DataFrame({"g": values})
    frame["y"] = [0, 1] * (len(frame) // 2) + [0] * (len(frame) % 2)
    (batch,) = Dataset(frame, y_true="y", sensitive_features="g").batches()
    return [str(x) for x in batch.groups["g"]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["f", "m", None, "f"], ["f", "m", "(missing)", "f"]),
        (pd.Categorical(["f", "m", None], categories=["m", "f", "x"]), ["f", "m", "(missing)"]),
        ([3, 1, 3], ["3", "1", "3"]),
        ([True, False, True], ["1", "0", "1"]),
        ([1.0, 2.5, np.nan], ["1", "2.5", "(missing)"]),
        (pd.array([1, None, 2], dtype="Int64"), ["1", "(missing)", "2"]),
        (pd.array([True, None], dtype="boolean"), ["1", "(missing)"]),
        (pd.Series(["f", np.nan, None, pd.NA], dtype=object), ["f", "(missing)", "(missing)", "(missing)"]),
        (["", " f", "m"], ["", " f", "m"]),
        ([None, None], ["(missing)", "(missing)"]),
        (pd.cut(pd.Series([10, 50, 20]), [0, 30, 60]), ["(0, 30]", "(30, 60]", "(0, 30]"]),
    ],
    ids=["strings", "categories", "ints", "bools", "floats", "Int64", "boolean", "mixed", "blank", "all missing",
         "bins"],
)  # fmt: skip
def test_group_columns_of_every_kind(values: Any, expected: list[str]) -> None:
    assert groups(values) == expected


def test_the_name_of_missing_is_reserved() -> None:
    with pytest.raises(DataError, match=r"literally '\(missing\)'"):
        groups(["f", "(missing)"])


@pytest.mark.parametrize(
    "values",
    [
        np.arange(51),
        np.linspace(0, 1, 51),
        pd.array(range(51), dtype="Int64"),
        pd.Categorical(np.arange(51) / 2),
        [Decimal(i) for i in range(51)],
    ],
    ids=["int", "float", "nullable", "category of numbers", "decimal"],
)
def test_a_continuous_group_is_refused_with_how_to_bin(values: Any) -> None:
    with pytest.raises(DataError, match=r"'g' has 51 distinct numeric values.*Say its bins, as in bins=\{'g': \["):
        groups(values)


def test_fifty_numbers_and_many_strings_are_groups() -> None:
    assert len(set(groups(np.arange(50)))) == 50
    assert len(set(groups([f"city {i}" for i in range(200)]))) == 200


def test_lists_are_no_groups() -> None:
    with pytest.raises(DataError, match="lists or other values that are no groups"):
        groups([["a"], ["b"]])


def test_sources_agree(tmp_path: Path) -> None:
    frame = pd.DataFrame({"g": ["f", "m", None, "m"], "y": [0, 1, 1, 0], "x": [0.5, 1.5, 2.5, np.nan]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_parquet(tmp_path / "noname")
    frame.to_csv(tmp_path / "a.csv", index=False)
    every: list[Any] = [
        frame,
        frame.to_dict("list"),
        {c: frame[c].to_numpy() for c in frame},
        pa.Table.from_pandas(frame),
        tmp_path / "a.parquet",
        str(tmp_path / "a.csv"),
        tmp_path / "noname",
        frame.set_axis([7, 7, 9, 9]),
    ]
    for data in every:
        dataset = Dataset(data, y_true="y", sensitive_features=["g"])
        (batch,) = dataset.batches()
        assert batch.groups["g"].tolist() == ["f", "m", "(missing)", "m"]
        assert batch.y_true.tolist() == [0, 1, 1, 0]
        assert list(batch.features) == ["g", "x"]
        np.testing.assert_array_equal(batch.features["x"].to_numpy(float), [0.5, 1.5, 2.5, np.nan])


def test_a_file_keeps_its_name_and_hash(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "rows.csv"
    path.write_text("g,y\nf,1\nm,0\n")
    data = Dataset(path, y_true="y", sensitive_features="g")
    assert data.name == "rows.csv"
    assert data.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_frame_given_is_left_alone() -> None:
    frame = pd.DataFrame({"g": ["f", "m"], "y": [0, 1]}, index=[5, 6])
    before = frame.copy(deep=True)
    Dataset(frame, y_true="y", sensitive_features="g")
    pd.testing.assert_frame_equal(frame, before)


def test_csv_types_are_guessed_from_the_whole_column(tmp_path: Path) -> None:
    """In parts, "01" would be a number in one part and text in another: one group would become two."""
    path = tmp_path / "big.csv"
    path.write_text("g,y\n" + "01,1\n" * 300_000 + "A,0\n" + "01,1\n" * 20_000)
    data = Dataset(path, y_true="y", sensitive_features="g")
    counts = dict(sum((Counter(b.groups["g"]) for b in data.batches()), Counter()))
    assert counts == {"01": 320_000, "A": 1}


def test_csv_keeps_none_and_question_mark_as_categories(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("g,y\nNone,1\n?,0\n,1\nNA,0\n")
    (batch,) = Dataset(path, y_true="y", sensitive_features="g").batches()
    assert batch.groups["g"].tolist() == ["None", "?", "(missing)", "(missing)"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.parquet", b"", "is empty"),
        ("a.csv", b" \n\n", "is empty"),
        ("a.csv", b"g,y\n", "has no rows"),
        ("a.parquet", b"PAR1 and nothing more", "is no complete parquet file"),
        ("a.parquet", b"g,y\nf,1\n", "is no complete parquet file"),
        ("a.csv", b"\xff\xfe\x00\x81g,y\n\xff\xff", "cannot be read as CSV"),
        ("a.csv", b"g,y\nf,1\nm,0,3,4\n", "cannot be read as CSV"),
        ("a.csv", b"g,y,g\nf,1,1\n", None),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: bytes, message: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if message is None:  # pandas renames the second column of a name: nothing is lost
        assert len(Dataset(path, y_true="y", sensitive_features="g")) == 1
        return
    with pytest.raises(DataError, match=message) as e:
        Dataset(path, y_true="y", sensitive_features="g")
    assert "\n" not in str(e.value)


def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"g": ["f", "m"] * 500, "y": [0, 1] * 500}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"rows\.parquet is no complete parquet file"):
        Dataset(path, y_true="y", sensitive_features="g")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none\.csv: No such file"):
        Dataset(tmp_path / "none.csv", y_true="y", sensitive_features="g")
    with pytest.raises(DataError, match="is a folder; expected a parquet or CSV file"):
        Dataset(tmp_path, y_true="y", sensitive_features="g")


@pytest.mark.parametrize("data", [np.ones((2, 2)), [1, 2], 3, None, object()], ids=lambda x: type(x).__name__)
def test_what_is_no_table(data: Any) -> None:
    with pytest.raises(DataError, match="expected a frame"):
        Dataset(data, y_true="y", sensitive_features="g")


def test_columns_that_do_not_make_a_table() -> None:
    with pytest.raises(DataError, match="do not make a table"):
        Dataset({"g": ["f"], "y": [0, 1]}, y_true="y", sensitive_features="g")
    with pytest.raises(DataError, match="two columns of the name 'g'"):
        Dataset(pd.DataFrame([[1, 0, 1]], columns=["g", "g", "y"]), y_true="y", sensitive_features="g")


def test_unknown_columns_name_the_nearest() -> None:
    frame = {"gender": ["f", "m"], "income": [0, 1]}
    with pytest.raises(DataError, match=r"no column 'gendr' for sensitive_features.*Did you mean 'gender'\?"):
        Dataset(frame, y_true="income", sensitive_features=["gendr"])
    with pytest.raises(DataError, match=r"no column 'Income' for y_true.*Did you mean 'income'\?"):
        Dataset(frame, y_true="Income", sensitive_features=["gender"])
    data = Dataset(frame, y_true="income", sensitive_features=["gender"])
    with pytest.raises(DataError, match=r"no column 'incom' for y_pred.*Did you mean 'income'\?"):
        Predictions("incom").outputs(data)


def test_target_as_sensitive_and_no_sensitive_feature() -> None:
    with pytest.raises(DataError, match="is the target"):
        Dataset({"y": [0, 1]}, y_true="y", sensitive_features="y")
    with pytest.raises(DataError, match="declare at least one"):
        Dataset({"y": [0, 1]}, y_true="y", sensitive_features=[])


def test_from_arrays_hides_what_came_beside() -> None:
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    data = Dataset.from_arrays(X, y_true=np.array([0, 1]), sensitive_features=pd.Series(["f", "m"], name="sex"))
    (batch,) = data.batches()
    assert list(batch.features) == ["0", "1"]
    assert batch.groups["sex"].tolist() == ["f", "m"]
    assert batch.y_true.tolist() == [0, 1]


def test_from_arrays_joins_by_row_labels() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0]}, index=[9, 4])
    sex = pd.DataFrame({"sex": ["f", "m"]}, index=[4, 9])
    (batch,) = Dataset.from_arrays(X, y_true=[0, 1], sensitive_features=sex).batches()
    assert batch.groups["sex"].tolist() == ["m", "f"]
    assert batch.features["a"].tolist() == [1.0, 2.0]


def test_from_arrays_same_column_twice() -> None:
    X = pd.DataFrame({"sex": ["f", None], "a": [1.0, 2.0]})
    (batch,) = Dataset.from_arrays(X, y_true=[0, 1], sensitive_features={"sex": ["f", None]}).batches()
    assert list(batch.features) == ["sex", "a"]
    with pytest.raises(DataError, match="X has a column 'sex' too, with other values"):
        Dataset.from_arrays(X.assign(sex=[0.7, -0.7]), y_true=[0, 1], sensitive_features={"sex": ["f", "m"]})


def test_from_arrays_of_unequal_length() -> None:
    with pytest.raises(DataError, match="y_true has 3 rows, X has 2"):
        Dataset.from_arrays(np.ones((2, 1)), y_true=[0, 1, 1], sensitive_features={"s": ["f", "m"]})
    with pytest.raises(DataError, match="sensitive_features has 1 rows, X has 2"):
        Dataset.from_arrays(np.ones((2, 1)), y_true=[0, 1], sensitive_features={"s": ["f"]})


def test_batches_part_the_rows_in_order() -> None:
    frame = pd.DataFrame({"g": list("abcde"), "y": [0, 1, 1, 0, 1], "p": [1, 1, 0, 0, 1]})
    data = Dataset(frame, y_true="y", sensitive_features="g")
    parts = list(data.batches(2, without=["p"]))
    assert [len(b.y_true) for b in parts] == [2, 2, 1]
    assert [g for b in parts for g in b.groups["g"]] == list("abcde")
    assert all(list(b.features) == ["g"] for b in parts)


def test_columns_that_are_left_out_are_shown_to_nobody() -> None:
    """A column that gives the errors away is found by the search for subgroups, and not where it is left out."""
    rng = np.random.default_rng(5)
    n = 1200
    rows = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "x": rng.normal(size=n), "y": rng.integers(0, 2, n)})
    rows["p"] = np.where(rng.random(n) < 0.3, 1 - rows.y, rows.y)
    rows["other"] = np.where(rows.p == rows.y, "a", "b")

    def conditions(**options: Any) -> str:
        data = ak.Dataset(rows, y_true="y", sensitive_features="sex", **options)
        report = ak.audit(ak.Predictions("p"), data, checks=[ak.Subgroups()])
        return " ".join(f.claim for f in report.findings)

    assert "other = b" in conditions()
    assert "other" not in conditions(leave_out=["other"])
    left = ak.Dataset(rows, y_true="y", sensitive_features="sex", leave_out="other")
    assert list(next(left.batches(without=["p"])).features) == ["sex", "x"]
    for wrong, said in (("othr", "no column 'othr' for leave_out"), ("y", "'y' is the target, which is no feature")):
        with pytest.raises(ak.DataError, match=said):
            ak.Dataset(rows, y_true="y", sensitive_features="sex", leave_out=wrong)
