"""A gap split by what goes along with columns: what a line through them tells of it, whether the net reads them or not.

The value of a set of columns is the gap that the best linear prediction of the score from them alone shows between two
groups. Shapley values of these sets say what goes along with a column; those over mixed rows (`splitting.py`) say what
the net does with it. Both answer a question. Reference: Janzing, Minorics & Blöbaum (2020), AISTATS.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch

from auditkit.arrays import Bools, Floats, Ints
from auditkit.catalogue.gaps import GapTarget
from auditkit.errors import NotExplained
from auditkit.explain.gaps.alongside import BEYOND
from auditkit.explain.gaps.splitting import Scene, units_of
from auditkit.explain.gaps.sums import Units
from auditkit.inputs.packing import leaves

MOST_EXACT = 10
"""Columns up to which all sets are asked for."""
SETS = 1024
"""Sets along random orders, about, where there are more columns."""
FEWEST_ORDERS = 16
MOST_ENTRIES = 256
"""Encoded entries, at most: a set is a system of so many equations."""
MOST_VALUES = 50
"""Values of an input of whole numbers, at most: they are codes, and each value is an entry."""
ROWS_AN_ENTRY = 5
"""Effective rows an entry, at least."""
TELLS = 0.99
"""R² from which a column is the group itself, so that everything goes along with it."""
RIDGE = 1e-9
"""Of the variance of an entry, so that indicators whose sum is 1 can be solved for."""


class Rows(NamedTuple):
    """N rows of two groups."""

    z: Floats
    """(N, d) encoded entries of mean 0 and variance 1."""
    owner: Ints
    """(d,) the column of each entry, from 0."""
    said: Floats
    """(N,) of which mean there is a gap."""
    first: Bools
    """(N,) whether in the first group."""
    w: Floats
    """(N,) weights that add up to 1."""
    n: float
    """Kish's rows."""
    copies: Floats
    """(N,) rows of the data that each is."""


class Sets(NamedTuple):
    """M sets of g columns; Shapley values are `weight` · their values."""

    chosen: Bools
    """(M, g), the last set all columns."""
    weight: Floats
    """(M, g)."""
    orders: Ints | None = None
    """(P, g) the columns of random orders, each order beside its reverse; None where all sets are asked for."""
    path: Ints | None = None
    """(P, g + 1) the sets that an order goes through."""


class Parts(NamedTuple):
    """The g parts of a gap, what they leave, and the gap itself."""

    value: Floats
    """(g + 2,)."""
    influence: Floats
    """(N, g + 2) how a row's weight moves each: of weighted mean 0."""
    chance: Floats
    """(g + 2, g + 2) covariance of the values that the orders drawn give."""


def by_what_goes_along(scene: Scene, target: GapTarget, high: Ints, low: Ints) -> Units:
    """The gap of `high` less that of `low`, column by column, and last what is not linear in them.

    The units are those of the other splits: a pair of rows has the parts, and what its two rows move them by. A column
    that is the group itself is left out. Raises NotExplained where too many entries, or too few rows, were asked about.
    """
    high, low = scene.under(target, high), scene.under(target, low)
    at, first = np.concatenate([high, low]), np.arange(len(high) + len(low)) < len(high)
    weights = scene.weights.at(at)
    w, n = weights.weight / weights.weight.sum(), float(weights.weight.sum() ** 2 / weights.added.sum())
    z, owner = _entries(scene, at, w)
    copies = np.ones(len(at)) if weights.copies is None else weights.copies
    rows = Rows(z, owner, scene.outputs[target.of][at], first, w, n, copies)
    kept = [k for k in range(len(scene.groups.names)) if (owner == k).any() and _tells(rows, owner == k) < TELLS]
    if not kept:
        raise NotExplained("each column tells the groups apart by itself")
    of_kept = np.isin(owner, kept)
    rows = rows._replace(z=z[:, of_kept], owner=np.searchsorted(kept, owner[of_kept]))
    parts = conditional(rows, sets_of(len(kept), scene.seed))
    place, share = np.full(len(scene.weight), -1), float(w[first].sum())
    place[at] = np.arange(len(at))
    moved, pairs = parts.influence, scene.pairs(high, low)
    columns = [parts.value + share * moved[place[p.first]] + (1 - share) * moved[place[p.second]] for p in pairs]
    names = (*(scene.groups.names[k] for k in kept), BEYOND)
    return units_of(scene, names, pairs, np.concatenate(columns), high, low).widened(parts.chance)


