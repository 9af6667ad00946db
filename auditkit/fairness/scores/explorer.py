"""What decisions would be at other common thresholds: counts at up to `MOST` of them, from the score histogram."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.evidence.frames import columns_of
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import BINS, LEAST
from auditkit.evidence.tally import Tally
from auditkit.fairness.sets import Attributes

MOST = 80
"""Thresholds that are counted."""
_BELOW = (0.5, 0.01)
"""Shares of the negatives and of the positives below the first threshold, at most."""
_UP_TO = (0.99, 0.97)
"""Shares of them up to the last one, at least."""


class Steps(NamedTuple):
    """Decisions `score >= threshold`, of P thresholds, rising."""

    by: tuple[str, ...]
    groups: tuple[Attributes, ...]
    """G crossed groups, sorted."""
    threshold: Floats
    """(P,)"""
    n: Ints
    """(G, 2) rows of a group by truth."""
    selected: Ints
    """(P, G, 2) those decided positively. Rows of a score bin that a threshold parts stand on the side of its mean."""
    open: Ints
    """(P, G, 2) rows of such bins: how many may be decided otherwise."""
    today: int | None
    """Which threshold gives the decisions of the audit, whose counts are known; None: none does."""

    def tally(self, i: int) -> Tally:
        """The counts of group × truth × decision at a threshold."""
        table = np.stack([self.n - self.selected[i], self.selected[i]], axis=-1)
        group, truth, decision = np.nonzero(table)
        names = {c: np.array([g[a] for g in self.groups], dtype=object) for a, c in enumerate(columns_of(self.by))}
        cells = {
            **{c: values[group] for c, values in names.items()},
            **{"y_true": truth, "y_pred": decision, "n": table[group, truth, decision]},
        }
        return Tally.of_tables({"cells": cells}, by=self.by, clusters=None, distinct={}, strata=None)


def steps(evidence: ScoreHistogram) -> Steps | None:
    """The thresholds worth looking at, evenly in log-odds, each moved to an edge nearby that parts far fewer bins.

    None without two of them, and where rows are weighted or clustered: they count alike here.

    >>> h = ScoreHistogram.of({"g": list("ab") * 40}, y_true=[0, 0, 1, 1] * 20, y_pred=[0, 0, 1, 1] * 20,
    ...                       score=[0.1, 0.4, 0.6, 0.9] * 20)
    >>> found = steps(h)
    >>> found.today, [round(x, 2) for x in found.threshold.tolist()], found.selected[:, 0, 1].tolist()
    (1, [0.1, 0.5, 0.6], [20, 20, 0])
    """
    if evidence.declared or not evidence.rows:
        return None
    found = list(evidence.groups(*evidence.by))
    placed = np.array([b.n for _, b in found])
    parted = _parted(evidence)
    today = _today(evidence)
    at = _chosen(placed, parted.sum(axis=(1, 2)), today)
    if len(at) < 2:
        return None
    above = placed[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    selected, open_ = np.moveaxis(above[:, :, at], 2, 0).copy(), parted[at]
    here = None if today is None else int(np.flatnonzero(at == today)[0])
    if here is not None:
        selected[here], open_[here] = np.array([b.selected.sum(axis=1) for _, b in found]), 0
    return Steps(
        evidence.by, tuple(k for k, _ in found), LEAST[at], placed.sum(axis=2), selected, open_, here
    )  # fmt: skip


def _parted(evidence: ScoreHistogram) -> Ints:
    """(BINS, G, 2) rows of the bins that a threshold at the lower edge of each grid bin parts."""
    cells = evidence.table("cells")
    keys = list(zip(*(cells[c].tolist() for c in columns_of(evidence.by)), strict=True))
    codes = {k: i for i, k in enumerate(sorted(set(keys)))}
    group = np.array([codes[k] for k in keys], dtype=np.intp)
    change = np.zeros((BINS + 1, len(codes), 2), dtype=np.int64)
    np.add.at(change, (cells["bin"] + 1, group, cells["y_true"]), cells["n"])
    np.subtract.at(change, (cells["last"] + 1, group, cells["y_true"]), cells["n"])
    out: Ints = change.cumsum(axis=0)[:BINS]
    return out


def _today(evidence: ScoreHistogram) -> int | None:
    """The grid bin from which on rows are selected, if the decisions are those of one threshold on the grid.

    Of rows that were not selected the score lies below it, of those that were not; 0.5 where that fits.
    """
    cells = evidence.table("cells")
    some, all_ = cells["selected"] > 0, cells["selected"] == cells["n"]
    least = np.max(cells["low"][~all_], initial=-np.inf)
    most = np.min(cells["high"][some], initial=np.inf)
    fits = np.flatnonzero((least < LEAST) & (most >= LEAST))
    if not len(fits):
        return None
    half = int(np.argmin(np.abs(LEAST - 0.5)))
    return half if half in fits else int(fits[len(fits) // 2])


def _chosen(placed: Ints, parted: Ints, today: int | None) -> NDArray[np.intp]:
    """Grid bins at whose lower edges thresholds stand, rising, each selecting other rows than the one before."""
    rows = placed.sum(axis=(0, 1))
    counts = [n for n in placed.sum(axis=0) if n.any()]
    low = min(_quantile(n, q) for n, q in zip(counts, _BELOW[-len(counts) :], strict=True))
    high = max(_quantile(n, q) for n, q in zip(counts, _UP_TO[-len(counts) :], strict=True))
    ends = [low, high] if today is None else [min(low, today), max(high, today)]
    borders = np.unique(np.linspace(ends[0], ends[1] + 1, MOST + 1).round().astype(int))
    chosen = [_fewest(parted, a, b) for a, b in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)]
    if today is not None:
        near = int(np.argmin(np.abs(np.array(chosen) - today)))
        chosen[near] = today
    below, out = np.concatenate([[0], rows.cumsum()]), list[int]()
    for b in sorted(set(chosen)):
        if out and below[b] == below[out[-1]]:  # nobody stands between: they are one
            out[-1] = today if today in (b, out[-1]) else out[-1]  # type: ignore[assignment]
        elif 0 < b < BINS:
            out.append(b)
    return np.array(out, dtype=np.intp)


def _quantile(n: Ints, share: float) -> int:
    """The grid bin below or in which this share of the rows stands."""
    return int(np.searchsorted(n.cumsum(), share * n.sum(), side="left"))


def _fewest(parted: Ints, start: int, end: int) -> int:
    """Of the grid bins from `start` to before `end` the middle, unless another parts less than half as many rows."""
    own, middle = parted[start:end], (end - 1 - start) // 2
    good = np.flatnonzero(own < own[middle] / 2)
    if not len(good):
        return start + middle
    fewest = good[own[good] == own[good].min()]
    return start + int(fewest[np.argmin(np.abs(fewest - middle))])
