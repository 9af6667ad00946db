"""A configuration as it is written: the tables of its file, and their keys."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, field_validator

from auditkit.disclosure import Disclosure
from auditkit.errors import PolicyError
from auditkit.gate.audited import AuditTable, CheckTable, DataTable, ModelTable, PredictionsTable
from auditkit.gate.parts import Level, Names, read_as
from auditkit.gate.requiring import RequireTable
from auditkit.gate.toml import Document
from auditkit.looks import MOST
from auditkit.records import Context, Decision, Handling, Record, SignOff, Waiver, Words


class PolicyTable(Record):
    id: str = ""
    version: str = ""
    owner: str = ""
    review_by: datetime.date | None = None
    preset: str | None = None
    by: Annotated[tuple[Names, ...], BeforeValidator(lambda x: (x,) if isinstance(x, str) else x)] | None = None
    sex: str | None = None
    race: str | None = None
    looks: StrictInt = Field(default=1, ge=1, le=MOST)
    """How many audits share the error of one: each has (1 - confidence) / looks of it, which widens its intervals."""


class DefaultsTable(Record):
    confidence: Level = 0.95
    correction: Literal["holm", "none"] = "holm"
    decision: Decision = "interval"
    on_inconclusive: Handling = "warn"
    on_not_measured: Handling = "fail"
    min_n: StrictInt = Field(default=10, ge=1)


class RuleTable(Record):
    id: str = Field(min_length=1)
    metric: str
    comparison: str | None = None
    by: Names = ()
    reference: str | dict[str, str] | None = None
    label: str | StrictInt | None = None
    of: str | None = None
    features: Names = ()
    at_most: StrictFloat | None = None
    at_least: StrictFloat | None = None
    confidence: Level | None = None
    decision: Decision | None = None
    on_inconclusive: Handling | None = None
    on_not_measured: Handling | None = None
    min_n: StrictInt | None = Field(default=None, ge=1)
    severity: Literal["error", "warning"] = "error"
    refs: tuple[str, ...] = ()


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
    unit: str | dict[str, str] = ""
    """What a row is; a table is the words of an attribute of that name."""
    target_unit: str | dict[str, str] = ""
    """Of the predicted number; likewise."""
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
    predictions: PredictionsTable | None = None
    data: DataTable | None = None
    audit: AuditTable = AuditTable()
    report: Disclosure = Disclosure()
    check: tuple[CheckTable, ...] = ()
    words: WordsTable = WordsTable()
    context: Context | None = None
    sign_off: SignOff | None = None
    policy: PolicyTable = PolicyTable()
    defaults: DefaultsTable = DefaultsTable()
    rule: tuple[RuleTable, ...] = ()
    waiver: tuple[WaiverTable, ...] = ()
    extends: str | None = None
    """The file whose policy this one stands on, relative to this one: its rules are added, its [require] is kept."""
    require: RequireTable | None = None
    """What every policy that extends this file must ask, at least."""


def written(document: Document) -> Written:
    """The tables of a parsed document; PolicyError for what no configuration has."""
    tables = read_as(document, Written)
    if tables.model is not None and tables.predictions is not None:
        raise PolicyError(f"{document.where(('predictions',))}: declare [model] or [predictions], not both")
    return tables
