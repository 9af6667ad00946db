"""Numbers that rows have beside what a model sees and says: a column of the data, a feature or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from auditkit.arrays import Floats
from auditkit.errors import DataError
from auditkit.inputs.tasks.regression import numbers_of

if TYPE_CHECKING:
    import pandas as pd

Column = Callable[["pd.DataFrame", str, str], "tuple[pd.Series[Any], int]"]
"""`Dataset.column`."""


def numbers_in(column_of: Column, rows: pd.DataFrame, name: str) -> Floats:
    """(N,) float64, NaN where missing, of a column of some rows of the data: of numbers, booleans (1 and 0), or text
    that writes numbers.

    Raises DataError for a column that is not there, naming the nearest, and for one that holds anything else.
    """
    column, values = column_of(rows, name, "a measured number")
    found = numbers_of(column, booleans=True)
    if found is None:
        raise DataError(f"'{name}' holds text or other values that are no numbers; a measured number is one a row")
    return found[values:]
