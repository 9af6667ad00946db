"""What a first configuration is made of: an answer to each question, and whether somebody gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auditkit.catalogue.index import METRICS, resolve
from auditkit.errors import DataError, PolicyError, choices, listing
from auditkit.inputs.tasks.labels import found, meaning
from auditkit.inputs.tasks.registry import task_of
from auditkit.records import DEFAULT_TASK, TASK_KINDS, Task, TaskKind
from auditkit.starting.guess import in_bins
from auditkit.starting.look import Column, Look


@dataclass(kw_only=True)
class Answers:
    """The answers."""

    y_true: tuple[str, ...] = ()
    """Several: labels, each audited by itself."""
    task: Task = DEFAULT_TASK
    positive: Any = None
    """As the data hold it; None where the task has none."""
    y_pred: tuple[str, ...] = ()
    score: str | None = None
    threshold: float | None = None
    """Of the score, where it decides."""
    score_range: list[float] | str | None = None
    """The least and the greatest score that there can be, or "ranks"; None: in [0, 1]."""
    factory: str | None = None
    weights: str | None = None
    outputs: str | None = None
    sensitive: tuple[str, ...] = ()
    bins: dict[str, list[float]] = field(default_factory=dict)
    """Column of numbers among them → edges of its bins."""
    metric: str = ""
    at_most: float = 0.1
    options: dict[str, Any] = field(default_factory=dict)
    """How a CSV file is written, as somebody said."""
    guessed: dict[str, str] = field(default_factory=dict)
    """Answer → why it was taken, where nobody gave it."""

    @property
    def kind(self) -> TaskKind:
        """What the task predicts."""
        return TASK_KINDS[self.task]


def column(look: Look, name: str, what: str) -> str:
    """The name, if it is one of a column; DataError with the nearest otherwise."""
    if name not in look.columns:
        raise DataError(f"no column '{name}' for {what}; the columns are {choices(name, look.columns, most=30)}")
    return name


def columns(look: Look, names: Sequence[str], what: str) -> tuple[str, ...]:
    """Names of columns, each once."""
    if not names:
        raise DataError(f"{what}: at least one column is needed")
    return tuple(dict.fromkeys(column(look, name, what) for name in names))


def decisions(look: Look, names: Sequence[str], y_true: Sequence[str]) -> tuple[str, ...]:
    """Columns of decisions, one for each of the truth."""
    found = columns(look, names, "the decisions")
    for name in found:
        if name in y_true:
            raise DataError(f"'{name}' cannot be both the truth and the decision")
    truth, decided = look.columns[y_true[0]], look.columns[found[0]]
    if len(truth.values) in (1, 2) and decided.kind == "number" and not decided.few:
        raise DataError(
            f"'{decided.name}' holds numbers from {decided.low:g} to {decided.high:g}, and no decisions: they are "
            f"scores. With --score {decided.name} --threshold NUMBER they decide (at a terminal: "
            f"{decided.name} >= NUMBER; in [predictions] of a configuration: score, threshold and score_range)"
        )
    could_be = could_decide(look, y_true)
    for name in found:
        if could_be and name not in could_be:
            raise DataError(
                f"'{name}' is no decision about '{truth.name}': it holds {_shown(look.columns[name])}, and the truth "
                f"{_shown(truth)}. Decisions could be in {_quoted(could_be)}"
            )
    if len(found) != len(y_true):
        several = len(y_true) > 1
        raise DataError(
            f"{len(y_true)} column{'s' * several} of truths take{'s' * (not several)} as many of decisions: "
            f"for {_quoted(y_true)} got {_quoted(found)}"
        )
    return found


def could_decide(look: Look, y_true: Sequence[str]) -> list[str]:
    """The columns that hold what decisions about the truth can be."""
    truths = [look.columns[name] for name in y_true]
    free = [c for c in look.columns.values() if c.name not in y_true]
    return [c.name for c in free if any(_about(c, truth) for truth in truths)]


def _quoted(names: Sequence[str]) -> str:
    return listing([f"'{n}'" for n in names], most=6)


def _shown(column: Column) -> str:
    return listing(column.labels, most=4) if column.few else f"{column.kind} of many values"


def _about(decided: Column, truth: Column) -> bool:
    """Whether a column can hold decisions about a truth: a label of it, or 0 and 1 where it holds two; of numbers,
    numbers."""
    if not truth.few or (truth.kind == "number" and len(truth.values) > 2):
        return decided.kind == "number" or bool(set(decided.labels) & set(truth.labels))
    wanted = {meaning(v) for v in truth.values} | ({"0", "1"} if len(truth.values) <= 2 else set())
    return (
        decided.few
        and len(decided.values) <= max(len(truth.values), 2)
        and any(meaning(v) in wanted for v in decided.values)
    )


def is_score(column: Column, truth: Column) -> bool:
    """Whether a column can decide by a threshold: numbers from 0 to 1 beside a truth of two labels."""
    within = column.low is not None and column.low >= 0 and (column.high or 0) <= 1
    return len(truth.values) in (1, 2) and column.kind == "number" and not column.whole and within


def groups(look: Look, names: Sequence[str], *, but: Sequence[str] = ()) -> tuple[str, ...]:
    """Columns whose groups can be compared."""
    for name in columns(look, names, "the groups"):
        if name in but:
            raise DataError(f"'{name}' is what is predicted or decided: its groups cannot be compared")
        if not look.columns[name].few and not in_bins(look.columns[name]):
            raise DataError(
                f"'{name}' holds too many values, or values that are no groups: make a column of a few bands of it"
            )
    return tuple(dict.fromkeys(names))


def label(look: Look, truth: str, given: Any) -> Any:
    """The value of the truth that is meant, as the data hold it."""
    values = list(look.columns[truth].values)
    same = found(given, values)
    if not same:
        raise DataError(
            f"'{truth}' has no label '{given}'; its labels are {choices(given, look.columns[truth].labels)}"
        )
    return same[0]


def module(given: str) -> str:
    """module:function."""
    before, colon, after = given.partition(":")
    if not (colon and all(p.isidentifier() for p in (*before.split("."), after))):
        raise PolicyError(f"'{given}' names no function: write package.module:function")
    return given


def compared(metric: str, at_most: float, task: Task) -> tuple[str, float]:
    """A metric whose difference between groups a rule can limit, and the limit."""
    name, implied = resolve(metric)
    known = METRICS[name]
    possible = [m.name for m in METRICS.values() if _possible(m.name, task)]
    if not _possible(name, task) or implied not in (None, "difference"):
        raise PolicyError(
            f"no difference of '{metric}' can be limited here; there are {choices(metric, possible, most=40)}"
        )
    low, high = known.limits
    if not max(low, 0) <= at_most <= high:
        raise PolicyError(
            f"the largest difference of '{name}' must lie between {max(low, 0):g} and {high:g}: got {at_most:g}"
        )
    return name, at_most


def _possible(name: str, task: Task) -> bool:
    m = METRICS[name]
    kind = TASK_KINDS[task]
    judged = m.kind in ("rate", "composite", "error") and "difference" in m.comparisons and m.tested
    asked = task_of(task).part if kind.by_label else task
    rate_of_class = kind.several and m.kind == "rate" and m.name not in ("base_rate",)
    return judged and (asked in m.tasks or rate_of_class)
