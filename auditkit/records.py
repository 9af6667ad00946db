"""What crosses a border or reaches JSON: frozen records, and nothing that computes.

An undefined value or an unbounded limit is None here and `null` in JSON, never NaN.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from auditkit import columns, evidence_files, stored
from auditkit.baselines import BASELINE as BASELINE
from auditkit.baselines import Baseline as Baseline
from auditkit.baselines import BesideBaseline as BesideBaseline
from auditkit.baselines import Held as Held
from auditkit.baselines import Update as Update
from auditkit.disclosure import Disclosure
from auditkit.errors import AuditWarning, PolicyViolation, ReportError, nearest
from auditkit.estimates import BesideTruth as BesideTruth
from auditkit.estimates import Estimate as Estimate
from auditkit.estimates import GroupEstimate as GroupEstimate
from auditkit.estimates import Record as Record
from auditkit.estimates import State as State
from auditkit.estimates import Surest as Surest
from auditkit.estimates import Terse
from auditkit.estimates import TrustCheck as TrustCheck
from auditkit.estimates import Unit as Unit
from auditkit.evidence_files import Elsewhere as Elsewhere
from auditkit.evidence_files import StoredEvidence as StoredEvidence
from auditkit.exhibits import Case as Case
from auditkit.exhibits import Cases as Cases
from auditkit.exhibits import Confusion as Confusion
from auditkit.exhibits import ConfusionCell as ConfusionCell
from auditkit.exhibits import Contribution as Contribution
from auditkit.exhibits import Contributions as Contributions
from auditkit.exhibits import Curve as Curve
from auditkit.exhibits import Exhibit as Exhibit
from auditkit.exhibits import GroupEstimates as GroupEstimates
from auditkit.exhibits import Layer as Layer
from auditkit.exhibits import Layers as Layers
from auditkit.exhibits import Picture as Picture
from auditkit.exhibits import Pictures as Pictures
from auditkit.exhibits import Region as Region
from auditkit.exhibits import Series as Series
from auditkit.exhibits import Table as Table
from auditkit.exhibits import Use as Use
from auditkit.explorer import Explorer as Explorer
from auditkit.floors import Demand as Demand
from auditkit.floors import Required as Required
from auditkit.floors import demands as demands
from auditkit.origins import BY_LABEL as BY_LABEL
from auditkit.origins import DEFAULT_TASK as DEFAULT_TASK
from auditkit.origins import LONGEST_ANSWER as LONGEST_ANSWER
from auditkit.origins import NUMERIC as NUMERIC
from auditkit.origins import SEVERAL as SEVERAL
from auditkit.origins import TASK_KINDS as TASK_KINDS
from auditkit.origins import YES_NO as YES_NO
from auditkit.origins import Context as Context
from auditkit.origins import DataProvenance as DataProvenance
from auditkit.origins import MergedPart as MergedPart
from auditkit.origins import ModelProvenance as ModelProvenance
from auditkit.origins import Provenance as Provenance
from auditkit.origins import Signer as Signer
from auditkit.origins import SignOff as SignOff
from auditkit.origins import Task as Task
from auditkit.origins import TaskKind as TaskKind
from auditkit.origins import Weighting as Weighting
from auditkit.origins import Words as Words
from auditkit.remedies import Frontier as Frontier
from auditkit.remedies import FrontierLimit as FrontierLimit
from auditkit.remedies import Gap as Gap
from auditkit.remedies import GroupSelected as GroupSelected
from auditkit.remedies import Remedies as Remedies
from auditkit.remedies import Remedy as Remedy
from auditkit.remedies import RemedyAnswer as RemedyAnswer
from auditkit.rules import CHANGE as CHANGE
from auditkit.rules import CHANGES as CHANGES
from auditkit.rules import Comparison as Comparison
from auditkit.rules import Concern as Concern
from auditkit.rules import Decision as Decision
from auditkit.rules import Floor as Floor
from auditkit.rules import Handling as Handling
from auditkit.rules import NotMeasured as NotMeasured
from auditkit.rules import PolicyInfo as PolicyInfo
from auditkit.rules import Rule as Rule
from auditkit.rules import Status as Status
from auditkit.rules import Subject as Subject
from auditkit.rules import Waiver as Waiver
from auditkit.verdicts import PerfectModel as PerfectModel
from auditkit.verdicts import Verdict as Verdict
from auditkit.verdicts import Waived as Waived

if TYPE_CHECKING:
    import pandas

SCHEMA = "auditkit.report/1"

Outcome = Literal["passed", "failed", "undecided", "no_policy"]


ALONE = " This stands out alone: among all tests of the report it may be chance."
"""How a statement ends that is not asserted."""


class Finding(Subject, Terse):
    """One answer to one question, with its uncertainty."""

    TOLD: ClassVar = ("controls", "law", "caveat", "unit", "direction", "surest", "p", "alone", "aside", "beside_truth")

    id: str
    """concern/metric/comparison/attributes joined by `+`."""
    concern: Concern
    title: str
    """A few words, for a list."""
    statement: str
    """One plain sentence, computed, that a person outside the field understands."""
    controls: tuple[str, ...] = ()
    """Attributes that are held equal; absent from JSON, as all below, where it is empty."""
    law: str = ""
    """The law that asks for it, in words."""
    caveat: str = ""
    """How the statement ends, where every statement of its kind ends so: the page says it once a section."""
    unit: str = ""
    """What its values are counted in: "kg"; empty: as the catalogue says."""
    direction: str = ""
    """As `Metric.direction`; empty: as the catalogue says."""
    estimate: Estimate
    surest: Surest | None = None
    """The groups that the statement names: `estimate` speaks of the largest of many differences."""
    p: float | None = Field(default=None, ge=0, le=1)
    """Of H0: what the statement says is not there, for its whole family; absent where it is not computed."""
    alone: bool = False
    """True where the interval excludes H0, and Holm's procedure over all tests of the report does not: not asserted."""
    aside: bool = False
    """True where rows have weights or clusters that its check does not look at: shown, and never asserted."""
    beside_truth: BesideTruth | None = None
    """Of a difference in selections: whether it is wider or narrower than that of the truth. Absent where not known."""
    by_group: tuple[GroupEstimate, ...] = ()
    """Every group, the sparse and the undefined ones too."""
    exhibits: tuple[Exhibit, ...] = ()
    notes: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    trust: tuple[TrustCheck, ...] = ()
    """Tests of the explanation; an explanation with a `failed` one is shown as failed."""

    def _repr_html_(self) -> str:
        """The finding in a notebook."""
        from auditkit.report.formats import seen

        return seen(self, "of_finding")

    @property
    def claim(self) -> str:
        """The statement without its caveat."""
        whole = self.statement.removesuffix(ALONE)
        head = whole.removesuffix(self.caveat) if self.caveat else whole
        said = head if head == whole else f"{head.rstrip(' :').removesuffix('.')}."
        return said + self.statement[len(whole) :]

    def of_label(self, label: str) -> "Finding":
        """The finding of a binary audit as that of one class, or of one label: id, title and sentence say which."""
        return self.model_copy(
            update={
                "id": f"{self.id}[{label}]",
                "title": f"{self.title}, {label}",
                "statement": f"{label}: {self.statement}",
                "label": label,
            }
        )

    @field_validator("by_group")
    @classmethod
    def _attributes_in_order(cls, groups: tuple[GroupEstimate, ...], info: ValidationInfo) -> tuple[GroupEstimate, ...]:
        """Attributes in the order of `by`, which sorted JSON forgets."""
        by = info.data.get("by", ())

        def ordered(g: GroupEstimate) -> GroupEstimate:
            if tuple(g.group) == by or set(g.group) != set(by):
                return g
            return g.model_copy(update={"group": {a: g.group[a] for a in by}})

        return tuple(ordered(g) for g in groups)


