"""MissedObjects: objects that a detector misses, and where its net looks at their places."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.boxes import COLUMN
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError
from auditkit.evidence.observations import Observations
from auditkit.explain.methods.names import DRAWN_ROWS, baseline_of, checked_name
from auditkit.explain.missed.chosen import FEWEST, Pair, missed_most, pairs, places
from auditkit.explain.missed.seen import FOUND, METRIC, MISSED, Looked, LookedRows, findings
from auditkit.formatting import decimals
from auditkit.options import checked_options
from auditkit.records import NotMeasured, Task

if TYPE_CHECKING:
    from auditkit.explain.missed.looking import Looks
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
        overview: dict[str, LookedRows | Any] = {}
        cases: list[Observations] = []
        absent: dict[str, str] = {}
        for attribute, labels in sample.labels().items():
            group = missed_most(known, labels)
            if group is None:
                absent[attribute] = f"no group with a missed object has {FEWEST} objects in the sample"
                continue
            own = pairs([p for p in known if labels[p.row] == group], most=self.most)
            found = self._asked(self.seeing, sample, own, attribute, group)
            if isinstance(found, str):
                absent[attribute] = found
                continue
            overview[attribute] = found[0]
            cases.append(found[1])
        every = cases[0] if cases else NOTHING
        for more in cases[1:]:
            every = every + more
        return Looked("", overview, every, absent)

    def _asked(
        self, seeing: Seeing, sample: Batch, own: list[Pair], attribute: str, group: str
    ) -> tuple[LookedRows, Observations] | str:
        """Its rows and the objects that are shown; why there are none, where no picture is there."""
        from auditkit.explain.missed.looking import looked
        from auditkit.explain.missed.scoring import answers, shown

        order = [p for pair in own for p in pair if p is not None]
        there, lost = shown(seeing, order)
        if there is None:
            return f"no picture was given of the {len(order):,} drawn objects"
        answers(there)
        drawn = 1 + max((i for i, p in enumerate(there.places) if p in _first(own, self.n)), default=-1)
        looks = looked(there, self.method, drawn=drawn)
        place = {p.row: i for i, p in enumerate(there.places)}
        both = [(place[a.row], place[b.row]) for a, b in own if b and a.row in place and b.row in place]
        seen = [FOUND if p.found else MISSED for p in there.places]
        facts = {
            "attribute": attribute,
            "group": group,
            "method": self.method,
            "missed": seen.count(MISSED),
            "found": seen.count(FOUND),
            "pairs": len(both),
            "higher": sum(bool(looks.score[b] > looks.score[a]) for a, b in both),
            "lost": {"count": len(lost), "first": lost[0].scene if lost else ""},
            "trust": [t.model_dump(mode="json") for t in looks.trust],
        }
        known = np.isfinite(looks.share)
        columns = {"share": looks.share[known], "area": looks.area[known], "weight": np.ones(int(known.sum()))}
        every = [s for s, k in zip(seen, known, strict=True) if k]
        at = [i for i, p in enumerate(there.places) if p in _first(own, self.n)]
        rows = [there.places[i].row for i in at]
        told = {
            "attribute": [attribute] * len(at),
            "group": [group] * len(at),
            "seen": [seen[i] for i in at],
            "class": [there.places[i].kind for i in at],
            "scene": [there.places[i].scene for i in at],
            "score": [_scored(sample, r, seeing) for r in rows],
            "score_at": [decimals(float(looks.score[i]), 3) for i in at],
            "png": [looks.png[i] for i in at],
            **{f"of:{a}": v for a, v in sample.labels(np.array(rows, np.intp)).items()},
        }
        numbers = _numbers(looks, at)
        return LookedRows(columns, {"seen": every}, facts), Observations(numbers, told, {})

    def assess(self, evidence: Looked, *, level: float = 0.95) -> Assessment:
        """A finding an attribute, whose exhibit is the objects; pure."""
        lost = {self.name: evidence.why} if evidence.why else {}
        lost |= {f"{self.name}, {a}": why for a, why in evidence.absent.items()}
        absent = tuple(NotMeasured(what=what, why=why, concern="explanation") for what, why in lost.items())
        return Assessment(findings(evidence, level=level), absent)


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
    return f"{said}, found from {decimals(seeing.at_score, 2)} on"
