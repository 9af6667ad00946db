"""Small groups recoded before anything is assessed: what was never in the sums cannot be subtracted from them.

One recoding serves a whole report, made from the rows of every crossing of the sensitive features: values are joined
until no crossing that occurs is small, and never one value alone, whose number would be the rest of the total.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.rare import FEWEST

if TYPE_CHECKING:
    import pandas as pd

    from auditkit.batch import Batch
else:
    from auditkit.evidence.lazy import pandas as pd

Group = tuple[str, ...]
Recoding = Mapping[str, Mapping[str, str]]
SMALL = "(small groups)"
FEW = "(values of few rows)"


@dataclass(frozen=True)
class GroupCounts:
    """Rows of every crossed group of the sensitive features; they add."""

    by: tuple[str, ...]
    counts: Mapping[Group, int]

    @classmethod
    def of(cls, groups: pd.DataFrame) -> GroupCounts:
        """Of the rows of a batch."""
        by = tuple(str(c) for c in groups)
        text = groups.astype("str").set_axis(list(by), axis=1)
        found = text.groupby(list(by), sort=True, observed=True).size() if by else pd.Series({(): len(text)})
        return cls(by, {k if isinstance(k, tuple) else (str(k),): int(n) for k, n in found.items()})

    def __add__(self, other: GroupCounts) -> GroupCounts:
        if self.by != other.by:
            raise EvidenceError(f"cannot add rows by {list(self.by)} and by {list(other.by)}")
        counts = dict(self.counts)
        for group, n in other.counts.items():
            counts[group] = counts.get(group, 0) + n
        return GroupCounts(self.by, counts)

    def told(self, disclosure: Disclosure) -> GroupDisclosure:
        """The disclosure, with the recoding that these groups need."""
        recoding = recoding_of(self.by, self.counts, disclosure.suppress_below) if disclosure.suppress_below else {}
        return GroupDisclosure(**disclosure.model_dump(), attributes=self.by, recoding=recoding)


def recoding_of(
    by: Sequence[str],
    counts: Mapping[Group, int],
    fewest: int,
    *,
    of: Collection[str] | None = None,
    name: str = SMALL,
) -> dict[str, dict[str, str]]:
    """Values of the attributes `of` (None: all) to be joined, so that each crossing has `fewest` rows, or nobody.

    DataError where all rows together are too few.

    >>> recoding_of(["race"], {("a",): 90, ("b",): 20, ("c",): 4}, 10)
    {'race': {'b': '(small groups)', 'c': '(small groups)'}}
    """
    if sum(counts.values()) < fewest:
        raise DataError(f"{sum(counts.values())} rows: a report that suppresses groups below {fewest} needs as many")
    free = [i for i, a in enumerate(by) if of is None or a in of]
    joined: dict[int, set[str]] = {i: set() for i in free}
    for i in free:
        rows = _rows(counts, i)
        joined[i] = {v for v, n in rows.items() if n < fewest}
        _complete(joined[i], rows, fewest)
    while True:
        cells = _cells(counts, joined)
        small = min(((n, cell) for cell, n in cells.items() if n < fewest), default=None)
        if small is None:
            break
        steps = [(_cost(counts, i, joined[i], small[1][i]), i) for i in free]
        cost, i = min((s for s in steps if s[0] is not None), default=(None, -1))
        if cost is None:
            break
        joined[i].add(cost[1])
        _complete(joined[i], _rows(counts, i), fewest)
    return {by[i]: dict.fromkeys(sorted(values), name) for i, values in joined.items() if values}


def recoded(frame: pd.DataFrame, recoding: Recoding) -> pd.DataFrame:
    """The frame with recoded columns; rows that are alike now are left to be summed."""
    changed = {c: frame[c].map(lambda v, m=m: m.get(str(v), v)) for c, m in recoding.items() if c in frame}
    return frame.assign(**changed) if changed else frame


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
        small = {b: {v: FEW for v, n in _counted(known, [b]).items() if n < least} for b in others}
        return {
            **disclosure.recoding,
            **{b: {v[0]: m for v, m in found.items()} for b, found in small.items() if found},
        }
    return {**disclosure.recoding, **recoding_of(by, _counted(known, by), least, of=others, name=FEW)}


def _counted(frame: pd.DataFrame, by: Sequence[str]) -> dict[Group, int]:
    counts: dict[Group, int] = {}
    for *key, n in zip(*(frame[b].astype(str).tolist() for b in by), frame["n"].tolist(), strict=True):
        counts[tuple(key)] = counts.get(tuple(key), 0) + int(n)
    return counts


def recoded_batch(batch: Batch, disclosure: GroupDisclosure) -> Batch:
    """The batch with recoded groups, in its census too: what is asked of a sample speaks of the same groups."""
    if not disclosure.recoding:
        return batch
    groups = recoded(batch.groups.astype("str"), disclosure.recoding).astype("category")
    census = None if batch.census is None else batch.census.recoded(disclosure.recoding)
    return replace(batch, groups=groups, census=census)


def _rows(counts: Mapping[Group, int], i: int) -> dict[str, int]:
    rows: dict[str, int] = {}
    for group, n in counts.items():
        rows[group[i]] = rows.get(group[i], 0) + n
    return rows


def _complete(joined: set[str], rows: Mapping[str, int], fewest: int) -> None:
    """Join the next smallest values until two or more are joined and have enough rows."""
    order = sorted((v for v in rows if v not in joined), key=lambda v: (rows[v], v))
    while joined and order and (len(joined) < 2 or sum(rows[v] for v in joined) < fewest):
        joined.add(order.pop(0))


def _cells(counts: Mapping[Group, int], joined: Mapping[int, set[str]]) -> dict[Group, int]:
    cells: dict[Group, int] = {}
    for group, n in counts.items():
        cell = tuple(SMALL if v in joined.get(i, ()) else v for i, v in enumerate(group))
        cells[cell] = cells.get(cell, 0) + n
    return cells


def _cost(counts: Mapping[Group, int], i: int, joined: set[str], value: str) -> tuple[int, str] | None:
    """(rows, value) to be joined so that the cell grows along this attribute; None where all is joined."""
    rows = _rows(counts, i)
    left = sorted((n, v) for v, n in rows.items() if v not in joined)
    if not left:
        return None
    return (rows[value], value) if value in rows and value not in joined else left[0]
