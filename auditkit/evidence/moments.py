"""Means of numbers by group, with what their intervals need, and how often each value occurs. Both add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints, Positions
from auditkit.evidence import reading
from auditkit.evidence.frames import Columns, Framed, columns_of, known_columns, places, summed_rows
from auditkit.evidence.pooled import floats, values_of
from auditkit.lazy import pandas as pd

MOST_VALUES = 8_192
"""Cells of group × value that are kept as they are; beyond, neighbouring values share a cell."""
POWERS = ("w", "w2", "w3")
"""Σw, Σw² and Σw³, where rows have sampling weights."""
WEIGHED_PARTS = ("m2", "m3", "wu", "wu2", "w2u")
"""What is kept of each quantity beside its mean, where rows have sampling weights."""


class GroupValues(NamedTuple):
    """Values of K crossed groups."""

    groups: tuple[tuple[str, ...], ...]
    values: Floats
    """(V,) sorted."""
    n: Ints
    """(K, V) rows of each group at each value."""
    width: float
    """Width of the widest cell that neighbouring values share; 0 where every value is kept as it is."""
    parts: int = 1
    """Parts whose values share cells of their own, which may overlap."""


class Valued(Framed):
    """Evidence that keeps moments of numbers by group, and how often each value occurs there."""

    by: tuple[str, ...]
    moments_: pd.DataFrame
    """One row a crossed group: the group columns, `n`, and moments."""
    values_: pd.DataFrame
    """One row a crossed group and cell: the group columns, `cell` (int64, in the order of the values), `n`."""
    cut: int
    """Bits cut from the end of the values."""
    width_: float
    """Width of the widest run of values that share one, once they are reduced."""
    parts_: int
    """Reduced sums that were added: each has runs of its own."""

    def values(self, *by: str) -> GroupValues:
        """How often each value occurs in each crossed group of these columns; groups without rows too."""
        known_columns(by, self.by)
        columns, rows = self.table("values_"), self.table("moments_")
        groups, _ = places(rows, by, len(rows["n"]))
        valued, code = places(columns, by, len(columns["n"]))
        cells, where = np.unique(columns["cell"].astype(np.int64), return_inverse=True)
        n = np.zeros((len(groups), len(cells)), dtype=np.int64)
        place = {g: i for i, g in enumerate(groups)}
        at = np.array([place[g] for g in valued], dtype=np.intp)
        np.add.at(n, (at[code], where), columns["n"].astype(np.int64))
        width = floats(cells + 1 << self.cut) - floats(cells << self.cut) if self.cut else np.zeros(1)
        return GroupValues(
            groups, values_of(cells, self.cut), n, max(self.width_, float(width.max(initial=0.0))), self.parts_
        )

    def valued_with(self, other: Self, *between: Any) -> tuple[Any, ...]:
        """The values of both, what stands `between`, the bits cut, the width, and the parts."""
        cut = max(self.cut, other.cut)
        cells = pd.concat([shifted(x.values_, cut - x.cut) for x in (self, other)], ignore_index=True)
        values, cut = coarse(summed_rows(cells, self.by, "cell"), self.by, cut)
        parts = self.parts_ + other.parts_ if self.width_ and other.width_ else 1
        return values, *between, cut, max(self.width_, other.width_), parts


def per_group(rows: pd.DataFrame, by: tuple[str, ...], quantities: Sequence[str]) -> pd.DataFrame:
    """One row a group of N rows, each a group of its own without spread."""
    plain = rows[[*columns_of(by), "n"]].assign(
        **{f"{q}_mean": rows[q] for q in quantities},
        **{f"{q}_{part}": 0.0 for q in quantities for part in ("m2", "m3")},
    )
    return merged(plain, by, quantities)


def merged(frame: pd.DataFrame, by: tuple[str, ...], quantities: Sequence[str]) -> pd.DataFrame:
    """Groups of one name as one: n, mean, and with dᵢ = meanᵢ − mean

    M₂ = Σ M₂ᵢ + nᵢ dᵢ², M₃ = Σ M₃ᵢ + 3 dᵢ M₂ᵢ + nᵢ dᵢ³.
    """
    keys = columns_of(by) if by else np.zeros(len(frame), dtype=np.int64)
    grouped: Any = frame.groupby(keys, sort=True, observed=True, dropna=False)
    out = grouped[["n"]].sum().reset_index(drop=not by)
    columns = {str(c): frame[c].to_numpy() for c in frame if c not in columns_of(by)}
    merged: pd.DataFrame = out.assign(**combined(columns, grouped.ngroup().to_numpy(), len(out), quantities))
    return merged


def combined(columns: Columns, code: Positions, size: int, quantities: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The same of R rows by the position of their group (R,); of rows with weights as `_weighed` says."""
    out: dict[str, NDArray[Any]] = {"n": np.bincount(code, columns["n"].astype(np.float64), size).astype(np.int64)}
    weighed = "w" in columns
    w = columns["w" if weighed else "n"].astype(np.float64)
    total = np.bincount(code, w, size)
    if weighed:
        out |= {c: np.bincount(code, columns[c].astype(np.float64), size) for c in POWERS}
    for q in quantities:
        mean = columns[f"{q}_mean"].astype(np.float64)
        whole = np.where(total > 0, total, 1.0)
        first = np.bincount(code, w * mean, size) / whole
        centred = mean - first[code]
        first = first + np.bincount(code, w * centred, size) / whole  # a second pass: the last digits
        away = mean - first[code]
        out[f"{q}_mean"] = first
        if weighed:
            out |= _weighed(columns, code, size, q, away)
            continue
        own2 = columns[f"{q}_m2"].astype(np.float64)
        out[f"{q}_m2"] = np.bincount(code, own2 + w * away**2, size)
        if f"{q}_m3" in columns:
            own3 = columns[f"{q}_m3"].astype(np.float64) + 3 * away * own2 + w * away**3
            out[f"{q}_m3"] = _bounded(np.bincount(code, own3, size))
    return out


