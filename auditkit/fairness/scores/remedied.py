"""Remedies as decisions on the same rows, so that the gate's own judge can be asked about each of them.

Half of the rows choose thresholds, the other half is decided by them, and the decisions are counted into a tally each.
Lots are drawn as they are expected to fall, to the whole row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.catalogue.index import METRICS
from auditkit.check import Alternative, Judge
from auditkit.evidence.frames import OUTCOME, columns_of, summed
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import LEAST
from auditkit.evidence.tally import Tally
from auditkit.fairness.judges import GroupFairnessRules
from auditkit.fairness.scores.halved import Halved, Reading, reading
from auditkit.fairness.scores.heldout import HeldOut
from auditkit.fairness.scores.mitigation import Fit, common_cut, enough, reach_of
from auditkit.fairness.scores.remedies import REMEDIES, frontier, why_not
from auditkit.fairness.scores.thresholds import Constraint, GroupRule, Reach, without_lots
from auditkit.fairness.sets import Attributes, sets_of
from auditkit.question import Question
from auditkit.records import Finding, Frontier, GroupSelected, Remedy
from auditkit.stats.comparisons import inner_side
from auditkit.stats.rates import critical_value

NEAR = 0.005
"""Distance of a group's single threshold to the rates that are aimed at, up to which no lots are needed."""
_SELECTED = "selection_rate"
_LARGEST_LEVEL = 1 - 1e-12


def alternatives(
    evidence: ScoreHistogram, by: Iterable[Iterable[str]] | None, asked: Collection[frozenset[str]]
) -> Sequence[Alternative]:
    """Today's decisions, one common threshold, and for each set of attributes the thresholds that make a rate equal.

    `by`: the sets that the check looked at; of these the ones are told that `asked` names, whole or, of one attribute,
    as a part; where it names none, the single ones. None where no remedy exists: `remedies.why_not` says why.
    """
    if not evidence.rows or evidence.declared:
        return ()
    sets = [b for b in sets_of(by, evidence.by) if _named(b, asked) and not why_not(evidence, b)]
    if not sets:
        return ()
    halved = Halved.of(evidence)
    common = [Fit({}, common_cut(part)) for part in halved.halves(sets[0]).parts]
    made = [_today(halved, sets[0]), _decided(halved, sets[0], "one_threshold", common)]
    for own in sets:
        for constraint, _, equal in REMEDIES:
            if equal:
                made += _by_group(halved, own, constraint)
    return made


def _by_group(halved: Halved, by: Attributes, constraint: Constraint) -> list[Alternative]:
    """One threshold a group; where these miss what they are to make equal, those that draw lots, too."""
    halves = halved.halves(by)
    drawn = [Fit.of(part, halves.own, constraint) for part in halves.parts]
    plain, missed = [], 0.0
    for part, fit in zip(halves.parts, drawn, strict=True):
        reach = reach_of(part, halves.own)
        near = without_lots(list(reach.values()), [fit.rules[k] for k in reach], constraint)
        plain.append(fit._replace(rules=dict(zip(reach, near.rules, strict=True))))
        missed = max(missed, near.miss)
    made = [_decided(halved, by, constraint, plain)]
    return made if missed <= NEAR else [*made, _decided(halved, by, constraint, drawn, lots=True)]


def _named(by: Attributes, asked: Collection[frozenset[str]]) -> bool:
    every = frozenset[str]().union(*asked)
    if len(by) == 1:
        return not every or by[0] in every
    return frozenset(by) in asked


def frontier_of(evidence: ScoreHistogram, by: Attributes) -> Frontier | None:
    """The frontier of these groups with today's model; None where there is no remedy, or nothing to choose from."""
    if why_not(evidence, by):
        return None
    curve = frontier([Reach.of(b) for _, b in evidence.groups(*by) if enough(b)])
    along = list(Halved.of(evidence).halves(by).frontier(curve.gap.tolist()))
    gaps = [held.gap(_SELECTED, 0.95).value for held in along]
    known = [(gap, held) for gap, held in zip(gaps, along, strict=True) if gap is not None]
    if len(known) < 2:
        return None
    ratio = (held.ratio(_SELECTED) for _, held in known)
    return Frontier(
        by=by,
        gap=tuple(gap for gap, _ in known),
        ratio=tuple(None if math.isnan(r) else r for r in ratio),
        accuracy=tuple(held.accuracy for _, held in known),
        today=(along[0].gap_now(_SELECTED), along[0].accuracy_now),
    )


