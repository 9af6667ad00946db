"""Which rules the counts of a check of groups answer, and how. Nothing heavy is imported before a rule asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.check import MOST_COMPARED, MOST_COUNTED, Judge
from auditkit.fairness.sets import crossed
from auditkit.question import Question

if TYPE_CHECKING:
    from auditkit.evidence.classes import ClassTally
    from auditkit.evidence.errors import ErrorSums
    from auditkit.evidence.tally import Tally
    from auditkit.records import Finding


class GroupFairnessRules(Judge):
    """Of rates and what is made of them, from a tally."""

    kinds: ClassVar = ("rate", "composite")
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.tally:Tally"

    def __init__(self, stored: Mapping[str, tuple[Tally, Mapping[str, Any]]]) -> None:
        ((self.tally, _),) = stored.values()
        self.most = MOST_COMPARED if self.tally.weighted or self.tally.clusters is not None else MOST_COUNTED

    def finding(self, asked: Question) -> Finding | None:
        from auditkit.fairness.groups.check import reassess

        return reassess(self.tally, asked)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        from auditkit.fairness.groups.check import p_value

        return p_value(self.tally, asked, limit, above=above)

    def groups(self, asked: Question) -> int:
        return crossed(self.tally.by, self.tally.columns, asked)

    def too_few(self, asked: Question) -> str:
        from auditkit.fairness.families.weighted import OR_CLUSTERS

        return super().too_few(asked) + ("" if self.tally.clusters is None else OR_CLUSTERS)

    def why_not(self, asked: Question) -> str:
        from auditkit.fairness.families.composites import NOT_SERVED, served

        return "" if served(self.tally, asked.metric) else NOT_SERVED


class ClassFairnessRules(Judge):
    """Of rates of every class against the rest, from a tally of classes."""

    kinds: ClassVar = ("rate", "composite")
    tasks: ClassVar = ("multiclass",)
    evidence: ClassVar = "auditkit.evidence.classes:ClassTally"

    def __init__(self, stored: Mapping[str, tuple[ClassTally, Mapping[str, Any]]]) -> None:
        ((self.tally, _),) = stored.values()

    def finding(self, asked: Question) -> Finding | None:
        from auditkit.fairness.groups.classes import reassess

        return reassess(self.tally, asked)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        from auditkit.fairness.groups.classes import p_value

        return p_value(self.tally, asked, limit, above=above)

    def groups(self, asked: Question) -> int:
        return crossed(self.tally.by, self.tally.table("cells"), asked)


class RegressionFairnessRules(Judge):
    """Of errors of numbers, from their sums."""

    kinds: ClassVar = ("error",)
    tasks: ClassVar = ("regression",)
    evidence: ClassVar = "auditkit.evidence.errors:ErrorSums"

    def __init__(self, stored: Mapping[str, tuple[ErrorSums, Mapping[str, Any]]]) -> None:
        ((self.sums, _),) = stored.values()

    def finding(self, asked: Question) -> Finding | None:
        from auditkit.fairness.groups.regression import reassess

        return reassess(self.sums, asked)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        from auditkit.fairness.groups.regression import p_value

        return p_value(self.sums, asked, limit, above=above)

    def groups(self, asked: Question) -> int:
        return crossed(self.sums.by, self.sums.table("moments_"), asked)


class ConditionalParityRules(Judge):
    """Of rates at equal control features, from the tally of the one check that holds them equal."""

    kinds: ClassVar = ("conditional",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.tally:Tally"

    def __init__(self, stored: Mapping[str, tuple[Tally, Mapping[str, Any]]]) -> None:
        self.stored = stored

    def finding(self, asked: Question) -> Finding | None:
        from auditkit.fairness.groups.conditional import reassess

        found = reassess(self.stored, asked)
        return None if found is None else found.finding(asked.comparison)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        from auditkit.fairness.groups.conditional import reassess

        found = reassess(self.stored, asked)
        return None if found is None else found.p_value(asked.comparison, limit, above=above)

    def groups(self, asked: Question) -> int:
        return max(crossed(tally.by, tally.columns, asked) for tally, _ in self.stored.values())

    def too_few(self, asked: Question) -> str:
        return f"{super().too_few(asked)} in the strata shared"