def _weighed(columns: Columns, code: Positions, size: int, q: str, away: Floats) -> dict[str, NDArray[Any]]:
    """Of u = w (x − mean), by which a weighted mean is off, about the common mean: Σu² (`m2`) and Σu³ (`m3`).

    With d the distance of the means, u moves by w d, so that Σwu, Σwu² and Σw²u (`wu`, `wu2`, `w2u`) are kept, too.
    """
    w2, w3 = (columns[c].astype(np.float64) for c in POWERS[1:])
    m2, m3, wu, wu2, w2u = (columns[f"{q}_{part}"].astype(np.float64) for part in WEIGHED_PARTS)
    moved = (
        m2 + 2 * away * wu + away**2 * w2,
        m3 + 3 * away * wu2 + 3 * away**2 * w2u + away**3 * w3,
        wu + away * w2,
        wu2 + 2 * away * w2u + away**2 * w3,
        w2u + away * w3,
    )
    return {f"{q}_{part}": _bounded(np.bincount(code, x, size)) for part, x in zip(WEIGHED_PARTS, moved, strict=True)}


def _bounded(sums: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.clip(sums, -reading.MOST_SIZE, reading.MOST_SIZE))


def skewness(n: Ints, m2: Floats, m3: Floats) -> Floats:
    """M₃/n ÷ (M₂/n)^1.5, within what n values can have, ±(n − 2)/√(n − 1); 0 where they are alike."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        most = np.where(n > 1, (n - 2) / np.sqrt(n - 1.0), 0.0)
        found = np.clip(m3 / n / (m2 / n) ** 1.5, -most, most)
    return np.where(m2 > 0, np.nan_to_num(found), 0.0)


def coarse(cells: pd.DataFrame, by: tuple[str, ...], cut: int = 0) -> tuple[pd.DataFrame, int]:
    """Cells of values, of which bits are cut until they fit, and the bits; a part never needs more than the whole."""
    while len(cells) > MOST_VALUES and cut < 63:
        cells, cut = summed_rows(shifted(cells, 1), by, "cell"), cut + 1
    return cells, cut


def shifted(cells: pd.DataFrame, bits: int) -> pd.DataFrame:
    """The cells without so many bits at the end of their values."""
    return cells.assign(cell=cells["cell"].to_numpy(np.int64) >> bits) if bits else cells