def conditional(rows: Rows, sets: Sets) -> Parts:
    """Shapley values of v(S) = mean over the first group − mean over the second of Ê[s | x_S], Ê by least squares.

    In closed form v(S) = δ_Sᵀ Σ_SS⁻¹ c_S: δ the differences of means, Σ the covariances of entries, c theirs with the
    score. As of an adjusted R², the part of the gap that it misses is taken (n − 1)/(n − d_S − 1) times, since fitted
    noise tells of a gap too. A row of residual e moves v(S) by δ_Sᵀ Σ_SS⁻¹ z_S e, and by its own prediction beside the
    mean of its group; e is that of a fit without the row. Raises NotExplained for fewer than five rows an entry.
    """
    z, w, g = rows.z, rows.w, sets.chosen.shape[1]
    side = np.where(rows.first, 1 / w[rows.first].sum(), -1 / w[~rows.first].sum())
    s = rows.said - w @ rows.said
    covariance, with_score, apart, gap = z.T * w @ z, (z.T * w) @ s, (w * side) @ z, float((w * side) @ s)
    ranks = np.array([np.linalg.matrix_rank(covariance[np.ix_(rows.owner == k, rows.owner == k)]) for k in range(g)])
    if rows.n < ROWS_AN_ENTRY * ranks.sum():
        raise NotExplained(f"{rows.n:,.0f} effective rows are too few for a line through {ranks.sum()} encoded entries")
    solvable = covariance + RIDGE * np.eye(len(covariance))
    leverage = w / rows.copies * (z * np.linalg.solve(solvable, z.T).T).sum(1)
    slopes, tells = np.zeros((2, len(sets.chosen), len(covariance)))
    for m, chosen in enumerate(sets.chosen):
        at = np.flatnonzero(chosen[rows.owner])
        known = np.stack([with_score[at], apart[at]], axis=1)
        slopes[m, at], tells[m, at] = np.linalg.solve(solvable[np.ix_(at, at)], known).T
    factor = (rows.n - 1) / (rows.n - sets.chosen @ ranks - 1)
    v = gap - (gap - slopes @ apart) * factor
    own = side * _centred(s, rows)
    moved, last = np.zeros((len(s), g)), np.zeros(len(s))
    for start in range(0, len(v), 256):
        part = slice(start, start + 256)
        line = z @ slopes[part].T
        by_row = z @ tells[part].T * ((s[:, None] - line) / (1 - np.minimum(leverage, 0.9))[:, None])
        by_row += side[:, None] * _centred(line, rows)
        by_row = own[:, None] + (by_row - own[:, None]) * factor[part]
        moved, last = moved + by_row @ sets.weight[part], by_row[:, -1]
    value = np.array([*(v @ sets.weight), gap - v[-1], gap])
    influence = np.column_stack([moved, own - last, own])
    return Parts(value, influence - w @ influence, _chance(v, sets))