class Decisions(NamedTuple):
    """What rules say of every cell of a histogram."""

    chance: Floats
    """(2, C) chance to be selected of the rows of each half, by the rules of the other."""
    parted: NDArray[np.bool_]
    """(2, C) cells that a threshold parts."""


def _today(halved: Halved, by: Attributes) -> Alternative:
    held = halved.halves(by).remedy("one_threshold")
    tally = _tallies(halved, halved.selected.astype(float), reading(halved.evidence, by))
    people = _people(held, by, change=False)
    return Alternative(Remedy(words="", accuracy=held.accuracy_now, people=people), HeldOutRules(tally, alike=True))


def _decided(
    halved: Halved, by: Attributes, constraint: Constraint, fits: Sequence[Fit], *, lots: bool = False
) -> Alternative:
    """What each half decides by the rules of the other."""
    halves, read = halved.halves(by), reading(halved.evidence, by)
    common = constraint == "one_threshold"
    held = halves.judged(fits, common=common)
    found = decisions(halved, read, fits)
    remedy = Remedy(
        words=next(words for name, words, _ in REMEDIES if name == constraint),
        by=() if common else by,
        lots=lots,
        alike=bool(np.array_equal(*_where_rows(halved, found.chance))),
        open=int(halved.n[found.parted].sum()),
        accuracy=held.accuracy,
        people=_people(held, by),
    )
    return Alternative(remedy, HeldOutRules(_tallies(halved, halved.n * found.chance, read), alike=remedy.alike))


def _where_rows(halved: Halved, chance: Floats) -> Floats:
    """The chances of the cells that hold rows of either half."""
    some: Floats = chance[:, halved.n.sum(axis=0) > 0]
    return some


def decisions(halved: Halved, read: Reading, fits: Sequence[Fit]) -> Decisions:
    """Each half by the rules that the other chose."""
    chance, parted = np.zeros(halved.n.shape), np.zeros(halved.n.shape, bool)
    for half, fit in enumerate(reversed(fits)):
        rules = [fit.rules.get(g, GroupRule(fit.common, fit.common)) for g in read.groups]
        chance[half] = np.array([r.probability(LEAST) for r in rules])[read.group, read.place]
        for cut, used in (("first", [r.share > 0 for r in rules]), ("second", [r.share < 1 for r in rules])):
            at = np.array([getattr(r, cut) if u else math.inf for r, u in zip(rules, used, strict=True)])
            parted[half] |= halved.parted(at[read.group])
    return Decisions(chance, parted)


def _people(held: HeldOut, by: Attributes, *, change: bool = True) -> tuple[GroupSelected, ...]:
    return tuple(
        GroupSelected(
            group=dict(zip(by, o.group, strict=True)),
            now=round(o.true_now + o.false_now),
            change=held.gained(i) if change else 0,
        )
        for i, o in enumerate(held.outcomes)
    )


