"""`[against]`: the older model that a configuration compares with, as columns of decisions or as a net."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from auditkit.gate.audited import Path
from auditkit.records import Record

_OF_DECISIONS = ("y_pred", "score")


class AgainstTable(Record):
    """The keys of [predictions], or those of [model]; what a net lacks here is that of [model]."""

    y_pred: str | tuple[str, ...] | None = None
    """Column of the older model's decisions; of several labels one each."""
    score: str | None = None
    """Column of its scores."""
    factory: str | None = None
    """package.module:function that builds the older net; absent: as in [model]."""
    weights: Path | None = None
    """Its weights."""
    weights_key: str | None = None
    """Where in a checkpoint the state dict is, dotted."""
    trust: str | None = None
    """sha256:… of the weights file, where that is a program."""
    outputs: Literal["logits", "probabilities"] | None = None
    threshold: float | None = None
    device: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> AgainstTable:
        given = [k for k in type(self).model_fields if getattr(self, k) is not None]
        nets = [k for k in given if k not in _OF_DECISIONS]
        if self.y_pred is None and not nets:
            raise ValueError("names no older model: y_pred = a column of its decisions, or weights = a file")
        if nets and len(nets) < len(given):
            raise ValueError(f"names decisions (y_pred, score) and a net ({nets[0]}): one older model is compared with")
        return self
