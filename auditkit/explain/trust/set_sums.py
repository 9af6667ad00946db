"""What T6 keeps of a row: sums over the sets of features that were taken away. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from auditkit.arrays import Floats

CHANGES = "T6:changes"
"""Column of Σ ΔF² over the half of a row's sets that is read, ΔF = F(x) − F(x with the baseline in the set)."""


def column(whose: str, half: str, what: str) -> str:
    """The column of Σ a² (`squares`) or Σ a ΔF (`products`) over the half of the sets that fits, or that is read.

    a is Σ φ over a set: φ's `own`, that of φ `dealt` to other features, or of the `best` additive account.
    """
    return f"T6:{whose}_{half}_{what}"


BEST = column("best", "fit", "squares")
"""There where the best additive account was computed."""


def missed(columns: Mapping[str, Floats], whose: Literal["own", "dealt", "best"]) -> Floats:
    """(N,) what φ misses of the changes: Σ (β a − ΔF)² over the half that is read, β ≥ 0 of β a ≈ ΔF by the other.

    β is fitted on all rows together.
    """
    squares, products = (columns[column(whose, "fit", what)].sum() for what in ("squares", "products"))
    beta = max(0.0, float(products / squares)) if squares > 0 else 0.0
    a2, a_change = (columns[column(whose, "read", what)] for what in ("squares", "products"))
    out: Floats = np.maximum(beta**2 * a2 - 2 * beta * a_change + columns[CHANGES], 0.0)
    return out
