"""Small groups, joined with others before anything is assessed: what never was in the sums cannot be taken from them.

One recoding serves a whole report, made from the rows of every crossing of the sensitive features: values are joined
until no crossing that occurs is small, and never one value alone, whose number would be the rest of the total. Small is
a crossing with few rows, or with few of one truth or of one decision: a rate of those would be one of few people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from auditkit.arrays import Bools, Ints
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError
from auditkit.evidence.frames import column, columns_of
from auditkit.evidence.rare import FEWEST
from auditkit.lazy import pandas as pd

if TYPE_CHECKING:
    from auditkit.batch import Batch

Group = tuple[str, ...]
Parts = tuple[int, ...]
"""Rows of a group, and of those parts of them that a rate can be of: all groups the same parts, all rows first."""
Recoding = Mapping[str, Mapping[str, str]]
SMALL = "(small groups)"
FEW = "(values of few rows)"


def recoding_of(
    by: Sequence[str],
    counts: Mapping[Group, Parts],
    fewest: int,
    *,
    of: Collection[str] | None = None,
    name: str = SMALL,
) -> dict[str, dict[str, str]]:
    """Values of the attributes `of` (None: all) to join so that each part of a crossing has `fewest` rows, or none.

    DataError where all rows together are too few.

    >>> recoding_of(["race"], {("a",): (90,), ("b",): (20,), ("c",): (4,)}, 10)
    {'race': {'b': '(small groups)', 'c': '(small groups)'}}
    >>> recoding_of(["race"], {("a",): (90, 40), ("b",): (30, 12), ("c",): (20, 2)}, 10)
    {'race': {'b': '(small groups)', 'c': '(small groups)'}}
    """
    rows = sum(parts[0] for parts in counts.values())
    if rows < fewest:
        raise DataError(f"{rows} rows: a report that suppresses groups below {fewest} needs as many")
    table = _Crossings.of(by, counts)
    free = [i for i, a in enumerate(by) if of is None or a in of]
    joined = [np.zeros(len(values), dtype=bool) for values in table.values]
    for i in free:
        joined[i] |= _few(table.of_values(i), fewest)
        _complete(joined[i], table.of_values(i), fewest)
    while (cell := table.smallest(joined, fewest)) is not None:
        steps = [(*step, i) for i in free if (step := _step(table.of_values(i)[:, 0], joined[i], cell[i])) is not None]
        if not steps:
            break
        _, value, i = min(steps)
        joined[i][value] = True
        _complete(joined[i], table.of_values(i), fewest)
    return {
        by[i]: dict.fromkeys((v for v, j in zip(table.values[i], joined[i].tolist(), strict=True) if j), name)
        for i in free
        if joined[i].any()
    }


class _Crossings(NamedTuple):
    """The crossed groups as arrays."""

    values: tuple[tuple[str, ...], ...]
    """Of each attribute, sorted."""
    codes: Ints
    """(groups, attributes) positions in `values`."""
    parts: Ints
    """(groups, parts) rows."""

    @classmethod
    def of(cls, by: Sequence[str], counts: Mapping[Group, Parts]) -> _Crossings:
        groups = sorted(counts)
        values = tuple(tuple(sorted({g[i] for g in groups})) for i in range(len(by)))
        places = [{v: j for j, v in enumerate(own)} for own in values]
        codes = [[places[i][v] for i, v in enumerate(g)] for g in groups]
        return cls(
            values,
            np.array(codes, dtype=np.int64).reshape(len(groups), len(by)),
            np.array([counts[g] for g in groups], dtype=np.int64),
        )

    def of_values(self, i: int) -> Ints:
        """(values, parts) rows of each value of an attribute."""
        out = np.zeros((len(self.values[i]), self.parts.shape[1]), dtype=np.int64)
        np.add.at(out, self.codes[:, i], self.parts)
        return out

    def smallest(self, joined: Sequence[Bools], fewest: int) -> tuple[int, ...] | None:
        """The crossing with the fewest rows of those with a small part; -1 stands for the joined values."""
        told = self.codes.copy()
        for i, own in enumerate(joined):
            told[own[told[:, i]], i] = -1
        cells, at = np.unique(told, axis=0, return_inverse=True)
        sums = np.zeros((len(cells), self.parts.shape[1]), dtype=np.int64)
        np.add.at(sums, at.reshape(-1), self.parts)
        small = np.flatnonzero(_few(sums, fewest))
        return None if not len(small) else tuple(cells[small[np.argmin(sums[small, 0])]].tolist())


def _few(parts: Ints, fewest: int) -> Bools:
    """Where some part has rows, and fewer than `fewest`: along the last axis."""
    return np.asarray(((parts > 0) & (parts < fewest)).any(axis=-1), dtype=np.bool_)


def _complete(joined: Bools, rows: Ints, fewest: int) -> None:
    """Join the values with the next fewest rows until two or more are joined and each part of them has enough rows."""
    order = [int(v) for v in np.argsort(rows[:, 0], kind="stable") if not joined[v]]
    while joined.any() and order and (joined.sum() < 2 or _few(rows[joined].sum(axis=0), fewest)):
        joined[order.pop(0)] = True


def _step(rows: Ints, joined: Bools, value: int) -> tuple[int, int] | None:
    """(rows, value) to be joined so that the cell grows along this attribute; None where all is joined."""
    if value >= 0:
        return int(rows[value]), value
    left = np.flatnonzero(~joined)
    return None if not len(left) else min((int(rows[v]), int(v)) for v in left)


def parts_of(cells: pd.DataFrame, classes: Sequence[str] = ()) -> dict[str, Ints]:
    """What it is → (cells,) its rows: all, and those of one truth or one decision, of which a rate can be.

    Cells have `n`, and `y_true` and `y_pred`, or `y_true` and `selected`, where they know them; -1 is missing.
    """
    n = cells["n"].to_numpy(np.int64)
    out = {"rows": n}
    if "selected" in cells:
        selected = cells["selected"].to_numpy(np.int64)
        out |= {"rows that are selected": selected, "rows that are not selected": n - selected}
    known = {c: cells[c].to_numpy(np.int64) >= 0 for c in ("y_true", "y_pred") if c in cells}
    both = np.logical_and.reduce(list(known.values())) if known else None
    for name in known:
        codes = cells[name].to_numpy(np.int64)
        for code in np.unique(codes[codes >= 0]).tolist():
            what = f"rows of {'truth' if name == 'y_true' else 'decision'} {classes[code] if classes else code}"
            out |= {what: n * (codes == code), f"{what}, both known": n * ((codes == code) & both)}
    return {**out, "rows with truth and decision": n * both} if len(known) > 1 else out


def counted(cells: pd.DataFrame, by: Sequence[str]) -> dict[Group, Parts]:
    """Crossed group → its parts."""
    parts = pd.DataFrame(parts_of(cells))
    keys = [cells[b].astype(str).to_numpy() for b in columns_of(by)]
    if not keys:
        return {(): tuple(map(int, parts.sum()))}
    summed = parts.groupby(keys, sort=True).sum()
    groups = [g if isinstance(g, tuple) else (g,) for g in summed.index]
    return {g: tuple(row) for g, row in zip(groups, summed.to_numpy(np.int64).tolist(), strict=True)}


def recoded(frame: pd.DataFrame, recoding: Recoding) -> pd.DataFrame:
    """The table of counts with recoded groups; rows that are alike now are left to be summed."""
    return _renamed(frame, {column(a): names for a, names in recoding.items()})


def _renamed(frame: pd.DataFrame, names: Recoding) -> pd.DataFrame:
    """The frame with other values in the columns that are named."""
    out = frame.copy(deep=False)
    for c in (c for c in names if c in frame):
        out[c] = frame[c].map(lambda v, m=names[c]: m.get(str(v), v))
    return out


def of_columns(disclosure: Disclosure, by: Sequence[str], frame: pd.DataFrame) -> Recoding:
    """The recoding of the group columns of counts: that of the report, and of columns that are no sensitive features.

    Of these, values of fewer than ten rows are joined; where groups are suppressed, until no crossing is small.
    """
    if not isinstance(disclosure, GroupDisclosure):
        return {}
    others = [b for b in by if b not in disclosure.attributes]
    if not others or frame.empty:
        return disclosure.recoding
    known = recoded(frame, disclosure.recoding)
    least = max(disclosure.suppress_below, FEWEST)
    if not disclosure.suppress_below:
        small = {b: {v: FEW for v, parts in counted(known, [b]).items() if parts[0] < least} for b in others}
        return {
            **disclosure.recoding,
            **{b: {v[0]: m for v, m in found.items()} for b, found in small.items() if found},
        }
    return {**disclosure.recoding, **recoding_of(by, counted(known, by), least, of=others, name=FEW)}


def recoded_batch(batch: Batch, disclosure: GroupDisclosure) -> Batch:
    """The batch with recoded groups, in its census too: what is asked of a sample speaks of the same groups."""
    if not disclosure.recoding:
        return batch
    groups = _renamed(batch.groups.astype("str"), disclosure.recoding).astype("category")
    census = None if batch.census is None else batch.census.recoded(disclosure.recoding)
    return replace(batch, groups=groups, census=census)
