"""What crosses a border or reaches JSON: frozen records, and nothing that computes.

An undefined value or an unbounded limit is None here and `null` in JSON, never NaN.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditkit.errors import PolicyViolation, ReportError

SCHEMA = "auditkit.report/1"

State = Literal["ok", "sparse", "coarse", "undefined"]
Status = Literal["pass", "fail", "inconclusive", "not_measured"]
Outcome = Literal["passed", "failed", "undecided"]
Concern = Literal[
    "data", "performance", "fairness", "calibration", "subgroups", "explanation", "robustness", "mitigation"
]
Comparison = Literal[
    "overall",
    "group_min",
    "group_max",
    "difference",
    "ratio",
    "difference_to_overall",
    "ratio_to_overall",
]


class Record(BaseModel):
    """A frozen record without surprises: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Record):
    """A number with everything that is needed to believe it."""

    value: float | None
    """The point value; None where it is undefined (0/0, one group only)."""
    low: float | None = None
    """Lower limit of the interval; None with a value: unbounded or not computed (`note` says which)."""
    high: float | None = None
    """Upper limit of the interval, likewise."""
    level: float = 0.95
    """Confidence level of the interval, in (0, 1)."""
    n: int = 0
    """Rows that the estimate speaks about."""
    numerator: float | None = None
    """Rows counted as a success; None where the estimate is not a rate."""
    denominator: float | None = None
    """Rows that could have been a success (positives for the true positive rate)."""
    method: str = ""
    """How the interval was made."""
    mde: float | None = None
    """Minimum detectable effect: the smallest gap seen with 80 % power, in the unit of `value`; None for ratios."""
    state: State = "ok"
    """`sparse`: denominator < 10; `undefined`: denominator 0 or nothing to compare; `coarse`: a bin bound dominates."""
    note: str = ""
    """Why the state is not `ok`, or what a None limit means."""


class GroupEstimate(Record):
    """The estimate of one group."""

    group: dict[str, str]
    """Attribute → value, e.g. {"gender": "Female"}."""
    estimate: Estimate


class GroupEstimates(Record):
    """Exhibit: one row a label (a feature, say), in it one estimate a series ("overall", or a group's name)."""

    kind: Literal["group_estimates"] = "group_estimates"
    title: str
    unit: str
    """Unit of every value, in words."""
    series: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate, ...]], ...]
    """(label, one estimate a series), in the order to be drawn."""


class Table(Record):
    """Exhibit: a plain table; numbers stay numbers so that the page formats them in one place."""

    kind: Literal["table"] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]


class Series(Record):
    """One line of a curve; every column has one entry a point."""

    name: str
    """Whom it is about: a group's name, or "everybody"."""
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    """Lower limits of y; empty: no limits were computed."""
    high: tuple[float | None, ...] = ()
    """Upper limits of y, likewise."""
    n: tuple[int, ...] = ()
    """Rows behind each point; empty: the points are no groups of rows."""


class Curve(Record):
    """Exhibit: lines over one axis (reliability, ROC, what a remedy costs)."""

    kind: Literal["curve"] = "curve"
    title: str
    unit_x: str
    """Unit of x, in words."""
    unit_y: str
    """Unit of y, in words."""
    series: tuple[Series, ...]


Exhibit = Annotated[GroupEstimates | Table | Curve, Field(discriminator="kind")]


class TrustCheck(Record):
    """One test of an explanation (EXPLANATIONS: T0–T11)."""

    id: str
    """"T0", "T1", …"""
    name: str
    """In words: "completeness"."""
    value: float | None
    """The measured statistic; None where the check is a yes or no."""
    limit: float | None
    """The largest value allowed."""
    passed: bool
    note: str = ""
    """What was measured, on how many rows, and what a failure means."""


