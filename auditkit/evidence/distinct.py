"""How many clusters groups have, and which groups share one: from hashes while rows are seen, as counts in a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Ints, Keys
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.clusters import distinct, shared
from auditkit.evidence.frames import column, occurring

Cells = Sequence[tuple[int, int]]
"""Cells of truth and decision."""
_FOUR = ((0, 0), (0, 1), (1, 0), (1, 1))
_MOST_CROSSED = 4
"""Columns of which every subset is counted; of more, each alone and all together."""


class Seen(Protocol):
    """The clusters of K groups."""

    def distinct(self, cells: Cells) -> Ints:
        """(K,) distinct clusters with a row in one of these cells."""
        ...

    def shared(self, cells: Cells) -> Bools:
        """(K, K) whether two groups have a cluster in common there."""
        ...


@dataclass(frozen=True)
class Hashed:
    """The lowest hashes of the clusters of each table cell, indexed [k, 1 + y_true, 1 + y_pred]."""

    lowest: Mapping[tuple[int, int, int], Keys]
    groups: int

    def distinct(self, cells: Cells) -> Ints:
        """See `Seen`."""
        return np.array([distinct(h) for h in self._of(cells)], dtype=np.int64)

    def shared(self, cells: Cells) -> Bools:
        """See `Seen`."""
        return shared(self._of(cells))

    def counted(self) -> Counted:
        """The same as counts, of every set of cells of known truth and decision."""
        counts = np.zeros((self.groups, 16), np.int64)
        for bits in range(1, 16):
            counts[:, bits] = self.distinct([c for i, c in enumerate(_FOUR) if bits >> i & 1])
        each = [self._of([c])[k] for k in range(self.groups) for c in _FOUR]
        common = shared(each).reshape(self.groups, 4, self.groups, 4) if each else np.zeros((0, 4, 0, 4), bool)
        return Counted(counts, common)

    def _of(self, cells: Cells) -> list[tuple[Keys, ...]]:
        return [
            tuple(h for t, d in cells if (h := self.lowest.get((k, 1 + t, 1 + d))) is not None)
            for k in range(self.groups)
        ]


@dataclass(frozen=True)
class Counted:
    """Counts alone: no cluster can be told from them."""

    counts: Ints
    """(K, 16) distinct clusters of each set of cells, bit 2·y_true + y_pred."""
    common: Bools
    """(K, 4, K, 4) whether two groups share a cluster, cell by cell."""

    def distinct(self, cells: Cells) -> Ints:
        """See `Seen`."""
        out: Ints = self.counts[:, sum(1 << i for i in self._at(cells))]
        return out

    def shared(self, cells: Cells) -> Bools:
        """See `Seen`."""
        at = self._at(cells)
        return np.asarray(self.common[:, at][:, :, :, at].any(axis=(1, 3)))

    def taken(self, order: Sequence[int]) -> Counted:
        """Of the groups at these positions, in this order."""
        return Counted(self.counts[order], self.common[order][:, :, order])

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"counts": self.counts.tolist(), "common": np.packbits(self.common).tobytes().hex()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Counted:
        """From `to_json`; EvidenceError for what no rows can give."""
        rows = reading.items(data["counts"], "the counts of clusters", most=reading.MOST_GROUPS)
        counts = np.array([reading.wholes(r, "the clusters of a group", length=16) for r in rows], np.int64)
        counts, k = counts.reshape(-1, 16), len(rows)
        hexed = data["common"]
        if not isinstance(hexed, str) or len(hexed) != 2 * -(-16 * k * k // 8) or set(hexed) - set("0123456789abcdef"):
            raise EvidenceError(f"the clusters of {k} groups do not fit the groups that share them")
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(data["common"]), np.uint8))[: 16 * k * k]
        return cls(counts, bits.reshape(k, 4, k, 4).astype(bool))

    @staticmethod
    def _at(cells: Cells) -> list[int]:
        return sorted({2 * t + d for t, d in cells})


def subsets(by: Sequence[str]) -> list[tuple[str, ...]]:
    """The sets of columns whose groups are counted, () among them.

    >>> subsets(["sex", "race"])
    [(), ('sex',), ('race',), ('sex', 'race')]
    """
    sizes = range(len(by) + 1) if len(by) <= _MOST_CROSSED else (0, 1, len(by))
    return [s for size in sizes for s in combinations(by, size)]


def counted_from(stored: object, columns: Mapping[str, NDArray[Any]]) -> dict[tuple[str, ...], Counted]:
    """Group columns → counts, out of a tally's JSON, of as many groups as its cells (`columns`) have."""
    out: dict[tuple[str, ...], Counted] = {}
    for entry in reading.items(stored, "the counts of clusters", most=2**_MOST_CROSSED + reading.MOST_COLUMNS):
        data = reading.fields(entry, "the counts of clusters", "by", "counts", "common")
        by = reading.names(data["by"], "'by' of the counts of clusters")
        if not {column(b) for b in by} <= set(columns):
            raise EvidenceError(f"clusters are counted by {list(by)}, which the tally does not have")
        groups = occurring(columns, by) if by else 1
        found = Counted.from_json(data)
        if len(found.counts) != groups:
            raise EvidenceError(f"clusters of {len(found.counts):,} groups by {list(by)}; there are {groups:,}")
        out[by] = found
    return out
