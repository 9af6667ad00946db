"""The door of every reader: events that concern somebody (pairs, boxes, lists, samples) become rows and decisions.

An audit counts rows with groups, a truth, a decision and a cluster. A reader makes them of what a system has, once, and
is data *and* decisions: it stands where model and data stand.
"""

from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from auditkit.errors import DataError, PolicyError, listing, nearest
from auditkit.records import TASK_KINDS, Task

if TYPE_CHECKING:
    from auditkit.inputs.dataset import Dataset
    from auditkit.inputs.model import Model
    from auditkit.inputs.predictions import Predictions


class Reading(NamedTuple):
    """What a reader makes: decisions, and the rows that they are of, with the task that they belong to."""

    model: Predictions
    data: Dataset


class Reader(ABC):
    """One kind of system. A frozen dataclass of options below this says how it is read, in one file of this folder.

    The name of its task says in a configuration which reader is meant: `TaskKind.reader` names the class.
    """

    tasks: ClassVar[tuple[Task, ...]]
    """The task of its rows."""
    PATHS: ClassVar[tuple[str, ...]] = ()
    """Options that are paths: a configuration gives them relative to itself. The first is the `path` of `[data]`."""

    @abstractmethod
    def read(self) -> Reading:
        """The rows and the decisions; DataError for anything doubtful."""

    @cached_property
    def reading(self) -> Reading:
        """The same, read once."""
        return self.read()

    @classmethod
    def of(cls, path: str, options: Mapping[str, Any], folder: str | Path = ".") -> Self:
        """As a configuration says it; PolicyError for an option that there is not, naming the nearest."""
        first, *others = cls.PATHS
        known = [f.name for f in dataclasses.fields(cls) if f.name != first]  # type: ignore[arg-type]
        for name in options:
            if name not in known:
                raise PolicyError(f"[data] has no key '{name}' here; its keys are {listing(known, most=30)}."
                                  f"{nearest(name, known)}")  # fmt: skip
        must = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}  # type: ignore[arg-type]
        lost = sorted(must - {first, *options})
        if lost:
            raise PolicyError(f"[data] lacks {listing(lost)}: a {cls.tasks[0]} audit needs it")
        within = {k: str(Path(folder) / v) if k in others and isinstance(v, str) else v for k, v in options.items()}
        return cls(**{first: str(Path(folder) / path)}, **within)


def reader_of(task: Task) -> type[Reader]:
    """The reader of a task; DataError where its rows are given as they are."""
    place = TASK_KINDS[task].reader
    if not place:
        raise DataError(f"rows of a {task} audit are given as they are: ak.Dataset reads them")
    module, _, name = place.partition(":")
    found: type[Reader] = getattr(importlib.import_module(module), name)
    return found


class Rows(NamedTuple):
    """What an audit takes."""

    model: Model | Predictions
    data: Dataset
    against: Model | Predictions | None


def as_rows(
    model: Model | Predictions | Reader, data: Dataset | None, against: Model | Predictions | Reader | None = None
) -> Rows:
    """Model, data and older model as an audit takes them; an older reader's decisions are put beside the newer ones.

    DataError where a reader stands beside data, or a model alone, and where two readers are not of the same rows.
    """
    if isinstance(model, Reader):
        if data is not None:
            raise DataError(f"ak.{type(model).__name__} is data and decisions: leave the data away")
        model, data = model.reading
    if data is None:
        raise DataError(f"a model is audited on data: ak.audit(model, data); got {type(model).__name__} alone")
    if not isinstance(against, Reader):
        return Rows(model, data, against)
    from auditkit.inputs.predictions import Predictions
    from auditkit.readers.older import joined

    if not isinstance(model, Predictions):
        raise DataError("against is read from a file, and a net is audited: compare nets, or what both decided")
    return Rows(*joined(model, data, *against.reading))
