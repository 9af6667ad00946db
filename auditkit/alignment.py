"""pandas objects given side by side: rows belong together by their labels, never by accident of their order.

Where the labels of two are the same set, the second is put into the order of the first; where they differ, or repeat
themselves in another order, both are refused. Arrays and lists have no labels and are taken as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from auditkit.errors import DataError
from auditkit.lazy import pandas as pd


def aligned(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts in the row order of the first that has row labels; each pandas object then counts its rows from 0.

    Raises DataError where labels differ, or are no unique ones and stand in another order.

    >>> parts = {"X": pd.Series([1, 2], index=[7, 9]), "y": pd.Series(["b", "a"], index=[9, 7]), "z": [0, 1]}
    >>> {k: list(v) for k, v in aligned(parts).items()}
    {'X': [1, 2], 'y': ['a', 'b'], 'z': [0, 1]}
    """
    labelled = {name: part for name, part in parts.items() if isinstance(part, pd.Series | pd.DataFrame)}
    out = dict(parts)
    for name, part in labelled.items():
        first, reference = next(iter(labelled.items()))
        out[name] = _ordered(part, name, reference.index, first).reset_index(drop=True)
    return out


def reordered(parts: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts whose row labels stand in another order than those of the first that has some."""
    indices = {name: part.index for name, part in parts.items() if isinstance(part, pd.Series | pd.DataFrame)}
    return tuple(name for name, index in indices.items() if not _equal(index, next(iter(indices.values()))))


def _ordered(part: Any, name: str, reference: pd.Index[Any], first: str) -> Any:
    own = part.index
    if _equal(own, reference):
        return part
    if len(own) != len(reference):
        raise DataError(f"{name} has {len(own)} rows, {first} has {len(reference)}")
    how = "give both the same index, or none: Series.to_numpy(), or reset_index(drop=True) on both"
    if not (own.is_unique and reference.is_unique):
        raise DataError(
            f"the row labels (index) of {name} and of {first} repeat themselves and stand in different orders, so that "
            f"rows cannot be matched; {how}"
        )
    place = own.get_indexer(reference)
    if (place < 0).any():
        where = int(np.flatnonzero(place < 0)[0])
        raise DataError(
            f"{name} and {first} have different row labels (index): {first} has {reference[where]!r}, {name} has not; "
            f"{int((place < 0).sum()):,} of {len(reference):,} rows have no partner. {how[0].upper()}{how[1:]}"
        )
    return part.iloc[place]


def _equal(a: pd.Index[Any], b: pd.Index[Any]) -> bool:
    return len(a) == len(b) and bool(a.equals(b))
