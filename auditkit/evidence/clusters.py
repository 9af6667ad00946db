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
LOWEST = 512
"""Clusters are counted and their sizes known exactly up to here; beyond, counted from the lowest hashes (± 4.4 %)."""
OLDER = 128
"""So many were kept before sizes were."""
_HASH_KEY = "auditkitclusters"
"""Sixteen bytes: a cluster has the same hash in every audit."""
_BITS = 53
"""Of a stored hash: any reader of JSON can hold it."""
_CHUNK = 8_192
_DENSE = 64
"""A table of cells and clusters is multiplied whole if at least one in so many of its entries is not 0."""


@dataclass(frozen=True)
class Replicates:
    """Of C cells: Σ weight in each replicate, and the lowest hashes of the clusters seen in the cell.

    Where rows are of two people (`of_pairs`) the people are the clusters: a row of two counts as often as both do.
    """

    sums: Floats
    """(C, R); reduced, as few columns with the same means and second moments, which is all that intervals read."""
    lowest: tuple[Keys, ...]
    """C sorted arrays of at most `LOWEST` distinct hashes."""
    sizes: tuple[Floats, ...]
    """Σ weight of each of these clusters in the cell; NaN in reports that did not keep them."""
    pairs: Floats | None = None
    """(C, R') the same sums with pairs of two different people as clusters; None where a row is of one cluster."""
    people: Floats | None = None
    """(C,) Σ weight × people of the row, the mean of `sums`; None where a row is of one cluster."""

    @classmethod
    def of(cls, cluster: Keys, cell: Ints, weight: Floats | None, cells: int) -> Replicates:
        """Replicates of rows by cluster hash (N,) and position of their cell (N,), with weights (N,) or 1."""
        w = np.ones(len(cell)) if weight is None else weight
        keys, inverse = np.unique(cluster, return_inverse=True)
        pairs = pd.DataFrame({"cluster": inverse, "cell": cell, "w": w}).groupby(["cluster", "cell"], sort=True).sum()
        who = pairs.index.get_level_values(0).to_numpy()
        where = pairs.index.get_level_values(1).to_numpy()
        size = pairs["w"].to_numpy()
        sums = np.zeros((cells, REPLICATES))
        starts = np.searchsorted(who, np.arange(0, len(keys) + _CHUNK, _CHUNK))
        for i, first in enumerate(range(0, len(keys), _CHUNK)):
            part = slice(starts[i], starts[i + 1])
            times = multiplicities(keys[first : first + _CHUNK])
            _add(sums, where[part], size[part], who[part] - first, times)
        hashes, order = keys[who] >> np.uint64(64 - _BITS), np.argsort(where, kind="stable")
        borders = np.searchsorted(where[order], np.arange(1, cells))
        split = [np.split(x[order], borders)[:cells] for x in (hashes, size)]
        return cls(sums, *_columns([_lowest([h], [x]) for h, x in zip(*split, strict=True)]))

    @classmethod
    def of_ids(cls, ids: Sequence[Keys], cell: Ints, weight: Floats | None, cells: int) -> Replicates:
        """By the cluster of each row, or by its two people; DataError for more."""
        if len(ids) > 2:
            raise DataError(f"rows have one cluster, or two people; {len(ids)} columns are given")
        return (
            cls.of_pairs(ids[0], ids[1], cell, weight, cells) if len(ids) > 1 else cls.of(ids[0], cell, weight, cells)
        )

    @classmethod
    def of_pairs(cls, first: Keys, second: Keys, cell: Ints, weight: Floats | None, cells: int) -> Replicates:
        """Replicates of rows of two people, by the hashes of both (N,); equal hashes are a row of one.

        V = Σ over people (sum of their rows)² − Σ over pairs of two different people (sum of the pair's rows)²: every
        two rows with a person in common count once. Source: Cameron, Gelbach & Miller (2011), J. Bus. Econ. Stat. 29.
        """
        w = np.ones(len(cell)) if weight is None else weight
        two = first != second
        low, high = np.minimum(first, second)[two], np.maximum(first, second)[two]
        at, also = np.concatenate([cell, cell[two]]), np.concatenate([w, w[two]])
        each = cls.of(np.concatenate([first, second[two]]), at, also, cells)
        pairs = cls.of(shuffled(shuffled(low, 0) + high, 0), cell[two], w[two], cells)
        people = np.bincount(at, also, minlength=cells).astype(np.float64)
        return cls(each.sums, each.lowest, each.sizes, pairs.sums, people)

    def gathered(self, position: Positions, cells: int, factor: Floats | None = None) -> Replicates:
        """The replicates of fewer cells: cell i goes to `position[i]`, its weights times `factor[i]`."""
        by = np.ones(len(position)) if factor is None else factor
        parts: list[list[int]] = [[] for _ in range(cells)]
        for i, p in enumerate(position):
            parts[int(p)].append(i)
        found = [_lowest([self.lowest[i] for i in of], [self.sizes[i] * by[i] for i in of]) for of in parts]
        pairs, people = (None if x is None else gathered(x, position, by, cells) for x in (self.pairs, self.people))
        return Replicates(gathered(self.sums, position, by, cells), *_columns(found), pairs, people)

    def beside(self, other: Replicates) -> Replicates:
        """The cells of both, one under the other; EvidenceError where rows of one are of two people."""
        if (self.pairs is None) != (other.pairs is None):
            raise EvidenceError("cannot add rows of one cluster each and rows of two people")
        return Replicates(
            np.concatenate([self.sums, other.sums]),
            self.lowest + other.lowest,
            self.sizes + other.sizes,
            None if self.pairs is None or other.pairs is None else np.concatenate([self.pairs, other.pairs]),
            None if self.people is None or other.people is None else np.concatenate([self.people, other.people]),
        )

    def apart(self, other: Replicates, weight: Floats, others: Floats) -> Replicates:
        """The cells of both, one under the other, of clusters that are others: their draws are independent.

        Both are `reduced`; `weight` and `others` are what that was given. EvidenceError where rows of one are of two
        people.
        """
        if (self.pairs is None) != (other.pairs is None):
            raise EvidenceError("cannot add rows of one cluster each and rows of two people")
        lowest, sizes = self.lowest + other.lowest, self.sizes + other.sizes
        if self.pairs is None or other.pairs is None or self.people is None or other.people is None:
            return Replicates(_independent(self.sums, weight, other.sums, others), lowest, sizes)
        pairs = _independent(self.pairs, self.people - weight, other.pairs, other.people - others)
        sums = _independent(self.sums, self.people, other.sums, other.people)
        return Replicates(sums, lowest, sizes, pairs, np.concatenate([self.people, other.people]))

    def taken(self, where: Positions) -> Replicates:
        """The replicates of the cells at these positions."""
        return Replicates(
            self.sums[where],
            tuple(self.lowest[i] for i in where),
            tuple(self.sizes[i] for i in where),
            None if self.pairs is None else self.pairs[where],
            None if self.people is None else self.people[where],
        )

    def columns(self) -> tuple[Floats, Floats]:
        """(C, R) all that is drawn, and the measure (R,) of its mean square: of pairs negative, they are taken off."""
        blocks = [(self.sums, 1.0), *([] if self.pairs is None else [(self.pairs, -1.0)])]
        measure = [np.full(x.shape[1], sign / max(1, x.shape[1])) for x, sign in blocks]
        return np.concatenate([x for x, _ in blocks], axis=1), np.concatenate(measure)

    def reduced(self, weight: Floats) -> Replicates:
        """Without hashes, and without what a cluster alone weighs in a replicate, which its hash would give away.

        `weight` (C,) is Σ weight of each cell. All readings are linear in the replicates' sums, so columns with the
        same second moments about it serve as well.
        """
        mean = weight if self.people is None else self.people
        nothing = tuple(np.zeros(0, np.uint64) for _ in self.lowest)
        pairs = None if self.pairs is None else _about(self.pairs, mean - weight)
        return Replicates(_about(self.sums, mean), nothing, tuple(np.zeros(0) for _ in nothing), pairs, self.people)

    def to_json(self) -> dict[str, Any]:
        """As JSON; whole sums stay whole."""
        out: dict[str, Any] = {"sums": _written(self.sums), "lowest": [h.tolist() for h in self.lowest]}
        if not any(np.isnan(x).any() for x in self.sizes):
            out["sizes"] = [_written(x) for x in self.sizes]
        if self.pairs is not None and self.people is not None:
            out |= {"pairs": _written(self.pairs), "people": _written(self.people)}
        return out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Replicates:
        """From `to_json`; EvidenceError for what no rows can give."""
        data = reading.fields(data, "the clusters", "sums", optional=("lowest", "sizes", "counts", "pairs", "people"))
        sums = _replicates(data["sums"], "the replicates")
        n = len(sums)
        stored = reading.items(data.get("lowest", [[]] * n), "the hashes of the clusters", length=n)
        lowest = tuple(_hashes(h) for h in stored)
        if "sizes" in data:
            given = reading.items(data["sizes"], "the sizes of the clusters", length=n)
            sizes = tuple(
                reading.numbers(x, "the sizes of a cell's clusters", low=0, length=len(h))
                for x, h in zip(given, lowest, strict=True)
            )
        else:
            sizes = tuple(np.full(len(h), np.nan) for h in lowest)
        if ("pairs" in data) != ("people" in data):
            raise EvidenceError("the clusters hold pairs or people; both belong together")
        if "pairs" not in data:
            return cls(sums, lowest, sizes)
        pairs = _replicates(data["pairs"], "the replicates of the pairs", rows=n)
        return cls(sums, lowest, sizes, pairs, reading.numbers(data["people"], "the people", low=0, length=n))


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


