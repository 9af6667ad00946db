"""Rows drawn within strata: sums of weights by stratum, from which the variance within strata follows.

A share p of a group is a ratio of sums over all strata, and p is not known while rows are seen. With e = y − p for the
rows of the group and 0 for all others, the linearised variance is
V = Σ_h (1 − n_h/N_h) n_h/(n_h − 1) [Σ_h (w e)² − (Σ_h w e)²/n_h] / (Σw)²,
and Σ_h (w e)² and Σ_h w e are read off Σw and Σw² of each cell in each stratum. n_h counts all rows of the stratum,
those of other groups too. Source: Särndal, Swensson & Wretman (1992), sections 3.7 and 5.8; Lohr (2019), section 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints, Positions
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.clusters import factored, gathered

MOST_STRATA = 1_000


@dataclass(frozen=True)
class Within:
    """What intervals read of C cells: no stratum is told from it."""

    w2: Floats
    """(C,) Σ_h c_h Σw², c_h = (1 − n_h/N_h) n_h/(n_h − 1)."""
    between: Floats
    """(C, F) columns whose products are Σ_h c_h/n_h (Σ_h w of a cell)(Σ_h w of another)."""

    def gathered(self, position: Positions, cells: int, factor: Floats | None = None) -> Within:
        """The sums of fewer cells: cell i goes to `position[i]`, its weights times `factor[i]`."""
        by = np.ones(len(position)) if factor is None else factor
        return Within(gathered(self.w2, position, by**2, cells), gathered(self.between, position, by, cells))

    def taken(self, where: Positions) -> Within:
        """Of the cells at these positions."""
        return Within(self.w2[where], self.between[where])

    def within(self) -> Within:
        """Itself."""
        return self

    def apart(self, other: Within) -> Within:
        """The cells of both, one under the other, of strata that are others: no product of both is left."""
        c, d = len(self.between), len(other.between)
        between = np.block([
            [self.between, np.zeros((c, other.between.shape[1]))],
            [np.zeros((d, self.between.shape[1])), other.between],
        ])  # fmt: skip
        return Within(np.concatenate([self.w2, other.w2]), between)

    def fewer(self) -> Within:
        """The same in as few columns as there are cells, to six digits."""
        return Within(self.w2, factored(self.between))

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"w2": self.w2.tolist(), "between": self.between.tolist()}


@dataclass(frozen=True)
class Strata:
    """Of C cells: Σw and Σw² in each of H strata; of each stratum, its rows and its population."""

    names: tuple[str, ...]
    """H, sorted."""
    rows: Ints
    """(H,) n_h."""
    population: Floats
    """(H,) N_h; ∞ where it is not given."""
    w: Floats
    """(C, H)"""
    w2: Floats
    """(C, H)"""

    @classmethod
    def of(
        cls,
        stratum: NDArray[Any],
        population: Mapping[str, float] | None,
        cell: Ints,
        weight: Floats | None,
        cells: int,
        *,
        repeated: bool = False,
    ) -> Strata:
        """Of rows by stratum and position of their cell (N,), with weights (N,) or 1; `repeated`: with frequencies.

        DataError for more than `MOST_STRATA` strata, and for a stratum of more rows than its population.
        """
        names, at = np.unique(np.asarray(stratum).astype(str), return_inverse=True)
        if len(names) > MOST_STRATA:
            raise DataError(f"{len(names):,} strata; at most {MOST_STRATA:,} are counted: join small ones")
        w, w2 = np.zeros((2, cells, len(names)))
        one = np.ones(len(cell))
        times, each = (weight, one) if repeated and weight is not None else (one, one if weight is None else weight)
        np.add.at(w, (cell, at), times * each)
        np.add.at(w2, (cell, at), times * each**2)
        rows = np.rint(np.bincount(at, times, minlength=len(names))).astype(np.int64)
        given = {} if population is None else population
        known = np.array([given.get(str(n), np.inf) for n in names], dtype=np.float64)
        out = cls(tuple(map(str, names)), rows, known, w, w2)
        out.checked()
        return out

    def checked(self) -> None:
        """DataError where a stratum has more rows than its population."""
        for name, n, population in zip(self.names, self.rows.tolist(), self.population.tolist(), strict=True):
            if n > population:
                raise DataError(f"the stratum '{name}' has {n:,} rows, its population is {population:,.10g}")

    def beside(self, other: Strata) -> Strata:
        """The cells of both, one under the other; DataError where one stratum has two populations, or too many rows."""
        names = tuple(sorted({*self.names, *other.names}))
        if len(names) > MOST_STRATA:
            raise DataError(f"{len(names):,} strata; at most {MOST_STRATA:,} are counted: join small ones")
        a, b = self._among(names), other._among(names)
        both = (a.rows > 0) & (b.rows > 0)
        if (a.population[both] != b.population[both]).any():
            name = names[int(np.flatnonzero(both & (a.population != b.population))[0])]
            raise DataError(f"the stratum '{name}' has more than one population")
        sums = (np.concatenate([x, y]) for x, y in ((a.w, b.w), (a.w2, b.w2)))
        out = Strata(names, a.rows + b.rows, np.minimum(a.population, b.population), *sums)
        out.checked()
        return out

    def gathered(self, position: Positions, cells: int, factor: Floats | None = None) -> Strata:
        """The sums of fewer cells: cell i goes to `position[i]`, its weights times `factor[i]`."""
        by = np.ones(len(position)) if factor is None else factor
        w, w2 = gathered(self.w, position, by, cells), gathered(self.w2, position, by**2, cells)
        return Strata(self.names, self.rows, self.population, w, w2)

    def taken(self, where: Positions) -> Strata:
        """Of the cells at these positions; rows of the others are in their strata all the same."""
        return Strata(self.names, self.rows, self.population, self.w[where], self.w2[where])

    def within(self) -> Within:
        """What intervals read. A stratum of one row has no variance of its own: its square counts, about 0."""
        n, part = self.rows.astype(float), 1 - self.rows / self.population
        alone = n < 2
        c = part * np.where(alone, 1.0, n / np.maximum(n - 1, 1.0))
        centred = np.where(alone, 0.0, np.sqrt(c / np.maximum(n, 1.0)))
        return Within(self.w2 @ c, self.w * centred)

    def reduced(self) -> Within:
        """As few columns, to six digits, without names and sizes of strata."""
        seen = self.within()
        return Within(np.array([float(f"{x:.6g}") for x in seen.w2]), factored(seen.between))

    def to_json(self) -> dict[str, Any]:
        """As JSON; None is a population that is not given."""
        return {
            "names": list(self.names),
            "rows": self.rows.tolist(),
            "population": [x if np.isfinite(x) else None for x in self.population.tolist()],
            "w": self.w.tolist(),
            "w2": self.w2.tolist(),
        }

    def _among(self, names: tuple[str, ...]) -> Strata:
        """With a column for each of these names."""
        at = np.array([names.index(n) for n in self.names], dtype=np.intp)
        rows, population = np.zeros(len(names), np.int64), np.full(len(names), np.inf)
        w, w2 = np.zeros((2, len(self.w), len(names)))
        rows[at], population[at], w[:, at], w2[:, at] = self.rows, self.population, self.w, self.w2
        return Strata(names, rows, population, w, w2)


def strata_from(stored: object, cells: int) -> Strata | Within:
    """From `to_json` of either; EvidenceError for what no rows can give."""
    what = "the strata"
    if "between" in reading.mapping(stored, what):
        data = reading.fields(stored, what, "w2", "between")
        rows = reading.items(data["between"], what, length=cells)
        width = len(reading.items(rows[0], what, most=MOST_STRATA)) if rows else 0
        return Within(
            reading.numbers(data["w2"], what, low=0, length=cells), reading.matrix(rows, what, rows=cells, width=width)
        )
    data = reading.fields(stored, what, "names", "rows", "population", "w", "w2")
    names = tuple(reading.texts(data["names"], what, most=MOST_STRATA))
    if list(names) != sorted(set(names)):
        raise EvidenceError("the strata are named twice, or out of order")
    n = len(names)
    given = [0 if x is None else x for x in reading.items(data["population"], what, length=n)]
    population = reading.numbers(given, what, low=0, length=n)
    w, w2 = (reading.matrix(data[k], what, rows=cells, width=n, low=0) for k in ("w", "w2"))
    rows_of = reading.wholes(data["rows"], what, length=n)
    return Strata(names, rows_of, np.where(population > 0, population, np.inf), w, w2)
