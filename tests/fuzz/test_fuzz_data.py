"""Bytes of CSV files and columns of labels: only errors of ours come out, within limits."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditkit.errors import AuditkitError
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from tests.fuzz.budget import MEGABYTES, SECONDS, fuzzed
from tests.limits import run

pytestmark = pytest.mark.fuzz

CELLS = st.one_of(
    st.sampled_from(
        ["", "NA", "1", "0", "1.0", "True", "false", "1,5", "1.234,5", "1,234", '"a,b"', '"', "x;y", "a\tb"]
    ),
    st.text(max_size=5),
)
PIECES = st.one_of(CELLS, st.sampled_from([",", ";", "\t", "|", "\n", "\r\n", "\r", "\0", "\ufeff"]))
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1", "cp500"])


@st.composite
def csv_bytes(draw: st.DrawFn) -> bytes:
    """Bytes that are nearly a CSV file: a table, one written badly, or anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    if draw(st.booleans()):
        sep = draw(st.sampled_from(",;\t|"))
        rows = draw(st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=8))
        text = "\n".join(["g" + sep + "y" + (sep + "x") * draw(st.integers(0, 2)), *(sep.join(r) for r in rows)])
    else:
        text = "g,y\n" + "".join(draw(st.lists(PIECES, max_size=40)))
    encoded = text.encode(draw(ENCODINGS), errors="replace")
    cut = draw(st.integers(0, len(encoded)))
    return encoded[:cut] if draw(st.integers(0, 4)) == 0 else encoded


def opened(content: bytes, options: dict[str, Any]) -> str:
    """What reading the file came to: "read", or an error of ours; anything else is raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(content)
        try:
            data = Dataset(path, y_true="y", sensitive_features="g", **options)
            assert len(data) == sum(len(b.y_true) for b in data.batches())
        except AuditkitError as e:
            return type(e).__name__
    return "read"


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "sep": st.sampled_from([",", ";", "\\t", "\\s+", "x", "", 1]),
        "encoding": st.sampled_from(["utf-8", "cp1252", "utf-16", "hex", "no such", "idna", "punycode", "utf-7"]),
        "na_values": st.sampled_from([[], "NA", ["1"], 3]),
        "decimal": st.sampled_from([",", ".", "ab"]),
        "thousands": st.sampled_from([",", ".", " "]),
        "positive": st.sampled_from(["1", 1, True, "x", 1.5]),
        "task": st.sampled_from(["binary", "multiclass", "regression"]),
    },
)


@fuzzed
@given(csv_bytes(), OPTIONS)
def test_a_csv_file_is_read_or_refused(content: bytes, options: dict[str, Any]) -> None:
    if "positive" in options and options.get("task", "binary") != "binary":
        options = {k: v for k, v in options.items() if k != "positive"}
    opened(content, options)


@pytest.mark.parametrize(
    "content",
    [b"g,y\n" + b'"' * 1_000_000, b"g" * 3_000_000, b"," * 1_000_000, b"g,y\n" + b"f,1\n" * 200_000,
     b"g,y\n" + b",".join([b"1"] * 300_000), b"\xff\xfe" + b"\x00" * 2_000_000, b"g;y\n" + b"1,5;1\n" * 100_000],
    ids=["quotes", "one name", "commas", "many rows", "one long row", "zeros", "decimal commas"],
)  # fmt: skip
def test_large_and_odd_files_keep_to_the_limits(content: bytes) -> None:
    ran = run(lambda: opened(content, {}), seconds=SECONDS, megabytes=MEGABYTES)
    assert ran.value in ("read", "DataError"), ran


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.sampled_from(["1", "0", "True"]),
    st.decimals(), st.binary(max_size=2), st.dates(), st.datetimes(), st.timedeltas(), st.complex_numbers(), st.uuids(),
    st.lists(st.integers(), max_size=2), st.tuples(st.integers()), st.just(pd.NA), st.just(pd.NaT), st.builds(object),
    st.just(np.array([1])), st.just(Decimal("NaN")), st.just(np.float32(1)), st.fractions(), st.sets(st.integers()),
)  # fmt: skip
DTYPES = st.sampled_from([None, object, "category", "string", "Int64", "boolean", "Float64", "bool[pyarrow]"])


@st.composite
def columns(draw: st.DrawFn) -> Any:
    one = draw(st.sampled_from([VALUES, st.sampled_from([0, 1]), st.booleans(), st.sampled_from(["a", "b", None])]))
    values = draw(st.lists(one, min_size=6, max_size=6))
    dtype = draw(DTYPES)
    try:
        return pd.Series(values, dtype=object if dtype is None and draw(st.booleans()) else dtype)
    except Exception:  # pandas has no such column
        return pd.Series(values, dtype=object)


@fuzzed
@given(columns(), columns(), columns(), st.sampled_from([None, 1, "1", True, "a", 2.5, "True"]),
       st.sampled_from(["binary", "multiclass", "regression"]))  # fmt: skip
def test_columns_of_anything_are_labels_or_refused(y: Any, p: Any, g: Any, positive: Any, task: Any) -> None:
    frame = pd.DataFrame({"y": y, "p": p, "g": g})
    try:
        data = Dataset(
            frame, y_true="y", sensitive_features="g", positive=positive if task == "binary" else None, task=task
        )
        decided, _ = Predictions("p").outputs(data)
    except AuditkitError:
        return
    (batch,) = data.batches(without=["p"])
    missing = np.isnan(batch.y_true) if task == "regression" else batch.y_true < 0
    assert missing.tolist() == [bool(pd.isna(x)) for x in y]
    gone = np.isnan(decided) if task == "regression" else decided < 0
    assert gone.tolist() == [bool(pd.isna(x)) for x in p]
    assert (batch.groups["g"] == "(missing)").tolist() == [bool(pd.isna(x)) for x in g]
