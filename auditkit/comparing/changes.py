"""What changed between reports, as records: each says what it is, and in one sentence what that means."""

from __future__ import annotations

import datetime
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from auditkit.errors import ReportError
from auditkit.gate.loosened import PolicyChange
from auditkit.records import Comparison, Estimate, Record, Rule, Status

SCHEMA = "auditkit.changes/1"

Said = Literal["worse", "better", "higher", "lower", "not shown", "not known"]
"""What an unpaired interval says: a side only where it excludes no change. `higher` and `lower`: neither is better.
`not known`: there is no interval."""
Kind = Literal[
    "newly failing",
    "let through",
    "in the way",
    "no longer measured",
    "worsened",
    "newly undecided",
    "passes by the new policy alone",
    "removed",
    "newly passing",
    "newly measured",
    "improved",
    "added",
    "same",
]
"""What became of a rule, the gravest first. `let through`: it fails by the old policy, and not by the new one. `in the
way`: it blocks now, and did not, whatever its status was."""
SURE: tuple[Said, ...] = ("worse", "better", "higher", "lower")


class Which(Record):
    """One of the reports."""

    name: str
    file: str = ""
    """As it was given; empty for one in memory."""
    digest: str
    """SHA-256 of its canonical JSON."""
    created: datetime.datetime
    auditkit: str
    model: str
    weights: str = ""
    """SHA-256 of the model's parameters; empty for predictions."""
    data: str
    rows: int
    rows_sha256: str
    policy: str = ""
    outcome: str


class InputChange(Record):
    """Something beside the policy that is another: model, data, auditkit, what was asked."""

    what: Literal["model", "data", "auditkit", "checks", "report"]
    key: str
    old: str
    new: str
    statement: str


class At(Record):
    """A rule in one report."""

    rule: Rule
    status: Status
    blocks: bool
    waived: bool
    baseline: Status | None = None
    """What its policy's baseline says, beside its status."""
    estimate: Estimate | None
    """Its number as it is compared: that of its finding, or of its verdict where the rule counts other groups."""


class RuleChange(Record):
    """What became of one rule."""

    id: str
    kind: Kind
    old: At | None
    new: At | None
    change: Estimate | None = None
    """New less old, unpaired, at the level of its step in Holm's procedure over all rules."""
    said: Said = "not known"
    of: str = "share"
    """How its values are written: share, number, measure, or a unit."""
    under_old: Status | None = None
    """Where the policy was loosened: what the old policy says of the new report; None: not asked, or not known."""
    statement: str

    @property
    def counts(self) -> bool:
        """Whether it makes the comparison fail: it is newly in the way, or would fail by the old policy."""
        return self.kind in ("newly failing", "let through", "in the way") and self.severe

    @property
    def severe(self) -> bool:
        """Whether its severity is `error`, now or before."""
        return any(at is not None and at.rule.severity == "error" for at in (self.old, self.new))

    @property
    def only_warns(self) -> bool:
        """Whether it would count, if its severity were not `warning`."""
        return self.kind in ("newly failing", "let through", "in the way") and not self.severe

    @property
    def label(self) -> str:
        """The kind, and that it only warns where that keeps it from counting."""
        return f"{self.kind} (only warns)" if self.only_warns else self.kind


class NumberChange(Record):
    """What became of one number of the reports, of everybody, of a comparison or of one group."""

    finding: str
    """Id of the finding that holds it."""
    title: str
    metric: str
    comparison: Comparison
    group: dict[str, str] = Field(default_factory=dict)
    """attribute → value; empty: the finding's own number."""
    of: str = "share"
    old: Estimate
    new: Estimate
    change: Estimate
    said: Said
    statement: str


