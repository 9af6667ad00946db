"""The contract of a check, on one screen.

A check gathers *evidence* from part of the data, evidence from any two parts adds, and every finding is a pure
function of the sum. An all-clear is earned: a finding that acquits ("no gap") says what this very estimator could have
seen, and is made only where every place was looked at, else `NotMeasured` says why; one that accuses has an interval
that is true, and gives its `p`, so that a report asserts only what holds among all that it tests (`assertions.py`). A
check is a frozen dataclass of options: it neither plots nor prints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from auditkit.errors import ModelError, NotExplained, PolicyError, choices
from auditkit.explorer import Explorer, RuleSteps
from auditkit.question import Question
from auditkit.records import Estimate, Finding, Frontier, NotMeasured, Remedy, Task

if TYPE_CHECKING:
    from auditkit.batch import Batch
    from auditkit.evidence.observed import Evidence
    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.model import Model


Need = Literal["truths", "decisions"]
"""What of the rows a check may need."""


def class_explained(label: str | None, rows: Batch, check: str) -> int | None:
    """Position of the class that a check explains; None where the task has no classes to choose from.

    NotExplained where there are several and `label` names none; ModelError for one that there is not.
    """
    if not rows.kind.several:
        if label is not None:
            raise ModelError(f"label={label!r} names a class of several; this task is {rows.task}: omit it")
        return None
    if label is None:
        raise NotExplained(f"a model of {len(rows.classes)} classes: say which one to explain, {check}(label=…)")
    if label not in rows.classes:
        raise ModelError(f"no class '{label}' to explain; the classes are {choices(label, rows.classes)}")
    return rows.classes.index(label)


def attributes_asked(asked: Sequence[str], rows: Batch, purpose: str) -> list[str]:
    """The sensitive features that a check is to look at, all of them if none is named; PolicyError for others."""
    known = [str(a) for a in rows.groups]
    for name in asked:
        if name not in known:
            raise PolicyError(f"no sensitive feature '{name}' {purpose}; they are {choices(name, known)}")
    return list(asked) or known


@dataclass(frozen=True)
class Assessment:
    """What a check makes of its evidence: findings, and what it could not measure."""

    findings: tuple[Finding, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()


class Check(Protocol):
    """What every check has."""

    tasks: ClassVar[tuple[Task, ...]]
    """The tasks that it knows."""
    uses_weights: ClassVar[bool]
    """Whether it looks at weights, clusters and strata; of one that does not, each finding says so."""

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        ...

    def options(self) -> dict[str, Any]:
        """The options, as JSON: `type(self)(**options)` is the same check."""
        ...

    def assess(self, evidence: Any, *, level: float) -> Assessment:
        """Findings from the sum of evidence; pure and torch-free."""
        ...


class BaseCheck:
    """What checks share: a frozen dataclass of options below this needs its NAME, and what it does."""

    NAME: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]] = ("binary",)
    uses_weights: ClassVar[bool] = False
    uses_clusters: ClassVar[bool] = False
    """Whether it looks at clusters, though not at weights."""
    BY_SITE: ClassVar[bool] = False
    """Whether it tells its groups by site, and crossed with it, where reports of sites are merged: its evidence has
    `of_group`, and it an option `by`."""
    SHOWS_ROWS: ClassVar[bool] = False
    """Whether its findings show single rows: a report that suppresses small groups cannot hold them."""
    FITTED: ClassVar[tuple[str, ...]] = ()
    """Options that `fit` finds: parts that differ in them do not add, and `auditkit fit` lets parts share them."""
    PATHS: ClassVar[tuple[str, ...]] = ()
    """Options that are paths: a configuration gives them relative to itself."""
    NO_SUM: ClassVar[str] = ""
    """Why what it found in parts has no sum that would be of all rows, where reports are merged; empty: it has."""

    @property
    def name(self) -> str:
        """The key of its evidence in a report."""
        return self.NAME

    @property
    def needs(self) -> frozenset[Need]:
        """What it has nothing to say without: truths (`Dataset(y_true=None)`), decisions (`Predictions([])`)."""
        return frozenset({"decisions"})

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the data that it reads beside the rows' features, groups and outcomes."""
        return ()

    def options(self) -> dict[str, Any]:
        """The options, as JSON."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.init}  # type: ignore[arg-type]

    def together(self, one: Any, other: Any) -> Any:
        """Of a sample check: what samples of two parts showed, as what is known of all rows; EvidenceError if nothing.

        A sampled row stands for rows of its part, and sums hold it by their number, so that sums add to those of a
        stratified sample. What was read off one sample and is no sum is for the check to put together.
        """
        return one + other

    def _within(self, option: str, low: int, high: int) -> None:
        """PolicyError unless the option lies between."""
        if not low <= (value := getattr(self, option)) <= high:
            raise PolicyError(f"{self.name}: {option} is a number from {low} to {high}; got {value}")


def _plain(value: Any) -> Any:
    """Tuples as lists, mappings as dicts."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


