"""Predicted values as cells that ten people share, at least, and moments that speak of five: of no one person.

Cells are floats in their order as whole numbers, of which bits can be cut.
"""

from __future__ import annotations

import numpy as np

from auditkit.arrays import Bools, Floats, Ints
from auditkit.evidence.frames import MEASURED, QUANTITIES, columns_of, summed_rows
from auditkit.evidence.merging import PEOPLE, starts_of
from auditkit.evidence.rare import FEWEST, between
from auditkit.lazy import pandas as pd

_SHARE = 8
"""The rounding of a small group's mean is a power of two of about an eighth of the standard deviation of everybody."""


def cells_of(values: Floats) -> Ints:
    """float64 → int64 in the same order: bits of negative numbers turned round."""
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def values_of(cells: Ints, cut: int) -> Floats:
    """The middle of each cell; the value itself where nothing was cut."""
    return floats((cells << cut) + ((1 << cut) >> 1))


def floats(bits: Ints) -> Floats:
    """The numbers that cells of whole bits stand for."""
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits).view(np.float64)


def shared(
    cells: pd.DataFrame, attributes: tuple[str, ...], *, cut: int, people: int = FEWEST
) -> tuple[pd.DataFrame, float]:
    """Cells in which neighbouring values of a group are one until so many people share it, and the widest such run.

    A smaller group shares one. The value they share is none that anybody has, unless ten of them have it.
    """
    values = values_of(cells["cell"].to_numpy(np.int64), cut)
    n = cells["n"].to_numpy(np.int64)
    everybody = np.unique(values)
    out, width = values.copy(), 0.0
    by = columns_of(attributes)
    groups = cells.groupby(by, sort=True, observed=True).indices.values() if by else [np.arange(len(n))]
    for at in groups:
        order = np.asarray(at)[np.argsort(values[at], kind="stable")]
        starts = starts_of(2 * np.arange(len(order)), n[order], people=people)
        for run in np.split(order, ((starts[1:] + 1) // 2)):
            out[run] = _of_run(values[run], n[run], everybody)
            width = max(width, float(np.ptp(values[run])))
    return summed_rows(cells.assign(cell=cells_of(out)), attributes, "cell"), max(width, float(np.finfo(float).tiny))


def _of_run(values: Floats, n: Ints, everybody: Floats) -> float:
    """One number for a run of values: the one that ten people have, for then it is of no one person, and who stands
    beside it must not move it; else one in the gap of all values that is nearest its median."""
    if n.max() >= FEWEST:
        return float(values[n.argmax()])
    middle = float(values[np.searchsorted(np.cumsum(n), n.sum() / 2)])
    i = int(np.searchsorted(everybody, middle))
    for low, high in ((i, i + 1), (i - 1, i)):
        if low >= 0 and high < len(everybody):
            found = between(float(everybody[low]), float(everybody[high]))
            if found is not None:
                return found
    return float(f"{middle:.1g}")


def told_moments(frame: pd.DataFrame, *, people: int = PEOPLE) -> pd.DataFrame:
    """Means of groups below so many people to a power of two; of these, the spread is that within the rounding.

    With weights spread is Σw²(x − mean)², which counts as that of n alike rows.
    """
    n = frame["n"].to_numpy(np.float64)
    weight = frame["w"].to_numpy(np.float64) if "w" in frame else n
    alike = np.divide(n, weight, out=np.ones_like(n), where=weight > 0) ** 2
    few = (n > 0) & (n < people)
    if not few.any():
        return frame
    columns: dict[str, Floats] = {}
    for q in _quantities(frame):
        mean, m2 = frame[f"{q}_mean"].to_numpy(np.float64), frame[f"{q}_m2"].to_numpy(np.float64) * alike
        centre = float(n @ mean / n.sum())
        spread = float((m2 + n * (mean - centre) ** 2).sum() / n.sum()) ** 0.5
        grain = 2.0 ** np.round(np.log2(spread / _SHARE)) if spread > 0 else 0.0
        rounded = (np.floor(mean / grain) + 0.5) * grain if grain else mean
        spread2 = (np.floor(m2 / grain**2) + 0.5) * grain**2 * (n > 1) if grain else m2
        columns |= {f"{q}_mean": np.where(few, rounded, mean), f"{q}_m2": np.where(few, spread2, m2) / alike}
    return frame.assign(**columns)


def told_thirds(frame: pd.DataFrame) -> pd.DataFrame:
    """Third moments to three digits, to one where fewer than ten people make them: enough to see a skewed tail.

    With the others in full, they would be equations enough to solve for the values of so few people. What is 0 but for
    the last bits is 0.
    """
    n, told = frame["n"].to_numpy(np.float64), {}
    few = n < FEWEST
    for name in (f"{q}_{part}" for q in _quantities(frame) for part in ("wu", "wu2", "w2u") if f"{q}_wu" in frame):
        told[name] = _to_digits(frame[name].to_numpy(np.float64), few)
    for q in (q for q in _quantities(frame) if f"{q}_m3" in frame):
        spread = (frame[f"{q}_m2"].to_numpy(np.float64) / np.maximum(n, 1)) ** 1.5
        third = np.where(np.abs(frame[f"{q}_m3"]) > 1e-9 * n * spread, frame[f"{q}_m3"], 0.0)
        told[f"{q}_m3"] = _to_digits(third, few)
    return frame.assign(**told)


def _to_digits(values: Floats, few: Bools) -> list[float]:
    """To three digits, to one where few people make them."""
    return [float(f"{x:.{0 if small else 2}e}") for x, small in zip(values, few, strict=True)]


def _quantities(frame: pd.DataFrame) -> list[str]:
    return [q for q in (*QUANTITIES, MEASURED) if f"{q}_mean" in frame]
