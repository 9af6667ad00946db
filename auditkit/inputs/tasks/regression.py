"""The regression task: targets and predictions are real numbers, NaN where missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.errors import DataError
from auditkit.inputs.tasks.task import AuditTask, Columns, Decided, Target, one_each, wrong_shape
from auditkit.records import Task
from auditkit.values import Unwritten, factorized, is_number

if TYPE_CHECKING:
    from torch import Tensor

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
"""Text that writes a number."""


class Regression(AuditTask):
    """A number."""

    name: ClassVar[Task] = "regression"
    checks: ClassVar[tuple[str, ...]] = (
        "regression_fairness",
        "gap_attribution",
        "layer_audit",
        "attribution",
        "flip_test",
    )
    changes: ClassVar[str] = "regression_change"
    gap_targets: ClassVar[tuple[str, ...]] = ("mean_prediction",)
    scores: ClassVar[bool] = False

    def target(self, columns: Columns, names: Sequence[str], *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """Finite numbers, of more than one value."""
        return NumberTarget.of(columns[0], names[0])

    def untold(self, *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """Numbers."""
        return NumberTarget()

    def table(self, out: Tensor, n: int) -> Tensor:
        """(N,)."""
        one = one_each(out, n)
        if one is None:
            raise wrong_shape(out, n, self.name, shapes=f"({n},) or ({n}, 1)")
        return one

    def probabilities(self, decision: Tensor) -> Tensor:
        """The numbers, as they are."""
        return decision

    def checked(self, out: Tensor, start: int) -> Floats:
        """Finite."""
        from auditkit.inputs.outputs import finite

        return finite(out, start)

    def decided(self, said: Floats, *, threshold: float, classes: tuple[str, ...]) -> Decided:
        """The numbers, without scores."""
        return said, None

    def changed(self, before: Floats, after: Floats, *, threshold: float) -> tuple[Floats, Floats]:
        """Nothing is decided; the change of the number."""
        return np.zeros(len(before)), after - before

    def missed_by(self, rows: Batch, *, threshold: float) -> Floats:
        """The size of every miss."""
        return np.asarray(np.abs(np.asarray(rows.y_pred, float) - rows.y_true))

    def worded(self, codes: NDArray[Any], classes: tuple[str, ...]) -> list[str]:
        """Four digits."""
        return [f"{x:.4g}" for x in codes]


class NumberTarget(Target):
    """A target that is a number.

    >>> NumberTarget.of(pd.Series([1.5, None, 3.0]), "price").code(pd.Series([1, 2, None]), "predicted").tolist()
    [1.0, 2.0, nan]
    """

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
        if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
            raise DataError(f"'{name}' holds {column.dtype} values; a regression takes numbers")
        values = numbers_of(column)
        if values is None:
            raise DataError(f"'{name}' holds text or other values that are no numbers; a regression takes numbers")
        infinite = np.isinf(values)
        if infinite.any():
            raise DataError(
                f"'{name}' is infinite in {int(infinite.sum())} rows, first in row {int(infinite.argmax())} (from 0)"
            )
        return np.array(values, dtype=np.float64)


def numbers_of(column: pd.Series[Any], *, booleans: bool = False) -> Floats | None:
    """(N,) float64, NaN where missing, of numbers or of text that writes numbers; None for anything else.

    >>> numbers_of(pd.Series(["1.5", None])).tolist(), numbers_of(pd.Series(["a"]))
    ([1.5, nan], None)
    """
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "iuf":
        return column.to_numpy(dtype=np.float64)
    try:
        codes, labels = factorized(column)
    except Unwritten:
        return None
    allowed = all(_NUMBER.fullmatch(x) is not None if isinstance(x, str) else is_number(x) for x in labels)
    if not allowed or (not booleans and any(isinstance(x, bool) for x in labels)):
        return None
    return np.array([*(float(x) for x in labels), np.nan], dtype=np.float64)[codes]
