"""Sums of an outcome over every crossing of a few columns, for two halves of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints, Keys
from auditkit.disclosure import Disclosure
from auditkit.errors import DataError, EvidenceError, listing
from auditkit.evidence import halves, reading
from auditkit.evidence.coding import MOST_CELLS, Coded
from auditkit.evidence.copies import Copies
from auditkit.evidence.grouped import recoding_of
from auditkit.evidence.rare import FEWEST

_ROUNDING = 1e-6
"""Sums are stored with ten digits, so that inequalities between them hold nearly."""
_CHUNK = 32_768
"""Rows whose codes and index stay in the processor's cache together."""

_GRAIN = 2.0**-6
"""Sums of scores over crossings are kept to this: the difference of two crossings shows no score."""


@dataclass(frozen=True)
class CrossedSums:
    """For every crossing of `depth` columns: rows, Σx and Σx² of an outcome x in each cell, halves apart; of numbers
    Σx³ as well, which of a yes or no says nothing new.

    Columns that are too many to be crossed stand `alone`: each is a table of its own.

    No more than `depth` columns of any row are kept together, and memory does not grow with the rows. Fewer columns
    crossed are sums over a table (`of`).
    """

    labels: dict[str, tuple[str, ...]]
    """Column → its conditions."""
    tables: dict[tuple[str, ...], Floats]
    """Columns → (2 halves, 3 sums or 4, conditions of the first column, of the second, …)."""
    copies: Copies
    """How many rows share a key: copies of one content, or the rows of one cluster."""
    not_counted: int
    """Rows without an outcome (a missing target; not in the denominator of the metric)."""
    facts: dict[str, Any]
    """What holds for the whole: metric, edges of bins, …; sums with other facts do not add."""
    apart: bool = False
    """Whether each copy was put into a half by itself; else rows of one key share a half, and are one observation."""

    @classmethod
    def gather(
        cls,
        columns: Mapping[str, Coded],
        outcome: Floats,
        keys: Keys,
        *,
        depth: int,
        facts: dict[str, Any],
        alone: Sequence[str] = (),
        apart: bool = False,
        numbers: bool = False,
    ) -> CrossedSums:
        """Sum rows: outcome (N,), NaN where a row does not count; keys (N,), whose last bit is the half; `apart` says
        that no two rows share a key, `numbers` that outcomes are more than yes or no."""
        counted = ~np.isnan(outcome)
        labels = {name: c.labels for name, c in columns.items()}
        codes = {name: c.codes[counted] for name, c in columns.items()}
        half = halves.of_keys(keys[counted])
        tables = crossed(codes, labels, outcome[counted], half, depth=depth, alone=alone, numbers=numbers)
        return cls(labels, tables, Copies.of(keys[counted]), int((~counted).sum()), facts, apart)

    def __add__(self, other: CrossedSums) -> CrossedSums:
        if not isinstance(other, CrossedSums):  # rows that are few enough to be counted
            return other + self
        same_facts(self.facts, other.facts)
        labels = joined_labels(self.labels, other.labels)
        a, b = self._on(labels), other._on(labels)
        known = min(self.width, other.width)  # evidence of older reports has no Σx³
        return CrossedSums(
            labels,
            {by: a[by][:, :known] + b[by][:, :known] for by in a},
            self.copies + other.copies,
            self.not_counted + other.not_counted,
            self.facts,
            self.apart and other.apart,
        )

    def sums(self) -> CrossedSums:
        """Itself."""
        return self

    @property
    def together(self) -> float:
        """Rows that share a half, on average: what one observation is worth. 1 where copies are apart."""
        return 1.0 if self.apart else self.copies.average

    @property
    def width(self) -> int:
        """Sums of a cell: 3, or 4 with Σx³."""
        return min((table.shape[1] for table in self.tables.values()), default=3)

    def of(self, *by: str) -> Floats:
        """(2, 3 or 4, …) sums over the crossing of these columns, in their order; () gives (2, 3 or 4)."""
        whole = by if by in self.tables else self._holding[frozenset(by)]
        table = self.tables[whole]
        drop = tuple(2 + i for i, c in enumerate(whole) if c not in by)
        left = [c for c in whole if c in by]
        out: Floats = table.sum(axis=drop).transpose(0, 1, *(2 + left.index(c) for c in by))
        return out

    @cached_property
    def _holding(self) -> dict[frozenset[str], tuple[str, ...]]:
        """Columns → the table of just them, or the first that crosses all of them."""
        found = {frozenset(whole): whole for whole in self.tables}
        for whole in self.tables:
            for size in range(len(whole) + 1):
                for part in combinations(whole, size):
                    found.setdefault(frozenset(part), whole)
        return found

    def crossings(self, depth: int) -> Iterator[tuple[str, ...]]:
        """Every set of at most `depth` columns that are crossed, smaller ones first, each in the order of `labels`."""
        place = {name: i for i, name in enumerate(self.labels)}
        found = (sorted(c, key=place.__getitem__) for c in self._holding if 0 < len(c) <= depth)
        yield from map(tuple, sorted(found, key=lambda by: (len(by), [place[c] for c in by])))

    def _on(self, labels: dict[str, tuple[str, ...]]) -> dict[tuple[str, ...], Floats]:
        if labels == self.labels:
            return self.tables
        out = {}
        for by, table in self.tables.items():
            wide = np.zeros((*table.shape[:2], *(len(labels[c]) for c in by)))
            wide[np.ix_([0, 1], range(table.shape[1]), *([labels[c].index(x) for x in self.labels[c]] for c in by))] = (
                table
            )
            out[by] = wide
        return out

    @property
    def depth(self) -> int:
        """Columns that are crossed, at most."""
        return max(map(len, self.tables), default=0)

    def reduced(self, disclosure: Disclosure) -> CrossedSums:
        """Without values and crossings of fewer than ten rows, or as many as a group has that is told; without keys.

        Every crossing of fewer columns is kept as a table of its own, so that each still has all of its rows. Where
        small groups are suppressed each column stands by itself, its small values together, so that nothing can be
        subtracted.
        """
        fewest, sums = disclosure.suppress_below, self
        least = max(FEWEST, fewest)
        for column, values in recoding_of(disclosure).items():
            if column in sums.labels:
                names = sums.labels[column]
                small = {i for i, name in enumerate(names) if name.removeprefix(f"{column} = ") in values}
                sums = _as_one(sums, column, small, f"{column} = {next(iter(values.values()))}")
        sums = _joined(sums, least, complete=fewest > 0)
        tables = {}
        for by in ((), *sums.crossings(min(1, sums.depth) if fewest else sums.depth)):
            table = sums.of(*by) if sums.tables else np.zeros((2, sums.width))
            tables[by] = _rounded(np.where(table[:, 0].sum(axis=0) >= least, table, 0.0) if by else table)
        return replace(sums, tables=tables, copies=sums.copies.reduced())

    def to_json(self) -> dict[str, Any]:
        """As JSON: of each table only the cells with rows, by their place in it; a line of numbers is one string."""
        tables = []
        for by, table in self.tables.items():
            width = table.shape[1]
            flat = table.reshape(2 * width, -1)
            where = np.flatnonzero(flat[[0, width]].any(axis=0))
            kept = flat[:, where]
            yes_or_no = width == 3 and np.array_equal(kept[[1, 4]], kept[[2, 5]])  # then Σx² says nothing new
            rows = kept[[0, 1, 3, 4]] if yes_or_no else kept
            steps = np.diff(where, prepend=0)
            tables.append({"by": list(by), "steps": _line(steps), "sums": [_line(row) for row in rows]})
        return {
            "labels": {c: list(v) for c, v in self.labels.items()},
            "tables": tables,
            "copies": self.copies.to_json(),
            **({"apart": True} if self.apart else {}),
            "not_counted": self.not_counted,
            "facts": self.facts,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CrossedSums:
        """From `to_json`; EvidenceError for what no rows can give."""
        names = ("labels", "tables", "copies", "not_counted", "facts")
        data = reading.fields(data, "the crossings", *names, optional=("apart",))
        stored = reading.mapping(data["labels"], "the labels", most=reading.MOST_COLUMNS)
        labels = {c: reading.names(v, f"the labels of {c!r}") for c, v in stored.items()}
        lines = [reading.fields(t, "a table", "by", "steps", "sums") for t in reading.items(data["tables"], "tables")]
        crossings = [reading.names(t["by"], "'by' of a table") for t in lines]
        reading.distinct(crossings, "the tables")
        for by in crossings:
            if not set(by) <= set(labels):
                raise EvidenceError(f"a table crosses {listing(by)}; labels are of {listing(labels)}")
        # JSON sorts the names of columns; tables stand in the order of the columns, which findings keep
        labels = {c: labels[c] for c in dict.fromkeys([c for by in crossings for c in by] + list(labels))}
        cells = sum(prod(len(labels[c]) for c in by) for by in crossings)
        reading.bounded(cells, "cells of all crossings", MOST_CELLS)
        tables = {by: _table(t, [len(labels[c]) for c in by]) for by, t in zip(crossings, lines, strict=True)}
        lost = reading.whole(data["not_counted"], "the rows not counted")
        facts = reading.mapping(data["facts"], "the facts")
        apart = data.get("apart", False)
        if not isinstance(apart, bool):
            raise EvidenceError("'apart' of the crossings is neither true nor false")
        return cls(labels, tables, Copies.from_json(data["copies"]), lost, facts, apart)


def crossed(
    codes: Mapping[str, Ints],
    labels: Mapping[str, tuple[str, ...]],
    x: Floats,
    half: Ints,
    *,
    depth: int,
    alone: Sequence[str] = (),
    times: Floats | None = None,
    numbers: bool = False,
) -> dict[tuple[str, ...], Floats]:
    """The table of every crossing of `depth` columns, and of each that stands alone: of rows (N,) of codes, outcomes
    and halves, each counted once, or `times` (N,); of `numbers` with Σx³."""
    sizes = {name: len(v) for name, v in labels.items()}
    own = [name for name in codes if name not in set(alone)]
    depth, width = min(depth, len(own)), 4 if numbers else 3
    crossings = [*combinations(own, depth), *((name,) for name in codes if name in set(alone))]
    _bounded(crossings, sizes)
    tables: dict[tuple[str, ...], Floats] = {}
    for start in range(0, len(x), _CHUNK):
        rows = slice(start, start + _CHUNK)
        own_times = None if times is None else times[rows]
        part = _Part({name: c[rows] for name, c in codes.items()}, x[rows], half[rows], own_times, width)
        for names, deep in [(own, depth), *(([name], 1) for name in alone)]:
            for by, table in part.crossed(names, sizes, deep):
                tables[by] = tables[by] + table if by in tables else table
    # where no row counts: empty tables, which add to others
    return tables or {by: np.zeros((2, width, *(sizes[c] for c in by))) for by in crossings if by}


def same_facts(own: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    """EvidenceError where the facts of two sums differ: these do not add."""
    for fact in sorted({*own, *others}):
        a, b = own.get(fact), others.get(fact)
        if a != b:
            raise EvidenceError(
                f"cannot add subgroups with other {fact}: {a} and {b}. Fit the check once, and share it"
            )


def joined_labels(
    own: Mapping[str, tuple[str, ...]], others: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Column → the conditions that either has."""
    return {c: v if v == others[c] else tuple(sorted({*v, *others[c]})) for c, v in own.items()}


def _table(stored: dict[str, Any], shape: list[int]) -> Floats:
    """(2, 3 or 4, *shape): each half's rows, Σx, Σx² and, where known, Σx³ in the cells that have any."""
    sums = [reading.line(row, "the sums of a table") for row in reading.items(stored["sums"], "the sums", most=8)]
    if len(sums) == 4:
        sums = [sums[i] for i in (0, 1, 1, 2, 3, 3)]
    steps = reading.counts(reading.line(stored["steps"], "the steps of a table", low=0), "the steps of a table")
    if len(sums) not in (6, 8) or any(len(row) != len(steps) for row in sums):
        raise EvidenceError(f"a table has {len(sums)} sums; expected 4, 6 or 8, each as long as its steps")
    if (steps[1:] == 0).any() or sum(steps.tolist()) >= prod(shape):
        raise EvidenceError("a table has steps that leave it, or one cell twice")
    width = len(sums) // 2
    flat = np.zeros((2 * width, prod(shape)))
    flat[:, np.cumsum(steps)] = sums
    for n, x, x2, *_ in (flat[:width], flat[width:]):
        reading.counts(n, "the rows of a table")
        if (x2 * n < x * x * (1 - _ROUNDING) - _ROUNDING).any():  # Cauchy, as far as sums are stored
            raise EvidenceError("a table has sums that no rows have: Σx² is less than (Σx)²/n")
    return flat.reshape(2, width, *shape)


def _bounded(crossings: list[tuple[str, ...]], sizes: dict[str, int]) -> None:
    cells = sum(prod(sizes[c] for c in by) for by in crossings)
    if cells > MOST_CELLS:
        raise DataError(
            f"crossing {len(sizes)} columns makes {cells:,} cells, more than the {MOST_CELLS:,} that are kept: "
            "name fewer columns, or take a smaller depth"
        )


class _Part(NamedTuple):
    """Some rows."""

    codes: dict[str, Ints]
    x: Floats
    half: Ints
    times: Floats | None
    width: int

    def crossed(
        self, names: Sequence[str], sizes: dict[str, int], depth: int
    ) -> Iterator[tuple[tuple[str, ...], Floats]]:
        """The table of every crossing of `depth` columns. Crossings that begin alike share the index of their start."""
        yes_or_no = bool(((self.x == 0) | (self.x == 1)).all())
        first = self.half * 2 + self.x.astype(np.int64) if yes_or_no else self.half

        def extended(index: Ints, by: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Floats]]:
            if len(by) == depth:
                shape = [sizes[c] for c in by]
                yield by, self._yes_or_no(index, shape) if yes_or_no else self._numbers(index, shape)
                return
            for name in names[names.index(by[-1]) + 1 if by else 0 :]:
                yield from extended(index * sizes[name] + self.codes[name], (*by, name))

        if depth:
            yield from extended(first, ())

    def _yes_or_no(self, index: Ints, shape: list[int]) -> Floats:
        """One count serves all sums: Σx² = Σx."""
        n = np.bincount(index, self.times, minlength=4 * prod(shape)).astype(np.float64).reshape(2, 2, *shape)
        return np.stack([n.sum(axis=1), *[n[:, 1]] * (self.width - 1)], axis=1)

    def _numbers(self, index: Ints, shape: list[int]) -> Floats:
        n = self.times
        powers = [self.x**k for k in range(1, self.width)]
        weights = (n, *(powers if n is None else (n * x for x in powers)))
        sums = [np.bincount(index, weights=w, minlength=2 * prod(shape)) for w in weights]
        return np.stack([s.astype(np.float64).reshape(2, *shape) for s in sums], axis=1)


def _line(values: NDArray[Any]) -> str:
    return " ".join(f"{v:.10g}" for v in values.tolist())


def _rounded(table: Floats) -> Floats:
    return table if (table == np.rint(table)).all() else np.round(table / _GRAIN) * _GRAIN


def _joined(sums: CrossedSums, least: int, *, complete: bool) -> CrossedSums:
    """Values of too few rows as one condition; `complete`: with the smallest others, until that has enough rows."""
    for column in sums.labels:
        n = sums.of(column)[:, 0].sum(axis=0)
        binned = sums.facts.get("edges", {}).get(column) is not None
        small = _small(sums.labels[column], n, least, complete=complete, numbers=binned)
        sums = _as_one(sums, column, small, f"{column} is a value of few rows")
    return sums


def _as_one(sums: CrossedSums, column: str, small: set[int], name: str) -> CrossedSums:
    """The conditions of a column at these positions as one, of this name."""
    names, tables = sums.labels[column], dict(sums.tables)
    if not small:
        return sums
    kept = [i for i in range(len(names)) if i not in small]
    for by, table in tables.items():
        if column in by:
            axis = 2 + by.index(column)
            rest = table.take(sorted(small), axis=axis).sum(axis=axis, keepdims=True)
            tables[by] = np.concatenate([table.take(kept, axis=axis), rest], axis=axis)
    return replace(sums, labels={**sums.labels, column: (*(names[i] for i in kept), name)}, tables=tables)


def _small(names: Sequence[str], n: Floats, least: int, *, complete: bool, numbers: bool) -> set[int]:
    """Positions of the values to be joined; bins of numbers name nobody, and are joined only if all is."""
    if numbers and not complete:
        return set()
    small = {i for i in range(len(names)) if n[i] < least}
    if not complete or not any(n[i] > 0 for i in small):
        return small
    order = sorted((i for i in range(len(names)) if i not in small), key=lambda i: (n[i], names[i]))
    while order and (sum(n[i] for i in small) < least or sum(n[i] > 0 for i in small) < 2):
        small.add(order.pop(0))
    return small
