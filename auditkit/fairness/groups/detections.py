"""DetectionRates and DetectionCurves: who is missed, how precisely others are found, and false alarms a scene."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from auditkit.batch import Batch
from auditkit.boxes import COLUMN
from auditkit.catalogue.detections import ALARMS, COMPARED, DETECTION, MISS_RATE, PRECISION
from auditkit.catalogue.index import METRICS
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError
from auditkit.evidence.detected import Detected
from auditkit.evidence.scenes import MOST_GROUPS, SceneBoxes
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.detected import alarms_of, curves_of, of_every_threshold
from auditkit.fairness.families.family import Answer, tested
from auditkit.fairness.groups.events import EventRates
from auditkit.fairness.sets import sets_of
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import Comparison, NotMeasured, Task

OF_CURVES: tuple[Comparison, ...] = ("difference", "ratio", "group_min", "group_max")
"""What an audit tells of every set of attributes."""


@dataclass(frozen=True)
@checked_options
class DetectionRates(EventRates):
    """Recall and miss rate of the objects of each group, their differences and ratios.

    All is at the score that decides, and at the first overlap that was asked for. Objects of one scene are dependent,
    and counted as such.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["light"], ["light", "size"]]`. None: each declared attribute alone, and all
        of them crossed.
    """

    NAME: ClassVar[str] = "detection_rates"
    tasks: ClassVar[tuple[Task, ...]] = ("detection",)
    RATES: ClassVar[tuple[str, ...]] = ("miss_rate", "object_recall")
    WORDS: ClassVar[str] = "detection rates"

    def gather(self, batch: Batch) -> Tally:
        """Count the objects of a batch; the row of a scene is none."""
        object_ = batch.y_true == 1
        return Tally.of(
            batch.groups[object_],
            y_true=batch.y_true[object_],
            y_pred=batch.y_pred[object_],
            cluster=None if batch.cluster is None else batch.cluster[object_],
        )


@dataclass(frozen=True)
@checked_options
class DetectionCurves(BaseCheck):
    """Average precision (AP) and log-average miss rate (LAMR) of each group, and false alarms a scene.

    Of a group, objects of other groups are ignored: a box on one is neither right nor wrong. Whose a false alarm would
    be nobody knows: boxes on no object count in every group. False alarms a scene are told by what is declared of
    scenes. Scenes (or what they belong to) are drawn again in replicates, of which the intervals are.

    Parameters
    ----------
    by
        Sets of attributes, each crossed: `[["light"], ["light", "size"]]`. None: each declared attribute alone, and all
        of them crossed. Rules are answered of these.
    """

    NAME: ClassVar[str] = "detection_curves"
    NO_SUM: ClassVar[str] = (
        "boxes of all scenes are put in one order by their scores, and each part kept its own curve, no box of it"
    )
    tasks: ClassVar[tuple[Task, ...]] = ("detection",)
    uses_clusters: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None

    def gather(self, batch: Batch) -> SceneBoxes:
        """The boxes of a batch, as they are; DataError for rows that no reader of boxes made."""
        if COLUMN not in batch.features:
            raise DataError(f"no column '{COLUMN}': scenes and their boxes are read by ak.Detections")
        by = [str(a) for a in batch.groups]
        return SceneBoxes.of(
            batch.groups, batch.features[COLUMN].tolist(), sets=sets_of(self.by, by), cluster=batch.cluster
        )

    def assess(self, evidence: SceneBoxes | Detected, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        told = evidence.sums()
        findings = [
            tested(curves_of(told, PRECISION, (), level=level), "overall", exhibits=of_every_threshold(told, ())),
            tested(curves_of(told, MISS_RATE, (), level=level), "overall"),
            tested(alarms_of(told, (), level=level), "overall"),
        ]
        for by in (s.by for s in told.sets if s.by):
            for metric in (PRECISION, MISS_RATE):
                family = curves_of(told, metric, by, level=level)
                tables = of_every_threshold(told, by) if metric == PRECISION else ()
                findings += [tested(family, c, exhibits=tables if c == "difference" else ()) for c in OF_CURVES]
            if set(by) <= set(told.of_scenes):
                findings += [tested(alarms_of(told, by, level=level), c) for c in OF_CURVES]
        why = f"more than {MOST_GROUPS} groups: name smaller sets, as in by=[['light']]"
        absent = tuple(
            NotMeasured(what=f"average precision by {' and '.join(by)}", why=why, concern="fairness")
            for by in told.absent
        )
        return Assessment(tuple(findings), absent)


def answering(told: Detected, asked: Question) -> Answer | None:
    """What answers a question from stored curves; None where they do not."""
    known = asked.of_attributes(told.by)
    if known is None or asked.comparison not in COMPARED or METRICS[asked.metric].kind != DETECTION:
        return None
    if asked.metric == ALARMS:
        if not set(known.by) <= set(told.of_scenes):
            return None
        return alarms_of(told, known.by, level=asked.level, min_n=asked.min_n)
    if told.of(known.by) is None:
        return None
    return curves_of(told, asked.metric, known.by, level=asked.level, min_n=asked.min_n)


def why_not(told: Detected, asked: Question) -> str:
    """Why there is no answer; empty where that is not known better here."""
    if asked.metric == ALARMS and not set(asked.by) <= set(told.of_scenes):
        of = ", ".join(sorted(set(asked.by) - set(told.of_scenes)))
        return f"false alarms are no objects, and have no {of}: ask by what is declared of scenes"
    if told.of(asked.by) is None and set(asked.by) <= set(told.by):
        return f"curves were not drawn by {' and '.join(asked.by)}: DetectionCurves(by=…) says by what"
    return ""
