"""What would help: other decisions under every rule, as records. Import them from `auditkit.records`."""

from typing import ClassVar

from pydantic import Field, model_validator

from auditkit.estimates import Named, Record, Terse
from auditkit.rules import Status


class RemedyAnswer(Terse):
    """What a remedy comes to under one rule, or in one gap where there is no policy."""

    TOLD: ClassVar = ("status", "value", "low", "high", "why")

    status: Status | None = None
    """What the gate would say to the rule alone, without what rules share (Holm); of today's model, what it says.
    Absent from JSON, as all of these where they say nothing, without a policy."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""
    """Why it is not measured."""


class GroupSelected(Record):
    """How many of a group are selected."""

    group: Named
    """Attribute → value."""
    now: int
    """Rows selected today."""
    change: int | None
    """Rows that the remedy selects, less `now`; None where merged score bins leave open which is more."""


class Remedy(Terse):
    """Other decisions on the same rows, each judged on rows that did not choose it."""

    TOLD: ClassVar = ("by", "lots", "alike", "open")

    words: str
    """What it makes equal, in a few words: "equal selection rates"; empty for today's model."""
    by: tuple[str, ...] = ()
    """The attributes whose groups get a threshold each; empty: everybody has the same."""
    lots: bool = False
    """True where it draws lots between thresholds, since one a group cannot make the rates equal."""
    alike: bool = False
    """True where both halves of the rows chose thresholds that decide every row alike: each answer is that of an audit
    of these decisions."""
    open: int = Field(default=0, ge=0)
    """Rows of merged score bins that a threshold parts: these may be decided otherwise."""
    accuracy: float
    """Share of rows decided as they truly are."""
    answers: tuple[RemedyAnswer | None, ...] = ()
    """In the order of the rules, or of `Remedies.gaps`; None: it says nothing of this one."""
    selected: tuple[GroupSelected, ...] = ()
    """Of the groups of `by`; of the first attribute where it is for everybody."""


class Gap(Record):
    """A difference between groups that remedies are told by where there is no policy."""

    metric: str
    by: tuple[str, ...]


class FrontierLimit(Record):
    """Where a rule's limit lies on a frontier."""

    rule: str
    """Id of the rule."""
    gap: float


class Frontier(Terse):
    """The greatest accuracy for each gap in selection rate that remains, thresholds by group, judged held out."""

    TOLD: ClassVar = ("limits",)

    by: tuple[str, ...]
    gap: tuple[float, ...]
    """Largest difference in selection rate between groups."""
    ratio: tuple[float | None, ...]
    """Smallest ratio, of the same points."""
    accuracy: tuple[float, ...]
    today: tuple[float, float]
    """Gap and accuracy of today's model."""
    limits: tuple[FrontierLimit, ...] = ()

    @model_validator(mode="after")
    def _as_long(self) -> "Frontier":
        if not len(self.gap) == len(self.ratio) == len(self.accuracy):
            raise ValueError("the points of a frontier have a different number of gaps, ratios and accuracies")
        return self


class Remedies(Terse):
    """What would help: today's model first, then every remedy, under every rule."""

    TOLD: ClassVar = ("gaps", "frontier")

    rows: tuple[Remedy, ...] = Field(min_length=1)
    gaps: tuple[Gap, ...] = ()
    """What the answers are about where there is no policy; absent from JSON where there is one."""
    frontier: Frontier | None = None
    """Of the groups that rules on selection name, else of those that are farthest apart in it; likewise."""

    @model_validator(mode="after")
    def _as_many_answers(self) -> "Remedies":
        if len({len(r.answers) for r in self.rows}) > 1 or (self.gaps and len(self.gaps) != len(self.rows[0].answers)):
            raise ValueError("remedies have a different number of answers")
        return self