@runtime_checkable
class StreamCheck(Check, Protocol):
    """A question asked of every row: one pass, constant memory, no torch."""

    def gather(self, batch: Batch) -> Evidence: ...


@runtime_checkable
class FittedCheck(StreamCheck, Protocol):
    """A stream check that looks at the rows once before it counts them: for the edges of bins and the like.

    Parts whose evidence is to be added share one fitted check; a fitted check fits to itself.
    """

    def fit(self, rows: Batch) -> Self: ...


@runtime_checkable
class RowsCheck(Check, Protocol):
    """A question asked of a simple random sample of rows and their outputs: predictions without a net will do."""

    def study(self, sample: Batch, model: Model | None) -> Evidence:
        """What the rows show; `model` is None where there are predictions only."""
        ...


@runtime_checkable
class SampleCheck(Check, Protocol):
    """A question that costs many model passes: asked of one bounded sample."""

    def examine(self, model: Model, sample: Batch) -> Evidence: ...


@runtime_checkable
class DeclaredCheck(Check, Protocol):
    """A check that reads rows of its own, and wants to know how the audited ones are declared."""

    def declared(self, data: Dataset) -> Self: ...


@dataclass(frozen=True)
class Alternative:
    """Other decisions on the same rows, and who answers rules of them."""

    remedy: Remedy
    """Without answers."""
    judge: Judge


class Steps(Protocol):
    """What would be counted at other common thresholds on the score."""

    @property
    def threshold(self) -> Any:
        """(P,) rising."""
        ...

    def tells(self, metric: str) -> bool:
        """Whether the metric is one of decisions at one threshold."""
        ...

    def evidence(self, i: int) -> Mapping[str, Any]:
        """Check → what it would have counted at a threshold, for each check whose rules read it."""
        ...

    def explorer(self, rules: tuple[RuleSteps, ...]) -> Explorer:
        """The counts as a record, with what rules come to."""
        ...


MOST_COMPARED = 256
"""Groups that one rule compares, each with each."""
MOST_COUNTED = 1_000
"""The same where plain counts are compared, which is quick."""


class Judge(ABC):
    """Which rules the stored evidence of a check answers, and how; `auditkit.checks.JUDGES` names it by module.

    Made from check's key → (evidence, options). It is loaded to judge a stored report, so it imports nothing heavy
    before it is asked.
    """

    kinds: ClassVar[tuple[str, ...]]
    """Kinds of metrics (`Metric.kind`) that it answers for."""
    tasks: ClassVar[tuple[str, ...]]
    comparisons: ClassVar[tuple[str, ...]] = ()
    """Comparisons that it alone answers for; empty: all that no other judge names."""
    without: ClassVar[str] = ""
    """Why a rule has no answer where the report holds none of its evidence, if there is more to say than that."""
    evidence: ClassVar[str]
    """module:class of the evidence."""
    most: int = MOST_COMPARED
    """Groups that one rule compares, at most."""

    @abstractmethod
    def __init__(self, stored: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> None: ...

    @abstractmethod
    def finding(self, asked: Question) -> Finding | None:
        """The finding that answers; None where the evidence has no answer."""

    @abstractmethod
    def p_value(self, asked: Question, limit: float, *, above: bool) -> float | None:
        """p of H0: the comparison is at most (`above`), or at least, the limit; None if there is nothing to test."""

    def estimate(self, asked: Question) -> Estimate | None:
        """The number of `finding`, which may be had without its words."""
        found = self.finding(asked)
        return None if found is None else found.estimate

    def times(self, factor: int) -> Self | None:
        """The same of evidence as so many copies of every row would give it; None where nothing is known of that."""
        return None

    def steps(self) -> Steps | None:
        """Counts of decisions at other common thresholds; None where the evidence does not tell them."""
        return None

    def groups(self, asked: Question) -> int:
        """How many groups are compared: what the answer costs."""
        return 0

    def too_few(self, asked: Question) -> str:
        """What keeps a group out of the answer, in words."""
        return f"fewer than {asked.min_n} to count"

    def alternatives(self, asked: Collection[frozenset[str]]) -> Sequence[Alternative]:
        """Today's decisions and remedies for them, as far as the evidence tells; none if it does not.

        `asked`: the sets of attributes that rules name.
        """
        return ()

    def frontier(self, by: Sequence[str]) -> Frontier | None:
        """What accuracy each gap in selections between these groups would cost; None where that is not known."""
        return None

    def why_not(self, asked: Question) -> str:
        """Why there is no answer, where the check knows better than that its evidence lacks it."""
        return ""
