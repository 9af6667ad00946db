"""ClassFairness: rates of every class against the rest by group, accuracy and macro recall, from one tally."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.confusion import MISSING_TRUTH
from auditkit.catalogue.index import METRICS, rates
from auditkit.catalogue.of_class import worded
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError
from auditkit.evidence.classes import ClassTally
from auditkit.evidence.tally import Tally
from auditkit.fairness.families import selective
from auditkit.fairness.families.confusions import mistaken
from auditkit.fairness.families.estimates import families_of
from auditkit.fairness.families.family import Answer, Words, tested
from auditkit.fairness.families.frame import from_fairlearn
from auditkit.fairness.families.one_vs_rest import COMPARED, ClassFamilies
from auditkit.fairness.families.quantities import COMPARED as QUANTITY_COMPARED
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.families.rates import COMPARED as RATES_COMPARED
from auditkit.fairness.groups import check
from auditkit.fairness.sets import compared, named, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import Comparison, Finding, NotMeasured, Task
from auditkit.stats.joint import macro
from auditkit.stats.rates import Limits

OF_ALL = ("accuracy", "error_rate", MISSING_TRUTH)
"""Rates of being right, and of having a truth, which speak of all classes at once."""
DEFAULT_METRICS = (
    "accuracy", "macro_recall", "selection_rate", "true_positive_rate", "false_positive_rate", "precision",
)  # fmt: skip


@dataclass(frozen=True)
@checked_options
class ClassFairness(BaseCheck):
    """Rates of each class against the rest, by group, and their largest differences over all classes, with intervals.

    Parameters
    ----------
    by
        Sets of attributes, each crossed; None: each declared attribute alone, and all of them crossed.
    metrics
        Names of rates, which are taken one class against the rest (accuracy and error_rate of all classes at once),
        and `macro_recall`.

    A difference of a one-vs-rest rate is the largest over all classes and pairs of groups, judged as one family. The
    findings of one class come with a rule that names it (`label = "…"`), and as overall values.

    >>> check = ClassFairness(by=[["sex"]], metrics=["true_positive_rate"])
    >>> tally = ClassTally.of({"sex": ["f", "m"] * 60}, "abc", y_true=[0, 0, 1, 1, 2, 2] * 20,
    ...     y_pred=[0, 0, 1, 2, 2, 2] * 20)
    >>> found = {(f.metric, f.comparison): f.estimate.value for f in check.assess(tally).findings}
    >>> found["true_positive_rate", "difference"], found["mistaken_class", "difference"]
    (1.0, 1.0)
    """

    NAME: ClassVar[str] = "class_fairness"
    BY_SITE: ClassVar[bool] = True
    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    tasks: ClassVar[tuple[Task, ...]] = ("multiclass",)

    def __post_init__(self) -> None:
        known = (*rates(), *OF_CLASSES)
        object.__setattr__(self, "metrics", named(self.metrics, known, "is no rate of classes; ClassFairness counts"))

    def gather(self, batch: Batch) -> ClassTally:
        """Count the rows of a batch."""
        return ClassTally.of(batch.groups, batch.classes, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: ClassTally, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        hits = evidence.hits()
        whole, made = ([m for m in self.metrics if m in known] for known in (OF_ALL, OF_CLASSES))
        parts = [m for m in self.metrics if m not in (*whole, *made)]
        asked = [Question(m, "overall", level=level) for m in (*whole, *made)]
        asked += [Question(m, "overall", level=level, label=c) for m in parts for c in evidence.classes]
        findings = [tested(found, "overall") for a in asked if (found := answering(evidence, a))]
        lacking = selective.lacking(evidence)
        findings += [selective.of_decisions(evidence, level=level)] if lacking else []
        counts = evidence.table("cells")
        sets = compared(sets_of(self.by, evidence.by), counts, what="rates of classes", concern="fairness")
        missed: list[NotMeasured] = []
        for by in sets.sets:
            about = [*whole, *([MISSING_TRUTH] if lacking else [])]
            of_all = families_of(hits, by, about, level=level, engine=from_fairlearn) if about else {}
            findings += [tested(of_all[m], c) for m in whole for c in RATES_COMPARED]
            findings += [tested(of_all[MISSING_TRUTH], "difference")] if lacking else []
            for family in (OF_CLASSES[m](evidence, by, level=level) for m in made):
                findings += [tested(family, kind) for kind in QUANTITY_COMPARED]
            for metric in dict.fromkeys([*parts, "base_rate"]):
                shown: Sequence[Comparison] = ("difference",) if metric == "base_rate" else COMPARED
                of_classes = ClassFamilies.of(evidence, metric, by, level=level)
                findings += [tested(of_classes, c) for c in shown]
            if len(by) == 1:
                matrix = mistaken(evidence, by[0], level=level)
                findings += [matrix] if isinstance(matrix, Finding) else []
                missed += [matrix] if isinstance(matrix, NotMeasured) else []
        return Assessment(tuple(findings), (*sets.absent, *missed))


def macro_recall(tally: ClassTally, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> QuantityFamily:
    """Mean over the classes of the share found, in the crossed groups of these attributes.

    Undefined in a group that lacks a class: a mean of fewer classes would be another quantity.
    """
    groups, table = tally.counts(*by)
    n = table.sum(axis=2)
    k = np.diagonal(table, axis1=1, axis2=2)

    def limits(z: float) -> Limits:
        return macro(k.astype(float), n.astype(float), z)

    words = Words("MOVER over the classes", "a class does not occur: its recall is 0/0", "rows of the rarest class")
    rows = table.sum(axis=(1, 2))
    return QuantityFamily("macro_recall", tuple(by), groups, rows, n.min(axis=1), limits, words, level, min_n, 1.0)


OF_CLASSES = {"macro_recall": macro_recall}
"""Metrics that are made of all classes at once: name → the family of its values in crossed groups."""


def answering(tally: ClassTally, asked: Question) -> Answer | None:
    """What answers a question from stored counts; with a label, of that class against the rest. None if they cannot.

    Raises PolicyError, naming the nearest, for a class that there is not.
    """
    known, metric = asked.of_attributes(tally.by), asked.metric
    if known is None or asked.comparison not in METRICS[metric].comparisons:
        return None
    if asked.label is not None:
        one = None if metric in (*OF_ALL, *OF_CLASSES) else check.answering(_one(tally, asked.label), known)
        return None if one is None else OfClass(one, asked.label)
    if metric in OF_CLASSES:
        return OF_CLASSES[metric](tally, known.by, level=asked.level, min_n=asked.min_n)
    if metric in OF_ALL:
        return check.answering(tally.hits(), known)
    if metric not in rates() or asked.comparison not in COMPARED:
        return None
    return ClassFamilies.of(tally, metric, known.by, level=asked.level, min_n=asked.min_n)


@dataclass(frozen=True)
class OfClass:
    """What a binary audit of "this class or another" finds, as that of the class."""

    answer: Answer
    label: str

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        f = self.answer.finding(kind)
        return worded(f, METRICS[f.metric], self.label)

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        return self.answer.p_value(kind, limit, above=above)


def _one(tally: ClassTally, label: str) -> Tally:
    try:
        return tally.one_vs_rest(label)
    except DataError as e:
        raise PolicyError(str(e)) from None
