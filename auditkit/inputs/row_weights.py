"""Columns of weights, of cluster ids and of row ids: checked, so that no number comes of an impossible one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats, Keys
from auditkit.errors import DataError
from auditkit.evidence.weights import WeightsKind, countable
from auditkit.inputs.grouping import name_of
from auditkit.values import Unwritten, factorized, written

_HASH_KEY = "auditkit-row-ids"
"""Sixteen bytes: a row has the same key in every audit."""


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


def named_populations(given: Mapping[Any, float]) -> dict[str, float]:
    """Stratum → its population; DataError for numbers that are none.

    >>> named_populations({1: 90})
    {'1': 90.0}
    """
    for stratum, n in given.items():
        if isinstance(n, bool) or not isinstance(n, int | float) or not 0 < n < float("inf"):
            raise DataError(f"the population of the stratum '{stratum}' is {n!r}; expected a number above 0")
    return {written(s): float(n) for s, n in given.items()}


def strata_of(
    rows: pd.DataFrame, name: str, population: str | dict[str, float] | None
) -> tuple[NDArray[np.object_], dict[str, float] | None]:
    """The stratum of each row, (N,), and the populations of the strata, where a mapping or a column says them."""
    strata = clusters_of(rows[name], name, "stratum")
    return strata, population_of(strata, rows[population], population) if isinstance(population, str) else population


def clusters_of(column: pd.Series[Any], name: str, role: str = "cluster") -> NDArray[np.object_]:
    """(N,) ids as strings; DataError where one is missing, or for values that are no ids. So of strata.

    >>> clusters_of(pd.Series([3.0, 4.0]), "user_id").tolist()
    ['3', '4']
    """
    alone = "A row of its own is a cluster of its own: give it an id that no other row has"
    return _ids(column, f"the {role} '{name}'", alone if role == "cluster" else "Every row is of one")


def of_either(weights: object, sample_weight: object) -> str | None:
    """The column of weights by either name; DataError where both are given."""
    if weights is not None and sample_weight is not None:
        raise DataError("weights and sample_weight are the same: give one of them")
    return name_of(sample_weight if weights is None else weights, "weights")


def one_or_two(given: object) -> tuple[str | None, ...]:
    """The names that `cluster` gives: of one column, or of two; DataError for more, and for columns themselves.

    >>> one_or_two("user"), one_or_two(["first", "second"])
    (('user',), ('first', 'second'))
    """
    names = given if isinstance(given, list | tuple) else [given]
    if len(names) > 2:
        raise DataError(f"rows have one cluster, or two people; cluster names {len(names)} columns")
    return tuple(name_of(name, "cluster") for name in names)


def ids_of(rows: pd.DataFrame, names: Sequence[str]) -> NDArray[np.object_] | None:
    """(N,) the cluster of each row, or (N, 2) its two people; None where rows are independent."""
    ids = [clusters_of(rows[name], name) for name in names]
    return np.column_stack(ids) if len(ids) > 1 else ids[0] if ids else None


def row_ids_of(column: pd.Series[Any], name: str) -> Keys:
    """(N,) a 64-bit hash of each row's id; DataError where one is missing, or for values that are no ids.

    >>> a, b, c = row_ids_of(pd.Series([7, 7.0, "8"], dtype=object), "id").tolist()
    >>> a == b, a == c
    (True, False)
    """
    ids = _ids(column, f"the row_id '{name}'", "Leave row_id away where rows have no id")
    return pd.util.hash_array(ids, hash_key=_HASH_KEY, categorize=False).astype(np.uint64)


def one_row_each(parts: Iterable[pd.Series[Any]], name: str) -> None:
    """DataError where two of all rows have one id; `parts` are a column of ids, one part after the other."""
    keys = np.concatenate([row_ids_of(p, name) for p in parts])
    found, first, counts = np.unique(keys, return_index=True, return_counts=True)
    twice = counts > 1
    if not twice.any():
        return
    repeated = np.flatnonzero(keys == found[twice][np.argmin(first[twice])])
    raise DataError(
        f"the row_id '{name}' holds {int(twice.sum()):,} ids more than once (first in rows {repeated[0]:,} and "
        f"{repeated[1]:,}); a row id names one row. Ids of what rows have in common, as a person with several rows, go "
        "to cluster; a row that was read twice is dropped first"
    )


def _ids(column: pd.Series[Any], what: str, way_out: str) -> NDArray[np.object_]:
    try:
        codes, uniques = factorized(column)
        labels = np.array([written(u) for u in uniques], dtype=object)
    except Unwritten:
        raise DataError(f"{what} holds lists or other values that are no ids") from None
    missing = int((codes < 0).sum())
    if missing:
        raise DataError(f"{what} is missing in {missing:,} rows; expected an id in every row. {way_out}")
    out: NDArray[np.object_] = labels[codes]
    return out


def populations(
    given: str | Mapping[Any, float] | None, strata: str | None, clusters: Sequence[str]
) -> str | dict[str, float] | None:
    """The name of a column, or stratum → rows of it in the population; None where nobody says.

    DataError without strata, for numbers that are none, and where there are clusters beside strata.
    """
    if strata is not None and clusters:
        raise DataError("give strata or a cluster: no variance of both is known; clusters alone are on the safe side")
    if given is not None and strata is None:
        raise DataError("population counts the rows of strata: name their column in strata")
    return named_populations(given) if isinstance(given, Mapping) else name_of(given, "population")
