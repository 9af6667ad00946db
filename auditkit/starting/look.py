"""A first look at rows: what each column holds, from the first part of them; columns of few values from all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from auditkit.errors import DataError
from auditkit.inputs.bins import Bins
from auditkit.inputs.csv_files import CsvOptions
from auditkit.inputs.files import CSV, PARQUET
from auditkit.inputs.source import Source
from auditkit.inputs.sources import source_of
from auditkit.values import Unwritten, factorized, is_number, written

FEW = 50
"""Different values, up to which a column may hold groups, labels or decisions."""
MOST_COUNTED = 60
"""Columns of few values that are counted in all rows; the others as in the first part."""

Kind = Literal["text", "number", "true or false", "date", "other"]


@dataclass(frozen=True)
class Column:
    """What a column holds."""

    name: str
    kind: Kind
    values: dict[Any, int]
    """Value → rows, the most frequent first; empty where there are more than `FEW`."""
    rows: int
    """Rows that were looked at."""
    missing: int
    each_its_own: bool
    """No two of the rows that were looked at share a value, and none is missing."""
    whole: bool = False
    """Whole numbers only."""
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    """Standard deviation of numbers."""
    quartiles: tuple[float, ...] = ()
    """Of numbers."""

    @property
    def few(self) -> bool:
        """Whether it can be groups, labels or decisions."""
        return len(self.values) > 0

    @property
    def labels(self) -> list[str]:
        """The values as they are written, the most frequent first."""
        return [written(v) for v in self.values]


@dataclass(frozen=True)
class Look:
    """Data, looked at."""

    path: Path
    source: Source
    columns: dict[str, Column]
    rows: int

    @property
    def few(self) -> list[Column]:
        """Columns that can be groups, labels or decisions, in the order of the data."""
        return [c for c in self.columns.values() if c.few]


def looked_at(path: Path, *, sep: Any = None, encoding: Any = None, na_values: Any = None) -> Look:
    """The columns of a parquet or CSV file, a folder of parts, or a pattern; DataError for what holds no table."""
    return look_of(path, source_of(path, CsvOptions.of(sep, encoding, na_values, None, None)))


def files_in(folder: Path) -> list[str]:
    """The files of a folder that are data by their names."""
    return sorted(p.name for p in folder.iterdir() if p.is_file() and p.name.lower().endswith((*PARQUET, *CSV)))


def look_of(path: Path, source: Source) -> Look:
    """The columns of a source, which a configuration names by that path."""
    first = next(iter(source.batches()), None)
    if first is None or not len(first.columns):
        raise DataError(f"{path} has no columns")
    columns = {name: _column(name, first[name]) for name in map(str, first.columns)}
    rows = source.rows
    if rows is None or rows > len(first):
        few = [name for name, c in columns.items() if len(c.values) <= FEW and c.few][:MOST_COUNTED]
        counts, rows = _counted(source, few)
        for name, (values, missing) in counts.items():
            kept = dict(values.most_common()) if len(values) <= FEW else {}
            columns[name] = replace(columns[name], values=kept, missing=missing, rows=rows, each_its_own=False)
    return Look(path, source, columns, rows)


def _column(name: str, column: pd.Series[Any]) -> Column:
    kind = _kind(column)
    rows = len(column)
    try:
        codes, values = factorized(column)
        for value in values[: FEW + 1]:
            written(value)
    except Unwritten:
        return Column(name, "other", {}, rows, int(column.isna().sum()), False)
    missing = int((codes < 0).sum())
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    few = len(values) <= FEW
    order = np.argsort(-counts, kind="stable") if few else ()
    found = {values[i]: int(counts[i]) for i in order}
    own = len(values) == rows and not missing
    if kind == "text" and values and all(isinstance(v, bool) for v in found) and found:
        kind = "true or false"  # with missing ones among them
    if kind != "number" or not values:
        return Column(name, kind, found, rows, missing, own)
    numbers = np.asarray([float(v) for v in values])
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return Column(name, kind, found, rows, missing, own)
    share = counts[np.isfinite(numbers)] / counts[np.isfinite(numbers)].sum()
    spread = float(np.sqrt(max((share * finite**2).sum() - (share * finite).sum() ** 2, 0.0)))
    whole = bool((finite == np.round(finite)).all())
    order = np.argsort(finite)
    below = np.cumsum(counts[np.isfinite(numbers)][order])
    quartiles = tuple(float(finite[order][np.searchsorted(below, q * below[-1])]) for q in (0.25, 0.5, 0.75))
    ends = float(finite.min()), float(finite.max())
    return Column(name, kind, found, rows, missing, own, whole, *ends, spread, quartiles)


def _kind(column: pd.Series[Any]) -> Kind:
    if pd.api.types.is_bool_dtype(column.dtype):
        return "true or false"
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "date"
    head = column.dropna().head(100)
    return "number" if len(head) and all(is_number(x) and not isinstance(x, bool) for x in head) else "text"


def _counted(source: Source, names: Sequence[str]) -> tuple[dict[str, tuple[Counter[Any], int]], int]:
    """Values and missing values of each column in all rows, and the number of rows; a column of too many is left."""
    found: dict[str, tuple[Counter[Any], int]] = {name: (Counter(), 0) for name in names}
    rows = 0
    for part in source.batches(names) if names else ():
        rows += len(part)
        for name in names:
            values, missing = found[name]
            if len(values) <= FEW:
                codes, here = factorized(part[name])
                counts = np.bincount(codes[codes >= 0], minlength=len(here))
                values.update({v: int(n) for v, n in zip(here, counts, strict=True)})
                found[name] = values, missing + int((codes < 0).sum())
    return found, rows or source.rows or 0


def crossed(
    look: Look, groups: Iterable[str], target: str, bins: Mapping[str, Sequence[float]] | None = None
) -> dict[str, dict[Any, Counter[Any]]]:
    """Attribute → group → value of the target → rows, of all rows whose target is known."""
    binned = {name: Bins.of(name, edges) for name, edges in (bins or {}).items()}
    names = list(groups)
    found: dict[str, dict[Any, Counter[Any]]] = {name: {} for name in names}
    for part in look.source.batches(list(dict.fromkeys([*names, target]))) if names else ():
        codes, values = factorized(part[target])
        for name in names:
            of, labels = factorized(
                binned[name].made(part).columns[binned[name].column].astype(object) if name in binned else part[name]
            )
            both = np.bincount(
                (of + 1) * (len(values) + 1) + codes + 1, minlength=(len(labels) + 1) * (len(values) + 1)
            )
            table = both.reshape(len(labels) + 1, len(values) + 1)
            for label, row in zip([None, *labels], table, strict=True):
                if row.sum():
                    here = {v: int(n) for v, n in zip(values, row[1:], strict=True) if n}
                    found[name].setdefault(label, Counter()).update(here)
    return found
