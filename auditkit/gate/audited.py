"""What is audited, and how: the tables of a configuration beside its policy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, model_validator

from auditkit.gate.parts import Names
from auditkit.records import Record, Task


def _a_path(path: str) -> str:
    if "\0" in path:
        raise ValueError("a path of a file holds no NUL character")
    return path


Path = Annotated[str, AfterValidator(_a_path)]


class ModelTable(Record):
    factory: str | None = None
    """None only where `trust` says that the weights are a program, which is its own module."""
    weights: Path | None = None
    weights_key: str | None = None
    """Where in a checkpoint the state dict is, dotted."""
    trust: str | None = None
    """sha256:… of the weights file."""
    task: Task | None = None
    outputs: Literal["logits", "probabilities"] | None = None
    threshold: float | None = None
    device: str | None = None

    @model_validator(mode="after")
    def _a_factory_or_trust(self) -> ModelTable:
        if self.factory is None and self.trust is None:
            raise ValueError("'factory' is missing in [model] (only a program, named by trust, needs none)")
        return self


class PredictionsTable(Record):
    y_pred: str | tuple[str, ...]
    score: str | None = None


class DataTable(Record):
    path: Path
    y_true: str | tuple[str, ...]
    task: Task | None = None
    positive: str | int | float | bool | None = None
    classes: tuple[str | int, ...] | None = None
    sensitive_features: Names
    control_features: Names = ()
    weights: str | None = None
    sample_weight: str | None = None
    """fairlearn's word for `weights`."""
    weights_kind: Literal["sampling", "frequency"] = "sampling"
    cluster: str | None = None
    strata: str | None = None
    population: str | dict[str, float] | None = None
    row_id: str | None = None
    sep: str | None = None
    encoding: str | None = None
    na_values: str | tuple[str, ...] | None = None
    decimal: str | None = None
    thousands: str | None = None


class AuditTable(Record):
    name: str = ""
    seed: StrictInt = 0
    sample: StrictInt = Field(default=2000, ge=1)
    on_error: Literal["not_measured", "raise"] | None = None
    """What an accident inside a check costs: that check, or the audit; None: see `auditkit.accidents`."""


class Asked(Record):
    """A `[[check]]`: which check, and its options; they are tried where the check is made."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    where: str = ""
    """file:line, for errors."""


def _as_asked(entry: Any) -> Any:
    """A `[[check]]` as it is written: its name among its options."""
    if not isinstance(entry, dict):
        return entry
    if not isinstance(entry.get("name"), str):
        raise ValueError('a check needs its name, as in name = "subgroups"')
    return {"name": entry["name"], "options": {k: v for k, v in entry.items() if k != "name"}}


CheckTable = Annotated[Asked, BeforeValidator(_as_asked)]
