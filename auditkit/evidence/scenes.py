"""SceneBoxes: scenes with the boxes of their objects and those of a detector, as they are; `+` puts them together.

No report keeps them: `sums` makes of all scenes at once what is told (`Detected`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.arrays import Bools, Floats, Ints
from auditkit.boxes import COLUMN, NO_OBJECT, Asked, Matcher, kept, overlaps
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence.clusters import cluster_hashes, multiplicities
from auditkit.evidence.detected import Detected, OfSet
from auditkit.evidence.grouped import recoding_of
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.precision import Ranked
from auditkit.evidence.stepped import Scored, Stepped

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

Attributes = tuple[str, ...]
MOST_GROUPS = 64
"""Groups of one set of attributes whose curves are drawn again in replicates."""
_BOX = ["x", "y", "w", "h"]


@dataclass(frozen=True)
class SceneBoxes:
    """Scenes, their objects and a detector's boxes: a table each.

    >>> rows = ['["s", "car", 0, 0, 9, 9]', '["s", [[0.5], 100, 0.3], [[0, 0, 9, 9, 0.8, "car"]], []]']
    >>> seen = SceneBoxes.of({"light": ["dark", "dark"]}, rows, sets=[("light",)])
    >>> seen.sums().sets[0].precision.round(6).tolist()
    [[1.0]]
    """

    by: Attributes
    asked: Asked
    sets: tuple[Attributes, ...]
    """Sets of attributes, each crossed, by whose groups curves are drawn."""
    scenes: pd.DataFrame
    """`scene`, `cluster`, and what is declared of scenes."""
    objects: pd.DataFrame
    """`scene`, `kind`, `x`, `y`, `w`, `h`, `crowd`, and a column an attribute."""
    boxes: pd.DataFrame
    """`scene`, `kind`, `x`, `y`, `w`, `h`, `score`."""

    @classmethod
    def of(
        cls,
        groups: Mapping[str, Any] | pd.DataFrame,
        rows: Sequence[str],
        *,
        sets: Sequence[Attributes],
        cluster: Any = None,
    ) -> SceneBoxes:
        """From groups (N,) and the texts of N rows (`auditkit.boxes`); clusters (N,), or None: scenes.

        DataError for texts that are something else.
        """
        frame = pd.DataFrame({str(a): np.asarray(groups[str(a)]).astype(object) for a in groups})
        by = tuple(str(a) for a in frame.columns)
        try:
            read = json.loads(f"[{','.join(rows)}]")
            scene_at = np.array([len(r) == 4 for r in read], dtype=bool)
            told = [r for r, is_scene in zip(read, scene_at, strict=True) if is_scene]
            things = pd.DataFrame([r for r in read if len(r) != 4], columns=["scene", "kind", *_BOX])
            boxes = pd.DataFrame(
                [(s, *b) for s, _, of, _ in told for b in of], columns=["scene", *_BOX, "score", "kind"]
            )
            crowds = pd.DataFrame([(s, *b) for s, *_, of in told for b in of], columns=["scene", *_BOX, "kind"])
            asked = {Asked(tuple(iou), int(most), float(at)) for _, (iou, most, at), _, _ in told}
        except (TypeError, ValueError) as e:
            raise DataError(f"column '{COLUMN}' holds no boxes of scenes: ak.Detections makes it ({e})") from None
        if len(asked) > 1:
            raise DataError("scenes are matched in several ways: one audit has one iou, max_detections and at_score")
        ids = np.array([r[0] for r in read], dtype=object)
        scenes = frame[scene_at].reset_index(drop=True)
        scenes.insert(0, "scene", ids[scene_at])
        scenes.insert(1, "cluster", (ids if cluster is None else np.asarray(cluster))[scene_at])
        own = frame[~scene_at].reset_index(drop=True)
        objects = _below(pd.concat([things, own], axis=1).assign(crowd=False), crowds.assign(crowd=True))
        how = next(iter(asked), Asked((), 0, 0.0))
        return cls(by, how, tuple(sets), scenes, objects, boxes)

    def __add__(self, other: SceneBoxes) -> SceneBoxes:
        asked = {x.asked for x in (self, other) if x.asked.iou}
        if (self.by, self.sets) != (other.by, other.sets) or len(asked) > 1:
            raise EvidenceError(
                f"cannot add scenes by {list(self.by)} and by {list(other.by)}, or such as are matched in another way"
            )
        tables = {
            name: pd.concat([getattr(self, name), getattr(other, name)], ignore_index=True)
            for name in ("scenes", "objects", "boxes")
        }
        return replace(self, asked=next(iter(asked), self.asked), **tables)

    @property
    def of_scenes(self) -> Attributes:
        """The attributes that are of a scene, and not of each of its objects."""
        return tuple(a for a in self.by if not (self.scenes[a] == NO_OBJECT).any())

    def reduced(self, disclosure: Disclosure) -> Detected:
        """What is told of all scenes, of recoded groups."""
        recoding = {a: dict(of) for a, of in recoding_of(disclosure).items() if a in self.by}
        scenes, objects = self.scenes.copy(), self.objects.copy()
        for a, of in recoding.items():
            objects[a] = objects[a].replace(of)
            if a in self.of_scenes:
                scenes[a] = scenes[a].replace(of)
        out = replace(self, scenes=scenes, objects=objects)._told(steps=not disclosure.suppress_below)
        return replace(out, alarms=out.alarms.reduced(disclosure))

    def sums(self) -> Detected:
        """What is told; EvidenceError where a scene comes twice."""
        return self._told(steps=True)

    def _told(self, *, steps: bool) -> Detected:
        """With other thresholds, or without: where small groups are joined, some of their counts would be of few."""
        order = _in_order(self.scenes["scene"])
        scenes = self.scenes.iloc[order].reset_index(drop=True)
        index = pd.Index(scenes["scene"])
        if not index.is_unique:
            raise EvidenceError(
                f"the scene '{index[index.duplicated()][0]}' comes twice: parts have no scene in common"
            )
        kinds = sorted({*self.objects["kind"], *self.boxes["kind"]})
        return _Matched.of(self, scenes, index, kinds).told(steps=steps)

    def to_json(self) -> dict[str, Any]:
        """What is told, as JSON: scenes are never stored."""
        return self.sums().to_json()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SceneBoxes:
        """EvidenceError: scenes are never stored."""
        raise EvidenceError("scenes are never stored")


def _below(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rows under rows; what is empty has no say in the types of columns."""
    if not len(other):
        return one
    return pd.concat([one, other]) if len(one) else other.reindex(columns=one.columns)


