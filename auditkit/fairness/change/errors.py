"""How the mean absolute error changed in K crossed groups: of every row, how much farther off the newer model is.

The evidence is that of a regression whose truth is how far off the older model was, and whose prediction how far off
the newer one is (`ErrorSums`): its error is the change of each row, which is all that a paired comparison needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from auditkit.arrays import Ints
from auditkit.evidence.errors import ErrorSums
from auditkit.fairness.change.statements import NUMBERS
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.quantities import QuantityFamily
from auditkit.fairness.groups.regression import family_from
from auditkit.question import SPARSE
from auditkit.records import Estimate
from auditkit.stats.comparisons import Quantity
from auditkit.stats.rates import Floats, Limits, wilson

MAE = "mean_absolute_error"


@dataclass(frozen=True)
class ErrorChange:
    """The change of the mean absolute error, newer less older."""

    changed: QuantityFamily
    """The mean of what each row changed by."""
    newer: QuantityFamily
    """How far off the newer model is."""
    metric: ClassVar = MAE
    method: ClassVar = "t corrected for skewness, of the differences row by row"
    unit: ClassVar = "as the target"
    written: ClassVar = NUMBERS
    sums: ClassVar = None

    @classmethod
    def of(cls, sums: ErrorSums, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> ErrorChange:
        """Read off the sums."""
        moments = sums.moments(*by)
        own = (family_from(moments, m, by, level=level, min_n=min_n) for m in ("signed_error", "mean_prediction"))
        return cls(*own)

    @property
    def by(self) -> tuple[str, ...]:
        """The attributes."""
        return self.changed.by

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The crossed groups."""
        return self.changed.groups

    @property
    def n(self) -> Ints:
        """(K,) rows with a truth and both predictions."""
        return self.changed.n

    @property
    def level(self) -> float:
        """Of the intervals."""
        return self.changed.level

    @property
    def min_n(self) -> int:
        """Rows that a group needs."""
        return self.changed.min_n

    @property
    def basis(self) -> Basis:
        """Independent rows."""
        return self.changed.basis

    @cached_property
    def rates(self) -> tuple[Floats, Floats]:
        """(K,) how far off the newer model is, and the older."""
        new = self.newer.values
        return new, new - self.changed.values

    @property
    def values(self) -> Floats:
        """(K,) newer less older."""
        return self.changed.values

    @property
    def alike(self) -> bool:
        """Whether both models are as far off in every row."""
        at = self.changed.limits
        return bool(np.nanmax(np.abs(np.concatenate([at.p, at.low, at.high])), initial=0.0) == 0.0)

    def own(self, where: Positions) -> Quantity:
        """The change in the groups at these positions."""
        return self.changed.own(where)

    def unstable(self, position: int) -> bool:
        """Whether a few large changes carry the mean."""
        return self.changed.unstable(position)

    def sum_of(self, where: Positions) -> Callable[[float], Limits]:
        """Critical value → limits of both errors together: 2 newer − change, whose errors add at worst."""
        changed, newer = self.changed.own(where), self.newer.own(where)

        def at(q: float) -> Limits:
            d, x = changed(q, wilson), newer(q, wilson)
            low = 2 * x.p - d.p - 2 * (x.p - x.low) - (d.high - d.p)
            return Limits(2 * x.p - d.p, low, 2 * x.p - d.p + 2 * (x.high - x.p) + (d.p - d.low))

        return at

    def before_and_now(self) -> list[tuple[Estimate, Estimate]]:
        """How far off each model is in every group; the older one without an interval of its own."""
        new, old = self.rates
        facts: dict[str, Any] = {"level": self.level}
        return [
            (Estimate(value=None if np.isnan(x) else float(x), n=int(self.n[i]), **facts), self.newer.estimate(i))
            for i, (x, _) in enumerate(zip(old, new, strict=True))
        ]
