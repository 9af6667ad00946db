"""Tables that are read from a report as columns: a frame is made only when somebody asks for one.

Judging a stored report needs sums over groups, which numpy gives; importing pandas takes half of the second it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.lazy import pandas

Columns = Mapping[str, NDArray[Any]]
"""Name → (R,) values of a table."""
Groups = tuple[tuple[str, ...], ...]
_KEPT = "_stored_tables"


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
        tables: dict[str, Columns] = self.__dict__.get(_KEPT, {})
        if name in tables:
            return tables[name]
        frame = getattr(self, name)
        return {str(c): frame[c].to_numpy() for c in frame}


def places(columns: Columns, by: Sequence[str], length: int) -> tuple[Groups, NDArray[np.intp]]:
    """The crossed groups of these columns, sorted, and where each of the `length` rows stands among them.

    >>> places({"sex": np.array(["m", "f", "m"])}, ["sex"], 3)[0]
    (('f',), ('m',))
    """
    keys = list(zip(*(columns[b].tolist() for b in by), strict=True)) if by else [()] * length
    groups = tuple(sorted(set(keys)))
    position = {g: i for i, g in enumerate(groups)}
    return groups, np.array([position[k] for k in keys], dtype=np.intp)


def summed(columns: Columns, keys: Sequence[str], sums: Sequence[str]) -> dict[str, NDArray[Any]]:
    """One row a combination of the key columns, sorted by them, with the sums of the others."""
    found, at = places(columns, keys, len(columns[sums[0]]))
    first = np.full(len(found), len(at), dtype=np.intp)
    np.minimum.at(first, at, np.arange(len(at)))
    out = {k: columns[k][first] for k in keys}
    for name in sums:
        out[name] = np.zeros(len(found), dtype=columns[name].dtype)
        np.add.at(out[name], at, columns[name])
    return out
