"""A small count of all rows beside a sample: group by group, what the model said of them on average."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.batch import SUMS, Batch, Cell, Census, merged_sums, missing
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.merging import PEOPLE

CLIP = 1e-7
"""Scores are kept this far from 0 and 1 in the log loss, which has no value there."""


UNKNOWN = "-1"
"""The target of rows whose truth is not known: they count for scores and decisions, and for nothing else."""
_COLUMNS = {"score": [0, 1, 3, 5], "loss": [0, 2, 4, 6]}
"""Of a cell's sums, those of one number."""
NEEDS_TRUTH = ("loss", "wrong")
_HOLDS: Mapping[str, Callable[[Cell], bool]] = {
    "selected": lambda cell: cell[-1] == "1",
    "wrong": lambda cell: cell[-1] != cell[-2],
}
"""What is a yes or no of all rows of a cell."""


def log_loss(score: NDArray[Any], y: NDArray[Any]) -> Floats:
    """−log of the score of what was true, (N,), with scores kept `CLIP` away from 0 and 1.

    >>> log_loss(np.array([0.5, 1.0]), np.array([1, 0])).round(2).tolist()
    [0.69, 16.12]
    """
    kept = np.clip(np.asarray(score, np.float64), CLIP, 1 - CLIP)
    return -np.log(np.where(np.asarray(y) == 1, kept, 1 - kept))


def census_of(batch: Batch) -> Census | None:
    """The census of a batch, rows without a truth as well; None where rows have no score (or one of every class)."""
    numbers = batch.y_pred if batch.kind.numeric else batch.score
    if numbers is None or np.ndim(numbers) != 1:
        return None
    known = ~missing(batch.y_pred) & np.isfinite(np.asarray(numbers, np.float64))
    columns = [batch.groups[c].astype("str").to_numpy(dtype=object)[known] for c in batch.groups]
    score = np.asarray(numbers, np.float64)[known]
    if batch.kind.numeric:
        columns += [np.full(len(score), "", dtype=object)] * 2
        loss = np.zeros(len(score))
    else:
        y = batch.y_true[known]
        columns += [v.astype(str).astype(object) for v in (np.where(missing(y), int(UNKNOWN), y), batch.y_pred[known])]
        loss = np.where(missing(y), 0.0, log_loss(score, y))
    keys = np.array(["\x1f".join(row) for row in zip(*columns, strict=True)], dtype=object)
    found, code = np.unique(keys, return_inverse=True)
    sums = summed(np.stack([score, loss], axis=1), code, len(found))
    cells: dict[Cell, Floats] = {tuple(key.split("\x1f")): row for key, row in zip(found, sums, strict=True)}
    return Census(tuple(str(c) for c in batch.groups), cells)


def summed(values: Floats, code: Ints, cells: int) -> Floats:
    """(cells, 7) the sums of a `Census` from score and loss (N, 2) of rows in the cells `code` (N,), none empty.

    >>> summed(np.array([[0.2, 1.0], [0.2, 1.0], [0.5, 4.0]]), np.array([0, 0, 0]), 1).round(3).tolist()
    [[3.0, 0.9, 6.0, 0.06, 6.0, 0.006, 6.0]]
    """
    n = np.bincount(code, minlength=cells).astype(np.float64)
    sums = np.stack([np.bincount(code, v, minlength=cells) for v in values.T], axis=1)
    away = values - (sums / n[:, None])[code]
    about = [np.bincount(code, v, minlength=cells) for power in (2, 3) for v in (away**power).T]
    return np.column_stack([n, sums, *about])


