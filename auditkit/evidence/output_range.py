"""The range of a net's outputs: evidence, over all rows, of whether they are logits or probabilities."""

from __future__ import annotations

from dataclasses import dataclass

from auditkit.arrays import Floats
from auditkit.errors import ModelError

LEAST_ROWS = 20
"""Rows from which a range says something."""
ROUNDING = 1e-6
"""How far beyond [0, 1] rounding may take a probability."""
SUM_ROUNDING = 1e-3
"""How far from 1 rounding may take the sum of a row."""


@dataclass(frozen=True)
class OutputRange:
    """Smallest and largest output, and sum of a row, of so many rows; two of these add.

    >>> import numpy as np
    >>> seen = OutputRange.of(np.full((12, 1), 0.3)) + OutputRange.of(np.full((12, 1), 0.9))
    >>> seen.rows, seen.low, seen.high, seen.unit
    (24, 0.3, 0.9, True)
    """

    rows: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    columns: int = 0
    sum_low: float = float("inf")
    """Of a row's outputs, where there are two columns or more."""
    sum_high: float = float("-inf")

    @classmethod
    def of(cls, outputs: Floats) -> OutputRange:
        """Of the outputs (N,) or (N, C) of some rows."""
        if not outputs.size:
            return cls()
        flat = outputs.reshape(len(outputs), -1)
        sums = flat.sum(1)
        return cls(len(flat), float(flat.min()), float(flat.max()), flat.shape[1], float(sums.min()), float(sums.max()))

    def __add__(self, other: OutputRange) -> OutputRange:
        return OutputRange(
            self.rows + other.rows,
            min(self.low, other.low),
            max(self.high, other.high),
            max(self.columns, other.columns),
            min(self.sum_low, other.sum_low),
            max(self.sum_high, other.sum_high),
        )

    @property
    def unit(self) -> bool:
        """Every output lies in [0, 1]."""
        return self.rows > 0 and self.low >= -ROUNDING and self.high <= 1 + ROUNDING

    @property
    def shares(self) -> bool:
        """Every row of several outputs adds up to 1."""
        return self.columns > 1 and self.sum_low >= 1 - SUM_ROUNDING and self.sum_high <= 1 + SUM_ROUNDING

    @property
    def constant(self) -> bool:
        """All outputs are one number: it says nothing of what it is, and whichever it is, all are decided alike."""
        return self.high - self.low <= ROUNDING

    def judged(self) -> None:
        """ModelError where outputs that nobody has named are in all likelihood no logits."""
        if self.rows < LEAST_ROWS or self.constant or not (self.unit or self.shares):
            return
        what = f"every output lies in [0, 1], from {self.low:.3g} to {self.high:.3g}"
        if not self.unit:
            what = "the outputs of every row add up to 1"
        raise ModelError(f"over {self.rows:,} rows {what}: {say_which('probabilities')}")


def say_which(what: str) -> str:
    """The way out for outputs that look like `what`."""
    return (
        f"the model seems to give {what}, and they would be taken for logits. Say which they are: "
        'Model(…, outputs="probabilities") or Model(…, outputs="logits") (outputs under [model], or --outputs)'
    )
