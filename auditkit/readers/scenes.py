"""Boxes of scenes as people have them, COCO's JSON or a dict a scene, as tables; what is no box is refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit import files
from auditkit.arrays import Bools, Floats
from auditkit.errors import DataError, choices, listing, nearest
from auditkit.values import Unwritten, written

Format = Literal["xywh", "xyxy"]
SIDES: dict[Format, str] = {"xywh": "left, top, width, height", "xyxy": "left, top, right, bottom"}
MOST_BYTES = 4 * 2**30
_OWN = ("scene", "boxes", "labels", "scores", "crowd")
"""Keys of a scene that are no attributes."""
_COCO = ("images", "annotations", "categories")
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Boxes:
    """N boxes, of objects or of a detector."""

    scene: Texts
    """(N,) ids."""
    kind: Texts
    """(N,) names of classes."""
    box: Floats
    """(N, 4) left, top, width, height."""
    score: Floats
    """(N,) NaN of objects."""
    crowd: Bools
    """(N,) regions of many objects, which are none to be found."""
    attributes: Mapping[str, Sequence[Any]]
    """Name → (N,)."""


@dataclass(frozen=True)
class Scenes:
    """Scenes with their objects."""

    ids: tuple[str, ...]
    attributes: Mapping[str, Sequence[Any]]
    """Name → (S,) what is said of each scene."""
    objects: Boxes
    kinds: Mapping[Any, str]
    """Class, as it is named in results → its name."""
    coco: bool
    """Whether they came as COCO's JSON."""


def loaded(given: Any, what: str) -> Any:
    """The JSON of a file, or what was given; DataError where it cannot be read."""
    if not isinstance(given, str | Path):
        return given
    path = Path(given)
    try:
        return json.loads(files.read(path, DataError, most=MOST_BYTES, expected=f"{what} as JSON"))
    except (ValueError, RecursionError) as e:
        if isinstance(e, DataError):
            raise
        raise DataError(f"{what}, {path.name}, are no JSON: {e}") from None


def truths_of(given: Any, box_format: Format | None, categories: Sequence[str] | None) -> Scenes:
    """Scenes and their objects, from COCO's JSON or a list of dicts; DataError for anything doubtful."""
    data = loaded(given, "the truths")
    if isinstance(data, Mapping):
        return _coco(data, box_format or "xywh")
    told = _scenes_in(data, "the truths")
    ids = tuple(_name(s.get("scene", i), "a scene") for i, s in enumerate(told))
    _once(ids)
    boxes, per_scene, per_object = [], [], []
    for i, s in zip(ids, told, strict=True):
        own = _of_scene(s, i, box_format, "the truths")
        boxes.append(own)
        scene, objects = _attributes(s, i, len(own.box))
        per_scene.append(scene)
        per_object.append(objects)
    names = {a for x in per_scene for a in x}
    twice = names & {a for x in per_object for a in x}
    if twice:
        raise DataError(
            f"'{min(twice)}' is one value in some scenes, and one an object in others: give it in one way in all"
        )
    both = list(zip(per_object, boxes, strict=True))
    each = dict.fromkeys(a for x in per_object for a in x)
    found = _joined(boxes, {a: [x for o, b in both for x in o.get(a, [None] * len(b.box))] for a in each})
    known = dict.fromkeys([*(categories or ()), *found.kind.tolist()])
    if categories is not None and (more := [k for k in found.kind.tolist() if k not in set(categories)]):
        raise DataError(f"an object is of the class '{more[0]}', which categories does not name: {listing(categories)}")
    attributes = {a: [x.get(a) for x in per_scene] for a in dict.fromkeys(a for x in per_scene for a in x)}
    return Scenes(ids, attributes, found, {k: k for k in known}, coco=False)


def results_of(given: Any, scenes: Scenes, box_format: Format | None) -> Boxes:
    """A detector's boxes; DataError for scenes and classes that there are not, and for boxes without a score."""
    data = loaded(given, "the results")
    if isinstance(data, Mapping):
        keys = listing(map(str, data))
        raise DataError(f"the results are a list of boxes (COCO) or of scenes; got an object with {keys}")
    if not isinstance(data, list | tuple):
        raise DataError(f"the results are a path, or a list of boxes or of scenes; got {type(data).__name__}")
    if scenes.coco and all(isinstance(r, Mapping) and "bbox" in r for r in data):
        return _coco_results(data, scenes, box_format or "xywh")
    told = _scenes_in(data, "the results", empty=True)
    if any("scene" not in s for s in told) and len(told) != len(scenes.ids):
        raise DataError(
            f"the results are of {len(told):,} scenes, the truths of {len(scenes.ids):,}: give as many, in their "
            "order, or name each, as in {'scene': …}"
        )
    ids = [_name(s["scene"], "a scene") if "scene" in s else scenes.ids[i] for i, s in enumerate(told)]
    _once(ids)
    _known(ids, scenes.ids)
    out = _joined([_of_scene(s, i, box_format, "the results") for s, i in zip(told, ids, strict=True)], {})
    _classes(out.kind.tolist(), scenes.kinds)
    return out


