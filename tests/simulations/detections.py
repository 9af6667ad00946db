"""Detections: scenes in which objects share how well they are seen; average precision, miss rate and recall by group.

Each scene has a haze of its own, which moves the scores of all its objects and how many false alarms it has. The truth
is that of very many scenes. `covers` is the interval as it is printed.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from auditkit.boxes import Asked
from auditkit.catalogue.detections import MISS_RATE, PRECISION
from auditkit.evidence.clusters import cluster_hashes, multiplicities
from auditkit.evidence.detected import Detected, OfSet
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.precision import Ranked
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.detected import curves_of
from auditkit.fairness.families.family import GroupFamily
from auditkit.fairness.groups.matches import answering
from auditkit.question import Question
from auditkit.records import Estimate
from tests.simulations.setting import Outcome, Setting

MANY = 60_000
"""Scenes of which the truth is taken."""
AT = 0.5
_NONE = NumberSums.of({}, values=[0.0])
ASKED = Asked((0.5,), 100, AT)


class Drawn:
    """Scenes with their objects and false alarms, all of one class."""

    def __init__(
        self, rng: np.random.Generator, scenes: int, seen: tuple[float, ...], *, per: float, haze: float, alarms: float
    ) -> None:
        own = rng.normal(0, haze, scenes)
        n = rng.poisson(per, scenes)
        self.scenes, self.groups = scenes, len(seen)
        self.scene = np.repeat(np.arange(scenes), n)
        self.group = rng.integers(0, len(seen), len(self.scene))
        level = np.array(seen)[self.group] + own[self.scene]
        found = rng.random(len(level)) < expit(level + 1)
        score = np.round(expit(level + rng.normal(0, 1, len(level))), 6)
        false = rng.poisson(alarms * np.exp(-own / 2))
        wrong = np.round(expit(rng.normal(-1.5, 1, int(false.sum()))), 6)
        self.found, self.score = found, score
        self.of_alarm, self.wrong = np.repeat(np.arange(scenes), false), wrong

    def ranked(self, group: int) -> Ranked:
        """The boxes that count for a group."""
        own = (self.group == group) & self.found
        score = np.concatenate([self.score[own], self.wrong])
        order = np.argsort(-score, kind="stable")
        scene = np.concatenate([self.scene[own], self.of_alarm])[order]
        right = (np.arange(len(score)) < own.sum())[order]
        return Ranked(right, scene, np.bincount(self.scene[self.group == group], minlength=self.scenes))

    def recall(self, group: int) -> float:
        """The share of the objects of a group that are found at the threshold."""
        own = self.group == group
        return float((self.found & (self.score >= AT))[own].mean())

    def told(self) -> Detected:
        """The curves of all groups, as an audit has them."""
        ranked = [self.ranked(g) for g in range(self.groups)]
        times = multiplicities(cluster_hashes(np.arange(self.scenes)))
        sizes = np.array([r.objects for r in ranked], dtype=np.float64)
        values = np.array([[r.precision for r in ranked], [r.miss_rate for r in ranked]])
        drawn = np.stack([r.drawn(times, miss_rate=True) for r in ranked], axis=1)
        names = [(f"g{g}",) for g in range(self.groups)]
        made = OfSet.of(("g",), names, sizes, values, drawn)
        return Detected(("g",), (), ASKED, {"scenes": self.scenes, "boxes": 0}, (made,), (), (), _NONE)

    def tally(self) -> Tally:
        """The objects, as an audit counts them."""
        names: NDArray[np.object_] = np.array([f"g{g}" for g in range(self.groups)], dtype=object)
        found = (self.found & (self.score >= AT)).astype(int)
        return Tally.of({"g": names[self.group]}, y_true=np.ones(len(found), int), y_pred=found, cluster=self.scene)


@cache
def _truth(seen: tuple[float, ...], per: float, haze: float, alarms: float) -> dict[str, tuple[float, ...]]:
    many = Drawn(np.random.default_rng(0), MANY, seen, per=per, haze=haze, alarms=alarms)
    ranked = [many.ranked(g) for g in range(len(seen))]
    return {
        PRECISION: tuple(r.precision for r in ranked),
        MISS_RATE: tuple(r.miss_rate for r in ranked),
        "object_recall": tuple(many.recall(g) for g in range(len(seen))),
    }


def _holds(e: Estimate, truth: float) -> bool | None:
    return None if e.low is None or e.high is None else bool(e.low <= truth <= e.high)


def by_group(
    what: str,
    seen: tuple[float, ...],
    *,
    scenes: int = 200,
    per: float = 3.0,
    haze: float = 0.7,
    alarms: float = 1.0,
) -> Setting:
    """So many scenes, in whose objects each group is seen by so much on the scale of logits."""

    def once(rng: np.random.Generator) -> Outcome:
        truth = _truth(seen, per, haze, alarms)
        drawn = Drawn(rng, scenes, seen, per=per, haze=haze, alarms=alarms)
        told, tally = drawn.told(), drawn.tally()
        out: dict[str, bool | None] = {}
        for metric, short in ((PRECISION, "AP"), (MISS_RATE, "LAMR"), ("object_recall", "recall")):
            if metric == "object_recall":
                family = answering(tally, Question(metric, "difference", ("g",)))
            else:
                family = curves_of(told, metric, ("g",), level=0.95)
            assert isinstance(family, GroupFamily)
            of = truth[metric]
            equal = len(set(seen)) == 1
            gap, ratio = (0.0, 1.0) if equal else (max(of) - min(of), min(of) / max(of))
            difference = family.measured("difference")[0]
            if metric != "object_recall":
                out[f"covers {short}"] = _holds(family.estimate(0), float(np.mean(of)) if equal else of[0])
            out[f"covers gap in {short}"] = _holds(difference, gap)
            out[f"covers ratio of {short}"] = _holds(family.measured("ratio")[0], ratio)
            shown = None if difference.low is None else difference.low > 0
            out[f"{'false gap' if equal else 'shows a gap'} in {short}"] = shown
        return out

    return Setting(f"detections: {what}", once, replications=500)


SETTINGS = (
    by_group("equal, 200 scenes", (1.0, 1.0)),
    by_group("equal, 60 scenes", (1.0, 1.0), scenes=60),
    by_group("apart, 200 scenes", (1.5, 0.5)),
    by_group("three groups equal, 300 scenes", (0.5, 0.5, 0.5), scenes=300),
    by_group("equal, haze of scenes", (1.0, 1.0), haze=1.5),
    by_group("equal, few false alarms", (1.0, 1.0), alarms=0.3),
)
