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
    y_pred: str | tuple[str, ...] | None = None
    """The column of decisions, of several labels one each; None: `threshold` decides on the score."""
    score: str | None = None
    """The column of scores, higher ones for the positive class."""
    threshold: float | None = None
    """A row is decided positively from this score on (score >= threshold), in the score's own units."""
    score_range: tuple[float, float] | Literal["ranks"] | None = None
    """The least and the greatest score that there can be, such as [300, 850], or "ranks": only the order of the scores
    within the data counts. Such scores are no probabilities: calibration is not measured. None: they lie in [0, 1]."""


def _each(given: Any) -> Any:
    return (given,) if isinstance(given, str | dict) else given


class JoinTable(Record):
    """`[data.join]`: columns of another file, by a key."""

    path: _Path
    """The other file, parquet or CSV, relative to the configuration."""
    on: str | tuple[str, str]
    """The column of the key in both files, or two names: of the data, and of the other file."""
    columns: Names | None = None
    """The columns that are taken; None: all but the key."""


class DataTable(Record):
    path: _Path
    y_true: str | tuple[str, ...]
    task: Task | None = None
    positive: str | int | float | bool | None = None
    classes: tuple[str | int, ...] | None = None
    sensitive_features: Annotated[tuple[str | dict[str, str | tuple[str, ...]], ...], BeforeValidator(_each)]
    """Columns that say whom a row concerns; one-hot columns are one feature, as in {race = ["race_a", "race_b"]}."""
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
    bins: dict[str, tuple[float, ...]] | None = None
    """Edges of bins of numeric sensitive and control features, each bin from its edge up to the next."""
    join: JoinTable | None = None
    """Columns from another file by a key, such as sensitive features that are kept apart from scores."""


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
