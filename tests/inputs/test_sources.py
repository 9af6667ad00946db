"""Sources of rows: read twice, part by part; whatever the parts and their order, the audit is that of one frame."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import auditkit as ak
from auditkit.errors import DataError
from auditkit.inputs.parquet_files import ParquetSource
from auditkit.inputs.source import BATCH, FrameSource, Source
from auditkit.inputs.survey import MOST_SEEN, Survey, digest
from auditkit.progress import told_to
from auditkit.records import Report
from tests.benchmarks.bench_sources import peak, write


class Parts(Source):
    """A frame that comes in parts of `k` rows, and counts how often it is read."""

    def __init__(self, frame: pd.DataFrame, k: int) -> None:
        self.whole, self.k, self.passes = frame, k, 0

    @property
    def schema(self) -> Mapping[str, str]:
        return {str(c): str(t) for c, t in self.whole.dtypes.items()}

    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        self.passes += 1
        frame = self.whole[list(columns or self.schema)]
        for start in range(0, len(frame), self.k):
            yield whole_numbers(frame.iloc[start : start + self.k].reset_index(drop=True).infer_objects())


def whole_numbers(part: pd.DataFrame) -> pd.DataFrame:
    """As parquet gives them: ages are floats where one is missing."""
    return part if "age" not in part or part["age"].isna().any() else part.astype({"age": "int64"})


def people(n: int = 3_000) -> pd.DataFrame:
    """Rows whose last forty bring a group, a level and a gap that no other has."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "age": rng.integers(18, 90, n)})
    frame["member"] = rng.random(n) < 0.5
    frame["y"], frame["s"] = rng.integers(0, 2, n), rng.random(n).round(3)
    frame["p"], frame["w"] = (frame.s > 0.4).astype(int), rng.integers(1, 4, n)
    frame["y2"], frame["p2"] = rng.integers(0, 2, n), rng.integers(0, 2, n)
    frame["who"] = rng.integers(0, 500, n)
    frame.loc[n - 40 :, "sex"] = "x"
    frame["region"] = np.where(frame.index >= n - 40, "late", "here")
    return frame


