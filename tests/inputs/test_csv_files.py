"""CSV as people write it: separators, encodings, decimal commas, NA; guessed only where one way fits, and said."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import auditkit as ak
from auditkit.errors import DataError
from auditkit.inputs.dataset import Dataset
from auditkit.report.html.page import render
from tests.helpers import run_cli
from tests.limits import run

ROWS = [("Müller", "Ärztin", 1.5, 1), ("Weiß", "Koch", -22.25, 0), ("Groß", "Koch", 3.0, 1)]
PLAIN = pd.DataFrame(ROWS, columns=["name", "job", "pay", "y"])


def text(sep: str = ",", decimal: str = ".", end: str = "\n") -> str:
    lines = [sep.join(PLAIN.columns)]
    lines += [sep.join([n, j, str(p).replace(".", decimal), str(y)]) for n, j, p, y in ROWS]
    return end.join(lines) + end


def read(path: Path, **options: Any) -> Dataset:
    return Dataset(path, y_true="y", sensitive_features="job", **options)


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_encodings(tmp_path: Path, sep: str, encoding: str, end: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(text(sep, end=end).encode(encoding))
    data = read(path)
    pd.testing.assert_frame_equal(data.frame, PLAIN)
    said = [c for c in data.cautions if "as guessed from the file" in c]
    plain = encoding in ("utf-8", "utf-8-sig")
    assert len(said) == (sep != "," or not plain)
    assert all(repr(sep) in c for c in said if sep != ",")
    assert all(encoding in c for c in said if not plain)
    again = read(path, sep=sep, encoding=encoding)
    pd.testing.assert_frame_equal(again.frame, PLAIN)
    assert not again.cautions


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_a_decimal_comma(tmp_path: Path, sep: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text(sep, ","))
    data = read(path)
    pd.testing.assert_frame_equal(data.frame, PLAIN)
    assert "decimal commas in pay" in data.cautions[-1]
    pd.testing.assert_frame_equal(read(path, decimal=",").frame, PLAIN)


def test_thousands_and_what_could_be_either(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('job,a,b,y\nx,"1,234","1,234,567",1\nz,"12,000",5,0\n')
    data = read(path)
    assert data.frame["a"].tolist() == [1234, 12000]
    assert data.frame["b"].tolist() == [1234567, 5]
    assert "commas between thousands in a, b" in data.cautions[0]
    path.write_text('job,a,y\nx,"1,234",1\nz,"12,000",0\n')
    data = read(path)
    assert data.frame["a"].tolist() == ["1,234", "12,000"]
    assert "a stayed text, whose commas may be decimal ones or separate thousands" in data.cautions[0]
    assert "1,234" not in data.cautions[0]  # no value of a row in a report
    assert read(path, thousands=",").frame["a"].tolist() == [1234, 12000]
    path.write_text("job;a;b;y\nx;1,5;1.234;1\nz;2,25;2.500;0\n")
    with pytest.raises(DataError, match=r"'b' holds 1\.234, where the point may be one of thousands"):
        read(path)
    assert read(path, decimal=",", thousands=".").frame["b"].tolist() == [1234, 2500]
    assert read(path, decimal=".").frame["b"].tolist() == [1.234, 2.5]


def test_na_is_missing_unless_it_is_a_value(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("job,y\nNA,1\nNA,0\nKoch,1\n,0\nnull,1\n")
    data = read(path)
    assert next(data.batches()).groups["job"].tolist() == ["(missing)", "(missing)", "Koch", "(missing)", "(missing)"]
    assert "'job': 'NA' (2 rows), 'null' (1 rows) read as missing" in data.cautions[0]
    kept = read(path, na_values=[])
    assert next(kept.batches()).groups["job"].tolist() == ["NA", "NA", "Koch", "(missing)", "null"]
    assert "'job' has rows whose value is missing and rows whose value is 'NA', 'null'" in kept.cautions[0]
    other = read(path, na_values="Koch")
    assert next(other.batches()).groups["job"].tolist() == ["NA", "NA", "(missing)", "(missing)", "null"]
    path.write_text("job,y,x\nKoch,1,NA\nKoch,0,2\nArzt,1,3\n")
    assert not read(path).cautions  # a number that is missing is no label


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("job y\nx 1\n", r"no column 'y' for y_true; the columns are job y \(rows\.csv was read with sep ','"),
        ("job;y\nx,1;1\nz;0;3\n", "header names 2 columns.*has 3 fields. Say sep"),
        ("a;b,c;d\n1;2,3;4\n", "can be read with sep ',' or ';': header and rows fit both"),
        ("job,y\nx,1,\nz,0,\n", "header names 2 columns .job, y. and record 2 has 3 fields"),
        ('job,y\n"x,1\nz,0\n', "cannot be read as CSV"),
        ("job,y\nx\0,1\n", "it is no text"),
    ],
)
def test_errors_name_what_was_guessed(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as e:
        read(path)
    assert "\n" not in str(e.value)


def test_rows_that_end_early_are_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("job,y,x\nKoch,1,2\nArzt,0\nArzt,1,3\n")
    assert "1 rows with fewer fields than its header (the first is record 3)" in read(path).cautions[0]
    path.write_text("job,job,y\nKoch,a,1\nArzt,b,0\n")
    assert "two columns of the name 'job': the second was read as 'job.1'" in read(path).cautions[0]


@pytest.mark.parametrize(
    "options",
    [{"sep": ";;"}, {"sep": ""}, {"sep": 3}, {"encoding": "klingon"}, {"encoding": "hex"}, {"encoding": 8},
     {"na_values": 3}, {"na_values": [1]}, {"decimal": "comma"}, {"sep": ";", "decimal": ";"}, {"thousands": "\n"}],
)  # fmt: skip
def test_options_that_are_none(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text())
    with pytest.raises(DataError):
        read(path, **options)


def test_options_of_csv_files_are_refused_elsewhere(tmp_path: Path) -> None:
    PLAIN.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"sep: options of CSV files; rows\.parquet is parquet"):
        read(tmp_path / "rows.parquet", sep=";")
    with pytest.raises(DataError, match="sep: options of CSV files; the data are DataFrame"):
        Dataset(PLAIN, y_true="y", sensitive_features="job", sep=";")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_packed_files(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "rows.csv.packed"
    path.write_bytes(pack(text(";").encode()))
    pd.testing.assert_frame_equal(read(path).frame, PLAIN)
    path.write_bytes(pack(text(";").encode())[:-9])
    with pytest.raises(DataError, match="is packed and cannot be unpacked"):
        read(path)


def test_archives_and_other_kinds_of_file(tmp_path: Path) -> None:
    one = tmp_path / "rows.csv.zip"
    with zipfile.ZipFile(one, "w") as z:
        z.writestr("rows.csv", text())
    pd.testing.assert_frame_equal(read(one).frame, PLAIN)
    with zipfile.ZipFile(one, "a") as z:
        z.writestr("more.csv", text())
    with pytest.raises(DataError, match="packs 2 files"):
        read(one)
    sheet = tmp_path / "rows.xlsx"
    with zipfile.ZipFile(sheet, "w") as z:
        z.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(DataError, match="is an Excel file"):
        read(sheet)
    PLAIN.to_pickle(tmp_path / "rows.pkl")
    with pytest.raises(DataError, match=r"is a pickle|is no text"):
        read(tmp_path / "rows.pkl")


def test_bombs_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    bomb, pipe = tmp_path / "bomb.csv.bz2", tmp_path / "pipe.csv"
    bomb.write_bytes(bz2.compress(b"a" * 20_000_000))  # 20 MB in 45 bytes
    os.mkfifo(pipe)
    for path, said in ((pipe, "is a pipe"), (Path("/dev/zero"), "is a device"), (bomb, "unpacks to more")):
        ran = run(lambda path=path: read(path), seconds=2, megabytes=200)
        assert ran.error == "DataError"
        assert said in ran.message


def test_folders_patterns_and_partitions(tmp_path: Path) -> None:
    whole = pd.DataFrame({"job": ["a", "b"] * 6, "y": [0, 1, 1] * 4, "x": range(12), "sex": ["f"] * 6 + ["m"] * 6})
    whole["year"] = [2023, 2024] * 6
    folder = tmp_path / "rows"
    whole.to_parquet(folder, partition_cols=["sex", "year"])
    (folder / "_SUCCESS").write_text("")
    data = Dataset(folder, y_true="y", sensitive_features=["sex", "job"])
    got = data.frame.astype({"year": int}).sort_values("x", ignore_index=True)[whole.columns]
    pd.testing.assert_frame_equal(got, whole, check_dtype=False)
    assert data.name == "rows (4 files)"
    some = Dataset(f"{folder}/sex=f/**/*.parquet", y_true="y", sensitive_features="job")
    assert sorted(some.frame["x"]) == list(range(6))
    parts = tmp_path / "parts"
    parts.mkdir()
    whole.iloc[:5].to_csv(parts / "1.csv", index=False, sep=";")
    whole.iloc[5:].to_csv(parts / "2.csv", index=False, sep=";")
    for where in (parts, f"{parts}/*.csv"):
        pd.testing.assert_frame_equal(Dataset(where, y_true="y", sensitive_features="sex").frame, whole)
    assert Dataset(parts, y_true="y", sensitive_features="sex").file_sha256 == (
        Dataset(f"{parts}/?.csv", y_true="y", sensitive_features="sex").file_sha256
    )


def test_types_are_those_of_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("g,y\n01,1\n02,0\n")
    (tmp_path / "2.csv").write_text("g,y\nA,1\n01,0")
    data = Dataset(tmp_path, y_true="y", sensitive_features="g")
    assert next(data.batches()).groups["g"].tolist() == ["01", "02", "A", "01"]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"y": [0, 1], "g": ["a", "b"]},
            {"y": [0, 1], "h": ["a", "b"]},
            "a.parquet has a column 'g', b.parquet has not",
        ),
        (
            {"y": [0, 1], "g": ["a", "b"]},
            {"y": [0, 1], "g": [1, 2]},
            "'g' is .*string in a.parquet and int64 in b.parquet",
        ),
    ],
)
def test_parts_that_differ(tmp_path: Path, first: Any, second: Any, message: str) -> None:
    for name, rows in (("a", first), ("b", second)):
        pd.DataFrame(rows).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=message):
        Dataset(tmp_path, y_true="y", sensitive_features="g")
    (tmp_path / "b.parquet").unlink()
    (tmp_path / "b.csv").write_text("y,g\n1,a\n")
    with pytest.raises(DataError, match="holds parquet and other files"):
        Dataset(tmp_path, y_true="y", sensitive_features="g")


def test_parts_whose_numbers_only_differ_in_gaps_are_one(tmp_path: Path) -> None:
    pd.DataFrame({"y": [0, 1], "g": ["a", "b"], "x": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"y": [0, 1], "g": ["a", None], "x": [1.5, None]}).to_parquet(tmp_path / "b.parquet")
    data = Dataset(tmp_path, y_true="y", sensitive_features="g")
    assert data.frame["x"].tolist()[:3] == [1.0, 2.0, 1.5]
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match=r"a\.parquet is no complete parquet file"):
        Dataset(tmp_path, y_true="y", sensitive_features="g")


def test_said_on_the_page_and_settable_by_flag_and_configuration(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sex": ["NA", "m"] * 40, "y": [0, 1, 1, 0] * 20, "p": [1, 0, 1, 1] * 20})
    frame.to_csv(tmp_path / "rows.csv", sep=";", index=False)
    report = ak.audit(ak.Predictions("p"), Dataset(tmp_path / "rows.csv", y_true="y", sensitive_features="sex"),
                      checks=[ak.GroupFairness()])  # fmt: skip
    page = render(report)
    assert "was read with sep" in page
    assert "read as missing" in page
    assert ak.Report.from_json(report.to_json()).provenance.cautions == report.provenance.cautions
    plain = report.model_copy(update={"provenance": report.provenance.model_copy(update={"cautions": ()})})
    assert "cautions" not in plain.to_json()
    (tmp_path / "a.toml").write_text(
        '[data]\npath = "rows.csv"\ny_true = "y"\nsensitive_features = ["sex"]\nsep = ";"\nencoding = "utf-8"\n'
        'na_values = []\n[predictions]\ny_pred = "p"\n[[check]]\nname = "group_fairness"\n'
    )
    flags = ["--data", str(tmp_path / "rows.csv"), "--y-true", "y", "--sensitive", "sex", "--y-pred", "p", "--sep", ";",
             "--na-value", "?", "--check", "group_fairness"]  # fmt: skip
    for asked in ([str(tmp_path / "a.toml")], flags):
        out = ["--out", str(tmp_path / "out"), "--name", "r", "--format", "json", "-q"]
        status, _, err = run_cli(["run", *asked, *out])
        assert status == 0, err
        stored = ak.Report.load(tmp_path / "out" / "r.json")
        assert not any("guessed" in c or "read as missing" in c for c in stored.provenance.cautions)
        assert {g for f in stored.findings for e in f.by_group for g in e.group.values()} == {"NA", "m"}
