"""Where rows come from: pandas, Polars, Arrow and other frames, dicts of arrays, parquet and CSV files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from auditkit.alignment import aligned
from auditkit.errors import DataError, listing
from auditkit.inputs.csv_files import CsvOptions
from auditkit.inputs.files import Source, read_path


def read(data: Any, options: CsvOptions | None = None) -> Source:
    """Rows of a frame, a dict of columns, or a path: of a parquet or CSV file (recognised by content), of a folder of
    such parts, or a pattern. `options` say how a CSV file is written.

    Raises DataError for what is none of these, is empty, or cannot be read.

    >>> list(read({"age": [30, 40]}).frame)
    ['age']
    """
    options = options or CsvOptions()
    given = [k for k, v in vars(options).items() if v is not None]
    if isinstance(data, str | Path):
        source = read_path(Path(data), options)
    elif given:
        raise DataError(f"{listing(given)}: options of CSV files; the data are {type(data).__name__}")
    elif isinstance(data, pd.DataFrame):
        source = Source(data)
    elif isinstance(data, dict):
        source = Source(_frame_of_dict(data))
    else:
        source = Source(_foreign(data))
    return source._replace(frame=_checked(source.frame, source.name or "the data"))


def _frame_of_dict(data: dict[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(aligned({f"column '{k}'": v for k, v in data.items()})).set_axis(list(data), axis=1)
    except DataError:
        raise
    except (ValueError, TypeError) as e:
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
    twice = sorted(c for c, n in Counter(columns).items() if n > 1)
    if twice:
        raise DataError(f"{name} has two columns of the name '{twice[0]}'")
    return frame.set_axis(columns, axis=1).reset_index(drop=True)
