"""When a rule is decided with a given power: by the families that judge it, at the quantile of what they would see.

A rule is decided with power π where the data that lie at the unfavourable 1 − π quantile still decide it. These data
are made here: the rates of the groups, moved by so many standard errors to where the limit that decides is worst, as
its slope says. Whether they decide is asked of `Family` (Newcombe, MOVER, Jeffreys, studentized range), which judges
audits too. Nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from auditkit.catalogue.sentences import group_words
from auditkit.errors import DataError
from auditkit.fairness.families import against
from auditkit.fairness.families.estimates import Family
from auditkit.gate.judge import status_of
from auditkit.records import Estimate, Rule, Status
from auditkit.stats.pvalues import family_quantile

STEPS = 40
"""Halvings of a search: a trillionth of where it began."""
STEP = 1e-4
"""Of a rate, for the slope of a limit."""
PAIRS = ("difference", "ratio")
VALUES = ("overall", "group_min", "group_max")


@dataclass(frozen=True)
class Asked:
    """A rule about a rate, of groups with so many rows to count."""

    rule: Rule
    labels: tuple[tuple[str, ...], ...]
    counted: Any
    """(K,)"""
    rate: float
    """What all groups have where nothing is wrong."""
    power: float
    fail_level: float
    pass_level: float

    @property
    def kept(self) -> Any:
        """(K,) groups that are large enough."""
        return self.counted >= max(1, self.rule.min_n)

    def sized(self, counted: Any) -> Asked:
        """The same of other sizes."""
        return Asked(self.rule, self.labels, counted, self.rate, self.power, self.fail_level, self.pass_level)

    def estimate(self, p: Any, level: float) -> Estimate:
        """What is said where groups come out with these rates."""
        n = self.counted
        k = np.clip(p, 0, 1) * n
        with np.errstate(invalid="ignore"):
            values = np.where(n > 0, k / n, np.nan)
        family = Family(self.rule.metric, self.rule.by, self.labels, n, k, n, values, level, self.rule.min_n)
        kind = self.rule.comparison
        if kind in (*against.TO_REFERENCE, *against.TO_REST):
            return against.Contrast(family, self.rule.reference).finding(kind).estimate
        return family.measured(kind)[0]

    def status(self, p: Any, *, passing: bool) -> Status:
        """The verdict on these rates, with the limit of the side that is asked for."""
        e = self.estimate(p, self.pass_level if passing else self.fail_level)
        return "not_measured" if e.value is None else status_of(self.rule, e)

    def worst(self, p: Any, near: Any, z: float, *, passing: bool) -> Any:
        """(K,) rates z standard errors from the true p, where the limit that decides is worst: along the slope that it
        has at `near`, over the groups that were moved there. Where it has none, `near`."""
        moved = np.flatnonzero(near != p)
        slope = np.zeros(len(p))
        for i in moved:
            ends = []
            for h in (-STEP, STEP):
                q = np.array(near, dtype=float)
                q[i] = min(max(q[i] + h, 0.0), 1.0)
                ends.append((q[i], self._limit(q, passing=passing)))
            (a, low), (b, high) = ends
            if low is None or high is None or a == b:
                return near
            slope[i] = (high - low) / (b - a)
        se2 = p * (1 - p) / np.maximum(self.counted, 1)
        error = math.sqrt(float((slope**2 * se2).sum()))
        if error == 0:
            return near
        upwards = (self.rule.at_most is not None) == passing
        return np.clip(p + (z if upwards else -z) * se2 * slope / error, 0, 1)

    def _limit(self, p: Any, *, passing: bool) -> float | None:
        """The limit that lets the rule pass, or the one that can fail it."""
        e = self.estimate(p, self.pass_level if passing else self.fail_level)
        return e.high if (self.rule.at_most is not None) == passing else e.low

    # ---- failing

    def planted(self, i: int, x: float) -> Any:
        """(K,) true rates where group i departs by x: towards ½, where a gap is harder to see and there is room; of a
        ratio downwards, to that share of the others; of a value to it."""
        p = np.full(len(self.counted), self.rate)
        kind = self.rule.comparison
        if kind in VALUES:
            p[i] = x
        elif kind.startswith("ratio"):
            p[i] = self.rate * x
        else:
            p[i] += x if self.rate <= 0.5 else -x
        return p

    def moved(self, p: Any, i: int, *, apart: bool, z: float) -> Any:
        """(K,) rates at the quantile: group i, and the group that stands against it, towards each other or apart."""
        n, out = self.counted, np.array(p, dtype=float)
        se2 = p * (1 - p) / np.maximum(n, 1)
        if self.rule.comparison in VALUES:
            down = (self.rule.at_least is not None) == apart
            out[i] += (-z if down else z) * math.sqrt(se2[i])
            return np.clip(out, 0, 1)
        others = self.kept.copy()
        others[i] = False
        if not others.any():
            return out
        j = self._against(i, others)
        sign = 1.0 if p[i] > p[j] or (p[i] == p[j] and self.rate <= 0.5) else -1.0
        if not apart:
            sign = -sign
        both = math.sqrt(se2[i] + se2[j]) or 1.0
        out[i] += sign * z * se2[i] / both
        if self.rule.comparison in PAIRS or self.rule.reference is not None:
            out[j] -= sign * z * se2[j] / both
        else:  # the rest moves as one
            out[others] -= sign * z * se2[j] / both
        return np.clip(out, 0, 1)

    def _against(self, i: int, others: Any) -> int:
        """The group that carries the comparison: the reference, or the largest other."""
        if self.rule.reference is not None:
            wanted = tuple(self.rule.reference[a] for a in self.rule.by)
            if wanted not in self.labels:
                named = group_words(self.rule.by, wanted)
                raise DataError(f"the reference {named} of rule '{self.rule.id}' is no group with a size")
            return self.labels.index(wanted)
        return int(np.argmax(np.where(others, self.counted, -1.0)))

    def fails_from(self, i: int) -> float | None:
        """The smallest departure of group i that fails the rule with the power; None where none does."""
        z = NormalDist().inv_cdf(self.power)

        def fails(x: float) -> bool:
            p = self.planted(i, x)
            q = self.worst(p, self.moved(p, i, apart=False, z=z), z, passing=False)
            return self.status(q, passing=False) == "fail"

        ok, bad = self._ends()
        if not fails(bad):
            return None
        return _edge(fails, ok, bad)

    def _ends(self) -> tuple[float, float]:
        """What surely does not fail, and the worst."""
        if self.rule.comparison in VALUES:
            return self.rule.limit, 0.0 if self.rule.at_least is not None else 1.0
        if self.rule.comparison.startswith("ratio"):
            return 1.0, 0.0
        return 0.0, max(self.rate, 1 - self.rate)

    def can_fail(self) -> bool:
        """Whether it fails where one group has the worst value, and the others the best."""
        worst = 0.0 if self.rule.comparison != "group_max" and self.rule.at_most is None else 1.0
        for i in np.flatnonzero(self.kept):
            p = np.full(len(self.counted), 1 - worst)
            p[i] = worst
            if self.status(p, passing=False) == "fail":
                return True
        return False

    # ---- passing

    def passes(self, truth: float, z: float | None = None) -> bool:
        """Whether it passes with the power, where the group that is hardest to tell departs by `truth`; at z standard
        errors, where that is given (0: where groups come out as they are in truth)."""
        small = int(np.argmin(np.where(self.kept, self.counted, np.inf)))
        p = self.planted(small, self._departure(truth)) if self.rule.comparison not in VALUES else np.full(
            len(self.counted), self.rate
        )  # fmt: skip
        at = self._spread(truth) if z is None else z
        return self.status(self.worst(p, self.moved_apart(p, small, at), at, passing=True), passing=True) == "pass"

    def moved_apart(self, p: Any, i: int, z: float) -> Any:
        """The two that are hardest to tell apart, moved apart: the smallest group, and the next one."""
        if self.rule.comparison not in PAIRS or self.kept.sum() < 3:
            return self.moved(p, i, apart=True, z=z)
        others = self.kept.copy()
        others[i] = False
        j = int(np.argmin(np.where(others, self.counted, np.inf)))
        out, se2 = np.array(p, dtype=float), p * (1 - p) / np.maximum(self.counted, 1)
        sign, both = (1.0 if p[i] > p[j] or (p[i] == p[j] and self.rate <= 0.5) else -1.0), math.sqrt(se2[i] + se2[j])
        out[i] += sign * z * se2[i] / (both or 1.0)
        out[j] -= sign * z * se2[j] / (both or 1.0)
        return np.clip(out, 0, 1)

    def _departure(self, truth: float) -> float:
        return 1 - truth if self.rule.comparison.startswith("ratio") else truth

    def _spread(self, truth: float) -> float:
        """Standard errors that the worst of the groups strays, at most, with the power."""
        groups, kind = int(self.kept.sum()), self.rule.comparison
        if kind in VALUES:
            return NormalDist().inv_cdf(self.power ** (1 / max(1, groups)))
        if truth:
            return max(NormalDist().inv_cdf(self.power), 0.0)
        return float(family_quantile(self.power, groups)) if kind in PAIRS else NormalDist().inv_cdf(
            (1 + self.power ** (1 / max(1, groups - (groups == 2)))) / 2
        )  # fmt: skip

    def counted_needed(self, truth: float, most: int) -> int | None:
        """To count in every group so that the rule passes with the power; None where `most` do not suffice."""

        def enough(n: float) -> bool:
            return self.sized(np.full(len(self.counted), float(n))).passes(truth)

        if not enough(most):
            return None
        low, high = 0, most  # the smallest that is enough lies in (low, high]
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if middle >= self.rule.min_n and enough(middle) else (middle, high)
        return high


def _edge(holds: Callable[[float], bool], no: float, yes: float) -> float:
    """Where `holds` begins, between what does not and what does."""
    for _ in range(STEPS):
        middle = (no + yes) / 2
        no, yes = (no, middle) if holds(middle) else (middle, yes)
    return yes