def sets_of(g: int, seed: int, *, most_exact: int = MOST_EXACT) -> Sets:
    """All sets of up to ten columns; of more, those along random orders and their reverses.

    >>> (np.array([0.0, 1.0, 3.0, 6.0]) @ sets_of(2, 0).weight).tolist()  # of neither, the second, the first, both
    [4.0, 2.0]
    """
    if g <= most_exact:
        chosen = np.array(list(itertools.product((False, True), repeat=g)))
        size = chosen.sum(1)
        share = np.array([1 / (g * math.comb(g - 1, k)) for k in range(g)])
        inside, outside = share[np.maximum(size - 1, 0)], share[np.minimum(size, g - 1)]
        return Sets(chosen, inside[:, None] * chosen - outside[:, None] * ~chosen)
    half = max(FEWEST_ORDERS, SETS // (g - 1)) // 2
    drawn = np.random.default_rng(seed).random((half, g)).argsort(1)
    orders = np.stack([drawn, drawn[:, ::-1]], axis=1).reshape(-1, g)
    through = orders.argsort(1)[:, None, :] < np.arange(g + 1)[None, :, None]  # (P, g + 1, g)
    chosen, path = np.unique(through.reshape(-1, g), axis=0, return_inverse=True)
    path = path.reshape(len(orders), g + 1)
    weight = np.zeros(chosen.shape)
    np.add.at(weight, (path[:, 1:], orders), 1 / len(orders))
    np.add.at(weight, (path[:, :-1], orders), -1 / len(orders))
    return Sets(chosen, weight, orders, path)


def _chance(v: Floats, sets: Sets) -> Floats:
    """What the orders drawn add to the covariance of the values."""
    g = sets.chosen.shape[1]
    out = np.zeros((g + 2, g + 2))
    if sets.path is not None and sets.orders is not None:
        gains = np.take_along_axis(np.diff(v[sets.path], axis=1), sets.orders.argsort(1), axis=1)
        pairs = gains.reshape(-1, 2, g).mean(1)  # an order and its reverse are one draw
        out[:g, :g] = np.cov(pairs.T) / len(pairs)
    return out


def _centred(x: Floats, rows: Rows) -> Floats:
    """(N, …) about the weighted mean of each row's group."""
    out = x.copy()
    for side in (rows.first, ~rows.first):
        out[side] -= np.average(x[side], axis=0, weights=rows.w[side])
    return out


def _tells(rows: Rows, at: Bools) -> float:
    """R² of a line from some entries to the group."""
    z, share = rows.z[:, at], rows.w @ rows.first
    along = (z.T * rows.w) @ (rows.first - share)
    solvable = z.T * rows.w @ z + RIDGE * np.eye(z.shape[1])
    return float(along @ np.linalg.solve(solvable, along) / (share * (1 - share)))


def _entries(scene: Scene, at: Ints, w: Floats) -> tuple[Floats, Ints]:
    """(N, d) every entry that varies, standardised, and (d,) its column: missing ones at the mean, beside an entry that
    says so; codes value by value."""
    columns: list[Floats] = []
    owner: list[int] = []
    for leaf, mask in zip(leaves(scene.inputs), scene.groups.masks, strict=True):
        _few(leaf[0].numel())
        values = leaf[torch.as_tensor(at, device=leaf.device)].cpu().reshape(len(at), -1)
        numbers = values.is_floating_point() or values.dtype == torch.bool
        for x, k in zip(values.double().numpy().T, mask.cpu().flatten().tolist(), strict=True):
            own = _known(x, w) if numbers else _by_value(x)
            columns, owner = columns + own, owner + [k] * len(own)
            _few(len(columns))
    x = np.stack(columns, axis=1)
    largest = np.abs(x).max(0)
    x /= np.where(largest > 0, largest, 1.0)
    z = x - w @ x
    spread = np.sqrt(w @ z**2)
    varies = spread > 1e-6
    return z[:, varies] / spread[varies], np.array(owner)[varies]


def _few(entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise NotExplained(f"{entries:,} encoded entries, more than {MOST_ENTRIES}")


def _known(x: Floats, w: Floats) -> list[Floats]:
    known = np.isfinite(x)
    if known.all():
        return [x]
    mean = float(np.average(x[known], weights=w[known])) if known.any() else 0.0
    return [np.where(known, x, mean), known.astype(float)]


def _by_value(x: Floats) -> list[Floats]:
    values = np.unique(x)
    if len(values) > MOST_VALUES:
        raise NotExplained(f"an input of {len(values):,} codes, more than {MOST_VALUES}")
    return [(x == v).astype(float) for v in values]
