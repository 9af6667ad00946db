"""From readings of groups to findings: everybody, the worst group, the gap; and one plain sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness.families.estimates import number
from auditkit.fairness.scores.statements import statement
from auditkit.fairness.scores.values import Reading
from auditkit.records import Comparison, Concern, Estimate, Exhibit, Finding, GroupEstimate
from auditkit.stats import contrasts, pvalues
from auditkit.stats.contrasts import Method, Quantity
from auditkit.stats.families import FamilyInterval, family_quantile
from auditkit.stats.rates import Limits, critical_value


@dataclass(frozen=True)
class Readings:
    """One metric in K crossed groups."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    readings: tuple[Reading, ...]
    level: float

    @property
    def concern(self) -> Concern:
        """Ranking is a matter of fairness (of performance, for everybody); the rest of calibration."""
        if "calibration" in self.metric:
            return "calibration"
        return "fairness" if self.by else "performance"

    def finding(
        self, comparison: Comparison, *, exhibits: Sequence[Exhibit] = (), notes: Sequence[str] = ()
    ) -> Finding:
        """The finding of one comparison; `exhibits` and `notes` go with it."""
        estimate, found = self._estimate(comparison)
        tail = f"/{'+'.join(self.by)}" if self.by else ""
        where = ", ".join([comparison.replace("_", " "), *([" and ".join(self.by)] if self.by else [])])
        return Finding(
            id=f"{self.concern}/{self.metric}/{comparison}{tail}",
            concern=self.concern,
            title=f"{METRICS[self.metric].title}, {where}",
            statement=statement(self, comparison, estimate, found),
            metric=self.metric,
            comparison=comparison,
            by=self.by,
            estimate=estimate,
            by_group=self.by_group(),
            exhibits=tuple(exhibits),
            notes=(*self._notes(comparison, found), *notes),
            references=(METRICS[self.metric].reference,),
        )

    def by_group(self) -> tuple[GroupEstimate, ...]:
        """Every group, the sparse and the undefined ones too; none for everybody."""
        return self._by_group

    @cached_property
    def _by_group(self) -> tuple[GroupEstimate, ...]:
        if not self.by:
            return ()
        return tuple(
            GroupEstimate(group=dict(zip(self.by, group, strict=True)), estimate=r.estimate(self.level))
            for group, r in zip(self.groups, self.readings, strict=True)
        )

    def name(self, position: int) -> str:
        """The group at a position, in the data's own labels."""
        return " & ".join(self.groups[position])

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the groups that enter comparisons."""
        return tuple(i for i, r in enumerate(self.readings) if r.kept)

    def p_value(self, comparison: Comparison, limit: float, *, above: bool) -> float | None:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit; None without a test.

        An interval at level 1 − α lies beyond the limit exactly when p < α.
        """
        if comparison == "overall":
            chosen = [self.readings[0]] if self.readings[0].state != "undefined" else []
        else:
            chosen = [self.readings[i] for i in self.kept]
        if len(chosen) < (2 if comparison == "difference" else 1):
            return None
        at = _limits_of(chosen)
        # the limit of a family on one side holds for all groups at once, that on the other for each alone
        family = above if comparison == "difference" else above == (comparison == "group_max")
        groups = len(chosen) if family else 1
        law: pvalues.Law = "pairs" if comparison == "difference" and family else "separate"
        if comparison == "difference":
            return pvalues.p_value(
                lambda x: contrasts.difference(at, len(chosen), level=self.level, most=math.inf, inner=x, outer=x),
                limit, above=above, tail_of=lambda x: pvalues.tail(x, groups, law),
            )  # fmt: skip
        largest = comparison == "group_max"
        return pvalues.p_value(
            lambda x: contrasts.extreme(at, len(chosen), level=self.level, largest=largest, inner=x, outer=x),
            limit, above=above, tail_of=lambda x: pvalues.tail(x, groups, law),
        )  # fmt: skip

    def _estimate(self, comparison: Comparison) -> tuple[Estimate, FamilyInterval | None]:
        if comparison == "overall":
            return self.readings[0].estimate(self.level), None
        kept = self.kept
        if len(kept) < (2 if comparison == "difference" else 1):
            return self._nothing(), None
        chosen = [self.readings[i] for i in kept]
        limits_at = _limits_of(chosen)
        if comparison == "difference":
            found = contrasts.difference(limits_at, len(kept), level=self.level, most=math.inf)
            method = f"MOVER of all pairs of: {chosen[0].method}"
        else:
            found = contrasts.extreme(limits_at, len(kept), level=self.level, largest=comparison == "group_max")
            method = f"Šidák towards the other groups, else plain: {chosen[found.first].method}"
        found = found._replace(first=kept[found.first], second=kept[found.second])
        coarse = [self.name(i) for i in kept if self.readings[i].state == "coarse"]
        estimate = Estimate(
            value=number(found.value),
            low=number(found.low),
            high=number(found.high),
            level=self.level,
            n=sum(r.rows for r in chosen),
            method=method,
            mde=self._mde(chosen) if comparison == "difference" else None,
            state="coarse" if coarse else "ok",
            note=f"coarse score bins in {listing(coarse)}" if coarse else "",
        )
        return estimate, found

    def _nothing(self) -> Estimate:
        rows = sum(r.rows for r in self.readings)
        if len(self.groups) < 2:
            note = "one group only: there is nothing to compare"
        else:
            note = f"{len(self.kept)} of {len(self.groups)} groups has enough rows to be compared"
        sparse = any(r.state == "sparse" for r in self.readings)
        state = "sparse" if sparse and len(self.groups) > 1 else "undefined"
        return Estimate(value=None, level=self.level, n=rows, state=state, note=note)

    def _mde(self, chosen: Sequence[Reading]) -> float | None:
        """(q + z₈₀) × the standard error of the hardest pair; z₈₀ is the two-sided value of 60 %."""
        worst = sorted((r.error for r in chosen), reverse=True)[:2]
        return number((family_quantile(self.level, len(chosen)) + critical_value(0.6)) * math.hypot(*worst))

    def _notes(self, comparison: Comparison, found: FamilyInterval | None) -> list[str]:
        notes = []
        if found is not None and comparison == "difference" and len(self.groups) > 2:
            notes.append(f"driven by {self.name(found.first)} against {self.name(found.second)}")
        notes += self._of_bins(comparison, found)
        for state, words in (("sparse", "left out, too few to tell"), ("undefined", "undefined")):
            names = [self.name(i) for i, r in enumerate(self.readings) if r.state == state]
            if self.by and names:
                notes.append(f"{words}: {listing(names)}")
        return notes

    def _of_bins(self, comparison: Comparison, found: FamilyInterval | None) -> list[str]:
        """What score bins leave open of a comparison of groups, and of which."""
        bounds = sorted((r.bound for r in self.readings if r.kept), reverse=True)[:2]
        if comparison == "overall" or not any(bounds):
            return []
        off = sum(bounds) if comparison == "difference" else bounds[0]
        groups = f"groups of {' and '.join(self.by)}"
        of = f"the gap between {groups}"
        if comparison != "difference":
            whose = "" if found is None else f", that of {self.name(found.first)},"
            of = f"the {'largest' if comparison == 'group_max' else 'smallest'} of {groups}{whose}"
        return [f"{METRICS[self.metric].title}: {of} is from score bins: within {off:.1g} of its value over rows"]


def _limits_of(chosen: Sequence[Reading]) -> Quantity:
    def limits_at(z: float, _: Method) -> Limits:
        both = np.array([r.limits(z) for r in chosen])
        return Limits(np.array([r.value for r in chosen]), both[:, 0], both[:, 1])

    return limits_at
