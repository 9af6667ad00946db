"""What few rows hold: values that name somebody, and crossings of a handful, are not kept in a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from auditkit.evidence.crossed import CrossedSums

Floats = NDArray[np.float64]
FEWEST = 10
"""Rows that hold a value, at least, for it to stand in a report."""
_GRAIN = 2.0**-6
"""Sums of scores over crossings are kept to this: the difference of two crossings shows no score."""


def between(low: float, high: float) -> float | None:
    """The number of fewest digits strictly between two; None where there is none.

    >>> between(50_123, 50_200), between(0.1234, 0.1239), between(-1, 1)
    (50160.0, 0.1236, 0.0)
    """
    if not low < high:
        return None
    if low < 0 < high:
        return 0.0
    size = np.floor(np.log10(max(abs(low), abs(high)))) + 1
    for digits in range(18):
        step = 10.0 ** (size - digits)
        middle = low / 2 + high / 2
        for candidate in (
            np.floor(middle / step) * step,
            np.round(middle / step) * step,
            np.floor(high / step) * step,
            np.ceil(low / step) * step,
        ):
            plain = float(f"{candidate:.17g}") if step < 1e-15 else float(f"{candidate:.15g}")
            if low < plain < high:
                return plain
    return None


def edge(values: Floats, cut: float) -> float | None:
    """A number that parts sorted values as `value ≤ cut` does, and is none of them unless ten rows hold it.

    None where there is no such number.

    >>> edge(np.array([20.0, 31.0, 39.0, 50.0]), 31.0)
    35.0
    """
    upto = int(np.searchsorted(values, cut, side="right"))
    held = upto - int(np.searchsorted(values, cut, side="left"))
    if held >= FEWEST or upto == len(values):
        return cut if held >= FEWEST else None
    return between(float(cut), float(values[upto]))


def without(sums: CrossedSums, recoding: Mapping[str, Mapping[str, str]], *, crossed: bool, fewest: int) -> CrossedSums:
    """Crossed sums in which each value, and each crossing, has `fewest` rows or ten; keys of rows are dropped.

    Every crossing of fewer columns is kept as a table of its own, so that each still has all of its rows. Not
    `crossed`: each column by itself, its small values together, so that nothing can be subtracted.
    """
    least = max(FEWEST, fewest)
    for column, values in recoding.items():
        if column in sums.labels:
            names = sums.labels[column]
            small = {i for i, name in enumerate(names) if name.removeprefix(f"{column} = ") in values}
            sums = _as_one(sums, column, small, f"{column} = {next(iter(values.values()))}")
    sums = _joined(sums, least, complete=not crossed)
    depth = sums.depth if crossed else min(1, sums.depth)
    tables = {}
    for by in ((), *sums.crossings(depth)):
        table = sums.of(*by) if sums.tables else np.zeros((2, 3))
        tables[by] = _rounded(np.where(table[:, 0].sum(axis=0) >= least, table, 0.0) if by else table)
    return replace(sums, tables=tables, copies=sums.copies.reduced())


def _rounded(table: Floats) -> Floats:
    return table if (table == np.rint(table)).all() else np.round(table / _GRAIN) * _GRAIN


def _joined(sums: CrossedSums, least: int, *, complete: bool) -> CrossedSums:
    """Values of too few rows as one condition; `complete`: with the smallest others, until that has enough rows."""
    for column in sums.labels:
        n = sums.of(column)[:, 0].sum(axis=0)
        small = _small(sums.labels[column], n, least, complete=complete, numbers=_is_binned(sums.facts, column))
        sums = _as_one(sums, column, small, f"{column} is a value of few rows")
    return sums


def _as_one(sums: CrossedSums, column: str, small: set[int], name: str) -> CrossedSums:
    """The conditions of a column at these positions as one, of this name."""
    names, tables = sums.labels[column], dict(sums.tables)
    if not small:
        return sums
    kept = [i for i in range(len(names)) if i not in small]
    for by, table in tables.items():
        if column in by:
            axis = 2 + by.index(column)
            rest = table.take(sorted(small), axis=axis).sum(axis=axis, keepdims=True)
            tables[by] = np.concatenate([table.take(kept, axis=axis), rest], axis=axis)
    return replace(sums, labels={**sums.labels, column: (*(names[i] for i in kept), name)}, tables=tables)


def _is_binned(facts: dict[str, Any], column: str) -> bool:
    return facts.get("edges", {}).get(column) is not None


def _small(names: Sequence[str], n: Floats, least: int, *, complete: bool, numbers: bool) -> set[int]:
    """Positions of the values to be joined; bins of numbers name nobody, and are joined only if all is."""
    if numbers and not complete:
        return set()
    small = {i for i in range(len(names)) if n[i] < least}
    if not complete or not any(n[i] > 0 for i in small):
        return small
    order = sorted((i for i in range(len(names)) if i not in small), key=lambda i: (n[i], names[i]))
    while order and (sum(n[i] for i in small) < least or sum(n[i] > 0 for i in small) < 2):
        small.add(order.pop(0))
    return small