def _coco(data: Mapping[str, Any], box_format: Format) -> Scenes:
    lost = [k for k in _COCO if not isinstance(data.get(k), list)]
    if lost:
        raise DataError(
            f"the truths lack {listing(lost)}: COCO's JSON has lists of {listing(_COCO)}; there are "
            f"{listing(map(str, data))}"
        )
    images, notes, classes = (_records(data[k], k) for k in _COCO)
    ids = tuple(_name(_key(x, "id", "images"), "an image") for x in images)
    if not ids:
        raise DataError("the truths have no images")
    _once(ids)
    kinds = {_key(c, "id", "categories"): _name(c.get("name", c["id"]), "a category") for c in classes}
    scene = [_name(_key(n, "image_id", "annotations"), "an image") for n in notes]
    _known(scene, ids)
    kind = _classes([_key(n, "category_id", "annotations") for n in notes], kinds)
    box = _boxes([_key(n, "bbox", "annotations") for n in notes], box_format, scene, "the truths")
    crowd = np.array([bool(n.get("iscrowd", 0)) for n in notes], dtype=bool)
    told = [{**_mapping(n.get("attributes", {})), **n} for n in notes]
    of = [{**_mapping(x.get("attributes", {})), **x} for x in images]
    objects = Boxes(_texts(scene), _texts(kind), box, np.full(len(notes), np.nan), crowd, _columns(told))
    return Scenes(ids, _columns(of), objects, kinds, coco=True)


def _coco_results(data: Sequence[Mapping[str, Any]], scenes: Scenes, box_format: Format) -> Boxes:
    scene = [_name(_key(r, "image_id", "results"), "an image") for r in data]
    _known(scene, scenes.ids)
    kind = _classes([_key(r, "category_id", "results") for r in data], scenes.kinds)
    box = _boxes([r["bbox"] for r in data], box_format, scene, "the results")
    score = _scores([r.get("score") for r in data], scene)
    return Boxes(_texts(scene), _texts(kind), box, score, np.zeros(len(data), bool), {})


def _of_scene(s: Mapping[str, Any], scene: str, box_format: Format | None, what: str) -> Boxes:
    """The boxes of one scene, given as a dict."""
    if box_format is None:
        raise DataError(f"say what four numbers of a box are: box_format='xywh' ({SIDES['xywh']}) or 'xyxy' "
                        f"({SIDES['xyxy']})")  # fmt: skip
    lost = [k for k in ("boxes", "labels") if k not in s]
    if lost:
        raise DataError(f"the scene '{scene}' of {what} lacks {listing(lost)}; it has {listing(map(str, s))}")
    given, labels = _listed(s["boxes"]), _listed(s["labels"])
    box = _boxes(given, box_format, [scene] * len(given), what)
    kind = [_name(k, f"a label of the scene '{scene}'") for k in labels]
    crowd = [bool(x) for x in _listed(s.get("crowd", [False] * len(box)))]
    score: Any = np.full(len(box), np.nan)
    if what == "the results":
        if "scores" not in s:
            raise DataError(f"the scene '{scene}' of {what} lacks scores; it has {listing(map(str, s))}")
        score = _scores(_listed(s["scores"]), [scene] * len(_listed(s["scores"])))
    for name, values in (("labels", kind), ("crowd", crowd), ("scores", score)):
        if len(values) != len(box):
            raise DataError(f"the scene '{scene}' of {what} has {len(box):,} boxes and {len(values):,} {name}")
    return Boxes(_texts([scene] * len(box)), _texts(kind), box, score, np.array(crowd, dtype=bool), {})


