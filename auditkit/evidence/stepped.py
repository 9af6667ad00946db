"""Stepped: what a detector finds, and its false alarms, at other common thresholds on the score of its boxes.

Which box is on which object is settled by falling score, and so is the same at every threshold: an object is found
where the score of its box reaches it, and a box on no object is a false alarm where its own does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.disclosure import Disclosure
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.distinct import subsets
from auditkit.evidence.found import Found, triangle, untriangled
from auditkit.evidence.frames import MEASURED
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.tally import Tally, crossed

MOST, FEWEST = 41, 5
"""Thresholds that are counted: at most, and at least, where all that is kept of them is too much for more."""
MOST_NUMBERS = 12_000
"""Numbers that are kept of all thresholds together, about: their sums are squares of the crossed groups."""
_MOMENTS = ("mean", "m2", "m3")


class Scored(NamedTuple):
    """Objects and false alarms with their scores."""

    groups: Mapping[str, Any]
    """Of N objects: a column an attribute."""
    cluster: Any
    """(N,) ids of what objects have in common: their scene, or what scenes belong to."""
    best: Floats
    """(N,) the score of the box that is on each; −∞ where none is."""
    of_scenes: Mapping[str, Any]
    """Of S scenes: a column an attribute."""
    scene_cluster: Any
    """(S,) what scenes belong to; None: each is by itself."""
    scenes: int
    score: Floats
    """(B,) of the boxes that are on no object."""
    scene: Ints
    """(B,) the position of their scene."""

    @property
    def scores(self) -> Floats:
        """Of all objects that have a box, and of the worst false alarm of each scene that has one."""
        worst = np.full(self.scenes, -np.inf)
        np.maximum.at(worst, self.scene, self.score)
        both = np.concatenate([self.best, worst])
        return both[both > -np.inf]

    def objects_from(self, threshold: float) -> Tally:
        """The objects by group and whether they are found, as a report keeps them."""
        found = (self.best >= threshold).astype(np.int64)
        counted = Tally.of(self.groups, y_true=np.ones_like(found), y_pred=found, cluster=self.cluster)
        return counted.reduced(Disclosure())

    def alarms_from(self, threshold: float) -> NumberSums:
        """The false alarms of the scenes, likewise."""
        n = np.bincount(self.scene[self.score >= threshold], minlength=self.scenes)
        return NumberSums.of(self.of_scenes, values=n, cluster=self.scene_cluster).reduced(Disclosure())


@dataclass(frozen=True)
class Stepped:
    """Counts at P thresholds, each as an audit at this threshold would keep them: so intervals are those of it, too."""

    threshold: Floats
    """(P,) rising; a box counts as a decision from there on."""
    today: int
    """Which of them is that of the audit."""
    objects: tuple[Tally, ...]
    """(P,) objects by group and whether they are found: truth is 1 in every cell."""
    alarms: tuple[NumberSums, ...]
    """(P,) false alarms of each scene."""

    @classmethod
    def of(cls, scored: Scored, at_score: float) -> Stepped | None:
        """At even shares of the scores; None where there is nothing to choose, or where groups are too many.

        >>> of = Scored({"light": ["dark"] * 4}, [1, 1, 2, 2], np.array([-np.inf, 0.4, 0.6, 0.8]), {}, None, 2,
        ...             np.array([0.3]), np.array([1]))
        >>> found = Stepped.of(of, 0.5)
        >>> found.threshold.tolist(), found.today, [int(t.counts().table[0, 2, 2]) for t in found.objects]
        ([0.4, 0.5, 0.8], 1, [3, 2, 1])
        """
        most = min(MOST, MOST_NUMBERS // _numbers(scored))
        if not len(scored.best) or most < FEWEST:
            return None
        at = _apart(_chosen(scored.scores, at_score, most), scored, at_score)
        if len(at) < 2:
            return None
        return cls(
            at,
            int(np.searchsorted(at, at_score)),
            tuple(scored.objects_from(t) for t in at.tolist()),
            tuple(scored.alarms_from(t) for t in at.tolist()),
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON; what is the same at all thresholds once."""
        away = [_away(x) for x in self.alarms]
        return {
            "threshold": self.threshold.tolist(),
            "today": self.today,
            "found": Found.of(self.objects).to_json(),
            "alarms": {q: [x.table("moments_")[f"{MEASURED}_{q}"].tolist() for x in self.alarms] for q in _MOMENTS},
            **({} if away[0] is None else {"drawn": [triangle(x) for x in away if x is not None]}),
        }

    @classmethod
    def from_json(cls, data: object, by: tuple[str, ...], alarms: NumberSums) -> Stepped:
        """From `to_json`, of objects by these attributes, and of the scenes that `alarms` are of."""
        what = "the other thresholds"
        told = reading.fields(data, what, "threshold", "today", "found", "alarms", optional=("drawn",))
        at = reading.numbers(told["threshold"], what, most=MOST)
        steps = len(at)
        if steps < 2 or (np.diff(at) <= 0).any():
            raise EvidenceError(f"{what} are two at least, and rise")
        today = reading.whole(told["today"], f"that of the audit among {what}", high=steps - 1)
        objects = Found.from_json(told["found"], by, steps).tallies()
        return cls(at, today, objects, _alarms_from(told, alarms, steps))


