"""Tables that are read from a report as columns: a frame is made only when somebody asks for one.

Judging a stored report needs sums over groups, which numpy gives; importing pandas takes half of the second it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Positions
from auditkit.errors import EvidenceError, choices
from auditkit.lazy import pandas

Columns = Mapping[str, NDArray[Any]]
"""Name → (R,) values of a table."""
Groups = tuple[tuple[str, ...], ...]
OUTCOME = ("y_true", "y_pred")
QUANTITIES = ("error", "absolute", "squared", "prediction")
"""Of a regression: e = ŷ − y, abs(e), e², ŷ."""
MEASURED = "measured"
"""Any number that a row has."""
COUNTS = frozenset(
    [
        *("n", "w", "w2", "w_scale", "y_true", "y_pred"),
        *("bin", "last", "selected", "s", "s2", "low", "high", "what"),
        *("score", "above", "cell"),
        *QUANTITIES,
        *(f"{q}_{part}" for q in (*QUANTITIES, MEASURED) for part in ("mean", "m2", "m3")),
        *("w3", *(f"{MEASURED}_{part}" for part in ("wu", "wu2", "w2u"))),
    ]
)
"""Columns of counts and sums, of all tables."""
_GROUP = "group:"
_SUMS = ("n", "w", "w2")
_ADDED = frozenset(
    [
        *(*_SUMS, "w3", "selected", "s", "s2"),
        *(f"{q}_{part}" for q in (*QUANTITIES, MEASURED) for part in ("m2", "m3", "wu", "wu2", "w2u")),
    ]
)
"""Columns that so many copies of every row make so many times as large."""
_KEPT, _SEEN = "_stored_tables", "_seen_tables"


class Table(dict[str, NDArray[Any]]):
    """Columns by name; each is coded once, however often groups are made of it."""

    def coded(self, name: str) -> tuple[list[Any], Positions]:
        """The different values of a column, sorted, and (R,) the position of each row's among them."""
        if name not in (known := self.__dict__.setdefault("_coded", {})):
            known[name] = coded(self[name])
        out: tuple[list[Any], Positions] = known[name]
        return out


class Framed:
    """Evidence with tables as attributes: frames as audited, columns as read."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The frame of a table that was read as columns."""
            tables = self.__dict__.get(_KEPT, {})
            if name not in tables:
                raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'")
            object.__setattr__(self, name, pandas.DataFrame(dict(tables[name])))
            return self.__dict__[name]

    @classmethod
    def of_tables(cls, tables: Mapping[str, Columns], **others: Any) -> Self:
        """The evidence with these tables, given as columns, and its other fields."""
        out = cls.__new__(cls)
        for name, value in {**others, _KEPT: tables}.items():
            object.__setattr__(out, name, value)
        return out

    def table(self, name: str) -> Columns:
        """The columns of one table."""
        seen: dict[str, Table] = self.__dict__.setdefault(_SEEN, {})
        if name not in seen:
            tables: dict[str, Columns] = self.__dict__.get(_KEPT, {})
            if name in tables:
                seen[name] = Table(tables[name])
            else:
                frame = getattr(self, name)
                seen[name] = Table({str(c): frame[c].to_numpy() for c in frame})
        return seen[name]

    def times(self, factor: int) -> Self:
        """What so many copies of every row would have given: every sum so many times; means and extremes stay."""
        kept = self.__dict__.get(_KEPT)
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (kept or {})}  # type: ignore[arg-type]
        names = list(kept) if kept is not None else [k for k, v in values.items() if hasattr(v, "to_numpy")]
        tables = {k: {c: v * factor if c in _ADDED else v for c, v in self.table(k).items()} for k in names}
        return type(self).of_tables(tables, **{k: v for k, v in values.items() if k not in tables})

    def of_group(self, attribute: str, value: str) -> Self:
        """The same rows, all of one group of one more attribute, which is the last of `by`.

        >>> from auditkit.evidence.tally import Tally
        >>> rows = Tally.of({"sex": ["f", "m"]}, y_true=[1, 0], y_pred=[1, 1])
        >>> (rows.of_group("site", "north") + rows.of_group("site", "south")).counts("site").groups
        (('north',), ('south',))
        """
        by: tuple[str, ...] = self.by  # type: ignore[attr-defined]
        if attribute in by:
            raise EvidenceError(f"'{attribute}' is a group column already")
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        for name, frame in values.items():
            if hasattr(frame, "to_numpy"):
                known = {str(c): frame[c].to_numpy() for c in frame}
                own = np.full(len(frame), value, dtype=object)
                first = {c: known.pop(c) for c in columns_of(by)}
                values[name] = pandas.DataFrame({**first, column(attribute): own, **known})
        counted = {k: v for b, v in values.get("distinct", {}).items() for k in (b, (*b, attribute))}
        return type(self)(**values | {"by": (*by, attribute)} | ({"distinct": counted} if counted else {}))

    def lists(self, name: str) -> dict[str, list[Any]]:
        """The same as JSON: one list a column."""
        return {c: values.tolist() for c, values in self.table(name).items()}


