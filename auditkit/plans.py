"""What an audit could see, before anybody collects: records of `ak.plan`. Nothing here computes."""

import json
from typing import Literal

from pydantic import Field

from auditkit.estimates import Record
from auditkit.rules import Rule


class PlannedGroup(Record):
    """One group of one rule."""

    group: dict[str, str]
    """attribute → value; empty for everybody."""
    rows: int
    counted: float
    """Rows that the metric is of, as expected: of a true positive rate, the truly positive."""
    too_few: bool
    """Whether these are fewer than the rule's `min_n`: the group is left out, by name."""
    fails_from: float | None
    """The smallest true gap (of a ratio: the largest true ratio; of one value: that value) of this group that fails the
    rule with the power asked for; None where none does."""
    rows_needed: int | None
    """Rows with which the rule passes with that power, if every group has as many to count; None where none suffice."""


class PlannedRule(Record):
    """What one rule would come to."""

    rule: Rule
    planned: bool
    """False where sizes and rates alone do not say: `sentences` say why."""
    fail_level: float = Field(gt=0, lt=1)
    """Confidence of the limit that can fail the rule: under Holm that of the first step, the hardest."""
    pass_level: float = Field(gt=0, lt=1)
    """Of the limit that lets it pass."""
    rate: float | None = None
    """The value of the metric that all groups are taken to have."""
    truth: float = 0.0
    """The gap that the worst group is taken to have where the rule is to pass."""
    groups: tuple[PlannedGroup, ...] = ()
    fails_from: float | None = None
    """The largest of the groups' own (of a ratio, the smallest): so large a gap is seen in whichever group it is."""
    seen_from: float | None = None
    """Of differences: the smallest gap that is told from none at all, at the rule's own confidence."""
    counted_needed: int | None = None
    """To count in every group, so that the rule passes with the power asked for where the truth is `truth`."""
    passes: bool | None = None
    """Whether it would pass with that power at these sizes."""
    can_pass: bool | None = None
    """Whether it would if all groups came out exactly as they are taken to be in truth."""
    can_fail: bool | None = None
    """Whether it would fail if one group had the worst value that there is, and the others the best."""
    sentences: tuple[str, ...] = ()


class Plan(Record):
    """What an audit of groups of these sizes could see."""

    schema_version: Literal["auditkit.plan/1"] = "auditkit.plan/1"
    power: float = 0.8
    looks: int = 1
    attributes: dict[str, dict[str, int]] = Field(default_factory=dict)
    """attribute → value → rows."""
    base_rates: dict[str, dict[str, float]] = Field(default_factory=dict)
    """attribute → value → share that is truly positive, where it is known."""
    rules: tuple[PlannedRule, ...] = ()
    notes: tuple[str, ...] = ()
    """What was assumed."""

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False, indent=1) + "\n"

    def __repr__(self) -> str:
        """The plan as text."""
        return _written(self, "as_text")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """The plan in a notebook."""
        return _written(self, "as_html")


def _written(plan: Plan, how: str) -> str:
    import importlib

    return str(getattr(importlib.import_module("auditkit.report.planned"), how)(plan))
