"""Observed less expected events of those above, or near, a threshold: group by group, and O/E beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from auditkit.catalogue.clinical import metric_of
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.metric import Metric
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.tally import Tally
from auditkit.fairness.clinical.statements import of_sign
from auditkit.fairness.families.family import number
from auditkit.fairness.families.rates import cells_of
from auditkit.fairness.groups.measured import MeasuredFamily, family_of
from auditkit.question import SPARSE
from auditkit.records import Comparison, Concern, Estimate, Finding, Table
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Floats, rate


@dataclass(frozen=True)
class MissFamily(MeasuredFamily):
    """The mean of truth less score in K crossed groups: above 0 scores are too low."""

    @property
    def entry(self) -> Metric:
        """What the catalogue says of the metric."""
        return METRICS[self.metric]

    def told(self, found: Finding) -> Finding:
        """See `GroupFamily`: the catalogue knows the unit."""
        return found

    def concern(self, kind: Comparison) -> Concern:
        """See `GroupFamily`."""
        return "calibration"

    def said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None, other: str = "") -> str:
        """See `GroupFamily`; the sign of a miss in words."""
        return of_sign(self, kind, e, found)


def misses(
    sums: NumberSums, name: str, at: float, by: Sequence[str], *, level: float, min_n: int = SPARSE
) -> MissFamily:
    """The mean of truth less score of these rows in the crossed groups; `by=()` gives everybody."""
    of = family_of(sums, "miss", by, level=level, min_n=min_n)
    kept: dict[str, Any] = {f.name: getattr(of, f.name) for f in fields(of)}
    words = of.words._replace(nobody="nobody has such a score")
    return MissFamily(**kept | {"metric": metric_of(name, at), "most": 2.0, "remarks": (), "words": words})


def of_expected(tally: Tally, family: MissFamily) -> Table:
    """Observed and expected events of those at or above the threshold, and O/E, group by group.

    O/E = Σy / Σs = 1 + m/s̄, m the mean of truth less score; its limits are those of m, the mean score s̄ as it is.
    """
    counts = tally.counts(*family.by)
    observed = _share(tally, family.by)
    place = {g: i for i, g in enumerate(counts.groups)}
    rows: list[tuple[str | int | float | None, ...]] = []
    for i, group in enumerate(family.groups):
        o, m = float(observed[place[group]]), family.limits
        expected = o - float(m.p[i])
        ratio = [number(1 + float(x[i]) / expected) if expected > 0 else None for x in (m.p, m.low, m.high)]
        ratio[1] = None if ratio[1] is None else max(0.0, ratio[1])
        n = int(cells_of(counts.table, ((0, 1), (1, 1)))[place[group]])
        rows.append((family.name(i) or "everybody", n, number(o), number(expected), *ratio))
    columns = ("Patients at or above", "Observed events", "Expected events", "O/E", "From", "To")
    head = " and ".join(family.by).capitalize()
    units = ("", "", "percent", "percent", "ratio", "ratio", "ratio")
    title = f"{family.entry.title}: O/E"
    return Table(title=title, columns=(head or "Who", *columns), rows=tuple(rows), units=units)


def _share(tally: Tally, by: Sequence[str]) -> Floats:
    """(K,) of those at or above the threshold, the share with an event."""
    table: Any = tally.sums(*by).w if tally.dependent else tally.counts(*by).table.astype(np.float64)
    return rate(cells_of(table, ((1, 1),)), cells_of(table, ((0, 1), (1, 1))))
