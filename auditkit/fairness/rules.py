"""How the counts of a check of groups answer rules: by what its `answering` makes of them for each question."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from auditkit.check import Judge
from auditkit.fairness.sets import crossed
from auditkit.question import Question

if TYPE_CHECKING:
    from auditkit.fairness.families.family import Answer
    from auditkit.records import Finding


class CountsJudge(Judge):
    """Of one piece of evidence; the check is imported when a rule asks, so that nothing heavy is before."""

    check: ClassVar[str]
    """Module of the check: its `answering(counts, asked)` gives an `Answer`, or None."""
    cells: ClassVar[str] = "cells"
    """The table of the counts whose groups are compared."""

    def __init__(self, stored: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None:
        ((self.counts, _),) = stored.values()

    def finding(self, asked: Question) -> Finding | None:
        found = self.answer(asked)
        return None if found is None else found.finding(asked.comparison)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        found = self.answer(asked)
        return None if found is None else found.p_value(asked.comparison, limit, above=above)

    def groups(self, asked: Question) -> int:
        return crossed(self.counts.by, self.counts.table(self.cells), asked)

    def answer(self, asked: Question) -> Answer | None:
        """What answers; None where the counts do not."""
        found: Answer | None = importlib.import_module(self.check).answering(self.counts, asked)
        return found
