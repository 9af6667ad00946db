"""Reduced evidence of parts that have no cluster and no stratum in common, added.

Hashes of clusters and names of strata are dropped when evidence is reduced, so that two parts do not know whether both
saw the same ones, and `+` refuses. Where somebody says that they did not, as sites that share no patient, what is drawn
of both is independent: second moments add, distinct clusters add, and no product of two parts is left.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from auditkit.evidence.distinct import Counted
from auditkit.evidence.frames import Groups
from auditkit.evidence.numbers import NumberSums
from auditkit.evidence.paired import Paired
from auditkit.evidence.strata import Within
from auditkit.evidence.tally import Tally, summed_cells
from auditkit.lazy import pandas as pd


@singledispatch
def added(one: Any, other: Any) -> Any:
    """The sum of two pieces of evidence whose clusters and strata, if they have any, are others."""
    return one + other


@added.register
def _(one: Tally, other: Tally) -> Tally:
    one.alike(other)
    if one.clusters is None and one.strata is None:
        return one + other
    cells = pd.concat([one.cells, other.cells], ignore_index=True)
    clusters = strata = None
    if one.clusters is not None and other.clusters is not None:
        clusters = one.clusters.apart(other.clusters, _weight(one), _weight(other))
    if one.strata is not None and other.strata is not None:
        strata = one.strata.within().apart(other.strata.within())
    both = summed_cells(cells, one.by, clusters, strata)
    if isinstance(both.strata, Within):
        return Tally(both.by, both.cells, strata=both.strata.fewer())
    assert both.clusters is not None, "there are clusters, or strata"
    distinct = {
        by: _counted(counted, other.distinct[by], *(t.counts(*by).groups for t in (one, other, both)))
        for by, counted in one.distinct.items()
        if by in other.distinct
    }
    return Tally(both.by, both.cells, both.clusters.reduced(_weight(both)), distinct)


@added.register
def _(one: Paired, other: Paired) -> Paired:
    return Paired(added(one.tally, other.tally))


@added.register
def _(one: NumberSums, other: NumberSums) -> NumberSums:
    if one.clusters is None or other.clusters is None:
        return one + other
    weight = [_weight_of_numbers(x) for x in (one, other)]
    both = one.beside(other, one.clusters.apart(other.clusters, *weight))
    assert both.clusters is not None, "of clusters"
    distinct = {
        by: _counted(counted, other.distinct[by], *(x.groups(*by) for x in (one, other, both)))
        for by, counted in one.distinct.items()
        if by in other.distinct
    }
    return both.with_clusters(both.clusters.reduced(_weight_of_numbers(both)), distinct)


def _counted(one: Counted, other: Counted, own: Groups, others: Groups, both: Groups) -> Counted:
    place = {g: i for i, g in enumerate(both)}
    return one.apart([place[g] for g in own], other, [place[g] for g in others], len(both))


def _weight(tally: Tally) -> Any:
    return tally.columns["w" if tally.weighted else "n"].astype(np.float64)


def _weight_of_numbers(sums: NumberSums) -> Any:
    """Of the replicates of numbers: Σw of each group, and 0 for Σ w (x − mean)."""
    w = sums.table("moments_")["w" if sums.weighted else "n"].astype(np.float64)
    return np.concatenate([w, np.zeros(len(w))])
