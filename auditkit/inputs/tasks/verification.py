"""The task of pairs: are two faces, voices or fingerprints of one person? Yes is a match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from auditkit.inputs.tasks.binary import Binary
from auditkit.records import Task


class Verification(Binary):
    """Yes or no of each pair, in the words of biometrics; `auditkit.readers.verification` makes the rows."""

    name: ClassVar[Task] = "verification"
    checks: ClassVar[tuple[str, ...]] = ("match_rates", "error_tradeoff")
    change_options: ClassVar[Mapping[str, Any]] = {"metrics": ("false_match_rate", "false_non_match_rate")}
    gap_targets: ClassVar[tuple[str, ...]] = ()
