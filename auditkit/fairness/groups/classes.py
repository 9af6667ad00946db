"""ClassFairness: rates of every class against the rest by group, accuracy and macro recall, from one tally."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.catalogue.index import METRICS, rates, resolve
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import DataError, PolicyError, listing
from auditkit.evidence.classes import ClassTally
from auditkit.fairness.families.family import Words
from auditkit.fairness.families.one_vs_rest import COMPARED, ClassFamilies
from auditkit.fairness.families.quantities import COMPARED as QUANTITY_COMPARED
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.groups import check
from auditkit.fairness.sets import compared, sets_of
from auditkit.options import checked_options
from auditkit.question import SPARSE, Question
from auditkit.records import Comparison, Finding, Task
from auditkit.stats.joint import macro
from auditkit.stats.rates import Limits

WHOLE = ("accuracy", "error_rate")
"""Rates of being right, which speak of all classes at once."""
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
    >>> [f.estimate.value for f in check.assess(tally).findings if f.comparison == "difference"]
    [1.0, 0.0]
    """

    NAME: ClassVar[str] = "class_fairness"
    by: Iterable[Iterable[str]] | None = None
    metrics: Sequence[str] = DEFAULT_METRICS
    tasks: ClassVar[tuple[Task, ...]] = ("multiclass",)

    def __post_init__(self) -> None:
        names = tuple(dict.fromkeys(resolve(m)[0] for m in self.metrics))
        for name in names:
            if name not in (*rates(), "macro_recall"):
                known = listing([*rates(), "macro_recall"], most=30)
                raise PolicyError(f"'{name}' is no rate of classes; ClassFairness counts {known}")
        object.__setattr__(self, "metrics", names)

    def gather(self, batch: Batch) -> ClassTally:
        """Count the rows of a batch."""
        return ClassTally.of(batch.groups, batch.classes, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: ClassTally, *, level: float = 0.95) -> Assessment:
        """Every finding."""
        hits = evidence.hits()
        whole = [m for m in self.metrics if m in WHOLE]
        parts = [m for m in self.metrics if m not in (*WHOLE, "macro_recall")]
        macro_too = "macro_recall" in self.metrics
        findings = [*check.overall_findings(hits, whole, level=level)]
        findings += [macro_recall(evidence, (), level=level).overall()] if macro_too else []
        asked = [Question(m, "overall", level=level, label=c) for m in parts for c in evidence.classes]
        findings += [f for a in asked if (f := _of_label(evidence, a))]
        counts = evidence.table("cells")
        sets = compared(sets_of(self.by, evidence.by), counts, what="rates of classes", concern="fairness")
        for by in sets.sets:
            compare = check.Compare.of(hits, by, whole, level=level) if whole else None
            if compare is not None:
                findings += [compare.finding(m, c) for m in whole for c in check.COMPARED]
            family = macro_recall(evidence, by, level=level) if macro_too else None
            findings += [] if family is None else [family.finding(kind) for kind in QUANTITY_COMPARED]
            for metric in dict.fromkeys([*parts, "base_rate"]):
                shown: Sequence[Comparison] = ("difference",) if metric == "base_rate" else COMPARED
                findings += [ClassFamilies.of(evidence, metric, by, level=level).finding(c) for c in shown]
        return Assessment(tuple(findings), sets.absent)


def macro_recall(tally: ClassTally, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> QuantityFamily:
    """Mean over the classes of the share found, in the crossed groups of these attributes.

    Undefined in a group that lacks a class: a mean of fewer classes would be another quantity.
    """
    counts = tally.counts(*by)
    groups, table = counts.groups, counts.table
    if not groups:
        groups, table = ((),), np.zeros((1, len(tally.classes), len(tally.classes)), dtype=np.int64)
    n = table.sum(axis=2)
    k = np.diagonal(table, axis1=1, axis2=2)

    def limits(z: float) -> Limits:
        return macro(k.astype(float), n.astype(float), z)

    words = Words("MOVER over the classes", "a class does not occur: its recall is 0/0", "rows of the rarest class")
    rows = table.sum(axis=(1, 2))
    return QuantityFamily("macro_recall", tuple(by), groups, rows, n.min(axis=1), limits, words, level, min_n, 1.0)


def reassess(tally: ClassTally, asked: Question) -> Finding | None:
    """One finding from stored counts; with a label, of that class against the rest. None if they cannot answer.

    Raises PolicyError, naming the nearest, for a class that there is not.
    """
    known = asked.of_attributes(tally.by)
    if known is None or asked.comparison not in METRICS[asked.metric].comparisons:
        return None
    if asked.label is not None:
        return None if asked.metric in (*WHOLE, "macro_recall") else _of_label(tally, known)
    if asked.metric == "macro_recall":
        family = macro_recall(tally, known.by, level=asked.level, min_n=asked.min_n)
        return family.overall() if asked.comparison == "overall" else family.finding(asked.comparison)
    if asked.metric in WHOLE:
        return check.reassess(tally.hits(), known)
    if asked.metric not in rates() or asked.comparison not in COMPARED:
        return None
    families = ClassFamilies.of(tally, asked.metric, known.by, level=asked.level, min_n=asked.min_n)
    return families.finding(asked.comparison)


def p_value(tally: ClassTally, asked: Question, limit: float, *, above: bool) -> float | None:
    """Family p of H0: the comparison is at most (`above`), or at least, the limit; None if there is nothing to test."""
    known = asked.of_attributes(tally.by)
    if known is None:
        return None
    if asked.metric == "macro_recall":
        family = macro_recall(tally, known.by, level=0.95, min_n=asked.min_n)
        return family.p_value(asked.comparison, limit, above=above)
    if asked.label is not None or asked.metric in WHOLE:
        counts = tally.hits() if asked.label is None else _one(tally, asked.label)
        return check.p_value(counts, known, limit, above=above)
    families = ClassFamilies.of(tally, asked.metric, known.by, level=0.95, min_n=asked.min_n)
    return families.p_value(asked.comparison, limit, above=above)


def _of_label(tally: ClassTally, asked: Question) -> Finding | None:
    """What a binary audit of "this class or another" finds."""
    assert asked.label is not None
    found = check.reassess(_one(tally, asked.label), asked)
    return None if found is None else found.of_label(asked.label)


def _one(tally: ClassTally, label: str) -> Any:
    try:
        return tally.one_vs_rest(label)
    except DataError as e:
        raise PolicyError(str(e)) from None
