"""One check's accident is one check's absence.

Errors that auditkit raises on purpose (usage, data, the model on the data) stop an audit, as do memory that runs out
and the keyboard. Whatever else happens inside a check costs the report that check, and says so.
"""

from __future__ import annotations

import logging
from typing import Literal

from auditkit.check import Check
from auditkit.errors import AuditkitError
from auditkit.records import NotMeasured
from auditkit.wording import printable

OnError = Literal["not_measured", "raise"]
_LOG = logging.getLogger("auditkit")


def stops(e: Exception) -> bool:
    """Whether this is no accident of a check: an error on purpose, or memory that ran out."""
    memory = isinstance(e, MemoryError) or "OutOfMemory" in type(e).__name__ or "DefaultCPUAllocator" in str(e)
    return memory or isinstance(e, AuditkitError)


def accident(check: Check, e: Exception) -> NotMeasured:
    """What the report keeps: the check and the class, in our own words.

    A foreign message can quote rows, so it goes to the log (stderr, unless told otherwise), the traceback at DEBUG.
    """
    said = printable(" ".join(str(e).split()))
    _LOG.error("%s was not measured: %s: %s", check.name, type(e).__name__, said)
    _LOG.debug("where %s broke", check.name, exc_info=e)
    return NotMeasured(
        what=check.name,
        why=f"the check broke with {type(e).__name__}: this is an accident, not an answer; --debug shows where",
        accident=True,
    )
