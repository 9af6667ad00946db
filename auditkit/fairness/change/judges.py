"""Which rules about changes the counts of two models answer."""

from __future__ import annotations

from typing import ClassVar

from auditkit.check import MOST_COMPARED
from auditkit.fairness.judges import CountsJudge
from auditkit.question import Question
from auditkit.records import CHANGES

NO_OLDER = (
    "the report holds no older model to compare with: audit with ak.audit(…, against=…), a table [against] in the "
    "configuration, or --against on the command line"
)


class ChangeRules(CountsJudge):
    """Of rates of decisions, newer less older."""

    kinds: ClassVar = ("rate",)
    tasks: ClassVar[tuple[str, ...]] = (
        "binary", "multilabel", "verification", "identification", "answers", "preferences"
    )  # fmt: skip
    comparisons: ClassVar = CHANGES
    without: ClassVar = NO_OLDER
    evidence: ClassVar = "auditkit.evidence.paired:Paired"
    check: ClassVar = "auditkit.fairness.change.check"
    most = MOST_COMPARED

    def why_not(self, asked: Question) -> str:
        """See `Judge`."""
        if not self.counts.compared:
            return NO_OLDER
        if self.counts.classes and asked.label is None:
            return 'of several classes a change is that of one: name it, as in label = "…" (accuracy needs none)'
        return ""


class ClassChangeRules(ChangeRules):
    """The same of several classes."""

    tasks: ClassVar = ("multiclass",)


class RegressionChangeRules(CountsJudge):
    """Of how far off numbers are."""

    kinds: ClassVar = ("error",)
    tasks: ClassVar = ("regression",)
    comparisons: ClassVar = CHANGES
    without: ClassVar = NO_OLDER
    evidence: ClassVar = "auditkit.evidence.errors:ErrorSums"
    check: ClassVar = "auditkit.fairness.change.numbers"
    cells: ClassVar = "moments_"
