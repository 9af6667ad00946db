"""What people give as data becomes a source: frames, dicts of arrays, files, and rows that come but once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from auditkit.alignment import aligned
from auditkit.errors import DataError
from auditkit.inputs.csv_files import CsvOptions
from auditkit.inputs.files import source_at
from auditkit.inputs.pictures import cells_of
from auditkit.inputs.source import FrameSource, Source


def source_of(data: Any, options: CsvOptions | None = None) -> Source:
    """The source that `data` is: a `Source`; a frame or a dict of columns; an iterator of such, which is kept in a
    temporary parquet file; a path of a parquet or CSV file (recognised by content), of a folder of such parts, or a
    pattern. `options` say how a CSV file is written.

    Raises DataError for what is none of these, is empty, or cannot be read.

    >>> source_of({"age": [30, 40]}).schema
    {'age': 'int64'}
    """
    options = options or CsvOptions()
    if isinstance(data, str | Path):
        return source_at(Path(data), options)
    options.none_of(f"the data are {type(data).__name__}")
    if isinstance(data, Source):
        return data
    if isinstance(data, Iterator):
        from auditkit.inputs.spooled import spooled

        return spooled(frame_of(part) for part in data)
    return FrameSource(frame_of(data))


def frame_of(data: Any) -> pd.DataFrame:
    """A frame of any library, or a dict of columns, as pandas; DataError for anything else."""
    if isinstance(data, pd.DataFrame):
        return data
    return _frame_of_dict(data) if isinstance(data, dict) else _foreign(data)


def _frame_of_dict(data: dict[Any, Any]) -> pd.DataFrame:
    try:
        return pd.DataFrame(aligned({f"column '{k}'": cells_of(v) for k, v in data.items()})).set_axis(
            list(data), axis=1
        )
    except DataError:
        raise
    except (ValueError, TypeError) as e:
        raise DataError(f"the columns do not make a table: {e}") from None


def _foreign(data: Any) -> pd.DataFrame:
    import narwhals as nw
    import pyarrow

    if isinstance(data, pyarrow.RecordBatch):
        data = pyarrow.Table.from_batches([data])
    try:
        frame = nw.from_native(data)
    except TypeError:
        raise DataError(
            f"expected a frame (pandas, Polars, Arrow, …), a dict of columns, an iterator of such, or a path; got "
            f"{type(data).__name__}. For arrays there is Dataset.from_arrays"
        ) from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    rows: pd.DataFrame = frame.to_pandas()
    return rows
