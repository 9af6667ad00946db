"""The task of pairs: are two faces, voices or fingerprints of one person? Yes is a match."""

from __future__ import annotations

from typing import ClassVar

from auditkit.inputs.tasks.binary import Binary
from auditkit.records import Task


class Verification(Binary):
    """Yes or no of each pair, in the words of biometrics; `auditkit.readers.verification` makes the rows."""

    name: ClassVar[Task] = "verification"
    checks: ClassVar[tuple[str, ...]] = ("match_rates", "error_tradeoff")
    gap_targets: ClassVar[tuple[str, ...]] = ()