@dataclass(frozen=True)
class CensusMeans:
    """What a report tells of a census."""

    census: Census

    def mean(self, of: str, group: Mapping[str, str], *, y: int | None = None, rest: bool = False) -> float | None:
        """Mean over the rows of a group (`rest`: of all others) with target `y`; None without rows.

        Of sums as they are stored, so that it depends neither on the order of the rows nor on having been stored.

        `of`: "score", "selected" or "loss".
        """
        where = [self.census.by.index(a) for a in group]
        total = np.zeros(2)
        for cell, (n, score, loss, *_) in self._told.items():
            inside = all(cell[i] == value for i, value in zip(where, group.values(), strict=True))
            if inside != rest and _about_it(cell, of, y):
                total += (n, {"score": score, "loss": loss, "selected": n * (cell[-1] == "1")}[of])
        return float(total[1] / total[0]) if total[0] else None

    def values(self, of: str, by: Sequence[str], *, y: int | None = None) -> dict[tuple[str, ...], Floats]:
        """Crossed group of these attributes → the sums over its rows with target `y`: (n, Σ, M₂, M₃), sorted by name.

        `of`: "score", "selected", "wrong" or "loss". M₂ and M₃ are sums about the mean, NaN where they are not known.
        """
        where, out = [self.census.by.index(a) for a in by], dict[tuple[str, ...], Floats]()
        for cell, sums in self._told.items():
            if not _about_it(cell, of, y):
                continue
            group = tuple(cell[i] for i in where)
            yes = _HOLDS.get(of)
            one = sums[_COLUMNS[of]] if yes is None else np.array([sums[0], sums[0] * yes(cell), 0.0, 0.0])
            out[group] = merged_sums(out[group], one) if group in out else one
        return dict(sorted(out.items()))

    def to_json(self) -> dict[str, Any]:
        """As JSON; sums about the mean only where they are known."""
        cells = [
            [*cell, *(sums if np.isfinite(sums).all() else sums[:3]).tolist()] for cell, sums in self._told.items()
        ]
        return {"by": list(self.census.by), "cells": cells}

    @cached_property
    def _told(self) -> dict[Cell, Floats]:
        """The cells as they are stored, sorted: the sums of fewer than five rows are shared out from larger ones.

        Cells of one group and target share their mean until five rows do, else those of the group: sums over these
        stay what they are. Of a group of fewer than five rows the means have three bits, so that none is one row's.
        What is about the mean is shared by all cells of a group and target of ten rows or more, else of the group.
        Losses are shared among rows of known truth alone.
        """
        told = {cell: sums.copy() for cell, sums in sorted(self.census.cells.items())}
        for of, columns in _COLUMNS.items():
            for cell, sums in _shared({c: s[columns] for c, s in told.items() if _about_it(c, of, None)}).items():
                told[cell][columns] = sums
        return told


def _about_it(cell: Cell, of: str, y: int | None) -> bool:
    """Whether the rows of a cell have what a number needs, and the target asked for."""
    return (y is None or cell[-2] == str(y)) and not (of in NEEDS_TRUTH and cell[-2] == UNKNOWN)


def census_from_json(data: dict[str, Any]) -> Census:
    """From `CensusMeans.to_json`; EvidenceError for what no rows can give."""
    data = reading.fields(data, "the census", "by", "cells")
    by = reading.names(data["by"], "'by' of the census")
    cells: dict[Cell, Floats] = {}
    for row in reading.items(data["cells"], "the cells of the census"):
        stored = reading.items(row, "a cell of the census")
        width, names = len(by) + 2, stored[: len(by) + 2]
        if len(stored) not in (width + 3, width + SUMS):
            raise EvidenceError(f"a cell of the census has {len(stored)} entries; expected {width + SUMS}")
        cell = tuple(reading.texts(names, "a cell of the census"))
        reading.number(stored[width], "the rows of a cell of the census", low=0, high=reading.MOST_ROWS)
        if cell in cells:
            raise EvidenceError(f"the census names {reading.shown(cell)} twice")
        sums = reading.numbers(stored[width:], "the sums of a cell of the census")
        if (sums[3:5] < 0).any():
            raise EvidenceError("the squares of a cell of the census are negative")
        cells[cell] = np.pad(sums, (0, SUMS - len(sums)), constant_values=np.nan)
    return Census(by, cells)


