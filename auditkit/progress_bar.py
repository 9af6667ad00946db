"""Progress that shows by itself where somebody is looking: a bar on the terminal, and how long long work will take."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from auditkit.progress import Progress, is_told, told_to

LONG = 30.0
"""Seconds from which work is announced."""
SURE = 1.0
"""Seconds of work by which its rate is told."""
SHORT = 1.0
"""Seconds of an audit before a bar appears."""

Asked = Progress | Literal[False] | None
"""Who is told: a callable, nobody, or (None) the terminal, if there is one."""


@contextlib.contextmanager
def shown(progress: Asked = None) -> Iterator[None]:
    """While it lasts, `tell` reaches `progress`; None: whoever is told already, else a bar on stderr if a terminal
    is there, and nobody if not (a pipe, a file, a notebook); False: nobody."""
    if progress is not None:
        with told_to(progress if callable(progress) else _nobody):
            yield
    elif is_told() or not _looking():
        yield
    else:
        with _Bar() as bar, told_to(bar):
            yield


def _nobody(what: str, done: int, total: int) -> None:
    """Told, and silent: so that whoever is called inside shows nothing either."""


def _looking() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # none, or closed
        return False


def duration(seconds: float) -> str:
    """A length of time as one says it.

    >>> duration(44), duration(75), duration(130), duration(5000)
    ('45 seconds', '1 minute', '2 minutes', '1.4 hours')
    """
    if seconds < 55:
        return f"{max(5, round(seconds / 5) * 5)} seconds"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{max(1, minutes)} minute{'s' * (minutes > 1)}"
    return f"{seconds / 3600:.1f} hours"


@dataclass(frozen=True)
class _Piece:
    """One piece of work under way."""

    since: float
    """When its rate began to be measured,"""
    start: int
    """and how much was done then."""
    done: int
    announced: bool = False


class Estimates:
    """Told like a listener; says of each long piece of work how long it will take, as soon as its rate is known.

    A piece takes (time so far) · total / done. Inside a piece that was announced, others are only if they take longer.

    >>> now = [0.0]
    >>> told = Estimates(print, clock=lambda: now[0])
    >>> for k in range(3):
    ...     now[0] = 4.0 * k
    ...     told("rows", k, 30)
    this will take about 2 minutes: rows (1 of 30 done)
    """

    def __init__(self, say: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.say, self.clock = say, clock
        self.pieces: dict[str, _Piece] = {}
        self.last = clock()
        self.ends = -1.0
        """When the piece that was announced will have ended."""

    def __call__(self, what: str, done: int, total: int) -> None:
        now, before, self.last = self.clock(), self.last, self.clock()
        piece = self.pieces.get(what)
        if piece is None or done <= piece.done:  # begun, or begun again
            piece = _Piece(before if done else now, 0, done)
        rate_of, took = done - piece.start, now - piece.since
        self.pieces[what] = replace(piece, done=done)
        if piece.announced or rate_of <= 0 or took < SURE or done >= total:
            return
        left = took / rate_of * (total - done)
        if took + left < LONG or now + left < self.ends + LONG:
            return
        self.ends = now + left
        self.pieces[what] = replace(piece, done=done, announced=True)
        self.say(f"this will take about {duration(left)}: {what} ({done:,} of {total:,} done)")


class _Bar:
    """A bar that appears when the work lasts, and goes when it ends; what is announced stays."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.estimates = Estimates(self._say)
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        from auditkit.formatting import printable

        if self.bar is None and time.monotonic() - self.began >= SHORT:
            self._start(printable(what))
        if self.bar is not None:
            self.bar.update(self.task, description=printable(what), completed=done, total=total)
        self.estimates(printable(what), done, total)

    def _start(self, doing: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        what = TextColumn("{task.description:<34}", markup=False)
        self.bar = Bar(
            *(what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
            console=Console(stderr=True, highlight=False, force_jupyter=False),
            transient=True,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),  # what is piped stays what it is
        )
        self.task = self.bar.add_task(doing, total=None)
        self.bar.start()

    def _say(self, text: str) -> None:
        if self.bar is None:
            self._start("")
        self.bar.console.print(f"auditkit: {text}", markup=False)
