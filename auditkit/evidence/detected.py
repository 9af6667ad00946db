"""Detected: how precisely objects are found and how many are missed, by group, with what scenes make of the error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.boxes import Asked
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.clusters import factored
from auditkit.evidence.distinct import Cells
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.sizes import Clusters
from auditkit.evidence.stepped import Stepped

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

MOST_SETS = 1_000
MOST_CLASSES = 10_000


@dataclass(frozen=True)
class OfSet:
    """The curves of K groups, as numbers. As clusters of these it answers what `Seen` asks, whatever the cells."""

    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    objects: Ints
    """(K,)"""
    clusters: Ints
    """(K,) clusters with an object."""
    values: Clusters
    """(K,) what these are worth."""
    common: Bools
    """(K, K) whether two groups have a cluster in common."""
    precision: Floats
    """(thresholds, K) average precision; NaN where no object is."""
    miss_rate: Floats
    """(K,) log-average miss rate."""
    errors: Floats
    """((thresholds + 1) K, F) what replicates add to each precision, and then to each miss rate; few columns with the
    same second moments."""

    @classmethod
    def of(
        cls, by: tuple[str, ...], groups: Sequence[tuple[str, ...]], sizes: Floats, values: Floats, drawn: Floats
    ) -> OfSet:
        """Of objects in each cluster (K, C), values (M, K), and the same in each replicate (M, K, R)."""
        worth = [Clusters.of_sizes(s[s > 0]) for s in sizes]
        some = (sizes > 0).astype(np.float32)
        known = ~np.isnan(drawn)
        n = np.maximum(known.sum(axis=2, keepdims=True), 1)
        mean = np.where(known, drawn, 0.0).sum(axis=2, keepdims=True) / n
        away = np.where(known, drawn - mean, 0.0).reshape(-1, drawn.shape[2])
        few = min(away.shape)
        return cls(
            tuple(by),
            tuple(tuple(map(str, g)) for g in groups),
            sizes.sum(axis=1).astype(np.int64),
            (sizes > 0).sum(axis=1).astype(np.int64),
            Clusters(*(np.concatenate(x) for x in zip(*worth, strict=True))) if worth else Clusters(*np.zeros((3, 0))),
            np.asarray(some @ some.T > 0),
            values[:-1],
            values[-1],
            factored(away, (few / away.shape[1]) ** 0.5) if few else np.zeros((len(away), 0)),
        )

    def distinct(self, cells: Cells) -> Ints:
        """See `Seen`."""
        return self.clusters

    def worth(self, cells: Cells) -> Clusters:
        """See `Seen`."""
        return self.values

    def shared(self, cells: Cells) -> Bools:
        """See `Seen`."""
        return self.common

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by": list(self.by),
            "groups": [list(g) for g in self.groups],
            "objects": self.objects.tolist(),
            "clusters": self.clusters.tolist(),
            "worth": {k: v.tolist() for k, v in self.values._asdict().items()},
            "common": self.common.astype(int).tolist(),
            "ap": [_written(x) for x in self.precision],
            "lamr": _written(self.miss_rate),
            "errors": self.errors.tolist(),
        }

    @classmethod
    def from_json(cls, data: object, thresholds: int) -> OfSet:
        """From `to_json`; EvidenceError for what cannot be."""
        what = "the curves of a set"
        found = reading.fields(
            data, what, "by", "groups", "objects", "clusters", "worth", "common", "ap", "lamr", "errors"
        )
        by = reading.names(found["by"], f"'by' of {what}")
        read = reading.items(found["groups"], f"groups of {what}", most=reading.MOST_GROUPS)
        groups = [tuple(reading.texts(g, "a group", length=len(by))) for g in read]
        reading.distinct(groups, f"groups of {what}")
        k = len(groups)
        counts = [reading.wholes(found[x], f"{x} of {what}", length=k) for x in ("objects", "clusters")]
        told = reading.fields(found["worth"], f"worth of {what}", *Clusters._fields)
        worth = (reading.numbers(told[x], f"{x} of {what}", low=0, length=k) for x in Clusters._fields)
        common = reading.matrix(found["common"], f"what groups of {what} share", rows=k, width=k, low=0)
        lines = reading.items(found["ap"], f"ap of {what}", length=thresholds)
        values = [_read(x, f"a rate of {what}", k) for x in (*lines, found["lamr"])]
        errors = reading.items(found["errors"], f"errors of {what}", length=(thresholds + 1) * k)
        width = len(reading.items(errors[0], f"errors of {what}")) if errors else 0
        return cls(
            by, tuple(groups), counts[0], counts[1], Clusters(*worth), common > 0,
            np.array(values[:-1]).reshape(thresholds, k), values[-1],
            reading.matrix(errors, f"errors of {what}", rows=len(errors), width=width),
        )  # fmt: skip


@dataclass(frozen=True)
class Detected:
    """What is told of scenes, made of all of them at once: such does not add."""

    by: tuple[str, ...]
    of_scenes: tuple[str, ...]
    """The attributes that are of scenes, by which false alarms are counted."""
    asked: Asked
    counts: dict[str, int]
    """`scenes` and `boxes` that count."""
    sets: tuple[OfSet, ...]
    """Of everybody (no attribute), and of each set of attributes."""
    absent: tuple[tuple[str, ...], ...]
    """Sets of too many groups."""
    classes: tuple[tuple[str, int, tuple[float, ...]], ...]
    """Class, its objects, its average precision at each threshold."""
    alarms: NumberSums
    """False alarms of each scene."""
    steps: Stepped | None = None
    """What is found at other thresholds; None where that was not counted."""

    def __add__(self, other: Detected) -> Detected:
        raise EvidenceError("curves are drawn of all scenes at once: add what was observed, before it is concluded")

    def sums(self) -> Detected:
        """Itself."""
        return self

    def of(self, by: Sequence[str]) -> OfSet | None:
        """The curves by these attributes, in any order; None where none were drawn."""
        return next((s for s in self.sets if set(s.by) == set(by)), None)

    def reduced(self, disclosure: Disclosure) -> Detected:
        """Sums already."""
        return self

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by": list(self.by),
            "of_scenes": list(self.of_scenes),
            "asked": {**self.asked._asdict(), "iou": list(self.asked.iou)},
            "counts": self.counts,
            "sets": [s.to_json() for s in self.sets],
            "absent": [list(by) for by in self.absent],
            "classes": [[name, n, list(values)] for name, n, values in self.classes],
            "alarms": self.alarms.to_json(),
            **({} if self.steps is None else {"steps": self.steps.to_json()}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Detected:
        """From `to_json`; EvidenceError for what cannot be."""
        what = "the detections"
        names = ("by", "of_scenes", "asked", "counts", "sets", "absent", "classes", "alarms")
        found = reading.fields(data, what, *names, optional=("steps",))
        by, of_scenes = (reading.names(found[k], f"'{k}' of {what}") for k in ("by", "of_scenes"))
        told = reading.fields(found["asked"], f"what is asked of {what}", *Asked._fields)
        iou = tuple(reading.numbers(told["iou"], "iou", low=0, most=100).tolist())
        asked = Asked(iou, reading.whole(told["most"], "most"), reading.number(told["at_score"], "at_score"))
        counts = reading.fields(found["counts"], f"counts of {what}", "scenes", "boxes")
        sets = [OfSet.from_json(s, len(iou)) for s in reading.items(found["sets"], "sets", most=MOST_SETS)]
        absent = [reading.names(x, "a set") for x in reading.items(found["absent"], "sets", most=MOST_SETS)]
        for of in (*(s.by for s in sets), *absent, of_scenes):
            if not set(of) <= set(by):
                raise EvidenceError(f"{what} are by {list(by)}, and hold curves by {list(of)}")
        classes = []
        for one in reading.items(found["classes"], "classes", most=MOST_CLASSES):
            name, n, values = reading.items(one, "a class", length=3)
            each = reading.numbers(values, "precision of a class", length=len(iou))
            classes.append((reading.text(name, "a class"), reading.whole(n, "its objects"), tuple(each.tolist())))
        alarms = NumberSums.from_json(reading.mapping(found["alarms"], "the false alarms"))
        steps = Stepped.from_json(found["steps"], by, alarms) if "steps" in found else None
        return cls(
            by, of_scenes, asked, {k: reading.whole(v, k) for k, v in counts.items()}, tuple(sets), tuple(absent),
            tuple(classes), alarms, steps,
        )  # fmt: skip


def _written(values: Floats) -> list[float | None]:
    return [None if math.isnan(x) else x for x in values.tolist()]


def _read(stored: object, what: str, length: int) -> Floats:
    given = reading.items(stored, what, length=length)
    found = reading.numbers([-1.0 if x is None else x for x in given], what, low=-1, high=1)
    return np.where(found < 0, np.nan, found)
