"""What lists show of groups of items, as families: exposure for relevance, and skew of the first places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from auditkit.catalogue.rankings import RELATIVE, cut_of
from auditkit.catalogue.sentences import is_established
from auditkit.evidence.exposures import WHOLE, ExposureSums
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.family import Words
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.formatting import interval, percent, quotient
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate
from auditkit.stats.comparisons import EXTREMES
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Floats, Limits
from auditkit.stats.shared_ratios import SharedRatios

SHARED = "users are what is drawn: groups of items share their lists, which every interval takes account of"


@dataclass(frozen=True)
class SharedBasis(Basis):
    """Groups that the same rows give to, whose estimates are correlated."""

    rho: Floats
    """(K, K)"""

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Basis`."""
        return (SHARED,)

    def correlations(self, where: Positions) -> Floats | None:
        """See `Basis`."""
        return np.asarray(self.rho[np.ix_(where, where)])


@dataclass(frozen=True)
class ExposureFamily(QuantityFamily):
    """A ratio of shares, or its logarithm, in K groups of items."""

    basis: Basis = QuantityFamily.basis
    users: int = 0
    """Users, whose lists all groups share."""

    def estimate_of(self, found: FamilyInterval, kind: Comparison, claims: int | None = None) -> Estimate:
        """See `GroupFamily`; n is that of users, who stand in several groups."""
        e = super().estimate_of(found, kind, claims)
        return e.model_copy(update={"n": self.users, "denominator": float(self.users)})

    def said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None, other: str = "") -> str:
        """See `GroupFamily`; exposure in words."""
        if self.metric != RELATIVE or found is None or not (kind in EXTREMES or is_established(kind, e)):
            return super().said(kind, e, found, other)
        sure = self.named(found.sure)
        bounds = interval(sure.estimate, kind, of=self.entry.unit)
        told = [f"at {percent(v)}" for v in sure.values]
        head = f"Shown {told[0]} of what relevance would give"
        if kind in EXTREMES:
            which = "least" if kind == "group_min" else "most"
            return f"{head}, the {which} of all groups of {' and '.join(self.by)}: {sure.groups[0]} ({bounds})."
        low, high = sure.groups
        return f"{head}: {low}; {told[1]}: {high}. The ratio of the two is {quotient(sure.estimate)} ({bounds})."


def family_of(
    sums: ExposureSums, metric: str, attribute: str, *, level: float, min_n: int = SPARSE
) -> ExposureFamily | None:
    """Exposure as a multiple of relevance, or skew@k, of the groups of items; None where the lists do not tell it."""
    k = WHOLE if metric == RELATIVE else cut_of(metric)
    found = None if k is None else sums.sums.get((attribute, k))
    if found is None:
        return None
    ratios = SharedRatios(found.sums, found.products, found.n, found.squares)
    n = found.rows if found.under.sum() else np.zeros_like(found.rows)
    words = Words(
        "MOVER-R of both shares, effective n (users)",
        "no user has a relevant item of it: 0/0 is not a ratio" if k == WHOLE else "no user has a candidate of it",
        "users with a relevant item of it" if k == WHOLE else "users with a candidate of it",
        "nothing of any group is shown: 0/0 is not a ratio",
    )
    at: Any = ratios.limits if k == WHOLE else partial(_skew, ratios)
    return ExposureFamily(
        metric,
        (attribute,),
        tuple((g,) for g in found.groups),
        n,
        n,
        at,
        words,
        level,
        min_n,
        basis=SharedBasis((), ratios.correlations),
        users=found.n,
    )


def _skew(ratios: SharedRatios, q: Any) -> Limits:
    """ln((C + ½) / (M + ½)) of the ratio C / M, which it rises with: as many are shown in all as are expected."""
    of, expected = ratios.limits(q), ratios.sums[ratios.groups :]
    return Limits(*(np.log((x * expected + 0.5) / (expected + 0.5)) for x in of))
