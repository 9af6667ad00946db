"""What is asked of evidence: one comparison of one metric, between which groups, and how sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from auditkit.records import Comparison, Rule

SPARSE = 10
"""A rate with a smaller denominator is shown as `sparse`, and its group stays out of comparisons."""


@dataclass(frozen=True)
class Question:
    """One comparison of one metric, as a rule or a check asks it.

    >>> Question("selection_rate", "difference", ("race", "sex")).of_attributes(["sex", "race"]).by
    ('sex', 'race')
    """

    metric: str
    comparison: Comparison
    by: tuple[str, ...] = ()
    level: float = 0.95
    """Confidence level of the interval."""
    min_n: int = SPARSE
    """Groups with a smaller denominator are left out."""
    reference: Mapping[str, str] | None = None
    """Attribute → value of the group that the others are compared with."""
    label: str | None = None
    """The class, or the label of several."""
    of: str | None = None
    """Of a share: of the gap in what."""
    features: tuple[str, ...] = ()
    """Of a share: the columns whose parts are added."""

    @classmethod
    def of_rule(cls, rule: Rule, level: float = 0.95) -> Question:
        """What a rule asks, at that level."""
        return cls(
            rule.metric, rule.comparison, rule.by, level, rule.min_n, rule.reference, rule.label, rule.of, rule.features
        )

    def of_attributes(self, declared: Sequence[str]) -> Question | None:
        """The same with its attributes in the order in which they were declared; None where one was not."""
        if not set(self.by) <= set(declared):
            return None
        return replace(self, by=tuple(sorted(self.by, key=list(declared).index)))
