"""What is audited, and how: the tables of a configuration beside its policy."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationInfo,
    WrapValidator,
    model_validator,
)

from auditkit.files import expanded
from auditkit.gate.parts import FROM_FILE, Choice, Names, ScoreRange
from auditkit.records import TASK_KINDS, Record, Task


def _a_path(path: str, info: ValidationInfo) -> str:
    """As it is written in a file, with the environment's variables; flags hand over what the shell made of them."""
    if "\0" in path:
        raise ValueError("a path of a file holds no NUL character")
    return expanded(path) if info.context == FROM_FILE else path


Path = Annotated[str, AfterValidator(_a_path)]


class ModelTable(Record):
    factory: str | None = None
    """The function that builds the model, module:function; left out only where `trust` says that the weights are a
    program: `factory = "income.model:build"`."""
    weights: Path | None = None
    """The file of its weights, relative to this file: `weights = "income.safetensors"`."""
    weights_key: str | None = None
    """Where in a checkpoint the state dict is, dotted: `weights_key = "model_state_dict"`."""
    trust: str | None = None
    """The SHA-256 of weights that are a program (TorchScript, .pt2), which then runs: `trust = "sha256:9f86d0…"`."""
    task: Task | None = None
    """What the model predicts, where [data] does not say: `task = "binary"`."""
    outputs: Literal["logits", "probabilities"] | None = None
    """What the net returns; left out: auditkit looks: `outputs = "logits"`."""
    threshold: float | None = None
    """The score from which a decision is positive: `threshold = 0.5`."""
    device: str | None = None
    """Where the net runs: `device = "cpu"`."""

    @model_validator(mode="after")
    def _a_factory_or_trust(self) -> ModelTable:
        if self.factory is None and self.trust is None:
            raise ValueError("'factory' is missing in [model] (only a program, named by trust, needs none)")
        return self


class PredictionsTable(Record):
    y_pred: str | tuple[str, ...] | None = None
    """The column of decisions, of several labels one each; None: `threshold` decides on the score; []: nothing is
    decided: `y_pred = "decision"`."""
    score: str | None = None
    """The column of scores, higher ones for the positive class: `score = "score"`."""
    threshold: float | None = None
    """A row is decided positively from this score on (score >= threshold), in the score's own units:
    `threshold = 0.4`."""
    score_range: ScoreRange = None
    """The least and the greatest score that there can be, or "ranks": only the order of the scores within the data
    counts. Such scores are no probabilities: calibration is not measured. None: they lie in [0, 1]:
    `score_range = [300, 850]`."""


Columns = str | tuple[str, ...]


def _each(given: Any) -> Any:
    return (given,) if isinstance(given, str | dict) else given


class JoinTable(Record):
    """`[data.join]`: columns of another file, by a key."""

    path: Path
    """The other file, parquet or CSV, relative to the configuration: `path = "people.parquet"`."""
    on: str | tuple[str, str]
    """The column of the key in both files, or two names: of the data, and of the other file: `on = "id"`."""
    columns: Names | None = None
    """The columns that are taken; None: all but the key: `columns = ["sex"]`."""


