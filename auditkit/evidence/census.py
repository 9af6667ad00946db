"""A small count of all rows beside a sample: group by group, what the model said of them on average."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.batch import Batch, Cell, Census, missing
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.merging import PEOPLE

CLIP = 1e-7
"""Scores are kept this far from 0 and 1 in the log loss, which has no value there."""


def log_loss(score: NDArray[Any], y: NDArray[Any]) -> Floats:
    """−log of the score of what was true, (N,), with scores kept `CLIP` away from 0 and 1.

    >>> log_loss(np.array([0.5, 1.0]), np.array([1, 0])).round(2).tolist()
    [0.69, 16.12]
    """
    kept = np.clip(np.asarray(score, np.float64), CLIP, 1 - CLIP)
    return -np.log(np.where(np.asarray(y) == 1, kept, 1 - kept))


def census_of(batch: Batch) -> Census | None:
    """The census of a batch; None where rows have no score (or one of every class)."""
    numbers = batch.y_pred if batch.kind.numeric else batch.score
    if numbers is None or np.ndim(numbers) != 1:
        return None
    known = ~missing(batch.y_true) & ~missing(batch.y_pred) & np.isfinite(np.asarray(numbers, np.float64))
    columns = [batch.groups[c].astype("str").to_numpy(dtype=object)[known] for c in batch.groups]
    score = np.asarray(numbers, np.float64)[known]
    if batch.kind.numeric:
        columns += [np.full(len(score), "", dtype=object)] * 2
        loss = np.zeros(len(score))
    else:
        columns += [v[known].astype(str).astype(object) for v in (batch.y_true, batch.y_pred)]
        loss = log_loss(score, batch.y_true[known])
    cells: dict[Cell, Floats] = {}
    keys = np.array(["\x1f".join(row) for row in zip(*columns, strict=True)], dtype=object)
    found, code = np.unique(keys, return_inverse=True)
    sums = np.stack([np.bincount(code, w, minlength=len(found)) for w in (np.ones(len(score)), score, loss)], 1)
    for key, row in zip(found, sums, strict=True):
        cells[tuple(key.split("\x1f"))] = row
    return Census(tuple(str(c) for c in batch.groups), cells)


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
        for cell, (n, score, loss) in self._told.items():
            inside = all(cell[i] == value for i, value in zip(where, group.values(), strict=True))
            if inside != rest and (y is None or cell[-2] == str(y)):
                total += (n, {"score": score, "loss": loss, "selected": n * (cell[-1] == "1")}[of])
        return float(total[1] / total[0]) if total[0] else None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"by": list(self.census.by), "cells": [[*cell, *sums] for cell, sums in self._told.items()]}

    @cached_property
    def _told(self) -> dict[Cell, tuple[float, float, float]]:
        """The cells as they are stored, sorted: the sums of fewer than five rows are shared out from larger ones.

        Cells of one group and target share their mean until five rows do, else those of the group: sums over these
        stay what they are. Of a group of fewer than five rows the means have three bits, so that none is one row's.
        """
        told = {cell: sums.copy() for cell, sums in sorted(self.census.cells.items())}
        for depth in (1, 2):
            pools: dict[Cell, list[Cell]] = {}
            for cell in told:
                pools.setdefault(cell[:-depth], []).append(cell)
            for pool in pools.values():
                _share(told, pool, depth)
        rows: dict[Cell, float] = {}
        for cell, sums in told.items():
            rows[cell[:-2]] = rows.get(cell[:-2], 0.0) + sums[0]
        return {cell: _stored(sums, few=rows[cell[:-2]] < PEOPLE) for cell, sums in told.items()}


def census_from_json(data: dict[str, Any]) -> Census:
    """From `CensusMeans.to_json`; EvidenceError for what no rows can give."""
    data = reading.fields(data, "the census", "by", "cells")
    by = reading.names(data["by"], "'by' of the census")
    cells: dict[Cell, Floats] = {}
    for row in reading.items(data["cells"], "the cells of the census"):
        stored = reading.items(row, "a cell of the census", length=len(by) + 5)
        cell = tuple(reading.texts(stored[:-3], "a cell of the census"))
        reading.number(stored[-3], "the rows of a cell of the census", low=0, high=reading.MOST_ROWS)
        if cell in cells:
            raise EvidenceError(f"the census names {reading.shown(cell)} twice")
        cells[cell] = reading.numbers(stored[-3:], "the sums of a cell of the census")
    return Census(by, cells)


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
        total = np.sum([told[c] for c in cells], axis=0)
        for cell in cells:
            told[cell] = told[cell][0] / total[0] * total


def _stored(sums: Floats, *, few: bool) -> tuple[float, float, float]:
    """Ten digits; of few rows the means have three bits."""
    n, score, loss = map(float, sums)
    if few:
        return _short(n), n * _three_bits(score / n), n * _three_bits(loss / n)
    return _short(n), _short(score), _short(loss)


def _three_bits(x: float) -> float:
    mantissa, exponent = math.frexp(x)
    return math.ldexp((math.floor(mantissa * 8) + 0.5) / 8, exponent) if x else 0.0


def _short(x: float) -> float:
    return float(f"{x:.10g}")
