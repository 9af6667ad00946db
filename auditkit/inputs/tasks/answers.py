"""The task of answers: is each of a model's answers to a prompt right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from auditkit.inputs.tasks.binary import Binary
from auditkit.inputs.tasks.task import Columns, Target
from auditkit.records import Task


class Answers(Binary):
    """Yes or no of each answer, where yes is what was asked for; `auditkit.readers.answers` makes the rows."""

    name: ClassVar[Task] = "answers"
    checks: ClassVar[tuple[str, ...]] = ("answer_rates",)
    change_options: ClassVar[Mapping[str, Any]] = {"metrics": ("accuracy",)}
    gap_targets: ClassVar[tuple[str, ...]] = ()

    def target(self, columns: Columns, names: Sequence[str], *, positive: Any, classes: Sequence[Any] | None) -> Target:
        """That of two labels; every answer shall be right, so that one label is nothing to be warned of."""
        return replace(super().target(columns, names, positive=positive, classes=classes), cautions=())
