"""Tally: how many rows fall into each cell of group × truth × decision. A tally is all that group fairness needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.check import MISSING
from auditkit.errors import DataError, EvidenceError, listing, nearest

_DENSE = 2_000_000
"""Above this many possible cells, count only the combinations that occur."""


class Counts(NamedTuple):
    """Counts by group: `table[k, 1 + y_true, 1 + y_pred]`, where -1 stands for missing."""

    groups: tuple[tuple[str, ...], ...]
    table: NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """Counts of rows by group, truth and decision: `+` merges, `over` sums groups up.

    Rows are known as 1 positive, 0 negative, -1 missing, in truth and decision.

    >>> tally = Tally.of({"sex": ["f", "f", "m"]}, y_true=[1, 0, 1], y_pred=[1, 0, 0])
    >>> (tally + tally).counts("sex").table.sum()
    np.int64(6)
    """

    by: tuple[str, ...]
    """Names of the group columns."""
    cells: pd.DataFrame
    """One row a non-empty cell: the group columns (strings), `y_true`, `y_pred`, `n`; sorted."""

    @classmethod
    def of(cls, groups: Any, *, y_true: ArrayLike, y_pred: ArrayLike) -> Tally:
        """Count rows.

        Parameters
        ----------
        groups
            A frame, or a dict of columns (N,): strings, categories, integers or booleans; missing values become the
            group `(missing)`.
        y_true, y_pred
            (N,) 1, 0 or -1 (missing).

        Raises DataError for columns of unequal length or other codes.
        """
        columns = {str(k): groups[k] for k in (groups.columns if isinstance(groups, pd.DataFrame) else groups)}
        truth, decision = _codes01(y_true, "y_true"), _codes01(y_pred, "y_pred")
        return cls(tuple(columns), counted(columns, truth, decision, classes=2))

    def __add__(self, other: Tally) -> Tally:
        if self.by != other.by:
            raise EvidenceError(f"cannot add a tally by {list(self.by)} and one by {list(other.by)}")
        return Tally(self.by, summed(pd.concat([self.cells, other.cells], ignore_index=True), self.by))

    def over(self, *by: str) -> Tally:
        """The tally of fewer group columns, in the order asked for; `over()` is the total."""
        self._known(by)
        return self if by == self.by else Tally(by, summed(self.cells, by))

    def complete(self) -> Tally:
        """Without the rows whose truth or decision is missing."""
        known = (self.cells["y_true"] >= 0) & (self.cells["y_pred"] >= 0)
        return Tally(self.by, self.cells[known].reset_index(drop=True))

    def counts(self, *by: str) -> Counts:
        """Counts by the crossed groups of these columns, groups sorted."""
        self._known(by)
        cells = self.cells
        keys = list(zip(*(cells[b].tolist() for b in by), strict=True)) if by else [()] * len(cells)
        groups = tuple(sorted(set(keys)))
        position = {g: i for i, g in enumerate(groups)}
        table = np.zeros((len(groups), 3, 3), dtype=np.int64)
        where = np.array([position[k] for k in keys], dtype=np.intp)
        outcome = cells["y_true"].to_numpy() + 1, cells["y_pred"].to_numpy() + 1
        np.add.at(table, (where, *outcome), cells["n"].to_numpy())
        return Counts(groups, table)

    def _known(self, by: Sequence[str]) -> None:
        for name in by:
            if name not in self.by:
                raise EvidenceError(f"no column '{name}' in a tally by {listing(self.by)}.{nearest(name, self.by)}")

    def to_json(self) -> dict[str, Any]:
        """As JSON: one list a column."""
        return {"by": list(self.by), "cells": {str(c): self.cells[c].tolist() for c in self.cells}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        """From `to_json`."""
        by = tuple(data["by"])
        frame = pd.DataFrame({c: data["cells"][c] for c in (*by, "y_true", "y_pred", "n")})
        return cls(by, summed(frame, by))


def counted(
    columns: dict[str, Any], truth: NDArray[np.integer[Any]], decision: NDArray[np.integer[Any]], *, classes: int
) -> pd.DataFrame:
    """Cells of group columns (N,) × truth × decision, both codes from -1 (missing) to `classes` − 1.

    Raises DataError for columns of unequal length.
    """
    coded = {name: coded_strings(values, name) for name, values in columns.items()}
    for name, (codes, _) in coded.items():
        if len(codes) != len(truth):
            raise DataError(f"'{name}' has {len(codes)} rows, y_true has {len(truth)}")
    if len(decision) != len(truth):
        raise DataError(f"y_pred has {len(decision)} rows, y_true has {len(truth)}")
    sizes = [max(1, len(labels)) for _, labels in coded.values()]
    index = np.zeros(len(truth), dtype=np.int64)
    for (codes, _), size in zip(coded.values(), sizes, strict=True):
        index *= size
        index += codes
    width = classes + 1
    index *= width * width
    index += truth.astype(np.int64) * width + decision + width + 1
    occupied, n = _count(index, int(np.prod(sizes, dtype=object)) * width * width)
    return _cells(occupied, n, {k: labels for k, (_, labels) in coded.items()}, width)


def coded_strings(values: Any, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Codes (N,) and their labels as strings; a missing value gets the label `(missing)`.

    Raises DataError if missing values stand beside a value that is literally `(missing)`.

    >>> coded_strings([True, None, False], "member")[1]
    ['False', 'True', '(missing)']
    """
    series = values if isinstance(values, pd.Series) else pd.Series(values)
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, uniques = series.cat.codes.to_numpy().astype(np.int64), list(series.cat.categories)
    else:
        raw, index = pd.factorize(series, sort=False)
        codes, uniques = raw.astype(np.int64), list(index)
    labels = [_label(u) for u in uniques]
    if MISSING in labels and (codes < 0).any():
        raise DataError(f"a value of '{name}' is literally '{MISSING}', the name kept for missing values: rename it")
    order = sorted(set(labels))
    place = {label: i for i, label in enumerate(order)}
    if (codes < 0).any() and MISSING not in place:
        place[MISSING] = len(order)
        order = [*order, MISSING]
    translate = np.array([*(place[label] for label in labels), place.get(MISSING, -1)], dtype=np.int64)
    return translate[codes], order


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _codes01(values: ArrayLike, name: str) -> NDArray[np.int8]:
    array = np.asarray(values)
    if array.dtype != np.int8:
        out = array.astype(np.int8)
        if not np.array_equal(out, array):
            raise DataError(f"{name} must hold 1, 0 or -1 (missing)")
        array = out
    if array.size and (array.min() < -1 or array.max() > 1):
        raise DataError(f"{name} must hold 1, 0 or -1 (missing); it holds {array.min()} to {array.max()}")
    return array


def _count(index: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if size <= _DENSE:
        n = np.bincount(index, minlength=1)
        occupied = np.flatnonzero(n)
        return occupied.astype(np.int64), n[occupied].astype(np.int64)
    occupied, n = np.unique(index, return_counts=True)
    return occupied, n.astype(np.int64)


def _cells(occupied: NDArray[np.int64], n: NDArray[np.int64], labels: dict[str, list[str]], width: int) -> pd.DataFrame:
    rest, outcome = np.divmod(occupied, width * width)
    columns: dict[str, Any] = {}
    for name, names in reversed(labels.items()):
        rest, code = np.divmod(rest, max(1, len(names)))
        columns[name] = np.array(names or [""], dtype=object)[code]
    frame = pd.DataFrame(dict(reversed(columns.items())), dtype=object)
    frame = frame.assign(y_true=outcome // width - 1, y_pred=outcome % width - 1, n=n)
    return summed(frame, tuple(labels))


def summed(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Cells with one row a combination of groups, truth and decision, sorted."""
    keys = [*by, "y_true", "y_pred"]
    summed: pd.DataFrame = cells[[*keys, "n"]].groupby(keys, sort=True, observed=True).sum().reset_index()
    return summed