def _attributes(s: Mapping[str, Any], scene: str, n: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """What is said of a scene, and of each of its n objects."""
    whole: dict[str, Any] = {}
    each: dict[str, list[Any]] = {}
    for name, value in s.items():
        if name in _OWN:
            continue
        if isinstance(value, str) or not (hasattr(value, "__len__") or hasattr(value, "shape")):
            whole[str(name)] = value
            continue
        values = _listed(value)
        if len(values) != n:
            raise DataError(
                f"'{name}' of the scene '{scene}' has {len(values):,} values for {n:,} objects: give one an object, or "
                "one of the scene"
            )
        each[str(name)] = values
    return whole, each


def _boxes(given: Sequence[Any], box_format: Format, scene: Sequence[str], what: str) -> Floats:
    """(N, 4) left, top, width, height; DataError for what is no box, naming its scene."""
    try:
        found = np.array([[float(x) for x in b] for b in given], dtype=np.float64).reshape(len(given), 4)
    except (TypeError, ValueError):
        wrong = next((i for i, b in enumerate(given) if not _four(b)), 0)
        raise DataError(
            f"box {wrong:,} of {what} (scene '{scene[wrong]}') is {str(given[wrong])[:60]}: expected four numbers, "
            f"{SIDES[box_format]}"
        ) from None
    if box_format == "xyxy":
        found[:, 2:] -= found[:, :2]
    for bad, how in ((~np.isfinite(found).all(axis=1), "holds NaN or ∞"), ((found[:, 2:] <= 0).any(axis=1), "has")):
        where = np.flatnonzero(bad)
        if len(where):
            i = int(where[0])
            size = f" width {found[i, 2]:g} and height {found[i, 3]:g}" if how == "has" else ""
            more = f"; so do {len(where) - 1:,} more" if len(where) > 1 else ""
            raise DataError(
                f"box {i:,} of {what} (scene '{scene[i]}') {how}{size}, read as {SIDES[box_format]}{more}: leave such "
                "boxes out, or say box_format"
            )
    return found


def _four(b: Any) -> bool:
    try:
        return len([float(x) for x in b]) == 4
    except (TypeError, ValueError):
        return False


def _scores(given: Sequence[Any], scene: Sequence[str]) -> Floats:
    """(N,) finite numbers; DataError otherwise."""
    try:
        found = np.array([np.nan if x is None else float(x) for x in given], dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("the scores of the results hold something that is no number") from None
    where = np.flatnonzero(~np.isfinite(found))
    if len(where):
        raise DataError(
            f"{len(where):,} boxes of the results have no finite score, the first is in the scene "
            f"'{scene[int(where[0])]}': boxes are matched in the order of their scores"
        )
    return found


def _columns(told: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Name → values, None where nothing is said; of what can be a group."""
    names = dict.fromkeys(str(k) for t in told for k in t)
    columns = {n: [t.get(n) for t in told] for n in names}
    return {n: v for n, v in columns.items() if not any(isinstance(x, list | Mapping) for x in v)}


def _classes(given: Sequence[Any], kinds: Mapping[Any, str]) -> list[str]:
    try:
        return [kinds[k] for k in given]
    except (KeyError, TypeError):
        wrong = next(k for k in given if not _hashable(k) or k not in kinds)
        known = [str(k) if str(k) == v else f"{k} ({v})" for k, v in kinds.items()]
        raise DataError(
            f"a box is of the class {wrong!r}, which the truths do not name; they name {listing(known)}."
            f"{nearest(str(wrong), known)}"
        ) from None


def _hashable(x: Any) -> bool:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _known(scene: Sequence[str], ids: Sequence[str]) -> None:
    known = set(ids)
    lost = list(dict.fromkeys(s for s in scene if s not in known))
    if lost:
        raise DataError(
            f"{len(lost):,} scenes have boxes and are not among those of the truths, the first is '{lost[0]}'; a scene "
            f"without objects stands there, too. {choices(lost[0], list(ids)[:1_000])}"
        )


def _once(ids: Sequence[str]) -> None:
    index = pd.Index(list(ids))
    if not index.is_unique:
        raise DataError(f"the scene '{index[index.duplicated()][0]}' stands there twice: an id names one scene")


def _scenes_in(data: Any, what: str, *, empty: bool = False) -> list[Mapping[str, Any]]:
    if not isinstance(data, list | tuple) or not all(isinstance(s, Mapping) for s in data) or not (data or empty):
        raise DataError(
            f"{what} are COCO's JSON, or a list of dicts, one a scene, as in "
            f"[{{'scene': 1, 'boxes': …, 'labels': …}}]; got {type(data).__name__}"
        )
    return list(data)


def _records(given: list[Any], what: str) -> list[Mapping[str, Any]]:
    wrong = next((x for x in given if not isinstance(x, Mapping)), None)
    if wrong is not None:
        raise DataError(f"{what} of the truths hold {str(wrong)[:60]!r}; expected objects")
    return given


def _key(record: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in record:
        raise DataError(f"an entry of {what} has no '{name}'; it has {listing(map(str, record))}")
    return record[name]


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _name(value: Any, what: str) -> str:
    """A text or number as a text."""
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    try:
        if value is None or value != value:
            raise Unwritten("nothing")
        return written(value)
    except (Unwritten, TypeError, ValueError):
        raise DataError(f"{what} is named by a text or a number, got {str(value)[:60]!r}") from None


def _listed(values: Any) -> list[Any]:
    """A tensor, an array or a sequence as a list."""
    for step in ("detach", "cpu", "numpy", "tolist"):
        values = getattr(values, step)() if hasattr(values, step) else values
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise DataError(f"expected a list, got {str(values)[:60]!r}")
    return list(values)


def _texts(values: Sequence[str]) -> Texts:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _joined(parts: Sequence[Boxes], attributes: Mapping[str, Sequence[Any]]) -> Boxes:
    if not parts:
        none = _texts([])
        return Boxes(none, none, np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool), attributes)
    of = {f: np.concatenate([getattr(p, f) for p in parts]) for f in ("scene", "kind", "box", "score", "crowd")}
    return Boxes(**of, attributes=attributes)