def distinct(parts: Sequence[Keys], kept: int = LOWEST) -> int:
    """How many clusters have rows in any of these cells, from the at most `kept` lowest hashes of each.

    Exact while every cell has fewer; beyond, (kept − 1) / (the kept-th lowest hash, as a share).
    Source: Bar-Yossef et al. (2002); the estimator of Giroire (2009).
    """
    found = np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)
    if all(len(p) < kept for p in parts):
        return len(found)
    return round((kept - 1) / (float(found[kept - 1]) / 2.0**_BITS))


def sizes_of(parts: Sequence[Keys], sizes: Sequence[Floats]) -> Floats | None:
    """The weight of every cluster with rows in any of these cells, from the lowest hashes of each and their weights.

    None where a cell has `LOWEST` clusters or more, and so not all of them, or where weights were not kept.

    >>> sizes_of([np.array([1, 2], np.uint64), np.array([2], np.uint64)], [np.array([3.0, 1.0]), np.array([2.0])])
    array([3., 3.])
    """
    if any(len(p) >= LOWEST for p in parts):
        return None
    found = _lowest(parts, sizes, None)[1]
    return None if np.isnan(found).any() else found


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


def _lowest(parts: Sequence[Keys], sizes: Sequence[Floats], most: int | None = LOWEST) -> tuple[Keys, Floats]:
    """The lowest hashes of several cells, and what their clusters weigh in all of them.

    A hash among the lowest of all is among those of every cell that has it, so that no part of its weight is lost.
    """
    if not parts:
        return np.zeros(0, dtype=np.uint64), np.zeros(0)
    found, at = np.unique(np.concatenate(parts), return_inverse=True)
    return found[:most], np.bincount(at, np.concatenate(sizes), len(found)).astype(np.float64)[:most]