class Finding(Record):
    """One answer to one question, with its uncertainty."""

    id: str
    """concern/metric/comparison/attributes joined by `+`."""
    concern: Concern
    title: str
    """A few words, for a list."""
    statement: str
    """One plain sentence, computed, that a person outside the field understands."""
    metric: str
    """A name of the catalogue."""
    comparison: Comparison
    by: tuple[str, ...] = ()
    """The sensitive attributes; empty for overall findings."""
    estimate: Estimate
    by_group: tuple[GroupEstimate, ...] = ()
    """Every group, the sparse and the undefined ones too."""
    exhibits: tuple[Exhibit, ...] = ()
    notes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    trust: tuple[TrustCheck, ...] = ()
    """Tests of the explanation; an explanation with a failed one is shown as failed."""


class Rule(Record):
    """One line of a policy: a metric, a comparison, a limit."""

    id: str = Field(min_length=1)
    """Stable: finding, JUnit name and baseline key."""
    metric: str
    comparison: Comparison
    by: tuple[str, ...] = ()
    at_most: float | None = None
    at_least: float | None = None
    confidence: float | None = None
    """Level of the deciding interval; None: the policy's."""
    decision: Literal["interval", "point"] = "interval"
    min_n: int = 10
    """Groups with a smaller denominator leave this rule's family, by name."""
    on_inconclusive: Literal["fail", "warn", "pass"] = "warn"
    on_not_measured: Literal["fail", "warn", "pass"] = "fail"
    severity: Literal["error", "warning"] = "error"
    refs: tuple[str, ...] = ()
    line: int | None = None
    """Line of the rule in its file, from 1."""

    @model_validator(mode="after")
    def _one_limit(self) -> Rule:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"rule '{self.id}' needs exactly one of at_most and at_least")
        return self

    @property
    def limit(self) -> float:
        """The one limit of the rule."""
        limit = self.at_most if self.at_most is not None else self.at_least
        assert limit is not None
        return limit


class PolicyInfo(Record):
    """Which policy: what a report keeps of it beside the verdicts (each carries its rule)."""

    id: str = ""
    version: str = ""
    owner: str = ""
    review_by: datetime.date | None = None
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of every interval in the report, unless a rule says otherwise."""
    correction: Literal["none"] = "none"
    """Correction for many rules; only "none" in this version."""
    source: str = ""
    """File name of the policy; empty for a dict."""
    sha256: str = ""
    """SHA-256 of the rules as canonical JSON: it changes when what is asked changes."""


class Verdict(Record):
    """What the gate says of one rule."""

    status: Status
    rule: Rule
    finding: str | None
    """Id of the finding that was judged; None where there is none."""
    estimate: Estimate | None
    """The interval that decided."""
    reason: str
    """One sentence."""
    more_data: float | None = None
    """For `inconclusive`: how many times as many rows would decide, if the estimate stays; None if none would."""

    @property
    def blocks(self) -> bool:
        """True when the rule stands in the way of `passed`: failed, or undecided or not measured where that fails."""
        handling = {"inconclusive": self.rule.on_inconclusive, "not_measured": self.rule.on_not_measured}
        return self.rule.severity == "error" and handling.get(self.status, self.status) == "fail"


class ModelProvenance(Record):
    """Which model."""

    name: str = ""
    kind: Literal["torch", "predictions"] = "torch"
    sha256: str | None = None
    """Of parameter and buffer names, dtypes, shapes and bytes; None for predictions."""
    parameters: int = 0
    threshold: float | None = None


class DataProvenance(Record):
    """Which data."""

    name: str = ""
    rows: int = 0
    sha256: str = ""
    """Order-free, of the used columns: the same rows in another order give the same hash."""
    file_sha256: str | None = None
    y_true: str = ""
    positive: str = ""
    """The label that counts as positive, as written in the data."""
    sensitive_features: tuple[str, ...] = ()
    missing_target: int = 0
    """Rows left out of every metric because the target is missing."""
    missing_prediction: int = 0
    """Rows left out of every metric because the prediction is missing (and the target is not)."""


class Provenance(Record):
    """What would let a third party repeat the audit."""

    auditkit: str
    created: datetime.datetime
    """UTC; SOURCE_DATE_EPOCH where that is set."""
    versions: dict[str, str] = {}
    seed: int = 0
    sample: int = 0
    """Rows of the sample that explanations use; 0 if none was needed."""
    command: str = ""
    """The command, or the call, that makes this report again."""
    model: ModelProvenance
    data: DataProvenance


class NotMeasured(Record):
    """Something that a reader could expect and will not find, with the reason."""

    what: str
    why: str


class StoredEvidence(Record):
    """The evidence of one check, enough to assess it again."""

    type: str
    version: int = 1
    options: dict[str, Any] = {}
    data: dict[str, Any] = {}


class Words(Record):
    """Display words from the configuration; without them the page quotes the data's own labels."""

    positive: str = ""
    """What a positive does, after a plural noun: "earn more than $50K"."""
    groups: dict[str, dict[str, str]] = {}
    """attribute → value → plural noun: {"gender": {"Female": "women"}}."""


