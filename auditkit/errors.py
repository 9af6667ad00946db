"""Every error that auditkit raises on purpose.

AuditkitError
├── DataError (ValueError)          the rows or columns are not what was declared
├── ModelError (ValueError)         the model cannot be loaded, run or explained
│   └── ForwardError                preprocess or the net fails on rows: on the audited ones the audit stops, on rows
│                                   that a check made up only the check
├── PolicyError (ValueError)        the configuration or the policy file is wrong
├── ReportError (ValueError)        a stored report cannot be read or written
├── EvidenceError (ValueError)      two pieces of evidence cannot be added
└── PolicyViolation (AssertionError) the audit ran, and the policy is not met
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AuditkitError(Exception):
    """The root: catch this to catch everything that auditkit raises on purpose."""


class DataError(AuditkitError, ValueError):
    """The rows or columns are not what was declared."""


class ModelError(AuditkitError, ValueError):
    """The model cannot be loaded, run or explained as asked."""


class ForwardError(ModelError):
    """`preprocess` or the net itself fails on rows, or gives what cannot be read; the message quotes what it said."""


class PolicyError(AuditkitError, ValueError):
    """The configuration or the policy is wrong; the message names file, line and the nearest right name."""


class ReportError(AuditkitError, ValueError):
    """A stored report cannot be read, or a report cannot be written."""


class EvidenceError(AuditkitError, ValueError):
    """Two pieces of evidence differ in options, edges or versions and cannot be added."""


class PolicyViolation(AuditkitError, AssertionError):
    """The audit ran and its policy is not met."""


def ran_out_of_memory(e: BaseException) -> bool:
    """Whether it is memory that ran out, on whatever device."""
    return isinstance(e, MemoryError) or "OutOfMemory" in type(e).__name__ or "DefaultCPUAllocator" in str(e)


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint naming the closest known name, or nothing.

    >>> nearest("gendr", ["age", "gender"])
    " Did you mean 'gender'?"
    >>> nearest("zzz", ["age", "gender"])
    ''
    """
    known = [str(n) for n in names]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.55)
    if not close:
        folded = {k.lower(): k for k in known}
        close = [folded[c] for c in difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.55)]
    return f" Did you mean '{close[0]}'?" if close else ""


def listing(names: Iterable[object], *, most: int = 12) -> str:
    """Names joined for a message, cut after `most`.

    >>> listing(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = [str(n) for n in names]
    if len(shown) <= most:
        return ", ".join(shown)
    return f"{', '.join(shown[:most])} and {len(shown) - most} more"
