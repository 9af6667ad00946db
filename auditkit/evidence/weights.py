"""Weights of rows: which numbers can be weights."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.arrays import Floats, Ints
from auditkit.errors import DataError, EvidenceError, nearest

WeightsKind = Literal["sampling", "frequency"]
KINDS: tuple[WeightsKind, ...] = get_args(WeightsKind)
WEIGHED = ("w", "w2")
"""Σw and Σw² of a cell, where rows have sampling weights."""
SCALE = "w_scale"
"""Exponent e of a cell whose weights are far from 1: its sums are w 2^e and w2 2^2e. Absent where all are 0."""
FARTHEST = 1_280
"""No weight of double precision has a larger exponent."""
MOST_REPEATED = 2**53
"""Rows that are counted exactly."""
_STEP = 256
_ROUNDING = 1e-6
"""Relative: sums of weights are rounded, so Cauchy's bounds hold nearly."""


def checked_kind(kind: str) -> WeightsKind:
    """The kind of weights; DataError naming the nearest.

    >>> checked_kind("population")
    Traceback (most recent call last):
    auditkit.errors.DataError: unknown weights_kind 'population'; expected sampling or frequency.
    """
    for known in KINDS:
        if kind == known:
            return known
    raise DataError(f"unknown weights_kind '{kind}'; expected sampling or frequency.{nearest(str(kind), KINDS)}")


def checked_weights(values: ArrayLike, rows: int, kind: str) -> Floats:
    """Weights (rows,) as floats; DataError unless they are finite and ≥ 0 (and whole, for frequencies).

    >>> checked_weights([1, -2], 2, "sampling")
    Traceback (most recent call last):
    auditkit.errors.DataError: sample_weight has 1 negative values; expected weights of at least 0
    """
    checked_kind(kind)
    try:
        weight = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("sample_weight holds values that are no numbers") from None
    if weight.shape != (rows,):
        raise DataError(f"sample_weight has shape {weight.shape}, y_true has {rows} rows")
    for wrong, what in ((~np.isfinite(weight), "missing or infinite"), (weight < 0, "negative")):
        if wrong.any():
            raise DataError(f"sample_weight has {int(wrong.sum()):,} {what} values; expected weights of at least 0")
    if kind == "frequency":
        if (weight != np.rint(weight)).any():
            raise DataError("sample_weight holds values that are not whole; a frequency says how often a row occurs")
        countable(float(weight.sum()))
    return weight


def countable(rows: float, name: str = "sample_weight") -> None:
    """DataError where so many rows are not counted exactly."""
    if rows > MOST_REPEATED:
        raise DataError(
            f"'{name}' makes {rows:.3g} rows; no more than 2^53 = {MOST_REPEATED:,} are counted exactly. Weights of a "
            'survey are weights_kind = "sampling"'
        )


def exponents(weight: Floats) -> Ints:
    """(N,) by which power of two weights are to be divided before they are squared: 0 from 2^-128 to 2^127.

    >>> exponents(np.array([1e300, 0.7, 5e-324])).tolist()
    [1024, 0, -1024]
    """
    out: Ints = (_STEP * np.rint(np.frexp(weight)[1] / _STEP)).astype(np.int64)
    return out


def units(scale: Ints, at: Ints, parts: int) -> tuple[Ints, Floats]:
    """(parts,) the common exponent of each part, and by what each weight (N,) is to be multiplied there."""
    common = largest(scale, at, parts)
    return common, np.ldexp(1.0, scale - common[at])


def largest(scale: Ints, at: Ints, parts: int) -> Ints:
    """(parts,) the largest exponent of each part, `at` (N,) being where each one belongs; 0 of an empty part."""
    out = np.full(parts, -FARTHEST, dtype=np.int64)
    np.maximum.at(out, at, scale)
    return np.where(np.bincount(at, minlength=parts) > 0, out, 0)


def possible(n: Ints, w: Floats, w2: Floats) -> None:
    """EvidenceError unless rows have weights above 0, and so (Σw)²/n ≤ Σw² ≤ (Σw)² (Cauchy)."""
    square = w * w
    if not ((n > 0) & (w > 0) & (w2 >= square / np.maximum(n, 1) * (1 - _ROUNDING))).all():
        raise EvidenceError("the cells hold weights that no rows have: Σw² is less than (Σw)²/n, or a sum is 0")
    if (w2 > square * (1 + _ROUNDING)).any():
        raise EvidenceError("the cells hold weights that no rows have: Σw² is more than (Σw)²")


def codes01(values: ArrayLike, name: str) -> NDArray[np.int8]:
    """Truth or decision as codes 1, 0 and -1 (missing); DataError for others."""
    array = np.asarray(values)
    if array.dtype != np.int8:
        out = array.astype(np.int8)
        if not np.array_equal(out, array):
            raise DataError(f"{name} must hold 1, 0 or -1 (missing)")
        array = out
    if array.size and (array.min() < -1 or array.max() > 1):
        raise DataError(f"{name} must hold 1, 0 or -1 (missing); it holds {array.min()} to {array.max()}")
    return array
