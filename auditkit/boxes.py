"""Boxes of objects in scenes, and which of a detector's boxes is on which object, as COCO matches them.

In the order of their scores each box takes, of the objects of its scene and class that are still free, the one that it
overlaps most, if that is at least the threshold. Objects that are ignored (crowds, those of other groups) are taken
only where no other will do; a box on one of them is neither right nor wrong. A crowd takes any number of boxes.
Source: Lin et al. (2014), ECCV; pycocotools 2.0, `COCOeval.evaluateImg`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats, Ints, Positions

NOWHERE = -1
"""Of a box that is on no object."""
_ALMOST = 1 - 1e-10
"""COCO's threshold where 1 is asked for."""


class Overlaps(NamedTuple):
    """Pairs of a box and an object of one scene and class that overlap enough."""

    box: Ints
    """(P,) rising."""
    truth: Ints
    """(P,)"""
    iou: Floats
    """(P,)"""


def overlap(truths: Floats, boxes: Floats, crowd: Bools) -> Floats:
    """(D, T) intersection over union of boxes (D, 4) and objects (T, 4) as left, top, width, height; of a crowd, over
    the area of the box alone.

    >>> overlap(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 2, 2]]), np.array([False])).round(3).tolist()
    [[0.333]]
    """
    a, b = boxes[:, None, :], truths[None, :, :]
    side = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.where((side > 0).all(axis=-1), side[..., 0] * side[..., 1], 0.0)
    own, other = (x[..., 2] * x[..., 3] for x in (a, b))
    return np.asarray(shared / np.where(crowd[None, :], own, own + other - shared))


def overlaps(
    truths: Floats, crowd: Bools, truth_place: Ints, boxes: Floats, box_place: Ints, *, least: float
) -> Overlaps:
    """The pairs that overlap by `least` or more, among those of one place (scene and class).

    Truths and boxes stand sorted by place; within one, boxes by falling score.
    """
    found: list[tuple[Ints, Ints, Floats]] = []
    places = np.intersect1d(truth_place, box_place)
    of = [np.searchsorted(x, places, side) for x in (truth_place, box_place) for side in ("left", "right")]
    for t, t_end, d, d_end in zip(*(x.tolist() for x in of), strict=True):
        iou = overlap(truths[t:t_end], boxes[d:d_end], crowd[t:t_end])
        box, truth = np.nonzero(iou >= min(least, _ALMOST))
        if len(box):
            found.append((box + d, truth + t, iou[box, truth]))
    if not found:
        return Overlaps(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Overlaps(*(np.concatenate(x) for x in zip(*found, strict=True)))


@dataclass(frozen=True)
class Matcher:
    """Which object each of D boxes is on, at one threshold, for any set of ignored objects.

    Where every box overlaps one object, and its object only such boxes, nothing depends on who is ignored: the first
    box is on it. Only what is contested is walked box by box.
    """

    plain: Ints
    """(D,) the object of each box that is not contested, else `NOWHERE`."""
    contested: tuple[tuple[int, tuple[tuple[int, float], ...]], ...]
    """Boxes by falling score, each with the objects that it overlaps."""
    crowd: Bools
    """(T,)"""

    @classmethod
    def of(cls, pairs: Overlaps, crowd: Bools, boxes: int, threshold: float) -> Matcher:
        """From the pairs that overlap, of D boxes."""
        enough = pairs.iou >= min(threshold, _ALMOST)
        box, truth, iou = (x[enough] for x in pairs)
        several = np.bincount(box, minlength=boxes) > 1
        open_ = np.zeros(len(crowd), bool)
        open_[truth[several[box]]] = True
        simple = ~open_[truth]
        plain = np.full(boxes, NOWHERE, np.int64)
        first = np.zeros(len(box), bool)
        first[np.unique(truth[simple], return_index=True)[1]] = True
        at, own = box[simple], truth[simple]
        taken = first[: len(own)] | crowd[own]
        plain[at[taken]] = own[taken]
        order = np.flatnonzero(~simple)
        groups: dict[int, list[tuple[int, float]]] = {}
        for d, t, x in zip(box[order].tolist(), truth[order].tolist(), iou[order].tolist(), strict=True):
            groups.setdefault(d, []).append((t, x))
        return cls(plain, tuple((d, tuple(of)) for d, of in groups.items()), crowd)

    def matched(self, ignored: Bools) -> Ints:
        """(D,) the object that each box is on, of (T,) objects of which some are ignored; `NOWHERE` for none.

        Of one overlap the later object is taken, as COCO does.
        """
        out = self.plain.copy()
        taken: set[int] = set()
        crowd = self.crowd
        for box, near in self.contested:
            for aside in (False, True):
                best, most = NOWHERE, 0.0
                for truth, iou in near:
                    if ignored[truth] == aside and iou >= most and (truth not in taken or crowd[truth]):
                        best, most = truth, iou
                if best != NOWHERE:
                    out[box] = best
                    taken.add(best)
                    break
        return out


def kept(score: Floats, place: Ints, most: int) -> Positions:
    """The `most` boxes of highest score of each place, sorted by place and falling score; equal ones as they stand.

    >>> kept(np.array([0.1, 0.9, 0.5]), np.array([0, 0, 0]), 2).tolist()
    [1, 2]
    """
    order = np.lexsort((np.arange(len(score)), -score, place))
    own = place[order]
    rank = np.arange(len(own)) - np.searchsorted(own, own)
    return np.asarray(order[rank < most])


def places(*of: tuple[Sequence[str], Sequence[str]]) -> list[Ints]:
    """Codes of (scene, class) of several tables, the same in all of them."""
    seen: dict[tuple[str, str], int] = {}
    return [
        np.array([seen.setdefault(key, len(seen)) for key in zip(scene, kind, strict=True)], dtype=np.int64)
        for scene, kind in of
    ]


COLUMN = "boxes"
"""The column in which rows of scenes hold their boxes, as JSON."""
NO_OBJECT = "(no object)"
"""The group, by what objects have, of the row that a scene has beside those of its objects."""


class Asked(NamedTuple):
    """How boxes are matched and counted."""

    iou: tuple[float, ...]
    """Thresholds; decisions are at the first."""
    most: int
    """Boxes of a scene and class that count, those of the highest scores."""
    at_score: float
    """From which score on a box counts as a decision."""


def object_row(scene: str, kind: str, box: Sequence[float]) -> str:
    """What the row of an object holds."""
    return json.dumps([scene, kind, *box])


def scene_row(scene: str, asked: Asked, boxes: Sequence[Sequence[object]], crowds: Sequence[Sequence[object]]) -> str:
    """What the row of a scene holds: its boxes as left, top, width, height, score and class, and its crowds."""
    return json.dumps([scene, asked, boxes, crowds])
