"""Equalized odds: the gaps of true and false positive rate judged together, the larger of both or their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness import notes
from auditkit.fairness.families import statements
from auditkit.fairness.families.estimates import Family, joint_estimate
from auditkit.fairness.families.family import estimated
from auditkit.records import Comparison, Estimate, Finding, Surest
from auditkit.stats import pvalues
from auditkit.stats.joint import Joint
from auditkit.stats.pvalues import FamilyInterval

PARTS = ("true_positive_rate", "false_positive_rate")
"""The rates of equalized odds."""


@dataclass(frozen=True)
class Odds:
    """The families of both rates; together they stand at the q with F_T(q) · F_F(q) = level (`Joint`)."""

    METRIC: ClassVar[str] = "equalized_odds"
    PARTS: ClassVar[tuple[str, ...]] = PARTS
    """The rates that are judged together."""
    parts: tuple[Family, ...]

    @classmethod
    def of(cls, parts: Mapping[str, Family]) -> Self:
        """Of the families of some rates, both of these among them."""
        return cls(tuple(parts[m] for m in cls.PARTS))

    @property
    def first(self) -> Family:
        """The family of the true positive rate; level, attributes and basis are those of both."""
        return self.parts[0]

    @cached_property
    def joint(self) -> Joint:
        """Both families of pairs; made only where neither rate is missing."""
        return Joint(tuple(f.compared("difference") for f in self.parts))

    @cached_property
    def missing(self) -> Family | None:
        """A rate that cannot be compared; None where both can."""
        return next((f for f in self.parts if len(f.positions) < 2), None)

    def finding(self, kind: Comparison) -> Finding:
        """The worst case: the larger gap, or the smaller ratio."""
        which = "the larger" if kind == "difference" else "the smaller"
        if self.missing is not None:
            e, rate = self._nothing(self.missing), self.missing.metric
            return self._finding(kind, e, statements.of_equalized_odds(self.first.by, kind, e, rate, None), which)
        found, _, at = self.joint.interval(kind)
        worse = self.parts[at]
        found = found._replace(sure=found.sure.among(worse.positions))
        outer = "upper Newcombe" if kind == "difference" else "lower MOVER-R"
        method = f"both families of pairs at their joint quantile; {outer}{worse.basis.suffix}"
        e = joint_estimate(self.parts, self.joint, kind, found, n=self._rows, method=method)
        said = statements.of_equalized_odds(self.first.by, kind, e, worse.metric, worse.named(found.sure))
        return self._finding(kind, e, said, which, worse.surest(kind, e, found))

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        return None if self.missing is not None else self.joint.p_value(kind, limit, above=above)

    @property
    def _rows(self) -> int:
        return max(int(f.rows.sum()) for f in self.parts)

    def _nothing(self, missing: Family) -> Estimate:
        e = missing.nothing_to_compare()
        return e.model_copy(update={"note": f"{METRICS[missing.metric].title.lower()}: {e.note}"})

    def _finding(self, kind: Comparison, e: Estimate, said: str, which: str, surest: Surest | None = None) -> Finding:
        ids = [notes.finding_id("fairness", m, kind, self.first.by) for m in self.PARTS]
        small = ((METRICS[f.metric].plain, f.left_out()) for f in self.parts)
        out = [f"{what}: too few in {listing(names)}" for what, names in small if names]
        about = (f"{which} of {ids[0]} and {ids[1]}", *out, *self.first.basis.notes)
        return notes.finding(
            self.METRIC,
            kind,
            self.first.by,
            e,
            said,
            notes=about,
            surest=surest,
        )


class OddsMean(Odds):
    """The mean of both gaps, and of both projections at the joint q."""

    METRIC = "equalized_odds_mean"

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        e = self._mean()
        return self._finding(kind, e, statements.of_mean_odds(self.first.by, e), "the mean")

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`; through the joint law of q."""
        if self.missing is not None:
            return None
        side = "low" if above else "high"
        return pvalues.p_value(lambda q: getattr(self._interval(q), side), limit, above=above, tail_of=self.joint.tail)

    def _mean(self) -> Estimate:
        if self.missing is not None:
            return self._nothing(self.missing)
        g, method = self._interval(self.joint.quantile), "mean of both families of pairs at their joint quantile"
        each = [f.mde(self.joint.quantile) for f in self.parts]
        mde = None if None in each else sum(x for x in each if x is not None) / len(each)
        method += self.first.basis.suffix
        return estimated(*g[:3], level=self.first.level, n=self._rows, method=method, mde=mde)

    def _interval(self, q: float) -> FamilyInterval:
        """Both limits at q: one term of a sum makes no intersection–union claim."""
        gaps = [c.interval("difference", inner=q, outer=q) for c in self.joint.parts]
        value, low, high = (sum(x) / 2 for x in zip(*(g[:3] for g in gaps), strict=True))
        return gaps[0]._replace(value=value, low=low, high=high)
