"""How many clusters groups have, and which groups share one: from hashes while rows are seen, as counts in a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Ints, Keys
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.clusters import LOWEST, OLDER, distinct, shared, sizes_of
from auditkit.evidence.frames import column, occurring
from auditkit.evidence.sizes import Clusters

Cells = Sequence[tuple[int, int]]
"""Cells of truth and decision, -1 where one is missing."""
_FOUR = ((0, 0), (0, 1), (1, 0), (1, 1))
_ANY, _SOME = (-1, 0, 1), ((0,), (1,), (0, 1))
_MORE = tuple(
    frozenset(cells)
    for cells in (
        *([(t, d) for t in _ANY for d in some] for some in _SOME),
        *([(t, d) for t in some for d in _ANY] for some in _SOME),
        *([(-1, d) for d in some] for some in _SOME),
    )
)
"""Sets of cells of rows whose truth may be missing, or whose decision, or whose truth is."""
_MOST_CROSSED = 4
"""Columns of which every subset is counted; of more, each alone and all together."""


class Seen(Protocol):
    """The clusters of K groups."""

    def distinct(self, cells: Cells) -> Ints:
        """(K,) distinct clusters with a row in one of these cells."""
        ...

    def worth(self, cells: Cells) -> Clusters:
        """What they are worth there, by their sizes; NaN where these are not known."""
        ...

    def shared(self, cells: Cells) -> Bools:
        """(K, K) whether two groups have a cluster in common there."""
        ...


@dataclass(frozen=True)
class Hashed:
    """The lowest hashes of the clusters of each table cell, indexed [k, 1 + y_true, 1 + y_pred]."""

    lowest: Mapping[tuple[int, int, int], tuple[Keys, Floats]]
    """With what each cluster weighs there."""
    groups: int

    def distinct(self, cells: Cells) -> Ints:
        """See `Seen`."""
        each = zip(self._of(cells), self._of(cells, 1), strict=True)
        old = (any(np.isnan(x).any() for x in sizes) for _, sizes in each)
        kept = [OLDER if o else LOWEST for o in old]
        return np.array([distinct(h, k) for h, k in zip(self._of(cells), kept, strict=True)], dtype=np.int64)

    def worth(self, cells: Cells) -> Clusters:
        """See `Seen`."""
        found = np.full((self.groups, 3), np.nan)
        for k, (hashes, weights) in enumerate(zip(self._of(cells), self._of(cells, 1), strict=True)):
            sizes = sizes_of(hashes, weights)
            if sizes is not None:
                found[k] = np.concatenate(Clusters.of_sizes(sizes))
        return Clusters(*found.T)

    def shared(self, cells: Cells) -> Bools:
        """See `Seen`."""
        return shared(self._of(cells))

    def counted(self) -> Counted:
        """The same as counts, of every set of cells of known truth and decision, with `_MORE` where one is missing."""
        counts, worth = np.zeros((self.groups, 16), np.int64), np.zeros((3, self.groups, 16))
        for bits in range(1, 16):
            cells = [c for i, c in enumerate(_FOUR) if bits >> i & 1]
            counts[:, bits], worth[:, :, bits] = self.distinct(cells), self.worth(cells)
        each = [self._of([c])[k] for k in range(self.groups) for c in _FOUR]
        common = shared(each).reshape(self.groups, 4, self.groups, 4) if each else np.zeros((0, 4, 0, 4), bool)
        lacking = any((t == 0) != (d == 0) for _, t, d in self.lowest)
        return Counted(counts, common, Clusters(*worth), self._lacking() if lacking else None)

    def _lacking(self) -> Lacking:
        """The counts of `_MORE`."""
        sets = [tuple(sorted(s)) for s in _MORE]
        counts, common, worth = (np.array([of(s) for s in sets]) for of in (self.distinct, self.shared, self.worth))
        return Lacking(counts.T, common, Clusters(*worth.transpose(1, 2, 0)))

    def _of(self, cells: Cells, what: int = 0) -> list[tuple[Any, ...]]:
        """Of each group the hashes of these cells; or, for `what` = 1, the weights."""
        return [
            tuple(found[what] for t, d in cells if (found := self.lowest.get((k, 1 + t, 1 + d))) is not None)
            for k in range(self.groups)
        ]


@dataclass(frozen=True)
class Lacking:
    """Counts of `_MORE`, sets of cells in which truth or decision may be missing."""

    counts: Ints
    """(K, sets) distinct clusters."""
    common: Bools
    """(sets, K, K) whether two groups share a cluster."""
    values: Clusters
    """(K, sets) what they are worth; NaN where that is not known."""


@dataclass(frozen=True)
class Counted:
    """Counts alone: no cluster can be told from them."""

    counts: Ints
    """(K, 16) distinct clusters of each set of cells, bit 2·y_true + y_pred."""
    common: Bools
    """(K, 4, K, 4) whether two groups share a cluster, cell by cell."""
    values: Clusters
    """(K, 16) what the clusters of each set of cells are worth; NaN where that is not known."""
    lacking: Lacking | None = None
    """None where no truth or decision is missing, and in older reports, where only the clusters of rows with both are
    known: so few are fewer, which is cautious."""

    def distinct(self, cells: Cells) -> Ints:
        """See `Seen`."""
        of, at = self._at(cells)
        out: Ints = of.counts[:, at]
        return out

    def shared(self, cells: Cells) -> Bools:
        """See `Seen`."""
        of, at = self._at(cells)
        if isinstance(of, Lacking):
            return np.asarray(of.common[at])
        each = [i for i in range(4) if at >> i & 1]
        return np.asarray(self.common[:, each][:, :, :, each].any(axis=(1, 3)))

    def worth(self, cells: Cells) -> Clusters:
        """See `Seen`."""
        of, at = self._at(cells)
        return Clusters(*(x[:, at] for x in of.values))

    def taken(self, order: Sequence[int]) -> Counted:
        """Of the groups at these positions, in this order."""

        def values(of: Counted | Lacking) -> Clusters:
            return Clusters(*(x[order] for x in of.values))

        more = self.lacking
        if more is not None:
            more = Lacking(more.counts[order], more.common[:, order][:, :, order], values(more))
        return Counted(self.counts[order], self.common[order][:, :, order], values(self), more)

    def apart(self, own: Sequence[int], other: Counted, others: Sequence[int], groups: int) -> Counted:
        """Of so many groups the clusters of both, which are others: `own` and `others` are the places of their groups.

        What clusters are worth is known of groups that one of the two has; of others it is read off the replicates.
        """
        parts = [(self, np.array(own, np.intp)), (other, np.array(others, np.intp))]
        common = np.zeros((groups, 4, groups, 4), bool)
        for of, at in parts:
            common[np.ix_(at, np.arange(4), at, np.arange(4))] |= of.common
        counts, worth = _summed(parts, groups)
        known = Counted(counts, common, worth)
        if self.lacking is None and other.lacking is None:
            return known
        lost = [(of.lacking or of._without_lacking(), at) for of, at in parts]
        shared_ = np.zeros((len(_MORE), groups, groups), bool)
        for more, at in lost:
            shared_[np.ix_(np.arange(len(_MORE)), at, at)] |= more.common
        counts, worth = _summed(lost, groups)
        return replace(known, lacking=Lacking(counts, shared_, worth))

    def _without_lacking(self) -> Lacking:
        """The counts of `_MORE` where no truth or decision is missing."""
        sets = [tuple(sorted(s)) for s in _MORE]
        at = [self._at(s)[1] for s in sets]
        return Lacking(
            self.counts[:, at], np.array([self.shared(s) for s in sets]), Clusters(*(x[:, at] for x in self.values))
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return _written(self) | ({} if self.lacking is None else {"lacking": _written(self.lacking)})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Counted:
        """From `to_json`; EvidenceError for what no rows can give."""
        counts, bits, worth = _read(data, 16, 16)
        k = len(counts)
        known = cls(counts, bits.reshape(k, 4, k, 4), worth)
        if "lacking" not in data:
            return known
        stored = reading.fields(data["lacking"], "clusters of rows without truth", "counts", "common", "worth")
        counts, bits, worth = _read(stored, len(_MORE), len(_MORE), groups=k)
        return replace(known, lacking=Lacking(counts, bits.reshape(-1, k, k), worth))

    def _at(self, cells: Cells) -> tuple[Counted | Lacking, int]:
        """What counts these cells, and the place of their set there."""
        wanted = frozenset(cells)
        if self.lacking is not None and wanted in _MORE:
            return self.lacking, _MORE.index(wanted)
        return self, sum(1 << 2 * t + d for t, d in wanted if t >= 0 and d >= 0)


def _summed(parts: Sequence[tuple[Counted | Lacking, NDArray[np.intp]]], groups: int) -> tuple[Ints, Clusters]:
    """Counts of clusters that are others, (groups, sets), and what they are worth; NaN where two parts have some."""
    width = parts[0][0].counts.shape[1]
    counts, seen = np.zeros((2, groups, width), np.int64)
    worth = np.zeros((3, groups, width))
    for of, at in parts:
        some = of.counts > 0
        counts[at] += of.counts
        seen[at] += some
        worth[:, at] = np.where(some, np.array(of.values), worth[:, at])
    worth[:, seen > 1] = np.nan
    return counts, Clusters(*worth)


def _written(of: Counted | Lacking) -> dict[str, Any]:
    return {
        "counts": of.counts.tolist(),
        "common": np.packbits(of.common).tobytes().hex(),
        "worth": {
            name: [[None if math.isnan(x) else x for x in row] for row in values.tolist()]
            for name, values in of.values._asdict().items()
        },
    }


def _read(data: Mapping[str, Any], sets: int, pairs: int, *, groups: int | None = None) -> tuple[Ints, Bools, Clusters]:
    """Counts and worth (groups, sets), and so many bits for each pair of groups."""
    rows = reading.items(data["counts"], "the counts of clusters", most=reading.MOST_GROUPS, length=groups)
    counts = np.array([reading.wholes(r, "the clusters of a group", length=sets) for r in rows], np.int64)
    counts, k = counts.reshape(-1, sets), len(rows)
    found = reading.bits(data["common"], f"which of {k} groups share a cluster", length=pairs * k * k)
    return counts, found, _worth(data.get("worth"), k, sets)


def _worth(stored: object, groups: int, sets: int) -> Clusters:
    """(groups, sets) numbers, NaN for None; all NaN in a report that did not keep them."""
    what = "what clusters are worth"
    if stored is None:
        return Clusters(*np.full((3, groups, sets), np.nan))
    data, found = reading.fields(stored, what, *Clusters._fields), []
    for name in Clusters._fields:
        rows = [reading.items(r, what, length=sets) for r in reading.items(data[name], what, length=groups)]
        filled = reading.matrix([[-1 if x is None else x for x in r] for r in rows], what, width=sets, low=-1)
        found.append(np.where(filled < 0, np.nan, filled))
    return Clusters(*found)


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
        data = reading.fields(entry, "the counts of clusters", "by", "counts", "common", optional=("worth", "lacking"))
        by = reading.names(data["by"], "'by' of the counts of clusters")
        if not {column(b) for b in by} <= set(columns):
            raise EvidenceError(f"clusters are counted by {list(by)}, which the tally does not have")
        groups = occurring(columns, by) if by else 1
        found = Counted.from_json(data)
        if len(found.counts) != groups:
            raise EvidenceError(f"clusters of {len(found.counts):,} groups by {list(by)}; there are {groups:,}")
        out[by] = found
    return out
