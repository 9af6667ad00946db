"""Which model, which data, for what purpose: what would let a third party repeat an audit, and who answers for it."""

import datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from auditkit.estimates import IN_ORDER, Named, Record, Terse

Task = Literal[
    "binary",
    "multiclass",
    "regression",
    "multilabel",
    "verification",
    "identification",
    "generation",
    "ranking",
    "detection",
    "answers",
    "preferences",
]
DEFAULT_TASK: Task = "binary"
"""The task of rows, nets and reports that name none."""


class TaskKind(NamedTuple):
    """What a task predicts, as checks, stored evidence and pages ask of it: none of them asks for its name."""

    predicts: Literal["yes or no", "a class", "a number", "several labels"]
    """`several labels`: several outcomes a row, each yes or no, each audited by itself."""
    outcome: str
    """What the target is, in words of `{y_true}`, `{positive}`, `{classes}` (the first twelve), `{labels}` (all of
    them) and `{n}`, their number."""
    score: str = "score"
    """What a model says of a row."""
    unit: str = ""
    """What a row is, as a plural noun, where it is no person."""
    makes: str = ""
    """What the system does where nothing is predicted of a row, after "this model": "makes lists"."""
    have: str = ""
    """What a positive has or is, after a plural noun, where the reader makes the truth: "are of one person"."""
    untold: str = ""
    """Where rows have no truth of their own: what is known in its place."""
    undecided: str = ""
    """Where nothing is predicted of a row: what the system does in its place."""
    beside: str = ""
    """What other rows there are, which are none of these and of which no rate is: a plural noun; empty: none."""
    reader: str = ""
    """module:class of what makes its rows and decisions; empty: they are given as they are."""
    groups: tuple[str, ...] = ("sensitive_features",)
    """Options of that which name groups, of which rules may ask: first those of what a row is."""
    dotted: bool = False
    """Whether these are dotted paths into a log, of which the last part is the group's name."""

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
    "verification": TaskKind(
        "yes or no",
        "whether both are one person ({y_true}); yes is “{positive}”",
        unit="pairs",
        have="are of one person",
        reader="auditkit.readers.verification:Verification",
    ),
    "identification": TaskKind(
        "yes or no",
        "whether the person is enrolled ({y_true}); yes is “{positive}”",
        unit="searches",
        have="are for an enrolled person",
        reader="auditkit.readers.identification:Identification",
    ),
    "generation": TaskKind(
        "a class",
        "nothing; a judge says what a sample shows, one of {n} values: {classes}",
        "score of the value judged",
        unit="samples",
        makes="makes samples",
        reader="auditkit.readers.generated:Generated",
    ),
    "ranking": TaskKind(
        "a number",
        "how good the list of each user is {y_true}",
        unit="users",
        makes="makes lists",
        untold="which items are relevant to a user: the numbers of the lists hold it",
        undecided="lists of items, one a user; numbers of the lists, and which items they show, are compared",
        reader="auditkit.readers.rankings:Rankings",
        groups=("user_groups", "item_groups", "popularity"),
    ),
    "detection": TaskKind(
        "yes or no",
        "whether there is an object ({y_true}); yes is “{positive}”",
        unit="objects",
        have="are there",
        beside="scenes",
        reader="auditkit.readers.detections:Detections",
    ),
    "answers": TaskKind(
        "yes or no",
        "whether the answer is right ({y_true}); yes is “{positive}”",
        unit="questions",
        have="are answered rightly",
        reader="auditkit.readers.answers:Answers",
        groups=("category",),
        dotted=True,
    ),
    "preferences": TaskKind(
        "yes or no",
        "whether the stereotype is more likely to the model than its counterpart; yes is “{positive}”",
        unit="pairs",
        reader="auditkit.readers.preferences:Preferences",
        groups=("category",),
    ),
}
"""Task → its kind: a report names its task, and this follows from it."""

YES_NO: Task = "binary"
SEVERAL: Task = "multiclass"
NUMERIC: Task = "regression"
BY_LABEL: Task = "multilabel"
"""The task to begin with where somebody's data or loss say what is predicted, and nobody names a task."""


class ModelProvenance(Terse):
    """Which model."""

    TOLD: ClassVar = ("weights", "scale")

    name: str = ""
    kind: Literal["torch", "predictions", "none"] = "torch"
    """`none`: nothing is predicted."""
    sha256: str | None = None
    """Of parameter and buffer names, dtypes, shapes and bytes; None for predictions."""
    parameters: int = 0
    threshold: float | None = None
    scale: str = ""
    """What scores are that are no probabilities, in words: "300 to 850"; empty, and absent from JSON, for others."""
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

    TOLD: ClassVar = ("weighting", "row_id", "people_sha256")

    name: str = ""
    rows: int = 0
    sha256: str = ""
    """Order-free, of the used columns: the same rows in another order give the same hash. Of predictions made
    already decisions and scores are such columns."""
    people_sha256: str = ""
    """Of predictions: of the people and their truths alone, whatever was decided of them; empty, and absent from JSON,
    of a net (`sha256` holds no decisions there) and in older reports."""
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

    @property
    def no_truths(self) -> bool:
        """Whether the data were given without any truth."""
        return not self.y_true and 0 < self.rows == self.missing_target

    def same_rows(self, other: "DataProvenance") -> bool | None:
        """Whether both are of the same rows, whatever was decided of them; None: not known."""
        if self.rows != other.rows:
            return False
        for key in ("sha256", "people_sha256", "file_sha256"):
            if getattr(self, key) and getattr(self, key) == getattr(other, key):
                return True
        asked = ("y_true", "positive", "classes", "sensitive_features", "weighting", "row_id")
        alike = all(getattr(self, k) == getattr(other, k) for k in asked)
        if self.people_sha256 and other.people_sha256 and alike:
            return False
        return None


