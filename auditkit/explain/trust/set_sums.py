"""What T6 keeps of a row: sums over the sets of features that were taken away. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from auditkit.arrays import Floats

PREFIX = "T6:"


class Predicted(NamedTuple):
    """Of a = Σ_S φ and ΔF = F(x) − F(x with the baseline in S): (N,) Σ a² and Σ a ΔF over half of a row's sets S."""

    squares: Floats
    products: Floats


@dataclass(frozen=True)
class SetSums:
    """Sums over the sets of each row, (N,): of φ itself, and of the same φ dealt to other features.

    One half of the sets fits β ≥ 0 of β a ≈ ΔF, the other is read.
    """

    changes: Floats
    """Σ ΔF² over the half that is read."""
    own_fit_squares: Floats
    own_fit_products: Floats
    own_read_squares: Floats
    own_read_products: Floats
    dealt_fit_squares: Floats
    dealt_fit_products: Floats
    dealt_read_squares: Floats
    dealt_read_products: Floats

    @classmethod
    def of(cls, columns: Mapping[str, Floats]) -> SetSums:
        """From the columns of a table of trials."""
        return cls(**{f.name: columns[f"{PREFIX}{f.name}"] for f in fields(cls)})

    def columns(self) -> dict[str, Floats]:
        """As columns of a table of trials."""
        return {f"{PREFIX}{f.name}": getattr(self, f.name) for f in fields(self)}

    def own_missed(self) -> Floats:
        """(N,) what φ misses of the changes: Σ (β a − ΔF)² over the half that is read."""
        return self._missed(
            Predicted(self.own_fit_squares, self.own_fit_products),
            Predicted(self.own_read_squares, self.own_read_products),
        )

    def dealt_missed(self) -> Floats:
        """The same of φ dealt to other features."""
        return self._missed(
            Predicted(self.dealt_fit_squares, self.dealt_fit_products),
            Predicted(self.dealt_read_squares, self.dealt_read_products),
        )

    def _missed(self, fit: Predicted, read: Predicted) -> Floats:
        """β is fitted on all rows together."""
        squares, products = fit.squares.sum(), fit.products.sum()
        beta = max(0.0, float(products / squares)) if squares > 0 else 0.0
        out: Floats = np.maximum(beta**2 * read.squares - 2 * beta * read.products + self.changes, 0.0)
        return out
