"""The first of two passes over a source: the values of each column, and the rows that edges of bins are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_any_real_numeric_dtype, is_bool_dtype, is_integer_dtype, union_categoricals

from auditkit.arrays import Keys
from auditkit.errors import DataError
from auditkit.evidence.sample import frame_keys
from auditkit.inputs.source import BATCH, Source, no_rows
from auditkit.progress import tell
from auditkit.progress_bar import shown

MOST_SEEN = 2_001
"""Different values of a column that are all kept: more than there may be groups or classes."""


class Survey:
    """What is known of the rows of a source before they are counted; it never holds more than a part and a sample.

    Raises DataError for a source without rows, and for one that does not give what it says.

    >>> from auditkit.inputs.source import FrameSource
    >>> survey = Survey(FrameSource(pd.DataFrame({"y": [0, 1, 1, None], "x": [3, 1, 4, 1]})))
    >>> survey.rows, survey.values["y"].tolist(), survey.values["x"].tolist()
    (4, [0.0, 1.0, nan], [3, 1, 4])
    """

    @shown()
    def __init__(self, source: Source, *, size: int = BATCH) -> None:
        self.rows = 0
        self.values: dict[str, pd.Series[Any]] = {}
        """Column → its different values; of very many some, the least, the greatest, a fraction and a gap among them.
        What may be said of a column by its values can be said of these."""
        self.zeros: dict[str, int] = {}
        """Column of numbers → how many of them are 0."""
        self._varied: set[str] = set()
        lowest = _Lowest(BATCH)
        for part in source.batches(size=size):
            if self.rows and list(part) != list(self.values):
                raise DataError(f"{source.name or 'the source'} gives parts with different columns")
            self.rows += len(part)
            for name in part:
                self._look(str(name), part[name])
            lowest.add(part)
            tell("looking at rows", self.rows, source.rows or self.rows)
        if not self.rows:
            raise no_rows(source.name)
        if source.rows not in (None, self.rows):
            raise DataError(f"{source.name or 'the source'} says {source.rows:,} rows and gives {self.rows:,}")
        self.sample = self.settled(lowest.frame)
        """The rows themselves, or those of lowest hash where they are more than a part: the same in any order."""

    def _look(self, name: str, column: pd.Series[Any]) -> None:
        found, before = digest(column), self.values.get(name)
        if before is not None:
            if before.dtype != found.dtype:
                self._varied.add(name)
            found = digest(_joined(before, found))
        self.values[name] = found
        if is_any_real_numeric_dtype(column.dtype):
            self.zeros[name] = self.zeros.get(name, 0) + int((column == 0).sum())

    def settled(self, part: pd.DataFrame) -> pd.DataFrame:
        """The part, its columns of the types that hold all parts: whole numbers, say, that have gaps elsewhere."""
        kinds = {name: self.values[name].dtype for name in self._varied if name in part}
        return part.astype(kinds) if kinds else part

    def beside(self, column: pd.Series[Any]) -> tuple[pd.Series[Any], int]:
        """The column below the values that it holds in all parts, and how many those are: read so, its labels get the
        same codes in every part."""
        values = self.values[str(column.name)]
        return pd.concat([values, column], ignore_index=True), len(values)


def digest(column: pd.Series[Any]) -> pd.Series[Any]:
    """A short column that stands for a long one: its different values, or so many of them with its marks.

    >>> digest(pd.Series([2, 1, 2])).tolist(), len(digest(pd.Series(range(100_000))))
    ([2, 1], 2002)
    """
    found = _distinct(column.iloc[: 2 * MOST_SEEN])
    if len(found) <= MOST_SEEN:  # few at the head: all must be looked at
        found = _distinct(column)
    if len(found) <= MOST_SEEN:
        return found
    return _distinct(pd.concat([found.iloc[:MOST_SEEN], column.iloc[_marks(column)]]))


def _distinct(column: pd.Series[Any]) -> pd.Series[Any]:
    """The different values; of lists and other values that cannot be told apart, the first such."""
    try:
        return column.drop_duplicates(ignore_index=True)
    except (TypeError, NotImplementedError, ValueError):
        odd = next((i for i, x in enumerate(column) if not isinstance(x, str | float | int)), 0)
        return column.iloc[odd : odd + 1].reset_index(drop=True)


def _marks(column: pd.Series[Any]) -> list[int]:
    """Where the column has a gap; where its least and greatest number and a fraction are."""
    gap = column.isna().to_numpy(dtype=bool)
    at = [int(gap.argmax())] if gap.any() else []
    if is_any_real_numeric_dtype(column.dtype) and not gap.all():
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        fraction = np.isfinite(numbers) & (numbers != np.rint(numbers))
        at += [int(np.nanargmin(numbers)), int(np.nanargmax(numbers)), *np.flatnonzero(fraction)[:1].tolist()]
    return at


def _joined(a: pd.Series[Any], b: pd.Series[Any]) -> pd.Series[Any]:
    """One under the other, of a type that holds both."""
    kinds = [s.dtype for s in (a, b) if isinstance(s.dtype, pd.CategoricalDtype) and not s.dtype.ordered]
    if a.dtype != b.dtype and len(kinds) == 2:
        return pd.Series(union_categoricals([a, b]))
    if a.dtype != b.dtype:
        for known, other in ((a, b), (b, a)):
            if other.isna().all():
                return known.reset_index(drop=True).reindex(range(len(known) + 1))
    return pd.concat([a, b], ignore_index=True)


class _Lowest:
    """Of rows that come in parts: all, while they are few; then `most` that stand for the contents of lowest hash.

    These are `most` contents at most, each with the number of its rows, and of that as large a share as there is room
    for: equal rows are many rows.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._parts: list[pd.DataFrame] = []
        self._keys: Keys | None = None
        self._counts = np.empty(0, np.int64)
        self._rows = 0

    @property
    def frame(self) -> pd.DataFrame:
        """The rows: in their order while they are all, then by their hash."""
        rows = _under(self._parts)
        if self._keys is None:
            return rows
        upto = np.cumsum(self._counts)
        if upto[-1] > self.most:
            upto = np.rint(upto * (self.most / upto[-1])).astype(np.int64)
        times = np.diff(upto, prepend=0)
        return rows if (times == 1).all() else rows.iloc[np.repeat(np.arange(len(rows)), times)].reset_index(drop=True)

    def add(self, part: pd.DataFrame) -> None:
        """Look at some more rows."""
        self._rows += len(part)
        if self._rows <= self.most:
            self._parts.append(part)
            return
        new, before = _keys(part), self._keys
        near = np.ones(len(new), bool)
        if before is None:
            before = np.concatenate([np.empty(0, np.uint64), *(_keys(p) for p in self._parts)])
            self._counts = np.ones(len(before), np.int64)
        elif len(before) == self.most:
            near = new <= before[-1]
        keys = np.concatenate([before, new[near]])
        counts = np.concatenate([self._counts, np.ones(int(near.sum()), np.int64)])
        found, first, where = np.unique(keys, return_index=True, return_inverse=True)
        self._keys, self._counts = found[: self.most], np.bincount(where, counts).astype(np.int64)[: self.most]
        self._parts = [_under([*self._parts, part[near]]).iloc[first[: self.most]].reset_index(drop=True)]


def _under(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if len(parts) < 2:
        return parts[0] if parts else pd.DataFrame()
    names = list(parts[0])
    columns = {name: _joined_all([p[name] for p in parts if len(p)]) for name in names}
    return pd.DataFrame(columns, columns=names)


def _joined_all(columns: Sequence[pd.Series[Any]]) -> pd.Series[Any]:
    if len({c.dtype for c in columns}) == 1:
        return pd.concat(columns, ignore_index=True)
    out = columns[0]
    for column in columns[1:]:
        out = pd.concat([out.astype(object), column.astype(object)], ignore_index=True)
    return out


def _keys(part: pd.DataFrame) -> Keys:
    """Hashes of rows that are the same whether a part's columns have gaps or not."""
    kinds = {c: np.float64 if is_integer_dtype(t) else object for c, t in part.dtypes.items() if _plain(t)}
    return frame_keys(part.astype(kinds))


def _plain(kind: object) -> bool:
    return isinstance(kind, np.dtype) and (is_integer_dtype(kind) or is_bool_dtype(kind))
