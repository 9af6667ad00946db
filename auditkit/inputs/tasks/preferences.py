"""The task of pairs of texts: is the stereotype more likely to a language model than its counterpart?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from auditkit.inputs.tasks.binary import Binary
from auditkit.records import Task


class Preferences(Binary):
    """Yes or no of each pair, which has no truth; `auditkit.readers.preferences` makes the rows."""

    name: ClassVar[Task] = "preferences"
    checks: ClassVar[tuple[str, ...]] = ("preference_rates",)
    change_options: ClassVar[Mapping[str, Any]] = {"metrics": ("stereotype_preference",)}
    gap_targets: ClassVar[tuple[str, ...]] = ()
