"""One layer as findings and sentences speak of it. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditkit.records import Estimate, Layer


@dataclass(frozen=True)
class LayerReading:
    """One layer, read off the sums."""

    fact: dict[str, Any]
    record: Layer
    closed: Estimate | None
    """How much of the gap goes with the attribute, from the same rows' change."""
    cost: Estimate | None
    """Accuracy that goes with it."""
    ablated: tuple[int, float, float | None] | None
    """Neurons held at their means; the gap then; the median gap with as many random ones."""

    @property
    def inner(self) -> bool:
        """Whether it has been probed, and is neither the input nor a single number."""
        return bool(self.record.knows is not None and self.record.name != "input" and self.record.units > 1)