def column(attribute: str) -> str:
    """The column that holds the groups of an attribute: of its name, unless counts have a column of that name.

    >>> column("sex"), column("n")
    ('sex', 'group:n')
    """
    return f"{_GROUP}{attribute}" if attribute in COUNTS or attribute.startswith(_GROUP) else attribute


def columns_of(by: Sequence[str]) -> list[str]:
    """The same of several attributes."""
    return [column(b) for b in by]


def places(
    columns: Columns, by: Sequence[str], length: int, *, beside: Sequence[str] = ()
) -> tuple[tuple[tuple[Any, ...], ...], Positions]:
    """The crossed groups of these attributes, sorted, and where each of the `length` rows stands among them.

    `beside`: columns that are no attributes, crossed with them.

    >>> places({"sex": np.array(["m", "f", "m"])}, ["sex"], 3)[0]
    (('f',), ('m',))
    """
    keyed = [*columns_of(by), *beside]
    if not keyed or not length:
        return ((),) * bool(length), np.zeros(length, dtype=np.intp)
    each = [columns.coded(c) if isinstance(columns, Table) else coded(columns[c]) for c in keyed]
    at = each[0][1]
    for values, codes in each[1:]:
        at = at * len(values) + codes
    found, where = np.unique(at, return_inverse=True)
    out: list[list[Any]] = []
    for values, _ in reversed(each):
        found, rest = np.divmod(found, len(values))
        out.append([values[i] for i in rest])
    return tuple(zip(*reversed(out), strict=True)), where.astype(np.intp, copy=False)


def coded(column: NDArray[Any]) -> tuple[list[Any], Positions]:
    """The different values of a column, sorted, and (R,) the position of each row's among them.

    >>> values, at = coded(np.array(["m", "f", "m"], dtype=object))
    >>> values, at.tolist()
    (['f', 'm'], [1, 0, 1])
    """
    if column.dtype.kind in "iub":
        found, at = np.unique(column, return_inverse=True)
        return found.tolist(), at.astype(np.intp, copy=False)
    listed = column.tolist()
    values = sorted(set(listed))
    position = {v: i for i, v in enumerate(values)}
    return values, np.fromiter(map(position.__getitem__, listed), dtype=np.intp, count=len(listed))


def parts(
    columns: Columns, by: Sequence[str], length: int, *, beside: Sequence[str] = ()
) -> Iterator[tuple[tuple[Any, ...], Positions]]:
    """Each crossed group, as of `places`, and its rows among `length`, in their order.

    >>> [(g, at.tolist()) for g, at in parts({"sex": np.array(["m", "f", "m"])}, ["sex"], 3)]
    [(('f',), [1]), (('m',), [0, 2])]
    """
    groups, at = places(columns, by, length, beside=beside)
    if groups:
        ends = np.cumsum(np.bincount(at, minlength=len(groups)))[:-1]
        yield from zip(groups, np.split(np.argsort(at, kind="stable"), ends), strict=True)


def occurring(columns: Columns, by: Sequence[str]) -> int:
    """How many crossed groups of these attributes have a row.

    >>> occurring({"sex": np.array(["m", "f", "m"])}, ["sex"])
    2
    """
    return len(set(zip(*(columns[column(b)].tolist() for b in by), strict=True)))


def summed(columns: Columns, by: Sequence[str], beside: Sequence[str], sums: Sequence[str]) -> dict[str, NDArray[Any]]:
    """One row a combination of attributes and of the columns beside, sorted by them, with the sums of the others."""
    found, at = places(columns, by, len(columns[sums[0]]), beside=beside)
    first = np.full(len(found), len(at), dtype=np.intp)
    np.minimum.at(first, at, np.arange(len(at)))
    out = {k: columns[k][first] for k in (*columns_of(by), *beside)}
    for name in sums:
        out[name] = np.zeros(len(found), dtype=columns[name].dtype)
        np.add.at(out[name], at, columns[name])
    return out


def summed_rows(frame: pandas.DataFrame, by: Sequence[str], *beside: str) -> pandas.DataFrame:
    """The same of a frame: `n`, and with sampling weights `w` and `w2`, are summed."""
    keys, sums = [*columns_of(by), *beside], [c for c in _SUMS if c in frame]
    if keys and all(frame[c].dtype.kind in "Oi" for c in keys) and all(frame[c].dtype.kind == "i" for c in sums):
        # small tables of counts, of which there are many: pandas takes milliseconds for each
        return pandas.DataFrame(summed({c: frame[c].to_numpy() for c in (*keys, *sums)}, by, beside, sums))
    out: pandas.DataFrame = frame[[*keys, *sums]].groupby(keys, sort=True, observed=True).sum().reset_index()
    return out


def known_columns(asked: Sequence[str], by: Sequence[str]) -> None:
    """EvidenceError for a group column that the evidence does not have."""
    for name in asked:
        if name not in by:
            raise EvidenceError(f"no group column '{name}'; there are {choices(name, by)}")
