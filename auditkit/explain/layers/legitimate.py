"""What a gap may rightly come from: the declared columns and the truth, as numbers that a regression can hold equal."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.batch import Batch, missing

KNOTS = 8
"""Bends of the curve of a number."""
CELL = 20
"""Rows that a crossing of all columns needs on average; with fewer, each column counts by itself."""


class Legitimate(NamedTuple):
    """What is held equal."""

    names: tuple[str, ...]
    """Control features, the numbers that they are bands of, and "the truth"."""
    basis: Floats
    """(N, K), a column of ones among them."""


def legitimate(sample: Batch) -> Legitimate | None:
    """The declared columns and the truth as columns of a regression; None where no column was declared.

    A control that is a number in bands stands for the number: whoever declares bands of experience has declared
    experience, and people within a band differ in it.
    """
    if sample.controls is None or not len(sample.controls.columns):
        return None
    n = len(sample.controls)
    codes = {str(c): pd.factorize(sample.controls[c].astype("str"))[0] for c in sample.controls}
    names, curves = list(codes), []
    for column in sample.features.columns:
        number = _number(sample.features[column])
        if number is not None and any(_bands(code, number) for code in codes.values()):
            curves.append(_curve(number))
            if str(column) not in names:
                names.append(str(column))
    gone = missing(sample.y_true)
    if not gone.all():
        names.append("the truth")
        if sample.kind.numeric:
            curves.append(_curve(np.where(gone, np.nanmean(np.where(gone, np.nan, sample.y_true)), sample.y_true)))
            codes[""] = gone.astype(np.intp)
        else:
            codes[""] = np.where(gone, -1, sample.y_true).astype(np.intp)
    crossed = pd.factorize(pd.MultiIndex.from_arrays(list(codes.values())))[0]
    tables = [_one_hot(code) for code in codes.values()]
    if (crossed.max() + 1) * CELL <= n:
        tables.append(_one_hot(crossed))
    return Legitimate(tuple(names), np.concatenate([np.ones((n, 1)), *tables, *curves], axis=1))


def _number(column: pd.Series[Any]) -> Floats | None:
    """The column as numbers, all known and of three values or more; None where it is not."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    x: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return x if np.isfinite(x).all() and len(np.unique(x[:1000])) > 2 else None


def _bands(code: Ints, number: Floats) -> bool:
    """Whether the codes are ranges of the number, two or more, that do not overlap.

    >>> _bands(np.array([0, 0, 1, 1, 0]), np.array([1.0, 2.0, 5.0, 7.0, 3.0]))
    True
    """
    levels = np.unique(code)
    low = np.array([number[code == v].min() for v in levels])
    high = np.array([number[code == v].max() for v in levels])
    order = np.argsort(low)
    return len(levels) > 1 and bool((high[order][:-1] < low[order][1:]).all())


def _one_hot(code: NDArray[np.intp]) -> Floats:
    return np.asarray(code[:, None] == np.unique(code)[None], dtype=np.float64)


def _curve(x: Floats) -> Floats:
    """(N, K) a line with bends at quantiles, each column of standard deviation about 1."""
    x = (x - x.mean()) / (x.std() or 1.0)
    knots = np.unique(np.quantile(x, np.linspace(0, 1, KNOTS + 2)[1:-1]))
    return np.concatenate([x[:, None], np.maximum(x[:, None] - knots, 0.0)], axis=1)
