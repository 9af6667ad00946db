"""Joined, one-hot and binned columns: held to pandas' own merge, cut and idxmax; nothing is dropped, all is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.inputs.dataset import Dataset

N = 500
RNG = np.random.default_rng(3)
ROWS = pd.DataFrame(
    {
        "id": np.arange(N),
        "y": RNG.integers(0, 2, N),
        "p": RNG.integers(0, 2, N),
        "hours": RNG.normal(40, 20, N).round(1),
        "race_a": RNG.integers(0, 2, N),
    }
)
ROWS["race_b"] = 1 - ROWS.race_a
PEOPLE = pd.DataFrame({"person": np.arange(20, N + 30).astype(str), "sex": RNG.choice(["f", "m"], N + 10)})


class Parts(ak.Source):
    """The rows in parts of 97, however many are asked for."""

    schema = {c: str(t) for c, t in ROWS.dtypes.items()}  # noqa: RUF012

    def batches(self, columns: Sequence[str] | None = None, *, size: int = 0) -> Iterator[pd.DataFrame]:
        for start in range(0, N, 97):
            yield ROWS[list(columns or self.schema)].iloc[start : start + 97]


def dataset(rows: Any = ROWS, *, sensitive: Any = "sex", **given: Any) -> Dataset:
    return Dataset(rows, y_true="y", sensitive_features=sensitive, **given)


def groups(data: Dataset, name: str) -> list[str]:
    return [g for b in data.batches() for g in b.groups[name].astype(str)]


@pytest.mark.parametrize("rows", [ROWS, Parts()], ids=["whole", "parts"])
def test_a_join_is_a_left_merge(rows: Any, tmp_path: Path) -> None:
    PEOPLE.sample(frac=1, random_state=0).to_csv(tmp_path / "people.csv", index=False)
    data = dataset(rows, join=ak.Join(tmp_path / "people.csv", on=("id", "person")))
    right = PEOPLE.assign(id=PEOPLE.person.astype(int))
    assert groups(data, "sex") == ROWS.merge(right, how="left", on="id")["sex"].fillna("(missing)").tolist()
    said = " ".join(data.cautions)
    assert "sex comes from people.csv (sha256 " in said
    assert "by 'id' = 'person'" in said
    assert f"Of {N} rows, 20 have a key 'id' that is not in people.csv: they lack its columns." in said
    assert f"30 of {N + 10} keys of people.csv are of no row of the data." in said
    assert len(data) == N
    assert not {"id", "sex"} & set(next(data.batches()).features), "neither what is joined nor its key is a feature"


def test_a_target_can_come_later_and_keys_may_be_missing() -> None:
    truth = pd.DataFrame({"id": [*range(N - 5), None], "late": 1})
    rows = ROWS.assign(id=ROWS.id.where(ROWS.id > 2))
    data = Dataset(rows.drop(columns="y"), y_true="late", sensitive_features="race_a", join={"data": truth, "on": "id"})
    assert int((next(data.batches()).y_true == -1).sum()) == 5 + 3
    assert any("3 have no key 'id'" in c for c in data.cautions)
    assert any("1 rows of the joined data have no key" in c for c in data.cautions)


def test_doubled_keys_that_agree_are_one_and_others_are_refused() -> None:
    twice = pd.concat([PEOPLE, PEOPLE.head(4)])
    data = dataset(join=ak.Join(twice, on=["id", "person"]))
    assert groups(data, "sex") == groups(dataset(join=ak.Join(PEOPLE, on=["id", "person"])), "sex")
    assert any("4 rows of the joined data repeat a key, and say the same" in c for c in data.cautions)
    other = pd.concat([PEOPLE, PEOPLE.iloc[[7]].assign(sex="other")])
    with pytest.raises(DataError, match=r"1 key stands in several rows .* different things, the first is '27'"):
        dataset(join=ak.Join(other, on=["id", "person"]))


@pytest.mark.parametrize(
    ("join", "message"),
    [
        ({"data": PEOPLE, "on": "persn"}, "no column 'persn' in the data"),
        ({"data": PEOPLE, "on": ("id", "persn")}, "no column 'persn' in the joined data.* Did you mean 'person'"),
        ({"data": PEOPLE, "on": ("id", "person"), "columns": ["sx"]}, "no column 'sx'"),
        ({"data": PEOPLE.assign(p=1), "on": ("id", "person")}, "both the data and the joined data have a column 'p'"),
        ({"data": PEOPLE.assign(person="x" + PEOPLE.person), "on": ("id", "person")}, "are these the same keys"),
        ({"data": PEOPLE[["person"]], "on": ("id", "person")}, "has no column beside its key"),
        ({"data": PEOPLE}, "join takes the other file and the key"),
        ("people.csv", "join takes the other file and the key"),
    ],
)
def test_what_cannot_be_joined_is_refused(join: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(join=join)


@pytest.mark.parametrize("rows", [ROWS, Parts()], ids=["whole", "parts"])
def test_bins_are_pandas_cut_with_what_is_outside_beside(rows: Any) -> None:
    data = dataset(rows, sensitive="hours", bins={"hours": [10, 30, 45, 60]})
    cut = pd.cut(ROWS.hours, [10, 30, 45, 60], right=False, labels=["[10, 30)", "[30, 45)", "[45, 60]"]).astype(object)
    cut[ROWS.hours == 60] = "[45, 60]"
    cut[ROWS.hours < 10], cut[ROWS.hours > 60] = "< 10", "> 60"
    assert groups(data, "hours") == cut.tolist()
    low, high = int((ROWS.hours < 10).sum()), int((ROWS.hours > 60).sum())
    assert f"Of {N} values of 'hours', {low} below 10 and {high} above 60 lie outside its bins: they are groups of " \
        "their own, '< 10' and '> 60'." in data.cautions  # fmt: skip
    features = next(data.batches()).features
    assert features["hours"].tolist() == ROWS.hours.tolist()[: len(features)], "the model sees the numbers"


def test_edges_are_written_as_numbers_are_and_may_be_infinite() -> None:
    rows = {"x": [0.1, 0.25, None, 7, "9"], "y": [0, 1, 0, 1, 1]}
    data = Dataset(rows, y_true="y", sensitive_features="x", bins={"x": [0, 0.25, 1e6, float("inf")]})
    assert groups(data, "x") == ["[0, 0.25)", "[0.25, 1000000)", "(missing)", "[0.25, 1000000)", "[0.25, 1000000)"]
    assert list(data.cautions) == []


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ({"hours": [30]}, "two numbers or more that rise"),
        ({"hours": [30, 20]}, "two numbers or more that rise"),
        ({"hours": ["a", "b"]}, "two numbers or more that rise"),
        ({"hours": 30}, "two numbers or more that rise"),
        ({"p": [0, 1]}, "bins of 'p', which is neither a sensitive nor a control feature"),
        ([0, 30], "bins names columns and their edges"),
    ],
)
def test_bins_that_are_none_are_refused(bins: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(sensitive="hours", bins=bins)


def test_a_continuous_feature_without_bins_is_told_of_them() -> None:
    with pytest.raises(DataError, match=r"bins=\{'hours': \[.*\]\}"):
        dataset(sensitive="hours")
    with pytest.raises(DataError, match="'word' has bins, and holds values that are no numbers"):
        dataset(ROWS.assign(word="x"), sensitive="word", bins={"word": [0, 1]})


@pytest.mark.parametrize("kind", [int, bool, float, str])
@pytest.mark.parametrize("rows", [ROWS, Parts()], ids=["whole", "parts"])
def test_one_hot_columns_are_one_feature(rows: Any, kind: type) -> None:
    if isinstance(rows, pd.DataFrame):
        rows = rows.astype({"race_a": kind, "race_b": kind})
    data = dataset(rows, sensitive={"race": ["race_a", "race_b"]})
    assert data.sensitive_features == ("race",)
    assert groups(data, "race") == ROWS[["race_a", "race_b"]].idxmax(axis=1).str[5:].tolist()
    assert "race" not in next(data.batches()).features


def test_rows_with_no_1_or_several_are_groups_and_are_counted() -> None:
    rows = ROWS.astype({"race_a": float})
    rows.loc[:2, ["race_a", "race_b"]] = 1
    rows.loc[3:7, ["race_a", "race_b"]] = 0
    rows.loc[8, "race_a"] = None
    data = dataset(rows, sensitive=["p", {"race": ["race_a", "race_b"]}])
    assert data.sensitive_features == ("p", "race")
    assert groups(data, "race")[:9] == ["(several)"] * 3 + ["(none)"] * 5 + ["(missing)"]
    said = " ".join(data.cautions)
    for part in ("5 have no 1 among race_a, race_b", "3 have several 1", "1 lack a value of race_a, race_b"):
        assert f"of {N} rows, {part}" in said


@pytest.mark.parametrize(
    ("sensitive", "message"),
    [
        ({"race": ["race_a"]}, "two or more"),
        ({"race": "race_a"}, "two or more"),
        ({"race": ["race_a", "race_c"]}, "no column 'race_c'.*Did you mean 'race_"),
        ({"p": ["race_a", "race_b"]}, "'p' is a column of the data already"),
        ({"of": ["race_a", "hours"]}, "'hours', a one-hot column of 'of', holds .*; expected 0 and 1"),
    ],
)
def test_one_hot_columns_that_are_none_are_refused(sensitive: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(sensitive=sensitive)


def test_hostile_names_stay_names() -> None:
    evil = "<script>alert(1)</script>"
    rows = ROWS.rename(columns={"race_a": f"race_{evil}"})
    data = dataset(rows, sensitive={"race": [f"race_{evil}", "race_b"]})
    report = ak.audit(ak.Predictions("p"), data, checks=["group_fairness"])
    assert evil in {g.group.get("race") for f in report.findings for g in f.by_group}
    from auditkit.report.formats import render

    assert evil not in render(report, "html")
