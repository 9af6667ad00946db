"""The multilabel task: several columns of yes or no, each audited by itself, as a binary task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from auditkit.errors import DataError, listing
from auditkit.inputs.tasks.binary import Binary, BinaryTarget, Codes
from auditkit.inputs.tasks.task import Columns, Option, Target, several_each
from auditkit.records import Task

if TYPE_CHECKING:
    from torch import Tensor


class Multilabel(Binary):
    """Several labels a row, of which any may be true."""

    name: ClassVar[Task] = "multilabel"
    takes: ClassVar[frozenset[Option]] = frozenset({"threshold"})
    part: ClassVar[Task | None] = "binary"
    exclusive: ClassVar[bool] = False

    def columns(self, names: tuple[str, ...]) -> None:
        """DataError unless there are two columns or more."""
        if len(names) < 2 or len(set(names)) < len(names):
            raise DataError(f"a multilabel target is two or more different columns; y_true names {listing(names)}")

    def target(
        self, columns: Columns, names: Sequence[str], *, positive: Any, classes: Sequence[Any] | None
    ) -> LabelsTarget:
        """A target a column; DataError where one of them is none."""
        each = [BinaryTarget.of(column, name) for column, name in zip(columns, names, strict=True)]
        return LabelsTarget(first=each[0], classes=tuple(names))

    def untold(self, *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """None: the columns of truths name the labels."""
        raise DataError("y_true names the columns of the labels: a multilabel audit needs it, if only of empty cells")

    def table(self, out: Tensor, n: int) -> Tensor:
        """(N, labels)."""
        return several_each(out, n, self.name)

    def decision(self, table: Tensor, *, logits: bool) -> Tensor:
        """(N, labels), as they are."""
        return table


@dataclass(frozen=True, kw_only=True)
class LabelsTarget(Target):
    """Several columns of yes or no; each has a target of its own in the audit of that label."""

    first: BinaryTarget
    """Of the first label. Cautions are none of all: each label says its own, where it is audited."""

    def code(self, column: pd.Series[Any], name: str) -> Codes:
        """1, 0 or -1 for every value, as of the first label."""
        return self.first.code(column, name)
