"""Boxes of a detector as rows: which objects it finds, and what it takes for one where there is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from auditkit.arrays import Bools, Floats, Ints
from auditkit.boxes import COLUMN, NO_OBJECT, NOWHERE, Asked, Matcher, kept, object_row, overlaps, scene_row
from auditkit.errors import DataError, choices, listing
from auditkit.inputs.grouping import names_of
from auditkit.inputs.predictions import Predictions
from auditkit.inputs.told import Seeing, ToldDataset
from auditkit.options import checked_options
from auditkit.readers.reader import Reader, Reading
from auditkit.readers.scenes import Boxes, Scenes, results_of, truths_of
from auditkit.records import Task

_OBJECT, _SCORE, _SCENE, _CLUSTER = "object", "score", "scene", "cluster"
_OWN = (_OBJECT, _SCORE, _SCENE, _CLUSTER, COLUMN)
SIZE, CLASS = "size", "class"
"""Attributes that are made where no truth has them."""
_SMALL, _LARGE = 32.0**2, 96.0**2


@dataclass(frozen=True, kw_only=True)
@checked_options
class Detections(Reader):
    """A detector of objects in scenes: what is there, and its boxes with their scores.

    Parameters
    ----------
    truths
        COCO's JSON (its path, or the dict), or a list of dicts, one a scene: `boxes` (N, 4), `labels` (N,), `scene`
        (its id; left out: its position), `crowd` (N,), and attributes, one of the scene or one an object.
    results
        COCO's results (a path, or the list), or a list of dicts, one a scene: `boxes`, `labels`, `scores`, `scene`.
        Lists, arrays and tensors serve.
    sensitive_features
        What is declared of objects (a key of the annotations) or of their scenes (a key of the images). "size" (small
        below 32² pixels, large from 96² on, as COCO has it) and "class" are made where truths have none.
    at_score
        A box counts as a decision from this score on.
    iou
        Overlaps from which on a box is on an object; decisions are at the first.
    box_format
        `"xywh"` (left, top, width, height) or `"xyxy"` (left, top, right, bottom); None: COCO's JSON is xywh.
    max_detections
        Boxes of a scene and class that count, those of the highest scores.
    score_range
        The least and the greatest score; None: 0 and 1.
    categories
        Names of the classes, where truths are dicts and some class has no object; None: those of the objects.
    cluster
        An attribute of scenes that says which belong together (a drive, a camera); None: each scene is by itself.
    bins
        Edges of bins of what is a number: `{"distance": [0, 20, 50, 200]}`.
    net, pictures, score_at
        All three, or none: the report then shows a few missed objects with what moves the net's score at their places
        (`ak.MissedObjects`), pictures among them. `net` is the `torch.nn.Module`; `pictures` gives that of a scene, by
        a mapping or a function of its id (as text), as the net takes it: floats (channels, height, width) or (height,
        width), in pixels of the boxes; `score_at(net, pictures, boxes)` gives (n,) scores, differentiable, of an object
        at each of (n, 4) boxes (left, top, right, bottom).

    Each object is a row, and each scene one more, of what is no object. Boxes are matched as COCO does: by falling
    score, each to the object of its class that it overlaps most and that is free.

    >>> truths = [{"boxes": [[0, 0, 9, 9], [20, 0, 29, 9]], "labels": ["car", "car"], "light": "dark"}]
    >>> results = [{"boxes": [[0, 0, 9, 8], [50, 0, 59, 9]], "labels": ["car", "car"], "scores": [0.9, 0.4]}]
    >>> read = Detections(truths=truths, results=results, sensitive_features=["light"], at_score=0.5, box_format="xyxy")
    >>> batch = next(read.reading.data.batches())
    >>> batch.y_true.tolist(), read.reading.model.outputs(read.reading.data)[1].tolist()
    ([1, 1, 0], [0.9, 0.0, 0.4])
    """

    tasks: ClassVar[tuple[Task, ...]] = ("detection",)
    PATHS: ClassVar[tuple[str, ...]] = ("truths", "results")
    truths: Any
    results: Any
    sensitive_features: Sequence[str]
    at_score: float
    iou: Sequence[float] = (0.5, 0.75)
    box_format: Literal["xywh", "xyxy"] | None = None
    max_detections: int = 100
    score_range: Any = None
    categories: Sequence[str] | None = None
    cluster: str | None = None
    bins: Mapping[str, Sequence[float]] | None = None
    net: Any = None
    pictures: Any = None
    score_at: Any = None

    def __post_init__(self) -> None:
        if not self.iou or not all(0 < x <= 1 for x in self.iou):
            raise DataError(f"iou are overlaps above 0 and at most 1, as in iou=[0.5, 0.75]; got {list(self.iou)}")
        if self.max_detections < 1:
            raise DataError(f"max_detections is a number of boxes of at least 1, got {self.max_detections}")
        given = {"net": self.net, "pictures": self.pictures, "score_at": self.score_at}
        lost = [name for name, x in given.items() if x is None]
        if 0 < len(lost) < len(given):
            raise DataError(f"net, pictures and score_at are given together; {' and '.join(lost)} is lacking")
        if not lost and not (callable(self.net) and callable(self.score_at) and _gives(self.pictures)):
            raise DataError(
                "net is a torch.nn.Module, pictures a mapping or a function from the id of a scene to its picture, and "
                "score_at a function of (net, pictures, boxes); got "
                f"{listing([type(x).__name__ for x in given.values()])}"
            )

    def read(self) -> Reading:
        """See `Reader`."""
        scenes = truths_of(self.truths, self.box_format, self.categories)
        boxes = results_of(self.results, scenes, self.box_format)
        model = Predictions(score=_SCORE, threshold=self.at_score, score_range=self.score_range)
        if isinstance(model.score_range, str):
            raise DataError("score_range of boxes is the least and the greatest score there can be, as in [0, 1]")
        low, high = model.score_range or (0.0, 1.0)
        if not low < self.at_score:
            raise DataError(
                f"at_score is above {low:g}, the score of an object that no box is on; got {self.at_score:g}"
            )
        beyond = np.flatnonzero((boxes.score < low) | (boxes.score > high))
        if len(beyond):
            raise DataError(
                f"{len(beyond):,} boxes have a score outside of {low:g} to {high:g}, the first "
                f"{boxes.score[beyond[0]]:g} in the scene '{boxes.scene[beyond[0]]}': say score_range=[least, greatest]"
            )
        asked = Asked(tuple(float(x) for x in self.iou), self.max_detections, float(self.at_score))
        rows = self._rows(scenes, boxes, asked, low)
        data = ToldDataset(
            rows,
            y_true=_OBJECT,
            positive=1,
            task=self.tasks[0],
            sensitive_features=list(names_of(self.sensitive_features, "sensitive_features")),
            cluster=_CLUSTER,
            bins=self.bins,
            leave_out=[_SCENE],
        )
        data.notes = (*data.notes, *_notes(scenes, boxes, asked))
        data.cautions = (*data.cautions, *_left_out(boxes, asked))
        if self.net is not None:
            data.seeing = Seeing(self.net, self.pictures, self.score_at, asked.at_score, low)
        return Reading(model, data)

    def _rows(self, scenes: Scenes, boxes: Boxes, asked: Asked, low: float) -> pd.DataFrame:
        """A row an object, and then one a scene."""
        objects, own = scenes.objects, ~scenes.objects.crowd
        best, alarm = _scored(scenes, boxes, asked, low)
        ids = list(scenes.ids)
        told = [
            object_row(s, k, b)
            for s, k, b in zip(objects.scene[own], objects.kind[own], objects.box[own].tolist(), strict=True)
        ]
        crowds = _by_scene(objects, objects.crowd, scored=False)
        found = _by_scene(boxes, np.ones(len(boxes.score), bool))
        told += [scene_row(s, asked, found[s], crowds[s]) for s in ids]
        position = {s: i for i, s in enumerate(ids)}
        of = [position[s] for s in objects.scene[own]]
        rows = pd.DataFrame(
            {
                _OBJECT: np.repeat([1, 0], [len(of), len(ids)]),
                _SCORE: np.concatenate([best[own], alarm]),
                _SCENE: [*objects.scene[own], *ids],
                COLUMN: told,
            }
        )
        for name in names_of(self.sensitive_features, "sensitive_features"):
            if name in _OWN:
                raise DataError(f"'{name}' is no name of an attribute here: rows of boxes have a column of that name")
            rows[name] = _column(name, scenes, own, of)
        if self.cluster is None:
            rows[_CLUSTER] = rows[_SCENE]
        elif self.cluster in scenes.attributes:
            each = scenes.attributes[self.cluster]
            rows[_CLUSTER] = [*(each[i] for i in of), *each]
        else:
            raise DataError(f"cluster names what is said of scenes: {choices(self.cluster, scenes.attributes)}")
        return rows


def _gives(pictures: Any) -> bool:
    """Whether it gives pictures of scenes."""
    return callable(pictures) or isinstance(pictures, Mapping)


def _column(name: str, scenes: Scenes, own: Bools, of: Sequence[int]) -> list[Any]:
    """What is declared of each object, and then of each scene."""
    objects = scenes.objects
    if name in objects.attributes:
        values = objects.attributes[name]
        return [*(values[i] for i in np.flatnonzero(own).tolist()), *[NO_OBJECT] * len(scenes.ids)]
    if name in scenes.attributes:
        each = scenes.attributes[name]
        return [*(each[i] for i in of), *each]
    made: dict[str, Any] = {CLASS: lambda: objects.kind[own].tolist(), SIZE: lambda: _sizes(objects.box[own])}
    if name in made:
        return [*made[name](), *[NO_OBJECT] * len(scenes.ids)]
    known = list(dict.fromkeys([*objects.attributes, *scenes.attributes, *made]))
    raise DataError(f"nothing is called '{name}' in objects or scenes; there are {choices(name, known)}")


def _sizes(box: Floats) -> list[str]:
    area = box[:, 2] * box[:, 3]
    return [str(x) for x in np.select([area < _SMALL, area < _LARGE], ["small", "medium"], "large")]


def _scored(scenes: Scenes, boxes: Boxes, asked: Asked, low: float) -> tuple[Floats, Floats]:
    """The score of the box that is on each object, and of the highest in each scene that is on none; `low` of none."""
    objects = scenes.objects
    of_scene = {s: i for i, s in enumerate(scenes.ids)}
    of_kind: dict[str, int] = {}
    scene = [np.array([of_scene[s] for s in x.scene], dtype=np.int64) for x in (objects, boxes)]
    kind = [np.array([of_kind.setdefault(k, len(of_kind)) for k in x.kind], dtype=np.int64) for x in (objects, boxes)]
    place: list[Ints] = [s * max(1, len(of_kind)) + k for s, k in zip(scene, kind, strict=True)]
    order, best_first = np.argsort(place[0], kind="stable"), kept(boxes.score, place[1], asked.most)
    crowd = objects.crowd[order]
    pairs = overlaps(
        objects.box[order],
        crowd,
        place[0][order],
        boxes.box[best_first],
        place[1][best_first],
        least=asked.iou[0],
    )
    on = Matcher.of(pairs, crowd, len(best_first), asked.iou[0]).matched(crowd)
    score = boxes.score[best_first]
    best, alarm = np.full(len(order), low), np.full(len(scenes.ids), low)
    hit = on != NOWHERE
    np.maximum.at(best, order[on[hit]], score[hit])
    np.maximum.at(alarm, scene[1][best_first][~hit], score[~hit])
    return best, alarm


def _by_scene(boxes: Boxes, where: Bools, *, scored: bool = True) -> dict[str, list[list[Any]]]:
    """Scene → its boxes as lists."""
    out: dict[str, list[list[Any]]] = defaultdict(list)
    each = zip(
        boxes.scene[where], boxes.kind[where], boxes.box[where].tolist(), boxes.score[where].tolist(), strict=True
    )
    for s, k, b, x in each:
        out[s].append([*b, x, k] if scored else [*b, k])
    return out


def _notes(scenes: Scenes, boxes: Boxes, asked: Asked) -> Iterator[str]:
    """How boxes were matched, and what is no object to be found."""
    n, crowds = len(scenes.objects.kind), int(scenes.objects.crowd.sum())
    first, *others = (f"{x:g}" for x in asked.iou)
    also = f" (average precision also from {' and '.join(others)} on)" if others else ""
    yield (
        f"{n - crowds:,} objects in {len(scenes.ids):,} scenes, and {len(boxes.kind):,} boxes. A box is on an object "
        f"of its class where they overlap by {first} (intersection over union) or more{also}, matched by falling score "
        f"as COCO does; an object is found where the score of its box is {asked.at_score:g} or more."
    )
    if crowds:
        yield f"{crowds:,} regions are crowds: no object to be found, and boxes on them are neither right nor wrong."


def _left_out(boxes: Boxes, asked: Asked) -> Iterator[str]:
    beyond = pd.DataFrame({"s": boxes.scene, "k": boxes.kind}).value_counts() - asked.most
    lost = int(beyond[beyond > 0].sum())
    if lost:
        yield f"{lost:,} boxes are left out: of a scene and class the {asked.most:,} of the highest scores count."
