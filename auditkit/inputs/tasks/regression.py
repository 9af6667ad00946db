"""The regression task: targets and predictions are real numbers, NaN where missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NumberTarget:
    """A target that is a number.

    >>> NumberTarget.of(pd.Series([1.5, None, 3.0]), "price").code(pd.Series([1, 2, None]), "predicted").tolist()
    [1.0, 2.0, nan]
    """

    positive: str = ""
    """Empty: no value counts as positive."""
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: pd.Series[Any], name: str) -> NumberTarget:
        """Check the target; DataError for text, infinite values, one value only, no value."""
        values = cls().code(column, name)
        known = values[~np.isnan(values)]
        if not known.size:
            raise DataError(f"every value of the target '{name}' is missing")
        if known.min() == known.max():
            raise DataError(f"every value of the target '{name}' is {known[0]:g}: there is nothing to predict")
        return cls()

    def code(self, column: pd.Series[Any], name: str) -> Floats:
        """The numbers as float64, NaN where missing; DataError for text, booleans and infinite values."""
        kind = column.dtype
        if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
            raise DataError(f"'{name}' holds {kind} values; a regression takes numbers")
        try:
            values = pd.to_numeric(column, errors="raise").to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError):
            raise DataError(
                f"'{name}' holds text or other values that are no numbers; a regression takes numbers"
            ) from None
        infinite = np.isinf(values)
        if infinite.any():
            raise DataError(
                f"'{name}' is infinite in {int(infinite.sum())} rows, first in row {int(infinite.argmax())} (from 0)"
            )
        return np.array(values, dtype=np.float64)
