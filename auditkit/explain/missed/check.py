"""MissedObjects: objects that a detector misses, and where its net looks at their places."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from auditkit.batch import Batch
from auditkit.boxes import COLUMN
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError
from auditkit.evidence.observations import Observations
from auditkit.explain.methods.names import DRAWN_ROWS, baseline_of, checked_name
from auditkit.explain.missed.chosen import FEWEST, Pair, Place, missed_most, pairs, places
from auditkit.explain.missed.seen import FOUND, METRIC, MISSED, Looked, LookedRows, findings
from auditkit.formatting import decimals
from auditkit.options import checked_options
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.explain.missed.looking import Looks
    from auditkit.explain.missed.scoring import Shown
    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.model import Model
    from auditkit.inputs.told import Seeing

NO_NET = "no net was given: ak.Detections(net=…, pictures=…, score_at=…) lets it be asked"
NONE_MISSED = "no object was missed"
NOTHING = Observations({}, {}, {})


@dataclass(frozen=True)
@checked_options
class MissedObjects(BaseCheck):
    """Missed objects of the group that is missed most, with what moves the net's score at their own boxes.

    Beside each stands a found object of its class, group and size. What moves the score is Captum's attribution of
    `score_at` at the box of the truth, from the mean picture; it is put to tests (more steps, nets with new weights,
    regions taken away), and a map that fails one is not shown. Pictures are in the report: with `Examples`, these are
    the checks that put single rows there. `ak.Detections(net=…, pictures=…, score_at=…)` asks for it.

    Parameters
    ----------
    n
        Missed objects of each attribute that are shown, with as many found ones.
    most
        Missed objects of each attribute that are explained and put to the tests, at most; it takes about 600 passes
        through the net for each, and for the found one beside it.
    method
        A method of attribution that starts from one picture.

    >>> MissedObjects(n=0)
    Traceback (most recent call last):
    auditkit.errors.PolicyError: missed_objects: n is a number from 1 to 12; got 0
    """

    NAME: ClassVar[str] = METRIC
    SHOWS_ROWS: ClassVar[bool] = True
    uses_clusters: ClassVar[bool] = True
    NO_SUM: ClassVar[str] = (
        "objects were chosen among the pictures of each part, and their maps start from the mean of these: each part's "
        "report shows its own"
    )
    tasks: ClassVar[tuple[Task, ...]] = ("detection",)
    n: int = 2
    most: int = 12
    method: str = "integrated_gradients"
    seeing: Any = field(default=None, init=False, repr=False, compare=False)
    """The net and the pictures, as the reader of these rows knows them."""

    def __post_init__(self) -> None:
        self._within("n", 1, 12)
        self._within("most", 1, 200)
        checked_name(self.method)
        if baseline_of(self.method) == DRAWN_ROWS:
            raise PolicyError(f"{self.name}: {self.method} starts from drawn pictures; name one that starts from one")

    def declared(self, data: Dataset) -> MissedObjects:
        """With the net and the pictures that the reader of these rows was given."""
        out = replace(self)
        object.__setattr__(out, "seeing", getattr(data, "seeing", None))
        return out

    def study(self, sample: Batch, model: Model | None) -> Looked:
        """What moves the score at missed and found objects of the group of each attribute that is missed most."""
        if self.seeing is None:
            return Looked(NO_NET, {}, NOTHING, {})
        if COLUMN not in sample.features:
            raise DataError(f"no column '{COLUMN}': objects and their boxes are read by ak.Detections")
        known = places(sample)
        if all(p.found for p in known):
            return Looked(NONE_MISSED, {}, NOTHING, {})
        absent: dict[str, str] = {}
        asked: dict[str, _Asked] = {}
        for attribute, labels in sample.labels().items():
            group = missed_most(known, labels)
            if group is None:
                absent[attribute] = f"no group with a missed object has {FEWEST} objects in the sample"
                continue
            own = pairs([p for p in known if labels[p.row] == group], most=self.most)
            asked[attribute] = _Asked(attribute, group, own, _first(own, self.n))
        if not asked:
            return Looked("", {}, NOTHING, absent)
        return self._looked(self.seeing, sample, asked, absent)

    def _looked(self, seeing: Seeing, sample: Batch, asked: dict[str, _Asked], absent: dict[str, str]) -> Looked:
        """All drawn objects at once: an object of two attributes' groups has one map, from one mean picture."""
        from auditkit.explain.missed.looking import looked
        from auditkit.explain.missed.scoring import answers, shown

        firsts = dict.fromkeys(p for a in asked.values() for p in a.places if p in a.first)
        order = list(firsts | dict.fromkeys(p for a in asked.values() for p in a.places))
        there, lost = shown(seeing, order)
        looks = None
        if there is not None:
            answers(there)
            looks = looked(there, self.method, drawn=sum(p in firsts for p in there.places))
        overview: dict[str, LookedRows | Any] = {}
        cases: list[Observations] = []
        for attribute, a in asked.items():
            own = set(a.places)
            at = [] if there is None else [i for i, p in enumerate(there.places) if p in own]
            if there is None or looks is None or not at:
                absent[attribute] = f"no picture was given of the {len(a.places):,} drawn objects"
                continue
            overview[attribute] = self._rows(there, looks, a, at, [p for p in lost if p in own])
            cases.append(_cards(seeing, sample, there, looks, a, [i for i in at if there.places[i] in a.first]))
        every = cases[0] if cases else NOTHING
        for more in cases[1:]:
            every = every + more
        return Looked("", overview, every, absent)

    def _rows(self, there: Shown, looks: Looks, a: _Asked, at: list[int], lost: list[Place]) -> LookedRows:
        """The objects of one attribute's group."""
        place = {there.places[i].row: i for i in at}
        both = [(place[x.row], place[y.row]) for x, y in a.own if y and x.row in place and y.row in place]
        seen = [FOUND if there.places[i].found else MISSED for i in at]
        facts = {
            "attribute": a.attribute,
            "group": a.group,
            "method": self.method,
            "missed": seen.count(MISSED),
            "found": seen.count(FOUND),
            "pairs": len(both),
            "higher": sum(bool(looks.score[y] > looks.score[x]) for x, y in both),
            "lost": {"count": len(lost), "first": lost[0].scene if lost else ""},
            "trust": [t.model_dump(mode="json") for t in looks.trust],
        }
        known = [(i, s) for i, s in zip(at, seen, strict=True) if np.isfinite(looks.share[i])]
        which = np.array([i for i, _ in known], np.intp)
        columns = {"share": looks.share[which], "area": looks.area[which], "weight": np.ones(len(which))}
        return LookedRows(columns, {"seen": [s for _, s in known]}, facts)

    def assess(self, evidence: Looked, *, level: float = 0.95) -> Assessment:
        """A finding an attribute, whose exhibit is the objects; pure."""
        lost = {self.name: evidence.why} if evidence.why else {}
        lost |= {f"{self.name}, {a}": why for a, why in evidence.absent.items()}
        absent = tuple(NotMeasured(what=what, why=why, concern="explanation") for what, why in lost.items())
        return Assessment(findings(evidence, level=level), absent)


