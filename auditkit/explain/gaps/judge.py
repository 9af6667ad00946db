"""Which rules the sums of split gaps answer, and how. Nothing heavy is imported before a rule asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.check import Judge
from auditkit.question import Question

if TYPE_CHECKING:
    from auditkit.explain.gaps.sums import GapSums
    from auditkit.records import Finding


class GapAttributionRules(Judge):
    """Of the share of a gap that some columns make."""

    kinds: ClassVar = ("gap",)
    tasks: ClassVar = ("binary", "multilabel", "multiclass", "regression")
    evidence: ClassVar = "auditkit.explain.gaps.sums:GapSums"

    def __init__(self, stored: Mapping[str, tuple[GapSums, Mapping[str, Any]]]) -> None:
        self.stored = tuple(sums for sums, _ in stored.values())

    def finding(self, asked: Question) -> Finding | None:
        from auditkit.explain.gaps.findings import reassess

        sums = self._of(asked)
        return None if sums is None or asked.of is None else reassess(sums, asked)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        from auditkit.explain.gaps.findings import p_value

        sums = self._of(asked)
        return None if sums is None or asked.of is None else p_value(sums, asked, limit, above=above)

    def _of(self, asked: Question) -> GapSums | None:
        """Of several classes, the evidence of the one that is asked about; a class that the data chose is none."""
        named = (s for s in self.stored if "of_classes" not in s.facts)
        return next((s for s in named if s.facts.get("label") in (None, asked.label)), None)

    def why_not(self, asked: Question) -> str:
        chosen = next((s.facts["label"] for s in self.stored if "of_classes" in s.facts), None)
        if chosen is None:
            return ""
        named = f"GapAttribution(label='{chosen if asked.label is None else asked.label}')"
        return f"explained is '{chosen}', which the data chose; a rule needs a named class: {named}"
