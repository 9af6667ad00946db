"""`[against]`: the older model that a configuration compares with, as columns of decisions, a net, or read anew."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from auditkit.gate.audited import Path
from auditkit.gate.parts import ScoreRange
from auditkit.records import Record

_OF_DECISIONS = ("y_pred", "score", "threshold", "score_range")
_OF_NETS = ("factory", "weights", "weights_key", "trust", "outputs", "threshold", "device")


class AgainstTable(Record):
    """The keys of [predictions], or those of [model], whose keys a net may lack here; or the path of a reader."""

    path: Path | None = None
    """Where a reader makes the rows of [data]: what it reads of the older system, with the options of [data]; relative
    to this file: `path = "old/samples.jsonl"`."""
    y_pred: str | tuple[str, ...] | None = None
    """The column of the older decisions, of several labels one each: `y_pred = "old"`."""
    score: str | None = None
    """The column of the older scores: `score = "old_score"`."""
    score_range: ScoreRange = None
    """The least and the greatest of them that there can be, or "ranks": `score_range = [300, 850]`."""
    factory: str | None = None
    """The function that builds the older net, module:function; left out: that of [model]:
    `factory = "income.old:build"`."""
    weights: Path | None = None
    """The file of its weights, relative to this file: `weights = "old.safetensors"`."""
    weights_key: str | None = None
    """Where in a checkpoint the state dict is, dotted: `weights_key = "model_state_dict"`."""
    trust: str | None = None
    """The SHA-256 of weights that are a program (TorchScript, .pt2), which then runs: `trust = "sha256:9f86d0…"`."""
    outputs: Literal["logits", "probabilities"] | None = None
    """What the older net returns; left out: as [model] says: `outputs = "logits"`."""
    threshold: float | None = None
    """The score from which the older model decides positively: `threshold = 0.5`."""
    device: str | None = None
    """Where the older net runs: `device = "cpu"`."""

    @property
    def decisions(self) -> dict[str, Any] | None:
        """What `Predictions` takes, where these are decisions that were made already."""
        return None if self.y_pred is None and self.score is None else {k: getattr(self, k) for k in _OF_DECISIONS}

    @property
    def net(self) -> dict[str, Any]:
        """The keys of a net."""
        return {k: getattr(self, k) for k in _OF_NETS}

    @model_validator(mode="after")
    def _one_of_both(self) -> AgainstTable:
        given = [k for k in type(self).model_fields if getattr(self, k) is not None]
        if self.path is not None and len(given) > 1:
            raise ValueError(f"names a path, of which all is read as [data] says, and {given[1]}: give one of both")
        nets = [k for k in given if k not in _OF_DECISIONS]
        if self.path is None and self.decisions is None and not [k for k in given if k in _OF_NETS]:
            raise ValueError("names no older model: y_pred = a column of its decisions, or weights = a file")
        if nets and self.decisions is not None:
            raise ValueError(f"names decisions (y_pred, score) and a net ({nets[0]}): one older model is compared with")
        return self
