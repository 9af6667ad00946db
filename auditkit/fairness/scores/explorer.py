"""What decisions would be at other common thresholds: counts at up to `MOST` of them, from the score histogram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.perfect import TRUTH
from auditkit.evidence.frames import columns_of
from auditkit.evidence.histogram import ScoreHistogram
from auditkit.evidence.score_grid import BINS, LEAST, bin_of
from auditkit.evidence.tally import Tally
from auditkit.explorer import Explorer, GroupSteps, RuleSteps
from auditkit.fairness.sets import Attributes

MOST = 72
"""Thresholds that are counted, at most."""
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

    def tells(self, metric: str) -> bool:
        """See `check.Steps`: rates and what is made of them; how often the truth is positive hangs on no threshold."""
        return METRICS[metric].kind in ("rate", "composite") and metric != TRUTH

    def evidence(self, i: int) -> Mapping[str, Tally]:
        """See `check.Steps`."""
        return {"group_fairness": self.tally(i)}

    def explorer(self, rules: tuple[RuleSteps, ...]) -> Explorer:
        """See `check.Steps`."""
        groups = tuple(
            GroupSteps(
                group=dict(zip(self.by, group, strict=True)),
                negatives=int(self.n[g, 0]),
                positives=int(self.n[g, 1]),
                false=tuple(self.selected[:, g, 0].tolist()),
                true=tuple(self.selected[:, g, 1].tolist()),
                open=tuple(self.open[:, g].sum(axis=-1).tolist()),
            )
            for g, group in enumerate(self.groups)
        )
        return Explorer(threshold=tuple(self.threshold.tolist()), today=self.today, groups=groups, rules=rules)

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
    >>> found.today, [round(x, 2) for x in found.threshold.tolist()], found.selected.sum(axis=(1, 2)).tolist()
    (2, [0.1, 0.1, 0.5, 0.61], [80, 60, 40, 20])
    """
    if evidence.declared or not evidence.rows:
        return None
    found = list(evidence.groups(*evidence.by))
    placed = np.array([b.n for _, b in found])
    parted = _parted(evidence)
    here = _today(evidence)
    at = _chosen(placed, parted.sum(axis=(1, 2)), here)
    above = placed[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    threshold, selected, open_ = LEAST[at], np.moveaxis(above[:, :, at], 2, 0), parted[at]
    now = np.array([b.selected.sum(axis=1) for _, b in found])
    if here is not None:
        place = int(np.searchsorted(threshold, here))
        rest = place + int((threshold[place : place + 1] == here).any())
        threshold = np.concatenate([threshold[:place], [here], threshold[rest:]])
        open_ = np.concatenate([open_[:place], np.zeros_like(now)[None], open_[rest:]])
        # what is known now bounds what lies below and above
        below, beyond = np.maximum(selected[:place], now), np.minimum(selected[rest:], now)
        selected = np.concatenate([below, now[None], beyond])
    kept = _kept(selected.sum(axis=(1, 2)), None if here is None else place)
    if len(kept) < 2:
        return None
    return Steps(
        by=evidence.by,
        groups=tuple(k for k, _ in found),
        threshold=threshold[kept] if evidence.scale is None else evidence.scale.own(threshold[kept]),
        n=placed.sum(axis=2),
        selected=selected[kept],
        open=open_[kept],
        today=None if here is None else kept.index(place),
    )


def _parted(evidence: ScoreHistogram) -> Ints:
    """(BINS, G, 2) rows of the bins that a threshold at the lower edge of each grid bin parts."""
    cells = evidence.table("cells")
    keys = list(zip(*(cells[c].tolist() for c in columns_of(evidence.by)), strict=True))
    codes = {k: i for i, k in enumerate(sorted(set(keys)))}
    group = np.array([codes[k] for k in keys], dtype=np.intp)
    change = np.zeros((BINS + 1, len(codes), 2), dtype=np.int64)
    np.add.at(change, (bin_of(cells["low"]) + 1, group, cells["y_true"]), cells["n"])
    np.subtract.at(change, (bin_of(cells["high"]) + 1, group, cells["y_true"]), cells["n"])
    out: Ints = change.cumsum(axis=0)[:BINS]
    return out


def _today(evidence: ScoreHistogram) -> float | None:
    """The score from which on rows are selected, if the decisions can be those of one threshold.

    The one that was said, where it is known and fits. Else it lies above the lowest score of every bin that holds a row
    not selected, and not above the highest of every one that holds a row selected: 0.5 where that fits, else an edge of
    the grid, else the middle.
    """
    cells = evidence.table("cells")
    least = float(np.max(cells["low"][cells["selected"] < cells["n"]], initial=0.0))
    most = float(np.min(cells["high"][cells["selected"] > 0], initial=1.0))
    if not least < most:
        return None
    said = None if evidence.scale is None else evidence.scale.threshold
    if said is not None and least < said <= most:
        return said
    if least < 0.5 <= most:
        return 0.5
    fits = LEAST[(least < LEAST) & (most >= LEAST)]
    return float(fits[len(fits) // 2]) if len(fits) else (least + most) / 2


def _chosen(placed: Ints, parted: Ints, today: float | None) -> NDArray[np.intp]:
    """Grid bins at whose lower edges thresholds stand, rising, one a cell of equal width; none in that of today's
    threshold, in whose middle it stands."""
    counts = [n for n in placed.sum(axis=0) if n.any()]
    low = max(1, min(_quantile(n, q) for n, q in zip(counts, _BELOW[-len(counts) :], strict=True)))
    high = max(_quantile(n, q) for n, q in zip(counts, _UP_TO[-len(counts) :], strict=True)) + 1
    here = low if today is None else int(np.clip(np.searchsorted(LEAST, today), 1, BINS - 1))
    low, high = min(low, here), max(high, here + 1)
    step = max(1.0, (high - low) / (MOST - 2))
    first = here - (np.floor((here - low) / step) + 0.5) * step
    borders = np.unique(np.arange(first, high + step, step).round().astype(int).clip(1, BINS))
    cells = list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))
    chosen = [_fewest(parted, a, b) for a, b in cells if today is None or not a <= here < b]
    return np.array(chosen, dtype=np.intp)


def _kept(total: Ints, today: int | None) -> list[int]:
    """Positions of the thresholds that select fewer than the one before; today's in any case."""
    out: list[int] = []
    for i, n in enumerate(total.tolist()):
        if out and n == total[out[-1]]:
            out[-1] = i if i == today else out[-1]
        else:
            out.append(i)
    return out


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