def late_gap(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with missing values in the last rows alone: whole numbers become floats there, booleans objects."""
    out = frame.astype({"age": float, "member": object})
    out.loc[len(out) - 3 :, ["age", "member", "sex"]] = None
    return out


AUDITS: dict[str, dict[str, Any]] = {
    "binary": {"y_true": "y"},
    "weights": {"y_true": "y", "weights": "w", "control_features": ["region"]},
    "clusters": {"y_true": "y", "cluster": "who"},
    "two attributes": {"y_true": "y", "sensitive_features": ["sex", "member"]},
    "regression": {"y_true": "s", "task": "regression"},
    "multiclass": {"y_true": "w", "task": "multiclass"},
    "multilabel": {"y_true": ["y", "y2"], "task": "multilabel"},
}
QUICK = ("binary", "multiclass", "multilabel")
"""The others are slow tests."""
SAID = {"regression": ("age",), "multiclass": ("w",), "multilabel": (["p", "p2"],)}


def audited(data: Any, kind: str) -> Report:
    options = {"sensitive_features": ["sex"]} | AUDITS[kind]
    dataset = ak.Dataset(data, **options)
    return ak.audit(ak.Predictions(*SAID.get(kind, ("p", "s"))), dataset, sample=300, name="a")


def said(report: Report) -> Any:
    """All that a report says of its rows; date and file apart, numbers to twelve digits."""

    def rounded(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: rounded(v) for k, v in x.items() if k not in ("created", "file_sha256")}
        if isinstance(x, list):
            return [rounded(v) for v in x]
        return float(f"{x:.12g}") if isinstance(x, float) else x

    return rounded(report.model_dump(mode="json"))


@pytest.mark.parametrize("kind", [pytest.param(k, marks=() if k in QUICK else pytest.mark.slow) for k in AUDITS])
def test_an_audit_reads_a_source_twice_and_says_what_it_says_of_the_frame(kind: str) -> None:
    frame = late_gap(people())
    whole = said(audited(frame, kind))
    source = Parts(frame, 450)
    assert said(audited(source, kind)) == whole
    assert source.passes == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["binary", *(pytest.param(k, marks=pytest.mark.slow) for k in AUDITS if k != "binary")]
)
def test_the_order_of_the_parts_does_not_matter(kind: str) -> None:
    """The group of the last rows comes first, and among the others."""
    frame = people()
    whole = said(audited(Parts(frame, 500), kind))
    assert said(audited(Parts(frame.iloc[::-1], 333), kind)) == whole
    assert said(audited(Parts(frame.sample(frac=1, random_state=1), 1_000), kind)) == whole


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 1_000])
def test_parquet_in_row_groups_is_the_frame(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = late_gap(people()).assign(job=pd.Categorical(np.repeat(["a", "b", "c"], 1_000), ["c", "b", "a"]))
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pandas(frame.set_index("who")), path, row_group_size=size)
    source = ParquetSource([path], None)
    assert (source.rows, "who" in source.schema) == (3_000, False)
    assert max(len(part) for part in source.batches(size=250)) <= max(250 + size, 2 * 250)
    pd.testing.assert_frame_equal(source.frame, frame.drop(columns="who"))
    data = ak.Dataset(path, y_true="y", sensitive_features=["sex"])
    monkeypatch.setattr(ParquetSource.batches, "__kwdefaults__", {"size": 170})
    pd.testing.assert_frame_equal(data.frame, frame.drop(columns="who"))
    assert said(audited(path, "binary"))["findings"] == said(audited(data.frame, "binary"))["findings"]


def test_an_iterator_is_kept_on_disk_said_so_and_deleted() -> None:
    frame = late_gap(people())
    before = {p.name for p in Path(tempfile.gettempdir()).glob("auditkit-*")}
    parts = (frame.iloc[i : i + 7] for i in range(0, len(frame), 7))
    data = ak.Dataset(parts, y_true="y", sensitive_features=["sex"])
    (folder,) = [p for p in Path(tempfile.gettempdir()).glob("auditkit-*") if p.name not in before]
    assert folder.stat().st_mode & 0o077 == 0
    report = ak.audit(ak.Predictions("p", "s"), data, sample=300, name="a")
    assert any("temporary file" in c for c in report.provenance.cautions)
    assert said(report)["findings"] == said(audited(frame, "binary"))["findings"]
    del data
    assert not folder.exists()


@pytest.mark.slow
def test_frames_of_other_libraries_and_record_batches_come_in_parts_too() -> None:
    frame = people(200)
    want = said(audited(frame, "binary"))["findings"]
    reader = pa.RecordBatchReader.from_batches(
        pa.Schema.from_pandas(frame), pa.Table.from_pandas(frame).to_batches(max_chunksize=60)
    )
    dicts = ({c: part[c].tolist() for c in part} for part in (frame.iloc[:90], frame.iloc[90:]))
    for data in (reader, dicts):
        assert said(audited(data, "binary"))["findings"] == want


def test_a_data_loader_is_a_source() -> None:
    class Loader(Source):
        def __init__(self, loader: DataLoader[Any]) -> None:
            self.loader = loader

        @property
        def schema(self) -> Mapping[str, str]:
            return {"sex": "int64", "y": "int64", "p": "int64"}

        def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
            for sex, y, p in self.loader:
                yield pd.DataFrame({"sex": sex, "y": y, "p": p})[list(columns or self.schema)]

    frame = people().assign(sex=lambda f: f.sex.map({"f": 0, "m": 1, "x": 2}))
    tensors = [torch.tensor(frame[c].to_numpy()) for c in ("sex", "y", "p")]
    loader: Any = DataLoader(TensorDataset(*tensors), batch_size=128, shuffle=True)
    options: dict[str, Any] = {"y_true": "y", "sensitive_features": ["sex"]}
    a = ak.audit(ak.Predictions("p"), ak.Dataset(Loader(loader), **options), name="a")
    b = ak.audit(ak.Predictions("p"), ak.Dataset(frame[["sex", "y", "p"]], **options), name="a")
    assert said(a) == said(b)


class Changing(Parts):
    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        self.whole = self.whole.iloc[:-1] if self.passes else self.whole
        yield from super().batches(columns, size=size)


class Boasting(Parts):
    rows = 7


class Shifting(Parts):
    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        yield self.whole
        yield self.whole.rename(columns={"p": "q"})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Changing(people(), 500), "gave 3,000 rows at first and 2,999 later"),
        (Boasting(people(), 500), "says 7 rows and gives 3,000"),
        (Shifting(people(), 500), "parts with different columns"),
        (Parts(people().iloc[:0], 500), "has no rows"),
        (iter(()), "has no rows"),
        (iter([people(), people().drop(columns="p")]), "part 2 of the rows has other columns"),
        (iter([1, 2]), "got int"),
        (iter([people().assign(z=[object()] * 3_000)]), "cannot be kept as parquet"),
    ],
)
def test_a_source_that_is_none_is_one_clear_error(source: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        audited(source, "binary")


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    people().to_parquet(path)
    data = ak.Dataset(path, y_true="y", sensitive_features=["sex"])
    people(2_990).to_parquet(path)
    with pytest.raises(DataError, match=r"changed while it was read|no complete parquet"):
        ak.audit(ak.Predictions("p"), data)


def wrong(**columns: Any) -> pd.DataFrame:
    """What is wrong with a column stands in the last rows alone, behind thousands of good ones."""
    n = 6_000
    base: dict[str, Any] = {"sex": ["f", "m"] * (n // 2), "y": [0.0, 1.0] * (n // 2), "p": [0, 1] * (n // 2)}
    base["w"], base["who"] = np.arange(n) + 0.5, [f"p{i}" for i in range(n)]
    out = pd.DataFrame(base).astype({"sex": object, "who": object, "p": object})
    for name, value in columns.items():
        out[name] = [*out[name][: n - 2], *value]
    return out


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (wrong(w=[1.0, -1.0]), {"weights": "w"}, r"1 of the weights 'w' are negative \(the first in row 5999\)"),
        (wrong(w=[np.nan, 1.0]), {"weights": "w"}, r"1 of the weights 'w' are missing \(the first in row 5998\)"),
        (wrong(who=[None, None]), {"cluster": "who"}, r"missing in 2 rows"),
        (wrong(y=[0.0, 2.0]), {}, "has 3 different values"),
        (wrong(y=[np.inf, 1.0]), {"task": "regression"}, r"infinite in 1 rows, first in row 5998"),
        (wrong(sex=["(missing)", "f"]), {}, r"literally '\(missing\)'"),
        (wrong(sex=[["f"], "f"]), {}, "lists"),
        (wrong(), {"sensitive_features": ["who"]}, "6,000 different values"),
        (wrong(), {"sensitive_features": ["w"]}, "6000 distinct numeric values"),
        (wrong(p=["maybe", 1]), {}, "mixed types"),
        (wrong(p=[2, 1]), {}, "holds 0, 1, 2"),
    ],
)
def test_what_is_wrong_in_a_late_part_is_told_as_of_the_whole(
    frame: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    options = {"y_true": "y", "sensitive_features": ["sex"]} | options
    for data in (frame, Parts(frame, 1_000), FrameSource(frame)):
        with pytest.raises(DataError, match=message):
            ak.audit(ak.Predictions("p"), ak.Dataset(data, **options), checks=["data_profile"])


def test_labels_mean_the_same_in_every_part() -> None:
    """A part that holds one label only cannot tell which of two it is; all parts together can."""
    frame = pd.DataFrame({"sex": ["f", "m"] * 400, "y": ["1"] * 400 + ["yes"] * 400})
    frame["p"] = ["yes"] * 300 + ["1"] * 500
    for k in (800, 100):
        data = ak.Dataset(Parts(frame, k), y_true="y", positive="yes", sensitive_features=["sex"])
        truth = np.concatenate([b.y_true for b in data.batches()])
        decisions = np.concatenate([ak.Predictions("p").outputs(data, rows)[0] for rows in data.parts()])
        assert truth.tolist() == [0] * 400 + [1] * 400
        assert decisions.tolist() == [1] * 300 + [0] * 500


def test_what_bins_are_fitted_to_knows_of_values_that_it_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand rare values in the rows that were not drawn would each be counted in every crossing."""
    monkeypatch.setattr("auditkit.inputs.survey.BATCH", 400)
    frame = people()
    frame["town"] = np.where(frame.index % 3 == 0, [f"t{i}" for i in frame.index], "here")
    frame["grade"] = np.where(frame.index % 50 == 0, frame.index / 7, frame.index % 2)
    data = ak.Dataset(Parts(frame, 500), y_true="y", sensitive_features=["sex"])
    sample = data.sample(without=["p"])
    assert (len(sample.y_true), sample.levels["town"], sample.levels["grade"]) == (400, 1_001, 61)
    coding = ak.Subgroups().fit(sample).coding
    assert coding is not None
    assert coding.left_out["town"] == "many different values, more than 50"
    assert coding.edges["sex"] is None
    assert not data.batch(next(data.parts())).levels


def test_a_survey_keeps_little_and_misses_no_mark() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.permutation(np.arange(200_000)).astype(float)
    numbers[150_000], numbers[-1], numbers[77_777], numbers[5] = np.nan, 0.25, 1e9, -7
    column = pd.Series(numbers)
    parts = pd.concat([digest(column.iloc[i : i + 9_000]) for i in range(0, 200_000, 9_000)])
    for found in (digest(column), digest(parts)):
        assert MOST_SEEN < len(found) <= MOST_SEEN + 4
        assert (found.min(), found.max(), bool(found.isna().any()), 0.25 in set(found)) == (-7, 1e9, True, True)


def test_who_waits_is_told_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    source = Parts(people(), 1_200)
    with told_to(lambda *how: told.append(how)):
        ak.Dataset(source, y_true="y", sensitive_features=["sex"])
        ak.Dataset(FrameSource(source.whole), y_true="y", sensitive_features=["sex"])
    assert [done for _, done, _ in told] == [1_200, 2_400, 3_000, 3_000]
    assert told[-1] == ("looking at rows", 3_000, 3_000)


@pytest.mark.parametrize("each", [1, 2, 3])
@pytest.mark.parametrize("values", [MOST_SEEN - 1, MOST_SEEN, MOST_SEEN + 1])
def test_a_digest_marks_what_comes_after_any_head(each: int, values: int) -> None:
    """Also where the rows that are looked at first hold just as many values as are kept."""
    head = np.repeat(np.arange(1.0, values + 1), each)
    column = pd.Series([*np.resize(head, max(len(head), 2 * MOST_SEEN)), 9e9, -5.0, np.nan, 0.5])
    found = digest(column)
    assert {found.min(), found.max()} == {-5.0, 9e9}
    assert found.isna().any()
    frame = pd.DataFrame({"sex": ["f", "m"] * (len(column) // 2) + ["f"] * (len(column) % 2), "w": column.fillna(1.0)})
    with pytest.raises(DataError, match=r"1 of the weights 'w' are negative"):
        ak.Dataset(frame.assign(y=frame.index % 2), y_true="y", sensitive_features=["sex"], weights="w")


def test_lists_among_more_rows_than_a_part_are_no_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditkit.inputs.survey.BATCH", 400)
    frame = people().assign(words=[[i, i + 1] for i in range(3_000)])
    report = ak.audit(ak.Predictions("p"), ak.Dataset(Parts(frame, 500), y_true="y", sensitive_features=["sex"]))
    assert any("words" in note for f in report.findings for note in f.notes)
    assert not any(n.accident for n in report.not_measured)


def test_the_sample_is_the_same_in_any_order_and_of_everybody() -> None:
    n = 3 * BATCH
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=n), "n": rng.integers(0, 9, n), "b": rng.random(n) < 0.3})
    a = Survey(FrameSource(frame)).sample
    gaps = frame.iloc[::-1].astype({"n": float, "b": object}).reset_index(drop=True)
    b = Survey(Parts(gaps, 50_000)).sample
    assert (len(a), a["x"].tolist()) == (BATCH, b["x"].tolist())
    assert abs(a["x"].mean()) < 5 / np.sqrt(BATCH), "a simple random sample"
    assert abs(a["b"].mean() - 0.3) < 5 * np.sqrt(0.21 / BATCH)


@pytest.mark.parametrize("contents", [7, 300, 700])
def test_equal_rows_are_many_rows_in_the_sample_that_bins_are_fitted_to(
    contents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 400 rows of lowest hash, out of 6,000 of few contents, all would be of one content or two."""
    monkeypatch.setattr("auditkit.inputs.survey.BATCH", 400)
    rng = np.random.default_rng(2)
    share = 1 / np.arange(1, contents + 1)
    frame = pd.DataFrame({"x": rng.choice(contents, 6_000, p=share / share.sum())})
    frame["s"] = np.where(frame["x"] % 3, "f", "m")
    drawn = Survey(Parts(frame, 400)).sample
    if contents < 400:
        assert len(drawn) == 400
        expected = frame["x"].value_counts() / 15
        assert (drawn["x"].value_counts().reindex(expected.index, fill_value=0) - expected).abs().max() <= 1
    for other in (Parts(frame.iloc[::-1], 400), Parts(frame.sample(frac=1, random_state=1), 900)):
        assert Survey(other).sample.equals(drawn)


@pytest.mark.slow
def test_ten_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    """As `make bench` shows with twenty million."""
    found = []
    for rows in (200_000, 2_000_000):
        write(tmp_path / "rows.parquet", rows)
        found.append(peak(tmp_path / "rows.parquet", rows)[0])
    assert found[1] <= 1.3 * found[0]