class DataTable(Record):
    path: Path
    """A parquet or CSV file, a folder of parts, or a pattern, relative to this file; ${NAME} stands for an
    environment variable: `path = "test.parquet"`."""
    y_true: str | tuple[str, ...] | None = None
    """The column of the truth; of several labels, one column each; left out where no row has one, and checks are named
    that need none: `y_true = "income"`."""
    task: Task | None = None
    """What is predicted: `task = "multiclass"`."""
    positive: str | int | float | bool | None = None
    """The label of the truth that counts as positive: `positive = ">50K"`."""
    classes: tuple[str | int, ...] | None = None
    """The classes, in the order of the outputs: `classes = ["low", "middle", "high"]`."""
    sensitive_features: Annotated[tuple[str | dict[str, Columns | dict[str, Columns]], ...], BeforeValidator(_each)]
    """The columns whose groups are compared; one-hot columns are one feature, as in `{race = ["race_a", "race_b"]}`,
    and so is what texts mention, `{women = {column = "review", words = ["she", "her"]}}`:
    `sensitive_features = ["sex", "race"]`."""
    control_features: Names = ()
    """Columns at whose equal values groups are compared as well: `control_features = ["department"]`."""
    pictures: Names = ()
    """Columns of pictures, paths of files relative to that of the data; the model's preprocess is given their pixels:
    `pictures = ["file"]`."""
    leave_out: Names = ()
    """Columns that are no features, such as decisions and scores of other models; they are shown to no model, and
    neither searched nor explained: `leave_out = ["approved_v2", "score"]`."""
    weights: str | None = None
    """The column of weights of the rows: `weights = "w"`."""
    sample_weight: str | None = None
    """fairlearn's word for weights: `sample_weight = "w"`."""
    weights_kind: Literal["sampling", "frequency"] = "sampling"
    """Whether a weight says how many people a row stands for (sampling), or how often it occurs (frequency):
    `weights_kind = "frequency"`."""
    cluster: str | tuple[str, str] | None = None
    """The column of what rows have in common, such as a person; two columns where each row is of two people:
    `cluster = "patient"`."""
    strata: str | None = None
    """The column of the stratum within which a row was drawn: `strata = "region"`."""
    population: str | dict[str, float] | None = None
    """The rows of each stratum in the population: a column, or a table: `population = "stratum_size"`."""
    row_id: str | None = None
    """The column that names each row; no two rows share one: `row_id = "case"`."""
    sep: str | None = None
    """Of a CSV file, the separator; left out: auditkit looks: `sep = ";"`."""
    encoding: str | None = None
    """Of a CSV file, its encoding; likewise: `encoding = "cp1252"`."""
    na_values: str | tuple[str, ...] | None = None
    """Of a CSV file, the texts that count as missing beside an empty cell: `na_values = ["NA", "?"]`."""
    decimal: str | None = None
    """Of a CSV file, the decimal sign: `decimal = ","`."""
    thousands: str | None = None
    """Of a CSV file, the sign between thousands: `thousands = "."`."""
    bins: dict[str, tuple[float, ...]] | None = None
    """Edges of bins of numeric sensitive and control features, each bin from its edge up to the next:
    `bins = { age = [0, 30, 45, 60, 120] }`."""
    join: JoinTable | None = None
    """Columns from another file by a key, such as sensitive features that are kept apart from scores:
    `join = { path = "people.csv", on = "id" }`."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the sensitive features, those of one-hot columns too."""
        return tuple(n for f in self.sensitive_features for n in ((f,) if isinstance(f, str) else f))


class ReadTable(Record):
    """`[data]` of a task whose rows a reader makes: its other keys are the options of that reader."""

    model_config = ConfigDict(extra="allow")

    path: Path
    """What the reader reads, relative to this file: `path = "pairs.csv"`."""
    task: Task
    """The task, which says which reader: `task = "verification"`."""
    __pydantic_extra__: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """What the reader is asked, by name."""
        return dict(self.model_extra or {})

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what is grouped by: the sensitive features."""
        kind = TASK_KINDS[self.task]
        asked = (self.options.get(option) or () for option in kind.groups)
        names = (str(name) for given in asked for name in ((given,) if isinstance(given, str) else given))
        return tuple(name.rsplit(".", 1)[-1] if kind.dotted else name for name in names)


def reads(task: Any) -> bool:
    """Whether a reader makes the rows of a task."""
    return task in TASK_KINDS and bool(TASK_KINDS[task].reader)


def _by_task(given: Any, handler: Any, info: ValidationInfo) -> Any:
    """The table of the task that it names, so that a mistake is told of that one."""
    if not isinstance(given, dict):
        return handler(given)
    kind = ReadTable if reads(given.get("task")) else DataTable
    return kind.model_validate(given, context=info.context)


AnyData = Annotated[
    DataTable | ReadTable, WrapValidator(_by_task), Choice("task", tuple(t for t in TASK_KINDS if reads(t)))
]


class AuditTable(Record):
    name: str = ""
    """What the audit is called; its files too, unless --name says otherwise: `name = "income"`."""
    seed: StrictInt = 0
    """The seed of the sample: `seed = 0`."""
    sample: StrictInt = Field(default=2000, ge=1)
    """Rows of the sample that explanations are made from: `sample = 2000`."""
    on_error: Literal["not_measured", "raise"] | None = None
    """What an accident inside a check costs: that check (not_measured), or the audit (raise): `on_error = "raise"`."""
    fitted: str | None = None
    """A file that `auditkit fit` made: checks take their bins from it, so that reports of parts can be merged:
    `fitted = "fitted.json"`."""


class Asked(Record):
    """A `[[check]]`: which check, and its options; they are tried where the check is made."""

    KEYS: ClassVar = ("name",)
    """The fields that are keys of a file; other keys are options."""

    name: str
    """The check; its options stand beside it, and `auditkit explain NAME` lists them: `name = "subgroups"`."""
    options: dict[str, Any] = Field(default_factory=dict)
    where: str = ""
    """file:line, for errors."""
    lines: dict[str, str] = Field(default_factory=dict)
    """Option → its file:line."""


def _as_asked(entry: Any) -> Any:
    """A `[[check]]` as it is written: its name among its options."""
    if not isinstance(entry, dict):
        return entry
    if not isinstance(entry.get("name"), str):
        raise ValueError('a check needs its name, as in name = "subgroups"')
    return {"name": entry["name"], "options": {k: v for k, v in entry.items() if k != "name"}}


CheckTable = Annotated[Asked, BeforeValidator(_as_asked)]
