"""`[require]` as it is written: what an organisation asks of every policy that extends its file."""

from __future__ import annotations

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from auditkit.gate.parts import Level, Names
from auditkit.records import Decision, Handling, Record


class RequiredRule(Record):
    """A `[[require.rule]]`."""

    id: str = ""
    """What the rule is called where a project does not ask it itself; without one its metric and attributes name it:
    `id = "company-tpr"`."""
    metric: str
    """The metric that is limited, by a name of the catalogue or of fairlearn: `metric = "true_positive_rate"`."""
    comparison: str | None = None
    """How groups are compared, such as difference or ratio: `comparison = "difference"`."""
    by: Names = ()
    """The attributes that every audit must compare; without them the limit binds every rule of its kind:
    `by = ["sex"]`."""
    reference: str | dict[str, str] | None = None
    """The group that the others are compared with, where the comparison has one: `reference = "male"`."""
    label: str | StrictInt | None = None
    """The class, or the label of several, that the rule is about: `label = "urgent"`."""
    at_most: StrictFloat | None = None
    """The loosest upper limit that a policy may set: `at_most = 0.10`."""
    at_least: StrictFloat | None = None
    """The loosest lower limit that a policy may set: `at_least = 0.80`."""


class RequireTable(Record):
    """`[require]`."""

    attributes: Names = ()
    """Columns that every audit must declare as sensitive features, and compare: `attributes = ["sex"]`."""
    crossings: tuple[Names, ...] = ()
    """Sets of attributes whose crossed groups every audit must compare: `crossings = [["sex", "race"]]`."""
    checks: Names = ()
    """Checks that every audit must run: `checks = ["group_fairness"]`."""
    metrics: Names = ()
    """Metrics that every policy must ask by a rule, for each of the required attributes:
    `metrics = ["true_positive_rate"]`."""
    rule: tuple[RequiredRule, ...] = ()
    """The loosest limits: asked of every audit where they name attributes, else binding every rule of their kind."""
    lowest_min_n: StrictInt | None = Field(default=None, ge=1)
    """The smallest min_n that a rule may have: `lowest_min_n = 10`."""
    highest_min_n: StrictInt | None = Field(default=None, ge=1)
    """The largest min_n that a rule may have: a larger one would leave more groups out: `highest_min_n = 100`."""
    on_inconclusive: Handling | None = None
    """The weakest that an undecided rule may count as, in the order pass, warn, fail: `on_inconclusive = "warn"`."""
    on_not_measured: Handling | None = None
    """Of a rule without an answer, and what a requirement counts as that was not assessed (if unsaid, fail):
    `on_not_measured = "fail"`."""
    decision: Decision | None = None
    """With "interval" no rule may be decided by its point value alone: `decision = "interval"`."""
    lowest_confidence: Level | None = None
    """The smallest confidence that a policy or a rule may ask, over all its looks together:
    `lowest_confidence = 0.95`."""
    waivers: StrictBool = True
    """Whether a policy may waive rules at all: `waivers = false`."""
    longest_waiver: StrictInt | None = Field(default=None, ge=0)
    """How many days from today a waiver may last, at most: `longest_waiver = 90`."""
