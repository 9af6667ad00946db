"""A configuration as it is written: the tables of its file, and their keys."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, field_validator

from auditkit.disclosure import Disclosure
from auditkit.errors import PolicyError
from auditkit.gate.against import AgainstTable
from auditkit.gate.audited import AnyData, AuditTable, CheckTable, ModelTable, PredictionsTable, ReadTable
from auditkit.gate.parts import Level, Names, read_as
from auditkit.gate.requiring import RequireTable
from auditkit.gate.toml import Document
from auditkit.looks import MOST
from auditkit.records import Context, Decision, Handling, Record, SignOff, Waiver, Words


class PolicyTable(Record):
    id: str = ""
    """A name for the policy, which the report keeps: `id = "credit"`."""
    version: str = ""
    """Its version, as you count them: `version = "3"`."""
    owner: str = ""
    """Who answers for it: `owner = "model risk team"`."""
    review_by: datetime.date | None = None
    """The day by which somebody looks at the policy again: `review_by = 2027-05-01`."""
    baseline: str | None = None
    """The committed file of values that no rule may fall behind, relative to this file; `auditkit baseline update`
    writes it: `baseline = "auditkit-baseline.json"`."""
    preset: str | None = None
    """Rules by name: four-fifths, nyc-ll144, equalized-odds or clinical: `preset = "four-fifths"`."""
    by: Annotated[tuple[Names, ...], BeforeValidator(lambda x: (x,) if isinstance(x, str) else x)] | None = None
    """The attributes that a preset compares, each alone or several crossed; left out: each sensitive feature alone:
    `by = [["sex"], ["sex", "race"]]`."""
    sex: str | None = None
    """The column of sex, for the preset nyc-ll144: `sex = "gender"`."""
    race: str | None = None
    """The column of race or ethnicity, likewise: `race = "ethnicity"`."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The risk from which on one treats, for the preset clinical, which then asks of net benefit too: `threshold =
    0.1`."""
    looks: StrictInt = Field(default=1, ge=1, le=MOST)
    """How many audits share the error of one: each has (1 - confidence) / looks of it, which widens its intervals:
    `looks = 12`."""


class DefaultsTable(Record):
    confidence: Level = 0.95
    """The level of every interval, between 0.5 and 1: `confidence = 0.95`."""
    correction: Literal["holm", "none"] = "holm"
    """Whether the rules of one severity share one error (holm), or each has its own (none): `correction = "holm"`."""
    decision: Decision = "interval"
    """Whether the whole interval must lie within the limit (interval), or the value alone (point, which leaves
    chance out): `decision = "interval"`."""
    on_inconclusive: Handling = "warn"
    """What an undecided rule counts as, whose interval holds the limit: `on_inconclusive = "warn"`."""
    on_not_measured: Handling = "fail"
    """What a rule counts as that could not be measured, because a column is gone or no group is large enough:
    `on_not_measured = "fail"`."""
    min_n: StrictInt = Field(default=10, ge=1)
    """Groups with fewer rows to count (of the true positive rate: fewer positives) leave a rule, by name: `min_n =
    10`."""
    max_regression: StrictFloat | None = Field(default=None, ge=0)
    """How much worse than the baseline a rule's value may be, in the units of its limit; left out: no rule is held
    against it: `max_regression = 0.02`."""


class RuleTable(Record):
    id: str = Field(min_length=1)
    """A name that stays: findings, JUnit, waivers and baselines use it: `id = "equal-opportunity-sex"`."""
    metric: str
    """What is measured; `auditkit explain all` lists every metric: `metric = "true_positive_rate"`."""
    comparison: str | None = None
    """How groups are compared, or whether the lowest, the highest or the overall value counts; a metric such as
    equal_opportunity_difference implies it: `comparison = "difference"`."""
    by: Names = ()
    """The attributes whose groups are compared; of several, every combination: `by = ["sex"]`."""
    reference: str | dict[str, str] | None = None
    """The group that the others are compared with, where the comparison ends in to_reference: `reference = "male"`."""
    label: str | StrictInt | None = None
    """The class, or the label of several, that the rule is about; left out: all: `label = "urgent"`."""
    of: str | None = None
    """With metric = "gap_share": of the gap in what: `of = "mean_score"`."""
    features: Names = ()
    """With metric = "gap_share": the columns through which the gap may not come: `features = ["zip"]`."""
    at_most: StrictFloat | None = None
    """The upper limit; a rule has exactly one of at_most and at_least. Shares are numbers from 0 to 1: 0.1 is ten
    points: `at_most = 0.10`."""
    at_least: StrictFloat | None = None
    """The lower limit, likewise: `at_least = 0.80`."""
    confidence: Level | None = None
    """The level of the interval that decides this rule; left out: that of [defaults]: `confidence = 0.99`."""
    decision: Decision | None = None
    """As in [defaults], for this rule: `decision = "point"`."""
    on_inconclusive: Handling | None = None
    """As in [defaults], for this rule: `on_inconclusive = "fail"`."""
    on_not_measured: Handling | None = None
    """As in [defaults], for this rule: `on_not_measured = "warn"`."""
    min_n: StrictInt | None = Field(default=None, ge=1)
    """As in [defaults], for this rule: `min_n = 30`."""
    max_regression: StrictFloat | None = Field(default=None, ge=0)
    """As in [defaults], for this rule: `max_regression = 0.01`."""
    severity: Literal["error", "warning"] = "error"
    """Whether the rule changes the exit status (error), or is only shown (warning): `severity = "warning"`."""
    refs: tuple[str, ...] = ()
    """The requirements that the rule serves: `refs = ["eu-aia:10(2)(f)"]`."""


class WaiverTable(Waiver):
    """As it is written."""

    @field_validator("reason", "approved_by")
    @classmethod
    def _said(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("is blank: a waiver says why, and who answers for it")
        return text


class WordsTable(Record):
    model_config = ConfigDict(extra="allow")

    positive: str = ""
    """What a positive decision does, after a plural noun: `positive = "get a loan"`."""
    unit: str | dict[str, str] = ""
    """What a row is, as a plural noun; people, if nothing is said. A table is the words of an attribute of that
    name: `unit = "images"`."""
    target_unit: str | dict[str, str] = ""
    """What a predicted number is counted in; a table likewise: `target_unit = "h"`."""
    __pydantic_extra__: dict[str, dict[str, str]]

    @property
    def known(self) -> Words:
        """As a report keeps them."""
        said = {k: getattr(self, k) for k in ("unit", "target_unit")}
        groups = {**(self.__pydantic_extra__ or {}), **{k: v for k, v in said.items() if isinstance(v, dict)}}
        return Words(positive=self.positive, groups=groups, **{k: v for k, v in said.items() if isinstance(v, str)})


class Written(Record):
    """A configuration as it is written: its tables."""

    model: ModelTable | None = None
    """The model that is audited; this, or [predictions]."""
    predictions: PredictionsTable | None = None
    """Decisions that are made already, in place of a model."""
    against: AgainstTable | None = None
    """An older model, or its decisions, on the same rows: what changed, and for whom."""
    data: AnyData | None = None
    """The rows that it is audited on, and what their columns mean."""
    audit: AuditTable = AuditTable()
    """How the audit is made."""
    report: Disclosure = Disclosure()
    """What the report gives away of the people in the data."""
    check: tuple[CheckTable, ...] = ()
    """A question that is asked; without any, the usual ones of the task."""
    words: WordsTable = WordsTable()
    """How the page speaks; [words.ATTRIBUTE] says how the groups of an attribute are called: `Female = "women"`."""
    context: Context | None = None
    """What no number knows: what the model is for, and what its decisions mean."""
    sign_off: SignOff | None = None
    """Who decides on what the audit found."""
    policy: PolicyTable = PolicyTable()
    """The policy as a whole."""
    defaults: DefaultsTable = DefaultsTable()
    """What holds for every rule that says nothing else."""
    rule: tuple[RuleTable, ...] = ()
    """One rule: a metric, a comparison and a limit."""
    waiver: tuple[WaiverTable, ...] = ()
    """A rule that may be missed for a while, because somebody answers for it."""
    extends: str | None = None
    """The file whose policy this one stands on, relative to this one: its rules are added, its [require] is kept:
    `extends = "company.toml"`."""
    require: RequireTable | None = None
    """What every policy that extends this file must ask, at least."""


def written(document: Document) -> Written:
    """The tables of a parsed document; PolicyError for what no configuration has."""
    tables = read_as(document, Written)
    if tables.model is not None and tables.predictions is not None:
        raise PolicyError(f"{document.where(('predictions',))}: declare [model] or [predictions], not both")
    if isinstance(tables.data, ReadTable) and (tables.model is not None or tables.predictions is not None):
        raise PolicyError(
            f'{document.where(("data", "task"))}: [data] with task = "{tables.data.task}" brings its decisions: leave '
            "[model] and [predictions] away"
        )
    return tables
