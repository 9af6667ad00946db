"""What is audited, and how: the tables of a configuration beside its policy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictInt, model_validator

from auditkit.disclosure import Disclosure
from auditkit.errors import PolicyError
from auditkit.gate.parts import Names, check_keys, part
from auditkit.gate.toml import Document
from auditkit.records import Record, Task


def _a_path(path: str) -> str:
    if "\0" in path:
        raise ValueError("a path of a file holds no NUL character")
    return path


_Path = Annotated[str, AfterValidator(_a_path)]


class ModelTable(Record):
    factory: str | None = None
    """None only where `trust` says that the weights are a program, which is its own module."""
    weights: _Path | None = None
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
    path: _Path
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


class Audited(Record):
    """The tables beside the policy."""

    model: ModelTable | None = None
    predictions: PredictionsTable | None = None
    data: DataTable | None = None
    audit: AuditTable = AuditTable()
    report: Disclosure = Disclosure()
    """What the report gives away: its profile, the size below which groups are suppressed, whether rows are kept."""
    checks: tuple[Asked, ...] = ()
    """What is asked; empty: the default."""


def audited_from(document: Document) -> Audited:
    """Check the tables of a parsed document beside its policy; PolicyError names file and line."""
    check_keys(document)
    data = document.data
    if "model" in data and "predictions" in data:
        raise PolicyError(f"{document.where(('predictions',))}: declare [model] or [predictions], not both")
    return Audited(
        model=part(document, ModelTable, "model") if "model" in data else None,
        predictions=part(document, PredictionsTable, "predictions") if "predictions" in data else None,
        data=part(document, DataTable, "data") if "data" in data else None,
        audit=part(document, AuditTable, "audit"),
        report=part(document, Disclosure, "report"),
        checks=_checks(document),
    )


def _checks(document: Document) -> tuple[Asked, ...]:
    raw = document.data.get("check", [])
    if not isinstance(raw, list) or not all(isinstance(c, dict) for c in raw):
        raise PolicyError(f"{document.where(('check',))}: write [[check]], with double brackets, for each check")
    asked = []
    for i, entry in enumerate(raw):
        where = document.where(("check", i))
        name = entry.get("name")
        if not isinstance(name, str):
            raise PolicyError(f'{where}: a check needs its name, as in name = "subgroups"')
        asked.append(Asked(name=name, options={k: v for k, v in entry.items() if k != "name"}, where=where))
    return tuple(asked)
