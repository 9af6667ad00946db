"""Every error that auditkit raises on purpose.

AuditkitError
├── DataError (ValueError)          the rows or columns are not what was declared
├── ModelError (ValueError)         the model cannot be loaded, run or explained
│   ├── NotExplained                it runs, but a check has nothing to say of it: that check's absence
│   └── ForwardError                preprocess or the net fails on rows: on the audited ones the audit stops, on rows
│                                   that a check made up only the check
├── PolicyError (ValueError)        the configuration or the policy file is wrong
├── ReportError (ValueError)        a stored report cannot be read or written
├── EvidenceError (ValueError)      two pieces of evidence cannot be added
└── PolicyViolation (AssertionError) the audit ran, and the policy is not met

AuditWarning (UserWarning)           the audit ran, and something that a caller may overlook is not decided
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator

_LONG = re.compile(r"[^\s']{420,}|'[^'\n]{420,}'")
"""A word, or what stands between quotes, of which more than the first 400 signs is nothing to read."""


class AuditkitError(Exception):
    """The root: catch this to catch everything that auditkit raises on purpose. It quotes little of a long name.

    >>> len(str(AuditkitError(f"unknown key '{'9' * 5_000}'; known are 'rule'")))
    432
    """

    def __init__(self, *said: object) -> None:
        super().__init__(*(_LONG.sub(_begun, x) if isinstance(x, str) else x for x in said))


def _begun(long: re.Match[str]) -> str:
    text = long[0]
    return f"{text[:400]}…'" if text.startswith("'") else f"{text[:400]}…"


class DataError(AuditkitError, ValueError):
    """The rows or columns are not what was declared."""


class ModelError(AuditkitError, ValueError):
    """The model cannot be loaded, run or explained as asked."""


class NotExplained(ModelError):
    """The model runs on the data, but a check has nothing to say of it; the message is the reason.

    An audit goes on without what was asked: the reason stands in the report, so it quotes no row.
    """


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


class AuditWarning(UserWarning):
    """The audit ran, nothing stands in the way, and something is not decided all the same."""


@contextlib.contextmanager
def foreign(what: str) -> Iterator[None]:
    """Code that is not ours runs inside: it may fail, but it may not end the process as if all were well.

    `SystemExit`, and whatever else is no `Exception`, becomes a `ModelError`; the keyboard still interrupts.

    >>> with foreign("the factory"):
    ...     raise SystemExit(0)
    Traceback (most recent call last):
    auditkit.errors.ModelError: the factory ended with SystemExit: 0; it must return or raise an Exception
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as e:
        said = " ".join(str(e).split())[:200]
        raise ModelError(
            f"{what} ended with {type(e).__name__}{f': {said}' if said else ''}; it must return or raise an Exception"
        ) from e


_MEMORY = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED", "std::bad_alloc")
"""What libraries say when memory ran out under another name: torch's allocators, cuBLAS, cuDNN, C++."""


def out_of_memory(e: BaseException) -> bool:
    """Whether it is memory that ran out, on the CPU or on a device.

    >>> out_of_memory(MemoryError()), out_of_memory(RuntimeError("mat1 and mat2 do not fit"))
    (True, False)
    """
    named = isinstance(e, MemoryError) or "OutOfMemory" in type(e).__name__
    return named or (isinstance(e, RuntimeError | OSError) and any(said in str(e) for said in _MEMORY))


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


def choices(name: object, known: Iterable[object], *, most: int = 12) -> str:
    """What there is, and the name among it that is nearest to one that is not: how messages about names end.

    >>> choices("gendr", ["age", "gender"])
    "age, gender. Did you mean 'gender'?"
    """
    names = [str(n) for n in known]
    return f"{listing(names, most=most)}.{nearest(str(name), names)}"
