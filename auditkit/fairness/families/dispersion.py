"""The spread of a rate over all groups: one number where there are too many groups for pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auditkit.catalogue import derived, sentences
from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.fairness import notes
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import estimated
from auditkit.formatting import interval, points
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Finding
from auditkit.stats.dispersion import dispersion, dispersion_p

DISPERSIONS = tuple(m.name for m in derived.DISPERSIONS)
"""Names of the metrics that are the dispersion of a rate."""


@dataclass(frozen=True)
class RateDispersion:
    """The spread of one rate over crossed groups."""

    metric: str
    family: Family
    """Of the rate itself."""

    @classmethod
    def of(cls, tally: Tally, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> RateDispersion:
        """Read off a tally; a group needs two rows, or `min_n` if that is more."""
        rate = metric.removesuffix(derived.DISPERSION)
        return cls(metric, families_of(tally, by, (rate,), level=level, min_n=max(2, min_n))[rate])

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        e, raw = self._estimate()
        by, head = self.family.by, METRICS[self.metric].title
        if e.value is None:
            statement = f"{head}: {sentences.incomparable(by, e.note)}"
        elif not e.low:
            none = sentences.none_established("spread", f"between {sentences.groups_of(by)}")
            statement = f"{head}: beyond chance, {none} ({interval(e, kind)} points)."
        else:
            statement = (
                f"{head}: beyond chance, {sentences.groups_of(by)} are spread by {points(e)} points, as a "
                f"standard deviation ({interval(e, kind)})."
            )
        seen = () if raw is None else (f"the rates as they are, chance included, are spread by {points(raw)} points",)
        about = (*seen, *self.family.notes(kind, None))
        title, by_group = notes.title_of(self.metric, by), self.family.by_group
        return notes.finding(
            self.metric,
            kind,
            by,
            e,
            statement,
            title=title,
            by_group=by_group,
            notes=about,
        )

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        kept = self.family.kept
        if kept.sum() < 2:
            return None
        return dispersion_p(self.family.k[kept], self.family.n[kept], limit, above=above)

    def _estimate(self) -> tuple[Estimate, float | None]:
        """The estimate, and the spread of the rates as they are."""
        family, kept = self.family, self.family.kept
        if kept.sum() < 2:
            return family.nothing_to_compare(), None
        d = dispersion(family.k[kept], family.n[kept], level=family.level)
        return estimated(
            d.value,
            d.low,
            d.high,
            level=family.level,
            n=int(family.rows[kept].sum()),
            denominator=float(np.sum(family.n[kept])),
            method="S² less the mean variance within groups; noncentral χ², turned round",
            note="" if d.high > 0 else "the groups are more alike than chance would make them: both limits are 0",
        ), d.raw
