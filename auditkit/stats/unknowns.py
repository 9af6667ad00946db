"""What rows of unknown group could do to impact ratios: worst and best case over every placement, and how few suffice.

The impact ratio of a group is its rate over the highest rate of any group. Every unknown row belongs to one of the
groups that it fits; nobody knows to which. Nothing here is a confidence interval: these are bounds over placements.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from auditkit.stats.rates import Floats, rate

Ints = NDArray[np.int64]
STEPS = 64
"""Halvings of the interval in which the water level is sought: to the last bit of a double."""
MOST = 40
"""Of more groups with partly known rows, the best case asks less than a flow does: a looser upper bound, at no cost."""
_CELLS = 500_000


class Bounds(NamedTuple):
    """Impact ratio of each group, (K,), NaN where nobody is selected or there is one group only."""

    observed: Floats
    """Without the unknown rows."""
    worst: Floats
    """The smallest over all placements, exact."""
    best: Floats
    """The largest over all placements; exact if every selected unknown row fits every group, else an upper bound."""


@dataclass(frozen=True)
class Unknowns:
    """K groups of known rows, T kinds of unknown rows, and which groups each kind fits.

    >>> u = Unknowns(*map(np.array, ([20, 40], [100, 100], [6], [10], [[True, True]])))
    >>> [round(float(x[0]), 3) for x in u.bounds()], u.tipping_points(0.4).tolist()
    ([0.5, 0.443, 0.638], [-1, -1])
    """

    selected: Ints
    """(K,) known rows selected."""
    rows: Ints
    """(K,) known rows, all above 0."""
    unknown_selected: Ints
    """(T,)"""
    unknown_rows: Ints
    """(T,)"""
    fits: NDArray[np.bool_]
    """(T, K) True where a row of the kind may belong to the group."""

    def settled(self) -> Unknowns:
        """The kinds that fit one group are its known rows; kinds that fit none are left out."""
        options = self.fits.sum(axis=1)
        one = self.fits[options == 1].astype(np.int64)
        open_ = options > 1
        return Unknowns(
            self.selected + self.unknown_selected[options == 1] @ one,
            self.rows + self.unknown_rows[options == 1] @ one,
            self.unknown_selected[open_],
            self.unknown_rows[open_],
            self.fits[open_],
        )

    def bounds(self) -> Bounds:
        """Observed, worst and best impact ratio of each group (after `settled`).

        Worst for g: s_g / (n_g + f_g) over the largest of itself and of (s_r + u_r) / (n_r + u_r), r ≠ g; f_g the
        unselected unknown rows that fit g, u_r the selected ones that fit r. Best for g: all selected ones that fit g
        join it (the others are left out: a bound), the unselected ones lower the highest of the other rates as far as
        they can.
        """
        u = self.settled()
        k, n = u.selected, u.rows
        groups = len(k)
        if groups < 2:
            nothing = np.full(groups, np.nan)
            return Bounds(nothing, nothing, nothing)
        helping, hurting = u._fitting()
        worst, best = np.empty(groups), np.empty(groups)
        for g in range(groups):
            other = np.arange(groups) != g
            raised = float(rate(k + helping, n + helping)[other].max())
            worst[g] = _ratio(k[g] / (n[g] + hurting[g]), raised)
            best[g] = _ratio((k[g] + helping[g]) / (n[g] + helping[g]), u._lowered(other))
        p = rate(k, n)
        observed = np.full(groups, np.nan) if not k.any() else p / p.max()
        return Bounds(observed, worst, best)

    def tipping_points(self, limit: float) -> Ints:
        """(K,) the fewest unknown rows that, placed adversely and the others left out, take g below the limit; or −1.

        Minimum over r ≠ g and b ≤ u_r of b + min{a ≤ f_g : (s_g / (n_g + a)) / ((s_r + b) / (n_r + b)) < limit}, in
        whole numbers; 0 where the observed ratio is below it already.
        """
        u = self.settled()
        exact = Fraction(limit).limit_denominator(10_000)
        helping, hurting = u._fitting()
        out = np.full(len(u.rows), -1, dtype=np.int64)
        step = max(1, _CELLS // (1 + int(helping.max(initial=0))))
        for g in range(len(u.rows)):
            others = np.delete(np.arange(len(u.rows)), g)
            for start in range(0, len(others), step):
                needed = _needed(u, g, others[start : start + step], helping, int(hurting[g]), exact)
                if needed >= 0 and (out[g] < 0 or needed < out[g]):
                    out[g] = needed
        return out

    def _fitting(self) -> tuple[Ints, Ints]:
        """(K,) unknown rows that fit each group: the selected ones, which raise it, and the others, which lower it."""
        fits = self.fits.astype(np.int64)
        return self.unknown_selected @ fits, (self.unknown_rows - self.unknown_selected) @ fits

    def _lowered(self, other: NDArray[np.bool_]) -> float:
        """The highest rate of these groups when the unselected unknown rows are added where they lower it most."""
        k, n = self.selected[other], self.rows[other]
        supply, fits = self.unknown_rows - self.unknown_selected, self.fits[:, other]
        low, high, wanted = 0.0, float((k / n).max()), np.zeros(len(k), dtype=np.int64)
        for _ in range(STEPS):
            middle = (low + high) / 2
            if middle in (low, high):
                break
            asked = np.maximum(0, np.ceil(np.minimum(k / middle - n, 2.0**31))).astype(np.int64)
            if _enough(asked, supply, fits):
                high, wanted = middle, asked
            else:
                low = middle
        return float((k / (n + wanted)).max())


def _needed(u: Unknowns, g: int, r: Ints, helping: Ints, most_a: int, limit: Fraction) -> int:
    """Fewest rows a + b with s_g (n_r + b) / ((n_g + a)(s_r + b)) < limit, over these groups r; −1 if none."""
    b = np.arange(int(helping[r].max()) + 1)
    above = u.selected[g] * (u.rows[r, None] + b) * limit.denominator
    below = (u.selected[r, None] + b) * limit.numerator
    a = np.where(below > 0, above // np.maximum(below, 1) + 1 - u.rows[g], most_a + 1)
    a = np.maximum(a, 0)
    possible = (a <= most_a) & (b <= helping[r, None])
    return int((a + b)[possible].min()) if possible.any() else -1


def _enough(asked: Ints, supply: Ints, fits: NDArray[np.bool_]) -> bool:
    """True if rows of each kind, given to groups that they fit, can fill what each group asks for (`MOST`: may be)."""
    total = int(asked.sum())
    if total > supply.sum():
        return False
    if fits.all() or not total:
        return True
    if (asked > supply @ fits).any():
        return False
    if fits.shape[1] > MOST:
        return True
    kinds, groups = fits.shape
    graph = np.zeros((kinds + groups + 2,) * 2, dtype=np.int32)
    graph[0, 1 : kinds + 1] = supply
    graph[1 : kinds + 1, kinds + 1 : -1] = np.where(fits, supply[:, None], 0)
    graph[kinds + 1 : -1, -1] = asked
    return bool(maximum_flow(csr_array(graph), 0, kinds + groups + 1).flow_value == total)


def _ratio(p: float, other: float) -> float:
    """p over the larger of both; NaN for 0/0."""
    highest = max(p, other)
    return p / highest if highest > 0 else float("nan")