class Step(Record):
    """One report against an earlier one."""

    old: int
    """Place among the reports, from 0."""
    new: int
    summary: str
    """One sentence: what came of it."""
    seen: str
    """One sentence: how the numbers were compared, and what could have gone unseen."""
    cautions: tuple[str, ...] = ()
    inputs: tuple[InputChange, ...] = ()
    policy: tuple[PolicyChange, ...] = ()
    rules: tuple[RuleChange, ...] = ()
    numbers: tuple[NumberChange, ...] = ()
    """Those that moved for sure, the surest first."""
    compared: int = 0
    """Numbers that were compared beside those of rules; all of them share one error."""
    no_longer_measured: tuple[str, ...] = ()
    """Ids of findings."""
    newly_measured: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[NumberChange, ...]:
        """The numbers that moved, each gap once: as a difference, where that is among them."""
        gaps = [(n, _gap(n)) for n in self.numbers]
        apart = {gap for n, gap in gaps if gap and n.comparison == "difference"}
        seen: set[str] = set()
        found = []
        for n, gap in gaps:
            if gap and (gap in seen or (gap in apart and n.comparison != "difference")):
                continue
            seen.add(gap)
            found.append(n)
        return tuple(found)

    @property
    def loosened(self) -> tuple[PolicyChange, ...]:
        """What the policy lets through that it did not."""
        return tuple(c for c in self.policy if c.way == "loosened")

    @property
    def failing(self) -> tuple[RuleChange, ...]:
        """Rules that are newly in the way."""
        return tuple(r for r in self.rules if r.counts)

    @property
    def nothing(self) -> bool:
        """Whether nothing at all changed."""
        moved = any(r.kind != "same" for r in self.rules) or self.numbers or self.no_longer_measured
        return not (moved or self.newly_measured or self.inputs or self.policy)


def _gap(n: NumberChange) -> str:
    """What is told of one gap: its finding, however groups are compared; empty for a number of a group or of all."""
    compares = not n.group and n.comparison.startswith(("difference", "ratio", "group_"))
    return n.finding.replace(f"/{n.comparison}", "/*", 1) if compares else ""


class Point(Record):
    """A rule in one of several reports."""

    report: int
    status: Status | None
    """None: not asked there."""
    estimate: Estimate | None = None
    limit: float | None = None


class Trend(Record):
    """A rule along time."""

    id: str
    comparison: Comparison
    of: str
    points: tuple[Point, ...]
    """One a report, in their order."""


class Changes(Record):
    """What changed between stored reports."""

    schema_version: Literal["auditkit.changes/1"] = "auditkit.changes/1"
    reports: tuple[Which, ...]
    """In order: as given for two, by date for more."""
    steps: tuple[Step, ...]
    """The newest against the one before it; of more than two also against the first."""
    trend: tuple[Trend, ...] = ()

    @property
    def step(self) -> Step:
        """The newest report against the one before it."""
        return self.steps[0]

    @property
    def passed(self) -> bool:
        """True where nothing is newly in the way, and no policy was loosened: the exit status is 0."""
        return not any(s.failing or s.loosened for s in self.steps)

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, allow_nan=False, indent=1) + "\n"

    def __str__(self) -> str:
        """What the command line prints."""
        return str(_shown("text", "plain")(self))

    __repr__ = __str__

    def to_html(self) -> str:
        """The page, complete in one string."""
        return str(_shown("page", "render")(self))

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write it, atomically, as .html or .json; ReportError over a file that is none of ours, unless forced."""
        path = Path(path)
        if path.suffix not in (".html", ".json"):
            raise ReportError(f"a comparison is written as .html or .json, not '{path.suffix}'")
        text = self.to_html() if path.suffix == ".html" else self.to_json()
        importlib.import_module("auditkit.report.writing").write({path: text}, force=force)
        return path


def _shown(module: str, function: str) -> Callable[[Changes], object]:
    """What shows a comparison: the report's room knows these records, and they know it by name alone."""
    of = importlib.import_module(f"auditkit.report.compared.{module}")
    found: Callable[[Changes], object] = getattr(of, function)
    return found