def _shared(told: dict[Cell, Floats]) -> dict[Cell, Floats]:
    """Cell → (n, Σ, M₂, M₃) of one number, as stored."""
    for depth in (1, 2):
        pools: dict[Cell, list[Cell]] = {}
        for cell in told:
            pools.setdefault(cell[:-depth], []).append(cell)
        for pool in pools.values():
            _share(told, pool, depth)
    _share_spread(told)
    rows: dict[Cell, float] = {}
    for cell, sums in told.items():
        rows[cell[:-2]] = rows.get(cell[:-2], 0.0) + sums[0]
    return {cell: _stored(sums, few=rows[cell[:-2]] < PEOPLE) for cell, sums in told.items()}


def _share(told: dict[Cell, Floats], pool: list[Cell], depth: int) -> None:
    """One mean for the parts of a pool with fewer than five rows and, smallest first, for others until five share it.

    Parts: cells (depth 1), or all cells of one target (depth 2).
    """
    parts: dict[Cell, list[Cell]] = {}
    for cell in pool:
        parts.setdefault(cell[: len(cell) + 1 - depth], []).append(cell)
    rows = {part: float(sum(told[c][0] for c in cells)) for part, cells in parts.items()}
    shared: list[Cell] = []
    for part in sorted(parts, key=lambda p: (rows[p], p)):
        if rows[part] < PEOPLE or (shared and sum(rows[p] for p in shared) < PEOPLE):
            shared.append(part)
    if len(shared) > 1:
        cells = [c for part in shared for c in parts[part]]
        total = reduce(merged_sums, [told[c] for c in cells])
        shares = {cell: told[cell][0] / total[0] * total for cell in cells}
        if not all(
            np.allclose(told[c][:2], shares[c][:2], rtol=2e-9, atol=0) for c in cells
        ):  # else read from a report
            told.update(shares)


def _share_spread(told: dict[Cell, Floats]) -> None:
    """What is about the mean, in proportion to rows: two sums of ten rows tell no more of one than one sum of five."""
    rows: dict[Cell, float] = {}
    for cell, sums in told.items():
        rows[cell[:-1]] = rows.get(cell[:-1], 0.0) + sums[0]
    few = {part[:-1] for part, n in rows.items() if n < 2 * PEOPLE}
    pools: dict[Cell, list[Cell]] = {}
    for cell in told:
        pools.setdefault(cell[:-2] if cell[:-2] in few else cell[:-1], []).append(cell)
    for pool in pools.values():
        whole, squares = reduce(merged_sums, [told[c] for c in pool]), sum(told[c][2] for c in pool)
        shares = {cell: told[cell][0] / whole[0] * squares for cell in pool}
        if all(np.isclose(told[c][2], shares[c], rtol=1e-5, atol=0) for c in pool):
            continue
        for cell in pool:
            told[cell][2:] = shares[cell], 0.0
        left = (whole - reduce(merged_sums, [told[c] for c in pool]))[3]  # so that the cubes of all stay what they are
        for cell in pool:
            told[cell][3] = told[cell][0] / whole[0] * left


def _stored(sums: Floats, *, few: bool) -> Floats:
    """Ten digits; of few rows the mean has three bits, and nothing is told about it."""
    n, total, squares, cubes = map(float, sums)
    if few:
        return np.array([_short(n), n * _three_bits(total / n), 0.0, 0.0])
    return np.array([_short(n), _short(total), *_about(n, total, squares, cubes)])


def _about(n: float, total: float, squares: float, cubes: float) -> tuple[float, float]:
    """Squares to six digits, cubes to six decimals of a skewness; 0 of values that only rounding tells apart."""
    if squares <= 1e-22 * total * total / n:
        return 0.0, 0.0
    squares = float(f"{squares:.6g}")
    unit = squares**1.5 / n**0.5
    return squares, round(cubes / unit, 6) * unit + 0.0 if math.isfinite(cubes) else cubes


def _three_bits(x: float) -> float:
    mantissa, exponent = math.frexp(x)
    return math.ldexp((math.floor(mantissa * 8) + 0.5) / 8, exponent) if x else 0.0


def _short(x: float) -> float:
    return float(f"{x:.10g}")
