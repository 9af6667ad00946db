"""One check's accident is one check's absence.

What stops an audit: errors that auditkit raises on purpose (usage, data, the model on the data as it is), memory that
runs out, the keyboard, and whoever listens to its progress. What a check cannot say of this model (`NotExplained`) is
an absence with its reason. Whatever else happens inside a check is an accident: the report loses that check, and says
so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import traceback
from collections.abc import Iterator
from typing import Literal, get_args

from auditkit.check import Assessment, Check
from auditkit.errors import (
    AuditkitError,
    ForwardError,
    ModelError,
    NotExplained,
    PolicyError,
    listing,
    out_of_memory,
)
from auditkit.formatting import printable
from auditkit.progress import raised_by_listener
from auditkit.records import Finding, NotMeasured, StoredEvidence

OnError = Literal["not_measured", "raise"]
"""What an accident inside a check costs: that check, or the audit."""
VARIABLE = "AUDITKIT_ON_ERROR"
"""Of the environment: what holds where nothing is said, for those who debug and for tests, so that nothing hides."""
CAUGHT = (Exception, SystemExit, GeneratorExit)
"""What can happen inside a check: a net that leaves the process is an accident too. `KeyboardInterrupt` and what other
libraries cancel work with pass."""
_LOG = logging.getLogger("auditkit")


def chosen(on_error: OnError | None) -> OnError:
    """What was asked; else what the environment says; else "not_measured". PolicyError for anything else.

    >>> chosen("raise")
    'raise'
    """
    known: tuple[OnError, ...] = get_args(OnError)
    asked = os.environ.get(VARIABLE) or "not_measured" if on_error is None else on_error
    found = next((k for k in known if k == asked), None)
    if found is None:
        raise PolicyError(f"on_error is {listing(known)}; got {asked!r}")
    return found


def stops(e: BaseException) -> bool:
    """Whether this is no accident of a check: an error on purpose, memory that ran out, or who listens.

    A net that fails inside a check has run on the audited rows before: it fails on what the check made of them.
    """
    on_purpose = isinstance(e, AuditkitError) and not isinstance(e, ForwardError)
    return on_purpose or out_of_memory(e) or raised_by_listener(e)


def absence(check: Check, e: BaseException, on_error: OnError) -> NotMeasured | None:
    """What the report keeps of a check in which `e` was raised; None where it stops the audit.

    A foreign message can quote rows, so the report has the check and the class alone, in our own words; the message
    goes to the log (stderr, unless told otherwise), the traceback at DEBUG.
    """
    if isinstance(e, NotExplained):
        return NotMeasured(what=check.name, why=str(e), concern="explanation")
    if on_error == "raise" or stops(e):
        return None
    said = printable(f"{check.name} was not measured: {type(e).__name__}: {' '.join(str(e).split())}")
    _LOG.error("%s", said)
    where = "".join(traceback.format_exception(e)).splitlines()
    _LOG.debug("%s", "\n".join(map(printable, [f"where {check.name} broke", *where])))
    return NotMeasured(
        what=check.name,
        why=f"the check broke with {type(e).__name__}: this is an accident, not an answer; --debug shows where",
        accident=True,
    )


@contextlib.contextmanager
def absent_if_broken(check: Check, broken: dict[str, NotMeasured], on_error: OnError) -> Iterator[None]:
    """An accident inside costs this check alone; `broken` then says so."""
    try:
        yield
    except CAUGHT as e:
        absent = absence(check, e, on_error)
        if absent is None:
            if isinstance(e, Exception):
                raise
            raise ModelError(
                f"the check {check.name} ended with {type(e).__name__}: {e}; it must return or raise"
            ) from e
        broken[check.name] = absent


def fit_for_a_report(assessment: Assessment, kept: StoredEvidence) -> None:
    """What cannot be kept in a report is an accident of the check that said it, not of the report."""
    for finding in assessment.findings:
        Finding.model_validate(finding)
    for absent in assessment.not_measured:
        NotMeasured.model_validate(absent)
    kept.model_dump_json()
