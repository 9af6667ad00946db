"""RegressionChange: how much farther off, or nearer, a newer model is than an older one on the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck, Need
from auditkit.evidence.errors import ErrorSums
from auditkit.fairness.change.check import NO_OLDER, told
from auditkit.fairness.change.errors import MAE, ErrorChange
from auditkit.fairness.change.family import Change as ChangeFamily
from auditkit.fairness.families.family import Answer
from auditkit.fairness.sets import compared, sets_of
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import CHANGES, NotMeasured, Task


@dataclass(frozen=True)
@checked_options
class RegressionChange(BaseCheck):
    """What changed from an older model of numbers to this one: how far off both are, row by row, group by group.

    Parameters
    ----------
    by
        Sets of attributes, each crossed. None: each declared attribute alone, and all of them crossed. Everybody is
        always told.

    >>> truth, old, new = [0.0] * 60, [1.0, 3.0] * 30, [1.0, 2.0] * 30
    >>> seen = RegressionChange.of({"sex": ["f", "m"] * 30}, y_true=truth, y_pred=new, y_old=old)
    >>> [f.estimate.value for f in RegressionChange().assess(seen).findings if f.comparison == "highest_change"]
    [-0.5, 0.0]
    """

    NAME: ClassVar[str] = "regression_change"
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    by: Iterable[Iterable[str]] | None = None

    @staticmethod
    def of(groups: object, *, y_true: object, y_pred: object, y_old: object) -> ErrorSums:
        """How far off the older model was, as the truth, and how far off the newer is, as the prediction."""
        truth, new, old = (np.asarray(x, np.float64) for x in (y_true, y_pred, y_old))
        known = ~(np.isnan(truth) | np.isnan(new) | np.isnan(old))
        off = [np.where(known, np.abs(x - truth), np.nan) for x in (old, new)]
        return ErrorSums.of(groups, y_true=off[0], y_pred=off[1])

    @property
    def needs(self) -> frozenset[Need]:
        """See `BaseCheck`."""
        return frozenset({"truths", "decisions"})

    def gather(self, batch: Batch) -> ErrorSums:
        """Sum the rows of a batch."""
        old = np.full(len(batch.y_true), np.nan) if batch.y_old is None else batch.y_old
        return self.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred, y_old=old)

    def assess(self, evidence: ErrorSums, *, level: float = 0.95) -> Assessment:
        """Every change, with its paired interval."""
        counts = evidence.table("moments_")
        if not counts["n"].sum():
            return Assessment((), (NotMeasured(what=self.NAME, why=NO_OLDER, concern="change"),))
        sets = compared(sets_of(self.by, evidence.by), counts, what="changes", concern="change")
        findings = []
        for by in ((), *sets.sets):
            findings += told(ChangeFamily.of(ErrorChange.of(evidence, by, level=level)))
        return Assessment(tuple(findings), sets.absent)


def answering(sums: ErrorSums, asked: Question) -> Answer | None:
    """What answers a question from stored sums; None where they have no answer."""
    known = asked.of_attributes(sums.by)
    if known is None or asked.metric != MAE or asked.comparison not in CHANGES or not sums.table("moments_")["n"].sum():
        return None
    if asked.comparison == "gap_change" and not known.by:
        return None
    return ChangeFamily.of(ErrorChange.of(sums, known.by, level=asked.level, min_n=asked.min_n))
