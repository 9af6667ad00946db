"""Remedies as decisions on the same rows, so that the gate's own judge can be asked about each of them.

Half of the rows choose thresholds, the other half is decided by them, and the decisions are counted into a tally each.
Lots are drawn as they are expected to fall, to the whole row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.check import Alternative
from auditkit.evidence.frames import columns_of
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import LEAST
from auditkit.evidence.tally import Tally
from auditkit.fairness.scores.halved import Halved, Reading, reading
from auditkit.fairness.scores.held_out_rules import HeldOutRules, of_cells
from auditkit.fairness.scores.heldout import Halves, HeldOut
from auditkit.fairness.scores.mitigation import Fit, common_cut, enough, reach_of
from auditkit.fairness.scores.remedies import REMEDIES, frontier, why_not
from auditkit.fairness.scores.thresholds import Constraint, GroupRule, Reach, without_lots
from auditkit.fairness.sets import Attributes, sets_of
from auditkit.records import Frontier, GroupSelected, Remedy

NEAR = 0.005
"""Distance of a group's single threshold to the rates that are aimed at, up to which no lots are needed."""
_SELECTED = "selection_rate"


def alternatives(
    evidence: ScoreHistogram,
    by: Iterable[Iterable[str]] | None,
    asked: Collection[frozenset[str]],
    *,
    reweighed: ScoreHistogram | None = None,
) -> Sequence[Alternative]:
    """Today's decisions, one common threshold, and for each set of attributes the thresholds that make a rate equal.

    `by`: the sets that the check looked at; of these the ones are told that `asked` names, whole or, of one attribute,
    as a part; where it names none, the single ones. `reweighed`: of a model that was trained again, on the same rows.
    None where no remedy exists: `remedies.why_not` says why.
    """
    if not evidence.rows or evidence.declared:
        return ()
    sets = [b for b in sets_of(by, evidence.by) if _named(b, asked) and not why_not(evidence, b)]
    if not sets:
        return ()
    halved = Halved.of(evidence)
    common = [Fit({}, common_cut(part)) for part in halved.halves(sets[0]).parts]
    made = [_today(halved, sets[0]), _decided(halved, sets[0], "one_threshold", common)]
    if reweighed is not None and not reweighed.declared:
        made.append(_trained_again(made[0].remedy, reweighed, sets[0]))
    for own in sets:
        for constraint, _, equal in REMEDIES:
            if equal:
                made += _by_group(halved, own, constraint)
    return made


def _named(by: Attributes, asked: Collection[frozenset[str]]) -> bool:
    every = frozenset[str]().union(*asked)
    if len(by) == 1:
        return not every or by[0] in every
    return frozenset(by) in asked


class Fits(NamedTuple):
    """What each half of the rows chose for one constraint."""

    plain: tuple[Fit, ...]
    """One threshold a group."""
    drawn: tuple[Fit, ...]
    """With lots between two."""
    miss: float
    """By how much the plain ones miss, at most, the rates that lots reach, among the rows that chose them."""


def fits_of(halves: Halves, constraint: Constraint) -> Fits:
    """The thresholds that each half chooses."""
    drawn = tuple(Fit.of(part, halves.own, constraint) for part in halves.parts)
    plain, missed = [], 0.0
    for part, fit in zip(halves.parts, drawn, strict=True):
        reach = reach_of(part, halves.own)
        near = without_lots(list(reach.values()), [fit.rules[k] for k in reach], constraint)
        plain.append(fit._replace(rules=dict(zip(reach, near.rules, strict=True))))
        missed = max(missed, near.miss)
    return Fits(tuple(plain), drawn, missed)


def _by_group(halved: Halved, by: Attributes, constraint: Constraint) -> list[Alternative]:
    """One threshold a group; where these miss what they are to make equal, those that draw lots, too."""
    fits = fits_of(halved.halves(by), constraint)
    made = [_decided(halved, by, constraint, fits.plain)]
    return made if fits.miss <= NEAR else [*made, _decided(halved, by, constraint, fits.drawn, lots=True)]


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
    return Alternative(Remedy(words="", accuracy=held.accuracy_now, selected=people), HeldOutRules(tally))


def _trained_again(today: Remedy, evidence: ScoreHistogram, by: Attributes) -> Alternative:
    """The decisions of another model, on all rows: none of them chose its thresholds."""
    other = _today(Halved.of(evidence), by)
    now = {tuple(p.group.values()): p.now for p in today.selected}
    people = tuple(
        p.model_copy(update={"now": now[key], "change": p.now - now[key]})
        for p in other.remedy.selected
        if (key := tuple(p.group.values())) in now
    )
    words = "trained again, with reweighing"
    told = other.remedy.model_copy(update={"words": words, "alike": True, "selected": people})
    return Alternative(told, other.judge)


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
        selected=_people(held, by),
    )
    equal = next(equal for name, _, equal in REMEDIES if name == constraint)
    between = () if remedy.alike or common else by
    tallies = _tallies(halved, halved.n * found.chance, read)
    return Alternative(remedy, HeldOutRules(tallies, frozenset(equal), frozenset(between)))


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
    return of_cells(by, cells)
