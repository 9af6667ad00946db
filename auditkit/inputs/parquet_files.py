"""Parquet: one file, or the parts of a folder or pattern, with columns from their `name=value` folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from auditkit.errors import DataError, listing


def one(path: Path) -> pd.DataFrame:
    """The rows of one file; DataError for an incomplete one."""
    import pyarrow
    import pyarrow.parquet

    try:
        # ParquetFile reads this one file; read_table would look for a data set around it
        with pyarrow.parquet.ParquetFile(path) as file:
            frame: pd.DataFrame = file.read().to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as e:
        raise DataError(f"{path} is no complete parquet file: {_line(e)}") from None
    return frame


def several(paths: Sequence[Path], base: Path) -> pd.DataFrame:
    """The rows of parts in their order; folders below `base` called `name=value` are columns.

    Raises DataError for parts whose columns differ, naming the part.
    """
    import pyarrow
    import pyarrow.dataset
    import pyarrow.parquet

    first: Any = None
    for path in paths:
        try:
            schema = pyarrow.parquet.read_schema(str(path)).remove_metadata()
        except (pyarrow.ArrowException, OSError, ValueError) as e:
            raise DataError(f"{path} is no complete parquet file: {_line(e)}") from None
        first = schema if first is None else _unified(first, schema, paths[0], path)
    partitions = pyarrow.dataset.HivePartitioning.discover(infer_dictionary=False)
    try:
        where: dict[str, Any] = {"format": "parquet", "partitioning": partitions, "partition_base_dir": str(base)}
        names = [str(p) for p in paths]
        of_folders = [f for f in pyarrow.dataset.dataset(names, **where).schema if f.name not in first.names]
        schema = pyarrow.schema([*first, *of_folders])
        frame: pd.DataFrame = pyarrow.dataset.dataset(names, schema=schema, **where).to_table().to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as e:
        raise DataError(f"the parts of {base} do not make one table: {_line(e)}") from None
    return frame


def _unified(schema: Any, other: Any, first: Path, path: Path) -> Any:
    import pyarrow

    absent = sorted(set(schema.names) ^ set(other.names))
    if absent:
        has, lacks = (first, path) if absent[0] in schema.names else (path, first)
        raise DataError(
            f"the parts differ: {has.name} has a column '{absent[0]}', {lacks.name} has not ({listing(absent)}); every "
            "part must have the same columns"
        )
    try:
        return pyarrow.unify_schemas([schema, other], promote_options="permissive")
    except pyarrow.ArrowException:
        name = next(n for n in schema.names if not _mix(schema.field(n), other.field(n)))
        raise DataError(
            f"the parts differ: '{name}' is {schema.field(name).type} in {first.name} and {other.field(name).type} in "
            f"{path.name}; write it with one type"
        ) from None


def _mix(a: Any, b: Any) -> bool:
    import pyarrow

    try:
        pyarrow.unify_schemas([pyarrow.schema([a]), pyarrow.schema([b])], promote_options="permissive")
    except pyarrow.ArrowException:
        return False
    return True


def _line(e: BaseException) -> str:
    return (str(e).splitlines() or [type(e).__name__])[0]
