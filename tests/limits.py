"""A call in a child of this warm process, with limits of time and memory: what came out, how long, how much."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

WAIT = 2
"""Who waits, for a core or for what never comes, may take this many times as long by the wall."""


class Ran(NamedTuple):
    """What a call came to."""

    value: Any
    """What it returned; None where it raised."""
    error: str
    """Class of what it raised; "" where it returned, "killed" where it ran out of time, "died" where it ended."""
    message: str
    megabytes: float
    """Resident memory at its peak, above what the warm process had."""


def run(call: Callable[[], Any], *, seconds: float = 5.0, megabytes: int = 1_000) -> Ran:
    """Run `call` in a fork of this process: killed after `seconds` of one core, whatever else the machine does;
    MemoryError beyond `megabytes` more memory."""
    read, write = os.pipe()
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child waits for no thread
        pid = os.fork()
    if pid == 0:
        os.close(read)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        _child(call, write, megabytes)
    os.close(write)
    said = _until(read, started + WAIT * seconds)
    if said is None:
        os.kill(pid, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(read)
    if not said:
        late = said is None or ended == -signal.SIGPROF
        return Ran(None, "killed" if late else "died", "", float("nan"))
    return Ran(*pickle.loads(said))


def _child(call: Callable[[], Any], write: int, megabytes: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + megabytes * 2**20,) * 2)
    value, error, message = None, "", ""
    try:
        value = call()
    except BaseException as e:
        error, message = type(e).__name__, str(e) or traceback.format_exc()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    try:
        said = pickle.dumps((value, error, message, grown))
    except Exception:
        said = pickle.dumps((repr(value), error, message, grown))
    with os.fdopen(write, "wb") as pipe:
        pipe.write(said)
    os._exit(0)


def _until(read: int, deadline: float) -> bytes | None:
    """All that the child writes; None where it is not done in time."""
    said = b""
    while (left := deadline - time.perf_counter()) > 0:
        ready, _, _ = select.select([read], [], [], left)
        if ready:
            part = os.read(read, 2**20)
            if not part:
                return said
            said += part
    return None
