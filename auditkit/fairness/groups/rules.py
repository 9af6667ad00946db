"""Which rules the counts of a check of groups answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.check import MOST_COMPARED, MOST_COUNTED
from auditkit.fairness.rules import CountsJudge
from auditkit.fairness.sets import crossed
from auditkit.question import Question

if TYPE_CHECKING:
    from auditkit.evidence.tally import Tally


class GroupFairnessRules(CountsJudge):
    """Of rates and what is made of them, from a tally."""

    kinds: ClassVar = ("rate", "composite")
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.tally:Tally"
    check: ClassVar = "auditkit.fairness.groups.check"

    def __init__(self, stored: Mapping[str, tuple[Tally, Mapping[str, Any]]]) -> None:
        super().__init__(stored)
        self.most = MOST_COMPARED if self.counts.weighted or self.counts.clusters is not None else MOST_COUNTED

    def why_not(self, asked: Question) -> str:
        from auditkit.fairness.families.composites import NOT_SERVED, served

        return "" if served(self.counts, asked.metric) else NOT_SERVED


class ClassFairnessRules(CountsJudge):
    """Of rates of every class against the rest, from a tally of classes."""

    kinds: ClassVar = ("rate", "composite")
    tasks: ClassVar = ("multiclass",)
    evidence: ClassVar = "auditkit.evidence.classes:ClassTally"
    check: ClassVar = "auditkit.fairness.groups.classes"


class RegressionFairnessRules(CountsJudge):
    """Of errors of numbers, from their sums."""

    kinds: ClassVar = ("error",)
    tasks: ClassVar = ("regression",)
    evidence: ClassVar = "auditkit.evidence.errors:ErrorSums"
    check: ClassVar = "auditkit.fairness.groups.regression"
    cells: ClassVar = "moments_"


class ConditionalParityRules(CountsJudge):
    """Of rates at equal control features, from the tally of the one check that holds them equal."""

    kinds: ClassVar = ("conditional",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.tally:Tally"
    check: ClassVar = "auditkit.fairness.groups.conditional"

    def __init__(self, stored: Mapping[str, tuple[Tally, Mapping[str, Any]]]) -> None:
        self.counts = stored

    def groups(self, asked: Question) -> int:
        return max(crossed(tally.by, tally.columns, asked) for tally, _ in self.counts.values())
