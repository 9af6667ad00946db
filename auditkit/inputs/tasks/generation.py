"""The task of what a model draws or writes: which value does each sample show, as a judge says?"""

from __future__ import annotations

from typing import ClassVar

from auditkit.inputs.tasks.multiclass import Multiclass
from auditkit.records import Task


class Generation(Multiclass):
    """One of several values of each sample, which has no truth; `auditkit.readers.generated` makes the rows."""

    name: ClassVar[Task] = "generation"
    checks: ClassVar[tuple[str, ...]] = ("generated_shares",)
    gap_targets: ClassVar[tuple[str, ...]] = ()
