"""What every task says of itself: how targets are coded, outputs read and decided on, and what an audit asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.errors import DataError, ForwardError, listing
from auditkit.records import Task

if TYPE_CHECKING:
    from torch import Tensor

    from auditkit.lists import Lists

Option = Literal["positive", "classes", "score", "threshold"]


Columns = Sequence["pd.Series[Any]"]
Decided = tuple[NDArray[Any], Floats | None]
"""(N,) decisions, and scores where there are some, as a `Batch` holds them."""


@dataclass(frozen=True, kw_only=True)
class Target(ABC):
    """How the values of a target column are read."""

    positive: Any = ""
    """The label that counts as positive, as it stands in the data; "" where none does."""
    classes: tuple[str, ...] = ()
    """The classes in their order, or the labels of several; empty for others."""
    cautions: tuple[str, ...] = ()
    """What a reader should know of it; whole sentences."""

    @property
    def written(self) -> tuple[str, ...]:
        """The labels as they are written, which may look alike; empty where there is nothing to mistake."""
        return ()

    @abstractmethod
    def code(self, column: pd.Series[Any], name: str) -> NDArray[Any]:
        """The values (N,) as a `Batch` holds them; DataError for what the target does not know."""


class AuditTask(ABC):
    """One task, whole: one file of this folder, and one line in `registry.TASKS`.

    What a report must know of it (what it predicts, its words) is its `TaskKind`, in `origins.KINDS`.
    """

    name: ClassVar[Task]
    checks: ClassVar[tuple[str, ...]]
    """Names of the checks that an audit asks unless it is told."""
    changes: ClassVar[str]
    """Name of the check that compares with an older model."""
    change_options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Its options, where nobody asks for that check by itself."""
    gap_targets: ClassVar[tuple[str, ...]] = ()
    """Names of the gaps that `GapAttribution` splits."""
    takes: ClassVar[frozenset[Option]] = frozenset()
    """Options that it takes: `positive` and `classes` of a Dataset, `score` of Predictions, `threshold` of a Model."""
    part: ClassVar[Task | None] = None
    """The task of one of its outputs alone: of a class against the rest, of one label."""
    scores: ClassVar[bool] = True
    """Whether outputs are logits or probabilities, of which scores in [0, 1] are made."""
    exclusive: ClassVar[bool] = True
    """Whether of several outputs of a row one is true, so that their probabilities add up to 1."""

    def asks(self, lists: Lists | None) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Name → options of the checks that an audit asks unless it is told; of users, with these lists."""
        return tuple((name, {}) for name in self.checks)

    def columns(self, names: tuple[str, ...]) -> None:
        """DataError unless the target has as many columns as it should: one."""
        if len(names) != 1:
            raise DataError(
                f"y_true names {listing(names)}; a {self.name} target is one column (several are task='multilabel')"
            )

    @abstractmethod
    def target(self, columns: Columns, names: Sequence[str], *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """The target of its columns; DataError for anything doubtful.

        `positive`: the label that counts as positive, `classes`: the labels in their order; None: nobody says.
        """

    @abstractmethod
    def untold(self, *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """The target where no row has a truth, by which decisions are read; DataError where it must be said more."""

    @abstractmethod
    def table(self, out: Tensor, n: int) -> Tensor:
        """A net's outputs of n rows as a table: (N,), (N, 2) or (N, C); ForwardError for another shape."""

    def decision(self, table: Tensor, *, logits: bool) -> Tensor:
        """The table as what is decided on: (N,), or (N, C) of every class or label."""
        return table

    @abstractmethod
    def probabilities(self, decision: Tensor) -> Tensor:
        """From logits to probabilities; numbers that are neither stay."""

    @abstractmethod
    def checked(self, out: Tensor, start: int) -> Floats:
        """What the model says as float64; ForwardError where that is not finite, or no probability.

        `start`: number of the first row.
        """

    @abstractmethod
    def decided(self, said: Floats, *, threshold: float, classes: tuple[str, ...]) -> Decided:
        """Decisions and scores of rows, as a `Batch` holds them, of what the model says of them."""

    @abstractmethod
    def changed(self, before: Floats, after: Floats, *, threshold: float) -> tuple[Floats, Floats]:
        """(N,) whether the decision is another (0 or 1), and the change of the score that was decided on."""

    @abstractmethod
    def missed_by(self, rows: Batch, *, threshold: float) -> Floats:
        """(N,) how far a decision is wrong, above 0; 0 where it is right. Of numbers: the size of every miss."""

    @abstractmethod
    def worded(self, codes: NDArray[Any], classes: tuple[str, ...]) -> list[str]:
        """Truths or decisions of a batch, in words."""


def one_each(out: Tensor, n: int) -> Tensor | None:
    """(N,) of one output a row; None for another shape."""
    if out.shape in ((n,), (n, 1)) or (n == 1 and out.ndim == 0):  # a bare squeeze() drops a single row
        return out.reshape(n)
    return None


def several_each(out: Tensor, n: int, task: Task) -> Tensor:
    """(N, C) of an output a class or label; ForwardError for another shape."""
    if out.ndim == 2 and len(out) == n and out.shape[1] > 1:
        return out
    raise ForwardError(
        f"a {task} model must give {n} rows of outputs, one a class or label, for {n} rows; it gives "
        f"shape {tuple(out.shape)}"
    )


def wrong_shape(out: Tensor, n: int, task: Task, *, shapes: str) -> ForwardError:
    """The error for outputs that are not one a row."""
    return ForwardError(
        f"a {task} model must give {n} outputs of shape {shapes} for {n} rows; it gives {tuple(out.shape)}"
    )


def wrong_by(rows: Batch, far: Floats) -> Floats:
    """`far` where the decision is wrong, 0 elsewhere; at the threshold a row is wrong by nothing, but wrong."""
    return np.where(rows.y_true != rows.y_pred, np.maximum(far, 1e-12), 0.0)