def _tallies(halved: Halved, selected: Floats, own: Reading) -> tuple[Tally, Tally]:
    """Each half as it is decided, by all attributes; (2, C) expected rows selected.

    Expected rows become whole ones by rounding their running sum over the crossed groups, those of one group of the
    remedy and one truth side by side: of each of these, and of each cell, less than one row is off.
    """
    evidence = halved.evidence
    whole = reading(evidence, evidence.by)
    size = len(whole.groups)
    at = halved.truth * size + whole.group
    group_of = np.zeros(2 * size, np.intp)
    group_of[at] = own.group
    order = np.lexsort((np.arange(2 * size), np.arange(2 * size) // size, group_of))
    first, second = (_tally(evidence.by, whole, at, n, s, order) for n, s in zip(halved.n, selected, strict=True))
    return first, second


def _tally(by: Attributes, whole: Reading, at: Ints, n: Ints, selected: Floats, order: Ints) -> Tally:
    size = 2 * len(whole.groups)
    rows = np.zeros(size, np.int64)
    np.add.at(rows, at, n)
    expected = np.bincount(at, selected, minlength=size)[order]
    then = np.zeros(size, np.int64)
    then[order] = np.diff(np.rint(np.cumsum(expected)), prepend=0.0)
    then = np.clip(then, 0, rows)
    counts = np.array([rows - then, then]).reshape(2, 2, -1)  # decision, truth, group
    decision, truth, group = (x for x in np.nonzero(counts))
    sort = np.lexsort((decision, truth, group))
    columns = dict(zip(columns_of(by), np.array(whole.groups, dtype=object).reshape(-1, len(by)).T, strict=True))
    cells: dict[str, Any] = {c: values[group[sort]] for c, values in columns.items()}
    cells |= {"y_true": truth[sort], "y_pred": decision[sort], "n": counts[decision, truth, group][sort]}
    return _of_cells(by, cells)


def _of_cells(by: Attributes, cells: Mapping[str, NDArray[Any]]) -> Tally:
    return Tally.of_tables({"cells": cells}, by=by, clusters=None, distinct={}, strata=None)


@dataclass(frozen=True)
class HeldOutRules(Judge):
    """Rules of decisions that were made on two halves, answered by the judge of group fairness.

    Where both halves decide alike, it is the judge's answer for all rows. Else, as in `HeldOut`, values and limits are
    the means of those of the halves: counted together, the rows that one half selects too often hide those that the
    other selects too seldom. Of comparisons the limit that says that there is a disparity stands at √2 times its
    critical value, since as many rows chose as judge, and a rate misses its aim by the errors of both; such misses only
    add to a disparity, so that the other limit holds as it is. Groups are those that the rule keeps of all rows.
    """

    kinds: ClassVar = ("rate", "composite")
    tasks: ClassVar = GroupFairnessRules.tasks
    evidence: ClassVar = GroupFairnessRules.evidence
    halves: tuple[Tally, Tally]
    alike: bool

    def finding(self, asked: Question) -> Finding | None:
        """See `Judge`."""
        if not _of_decisions(asked.metric):
            return None
        whole = _judge(self._together()).finding(asked)
        if whole is None or whole.estimate.value is None or self.alike:
            return whole
        level = min(math.erf(critical_value(asked.level)), _LARGEST_LEVEL)  # z of this level is √2 z of the other
        own = {tuple(g.group.values()) for g in whole.by_group if g.estimate.state in ("ok", "unstable")}
        parts = [_only(tally, whole.by, own) for tally in self.halves] if own else self.halves
        asked = replace(asked, min_n=1 if own else asked.min_n)
        found = [_judge(t).finding(asked) for t in parts]
        wider = (
            found if asked.comparison == "overall" else [_judge(t).finding(replace(asked, level=level)) for t in parts]
        )
        weight = [int(t.columns["n"].sum()) for t in self.halves]
        return _mean(whole, found, wider, weight, own)

    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        """See `Judge`: none, since no error is shared."""
        return None

    def _together(self) -> Tally:
        first, second = (t.columns for t in self.halves)
        by = self.halves[0].by
        both = {c: np.concatenate([first[c], second[c]]) for c in first}
        return _of_cells(by, summed(both, by, OUTCOME, ("n",)))


def _judge(tally: Tally) -> GroupFairnessRules:
    return GroupFairnessRules({"": (tally, {})})


def _of_decisions(metric: str) -> bool:
    """Whether it is made of rows with truth and decision, which all remedies are about."""
    m = METRICS[metric]
    return m.kind == "composite" or (m.kind == "rate" and any(min(c) >= 0 for c in m.numerator))


def _only(tally: Tally, by: Sequence[str], groups: Collection[Attributes]) -> Tally:
    """The rows of these crossed groups."""
    cells = tally.columns
    keys = zip(*(cells[c].tolist() for c in columns_of(by)), strict=True)
    kept = np.array([k in groups for k in keys], bool)
    return _of_cells(tally.by, {c: v[kept] for c, v in cells.items()})


def _mean(
    whole: Finding,
    found: Sequence[Finding | None],
    wider: Sequence[Finding | None],
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

    def mean(of: str, side: Sequence[Finding | None] = found) -> float | None:
        values = [getattr(f.estimate, of) for f in side if f is not None]
        return None if None in values else float(np.average(values, weights=weight))

    inner = "low" if inner_side(whole.comparison, above=True) else "high"
    limits = {side: mean(side, wider if side == inner else found) for side in ("low", "high")}
    told = {"value": mean("value"), **limits, "mde": None, "method": "mean of two halves"}
    if any(f is not None and f.estimate.state == "unstable" for f in found):
        told["state"] = "unstable"
    return whole.model_copy(update={"estimate": e.model_copy(update=told), "surest": None, "by_group": ()})


def _nothing(why: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "mde": None, "state": "undefined", "note": why}


def _undefined(f: Finding, own: Collection[Attributes]) -> bool:
    """Whether a group that the rule keeps is missing from a half."""
    counted = {tuple(g.group.values()) for g in f.by_group if g.estimate.state != "undefined"}
    return bool(f.by) and not set(own) <= counted
