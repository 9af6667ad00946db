"""Thresholds by group: what each can reach, and the most accurate ones that make a rate equal. Arrays only.

The optimisation is fairlearn's `ThresholdOptimizer` (Hardt, Price & Srebro, 2016): upper hulls of what thresholds
reach, read at the same 1,001 values, and randomised between two thresholds where the best lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.arrays import Floats
from auditkit.evidence.histogram import Bins
from auditkit.evidence.score_grid import BINS, LEAST

Constraint = Literal["demographic_parity", "equal_opportunity", "equalized_odds", "one_threshold"]
GRID: Floats = np.linspace(0, 1, 1001)


@dataclass(frozen=True)
class GroupRule:
    """How one group is decided: at random between two thresholds, and at random without looking at the score.

    P(selected | score) = ignore · constant + (1 − ignore)(share · 1[score ≥ first] + (1 − share) · 1[score ≥ second]).
    An infinite threshold selects nobody.

    >>> GroupRule(first=0.4, second=0.6, share=0.25).probability([0.3, 0.5, 0.7]).tolist()
    [0.0, 0.25, 1.0]
    """

    first: float
    second: float
    share: float = 1.0
    """Probability of the first threshold."""
    ignore: float = 0.0
    """Probability that the score is not looked at (equalized odds only)."""
    constant: float = 0.0
    """Then the probability to be selected."""

    def probability(self, score: ArrayLike) -> Floats:
        """P(selected), (N,), of scores (N,)."""
        s = np.asarray(score, float)
        by_score = self.share * (s >= self.first) + (1 - self.share) * (s >= self.second)
        return np.asarray(self.ignore * self.constant + (1 - self.ignore) * by_score)


class Reach(NamedTuple):
    """What the thresholds of one group reach: rows selected at each cut, from nobody to everybody."""

    cut: Floats
    """(C,) thresholds, falling; first ∞, last 0, those between lie midway to the next lower bin with rows, or at the
    lower edge of a merged bin."""
    least: NDArray[np.intp]
    """(C,) lowest bin selected, falling; the first is BINS: none."""
    false: Floats
    """(C,) negatives selected."""
    true: Floats
    """(C,) positives selected."""

    @classmethod
    def of(cls, bins: Bins) -> Reach:
        """Of the bins of one group."""
        return cls.counted(bins.n[0], bins.n[1], bins.cut)

    @classmethod
    def counted(cls, negatives: ArrayLike, positives: ArrayLike, edge: Floats | None = None) -> Reach:
        """Of counts (BINS,); `edge` (BINS,) are thresholds to prefer where they part the same bins."""
        counts = np.asarray([negatives, positives], float)
        full = np.flatnonzero(counts.sum(axis=0))[::-1]
        n0, n1 = (np.concatenate([[0.0], np.cumsum(counts[t, full])]) for t in (0, 1))
        between = LEAST[(full[:-1] + full[1:] + 1) // 2]
        if edge is not None:
            between = np.clip(edge[full[:-1]], LEAST[full[1:] + 1], LEAST[full[:-1]])
        return cls(np.concatenate([[np.inf], between, [0.0]]), np.concatenate([[BINS], full]), n0, n1)

    @property
    def negatives(self) -> float:
        """All negatives."""
        return float(self.false[-1])

    @property
    def positives(self) -> float:
        """All positives."""
        return float(self.true[-1])

    @property
    def rows(self) -> float:
        """All rows."""
        return self.negatives + self.positives

    @property
    def accuracy(self) -> Floats:
        """(C,) share decided as it truly is."""
        return (self.true + self.negatives - self.false) / self.rows


class Hull(NamedTuple):
    """The upper hull of (x, y) over the cuts of a group, read at GRID; every array is (1001,)."""

    y: Floats
    share: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(cls, reach: Reach, x: Floats, y: Floats) -> Hull:
        """Hull of the points (x, y), one a cut."""
        order = np.lexsort((y, x))
        kept = order[_upper(x[order], y[order])]
        hx, hy, cut = x[kept], y[kept], reach.cut[kept]
        left = np.clip(np.searchsorted(hx, GRID, side="left") - 1, 0, hx.size - 2)
        share = (hx[left + 1] - GRID) / (hx[left + 1] - hx[left])
        return cls(share * hy[left] + (1 - share) * hy[left + 1], share, cut[left], cut[left + 1])

    def rule(self, at: int) -> GroupRule:
        """The rule that reaches GRID[at]."""
        return GroupRule(float(self.first[at]), float(self.second[at]), float(self.share[at]))


def rules_for(groups: Sequence[Reach], constraint: Constraint, *, at_most: float = 0.0) -> tuple[GroupRule, ...]:
    """The most accurate rules, one a group, whose gap is at most `at_most` (0 for equalized odds and one threshold).

    Every group needs a positive and a negative.
    """
    if constraint == "one_threshold":
        cut = best_common_cut(groups)
        return tuple(GroupRule(cut, cut) for _ in groups)
    if constraint == "equalized_odds":
        return _equal_odds(groups)
    hulls = hulls_of(groups, constraint)
    return tuple(h.rule(i) for h, i in zip(hulls, best_positions(groups, hulls, at_most), strict=True))


class Nearest(NamedTuple):
    """One threshold a group, in the place of lots between two."""

    rules: tuple[GroupRule, ...]
    miss: float
    """The largest distance of a group to the rates that lots would reach."""


def without_lots(groups: Sequence[Reach], rules: Sequence[GroupRule], constraint: Constraint) -> Nearest:
    """Of each group the one threshold that comes nearest to what its rule reaches in the rates that are made equal.

    Of two rates the larger miss counts; of thresholds that are as near, the most accurate one.
    """
    out, largest = [], 0.0
    for g, rule in zip(groups, rules, strict=True):
        rates = _made_equal(g, constraint)
        first, second = (rates[:, int(np.flatnonzero(g.cut == cut)[0])] for cut in (rule.first, rule.second))
        by_score = rule.share * first + (1 - rule.share) * second
        aim = rule.ignore * rule.constant + (1 - rule.ignore) * by_score
        miss = np.abs(rates - aim[:, None]).max(axis=0)
        at = int(np.lexsort((-g.accuracy, miss))[0])
        out.append(GroupRule(float(g.cut[at]), float(g.cut[at])))
        largest = max(largest, float(miss[at]))
    return Nearest(tuple(out), largest)


def _made_equal(g: Reach, constraint: Constraint) -> Floats:
    """(rates, C) what a constraint makes equal, at each cut of a group."""
    if constraint == "demographic_parity":
        return ((g.true + g.false) / g.rows)[None]
    found = g.true / g.positives
    return found[None] if constraint == "equal_opportunity" else np.array([found, g.false / g.negatives])


def hulls_of(groups: Sequence[Reach], constraint: Constraint) -> list[Hull]:
    """Accuracy over selection rate (demographic parity), or over true positive rate (equal opportunity)."""
    if constraint == "demographic_parity":
        return [Hull.of(g, (g.true + g.false) / g.rows, g.accuracy) for g in groups]
    return [Hull.of(g, g.true / g.positives, g.accuracy) for g in groups]


def best_positions(groups: Sequence[Reach], hulls: Sequence[Hull], at_most: float) -> NDArray[np.intp]:
    """(K,) positions on GRID of greatest accuracy whose largest difference is at most `at_most`.

    Hulls are concave, so within a window of that width every group does best at its own optimum, or at the window's
    nearer end: all windows are tried.
    """
    weight = np.array([g.rows for g in groups])
    y = np.array([h.y for h in hulls])
    width = min(int(np.floor(at_most * (GRID.size - 1) + 1e-9)), GRID.size - 1)
    start = np.arange(GRID.size - width)
    at = np.clip(y.argmax(axis=1)[:, None], start, start + width)
    best = int((weight @ np.take_along_axis(y, at, axis=1)).argmax())
    return np.asarray(at[:, best])


def best_common_cut(groups: Sequence[Reach]) -> float:
    """The one threshold for everybody with the greatest accuracy."""
    false, true = np.zeros(BINS), np.zeros(BINS)
    for g in groups:
        false[g.least[1:]] += np.diff(g.false)
        true[g.least[1:]] += np.diff(g.true)
    everybody = Reach.counted(false, true)
    return float(everybody.cut[(everybody.true - everybody.false).argmax()])


def _equal_odds(groups: Sequence[Reach]) -> tuple[GroupRule, ...]:
    """All groups at the best point of the lowest of their ROC hulls; above it, scores are ignored now and then."""
    hulls = [Hull.of(g, g.false / g.negatives, g.true / g.positives) for g in groups]
    lowest = np.min([h.y for h in hulls], axis=0)
    positives, negatives = sum(g.positives for g in groups), sum(g.negatives for g in groups)
    at = int((positives * lowest + negatives * (1 - GRID)).argmax())
    x, y, out = float(GRID[at]), float(lowest[at]), []
    for h in hulls:
        above = float(h.y[at]) - x
        ignore = 0.0 if above <= 0 else (float(h.y[at]) - y) / above
        r = h.rule(at)
        out.append(GroupRule(r.first, r.second, r.share, ignore, x))
    return tuple(out)


def _upper(x: Floats, y: Floats) -> NDArray[np.intp]:
    """Positions of the upper hull of points sorted by x, then y (Andrew's monotone chain)."""
    kept: list[int] = []
    xs, ys = x.tolist(), y.tolist()  # numbers of Python: several times as fast, one by one
    for i, (right, high) in enumerate(zip(xs, ys, strict=True)):
        while len(kept) >= 2:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (right - xs[a]) > (high - ys[a]) * (xs[b] - xs[a]):
                break
            kept.pop()
        if len(kept) == 1 and right == xs[kept[0]]:
            kept.pop()  # of points one above the other only the highest counts
        kept.append(i)
    return np.array(kept, dtype=np.intp)
