"""UnknownDemographics: what rows of unknown group could do to the impact ratios."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from auditkit.batch import Batch
from auditkit.check import Assessment, BaseCheck
from auditkit.errors import PolicyError
from auditkit.evidence.tally import Tally
from auditkit.fairness.law import unknowns_findings as findings
from auditkit.fairness.law.unknowns_findings import Placements
from auditkit.fairness.sets import compared, sets_of
from auditkit.options import checked_options


@dataclass(frozen=True)
@checked_options
class UnknownDemographics(BaseCheck):
    """Worst and best impact ratio of every group, wherever the rows of unknown group belong, and the tipping point.

    Parameters
    ----------
    by
        Sets of attributes, each crossed; None: each declared attribute alone, and all of them crossed.
    limit
        The impact ratio below which a group is not to fall, in (0, 1].

    The impact ratio is a group's selection rate over the highest. A row whose attribute is missing belongs to one of
    the groups seen; in a crossing, to one that agrees with what is known of it. The tipping point is the fewest such
    rows that, placed adversely, take a group below the limit. These are bounds, not confidence intervals.

    >>> sex = ["f"] * 50 + ["m"] * 50 + [None] * 10
    >>> tally = Tally.of({"sex": sex}, y_true=[0] * 110, y_pred=[1] * 45 + [0] * 5 + [1] * 50 + [0] * 10)
    >>> UnknownDemographics().assess(tally).findings[0].statement[35:105]
    'Wherever they belong, the smallest impact ratio lies between 0.75 and '
    """

    NAME: ClassVar[str] = "unknown_demographics"
    by: Iterable[Iterable[str]] | None = None
    limit: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.limit <= 1:
            raise PolicyError(f"limit = {self.limit:g} is no impact ratio: it must lie above 0 and not above 1")

    def gather(self, batch: Batch) -> Tally:
        """Count the rows of a batch."""
        return Tally.of(batch.groups, y_true=batch.y_true, y_pred=batch.y_pred)

    def assess(self, evidence: Tally, *, level: float = 0.95) -> Assessment:
        """One finding a set of attributes, of concern `data`; there is one too where nothing is unknown."""
        what = "rows of unknown group"
        sets = compared(sets_of(self.by, evidence.by), evidence.columns, what=what, concern="data")
        found = (findings.finding(Placements.of(evidence, by), self.limit, level=level) for by in sets.sets)
        return Assessment(tuple(found), sets.absent)
