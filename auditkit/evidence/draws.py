"""Which distinct rows of a group are drawn, what each stands for, and how sure means over them are. Arrays in, out.

A group has N rows of the data, which are copies of M distinct rows; the copies of those that are kept are known. Some
are drawn: the heaviest for certain, for themselves alone; of the others those of lowest key, which stand for all the
rest by the ratio of rows (R rest rows, of which those drawn are S). Of values without regard to copies, a mean over the
drawn ones misses that of the population by

    V = σ² (N + Σ_unseen c² + ((R − S)/S)² Σ_drawn c²) / N²,    c the copies, drawn ones without the certain.

The first part is that of the N rows among all there could be, the others that of the rows that were not drawn. Where no
row has a copy, V = σ²/m of m rows drawn; where all M are drawn, V = σ²/N: the mean is exact over the data. Those drawn
may be light by chance: the last part is at least (1 − f)²/f Σ c² of all, f the fraction drawn, as their keys tell it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from auditkit.arrays import Floats, Ints, Keys, Positions
from auditkit.evidence.fingerprint import mixed

DEPTH, WIDTH = 3, 2048
"""Of a sketch."""
NOISE = 5 * (2 / WIDTH) ** 0.5
"""Five standard errors of Σ c² as a sketch tells it, relative."""
RULES, MATTERS = 0.25, 0.02
"""Part of the variance that one row that is not kept may make, with its copies, before nothing is sure; before it is
worth another reading of the data."""
MOST_DEALT = 10**9
"""Rows from which on numpy deals out none without replacement."""
HEAVIER = 2.0
"""Beyond so many times the most copies of a drawn row, one that is not kept is of another kind."""


class Drawn(NamedTuple):
    """What is drawn of a group."""

    where: Positions
    """(m,) positions, rising, among the kept rows."""
    weight: Floats
    """(m,) rows of the data that each stands for."""
    squares: Floats
    """(m,) adding up to N²/n*."""
    plain: bool
    """Whether no row of the group is seen to have a copy."""
    ruled: float
    """Part of the variance that one row that is not kept makes, at most."""


def drawn(
    keys: Keys, copies: Ints, size: int, rows: int, unseen: Ints | None = None, certain: Positions | None = None
) -> Drawn:
    """Draw at most `size` of the kept rows, whose `keys` (m,) rise, with their `copies` (m,).

    `rows` of the data are in the group, `unseen` is the sketch of those that are not kept (None: there are none), and
    `certain` the positions of all rows of the group that have `threshold` copies or more; None: nobody looked for them
    among those that are not kept, and none is drawn for certain.

    >>> drawn(np.arange(6, dtype=np.uint64), np.array([900, 2, 3, 1, 2, 2]), 3, 910).weight.tolist()
    [900.0, 4.0, 6.0]
    """
    c = copies.astype(np.float64)
    sure = _for_certain(c, size, rows) if unseen is None else np.zeros(0, np.intp) if certain is None else certain
    others = np.setdiff1d(np.arange(len(c)), sure)
    more = max(size - len(sure), size // 2)  # of groups told as one, more than half may be certain
    taken, left = others[:more], others[more:]
    where = np.sort(np.concatenate([sure, taken]))
    rest, seen = rows - c[sure].sum(), c[taken].sum()
    dropped = rows - c.sum()
    squared, largest = _of_sketch(unseen, dropped, plain=bool((c == 1).all()))
    plain = bool((c == 1).all()) and squared == dropped
    weight, added, total = c.copy(), c.copy(), 0.0
    if seen:
        weight[taken] = rows / len(where) if plain else c[taken] * (rest / seen)
        missing, own = squared + float((c[left] ** 2).sum()), float((c[taken] ** 2).sum())
        part = (float(keys[taken[-1]]) + 1) / 2.0**64
        expected = (own + missing) * (1 - part) ** 2 / part if missing else 0.0
        told = own * ((rest - seen) / seen) ** 2
        spread, total = max(told, expected), rows + told + missing
        added[taken] = weight[taken] + c[taken] ** 2 / own * spread + c[taken] / seen * missing
    if plain:
        added = weight * weight
    heaviest = c[taken].max(initial=0.0)
    ruled = float(largest**2 / total) if total else 0.0
    if ruled > RULES and largest > HEAVIER * heaviest:
        added = weight * rows  # all draws are worth one: nothing is sure
    return Drawn(where, weight[where], added[where], plain, ruled)


def dealt(keys: Keys, copies: Ints, size: int) -> Ints:
    """(M,) how many of `size` rows, drawn at random from all rows, are each of the M distinct ones: free of order.

    >>> dealt(np.array([3, 5], dtype=np.uint64), np.array([10, 30]), 8).sum()
    np.int64(8)
    """
    rng, rows = np.random.default_rng(int(keys[0])), int(copies.sum())
    if rows >= MOST_DEALT:
        return rng.multinomial(size, copies / rows)
    return rng.multivariate_hypergeometric(copies, min(size, rows), method="marginals")


def dealt_in_part(keys: Keys, copies: Ints, found: Drawn, size: int, rows: int) -> Ints:
    """(m,) the same for rows that were drawn: in proportion to what each stands for, of those that stand for others at
    most one, and no more in all than a mean over them is worth."""
    others = found.weight > copies
    part = min(size / rows, 1 / found.weight[others].max(initial=1.0), rows / found.squares.sum())
    chance = (mixed(keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    many: Ints = np.floor(found.weight * part + chance).astype(np.int64)
    return many


def threshold(rows: int, size: int) -> float:
    """Copies from which a row is drawn for certain: twice what one of `size` drawn stands for, so that at most half of
    the draws are."""
    return 2 * rows / max(1, size)


def shared_out(kept: dict[tuple[str, ...], tuple[int, int]], size: int) -> dict[tuple[str, ...], int]:
    """Water-filling: every group the same number of draws, what small groups leave goes to the others.

    `kept` holds the distinct rows of each group and all its rows.

    >>> shared_out({("a",): (2, 9), ("b",): (50, 60)}, 10)
    {('a',): 2, ('b',): 8}
    """
    quota: dict[tuple[str, ...], int] = {}
    left, groups = size, sorted(kept, key=lambda g: (*kept[g], g))
    for i, group in enumerate(groups):
        quota[group] = min(kept[group][0], left // (len(groups) - i))
        left -= quota[group]
    return quota


def _for_certain(c: Floats, size: int, rows: int) -> Positions:
    """Where all rows are kept: the heaviest, while their copies exceed what one of the remaining draws stands for."""
    rest, chosen = float(rows), 0
    order = np.lexsort((np.arange(len(c)), -c))
    for i in order[: size // 2]:
        if c[i] <= rest / (size - chosen):
            break
        rest, chosen = rest - c[i], chosen + 1
    return np.sort(order[:chosen])


def _places(keys: Keys) -> tuple[Ints, Ints]:
    """(DEPTH, N) columns and signs of keys in a sketch."""
    columns, signs = [], []
    for line in range(DEPTH):
        scattered = mixed(keys ^ np.uint64(line + 1))
        columns.append((scattered >> np.uint64(40)).astype(np.int64) % WIDTH)
        signs.append(np.where(scattered & np.uint64(1), 1, -1))
    return np.stack(columns), np.stack(signs)


def sketch(keys: Keys, copies: Ints) -> Ints:
    """(DEPTH, WIDTH) sums of copies with random signs, by a hash of the keys (a count sketch): sketches add.

    Reference: Charikar, Chen & Farach-Colton (2002), Finding frequent items in data streams.
    """
    found = np.zeros((DEPTH, WIDTH), np.int64)
    for line, (column, sign) in enumerate(zip(*_places(keys), strict=True)):
        np.add.at(found[line], column, sign * copies)
    return found


def copies_told(found: Ints, keys: Keys) -> Floats:
    """(N,) copies of keys as a sketch tells them: the median over its lines."""
    columns, signs = _places(keys)
    return np.asarray(np.median(np.take_along_axis(found, columns, axis=1) * signs, axis=0))


def _of_sketch(found: Ints | None, rows: float, *, plain: bool) -> tuple[float, float]:
    """Σ c² of the rows not kept, and the most copies that one of them has; as many as rows where no row has a copy."""
    if found is None or not rows:
        return 0.0, 0.0
    squared = max(float(rows), float(np.median((found.astype(np.float64) ** 2).sum(axis=1))))
    if plain and squared <= rows * (1 + NOISE):
        return float(rows), 1.0
    return squared, float(np.abs(found).max(axis=1).min())
