"""Found: tallies of the same objects at several thresholds, written without what does not change between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.clusters import Replicates
from auditkit.evidence.distinct import Counted
from auditkit.evidence.frames import columns_of
from auditkit.evidence.sizes import Clusters
from auditkit.evidence.tally import Tally

_MISSED, _FOUND, _ALL = 4, 8, 12
"""Positions in `Counted` of the sets of cells (1, 0), (1, 1), and both: truth is 1 in every cell."""
_FIELDS = ("by", "all", "each", "worth", "worths", "common")


@dataclass(frozen=True)
class ClusterSteps:
    """The clusters of K groups of some attributes, at P thresholds."""

    by: tuple[str, ...]
    everything: Ints
    """(K,) clusters with an object."""
    counts: Ints
    """(P, K, 2) clusters with one that is missed, and with one that is found."""
    worth: Floats
    """(3, K) what clusters with an object are worth (`Clusters`)."""
    worths: Floats
    """(P, 3, K, 2) what those of `counts` are."""
    common: Bools
    """(P, K, 2, K, 2) whether two groups share a cluster, by missed and found."""

    @classmethod
    def of(cls, by: tuple[str, ...], each: Sequence[Counted]) -> ClusterSteps:
        """From counts that were made of each threshold."""
        cells = [_MISSED, _FOUND]
        worth = [np.array(c.values) for c in each]
        return cls(
            by,
            each[0].counts[:, _ALL],
            np.array([c.counts[:, cells] for c in each]),
            worth[0][:, :, _ALL],
            np.array([w[:, :, cells] for w in worth]),
            np.array([c.common[:, 2:, :, 2:] for c in each]),
        )

    def at(self, i: int) -> Counted:
        """The counts of a threshold."""
        k = len(self.everything)
        counts, worth, common = np.zeros((k, 16), np.int64), np.zeros((3, k, 16)), np.zeros((k, 4, k, 4), bool)
        for bits in range(4):
            counts[:, [_MISSED + bits, _FOUND + bits]] = self.counts[i]
            counts[:, _ALL + bits] = self.everything
            worth[:, :, [_MISSED + bits, _FOUND + bits]] = self.worths[i]
            worth[:, :, _ALL + bits] = self.worth
        common[:, 2:, :, 2:] = self.common[i]
        return Counted(counts, common, Clusters(*worth))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by": list(self.by),
            "all": self.everything.tolist(),
            "each": self.counts.reshape(len(self.counts), -1).tolist(),
            "worth": _written(self.worth.ravel()),
            "worths": [_written(x) for x in self.worths.reshape(len(self.worths), -1)],
            "common": [np.packbits(x).tobytes().hex() for x in self.common],
        }

    @classmethod
    def from_json(cls, data: object, attributes: Sequence[str], steps: int) -> ClusterSteps:
        """From `to_json`; EvidenceError for what cannot be."""
        what = "the clusters of objects"
        told = reading.fields(data, what, *_FIELDS)
        by = reading.names(told["by"], f"'by' of {what}")
        if not set(by) <= set(attributes):
            raise EvidenceError(f"{what} are counted by {list(by)}, and objects are by {list(attributes)}")
        everything = reading.wholes(told["all"], what, most=reading.MOST_GROUPS)
        k = len(everything)
        each = [reading.wholes(x, what, length=2 * k) for x in reading.items(told["each"], what, length=steps)]
        worths = [_read(x, what, 6 * k) for x in reading.items(told["worths"], what, length=steps)]
        bits = [reading.bits(x, what, length=4 * k * k) for x in reading.items(told["common"], what, length=steps)]
        return cls(
            by,
            everything,
            np.array(each).reshape(steps, k, 2),
            _read(told["worth"], what, 3 * k).reshape(3, k),
            np.array(worths).reshape(steps, 3, k, 2),
            np.array(bits).reshape(steps, k, 2, k, 2),
        )


@dataclass(frozen=True)
class Found:
    """Objects of G crossed groups at P thresholds, with what replicates of their scenes make of them."""

    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    objects: Ints
    """(G,)"""
    found: Ints
    """(P, G)"""
    drawn: tuple[Floats, ...]
    """(P,) of (C, C), C the cells that hold an object: `Replicates.sums` about their means."""
    seen: tuple[ClusterSteps, ...]
    """Of each set of attributes."""

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> Found:
        """Of tallies that are `reduced`, of the same objects."""
        tables = [t.counts(*t.by) for t in tallies]
        first = tallies[0]
        return cls(
            first.by,
            tables[0].groups,
            tables[0].table.sum(axis=(1, 2)),
            np.array([t.table[:, 2, 2] for t in tables]),
            tuple(_about(t) for t in tallies),
            tuple(ClusterSteps.of(by, [t.distinct[by] for t in tallies]) for by in first.distinct),
        )

    def tallies(self) -> tuple[Tally, ...]:
        """One a threshold, as it was."""
        return tuple(self._tally(i) for i in range(len(self.found)))

    def _tally(self, i: int) -> Tally:
        n = np.stack([self.objects - self.found[i], self.found[i]], axis=1)
        group, decision = np.nonzero(n)
        counts, none = n[group, decision], np.zeros(0)
        names = {c: np.array([g[a] for g in self.groups], dtype=object) for a, c in enumerate(columns_of(self.by))}
        cells = {c: values[group] for c, values in names.items()}
        nothing = (np.zeros(0, np.uint64),) * len(counts)
        clusters = Replicates(counts[:, None] + self.drawn[i], nothing, (none,) * len(counts))
        cells |= {"y_true": np.ones_like(decision), "y_pred": decision, "n": counts}
        distinct = {s.by: s.at(i) for s in self.seen}
        return Tally.of_tables({"cells": cells}, by=self.by, clusters=clusters, distinct=distinct, strata=None)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "groups": [list(g) for g in self.groups],
            "objects": self.objects.tolist(),
            "found": self.found.tolist(),
            "drawn": [triangle(x) for x in self.drawn],
            "clusters": [s.to_json() for s in self.seen],
        }

    @classmethod
    def from_json(cls, data: object, by: tuple[str, ...], steps: int) -> Found:
        """From `to_json`; EvidenceError for what cannot be."""
        what = "the objects found"
        told = reading.fields(data, what, "groups", "objects", "found", "drawn", "clusters")
        of = reading.items(told["groups"], f"groups of {what}", most=reading.MOST_GROUPS)
        groups = [tuple(reading.texts(g, "a group", length=len(by))) for g in of]
        if groups != sorted(set(groups)):
            raise EvidenceError(f"groups of {what} come twice, or out of order")
        objects = reading.wholes(told["objects"], what, low=1, length=len(groups))
        lines = reading.items(told["found"], what, length=steps)
        found = np.array([reading.wholes(x, what, length=len(groups)) for x in lines]).reshape(steps, len(groups))
        if (found > objects).any():
            raise EvidenceError(f"{what} are more than there are")
        cells = ((found > 0).sum(axis=1) + (found < objects).sum(axis=1)).tolist()
        each = zip(reading.items(told["drawn"], what, length=steps), cells, strict=True)
        drawn = tuple(untriangled(x, c, what) for x, c in each)
        seen = [
            ClusterSteps.from_json(x, by, steps)
            for x in reading.items(told["clusters"], what, most=reading.MOST_COLUMNS)
        ]
        reading.distinct([frozenset(s.by) for s in seen], f"sets of {what}")
        for s in seen:
            known = len({tuple(g[by.index(a)] for a in s.by) for g in groups})
            if len(s.everything) != known:
                raise EvidenceError(f"clusters of {len(s.everything):,} groups by {list(s.by)}; there are {known:,}")
        return cls(by, tuple(groups), objects, found, drawn, tuple(seen))


def triangle(of: Floats) -> list[float]:
    """The entries of a triangular matrix (C, C) up to its diagonal, line by line, to the six digits that it has."""
    return [float(f"{x:.6g}") for x in of[np.tril_indices(len(of))].tolist()]


def untriangled(stored: object, size: int, what: str) -> Floats:
    """The matrix again; EvidenceError for another number of entries."""
    found = reading.numbers(stored, f"what is drawn of {what}", length=size * (size + 1) // 2)
    out = np.zeros((size, size))
    out[np.tril_indices(size)] = found
    return out


def _about(tally: Tally) -> Floats:
    assert tally.clusters is not None, "objects of one scene are dependent"
    return np.asarray(tally.clusters.sums - tally.columns["n"].astype(np.float64)[:, None])


def _written(values: Floats) -> list[float | None]:
    return [None if math.isnan(x) else x for x in values.tolist()]


def _read(stored: object, what: str, length: int) -> Floats:
    given = [-1 if x is None else x for x in reading.items(stored, what, length=length)]
    found = reading.numbers(given, f"what {what} are worth", low=-1)
    return np.where(found < 0, np.nan, found)
