"""Merged score bins: neighbours joined until five people share each, so that no score of one person can be read.

Every group has its own bins, each a run of the one common grid. Bins of two groups may so overlap: what they leave open
is stated with the value (`auditkit.stats.auc`, `auditkit.fairness.scores.values`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.evidence.frames import Columns, columns_of
from auditkit.evidence.score_grid import BINS, LEAST, bin_of, grains
from auditkit.lazy import pandas as pd

_SUMS = ("n", "selected", "s", "s2")
PEOPLE = 5
"""People of a group that a merged bin holds at least; a smaller group has one bin, and its mean score is rounded."""
STEPS = 16
"""Steps of [0, 1] to whose middles the mean score of such a group is rounded: within 1/32."""
TOLD = 10
"""People who share a value, from which on the value may stand in a report."""


def starts_of(bins: Ints, n: Ints, *, people: int = PEOPLE) -> Ints:
    """First grid bins of the merged bins, rising from 0, of rows (C,) in grid bins (C,), rising.

    A border lies midway between two occupied grid bins.

    >>> starts_of(np.array([3, 4, 10, 20]), np.array([4, 2, 5, 1])).tolist()
    [0, 7]
    """
    starts, held = [0], 0
    places, counts = bins.tolist(), n.tolist()
    for i, count in enumerate(counts):
        if held >= people:
            starts.append((places[i - 1] + places[i] + 1) // 2)
            held = 0
        held += count
    if held < people and len(starts) > 1:
        starts.pop()
    return np.array(starts, dtype=np.int64)


def merged(cells: pd.DataFrame, by: Sequence[str], *, people: int = PEOPLE) -> pd.DataFrame:
    """The cells of a score histogram over merged bins of `people` of a group.

    What single rows would be read from is rounded: extremes to edges, unless ten rows or more of a bin have the same
    score; of fewer than five positives (or negatives) in a bin, sums are their share of the sums of the whole bin.
    """
    if cells.empty:
        return cells
    n = cells["n"].to_numpy(np.int64)
    group = _codes(cells, columns_of(by))
    first, last = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.int64)
    bins = cells["bin"].to_numpy(np.int64)
    parts = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    for at in parts:
        first[at], last[at] = _runs(bins[at], n[at], people)
    out = summed(cells.assign(bin=first, last=last), by)
    own = _codes(out, columns_of(by))
    few = np.bincount(own, out["n"])[own] < PEOPLE
    return _rounded(out, by, few)


def together(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Cells of several merged histograms: equal bins of a group are summed, others stand side by side.

    Bins of one group may so overlap, as those of two groups do that are read as one: joining all that overlap would
    leave a single bin of most histograms. A score that all rows of a bin have is kept where both have that same one.
    """
    out = summed(cells, by)
    apart = out["low"] < out["high"]
    least, most = edges_of(out["bin"].to_numpy(np.int64), out["last"].to_numpy(np.int64))
    return out.assign(low=np.where(apart, least, out["low"]), high=np.where(apart, most, out["high"]))


def places_of(cells: Columns) -> Ints:
    """(C,) where each cell of one reading stands on the grid: at the mean score of its bin, both truths together."""
    first, last = cells["bin"], cells["last"]
    _, run = np.unique(first * (last.max(initial=0) + 1) + last, return_inverse=True)
    s, n = np.bincount(run, cells["s"]), np.bincount(run, cells["n"])
    mean = np.clip(s / np.maximum(n, 1), 0.0, 1.0)
    out: Ints = np.clip(bin_of(mean)[run], first, last)
    return out


def edges_of(first: Ints, last: Ints) -> tuple[Floats, Floats]:
    """The smallest and the largest score that merged bins can hold."""
    above = np.append(LEAST, np.nextafter(1.0, 2.0))
    return LEAST[first], np.nextafter(above[last + 1], 0.0)


def _runs(bins: Ints, n: Ints, people: int) -> tuple[Ints, Ints]:
    occupied, where = np.unique(bins, return_inverse=True)
    starts = starts_of(occupied, np.bincount(where, n).astype(np.int64), people=people)
    run = np.searchsorted(starts, bins, side="right") - 1
    return starts[run], np.append(starts[1:], BINS)[run] - 1


def _rounded(cells: pd.DataFrame, by: Sequence[str], few: Bools) -> pd.DataFrame:
    """Extremes and sums, so that they speak of five people at least, and values of ten."""
    run = _codes(cells, [*columns_of(by), "bin"])
    n = cells["n"].to_numpy(np.float64)
    of_run = np.bincount(run, n)[run]
    low, high = np.full(run.max() + 1, np.inf), np.full(run.max() + 1, -np.inf)
    np.minimum.at(low, run, cells["low"].to_numpy())
    np.maximum.at(high, run, cells["high"].to_numpy())
    alike = (low == high)[run] & (of_run >= TOLD)
    edge = edges_of(cells["bin"].to_numpy(np.int64), cells["last"].to_numpy(np.int64))
    mixed = np.bincount(run, n < PEOPLE)[run] > 0
    mean = {c: np.bincount(run, cells[c])[run] / of_run for c in ("s", "s2")}
    step = (np.minimum(np.floor(mean["s"] * STEPS), STEPS - 1) + 0.5) / STEPS
    sums = {}
    for column, rounded in (("s", step), ("s2", step * step)):
        shared = np.where(mixed, grains(n * mean[column]), cells[column].to_numpy())
        sums[column] = np.where(few, n * rounded, shared)
    return cells.assign(
        low=np.where(alike, low[run], edge[0]), high=np.where(alike, high[run], edge[1]), **sums
    )  # fmt: skip


def _codes(cells: pd.DataFrame, keys: Sequence[str]) -> Ints:
    if not keys:
        return np.zeros(len(cells), np.int64)
    out: Ints = cells.groupby(list(keys), sort=True, observed=True).ngroup().to_numpy().astype(np.int64)
    return out


def summed(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Cells with one row a combination of groups, truth and bin, sorted."""
    how = {**dict.fromkeys(_SUMS, "sum"), "low": "min", "high": "max"}
    keys = [*columns_of(by), "y_true", "bin", "last"]
    out: pd.DataFrame = cells.groupby(keys, sort=True, observed=True).agg(how).reset_index()
    return out
