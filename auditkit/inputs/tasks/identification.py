"""The task of searches: does a gallery return the person who is enrolled, and nobody for one who is not?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from auditkit.inputs.tasks.verification import Verification
from auditkit.records import Task


class Identification(Verification):
    """Yes or no of each search; `auditkit.readers.identification` makes the rows."""

    name: ClassVar[Task] = "identification"
    checks: ClassVar[tuple[str, ...]] = ("identification_rates",)
    change_options: ClassVar[Mapping[str, Any]] = {
        "metrics": ("false_positive_identification_rate", "false_negative_identification_rate")
    }
