"""Every cell of a score histogram in two halves of its rows, the same for whatever attributes are asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.evidence import merging
from auditkit.evidence.frames import parts
from auditkit.evidence.halves import of_counts
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import BINS
from auditkit.fairness.scores.heldout import Halves
from auditkit.fairness.scores.mitigation import Found, enough
from auditkit.fairness.sets import Attributes

Place = NDArray[np.intp]


class Reading(NamedTuple):
    """Where the cells stand when the groups of some attributes are read, (C,) each."""

    groups: tuple[Attributes, ...]
    """K crossed groups, sorted."""
    group: Place
    """Of each cell, its position among them."""
    place: Place
    """Its bin: of merged bins, that of their mean score within the group."""


@dataclass(frozen=True)
class Halved:
    """The C cells of a histogram (group of all its attributes × truth × bin), each row in one half.

    A rule on one attribute can be asked of thresholds by another only if both know the same halves.
    """

    evidence: ScoreHistogram
    n: Ints
    """(2, C) rows of each half."""
    selected: Ints
    """(2, C) of these, the ones that are selected now."""

    @classmethod
    def of(cls, evidence: ScoreHistogram) -> Halved:
        """Each row goes to a half by itself, as `Halves.of` sends those of all attributes crossed."""
        cells = evidence.table("cells")
        now, n = cells["selected"].astype(np.int64), cells["n"].astype(np.int64)
        whole = reading(evidence, evidence.by)
        key = np.array([((whole.group * 2 + d) * 2 + cells["y_true"]) * BINS + whole.place for d in (0, 1)])
        counts = np.array([n - now, now])
        some, second = counts > 0, np.zeros_like(counts)
        second[some] = of_counts(key[some].astype(np.uint64), counts[some])
        both = np.array([counts - second, second])  # half, decision, cell
        return cls(evidence, both.sum(axis=1), both[:, 1])

    @cached_property
    def truth(self) -> Ints:
        """(C,)"""
        return np.asarray(self.evidence.table("cells")["y_true"]).astype(np.int64)

    def parted(self, thresholds: Floats) -> NDArray[np.bool_]:
        """(C,) cells that hold scores on both sides of a threshold, of one for each cell."""
        cells = self.evidence.table("cells")
        return np.asarray((cells["low"] < thresholds) & (cells["high"] >= thresholds))

    def halves(self, by: Sequence[str]) -> Halves:
        """The bins of the groups of these attributes in both halves."""
        found, read = list(self.evidence.groups(*by)), reading(self.evidence, by)
        first, second = (self._bins(found, read, half) for half in (0, 1))
        return Halves((first, second), frozenset(k for k, b in found if enough(b)))

    def _bins(self, found: Found, read: Reading, half: int) -> Found:
        dense = np.zeros((2, len(found), 2, BINS), np.int64)
        for out, counts in zip(dense, (self.n[half], self.selected[half]), strict=True):
            np.add.at(out, (read.group, self.truth, read.place), counts)
        return [(k, b._replace(n=n, selected=s)) for (k, b), n, s in zip(found, *dense, strict=True)]


def reading(evidence: ScoreHistogram, by: Sequence[str]) -> Reading:
    """Where the cells of a histogram stand when the groups of these attributes are read."""
    cells = evidence.table("cells")
    rows = len(cells["n"])
    groups, group, place = [], np.zeros(rows, np.intp), np.zeros(rows, np.intp)
    for i, (key, at) in enumerate(parts(cells, by, rows)):
        groups.append(key)
        group[at] = i
        part = {c: cells[c][at] for c in ("bin", "last", "s", "n")} if evidence.merged else {"bin": cells["bin"][at]}
        place[at] = merging.places_of(part) if evidence.merged else part["bin"]
    return Reading(tuple(groups), group, place)
