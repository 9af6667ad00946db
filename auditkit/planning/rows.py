"""Whose rows a plan counts: of a file, with the groups that bins and one-hot columns make, and its truth if known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from auditkit.inputs.csv_files import CsvOptions
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.grouping import grouped
from auditkit.inputs.made_columns import made_columns
from auditkit.inputs.source import Source
from auditkit.inputs.sources import source_of

AS_WRITTEN = ("sep", "encoding", "na_values", "decimal", "thousands")
"""What says how a CSV file is written."""


class Rows(NamedTuple):
    """What is planned for."""

    groups: Any
    """A `Dataset`, which knows the truth; or a frame of the groups alone."""
    sensitive_features: tuple[str, ...]
    """Of a frame, its columns; empty for a `Dataset`."""
    attributes: tuple[str, ...]


def rows_of(
    path: Any,
    *,
    sensitive_features: Sequence[Any],
    y_true: str | None = None,
    positive: Any = None,
    bins: Mapping[str, Sequence[float]] | None = None,
    join: Any = None,
    **csv: Any,
) -> Rows:
    """The rows of a file; without `y_true` its groups alone, of which base rates have to be said.

    `csv` are the options of `Dataset` that say how a CSV file is written.
    """
    given = list(sensitive_features)
    if y_true is not None:
        options: Any = {"bins": bins, "join": join, **csv}
        data = Dataset(path, y_true=y_true, positive=positive, sensitive_features=given, **options)
        return Rows(data, (), data.sensitive_features)
    source = _source(path, csv)
    made = made_columns(source, given, (), bins=bins, join=join)
    columns = {name: made.column_of.get(name, name) for name in made.sensitive}
    parts = made.source.batches(list(dict.fromkeys(columns.values())))
    frames = [pd.DataFrame({a: grouped(rows[c], a).astype(str) for a, c in columns.items()}) for rows in parts]
    return Rows(pd.concat(frames, ignore_index=True), made.sensitive, made.sensitive)


def holds(path: Any, column: str, **csv: Any) -> bool:
    """Whether a file has a column: rows may be counted before anybody labels them."""
    return column in _source(path, csv).schema


def _source(path: Any, csv: Mapping[str, Any]) -> Source:
    return source_of(path, CsvOptions.of(*(csv.get(k) for k in AS_WRITTEN)))
