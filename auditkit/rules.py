"""What is asked: one rule of a policy, and which policy it is of; and what got no answer. Import them from
`auditkit.records`."""

import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from auditkit.estimates import IN_ORDER, Named, Record, Terse

Comparison = Literal[
    "overall",
    "group_min",
    "group_max",
    "difference",
    "ratio",
    "difference_to_overall",
    "ratio_to_overall",
    "difference_to_reference",
    "ratio_to_reference",
    "difference_to_rest",
    "ratio_to_rest",
    "lowest_change",
    "highest_change",
    "gap_change",
]
CHANGE = "change"
"""How a policy asks of a change in every group: its lowest where the limit is `at_least`, its highest where `at_most`.
"""
CHANGES: tuple[Comparison, ...] = ("lowest_change", "highest_change", "gap_change")
"""What an older model on the same rows is compared by: new − old."""


Status = Literal["pass", "fail", "inconclusive", "not_measured"]
"""What the gate says of a rule."""
Handling = Literal["fail", "warn", "pass"]
"""What an undecided rule, or one that is not measured, counts as."""
Decision = Literal["interval", "point"]
Concern = Literal[
    "data",
    "performance",
    "fairness",
    "calibration",
    "subgroups",
    "explanation",
    "robustness",
    "mitigation",
    "change",
]
"""What a finding is about."""


class NotMeasured(Terse):
    """Something that a reader could expect and will not find, with the reason."""

    TOLD: ClassVar = ("settled",)

    what: str
    why: str
    concern: Concern | None = None
    """The section of the report that stays empty for this reason."""
    accident: bool = False
    """True where the check broke: the page cautions, and names it."""
    settled: bool = False
    """True where `why` is the answer, which needs no measuring: what is no input of a net changes nothing in it. Absent
    from JSON where it is not."""


class Subject(Record):
    """What a rule asks about, and a finding answers."""

    metric: str
    """A name of the catalogue."""
    comparison: Comparison
    by: tuple[str, ...] = ()
    """The sensitive attributes; empty for overall values."""
    reference: Named | None = None
    """Attribute → value of the group that the others are compared with; None where the comparison has none."""
    label: str | None = None
    """The class, or the label of several; None: the only one, or all together."""
    of: str | None = None
    """Of a share: of the gap in what; None: no share."""
    features: tuple[str, ...] = ()
    """Of a share: the columns whose parts of the gap are added; empty: of no share, or of the largest part."""


class Rule(Subject, Terse):
    """One line of a policy: a metric, a comparison, a limit."""

    TOLD: ClassVar = ("max_regression",)

    id: str = Field(min_length=1)
    """Stable: finding, JUnit name and baseline key."""
    at_most: float | None = None
    at_least: float | None = None
    confidence: float | None = None
    """Level of the deciding interval; None: the policy's."""
    decision: Decision = "interval"
    min_n: int = 10
    """Groups with a smaller denominator leave this rule's family, by name."""
    on_inconclusive: Handling = "warn"
    on_not_measured: Handling = "fail"
    severity: Literal["error", "warning"] = "error"
    refs: tuple[str, ...] = ()
    max_regression: float | None = Field(default=None, ge=0)
    """By how much its value may be worse than the baseline's; None, and absent from JSON: not held against one."""
    line: int | None = None
    """Line of the rule in its file, from 1."""

    @model_validator(mode="before")
    @classmethod
    def _of_a_change(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("comparison") == CHANGE:
            least = given.get("at_least") is not None
            return {**given, "comparison": "lowest_change" if least else "highest_change"}
        return given

    @model_validator(mode="after")
    def _one_limit(self) -> "Rule":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"rule '{self.id}' needs exactly one of at_most and at_least")
        return self

    @property
    def exact(self) -> bool:
        """Whether it says between which groups it is asked, or of everybody: of a floor, some limits do not."""
        return bool(self.by) or self.comparison == "overall"

    @property
    def limit(self) -> float:
        """The one limit of the rule."""
        limit = self.at_most if self.at_most is not None else self.at_least
        assert limit is not None
        return limit


class Waiver(Record):
    """Somebody's word that a rule may be missed for a while. It stands beside the status, never in its place."""

    rule: str = Field(min_length=1)
    """The id of the rule; of several labels, that of all, or of one, id[label]: `rule = "equal-opportunity-sex"`."""
    reason: str = Field(min_length=1)
    """Why it cannot be met yet: `reason = "n = 41 over 75; collecting until the new year"`."""
    approved_by: str = Field(min_length=1)
    """Who answers for it: `approved_by = "model risk board"`."""
    expires: datetime.date
    """The last day on which it holds: `expires = 2027-01-31`."""

    def covers(self, rule: str) -> bool:
        """Whether it is about that rule.

        >>> day = datetime.date(2027, 1, 31)
        >>> Waiver(rule="r", reason="n = 41", approved_by="board", expires=day).covers("r[urgent]")
        True
        """
        return self.rule == rule or rule.startswith(f"{self.rule}[")


class Floor(Terse):
    """One `[require]` table: below it no policy passes."""

    TOLD: ClassVar = (
        *("attributes", "crossings", "checks", "metrics", "rules", "lowest_min_n", "highest_min_n", "on_inconclusive"),
        *("on_not_measured", "decision", "lowest_confidence", "waivers", "longest_waiver", "lines"),
    )

    source: str
    """File name."""
    attributes: tuple[str, ...] = ()
    crossings: tuple[tuple[str, ...], ...] = ()
    checks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    """With `by` (or over everybody): asked of every audit. Without: the loosest limit of all rules of that metric and
    comparison."""
    lowest_min_n: int | None = None
    highest_min_n: int | None = None
    on_inconclusive: Handling | None = None
    """The weakest that is allowed, as below: pass, warn, fail."""
    on_not_measured: Handling | None = None
    decision: Decision | None = None
    lowest_confidence: float | None = Field(default=None, gt=0.5, lt=1)
    waivers: bool = True
    """Whether a rule may be waived."""
    longest_waiver: int | None = None
    """Days from the day of judging."""
    lines: Annotated[dict[str, int], IN_ORDER] = Field(default_factory=dict)
    """Key → its line."""
    sha256: str = ""
    """Of what it requires, as canonical JSON."""

    def at(self, key: str) -> str:
        """ "file:line" of a key."""
        return f"{self.source}:{self.lines[key]}" if key in self.lines else self.source


class PolicyInfo(Terse):
    """Which policy: what a report keeps of it beside the verdicts (each carries its rule)."""

    TOLD: ClassVar = ("looks", "floors", "overdue", "baseline")

    id: str = ""
    version: str = ""
    owner: str = ""
    review_by: datetime.date | None = None
    overdue: bool = False
    """True where that day had passed when the report was judged; absent from JSON where not, as below."""
    baseline: str = ""
    """File of the baseline that rules are held against, as the policy names it; empty: none."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of every interval in the report, unless a rule says otherwise; of one look, where there are several."""
    looks: int = Field(default=1, ge=1)
    """Over how many audits the policy spends one error (`auditkit.looks`); absent from JSON where it is 1."""
    correction: Literal["holm", "none"] = "holm"
    """How the rules of one severity share their error: Holm's step-down, or not at all."""
    source: str = ""
    """File name of the policy; empty for a dict."""
    sha256: str = ""
    """SHA-256 of the rules as canonical JSON: it changes when what is asked changes."""
    floors: tuple[Floor, ...] = ()
    """What the files that it extends require; absent from JSON where they require nothing."""
