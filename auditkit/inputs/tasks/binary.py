"""The binary task: labels and decisions become 1, 0 or -1 (missing); anything doubtful is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.errors import DataError, listing, nearest

Codes = NDArray[np.int8]


@dataclass(frozen=True)
class BinaryTarget:
    """Which label of the target is positive.

    >>> target = BinaryTarget.of(pd.Series([">50K", "<=50K", None]), "income", positive=">50K")
    >>> target.code(pd.Series([">50K", None, "<=50K"]), "income").tolist()
    [1, -1, 0]
    """

    labels: tuple[Any, ...]
    """The labels that occur in the target, at most two."""
    positive: Any
    """The label that counts as positive, as it stands in the data."""

    @classmethod
    def of(cls, column: pd.Series[Any], name: str, *, positive: Any = None) -> BinaryTarget:
        """Check the target; DataError for probabilities, more than two labels, or labels that need `positive`."""
        labels = _labels(column)
        if not labels:
            raise DataError(f"every value of the target '{name}' is missing")
        if len({isinstance(x, str) for x in labels}) > 1:
            shown = listing([repr(x) for x in labels], most=4)
            raise DataError(f"'{name}' holds labels of mixed types ({shown}): make them all text, or all numbers")
        if len(labels) > 2:
            kind = (
                "it looks like probabilities: y_true takes labels"
                if _between_0_and_1(labels)
                else "a binary audit needs two: make a column that says yes or no"
            )
            raise DataError(f"the target '{name}' has {len(labels)} different values ({listing(labels)}); {kind}")
        if positive is None:
            if not all(_is_01(x) for x in labels):
                raise DataError(
                    f"the labels of '{name}' are {listing(labels)}: say which is positive, e.g. "
                    f"positive={labels[-1]!r} (--positive {labels[-1]} on the command line)"
                )
            return cls(labels, 1)
        found = [x for x in labels if _same(x, positive)]
        if not found and len(labels) == 2:
            raise DataError(
                f"no label {positive!r} in '{name}'; its labels are {listing(labels)}."
                f"{nearest(str(positive), map(str, labels))}"
            )
        return cls(labels, found[0] if found else positive)

    def code(self, column: pd.Series[Any], name: str) -> Codes:
        """1, 0 or -1 for every value; the column holds the target's labels, or 0/1.

        Raises DataError for probabilities and for labels that the target does not have.
        """
        labels = _labels(column)
        known = [*self.labels, self.positive, *self._other(labels)]
        if all(any(_same(x, y) for y in known) for x in labels):
            positive = {x for x in labels if _same(x, self.positive)}
        elif all(_is_01(x) for x in labels):
            positive = {x for x in labels if x == 1}
        elif _between_0_and_1(labels):
            numbers = [float(x) for x in labels]
            raise DataError(
                f"'{name}' holds probabilities ({min(numbers):.3g} to {max(numbers):.3g}) where decisions are "
                f"expected: pass it as the score and a column of decisions as y_pred, e.g. made by {name} >= 0.5"
            )
        else:
            raise DataError(
                f"'{name}' holds {listing(labels)}; expected 0 and 1, or the target's labels {listing(self.labels)}"
            )
        out = np.where(column.isin(list(positive)).to_numpy(), 1, 0).astype(np.int8)
        out[column.isna().to_numpy()] = -1
        return out

    def _other(self, labels: tuple[Any, ...]) -> tuple[str, ...]:
        """The name of the negative class, where the target holds only positives and so cannot tell it."""
        if len(self.labels) != 1 or not _same(self.labels[0], self.positive):
            return ()
        others = [x for x in labels if not _same(x, self.positive)]
        return tuple(others) if len(others) == 1 and isinstance(others[0], str) else ()


def _labels(column: pd.Series[Any]) -> tuple[Any, ...]:
    found = [x.item() if isinstance(x, np.generic) else x for x in column.dropna().unique()]
    return tuple(sorted(found, key=lambda x: (str(type(x)), str(x))))


def _same(label: Any, wanted: Any) -> bool:
    """Equal, or equal as written: the command line gives strings, and 1.0 is 1."""
    if label == wanted or str(label) == str(wanted):
        return True
    return isinstance(label, float) and label.is_integer() and str(int(label)) == str(wanted)


def _is_01(x: Any) -> bool:
    return isinstance(x, bool | int | float) and x in (0, 1)


def _between_0_and_1(labels: tuple[Any, ...]) -> bool:
    numbers = [x for x in labels if isinstance(x, int | float)]
    return len(numbers) == len(labels) and all(0 <= x <= 1 for x in numbers)


def score_column(column: pd.Series[Any], name: str) -> NDArray[np.float64]:
    """Scores as floats, NaN where missing; DataError outside [0, 1] or for text."""
    try:
        score = pd.to_numeric(column, errors="raise").to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        raise DataError(f"the score '{name}' holds text; expected probabilities in [0, 1]") from None
    known = score[~np.isnan(score)]
    if known.size and (known.min() < 0 or known.max() > 1):
        raise DataError(f"the score '{name}' lies between {known.min():.3g} and {known.max():.3g}; expected [0, 1]")
    return score
