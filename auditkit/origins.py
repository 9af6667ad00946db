"""Which model, which data, in what way: what would let a third party repeat an audit."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from auditkit.exhibits import Record, Terse

Task = Literal["binary", "multiclass", "regression", "multilabel"]
DEFAULT_TASK: Task = "binary"
"""The task of rows, nets and reports that name none."""


@dataclass(frozen=True)
class TaskKind:
    """What a task predicts, as checks, stored evidence and pages ask of it: none of them asks for its name."""

    predicts: Literal["yes or no", "a class", "a number", "several labels"]
    """`several labels`: several outcomes a row, each yes or no, each audited by itself."""
    outcome: str
    """What the target is, in words of `{y_true}`, `{positive}`, `{classes}` (the first twelve), `{labels}` (all of
    them) and `{n}`, their number."""
    score: str = "score"
    """What a model says of a row."""

    @property
    def yes_no(self) -> bool:
        """Whether truth and decision are positive or negative."""
        return self.predicts == "yes or no"

    @property
    def several(self) -> bool:
        """Whether truth and decision are one of several classes."""
        return self.predicts == "a class"

    @property
    def numeric(self) -> bool:
        """Whether a number is predicted, and nothing decided."""
        return self.predicts == "a number"

    @property
    def by_label(self) -> bool:
        """Whether each row has several labels, each audited by itself."""
        return self.predicts == "several labels"


TASK_KINDS: dict[Task, TaskKind] = {
    "binary": TaskKind("yes or no", "{y_true}; positive is “{positive}”"),
    "multiclass": TaskKind("a class", "{y_true}, one of {n} classes: {classes}", "score of the class decided on"),
    "regression": TaskKind("a number", "{y_true}, a number", "prediction"),
    "multilabel": TaskKind("several labels", "{n} labels, each yes or no: {labels}"),
}
"""Task → its kind: a report names its task, and this follows from it."""


class ModelProvenance(Terse):
    """Which model."""

    TOLD: ClassVar = ("weights",)

    name: str = ""
    kind: Literal["torch", "predictions"] = "torch"
    sha256: str | None = None
    """Of parameter and buffer names, dtypes, shapes and bytes; None for predictions."""
    parameters: int = 0
    threshold: float | None = None
    weights: Literal["given", "factory", "initialised"] = "given"
    """`given`: a file of weights, or a net handed over; `factory`: as its factory gave it, without a file;
    `initialised`: likewise, and as drawn at random: nobody has loaded or trained them. `given` is absent from JSON."""


class Weighting(Record):
    """How rows count, where they do not all count alike and independently."""

    weights: str = ""
    """Column of the weights; empty: none."""
    kind: Literal["sampling", "frequency"] = "sampling"
    zero_weights: int = 0
    """Rows of weight 0: they count nowhere that weights are used."""
    cluster: str = ""
    """Column of what rows have in common; empty: rows are independent."""
    strata: str = ""
    """Column of the strata within which rows were drawn; empty: from all at once."""


class DataProvenance(Terse):
    """Which data."""

    TOLD: ClassVar = ("weighting", "row_id")

    name: str = ""
    rows: int = 0
    sha256: str = ""
    """Order-free, of the used columns: the same rows in another order give the same hash."""
    file_sha256: str | None = None
    y_true: str = ""
    task: Task = DEFAULT_TASK
    positive: str = ""
    """The label that counts as positive, as written in the data; empty where none does."""
    classes: tuple[str, ...] = ()
    """The classes in their order, or the labels of several; empty for binary and regression."""
    sensitive_features: tuple[str, ...] = ()
    missing_target: int = 0
    """Rows whose target is missing: no metric that needs it counts them."""
    missing_prediction: int = 0
    """Rows whose prediction is missing, and the target is not: no metric that needs it counts them."""
    weighting: Weighting | None = None
    """None, and absent from JSON, where every row counts alike and rows are independent."""
    row_id: str = ""
    """Column that names each row; empty, and absent from JSON: equal rows are told apart by their number alone."""

    @property
    def kind(self) -> TaskKind:
        """What the task predicts."""
        return TASK_KINDS[self.task]


class Provenance(Terse):
    """What would let a third party repeat the audit."""

    TOLD: ClassVar = ("cautions",)

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
