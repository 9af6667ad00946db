"""What the values and intervals of a family of groups rest on; here, independent rows that all count alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Basis:
    """Independent rows of equal weight; `weighted.WeighedBasis` is the other case."""

    n: Any
    """(K,) denominators, in rows."""
    min_n: int

    @property
    def df(self) -> float:
        """Degrees of freedom of the standard errors; ∞ where rows are independent."""
        return math.inf

    def correlation(self, where: NDArray[np.intp], to: int | None) -> NDArray[np.float64] | None:
        """(len(where),) of each group with group `to`, or with the rest of them (None); None: independent."""
        return None

    def correlations(self, where: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """(K, K) between these groups; None: independent."""
        return None

    def few(self, position: int) -> str:
        """Why the group cannot be judged."""
        return f"only {int(self.n[position])} to count"

    @property
    def fewest(self) -> str:
        """What keeps a group out of comparisons."""
        return f"fewer than {self.min_n} to count"

    @property
    def suffix(self) -> str:
        """What the method of every interval adds: "; effective n (weights)"."""
        return ""

    @property
    def basis(self) -> tuple[str, ...]:
        """What a reader must know of the rows, a note each."""
        return ()
