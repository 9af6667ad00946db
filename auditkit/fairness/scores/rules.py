"""Which rules a score histogram answers, and how. Nothing heavy is imported before a rule asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.check import Judge
from auditkit.fairness.sets import crossed
from auditkit.question import Question

if TYPE_CHECKING:
    from auditkit.evidence.histogram import ScoreHistogram
    from auditkit.records import Finding


class ScoresRules(Judge):
    """Of ranking and calibration."""

    kinds: ClassVar = ("score",)
    tasks: ClassVar = ("binary", "multilabel")
    evidence: ClassVar = "auditkit.evidence.histogram:ScoreHistogram"

    def __init__(self, stored: Mapping[str, tuple[ScoreHistogram, Mapping[str, Any]]]) -> None:
        ((self.histogram, _),) = stored.values()

    def finding(self, asked: Question) -> Finding | None:
        from auditkit.fairness.scores.check import reassess

        return reassess(self.histogram, asked)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        from auditkit.fairness.scores.check import p_value

        return p_value(self.histogram, asked, limit, above=above)

    def groups(self, asked: Question) -> int:
        return crossed(self.histogram.by, self.histogram.table("cells"), asked)

    def too_few(self, asked: Question) -> str:
        return "too few to tell"