class _Asked(NamedTuple):
    """What is looked at for one attribute."""

    attribute: str
    group: str
    own: list[Pair]
    first: set[Place]
    """Of them those that are shown."""

    @property
    def places(self) -> list[Place]:
        return [p for pair in self.own for p in pair if p is not None]


def _cards(seeing: Seeing, sample: Batch, there: Shown, looks: Looks, a: _Asked, at: list[int]) -> Observations:
    """The objects that are shown, pair by pair."""
    rank = {p: i for i, p in enumerate(a.places)}
    at = sorted(at, key=lambda i: rank[there.places[i]])
    rows = [there.places[i].row for i in at]
    told = {
        "attribute": [a.attribute] * len(at),
        "group": [a.group] * len(at),
        "seen": [FOUND if there.places[i].found else MISSED for i in at],
        "class": [there.places[i].kind for i in at],
        "scene": [there.places[i].scene for i in at],
        "score": [_scored(sample, r, seeing) for r in rows],
        "score_at": [decimals(float(looks.score[i]), 3) for i in at],
        "png": [looks.png[i] for i in at],
        **{f"of:{k}": v for k, v in sample.labels(np.array(rows, np.intp)).items()},
    }
    return Observations(_numbers(looks, at), told, {})


def _first(own: list[Pair], n: int) -> set[Any]:
    """The objects of the first pairs."""
    return {p for pair in own[:n] for p in pair if p is not None}


def _numbers(looks: Looks, at: list[int]) -> dict[str, Any]:
    """What a card tells; a share of -1: nothing moves the score."""
    share = np.nan_to_num(looks.share, nan=-1.0)
    told = {"inside": looks.inside, "outside": looks.outside, "share": share, "area": looks.area}
    return {k: v[at] for k, v in told.items()} | {"holds": looks.holds[at].astype(float)}


def _scored(sample: Batch, row: int, seeing: Seeing) -> str:
    """The audited score of an object, beside the one from which on it is found."""
    score = seeing.lowest if sample.score is None else float(sample.score[row])
    said = "no box is on it" if score <= seeing.lowest else decimals(score, 2)
    return f"{said} (found from {decimals(seeing.at_score, 2)} on)"
