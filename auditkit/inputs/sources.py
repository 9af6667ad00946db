"""Where rows come from: pandas, Polars, Arrow and other frames, dicts of arrays, parquet and CSV files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from auditkit import files
from auditkit.errors import DataError

_MISSING = ["", "NaN", "nan", "NA", "<NA>", "null", "NULL"]
"""What counts as missing in a CSV file; "None" and "?" do not, they may be categories."""


class Source(NamedTuple):
    """Rows, and where they came from."""

    frame: pd.DataFrame
    name: str
    """File name, or empty."""
    file_sha256: str | None


def read(data: Any) -> Source:
    """Rows of a frame, a dict of columns, or a parquet or CSV path (recognised by content).

    Raises DataError for what is none of these, is empty, or cannot be read.

    >>> list(read({"age": [30, 40]}).frame)
    ['age']
    """
    if isinstance(data, str | Path):
        source = _file(Path(data))
    elif isinstance(data, pd.DataFrame):
        source = Source(data, "", None)
    elif isinstance(data, dict):
        source = Source(_frame_of_dict(data), "", None)
    else:
        source = Source(_foreign(data), "", None)
    return source._replace(frame=_checked(source.frame, source.name or "the data"))


def _file(path: Path) -> Source:
    content = files.read(path, DataError, expected="a parquet or CSV file")
    if not content.strip():
        raise DataError(f"{path} is empty")
    frame = _parquet(path) if content.startswith(b"PAR1") or path.suffix == ".parquet" else _csv(path)
    return Source(frame, path.name, hashlib.sha256(content).hexdigest())


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow
    import pyarrow.parquet

    try:
        # ParquetFile reads this one file; read_table would look for a data set around it
        with pyarrow.parquet.ParquetFile(path) as file:
            frame: pd.DataFrame = file.read().to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as e:
        raise DataError(f"{path} is no complete parquet file: {str(e).splitlines()[0]}") from None
    return frame


def _csv(path: Path) -> pd.DataFrame:
    try:  # low_memory would guess types part by part: "01" could become 1 in one part and stay text in another
        return pd.read_csv(path, keep_default_na=False, na_values=_MISSING, skipinitialspace=True, low_memory=False)
    except (ValueError, UnicodeDecodeError) as e:  # ParserError and EmptyDataError are ValueErrors
        raise DataError(f"{path} cannot be read as CSV: {str(e).splitlines()[0]}") from None


def _frame_of_dict(data: dict[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(data)
    except ValueError as e:
        raise DataError(f"the columns do not make a table: {e}") from None


def _foreign(data: Any) -> pd.DataFrame:
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except TypeError:
        raise DataError(
            f"expected a frame (pandas, Polars, Arrow, …), a dict of columns, or a path; got {type(data).__name__}. "
            "For arrays there is Dataset.from_arrays"
        ) from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    rows: pd.DataFrame = frame.to_pandas()
    return rows


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if not len(frame):
        raise DataError(f"{name} has no rows")
    columns = [str(c) for c in frame.columns]
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise DataError(f"{name} has two columns of the name '{twice[0]}'")
    return frame.set_axis(columns, axis=1).reset_index(drop=True)
