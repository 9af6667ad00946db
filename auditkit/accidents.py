"""One check's accident is one check's absence.

Errors that auditkit raises on purpose (usage, data, the model on the data) stop an audit, as do memory that runs out
and the keyboard. Whatever else happens inside a check costs the report that check, and says so.
"""

from __future__ import annotations

import logging
import traceback
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
    said = printable(f"{check.name} was not measured: {type(e).__name__}: {' '.join(str(e).split())}")
    _LOG.error("%s", said)
    where = "".join(traceback.format_exception(e)).splitlines()
    _LOG.debug("%s", "\n".join(map(printable, [f"where {check.name} broke", *where])))
    return NotMeasured(
        what=check.name,
        why=f"the check broke with {type(e).__name__}: this is an accident, not an answer; --debug shows where",
        accident=True,
    )
