"""Columns of which one follows from the others together, though no two of them are bound: a sum, a quotient, XOR.

The criterion is that of pairs (`entangled.py`): of two rows of which each column of the set could take its value from
either, nearly every mix lies off the data. What lies off is told by a line: of numbers, through the other columns as
they are, through their logarithms, or with their squares and products, and a mix is on the data where it is as near to
the line as 99 % of the rows that it was not fitted on. Of three columns of few values each, a mix is on the data where
some row has that very combination. Other laws, and those of four categories, are not looked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Bools, Floats, Ints

OFF = 0.9
"""Share of mixes off the data from which columns are told as one: its lower limit (95 %, one-sided) must reach it."""
NEAR = 0.99
"""A mix is on the data where it is as near to the line as this share of the rows."""
ROWS, FEWEST = 1_000, 100
"""Rows looked at, at most and at least."""
ROWS_AN_ENTRY = 5
"""Rows an entry of a line, at least; else categories are left out, and then all is."""
LEFT = 0.03
"""Columns are looked at of which the line leaves at most this part of the variance."""
MOST = 12
"""Numbers up to which squares and products are looked at, and columns of few values up to which triples are."""
FEW_VALUES = 20
FOLDS, MIXES = 5, 4
"""Of the rows; mixes a row."""
LOWER = 1.645


class Bound(NamedTuple):
    """Columns of which one follows from the others."""

    columns: tuple[str, ...]
    off: float
    """Share of mixes that lie off the data."""


def bound(features: pd.DataFrame, names: Sequence[str], *, seed: int = 0) -> tuple[Bound, ...]:
    """Sets of three columns or more of raw rows, each with as few columns as bind it; none for fewer than 100 rows.

    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"]).assign(total=lambda f: f["a"] + f["b"])
    >>> bound(frame, list(frame))[0].columns
    ('a', 'b', 'total')
    """
    if len(names) < 3 or len(features) < FEWEST:
        return ()
    rng = np.random.default_rng(seed)
    rows = features[list(names)].iloc[np.sort(rng.permutation(len(features))[:ROWS])]
    found: list[Bound] = []
    for one in itertools.chain(_on_lines(rows, rng), _of_few_values(rows, rng)):
        if not any(set(known.columns) <= set(one.columns) for known in found):
            found.append(one)
    return tuple(found)


def _nearly_all(rows: int, columns: int, rng: np.random.Generator, off: _Off) -> float:
    """The share of mixes that `off` says lie off the data; 0 where its lower limit does not reach what is asked.

    A mix takes each of the columns from one of two rows, and equals neither of them.
    """
    one = np.repeat(np.arange(rows), MIXES)
    other = (one + rng.integers(1, rows, len(one))) % rows
    away, differ, taken = off(one, other, rng.random((len(one), columns)) < 0.5)
    mixes = (differ & taken).any(1) & (differ & ~taken).any(1)
    n = np.bincount(one[mixes], minlength=rows)
    if (n > 0).sum() < FEWEST / 2:
        return 0.0
    share = np.bincount(one[mixes], away[mixes], minlength=rows)[n > 0] / n[n > 0]
    low = share.mean() - LOWER * share.std(ddof=1) / len(share) ** 0.5
    return float(share.mean()) if low >= OFF else 0.0


_Off = Callable[[Ints, Ints, Bools], tuple[Bools, Bools, Bools]]
"""(M,) rows, (M,) other rows, (M, d) which columns come from the others → (M,) off the data, (M, d) which columns
differ, and (M, d) which come from the others."""


# ---- numbers


def _on_lines(rows: pd.DataFrame, rng: np.random.Generator) -> Iterator[Bound]:
    """Numbers that lie on a line through other columns."""
    numbers = {n: rows[n].to_numpy(float, na_value=np.nan) for n in rows if _is_number(rows[n])}
    whole = np.isfinite(list(numbers.values())).all(0) if numbers else np.zeros(len(rows), bool)
    if whole.sum() < max(FEWEST, len(rows) / 2):  # columns with holes are left out
        numbers = {n: x for n, x in numbers.items() if np.isfinite(x).mean() > NEAR}
        whole = np.isfinite(list(numbers.values())).all(0) if numbers else whole
    numbers = {n: x[whole] for n, x in numbers.items() if np.ptp(x[whole]) > 0} if whole.any() else {}
    if not numbers or whole.sum() < FEWEST:
        return
    others = {n: _indicators(rows[n].iloc[np.flatnonzero(whole)]) for n in rows if not _is_number(rows[n])}
    logs = {n: np.log(x) for n, x in numbers.items() if (x > 0).all()}
    for own, products in ((numbers, False), (logs, False), (numbers, True)):
        if not (products and len(own) > MOST):
            names, line = _Lines.of(own, others, rng, products=products)
            yield from (Bound(tuple(names[k] for k in sorted(s)), off) for s, off in line.found(rng))


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column)


def _indicators(column: pd.Series[Any]) -> Floats:
    """(N, values − 1) of a category; a missing value is a value."""
    codes, values = pd.factorize(column.astype("str").where(column.notna()), use_na_sentinel=False)
    out: Floats = (codes[:, None] == np.arange(1, len(values))).astype(float)
    return out


class _Lines(NamedTuple):
    """Lines from some of d columns to another, and what they are fitted to."""

    blocks: tuple[Floats, ...]
    """(N, k) a column: itself, of mean 0 and variance 1, or its indicators."""
    numbers: tuple[int, ...]
    products: bool
    uses: Bools
    """(p, d) which columns make which entries."""
    x: Floats
    """(N, p)."""
    fold: Ints
    grams: tuple[Floats, ...]
    """XᵀX of all rows but those of a fold."""

    @classmethod
    def of(
        cls, numbers: dict[Any, Floats], others: dict[Any, Floats], rng: np.random.Generator, *, products: bool
    ) -> tuple[list[Any], _Lines]:
        """The names of the columns, in the order of the lines; categories only where there are rows enough."""
        n = len(next(iter(numbers.values()), np.empty(0)))
        p = sum(b.shape[1] for b in others.values()) + len(numbers) * (len(numbers) + 3 if products else 2) // 2
        if n < ROWS_AN_ENTRY * p:
            others = {}
        names = [*numbers, *others]
        blocks = (*((x - x.mean())[:, None] / x.std() for x in numbers.values()), *others.values())
        empty = np.empty((0, 0))
        made = cls(blocks, tuple(range(len(numbers))), products, empty > 0, empty, np.empty(0, int), ())
        x, uses = made.design(dict(enumerate(blocks)), n)
        fold = rng.permutation(n) % FOLDS
        grams = tuple(x[fold != f].T @ x[fold != f] for f in range(FOLDS))
        return names, made._replace(x=x, uses=uses, fold=fold, grams=grams)

    def design(self, blocks: dict[int, Floats], n: int) -> tuple[Floats, Bools]:
        """(n, p) the entries that these columns make, and (p, d) of which each is: 1, the columns, their products."""
        entries = [np.ones((n, 1))]
        uses: list[tuple[int, ...]] = [()]
        for k, block in blocks.items():
            entries, uses = [*entries, block], uses + [(k,)] * block.shape[1]
        if self.products:
            for j, k in itertools.combinations_with_replacement([k for k in blocks if k in self.numbers], 2):
                entries, uses = [*entries, blocks[j] * blocks[k]], [*uses, (j, k)]
        made = np.array([[k in own for k in range(len(self.blocks))] for own in uses], bool)
        return np.concatenate(entries, axis=1), made

    def found(self, rng: np.random.Generator) -> Iterator[tuple[set[int], float]]:
        """Sets of three columns or more that a line binds, and the share of mixes off it."""
        if len(self.blocks) < 3 or len(self.x) < ROWS_AN_ENTRY * self.x.shape[1]:
            return
        for target in self._nearly_fitted():
            others = [k for k in range(len(self.blocks)) if k != target]
            if np.mean(self.misses(target, others) ** 2) > LEFT:
                continue
            kept = self.fewest(target, others, rng)
            if len(kept) > 1 and (off := self.off(target, kept, rng)):
                yield {target, *kept}, off

    def _nearly_fitted(self) -> tuple[int, ...]:
        """Numbers of which the line through all others leaves little even of the rows that it is fitted to."""
        if self.products:
            return self.numbers
        gram = self.x.T @ self.x + 1e-9 * len(self.x) * np.eye(self.x.shape[1])
        left = 1 / np.diag(np.linalg.inv(gram)) / len(self.x)
        return tuple(k for k in self.numbers if left[1 + k] <= LEFT)

    def through(self, others: Collection[int]) -> Ints:
        """Entries that are made of these columns alone."""
        outside = [k for k in range(len(self.blocks)) if k not in others]
        out: Ints = np.flatnonzero(~self.uses[:, outside].any(1))
        return out

    def slope(self, gram: Floats, target: int, own: Ints) -> Floats:
        """Least squares, with so little of a ridge that entries which add up to another can be solved for."""
        tiny = 1e-9 * len(self.x) * np.eye(len(own))
        out: Floats = np.linalg.solve(gram[np.ix_(own, own)] + tiny, gram[own, 1 + target])
        return out

    def misses(self, target: int, others: Collection[int]) -> Floats:
        """(N,) how far rows lie from the line that was fitted to the other folds."""
        own, out = self.through(others), np.zeros(len(self.x))
        for f, gram in enumerate(self.grams):
            rows = np.flatnonzero(self.fold == f)
            out[rows] = self.x[rows, 1 + target] - self.x[np.ix_(rows, own)] @ self.slope(gram, target, own)
        return out

    def fewest(self, target: int, others: list[int], rng: np.random.Generator) -> list[int]:
        """As few of the others as bind the column; none where not all of them do."""
        own = self.through(others)
        part = np.abs(self.slope(self.grams[0], target, own))
        weight = {k: part[self.uses[own, k]].max(initial=0.0) for k in others}
        order = sorted(others, key=lambda k: -weight[k])
        sizes = [m for m in (1, 2, 3, 4, 6, 8, 12, 16, 32, 64) if m < len(order)]
        size = next((m for m in (*sizes, len(order)) if self.off(target, order[:m], rng)), 0)
        kept = order[:size]
        for k in order[:size][::-1]:
            fewer = [o for o in kept if o != k]
            if fewer and self.off(target, fewer, rng):
                kept = fewer
        return kept

    def off(self, target: int, others: list[int], rng: np.random.Generator) -> float:
        """The share of mixes that lie off the line; 0 where they are not nearly all."""
        misses = self.misses(target, others)
        near = float(np.quantile(np.abs(misses), NEAR))
        if np.mean(misses**2) > LEFT:
            return 0.0
        slope = self.slope(np.sum(self.grams, axis=0) / (FOLDS - 1), target, self.through(others))
        columns = sorted([target, *others])

        def away(one: Ints, other: Ints, taken: Bools) -> tuple[Bools, Bools, Bools]:
            differ = np.stack([(self.blocks[k][one] != self.blocks[k][other]).any(1) for k in columns], axis=1)
            mixed = {
                k: np.where(taken[:, [i]], self.blocks[k][other], self.blocks[k][one]) for i, k in enumerate(columns)
            }
            said = mixed.pop(target)[:, 0]
            return np.abs(said - self.design(mixed, len(one))[0] @ slope) > near, differ, taken

        return _nearly_all(len(self.x), len(columns), rng, away)


# ---- few values


def _of_few_values(rows: pd.DataFrame, rng: np.random.Generator) -> Iterator[Bound]:
    """Three columns of few values, of which nearly every combination of two rows is one that no row has."""
    codes = {}
    for n in rows:
        own, values = pd.factorize(rows[n].astype("str").where(rows[n].notna()), use_na_sentinel=False)
        if 2 <= len(values) <= FEW_VALUES:
            codes[n] = own.astype(np.int64)
    for three in itertools.combinations(list(codes)[:MOST], 3):
        table = np.stack([codes[n] for n in three], axis=1)
        if off := _unseen(table, rng):
            yield Bound(tuple(map(str, three)), off)


def _unseen(table: Ints, rng: np.random.Generator) -> float:
    """The share of mixes whose combination no row has; 0 where they are not nearly all, or 1 % of the rows have a
    combination of their own."""
    digits = np.array([1, FEW_VALUES, FEW_VALUES**2])
    _, own, rows = np.unique(table @ digits, return_inverse=True, return_counts=True)
    if (rows[own] == 1).mean() > 1 - NEAR:
        return 0.0
    known = np.zeros(FEW_VALUES**3, bool)
    known[table @ digits] = True

    def away(one: Ints, other: Ints, taken: Bools) -> tuple[Bools, Bools, Bools]:
        mixed = np.where(taken, table[other], table[one])
        return ~known[mixed @ digits], table[one] != table[other], taken

    return _nearly_all(len(table), 3, rng, away)
