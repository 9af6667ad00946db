"""What the gate says: one verdict a rule, with what stands beside it. Import them from `auditkit.records`."""

import datetime
from typing import ClassVar

from auditkit.baselines import BesideBaseline
from auditkit.estimates import Estimate, Record, Surest, Terse
from auditkit.rules import Rule, Status


class PerfectModel(Terse):
    """What the gate would say to one rule of a model that makes no mistake: the truth's own rates in its place."""

    TOLD: ClassVar = ("estimate", "surest", "by_construction")

    status: Status
    """`not_measured` where it is not known; `reason` says why."""
    reason: str
    """One sentence."""
    estimate: Estimate | None = None
    """At the confidence of the rule; `status` shares its error with the other rules, as verdicts do. Absent from JSON
    where none is needed, as all below where they say nothing."""
    surest: Surest | None = None
    """The groups that carry its inner limit."""
    by_construction: bool = False
    """True where right decisions alone settle it, whatever the data."""


class Waived(Record):
    """A waiver of a rule that is not met, on the day of the judgement."""

    reason: str
    approved_by: str
    expires: datetime.date
    expired: bool
    """True: it forgives nothing any more."""


class Verdict(Terse):
    """What the gate says of one rule."""

    TOLD: ClassVar = ("absence", "surest", "tightest", "p_exceeded", "perfect", "waiver", "baseline")

    status: Status
    rule: Rule
    finding: str | None
    """Id of the finding that was judged; None where there is none."""
    estimate: Estimate | None
    """The interval that decided."""
    surest: Surest | None = None
    """The groups that carry that interval's inner limit; absent from JSON where no group is named."""
    reason: str
    """One sentence."""
    absence: str = ""
    """Of `not_measured`: what is missing and why, as `reason` ends; absent from JSON where empty."""
    more_data: float | None = None
    """For `inconclusive`: how many times as many rows would decide the rule under its policy, if all estimates stay: a
    whole number up to 1,000. None if none would, or if it is not known."""
    p: float | None = None
    """Family p of H0: the limit is kept, before Holm; None where nothing was tested or nothing corrected."""
    tightest: float | None = None
    """Of `pass` and `inconclusive` by interval: the tightest limit that would pass at the rule's confidence, which is
    the outer limit of the interval: the smallest `at_most`, the largest `at_least`. Absent from JSON where None."""
    p_exceeded: float | None = None
    """There, p of H0: the rule's limit is exceeded, by some group or pair (intersection–union): the rule passes exactly
    when p is at most 1 − confidence, and p is 1 − the level at which the interval would end on the limit. Likewise."""
    perfect: PerfectModel | None = None
    """Whether a model that makes no mistake would pass; absent from JSON where nobody asked."""
    waiver: Waived | None = None
    """Beside a status that is not `pass`; absent from JSON where there is none."""
    baseline: BesideBaseline | None = None
    """What the policy's baseline says; absent from JSON where the policy names none."""

    @property
    def waived(self) -> bool:
        """Whether a waiver that still holds forgives it."""
        return self.waiver is not None and not self.waiver.expired

    @property
    def blocks(self) -> bool:
        """True when the rule stands in the way of `passed`: failed, or undecided or not measured where that fails.

        A waiver that holds takes its status out of the way, and leaves it; that it is worse than the baseline no waiver
        forgives.
        """
        return bool(self.blocking)

    @property
    def blocking(self) -> frozenset[Status]:
        """What stands in the way: its status, and what the baseline says, each where it does."""
        handling = {"inconclusive": self.rule.on_inconclusive, "not_measured": self.rule.on_not_measured}
        found = set() if self.waived else {self.status}
        if self.baseline is not None and self.baseline.status is not None:
            found.add(self.baseline.status)
        severe = self.rule.severity == "error"
        return frozenset(s for s in found if severe and handling.get(s, s) == "fail")

    @property
    def statuses(self) -> frozenset[Status]:
        """Its status, and what the baseline says."""
        said = self.baseline.status if self.baseline is not None else None
        return frozenset({self.status} if said is None else {self.status, said})
