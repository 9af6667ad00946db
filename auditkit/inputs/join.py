"""Columns from another file, by a key: sensitive features often live elsewhere than scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.errors import DataError, listing, nearest
from auditkit.inputs.grouping import name_of, names_of
from auditkit.inputs.prepared import Made
from auditkit.inputs.sources import source_of
from auditkit.values import coded

_ALONE, _KEYLESS = "unmatched", "without a key"


@dataclass(frozen=True)
class Join:
    """Columns of another file (or frame) that come to the rows by a key.

    Parameters
    ----------
    data
        What `Dataset` takes as data: a path of a parquet or CSV file, a frame, a dict of columns. It is held in memory,
        its key and the columns that are taken.
    on
        Name of the key in both; or two names, of the rows' own and of the other's.
    columns
        Names of the columns that are taken; None: all but the key.

    Keys match where they are written alike ("1", as 1 and 1.0). Rows whose key is nowhere in the other file stay, and
    lack its columns. A key that stands there in several rows is taken where these agree, and refused where they do not.
    """

    data: Any
    on: str | Sequence[str]
    columns: str | Sequence[str] | None = None

    @classmethod
    def of(cls, given: Any) -> Join:
        """From a `Join`, or a mapping with `data` (or `path`), `on` and `columns`; DataError for anything else."""
        if isinstance(given, Join):
            return given
        if isinstance(given, Mapping) and {"on"} < set(given) <= {"data", "path", "on", "columns"}:
            return cls(given.get("data", given.get("path")), given["on"], given.get("columns"))
        raise DataError('join takes the other file and the key, as in {"path": "people.csv", "on": "id"}')


class Joined:
    """The other file, read and found unambiguous: the step that joins it."""

    def __init__(self, asked: Join, known: Sequence[str]) -> None:
        on = (asked.on, asked.on) if isinstance(asked.on, str) else tuple(asked.on)
        if len(on) != 2:
            raise DataError(
                f"the key of a join is one name, or two (of the rows' own and the other's); got {listing(on)}"
            )
        self._left, self._right = (str(name_of(n, "the key of a join")) for n in on)
        source = source_of(asked.data)
        self._name = source.name or "the joined data"
        there = list(source.schema)
        taken = names_of(asked.columns, "the columns of a join") if asked.columns is not None else None
        for name, among, where in (
            (self._left, list(known), "the data"),
            (self._right, there, self._name),
            *((n, there, self._name) for n in taken or ()),
        ):
            if name not in among:
                raise DataError(
                    f"join: no column '{name}' in {where}; the columns are {listing(among)}.{nearest(name, among)}"
                )
        self._columns = tuple(n for n in (there if taken is None else taken) if n != self._right)
        if not self._columns:
            raise DataError(f"join: {self._name} has no column beside its key '{self._right}'")
        both = next((n for n in self._columns if n in known), None)
        if both is not None:
            raise DataError(
                f"join: both the data and {self._name} have a column '{both}': name the columns to take "
                f"(columns = [...]) without it, or rename one"
            )
        parts = list(source.batches([self._right, *self._columns]))
        rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0].reset_index(drop=True)
        keys = coded(rows[self._right], self._right)
        self._without = int((keys.codes < 0).sum())
        rows, codes = rows[keys.codes >= 0].reset_index(drop=True), keys.codes[keys.codes >= 0]
        first = np.unique(codes, return_index=True)[1]
        self._twice = len(rows) - len(first)
        if self._twice:
            self._agree(rows, codes, keys.labels)
        self._rows = rows.iloc[first].reset_index(drop=True)[list(self._columns)]
        for name in self._columns:
            if pd.api.types.is_bool_dtype(self._rows[name].dtype):
                self._rows[name] = self._rows[name].astype(object)  # rows without a key have none
        self._at = {label: i for i, label in enumerate(keys.labels)}
        self._met: NDArray[np.bool_] = np.zeros(len(self._rows), dtype=bool)
        self._read = f"sha256 {source.fingerprint[:12]}…" if source.fingerprint else ""

    def _agree(self, rows: pd.DataFrame, codes: NDArray[np.int64], labels: Sequence[str]) -> None:
        """DataError where rows of one key say different things."""
        said = np.column_stack([coded(rows[c], c).codes for c in self._columns])
        first = np.full(int(codes.max()) + 1, -1)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        other = np.flatnonzero((said != said[first[codes]]).any(axis=1))
        if len(other):
            n = len(np.unique(codes[other]))
            raise DataError(
                f"join: {n:,} {'key stands' if n == 1 else 'keys stand'} in several rows of {self._name} that say "
                f"different things, the first is '{labels[codes[other[0]]]}': which of them is meant is ambiguous. "
                "Keep one row a key, or take fewer columns"
            )

    @property
    def makes(self) -> tuple[str, ...]:
        """See `Step`."""
        return self._columns

    @property
    def needs(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self._left,)

    @property
    def cautions(self) -> tuple[str, ...]:
        """See `Step`."""
        whose = f"{self._name} ({self._read})" if self._read else self._name
        key = f"'{self._left}'" if self._left == self._right else f"'{self._left}' = '{self._right}'"
        out = [f"{listing(self._columns)} {'comes' if len(self._columns) == 1 else 'come'} from {whose}, by {key}."]
        if self._without:
            out.append(f"{self._without:,} rows of {self._name} have no key, and are not used.")
        if self._twice:
            out.append(f"{self._twice:,} rows of {self._name} repeat a key, and say the same: each key is taken once.")
        return tuple(out)

    def made(self, part: pd.DataFrame) -> Made:
        """See `Step`."""
        keys = coded(part[self._left], self._left)
        place = np.array([*(self._at.get(label, -1) for label in keys.labels), -1], dtype=np.int64)
        at = place[keys.codes]
        self._met[at[at >= 0]] = True
        found = self._rows.reindex(at)
        counts = {_ALONE: (at < 0) & (keys.codes >= 0), _KEYLESS: keys.codes < 0}
        return Made(
            {c: found[c].array for c in self._columns}, Counter({k: int(where.sum()) for k, where in counts.items()})
        )

    def said(self, counts: Counter[str], rows: int) -> tuple[str, ...]:
        """See `Step`; DataError where no key at all matches."""
        lost = counts[_ALONE] + counts[_KEYLESS]
        if lost == rows:
            raise DataError(
                f"join: no '{self._left}' of the data is a '{self._right}' of {self._name}: are these the same keys, "
                "written alike (007 and 7 are not)?"
            )
        out = []
        for what, told in (
            (_ALONE, f"have a key '{self._left}' that is not in"),
            (_KEYLESS, f"have no key '{self._left}' for"),
        ):
            if counts[what]:
                out.append(f"Of {rows:,} rows, {counts[what]:,} {told} {self._name}: they lack its columns.")
        idle = int((~self._met).sum())
        if idle:
            out.append(f"{idle:,} of {len(self._met):,} keys of {self._name} are of no row of the data.")
        return tuple(out)
