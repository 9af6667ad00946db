"""EventRates: the rates of one kind of event (pairs, searches, answers) by group, from one tally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import tested
from auditkit.fairness.families.frame import from_fairlearn
from auditkit.fairness.families.rates import COMPARED
from auditkit.fairness.groups import check as rates
from auditkit.fairness.sets import compared, sets_of
from auditkit.options import checked_options
from auditkit.question import Question
from auditkit.records import Comparison, Finding


@dataclass(frozen=True)
@checked_options
class EventRates(BaseCheck):
    """What checks of events share: some rates by group, each over everybody, and how its groups compare."""

    uses_weights: ClassVar[bool] = True
    BY_SITE: ClassVar[bool] = True
    RATES: ClassVar[tuple[str, ...]]
    WORDS: ClassVar[str]
    """What they are called together."""
    KINDS: ClassVar[tuple[Comparison, ...]] = COMPARED
    """What is told of each in every set of attributes."""
    by: Iterable[Iterable[str]] | None = None

    def gather(self, batch: Batch) -> Tally:
        """Count the events of a batch."""
        return rates.GroupFairness().gather(batch)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """Every finding, with fairlearn's point values."""
        sets = compared(sets_of(self.by, evidence.by), evidence.columns, what=self.WORDS, concern="fairness")
        everybody = (rates.answering(evidence, Question(m, "overall", level=level)) for m in self.RATES)
        findings = [tested(answer, "overall") for answer in everybody if answer is not None]
        for by in sets.sets:
            families = families_of(evidence, by, self.RATES, level=level, engine=from_fairlearn)
            findings += [tested(families[m], c) for m in self.RATES for c in self.KINDS]
            findings += self._made(evidence, by, families, level=level)
        return Assessment(tuple(findings), sets.absent)

    def _made(
        self, evidence: Tally, by: Sequence[str], families: Mapping[str, Family], *, level: float
    ) -> list[Finding]:
        """What is made of the rates of all groups."""
        return []