class Words(Terse):
    """Display words from the configuration; without them the page quotes the data's own labels."""

    TOLD: ClassVar = ("unit", "target_unit")

    positive: str = ""
    """What a positive does, after a plural noun: "earn more than $50K"."""
    groups: Annotated[dict[str, Named], IN_ORDER] = Field(default_factory=dict)
    """attribute → value → plural noun: {"gender": {"Female": "women"}}."""
    unit: str = ""
    """What a row is, as a plural noun: "images"; empty, and absent from JSON: people, unless the rows are seen to be
    images or texts."""
    target_unit: str = ""
    """What a predicted number is counted in: "h"; absent from JSON where nobody says."""


class MergedPart(Terse):
    """One of the reports of which another was merged."""

    TOLD: ClassVar = ("site",)

    name: str = ""
    site: str = ""
    """What the site is called; empty, and absent from JSON, where parts are no sites."""
    report: str
    """SHA-256 of its report.json: `sha256:…`."""
    rows: int = 0
    rows_sha256: str = ""
    created: datetime.datetime


class Provenance(Terse):
    """What would let a third party repeat the audit."""

    TOLD: ClassVar = ("cautions", "notes", "against", "parts")

    auditkit: str
    created: datetime.datetime
    """UTC; SOURCE_DATE_EPOCH where that is set."""
    versions: Named = Field(default_factory=dict)
    """Package → version; one that is not installed took no part, and is not named."""
    seed: int = 0
    sample: int = 0
    """Rows of the sample that explanations use; 0 if none was needed."""
    command: str = ""
    """The command, or the call, that makes this report again."""
    model: ModelProvenance
    against: ModelProvenance | None = None
    """The older model that it is compared with, on the same rows; absent from JSON where there is none."""
    data: DataProvenance
    cautions: tuple[str, ...] = ()
    """What may be wrong with the input, to be known before any number (labels that look alike, what was guessed of a
    file); whole sentences. Absent from JSON where there is none."""
    notes: tuple[str, ...] = ()
    """How the input became rows and decisions, where nothing may be wrong (which boxes count as found); likewise."""
    parts: tuple[MergedPart, ...] = ()
    """The reports that it was merged of, whose rows no hash tells together; empty, and absent from JSON, of an audit.
    """


LONGEST_ANSWER = 1_000
"""Characters of what somebody writes of a model's use."""
MOST_SIGNERS = 20
"""People who sign."""

_Answer = Annotated[str, Field(max_length=LONGEST_ANSWER)]
_Name = Annotated[str, Field(max_length=200)]


def _a_day(value: Any) -> Any:
    """A date, or its text; pydantic alone would read a number as seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError(f"a date is written 2027-05-01, got {value!r}")
    return value


_Day = Annotated[datetime.date, BeforeValidator(_a_day)]


def told(text: str) -> bool:
    """Whether a text says anything: a letter or a digit.

    >>> told("to rank applicants"), told(" \u200b- ")
    (True, False)
    """
    return any(c.isalnum() for c in text)


class Context(Terse):
    """What no number knows: what a model is for, and what its decisions mean. Each is a sentence or two; "": not said.

    >>> Context(purpose="To invite applicants to an interview").blanks[:2]
    ('affected', 'positive_decision')
    """

    purpose: _Answer = ""
    """What the model is used for."""
    affected: _Answer = ""
    """Who is affected by its decisions."""
    positive_decision: _Answer = ""
    """What a positive decision means for a person."""
    decided_by: _Answer = ""
    """Who decides in the end, and how far they follow the model."""
    oversight: _Answer = ""
    """Who watches it, and can stop it or put a decision right."""
    data_window: _Answer = ""
    """From when, and from where, the data are."""
    label_quality: _Answer = ""
    """How the truth was found, and how far it is to be relied on."""
    known_limits: _Answer = ""
    """For what, and for whom, the model is not to be used."""
    requirements: Annotated[tuple[_Name, ...], Field(max_length=20)] = ()
    """Ids of the sets of requirements that the page holds the report against; empty: the general ones:
    `requirements = ["eu-aia"]`.

    Absent from JSON, as each answer, where empty."""

    ANSWERS: ClassVar[tuple[str, ...]] = (
        *("purpose", "affected", "positive_decision", "decided_by", "oversight", "data_window", "label_quality"),
        "known_limits",
    )
    """The fields that are answers, in the order of the page."""
    TOLD: ClassVar = (*ANSWERS, "requirements")

    @property
    def blanks(self) -> tuple[str, ...]:
        """The answers that nobody gave."""
        return tuple(name for name in self.ANSWERS if not told(getattr(self, name)))


class Signer(Terse):
    """Somebody who answers for a decision on the audit. What is empty is a line to be filled in."""

    TOLD: ClassVar = ("name", "role", "date")

    name: _Name = ""
    """Who signs: `name = "Jo Field"`."""
    role: _Name = ""
    """As what: `role = "head of model risk"`."""
    date: _Day | None = None
    """When they signed, as the configuration says; no signature is checked: `date = 2027-01-31`."""


class SignOff(Terse):
    """Who decides on what the audit found, and when it is looked at again."""

    TOLD: ClassVar = ("person", "review_by")

    person: Annotated[tuple[Signer, ...], Field(max_length=MOST_SIGNERS)] = ()
    """Somebody who answers for the decision; as many as there are."""
    review_by: _Day | None = None
    """When the audit is looked at again; left out: as the policy says: `review_by = 2027-05-01`."""