def _alarms_from(told: Mapping[str, Any], alarms: NumberSums, steps: int) -> tuple[NumberSums, ...]:
    """The false alarms at each threshold, with the scenes and clusters of those of the audit."""
    known, what = alarms.table("moments_"), "false alarms at other thresholds"
    groups = len(known["n"])
    of = reading.fields(told["alarms"], what, *_MOMENTS)
    moments = {q: reading.matrix(of[q], what, rows=steps, width=groups) for q in _MOMENTS}
    if (moments["m2"] < 0).any():
        raise EvidenceError(f"{what} are spread by less than nothing")
    clusters, n = alarms.clusters, known["n"].astype(np.float64)
    drawn = [] if clusters is None else reading.items(told.get("drawn"), what, length=steps)
    missing = alarms.table("missing_")
    others = {"by": alarms.by, "cut": 0, "width_": 0.0, "negative": False, "distinct": alarms.distinct, "parts_": 1}
    out = []
    for i in range(steps):
        own = {**known, **{f"{MEASURED}_{q}": x[i] for q, x in moments.items()}}
        tables = {"moments_": own, "values_": {**missing, "cell": missing["n"]}, "missing_": missing}
        at = None
        if clusters is not None:
            mean = np.concatenate([n, np.zeros(groups)])
            at = replace(clusters, sums=mean[:, None] + untriangled(drawn[i], 2 * groups, what))
        out.append(NumberSums.of_tables(tables, clusters=at, **others))
    return tuple(out)


def _away(alarms: NumberSums) -> Floats | None:
    """What is drawn of false alarms, about its mean; None where scenes are independent."""
    if alarms.clusters is None:
        return None
    n = alarms.table("moments_")["n"].astype(np.float64)
    return np.asarray(alarms.clusters.sums - np.concatenate([n, np.zeros(len(n))])[:, None])


def _numbers(scored: Scored) -> int:
    """How many numbers a threshold takes, about."""
    by = tuple(scored.groups)
    sizes = {b: _groups({a: scored.groups[a] for a in b}, len(scored.best)) for b in subsets(by)}
    cells, scenes = 2 * max(sizes.values()), _groups(scored.of_scenes, scored.scenes)
    drawn = 0 if scored.scene_cluster is None else scenes * (2 * scenes + 1)
    return cells * (cells + 1) // 2 + 8 * sum(sizes.values()) + 3 * scenes + drawn


def _groups(columns: Mapping[str, Any], n: int) -> int:
    return len(np.unique(crossed(dict(columns), n)[0])) if columns else 1


def _chosen(scores: Floats, at_score: float, most: int) -> Floats:
    """At most so many thresholds, at even shares of the scores, that of the audit among them."""
    if not len(scores):
        return np.array([at_score])
    even = np.quantile(scores, np.linspace(0.0, 1.0, most), method="lower")
    told = np.unique([_told(x) for x in even.tolist()])
    told = told[(told > scores.min()) & (told <= scores.max()) & (told != at_score)]
    if len(told) == most:
        told = np.delete(told, np.argmin(np.abs(told - at_score)))
    return np.sort(np.append(told, at_score))


def _told(x: float) -> float:
    """A score in the digits that a page has for a threshold: two decimals, more near 0 and 1; of others four digits.

    >>> _told(0.4567), _told(0.99712), _told(-3.14159)
    (0.46, 0.9971, -3.142)
    """
    near = min(x, 1 - x)
    return round(x, max(2, 1 - math.floor(math.log10(near)))) if near > 0 else float(f"{x:.4g}")


def _apart(threshold: Floats, scored: Scored, at_score: float) -> Floats:
    """Those of the thresholds that change anything against the one before, and that of the audit."""
    both = [np.sort(scored.best), np.sort(scored.score)]
    count = np.sum([len(x) - np.searchsorted(x, threshold) for x in both], axis=0)
    changes: Bools = np.diff(count, prepend=-1) != 0
    audited: Bools = threshold == at_score
    kept: Bools = audited | (changes & (count != count[audited]))
    return threshold[kept]
