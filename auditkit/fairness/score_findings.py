"""From readings of groups to findings: everybody, the worst group, the gap; and one plain sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness.estimates import number
from auditkit.fairness.readings import Reading
from auditkit.records import Comparison, Concern, Estimate, Exhibit, Finding, GroupEstimate
from auditkit.stats import spread
from auditkit.stats.families import FamilyInterval, family_quantile
from auditkit.stats.rates import Limits, critical_value
from auditkit.wording import decimals, percent, points

_WORDS = {
    "roc_auc": "Of a truly positive and a truly negative row, the score ranks the positive one higher",
    "bpsn_auc": "Of a positive row of the other groups and a negative one of the group, the positive one ranks higher",
    "bnsp_auc": "Of a positive row of the group and a negative one of the other groups, the positive one ranks higher",
    "consistency": "The decision on a row agrees with those on the rows most like it",
    "calibration_error": "Scores miss what happens, beyond chance,",
    "calibration_in_the_large": "Scores differ from what happens on average",
    "calibration_slope": "The calibration slope (1 is right, below 1 scores are too extreme) is",
    "calibration_intercept": "To be right on average the log-odds of the scores need a shift of",
    "cumulative_calibration_error": "Over the worst stretch of scores, misses add up to",
}


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
            statement=_statement(self, comparison, estimate, found),
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

    def _estimate(self, comparison: Comparison) -> tuple[Estimate, FamilyInterval | None]:
        if comparison == "overall":
            return self.readings[0].estimate(self.level), None
        kept = self.kept
        if len(kept) < (2 if comparison == "difference" else 1):
            return self._nothing(), None
        chosen = [self.readings[i] for i in kept]

        def limits_at(z: float) -> Limits:
            both = np.array([r.limits(z) for r in chosen])
            return Limits(np.array([r.value for r in chosen]), both[:, 0], both[:, 1])

        if comparison == "difference":
            found = spread.gap(limits_at, len(kept), level=self.level)
            method = f"MOVER of all pairs of: {chosen[0].method}"
        else:
            found = spread.extreme(limits_at, len(kept), level=self.level, largest=comparison == "group_max")
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
        for state, words in (("sparse", "left out, too few to tell"), ("undefined", "undefined")):
            names = [self.name(i) for i, r in enumerate(self.readings) if r.state == state]
            if self.by and names:
                notes.append(f"{words}: {listing(names)}")
        return notes


def _statement(r: Readings, comparison: Comparison, e: Estimate, found: FamilyInterval | None) -> str:
    words, attributes = _WORDS[r.metric], " and ".join(r.by)
    if e.value is None:
        whom = f"groups of {attributes} cannot be compared" if r.by else "it is undefined"
        return f"{METRICS[r.metric].title}: {whom}; {e.note}."
    if comparison == "overall":
        return f"{words} {_written(r.metric, e.value)} ({_interval(r.metric, e)}).{_verdict(r.metric, e)}"
    assert found is not None
    if comparison != "difference":
        which = "least well for" if comparison == "group_min" else "at most for"
        return (
            f"{words} {_written(r.metric, e.value)} {which} {r.name(found.first)} ({_interval(r.metric, e)})."
            f"{_verdict(r.metric, e)}"
        )
    unit = "" if METRICS[r.metric].unit == "number" else " points"
    size = decimals(e.value, 2) if not unit else points(e.value)
    if not e.low:
        seen = ""
        if e.mde is not None:
            least = decimals(e.mde, 2) if not unit else points(e.mde)
            seen = f"; a gap below {least}{unit} could have gone unseen"
        return (
            f"{METRICS[r.metric].title}: no gap between groups of {attributes} is established "
            f"({_interval(r.metric, e, gap=True)}{seen})."
        )
    parts = [f"{_written(r.metric, r.readings[i].value)} for {r.name(i)}" for i in (found.first, found.second)]
    return f"{words} {parts[0]} and {parts[1]}, a gap of {size}{unit} ({_interval(r.metric, e, gap=True)})."


def _written(metric: str, x: float) -> str:
    """One group's value in words."""
    unit = METRICS[metric].unit
    if metric == "calibration_in_the_large":
        side = "too low" if x > 0 else "too high"
        return f"by {points(abs(x))} points ({side})"
    if unit == "number":
        return decimals(x, 2)
    if unit == "points":
        return f"{'by ' if metric == 'calibration_error' else ''}{points(x)} points"
    return f"in {percent(x)} of pairs"


def _interval(metric: str, e: Estimate, *, gap: bool = False) -> str:
    unit = METRICS[metric].unit
    low, high = (
        decimals(x, 2) if unit == "number" else points(x) if unit == "points" or gap else percent(x)
        for x in (e.low, e.high)
    )
    return f"{100 * e.level:g}% interval {low} to {high}{' points' if unit == 'points' else ''}"


def _verdict(metric: str, e: Estimate) -> str:
    """What the interval says of calibration, where that is not plain from the numbers."""
    if metric in ("calibration_error", "cumulative_calibration_error"):
        return "" if e.low else " Chance alone could explain it."
    if metric in ("calibration_slope", "calibration_intercept", "calibration_in_the_large"):
        right = 1.0 if metric == "calibration_slope" else 0.0
        if e.low is not None and e.high is not None and e.low <= right <= e.high:
            return " Nothing wrong is established."
    return ""