def _columns(cells: Sequence[tuple[Keys, Floats]]) -> tuple[tuple[Keys, ...], tuple[Floats, ...]]:
    return tuple(h for h, _ in cells), tuple(x for _, x in cells)


def gathered(values: Floats, position: Positions, by: Floats, cells: int) -> Floats:
    """Sums of cells, (C, …), times `by` (C,), in the place of fewer: cell i goes to `position[i]`."""
    out = np.zeros((cells, *values.shape[1:]))
    np.add.at(out, position, values * by.reshape(-1, *[1] * (values.ndim - 1)))
    return out


def factored(columns: Floats, scale: float = 1.0) -> Floats:
    """(C, F) few columns with the same products as these (C, R), times `scale`, to six digits."""
    factor = np.asarray(np.linalg.qr(columns.T, mode="r")).T
    factor = factor * np.where(np.diagonal(factor) < 0, -1.0, 1.0) * scale
    return np.array([float(f"{x:.6g}") for x in factor.ravel()]).reshape(factor.shape)


def _about(sums: Floats, mean: Floats) -> Floats:
    """(C, F) few columns with the same second moments about their means."""
    few = min(sums.shape)
    return np.asarray(mean[:, None] + factored(sums - mean[:, None], (few / sums.shape[1]) ** 0.5))


def _independent(a: Floats, mean: Floats, b: Floats, others: Floats) -> Floats:
    """(C + D, F + G) columns of a (C, F) about their means over columns of b (D, G), none of which moves the other."""
    width, split = a.shape[1] + b.shape[1], (len(a), a.shape[1])
    out = np.zeros((len(a) + len(b), width))
    for away, rows, columns in ((a - mean[:, None], slice(0, split[0]), slice(0, split[1])),
                                (b - others[:, None], slice(split[0], None), slice(split[1], None))):  # fmt: skip
        out[rows, columns] = away * (width / max(1, away.shape[1])) ** 0.5
    return np.asarray(out + np.concatenate([mean, others])[:, None])


def _written(values: Floats) -> list[Any]:
    """As lists; whole numbers as such."""
    whole = bool((values == np.rint(values)).all()) and bool((np.abs(values) < reading.MOST_ROWS).all())
    return list((values.astype(np.int64) if whole else values).tolist())


def _replicates(stored: object, what: str, rows: int | None = None) -> Floats:
    found = reading.items(stored, what, length=rows)
    width = len(reading.items(found[0], f"a row of {what}", most=REPLICATES)) if found else REPLICATES
    return reading.matrix(found, what, rows=len(found), width=width)


@lru_cache(maxsize=1)
def _quantiles() -> NDArray[np.uint8]:
    below = np.cumsum([math.exp(-1.0) / math.factorial(m) for m in range(20)])
    return np.searchsorted(below, (np.arange(2**16) + 0.5) / 2**16).astype(np.uint8)
