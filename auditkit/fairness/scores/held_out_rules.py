"""Rules of what a remedy decides, each half of the rows by what the other half chose: the gate's own judge answers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.check import Judge
from auditkit.evidence.frames import OUTCOME, columns_of, summed
from auditkit.evidence.tally import Tally
from auditkit.fairness.judges import GroupFairnessRules
from auditkit.fairness.sets import Attributes
from auditkit.question import Question
from auditkit.records import Estimate, Finding
from auditkit.stats.comparisons import inner_side
from auditkit.stats.rates import critical_value

_LARGEST_LEVEL = 1 - 1e-12


def of_cells(by: Attributes, cells: Mapping[str, NDArray[Any]]) -> Tally:
    """A tally of independent rows, from its columns."""
    return Tally.of_tables({"cells": cells}, by=by, clusters=None, distinct={}, strata=None)


@dataclass(frozen=True)
class HeldOutRules(Judge):
    """Rules of decisions that were made on two halves, answered by the judge of group fairness for all rows at once.

    But for comparisons of a rate that the thresholds make equal between these groups, where the halves do not decide
    alike: counted together, rows that one half selects too often hide those that the other selects too seldom. There,
    as in `HeldOut`, values and limits are means of those of the halves. The limit that says that there is a disparity
    stands at √2 times its critical value, since as many rows chose as judge, and a rate misses its aim by the errors of
    both; such misses only add to a disparity, so that the other limit holds as it is. Groups are those that the rule
    keeps of all rows.
    """

    kinds: ClassVar = ("rate", "composite")
    tasks: ClassVar = GroupFairnessRules.tasks
    evidence: ClassVar = GroupFairnessRules.evidence
    halves: tuple[Tally, ...]
    """Two; one of decisions that no rows chose."""
    equal: frozenset[str] = frozenset()
    """Rates that the thresholds make equal."""
    between: frozenset[str] = frozenset()
    """Attributes between whose groups; empty where both halves decide alike."""

    def finding(self, asked: Question) -> Finding | None:
        """See `Judge`."""
        if not _of_decisions(asked.metric):
            return None
        whole = _judge(self._together).finding(asked)
        if whole is None or whole.estimate.value is None or not self._aimed(asked):
            return whole
        level = min(math.erf(critical_value(asked.level)), _LARGEST_LEVEL)  # z of this level is √2 z of the other
        own = {tuple(g.group.values()) for g in whole.by_group if g.estimate.state in ("ok", "unstable")}
        parts = [_only(tally, whole.by, own) for tally in self.halves] if own else self.halves
        asked = replace(asked, min_n=1 if own else asked.min_n)
        found = [_judge(t).finding(asked) for t in parts]
        wider = [_judge(t).estimate(replace(asked, level=level)) for t in parts]
        weight = [int(t.columns["n"].sum()) for t in self.halves]
        return _mean(whole, found, wider, weight, own)

    def estimate(self, asked: Question) -> Estimate | None:
        """See `Judge`."""
        if _of_decisions(asked.metric) and not self._aimed(asked):
            return _judge(self._together).estimate(asked)
        return super().estimate(asked)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        """See `Judge`: none, since no error is shared."""
        return None

    def _aimed(self, asked: Question) -> bool:
        """Whether it compares what the thresholds are to make equal, or what is made of that; a shared attribute is
        enough, since the groups of one add up from those of several."""
        m = METRICS[asked.metric]
        one = any(asked.metric == rate or _complement(asked.metric, rate) for rate in self.equal)
        return (one or m.kind == "composite") and bool(self.between & set(asked.by))

    @cached_property
    def _together(self) -> Tally:
        by, columns = self.halves[0].by, [t.columns for t in self.halves]
        if len(columns) == 1:
            return self.halves[0]
        both = {c: np.concatenate([own[c] for own in columns]) for c in columns[0]}
        return of_cells(by, summed(both, by, OUTCOME, ("n",)))


def _judge(tally: Tally) -> GroupFairnessRules:
    return GroupFairnessRules({"": (tally, {})})


def _of_decisions(metric: str) -> bool:
    """Whether it is made of rows with truth and decision, which all remedies are about."""
    m = METRICS[metric]
    return m.kind == "composite" or (m.kind == "rate" and any(min(c) >= 0 for c in m.numerator))


def _complement(a: str, b: str) -> bool:
    """Whether two rates add to 1 in every group."""
    x, y = METRICS[a], METRICS[b]
    return set(x.denominator) == set(y.denominator) and set(x.numerator) ^ set(y.numerator) == set(x.denominator)


def _only(tally: Tally, by: Sequence[str], groups: Collection[Attributes]) -> Tally:
    """The rows of these crossed groups."""
    cells = tally.columns
    keys = zip(*(cells[c].tolist() for c in columns_of(by)), strict=True)
    kept = np.array([k in groups for k in keys], bool)
    return of_cells(tally.by, {c: v[kept] for c, v in cells.items()})


def _mean(
    whole: Finding,
    found: Sequence[Finding | None],
    wider: Sequence[Estimate | None],
    weight: Sequence[int],
    own: Collection[Attributes],
) -> Finding:
    """The finding with the means of the halves as its estimate, its inner limit that of `wider`; no value where a half
    cannot say."""
    e = whole.estimate
    lost = [f for f in found if f is None or f.estimate.value is None or _undefined(f, own)]
    if lost:
        few = "a group has nobody to count in a half of the rows"
        return whole.model_copy(update={"estimate": e.model_copy(update=_nothing(few))})

    own_halves = [f.estimate for f in found if f is not None]

    def mean(of: str, side: Sequence[Estimate | None] = own_halves) -> float | None:
        values = [getattr(half, of) for half in side if half is not None]
        return None if None in values else float(np.average(values, weights=weight))

    inner = "low" if inner_side(whole.comparison, above=True) else "high"
    limits = {side: mean(side, wider if side == inner else own_halves) for side in ("low", "high")}
    told = {"value": mean("value"), **limits, "mde": None, "method": "mean of two halves"}
    if any(half.state == "unstable" for half in own_halves):
        told["state"] = "unstable"
    return whole.model_copy(update={"estimate": e.model_copy(update=told), "surest": None, "by_group": ()})


def _nothing(why: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "mde": None, "state": "undefined", "note": why}


def _undefined(f: Finding, own: Collection[Attributes]) -> bool:
    """Whether a group that the rule keeps is missing from a half."""
    counted = {tuple(g.group.values()) for g in f.by_group if g.estimate.state != "undefined"}
    return bool(f.by) and not set(own) <= counted
