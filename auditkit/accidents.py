"""One check's accident is one check's absence.

Errors that auditkit raises on purpose (usage, data, the model on the data) stop an audit, as do memory that runs out
and the keyboard. Whatever else happens inside a check costs the report that check, and says so.
"""

from __future__ import annotations

import logging
from typing import Literal

from auditkit.check import Check
from auditkit.errors import AuditkitError, ForwardError, ran_out_of_memory
from auditkit.records import NotMeasured
from auditkit.wording import printable

OnError = Literal["not_measured", "raise"]
_LOG = logging.getLogger("auditkit")


def stops(e: Exception) -> bool:
    """Whether this is no accident of a check: an error on purpose, or memory that ran out.

    A net that fails inside a check has run on the audited rows before: it fails on what the check made of them.
    """
    return ran_out_of_memory(e) or (isinstance(e, AuditkitError) and not isinstance(e, ForwardError))


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