def _in_order(ids: pd.Series[Any]) -> Ints:
    """Positions by id, as numbers where all are: COCO's order, in which boxes of equal scores stand."""
    texts = ids.astype(str)
    if texts.str.fullmatch(r"\d{1,15}").all():
        return np.argsort(texts.astype(np.int64).to_numpy(), kind="stable")
    return np.argsort(texts.to_numpy().astype(str), kind="stable")


@dataclass(frozen=True)
class _Matched:
    """All scenes with who overlaps whom, from which the curves of every group follow."""

    seen: SceneBoxes
    scenes: pd.DataFrame
    kinds: list[str]
    objects: pd.DataFrame
    """Sorted by place (scene and class)."""
    scene: tuple[Ints, Ints]
    """Of each object and of each box, the position of its scene."""
    kind: tuple[Ints, Ints]
    score: Floats
    matchers: tuple[Matcher, ...]
    """One a threshold."""

    @classmethod
    def of(cls, seen: SceneBoxes, scenes: pd.DataFrame, index: pd.Index[Any], kinds: list[str]) -> _Matched:
        code = pd.Index(kinds)
        scene, kind, place = [], [], []
        for table in (seen.objects, seen.boxes):
            scene.append(index.get_indexer(pd.Index(table["scene"])).astype(np.int64))
            kind.append(code.get_indexer(pd.Index(table["kind"])).astype(np.int64))
            place.append(scene[-1] * max(1, len(kinds)) + kind[-1])
        if (scene[0] < 0).any() or (scene[1] < 0).any():
            raise EvidenceError("there are objects without the row of their scene")
        score = seen.boxes["score"].to_numpy(np.float64)
        at = np.argsort(place[0], kind="stable"), kept(score, place[1], seen.asked.most)
        objects = seen.objects.iloc[at[0]].reset_index(drop=True)
        crowd = objects["crowd"].to_numpy(bool)
        corners = objects[_BOX].to_numpy(np.float64), seen.boxes[_BOX].to_numpy(np.float64)[at[1]]
        pairs = overlaps(
            corners[0], crowd, place[0][at[0]], corners[1], place[1][at[1]], least=min(seen.asked.iou, default=1.0)
        )
        matchers = tuple(Matcher.of(pairs, crowd, len(at[1]), t) for t in seen.asked.iou)
        both = [(x[0][at[0]], x[1][at[1]]) for x in (scene, kind)]
        return cls(seen, scenes, kinds, objects, both[0], both[1], score[at[1]], matchers)

    def told(self, *, steps: bool) -> Detected:
        """The curves of everybody and of each group, and what is found at other thresholds."""
        seen = self.seen
        cluster, keys = pd.factorize(self.scenes["cluster"])
        times = multiplicities(cluster_hashes(np.asarray(keys)))[cluster]
        everybody = np.zeros(len(self.objects), np.int64) - self.objects["crowd"].to_numpy(np.int64)
        sets = [OfSet.of((), [()], *self._curves(everybody, 1, times, cluster))]
        by_class = self._by_class(everybody == 0)
        absent: list[Attributes] = []
        for by in seen.sets:
            members = self.objects.loc[~self.objects["crowd"].to_numpy(bool), list(by)].astype(str)
            groups = sorted(set(map(tuple, members.to_numpy())))
            if len(groups) > MOST_GROUPS:
                absent.append(by)
                continue
            position = {g: i for i, g in enumerate(groups)}
            code = np.full(len(self.objects), -1, np.int64)
            code[members.index] = [position[tuple(g)] for g in members.to_numpy()]
            sets.append(OfSet.of(by, groups, *self._curves(code, len(groups), times, cluster)))
        said = {"scenes": len(self.scenes), "boxes": len(self.score)}
        return Detected(
            seen.by, seen.of_scenes, seen.asked, said, tuple(sets), tuple(absent), by_class, self._alarms(),
            Stepped.of(self._scored, seen.asked.at_score) if steps and self.matchers else None,
        )  # fmt: skip

    def _counted(self, own: Bools, matcher: Matcher) -> tuple[Bools, Bools]:
        """(D,) whether a box is on one of these objects (T,), and whether it counts: on another one it is neither."""
        on = matcher.matched(~own)
        right = (on >= 0) & own[on]
        return right, right | (on < 0)

    def _ranked(self, own: Bools, matcher: Matcher) -> list[Ranked]:
        """Of each class in which there is such an object."""
        right, counts = self._counted(own, matcher)
        out = []
        for k in np.unique(self.kind[0][own]).tolist():
            at = np.flatnonzero(counts & (self.kind[1] == k))
            at = at[np.argsort(-self.score[at], kind="stable")]
            here = own & (self.kind[0] == k)
            objects = np.bincount(self.scene[0][here], minlength=len(self.scenes))
            out.append(Ranked(right[at], self.scene[1][at], objects))
        return out

    def _curves(self, code: Ints, groups: int, times: Any, cluster: Ints) -> tuple[Any, ...]:
        """Of G groups of objects (T,), -1: none: objects in each cluster (G, C), values (M, G) and what each replicate
        adds to them (M, G, R), average precision at each threshold and then the miss rate."""
        metrics = len(self.matchers) + 1
        values = np.full((metrics, groups), np.nan)
        drawn = np.full((metrics, groups, times.shape[1]), np.nan)
        sizes = np.zeros((groups, int(cluster.max(initial=-1)) + 1))
        for g in range(groups):
            own = code == g
            np.add.at(sizes[g], cluster[self.scene[0][own]], 1.0)
            for i, matcher in enumerate(self.matchers):
                ranked = self._ranked(own, matcher)
                if not ranked:
                    continue
                rows = [i, *([metrics - 1] if i == 0 else [])]
                values[i, g] = np.mean([r.precision for r in ranked])
                if i == 0:
                    values[-1, g] = np.mean([r.miss_rate for r in ranked])
                each = np.array([r.drawn(times, miss_rate=i == 0) for r in ranked])
                known = ~np.isnan(each)
                total, n = np.where(known, each, 0.0).sum(axis=0), known.sum(axis=0)
                drawn[rows, g] = np.where(n > 0, total / np.maximum(n, 1), np.nan)
        return sizes, values, drawn

    def _by_class(self, own: Bools) -> tuple[tuple[str, int, tuple[float, ...]], ...]:
        """Each class with its objects and its average precision at each threshold."""
        at = np.unique(self.kind[0][own]).tolist()
        each = zip(*([r.precision for r in self._ranked(own, m)] for m in self.matchers), strict=True)
        n = np.bincount(self.kind[0][own], minlength=len(self.kinds))
        return tuple((self.kinds[k], int(n[k]), tuple(values)) for k, values in zip(at, each, strict=True))

    def _alarms(self) -> NumberSums:
        """False alarms of each scene, by what is declared of scenes."""
        n = np.zeros(len(self.scenes), np.int64)
        if self.matchers:
            on, at_score = self._on, self.seen.asked.at_score
            n = np.bincount(self.scene[1][(on < 0) & (self.score >= at_score)], minlength=len(self.scenes))
        return NumberSums.of(self._of_scenes, values=n, cluster=self._scene_cluster)

    @property
    def _on(self) -> Ints:
        """(D,) the object that each box is on, at the overlap that decides."""
        return self.matchers[0].matched(self.objects["crowd"].to_numpy(bool))

    @property
    def _of_scenes(self) -> dict[str, Any]:
        return {a: self.scenes[a].to_numpy() for a in self.seen.of_scenes}

    @property
    def _scene_cluster(self) -> Any:
        """What scenes belong to; None where each is by itself."""
        alone = bool((self.scenes["cluster"] == self.scenes["scene"]).all())
        return None if alone else self.scenes["cluster"].to_numpy()

    @property
    def _scored(self) -> Scored:
        """Objects with the score of the box that is on each, and the boxes on none."""
        on, own = self._on, ~self.objects["crowd"].to_numpy(bool)
        best = np.full(len(own), -np.inf)
        np.maximum.at(best, on[on >= 0], self.score[on >= 0])
        return Scored(
            {a: self.objects[a].to_numpy()[own] for a in self.seen.by},
            self.scenes["cluster"].to_numpy()[self.scene[0][own]],
            best[own],
            self._of_scenes,
            self._scene_cluster,
            len(self.scenes),
            self.score[on < 0],
            self.scene[1][on < 0],
        )
