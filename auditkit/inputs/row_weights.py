"""Columns of weights and of cluster ids: checked, so that no number comes of an impossible one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.errors import DataError
from auditkit.evidence.weights import WeightsKind, countable
from auditkit.values import Unwritten, factorized, written


def weights_of(column: pd.Series[Any], name: str, kind: WeightsKind) -> Floats:
    """(N,) weights as floats; DataError for text, missing, infinite, negative or impossible ones, or only zeros.

    >>> weights_of(pd.Series([1, 0, 2]), "w", "frequency").tolist()
    [1.0, 0.0, 2.0]
    """
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(f"the weights '{name}' hold {column.dtype}; expected numbers of at least 0")
    if pd.api.types.is_complex_dtype(column.dtype):
        raise DataError(f"the weights '{name}' hold complex numbers; expected numbers of at least 0")
    weight = column.to_numpy(dtype=np.float64, na_value=np.nan)
    for wrong, what in (
        (np.isnan(weight), "missing"),
        (np.isinf(weight), "infinite"),
        (weight < 0, "negative"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{int(wrong.sum()):,} of the weights '{name}' are {what} (the first in row {row}); expected numbers "
                "of at least 0 in every row"
            )
    if not weight.any():
        raise DataError(f"all weights '{name}' are 0: no row would count")
    fractions = weight != np.rint(weight)
    if kind == "frequency" and fractions.any():
        row = int(np.flatnonzero(fractions)[0])
        raise DataError(
            f"the weights '{name}' are not whole (row {row}: {weight[row]:g}); a frequency says how often a row "
            'occurs. Weights of a survey are weights_kind = "sampling"'
        )
    if kind == "frequency":
        countable(float(weight.max()), name)
    return weight


def population_of(strata: NDArray[Any], column: pd.Series[Any], name: str) -> dict[str, float]:
    """Stratum → its population, a number in each row (N,); DataError for others, or for two of one stratum.

    >>> population_of(np.array(["a", "b", "a"]), pd.Series([90, 40, 90]), "size")
    {'a': 90.0, 'b': 40.0}
    """
    size = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if not (np.isfinite(size) & (size > 0)).all():
        raise DataError(
            f"the population '{name}' holds values that are no numbers above 0; expected the rows of a stratum"
        )
    found = {str(s): float(n) for s, n in zip(strata, size, strict=True)}
    for stratum, n in zip(strata, size, strict=True):
        if found[str(stratum)] != n:
            raise DataError(f"the stratum '{stratum}' has more than one population in '{name}'")
    return found


def clusters_of(column: pd.Series[Any], name: str, role: str = "cluster") -> NDArray[np.object_]:
    """(N,) ids as strings; DataError where one is missing, or for values that are no ids. So of strata.

    >>> clusters_of(pd.Series([3.0, 4.0]), "user_id").tolist()
    ['3', '4']
    """
    try:
        codes, uniques = factorized(column)
        labels = np.array([written(u) for u in uniques], dtype=object)
    except Unwritten:
        raise DataError(f"the {role} '{name}' holds lists or other values that are no ids") from None
    missing = int((codes < 0).sum())
    if missing and role != "cluster":
        raise DataError(f"the {role} '{name}' is missing in {missing:,} rows; expected one in every row")
    if missing:
        raise DataError(
            f"the cluster '{name}' is missing in {missing:,} rows; expected an id in every row. A row of its own is a "
            "cluster of its own: give it an id that no other row has"
        )
    out: NDArray[np.object_] = labels[codes]
    return out
