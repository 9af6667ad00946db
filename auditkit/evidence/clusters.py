"""Dependent rows: replicates of a tally, in which every cluster of rows counts a Poisson(1) number of times.

How often a cluster counts in replicate r follows from a hash of its id and r alone, so the replicates of two parts
add up, also where a cluster has rows in both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Ints, Keys, Positions
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.sample import shuffled
from auditkit.lazy import pandas as pd
from auditkit.values import factorized, written

REPLICATES = 500
LOWEST = 128
"""Distinct clusters are counted exactly up to here, and beyond from the lowest hashes (standard error 9 %)."""
_HASH_KEY = "auditkitclusters"
"""Sixteen bytes: a cluster has the same hash in every audit."""
_BITS = 53
"""Of a stored hash: any reader of JSON can hold it."""
_CHUNK = 8_192
_DENSE = 64
"""A table of cells and clusters is multiplied whole if at least one in so many of its entries is not 0."""


@dataclass(frozen=True)
class Replicates:
    """Of C cells: Σ weight in each replicate, and the lowest hashes of the clusters seen in the cell."""

    sums: Floats
    """(C, R); reduced, as few columns with the same means and second moments, which is all that intervals read."""
    lowest: tuple[Keys, ...]
    """C sorted arrays of at most `LOWEST` distinct hashes."""

    @classmethod
    def of(cls, cluster: Keys, cell: Ints, weight: Floats | None, cells: int) -> Replicates:
        """Replicates of rows by cluster hash (N,) and position of their cell (N,), with weights (N,) or 1."""
        w = np.ones(len(cell)) if weight is None else weight
        keys, inverse = np.unique(cluster, return_inverse=True)
        pairs = pd.DataFrame({"cluster": inverse, "cell": cell, "w": w}).groupby(["cluster", "cell"], sort=True).sum()
        who = pairs.index.get_level_values(0).to_numpy()
        where = pairs.index.get_level_values(1).to_numpy()
        sums = np.zeros((cells, REPLICATES))
        starts = np.searchsorted(who, np.arange(0, len(keys) + _CHUNK, _CHUNK))
        for i, first in enumerate(range(0, len(keys), _CHUNK)):
            part = slice(starts[i], starts[i + 1])
            times = multiplicities(keys[first : first + _CHUNK])
            _add(sums, where[part], pairs["w"].to_numpy()[part], who[part] - first, times)
        hashes, order = keys[who] >> np.uint64(64 - _BITS), np.argsort(where, kind="stable")
        borders = np.searchsorted(where[order], np.arange(1, cells))
        return cls(sums, tuple(_lowest([h]) for h in np.split(hashes[order], borders)[:cells]))

    def gathered(self, position: Positions, cells: int) -> Replicates:
        """The replicates of fewer cells: cell i goes to `position[i]`."""
        sums = np.zeros((cells, self.sums.shape[1]))
        np.add.at(sums, position, self.sums)
        parts: list[list[Keys]] = [[] for _ in range(cells)]
        for p, hashes in zip(position, self.lowest, strict=True):
            parts[int(p)].append(hashes)
        return Replicates(sums, tuple(_lowest(p) for p in parts))

    def beside(self, other: Replicates) -> Replicates:
        """The cells of both, one under the other."""
        return Replicates(np.concatenate([self.sums, other.sums]), self.lowest + other.lowest)

    def taken(self, where: Positions) -> Replicates:
        """The replicates of the cells at these positions."""
        return Replicates(self.sums[where], tuple(self.lowest[i] for i in where))

    def reduced(self, weight: Floats) -> Replicates:
        """Without hashes, and without what a cluster alone weighs in a replicate, which its hash would give away.

        `weight` (C,) is Σ weight of each cell. All readings are linear in the replicates' sums, so columns with the
        same second moments about it serve as well.
        """
        away = self.sums - weight[:, None]
        factor = np.asarray(np.linalg.qr(away.T, mode="r")).T
        factor = factor * np.where(np.diagonal(factor) < 0, -1.0, 1.0)
        scaled = factor * (factor.shape[1] / self.sums.shape[1]) ** 0.5
        kept = weight[:, None] + np.array([float(f"{x:.6g}") for x in scaled.ravel()]).reshape(scaled.shape)
        return Replicates(kept, tuple(np.zeros(0, np.uint64) for _ in self.lowest))

    def to_json(self) -> dict[str, Any]:
        """As JSON; whole sums stay whole."""
        whole = bool((self.sums == np.rint(self.sums)).all())
        sums = self.sums.astype(np.int64).tolist() if whole else self.sums.tolist()
        return {"sums": sums, "lowest": [h.tolist() for h in self.lowest]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Replicates:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the clusters", "sums", optional=("lowest", "counts"))
        rows = reading.items(data["sums"], "the replicates")
        width = len(reading.items(rows[0], "a row of the replicates", most=REPLICATES)) if rows else REPLICATES
        sums = reading.matrix(rows, "the replicates", rows=len(rows), width=width)
        stored = reading.items(data.get("lowest", [[]] * len(rows)), "the hashes of the clusters", length=len(rows))
        return cls(sums, tuple(_hashes(h) for h in stored))


def cluster_hashes(values: Any, name: str = "cluster") -> Keys:
    """A 64-bit hash of each cluster id (N,); 3, 3.0 and "3" are one id. DataError where an id is missing."""
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    codes, uniques = factorized(series)
    if (codes < 0).any():
        raise DataError(f"'{name}' is missing in {int((codes < 0).sum()):,} rows: every row belongs to a cluster")
    labels = np.array([written(u) for u in uniques], dtype=object)
    hashes = pd.util.hash_array(labels, hash_key=_HASH_KEY, categorize=False).astype(np.uint64)
    return hashes[codes]


def multiplicities(keys: Keys) -> NDArray[np.uint8]:
    """(N, R) how often each cluster counts in each replicate: Poisson(1), from the hash alone.

    One round of splitmix64 of the scattered hash and a block's number gives sixteen bits to each of four replicates,
    and these give the Poisson quantile at (bits + ½) / 2¹⁶.

    >>> drawn = multiplicities(np.arange(4_000, dtype=np.uint64))
    >>> round(float(drawn.mean()), 2), round(float(drawn.var()), 2)
    (1.0, 1.0)
    """
    blocks = -(-REPLICATES // 4)
    scattered = shuffled(keys, 0)
    words = np.stack([shuffled(scattered, block + 1) for block in range(blocks)], axis=1)
    bits = np.ascontiguousarray(words.astype("<u8")).view("<u2")
    out: NDArray[np.uint8] = _quantiles()[bits[:, :REPLICATES]]
    return out


def distinct(parts: Sequence[Keys]) -> int:
    """How many clusters have rows in any of these cells, from the lowest hashes of each.

    Exact while every cell has fewer than `LOWEST`; beyond, (LOWEST − 1) / (the LOWEST-th lowest hash, as a share).
    Source: Bar-Yossef et al. (2002); the estimator of Giroire (2009).
    """
    found = np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)
    if all(len(p) < LOWEST for p in parts):
        return len(found)
    return round((LOWEST - 1) / (float(found[LOWEST - 1]) / 2.0**_BITS))


def shared(groups: Sequence[Sequence[Keys]]) -> Bools:
    """(K, K) whether any cluster is seen in both groups, each given by the lowest hashes of its cells.

    >>> shared([[np.array([1, 2], dtype=np.uint64)], [np.array([2], dtype=np.uint64)], []]).tolist()
    [[True, True, False], [True, True, False], [False, False, False]]
    """
    own = [np.unique(np.concatenate(cells)) if cells else np.zeros(0, dtype=np.uint64) for cells in groups]
    _, column, count = np.unique(np.concatenate(own), return_inverse=True, return_counts=True)
    group = np.repeat(np.arange(len(own)), [len(h) for h in own])
    alone = np.diag([len(h) > 0 for h in own])
    many = count[column] > 1
    columns = np.unique(column[many], return_inverse=True)[1]
    if not len(columns):
        return alone
    member = np.zeros((len(own), columns.max() + 1), dtype=np.float32)
    member[group[many], columns] = 1
    return np.asarray((member @ member.T > 0) | alone)


def _add(sums: Floats, cell: Ints, weight: Floats, row: Ints, times: NDArray[np.uint8]) -> None:
    present, column = np.unique(cell, return_inverse=True)
    if len(present) * len(times) <= _DENSE * len(cell):
        table = np.zeros((len(present), len(times)))
        table[column, row] = weight
        sums[present] += table @ times.astype(np.float64)
        return
    order = np.argsort(cell, kind="stable")
    where, first = np.unique(cell[order], return_index=True)
    for position, rows in zip(where, np.split(order, first[1:]), strict=True):
        sums[position] += weight[rows] @ times[row[rows]].astype(np.float64)


def _hashes(stored: object) -> Keys:
    """The lowest hashes of one cell, ascending; none where they are not kept."""
    found = reading.wholes(stored, "the hashes of a cell's clusters", high=2**_BITS - 1, most=LOWEST)
    if (np.diff(found) <= 0).any():
        raise EvidenceError("the hashes of a cell's clusters are repeated, or out of order")
    return found.astype(np.uint64)


def _lowest(parts: Sequence[Keys]) -> Keys:
    if not parts:
        return np.zeros(0, dtype=np.uint64)
    out: Keys = np.unique(np.concatenate(parts))[:LOWEST]
    return out


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.uint8]:
    below = np.cumsum([math.exp(-1.0) / math.factorial(m) for m in range(20)])
    return np.searchsorted(below, (np.arange(2**16) + 0.5) / 2**16).astype(np.uint8)
