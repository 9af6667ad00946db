"""What other thresholds would do, as a record of a report: the numbers of the page's threshold explorer."""

from typing import ClassVar

from pydantic import Field, model_validator

from auditkit.estimates import Named, Record, Terse
from auditkit.rules import Status


class RuleSteps(Record):
    """What one rule comes to at each threshold of an `Explorer`: by itself, at its own confidence, without Holm."""

    rule: str
    """Its id."""
    value: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    status: tuple[Status, ...]


class GroupSteps(Record):
    """Whom one group's scores select at each threshold of an `Explorer`."""

    group: Named
    negatives: int = Field(ge=0)
    positives: int = Field(ge=0)
    false: tuple[int, ...]
    """Negatives selected."""
    true: tuple[int, ...]
    """Positives selected."""
    open: tuple[int, ...]
    """Rows in stored score bins that the threshold parts: so many of the two may stand on its other side."""


class AlarmSteps(Record):
    """The false alarms of a detector in one group's scenes at each threshold of an `Explorer`."""

    group: Named
    scenes: int = Field(ge=0)
    alarms: tuple[float, ...]
    """Boxes on no object, in all of these scenes together: whole numbers, but of fewer than five scenes, of which the
    evidence keeps a rounded mean."""


class Explorer(Terse):
    """What other common thresholds on the score would do: `score >= threshold` selects. Counted from stored bins, or
    from the boxes of a detector, of which a group's objects that are found are its positives selected."""

    TOLD: ClassVar = ("scenes",)

    threshold: tuple[float, ...] = Field(min_length=2, max_length=200)
    """Rising."""
    today: int | None = None
    """Which of them gives the decisions of the audit; None: no one threshold does."""
    groups: tuple[GroupSteps, ...] = Field(min_length=1)
    """Crossed groups of all sensitive features."""
    scenes: tuple[AlarmSteps, ...] = ()
    """Of a detector: crossed groups of what is declared of scenes. Empty, and absent from JSON, for others."""
    rules: tuple[RuleSteps, ...] = ()
    """The rules that are about decisions, in the order of the policy."""

    @model_validator(mode="after")
    def _one_entry_a_threshold(self) -> "Explorer":
        steps = len(self.threshold)
        columns = [c for r in self.rules for c in (r.value, r.low, r.high, r.status)]
        columns += [c for g in self.groups for c in (g.false, g.true, g.open)]
        columns += [g.alarms for g in self.scenes]
        if any(len(c) != steps for c in columns) or not (self.today is None or 0 <= self.today < steps):
            raise ValueError(f"an explorer of {steps} thresholds has columns of another length")
        if any(a >= b for a, b in zip(self.threshold, self.threshold[1:], strict=False)):
            raise ValueError("the thresholds of an explorer rise")
        return self
