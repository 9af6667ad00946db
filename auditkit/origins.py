"""Which model, which data, in what way: what would let a third party repeat an audit."""

from __future__ import annotations

import datetime
from typing import Any, Literal, get_args

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from auditkit.exhibits import Record

Task = Literal["binary", "multiclass", "regression", "multilabel"]
TASKS: tuple[Task, ...] = get_args(Task)


class ModelProvenance(Record):
    """Which model."""

    name: str = ""
    kind: Literal["torch", "predictions"] = "torch"
    sha256: str | None = None
    """Of parameter and buffer names, dtypes, shapes and bytes; None for predictions."""
    parameters: int = 0
    threshold: float | None = None
    weights: Literal["given", "factory", "initialised"] = "given"
    """`given`: a file of weights, or a net handed over; `factory`: as its factory gave it, without a file;
    `initialised`: likewise, and as drawn at random: nobody has loaded or trained them. `given` is absent from JSON."""

    @model_serializer(mode="wrap")
    def _without_the_usual(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        out: dict[str, Any] = handler(self)
        return out if self.weights != "given" else {k: v for k, v in out.items() if k != "weights"}


class Weighting(Record):
    """How rows count, where they do not all count alike and independently."""

    weights: str = ""
    """Column of the weights; empty: none."""
    kind: Literal["sampling", "frequency"] = "sampling"
    zero_weights: int = 0
    """Rows of weight 0: they count nowhere that weights are used."""
    cluster: str = ""
    """Column of what rows have in common; empty: rows are independent."""


class DataProvenance(Record):
    """Which data."""

    name: str = ""
    rows: int = 0
    sha256: str = ""
    """Order-free, of the used columns: the same rows in another order give the same hash."""
    file_sha256: str | None = None
    y_true: str = ""
    task: Task = "binary"
    positive: str = ""
    """The label that counts as positive, as written in the data; empty where none does."""
    classes: tuple[str, ...] = ()
    """The classes in their order, or the labels of several; empty for binary and regression."""
    sensitive_features: tuple[str, ...] = ()
    missing_target: int = 0
    """Rows left out of every metric because the target is missing."""
    missing_prediction: int = 0
    """Rows left out of every metric because the prediction is missing (and the target is not)."""
    weighting: Weighting | None = None
    """None, and absent from JSON, where every row counts alike and rows are independent."""

    @property
    def of_labels(self) -> bool:
        """Whether each row has several labels, each audited by itself."""
        return self.task == "multilabel"

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        out: dict[str, Any] = handler(self)
        return out if self.weighting is not None else {k: v for k, v in out.items() if k != "weighting"}


class Provenance(Record):
    """What would let a third party repeat the audit."""

    auditkit: str
    created: datetime.datetime
    """UTC; SOURCE_DATE_EPOCH where that is set."""
    versions: dict[str, str] = Field(default_factory=dict)
    seed: int = 0
    sample: int = 0
    """Rows of the sample that explanations use; 0 if none was needed."""
    command: str = ""
    """The command, or the call, that makes this report again."""
    model: ModelProvenance
    data: DataProvenance
    cautions: tuple[str, ...] = ()
    """What a reader should know of the input before any number (labels that look alike, what was guessed of a file);
    whole sentences. Absent from JSON where there is none."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        out: dict[str, Any] = handler(self)
        return out if self.cautions else {k: v for k, v in out.items() if k != "cautions"}