def _baseline(v: Verdict) -> str:
    """What the baseline says, where it is not that all is well."""
    said = v.baseline is not None and v.baseline.status not in (None, "pass")
    return f" {v.baseline.reason}" if v.baseline is not None and said else ""


class Report(Terse):
    """Everything an audit found; `judge` adds the verdicts."""

    TOLD: ClassVar = ("elsewhere", "disclosure", "context", "sign_off", "remedies", "explorer", "required")

    schema_version: Literal["auditkit.report/1"] = "auditkit.report/1"
    name: str = "audit"
    provenance: Provenance
    policy: PolicyInfo | None = None
    words: Words = Words.model_construct()  # which needs no validator of its own
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
    evidence: dict[str, StoredEvidence] = Field(default_factory=dict)
    elsewhere: Elsewhere | None = None
    """Evidence that no rule asks, in a file beside the report; absent from JSON where all is in `evidence`."""
    disclosure: Disclosure | None = None
    """What it gives away of people in the data; absent from JSON for an internal report that suppresses nothing."""
    context: Context | None = None
    """What the model is for, as its owner says; None, and absent from JSON, where nobody said anything."""
    sign_off: SignOff | None = None
    """Who decides on it; likewise."""
    remedies: Remedies | None = None
    """What would help; None, and absent from JSON, where nobody asked, and in reports of older versions."""
    explorer: Explorer | None = None
    """What other thresholds would do; None, and absent from JSON, where nobody asked, or scores do not tell."""
    required: tuple[Required, ...] = ()
    """What the organisation requires, and whether it was assessed; absent from JSON where it requires nothing."""

    @model_validator(mode="after")
    def _names_once(self) -> "Report":
        found = {f.id for f in self.findings}
        for what, ids in (
            ("findings", [f.id for f in self.findings]),
            ("verdicts", [v.rule.id for v in self.verdicts]),
        ):
            if len(set(ids)) < len(ids):
                twice = next(i for i in ids if ids.count(i) > 1)
                raise ValueError(f"two {what} have the id '{twice[:120]}'")
        absent = next((v for v in self.verdicts if v.finding is not None and v.finding not in found), None)
        if absent is not None:
            raise ValueError(f"the verdict '{absent.rule.id[:120]}' names a finding that is not in the report")
        if len(set(self.gathered)) < len(self.gathered):
            raise ValueError("evidence that lies elsewhere stands twice")
        return self

    @property
    def gathered(self) -> tuple[str, ...]:
        """The keys of all evidence, also of what lies elsewhere."""
        return (*self.evidence, *(() if self.elsewhere is None else self.elsewhere.checks))

    def __repr__(self) -> str:
        """Three lines: what was audited; what came out of it; the first sentence, or what is not known."""
        from auditkit.report.formats import seen

        return seen(self, "in_three_lines")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """The report in a notebook: verdict, rules, summary."""
        from auditkit.report.formats import seen

        return seen(self, "of_report")

    @property
    def outcome(self) -> Outcome:
        """What the rules of severity `error` came to.

        `failed`: one failed, waived or not, or is worse than the baseline by more than allowed. `undecided`: none did,
        and one is inconclusive or not measured, forgiven by the policy or not; or something that the organisation
        requires was not assessed. `passed`: all are met. `no_policy`: no rule was asked.
        """
        if not self.verdicts:
            return "no_policy"
        states = {s for v in self.verdicts if v.rule.severity == "error" for s in v.statuses}
        if "fail" in states:
            return "failed"
        return "undecided" if states - {"pass"} or not all(r.met for r in self.required) else "passed"

    @property
    def passed(self) -> bool:
        """True exactly when the command line would exit with status 0: no rule and no requirement stands in the way."""
        return not any(v.blocks for v in self.verdicts) and not any(r.blocks for r in self.required)

    def raise_for_status(self) -> None:
        """Raise `PolicyViolation` unless `passed`; the message lists every rule that stands in the way.

        Warns (`AuditWarning`) of rules that are not met and that the policy, or a waiver, forgives.
        """
        blocking = [v for v in self.verdicts if v.blocks]
        lost = [f"  required {r.need} {r.name}: {r.reason}" for r in self.required if r.blocks]
        if blocking or lost:
            does = "failed" if any("fail" in v.blocking for v in blocking) else "is undecided on"
            lines = [f"  {v.rule.id}: {v.reason}{_baseline(v)}" for v in blocking] + lost
            raise PolicyViolation("\n".join([f"the audit {does} its policy:", *lines]))
        open_ = [v for v in self.verdicts if v.rule.severity == "error" and v.statuses != {"pass"}]
        lost = [f"  required {r.need} {r.name}: {r.reason}" for r in self.required if not r.met]
        if open_ or lost:
            lines = [f"  {v.rule.id}: {v.reason}{_baseline(v)}" for v in open_] + lost
            warnings.warn("\n".join(["not met, and forgiven by the policy:", *lines]), AuditWarning, stacklevel=2)

    def finding(self, id: str) -> Finding:
        """The finding of that id; KeyError names the nearest."""
        for f in self.findings:
            if f.id == id:
                return f
        raise KeyError(f"no finding '{id}'.{nearest(id, [f.id for f in self.findings])}")

    def to_frame(self) -> "pandas.DataFrame":
        """Every estimate as a row: first the finding's own, then one a group.

        Columns: finding (its id), metric, comparison, by and group (joined by ` & `; empty: everybody), value, low and
        high (NaN where there is none), level, n and state, as in `Estimate`.
        """
        from auditkit.report.formats import frame

        return frame(self)

    def log(self, log: Callable[..., object], *, step: int | None = None) -> int:
        """Hand every number to an experiment tracker's own function, `log(name, value)`; returns how many.

        Names are those of the format `metrics`: a finding's id, `/low` and `/high` for its interval; what trackers
        refuse in a name becomes `_`. With a `step` they go as `log(name, value, step=step)`. What is undefined does
        not: trackers hold numbers.
        """
        from auditkit.report.formats import numbers

        known = numbers(self)
        for name, x in known.items():
            log(name, x, **({} if step is None else {"step": step}))
        return len(known)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, every float in full (a stored report is judged as the fresh one was), no NaN.

        Exhibits stand there as columns. It holds all evidence that the report has in memory; `save` and every command
        put much evidence that no rule asks into a second file."""
        return stored.text(columns.of_exhibits(self.model_dump(mode="json"), columns.packed)) + "\n"

    def parted(self) -> "tuple[Report, str]":
        """The report as it is saved, and the text of NAME.evidence.json; "" where there is no such file."""
        if self.elsewhere is not None:
            return self, ""
        within, elsewhere, text = evidence_files.parted(self.evidence)
        return self.model_copy(update={"evidence": within, "elsewhere": elsewhere}), text

    @classmethod
    def from_json(cls, text: str | bytes, *, source: str = "report") -> "Report":
        """Read a stored report; ReportError if it is cut short, of another schema, or not a report."""
        raw = stored.parsed(text, source)
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if version != SCHEMA:
            raise ReportError(
                f"{source} has schema_version {version!r}; this auditkit reads {SCHEMA!r}"
                + (". A newer auditkit wrote it: upgrade to read it" if stored.later(SCHEMA, version) else "")
            )
        try:
            return cls.model_validate(columns.of_exhibits(raw, columns.unpacked(source=source)))
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(str(p) for p in first["loc"])[:120]
            raise ReportError(f"{source} is not an auditkit report: {where}: {first['msg'][:300]}") from None

    def save(self, path: str | Path) -> Path:
        """Write the report, atomically, in the format of the suffix (.html, .json, .xml for JUnit)."""
        from auditkit.report.formats import save  # the one named exception to the import borders

        return save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Report":
        """Read a report.json, with the evidence that lies beside it, where it does; ReportError for another's."""
        return cls.from_json(stored.read(Path(path)), source=str(path)).rejoined(Path(path))

    def rejoined(self, path: Path) -> "Report":
        """The report that was read from `path`, with the evidence of NAME.evidence.json where that file is there."""
        file = evidence_files.path_of(path)
        if self.elsewhere is None or not file.exists():
            return self
        evidence = self.evidence | evidence_files.read(file, self.elsewhere, of=path)
        return self.model_copy(update={"evidence": dict(sorted(evidence.items())), "elsewhere": None})
