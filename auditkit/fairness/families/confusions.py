"""What each class is taken for, group by group, and whether groups differ in it, all cells judged together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from auditkit.arrays import Ints
from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.of_class import MISTAKEN
from auditkit.evidence.classes import ClassTally
from auditkit.fairness.families.family import estimated, nothing_to_compare
from auditkit.fairness.notes import finding
from auditkit.formatting import interval, percent, points
from auditkit.question import SPARSE
from auditkit.records import Confusion, ConfusionCell, Estimate, Finding, NotMeasured, Surest
from auditkit.stats import pairs
from auditkit.stats.comparisons import Comparisons
from auditkit.stats.joint import Joint
from auditkit.stats.pvalues import Compared
from auditkit.stats.rates import Limits, jeffreys, wilson

MOST_CLASSES = 20
"""Classes of a matrix; of more nobody reads every cell."""
MOST_GROUPS = 12
"""Groups with a matrix each."""


class _Cells(NamedTuple):
    """Cells (true class, predicted class) in which two groups can be compared."""

    at: list[tuple[int, int]]
    where: dict[int, Ints]
    """True class → positions of the groups with ten of its rows."""
    parts: list[Comparisons]


def mistaken(tally: ClassTally, attribute: str, *, level: float) -> Finding | NotMeasured:
    """Whether the groups of one attribute differ in what classes are mistaken for, and their matrices.

    The finding is the largest difference over all cells off the diagonal, of the share of a true class's rows that is
    predicted to be of another: one family (joint studentized range, cells as if independent, which is cautious). The
    diagonal is the true positive rate of each class, which has a finding of its own.

    >>> tally = ClassTally.of({"sex": ["f", "m"] * 60}, "abc", y_true=[0, 0, 1, 1, 2, 2] * 20,
    ...     y_pred=[0, 0, 1, 2, 2, 2] * 20)
    >>> f = mistaken(tally, "sex", level=0.95)
    >>> f.estimate.value, f.surest.label
    (1.0, 'b')
    """
    groups, table = tally.counts(attribute)
    if len(tally.classes) > MOST_CLASSES or len(groups) > MOST_GROUPS:
        most = f"more than {MOST_CLASSES} classes or {MOST_GROUPS} groups of {attribute}"
        return NotMeasured(what=MISTAKEN, why=f"{most}: nobody reads every cell", concern="fairness")
    names, n = [g[0] for g in groups], int(table.sum())
    off = _comparable(table, level, diagonal=False)
    e = nothing_to_compare(len(groups), f"no class has two groups with {SPARSE} of its rows", level=level, n=n)
    p, surest, said = None, None, f"{METRICS[MISTAKEN].title}: {sentences.incomparable([attribute], e.note)}"
    if off.parts:
        joint = Joint(tuple(off.parts))
        found, _, sure = joint.interval("difference")
        unseen = max(c.smallest_seen(joint.quantile) for c in off.parts)
        how = f"Newcombe within each of {len(off.parts)} cells; lower limit at their joint studentized range"
        e = estimated(*found[:3], level=level, n=n, mde=min(1.0, unseen), method=how)
        truth, told = off.at[sure]
        c = found.sure.among(off.where[truth])
        said = _said(tally.classes, names, table, attribute, (truth, told), c, e)
        if sentences.is_established("difference", e):
            p = joint.p_value("difference", 0.0, above=True)
            own = estimated(c.value, c.low, c.high, level=level, n=int(table[[c.first, c.second], truth].sum()))
            pair = tuple({attribute: names[i]} for i in (c.first, c.second))
            surest = Surest(groups=pair, estimate=own, label=tally.classes[truth])
    shown = Confusion(
        title=f"What each class is taken for, by {attribute}",
        classes=tally.classes,
        groups=tuple({attribute: name} for name in names),
        counts=tuple(tuple(tuple(int(n) for n in row) for row in matrix) for matrix in table),
        cells=_cells(table, level),
        level=level,
    )
    return finding(MISTAKEN, "difference", (attribute,), e, said, exhibits=(shown,), surest=surest, p=p)


def _said(
    classes: tuple[str, ...],
    names: list[str],
    table: Ints,
    attribute: str,
    at: tuple[int, int],
    c: Compared,
    e: Estimate,
) -> str:
    head, bounds = METRICS[MISTAKEN].title, interval(e, "difference")
    if not sentences.is_established("difference", e):
        unseen = None if e.unseen is None else f"{points(e.unseen)} points"
        return sentences.no_gap(head, [attribute], f"{bounds} points", unseen=unseen)
    truth, told = at
    low, high = (
        f"{names[i]} {percent(float(table[i, truth, told] / table[i, truth].sum()))}" for i in (c.first, c.second)
    )
    own = Estimate(value=c.value, low=c.low, high=c.high, level=e.level)
    size = f"a gap of {points(own)} points ({interval(own, 'difference')})"
    return f"Told “{classes[told]}”, of those who are really “{classes[truth]}”: {low}, {high}, {size}."


def _comparable(table: Ints, level: float, *, diagonal: bool) -> _Cells:
    rows = table.sum(axis=2)
    where = {i: np.flatnonzero(rows[:, i] >= SPARSE) for i in range(table.shape[1])}
    at = [(i, j) for i, kept in where.items() if len(kept) > 1 for j in range(table.shape[2]) if diagonal or i != j]
    return _Cells(at, where, [_one(table[where[i], i, j], rows[where[i], i], level) for i, j in at])


def _one(k: Ints, n: Ints, level: float) -> Comparisons:
    return Comparisons(lambda q, method: method(k, n, q), len(n), level)


def _cells(table: Ints, level: float) -> tuple[ConfusionCell, ...]:
    """The pair of groups that is most surely apart in each cell, signed, all pairs of all cells together."""
    at, where, parts = _comparable(table, level, diagonal=True)
    if not parts:
        return ()
    q, rows, found = Joint(tuple(parts)).quantile, table.sum(axis=2), []
    for (i, j), part in zip(at, parts, strict=True):
        c = part.interval("difference", inner=q).sure.among(where[i])
        own = (wilson if len(where[i]) <= 2 else jeffreys)(table[:, i, j], rows[:, i], q)
        high, low = (Limits(*(x[g] for x in own)) for g in (c.second, c.first))
        d = pairs.difference(high, low)
        ends = (float(d.value), float(d.low), float(d.high))
        value, least, most = (0.0, *ends[1:]) if np.isnan(ends[0]) else ends
        found.append(ConfusionCell(truth=i, told=j, lower=c.first, higher=c.second, value=value, low=least, high=most))
    return tuple(found)
