"""The spread of a rate over all groups: one number where there are too many groups for pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.catalogue.dispersion import METRICS as ENTRIES
from auditkit.catalogue.dispersion import SUFFIX
from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.fairness import notes
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import number
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.notes import notes_of
from auditkit.formatting import interval, points
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding
from auditkit.stats.dispersion import dispersion, dispersion_p

DISPERSIONS = tuple(m.name for m in ENTRIES)
"""Names of the metrics that are the dispersion of a rate."""


def finding(tally: Tally, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> Finding:
    """The dispersion of a rate over the crossed groups of these attributes."""
    family = _family(tally, metric, by, level=level, min_n=min_n)
    e, raw = _estimate(family)
    attributes = " and ".join(by)
    head = METRICS[metric].title
    if e.value is None:
        statement = f"{head}: groups of {attributes} cannot be compared; {e.note}."
    elif not e.low:
        statement = (
            f"{head}: beyond chance, no spread between groups of {attributes} is established "
            f"({interval(e, 'difference')} points)."
        )
    else:
        statement = (
            f"{head}: beyond chance, groups of {attributes} are spread by {points(e.value)} points, as a standard "
            f"deviation ({interval(e, 'difference')})."
        )
    seen = () if raw is None else (f"the rates as they are, chance included, are spread by {points(raw)} points",)
    about = (*seen, *notes_of(family, "difference", None))
    found = notes.finding(metric, "difference", by, e, statement, by_group=family.by_group(), notes=about)
    return found.model_copy(update={"title": f"{head}, {attributes}"})


def p_value(
    tally: Tally, metric: str, by: Sequence[str], *, limit: float, above: bool, min_n: int = SPARSE
) -> float | None:
    """p of H0: the dispersion is at most (`above`), or at least, the limit; None with fewer than two groups."""
    family = _family(tally, metric, by, level=0.95, min_n=min_n)
    if family.kept.sum() < 2:
        return None
    return dispersion_p(family.k[family.kept], family.n[family.kept], limit, above=above)


def _family(tally: Tally, metric: str, by: Sequence[str], *, level: float, min_n: int) -> Family:
    rate = metric.removesuffix(SUFFIX)
    return families_of(tally, RateTable.of(tally, by, (rate,)), level=level, min_n=max(2, min_n))[rate]


def _estimate(family: Family) -> tuple[Estimate, float | None]:
    """The estimate, and the spread of the rates as they are."""
    kept = family.kept
    if kept.sum() < 2:
        return family.nothing_to_compare(), None
    d = dispersion(family.k[kept], family.n[kept], level=family.level)
    return Estimate(
        value=number(d.value),
        low=number(d.low),
        high=number(d.high),
        level=family.level,
        n=int(family.rows[kept].sum()),
        denominator=float(np.sum(family.n[kept])),
        method="S² less the mean variance within groups; noncentral χ², turned round",
        note="" if d.high > 0 else "the groups are more alike than chance would make them: both limits are 0",
    ), d.raw
