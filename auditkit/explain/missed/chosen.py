"""Which missed objects are looked at, and which found ones beside them: drawn by a hash. No torch.

One object a scene, or of what scenes belong to (a drive): two of one picture are not independent.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from auditkit.batch import Batch
from auditkit.boxes import COLUMN
from auditkit.stats.rates import critical_value, wilson

FEWEST = 10
"""Sampled objects that a group has at least, to be the one that is missed most."""


class Place(NamedTuple):
    """An object of the truth, and what the detector made of it."""

    row: int
    """In the sample."""
    scene: str
    kind: str
    box: tuple[float, float, float, float]
    """Left, top, width, height."""
    found: bool
    cluster: str = ""
    """What its scene belongs to; the scene, where that is not said."""

    @property
    def order(self) -> str:
        """By what it is drawn: a hash of what it is."""
        return hashlib.sha256(json.dumps([self.scene, self.kind, *self.box]).encode()).hexdigest()

    @property
    def size(self) -> float:
        """Logarithm of its area in pixels, from one on."""
        return math.log(max(1.0, self.box[2] * self.box[3]))


class Pair(NamedTuple):
    """A missed object, and the found one of its class and group that is nearest to it in size; None: none is left."""

    missed: Place
    found: Place | None


def places(sample: Batch) -> list[Place]:
    """The objects among sampled rows whose decision is known, in the order of their hashes."""
    told = sample.features[COLUMN].tolist()
    out = []
    for i in np.flatnonzero((sample.y_true == 1) & (sample.y_pred >= 0)).tolist():
        scene, kind, *box = json.loads(told[i])
        left, top, width, height = map(float, box)
        found, cluster = bool(sample.y_pred[i] == 1), scene if sample.cluster is None else sample.cluster[i]
        out.append(Place(i, str(scene), str(kind), (left, top, width, height), found, str(cluster)))
    return sorted(out, key=lambda p: p.order)


def missed_most(known: Sequence[Place], labels: Sequence[str]) -> str | None:
    """The group whose miss rate is highest by its lower limit (Wilson, 95%), of those of ten objects or more.

    None where no such group has a missed object; of equal ones the first by name.
    """
    of: dict[str, list[bool]] = {}
    for p in known:
        of.setdefault(labels[p.row], []).append(not p.found)
    few = {g: lost for g, lost in of.items() if len(lost) >= FEWEST and any(lost)}
    if not few:
        return None
    names, z = sorted(few), critical_value(0.95)
    low = wilson([sum(few[g]) for g in names], [len(few[g]) for g in names], z).low
    return names[int(np.argmax(low))]


def pairs(known: Sequence[Place], *, most: int) -> list[Pair]:
    """The first `most` missed objects, one a cluster, each with a found one of its class out of a cluster of its own.

    >>> near = (0.0, 0.0, 9.0, 9.0)
    >>> of = [("a", "car", False), ("b", "car", True), ("b", "bus", True)]
    >>> told = [Place(i, s, kind, near, found, s) for i, (s, kind, found) in enumerate(of)]
    >>> [(p.missed.row, p.found.row) for p in pairs(told, most=5)]
    [(0, 1)]
    """
    used: set[str] = set()
    missed: list[Place] = []
    for p in known:
        if not p.found and p.cluster not in used and len(missed) < most:
            used.add(p.cluster)
            missed.append(p)
    out = []
    for p in missed:
        free = [q for q in known if q.found and q.kind == p.kind and q.cluster not in used]
        best = min(free, key=lambda q: abs(q.size - p.size), default=None)
        used |= set() if best is None else {best.cluster}
        out.append(Pair(p, best))
    return out
