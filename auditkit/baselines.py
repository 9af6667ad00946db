"""What was accepted once: values of rules that a later model must not fall behind. Import them from `auditkit.records`.

A baseline is a file that is committed beside the policy.
"""

import datetime
import json
from typing import ClassVar, Literal

from pydantic import Field

from auditkit.estimates import Estimate, Record, Terse
from auditkit.rules import Rule, Status

BASELINE = "auditkit.baseline/1"


class Held(Terse):
    """What a baseline holds of one rule."""

    TOLD: ClassVar = ("people_sha256", "decided_sha256")

    rule: Rule
    """As it was asked."""
    status: Status
    """What the gate said of it then."""
    estimate: Estimate
    report: str
    """SHA-256 of the report that it is from, as `run` prints it."""
    rows_sha256: str = ""
    """Of the rows of that report."""
    people_sha256: str = ""
    """Of its people and truths, without decisions; absent where it is not known."""
    decided_sha256: str = ""
    """Of the rows, the decisions and the counts that it was judged by; absent where they are not known."""
    since: datetime.date


class BesideBaseline(Record):
    """What the baseline says of a rule, beside its status: two questions, two answers."""

    status: Status | None
    """Whether the rule is worse than the baseline by more than `allowed`; None: the policy sets no `max_regression`."""
    allowed: float | None
    """By how much it may be worse, in the unit of its value."""
    held: Held | None
    """None: the baseline has no value of the rule."""
    change: Estimate | None
    """Today's value less that of the baseline, unpaired."""
    reason: str
    """One or two sentences."""


class Update(Record):
    """Why a baseline was changed, and by whom."""

    date: datetime.date
    reason: str = Field(min_length=1)
    approved_by: str = ""
    name: str = ""
    """Of the report."""
    report: str
    """SHA-256 of the file of the report."""
    worse: tuple[str, ...] = ()
    """What was accepted although it is worse, a sentence each."""


class Baseline(Record):
    """Values, intervals and verdicts by rule id, with the reports that they are from."""

    schema_version: Literal["auditkit.baseline/1"] = "auditkit.baseline/1"
    report: str = Field(pattern="^sha256:[0-9a-f]{64}$")
    """SHA-256 of the report that was accepted last: what `verify --baseline` expects."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of the policy that judged it."""
    model_sha256: str = ""
    rows_sha256: str = ""
    policy_sha256: str = ""
    rules: dict[str, Held] = Field(default_factory=dict)
    history: tuple[Update, ...] = ()
    """The oldest first."""

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, a line a value, so that a review shows what moved."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False, indent=1) + "\n"
