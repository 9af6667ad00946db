"""Memory that is free, given back."""

from __future__ import annotations

import contextlib
import ctypes
import time

SECONDS = 1.0
"""Between two times: what is given back has to be asked for again."""

_last = -SECONDS


def give_back() -> bool:
    """Give back to the system what lies free between what is held; whether that was done, at most once a second.

    Where passes through a net leave holes that the next does not fit, glibc keeps them: an audit of pictures held
    100 MB that nothing used. Elsewhere there is nothing to call, and nothing is done.
    """
    global _last
    now = time.monotonic()
    if now - _last < SECONDS:
        return False
    _last = now
    with contextlib.suppress(OSError, TypeError, AttributeError):  # no such library, or another's
        return bool(ctypes.CDLL(None).malloc_trim(0))
    return False
