"""Parquet: one file, or the parts of a folder or pattern, with columns from their `name=value` folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from auditkit.errors import DataError, listing
from auditkit.inputs.source import BATCH, Source, names_of, no_rows

if TYPE_CHECKING:
    import pyarrow.dataset


class ParquetSource(Source):
    """Files of parquet, read by record batches: no more than a part of them is in memory.

    `base`: the folder below which folders called `name=value` are columns; None for one file by itself. Raises
    DataError for an incomplete file, parts whose columns differ (naming the part), and files that change meanwhile.
    """

    def __init__(
        self, paths: Sequence[Path], base: Path | None, name: str = "", fingerprint: str | None = None
    ) -> None:
        import pyarrow.parquet

        self.name, self.fingerprint = name, fingerprint
        self._paths, self._base = list(paths), base
        self._stamp = self._stamps()
        try:
            self._schema = _schema_of_one(self._paths[0]) if base is None else _schema_of_parts(self._paths, base)
            self.rows = sum(pyarrow.parquet.read_metadata(str(p)).num_rows for p in self._paths)
        except (pyarrow.ArrowException, OSError, ValueError) as e:
            raise e if isinstance(e, DataError) else self._broken(e) from None
        names_of(self._schema.names, str(base or paths[0]))
        if not self.rows:
            raise no_rows(name)

    @property
    def schema(self) -> Mapping[str, str]:
        """Types as Arrow calls them."""
        return {str(f.name): str(f.type) for f in self._schema}

    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        """Record batches as frames."""
        import pyarrow

        names = list(self.schema if columns is None else columns)
        try:
            for table in _of_size(self._record_batches(names, size), size):
                frame = table.to_pandas().reset_index(drop=True)
                yield frame.set_axis([str(c) for c in frame], axis=1)
        except (pyarrow.ArrowException, OSError, ValueError) as e:
            raise e if isinstance(e, DataError) else self._broken(e) from None
        if self._stamps() != self._stamp:
            raise DataError(f"{self.name or 'the file'} was changed while it was read: audit it again")

    def _record_batches(self, names: list[str], size: int) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow.dataset
        import pyarrow.parquet

        if self._base is None:
            # ParquetFile reads this one file, without a data set around it, and keeps what pandas wrote beside it
            with pyarrow.parquet.ParquetFile(self._paths[0], pre_buffer=False) as file:
                yield from file.iter_batches(size, columns=names)
            return
        parts = _dataset(self._paths, self._base, self._schema)
        yield from parts.to_batches(columns=names, batch_size=size, batch_readahead=1, fragment_readahead=1)

    def _stamps(self) -> list[tuple[int, int]]:
        found = [os.stat(p) for p in self._paths]
        return [(s.st_size, s.st_mtime_ns) for s in found]

    def _broken(self, e: BaseException) -> DataError:
        if self._base is None:
            return DataError(f"{self._paths[0]} is no complete parquet file: {_line(e)}")
        return DataError(f"the parts of {self._base} do not make one table: {_line(e)}")


def _of_size(batches: Iterator[pyarrow.RecordBatch], size: int) -> Iterator[pyarrow.Table]:
    """Tables of about `size` rows, of however small batches."""
    import pyarrow

    held: list[pyarrow.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= size:
            yield pyarrow.Table.from_batches(held)
            held = []
    if held and sum(map(len, held)):
        yield pyarrow.Table.from_batches(held)


def _schema_of_one(path: Path) -> pyarrow.Schema:
    """The columns of a file, without those that pandas keeps as row labels."""
    import pyarrow.parquet

    schema = pyarrow.parquet.read_schema(str(path))
    labels = (schema.pandas_metadata or {}).get("index_columns", ())
    kept = [f for f in schema if f.name not in labels]
    return pyarrow.schema(kept, metadata=schema.metadata)


def _dataset(paths: Sequence[Path], base: Path, schema: pyarrow.Schema | None = None) -> pyarrow.dataset.Dataset:
    import pyarrow.dataset

    folders = pyarrow.dataset.HivePartitioning.discover(infer_dictionary=False)
    return pyarrow.dataset.dataset(
        [str(p) for p in paths],
        schema=schema,
        format="parquet",
        partitioning=folders,
        partition_base_dir=str(base),
    )


def _schema_of_parts(paths: Sequence[Path], base: Path) -> pyarrow.Schema:
    """The columns that the parts share, and those of their folders."""
    import pyarrow.parquet

    first: Any = None
    for path in paths:
        try:
            schema = pyarrow.parquet.read_schema(str(path)).remove_metadata()
        except (pyarrow.ArrowException, OSError, ValueError) as e:
            raise DataError(f"{path} is no complete parquet file: {_line(e)}") from None
        first = schema if first is None else _unified(first, schema, paths[0], path)
    of_folders = [f for f in _dataset(paths, base).schema if f.name not in first.names]
    return pyarrow.schema([*first, *of_folders])


def _unified(schema: pyarrow.Schema, other: pyarrow.Schema, first: Path, path: Path) -> pyarrow.Schema:
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


def _mix(a: pyarrow.Field, b: pyarrow.Field) -> bool:
    import pyarrow

    try:
        pyarrow.unify_schemas([pyarrow.schema([a]), pyarrow.schema([b])], promote_options="permissive")
    except pyarrow.ArrowException:
        return False
    return True


def _line(e: BaseException) -> str:
    return (str(e).splitlines() or [type(e).__name__])[0]
