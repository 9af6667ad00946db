"""Sensitive and control features: columns become groups with names, or are refused."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from auditkit.batch import MISSING
from auditkit.errors import DataError
from auditkit.values import coded, is_number

MOST_NUMERIC_GROUPS = 50
"""A numeric sensitive feature with more distinct values than this is refused: it wants bins."""
MOST_GROUPS = 1_000
"""A feature with more distinct values than this is refused: they are ids, no groups."""


def names_of(names: str | Sequence[str], role: str) -> tuple[str, ...]:
    """The names of columns as a tuple, each once; DataError for columns where names are expected."""
    if isinstance(names, str):
        return (names,)
    if isinstance(names, Sequence | pd.Index):
        return tuple(dict.fromkeys(str(n) for n in names))
    raise _no_name(names, f"{role} takes names of columns")


def name_of(name: object, role: str) -> str | None:
    """One name, or None; DataError for a column where a name is expected."""
    if name is None or isinstance(name, str | int):
        return None if name is None else str(name)
    raise _no_name(name, f"{role} takes the name of a column")


def _no_name(given: object, takes: str) -> DataError:
    return DataError(
        f"{takes} of the data, got {type(given).__name__}. Columns beside the data go to Dataset.from_arrays"
    )


def grouped(column: pd.Series[Any], name: str) -> pd.Categorical[str]:
    """A categorical of strings, with `(missing)` for missing values; written by the rule of `auditkit.values`.

    Raises DataError for lists, continuous numbers or dates, and more than a thousand groups.
    """
    codes, labels, raw = coded(column, name)
    _few(labels, raw, name)
    if MISSING in labels:
        raise DataError(f"a value of '{name}' is literally '{MISSING}', the name kept for missing values: rename it")
    gone = codes < 0
    if not gone.any():
        return pd.Categorical.from_codes(codes, categories=pd.Index(list(labels), dtype=object))
    order = pd.Index([*labels, MISSING], dtype=object)
    return pd.Categorical.from_codes(np.where(gone, len(labels), codes), categories=order)


def _few(labels: tuple[str, ...], raw: tuple[Any, ...], name: str) -> None:
    if len(labels) > MOST_NUMERIC_GROUPS and all(map(is_number, raw)):
        raise DataError(
            f"'{name}' has {len(labels)} distinct numeric values: a continuous column is no group. Say its bins, as in "
            f"bins={{'{name}': [0, 30, 45, 60, 120]}} (--bins '{name}=0,30,45,60,120', or [data.bins] in a file); or "
            f"leave it a number and ask ContinuousAttribute('{name}')"
        )
    if len(labels) > MOST_NUMERIC_GROUPS and all(isinstance(x, datetime.date | np.datetime64) for x in raw):
        raise DataError(
            f"'{name}' has {len(labels):,} distinct dates or times: they are no groups. Make a column of the part "
            f"that matters, e.g. frame['{name}_year'] = frame['{name}'].dt.year, and declare '{name}_year'"
        )
    if len(labels) > MOST_GROUPS:
        raise DataError(
            f"'{name}' has {len(labels):,} different values, more than {MOST_GROUPS:,}: they are ids rather than "
            f"groups. Put them into fewer groups first, e.g. frame['{name}_band'] = frame['{name}'].str[:1], and "
            f"declare '{name}_band'; ids of what rows have in common go to cluster"
        )