class Report(Record):
    """Everything an audit found; `judge` adds the verdicts."""

    schema_version: Literal["auditkit.report/1"] = "auditkit.report/1"
    name: str = "audit"
    provenance: Provenance
    policy: PolicyInfo | None = None
    words: Words = Words()
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
    evidence: dict[str, StoredEvidence] = {}

    @property
    def outcome(self) -> Outcome:
        """`failed`, `undecided` or `passed`, by the policy's own severities; `passed` without a policy."""
        blocking = [v for v in self.verdicts if v.blocks]
        if any(v.status == "fail" for v in blocking):
            return "failed"
        return "undecided" if blocking else "passed"

    @property
    def passed(self) -> bool:
        """True exactly when the command line would exit with status 0."""
        return self.outcome == "passed"

    def raise_for_status(self) -> None:
        """Raise `PolicyViolation` unless `passed`; the message lists every rule that stands in the way."""
        if not self.passed:
            lines = [f"  {v.rule.id}: {v.reason}" for v in self.verdicts if v.blocks]
            raise PolicyViolation("\n".join([f"the audit {self.outcome} its policy:", *lines]))

    def finding(self, id: str) -> Finding:
        """The finding of that id; KeyError names the nearest."""
        from auditkit.errors import nearest

        for f in self.findings:
            if f.id == id:
                return f
        raise KeyError(f"no finding '{id}'.{nearest(id, [f.id for f in self.findings])}")

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, every float in full (a stored report is judged as the fresh one was), no NaN."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "report") -> Report:
        """Read a stored report; ReportError if it is cut short, of another schema, or not a report."""
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ReportError(f"{source} is not complete JSON ({e}); was it cut short? Write it again") from None
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if version != SCHEMA:
            raise ReportError(
                f"{source} has schema_version {version!r}; this auditkit reads {SCHEMA!r}"
                + (". A newer auditkit wrote it: upgrade to read it" if _later(version) else "")
            )
        try:
            return cls.model_validate(raw)
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(str(p) for p in first["loc"])
            raise ReportError(f"{source} is not an auditkit report: {where}: {first['msg']}") from None

    def save(self, path: str | Path) -> Path:
        """Write the report, atomically, in the format of the suffix (.html, .json, .xml for JUnit)."""
        from auditkit.report.formats import save  # the one named exception to the import borders

        return save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a report.json."""
        path = Path(path)
        try:
            text = path.read_bytes()
        except OSError as e:
            raise ReportError(f"cannot read {path}: {e.strerror}") from None
        return cls.from_json(text, source=str(path))


def _later(version: object) -> bool:
    prefix, _, number = str(version).rpartition("/")
    return prefix == SCHEMA.rpartition("/")[0] and number.isdigit() and int(number) > 1
