"""What the command line writes on a terminal beside its results: a bar, and text that a terminal cannot be led by."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

    from auditkit.progress import Progress as Listener


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


@contextlib.contextmanager
def told_progress(quiet: bool) -> Iterator[Listener | None]:
    """A bar on stderr with rows a second and time left, where somebody is looking."""
    screen = console(stderr=True)
    if quiet or not screen.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("loading", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


# ---- streams that do not know our signs, or that nobody reads any more

_SIGNS = {
    "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~",
    "✓": "+", "✗": "x", "×": "x", "·": ".", "•": "*", "“": '"', "”": '"', "‘": "'", "’": "'", "±": "+-", "∞": "inf",
    "─": "-", "━": "-", "│": "|", "α": "alpha", "Σ": "sum", "Δ": "delta", "\u00a0": " ", "\u202f": " ",
}  # fmt: skip
"""What stands for a sign where it cannot be written; "?" for every other one."""


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    return "".join(_SIGNS.get(c, "?") for c in signs), error.end


codecs.register_error("auditkit.signs", _replaced)


class _Lenient:
    """A stream that goes on where its reader is gone: what is written then is lost, and the exit status is kept."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._going_on():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._going_on():
            self._stream.flush()

    @contextlib.contextmanager
    def _going_on(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError):  # a pipe without a reader, a full disk, a closed file
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def lenient_streams() -> Iterator[None]:
    """Within: signs that stdout and stderr cannot write are replaced, and streams that broke are written to no more."""
    _hold_standard_places()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="auditkit.signs")
    sys.stdout, sys.stderr = (s if s is None else cast(TextIO, _Lenient(s)) for s in before)
    try:
        yield
    finally:
        for ours in (sys.stdout, sys.stderr):
            if ours is not None:
                ours.flush()
        sys.stdout, sys.stderr = before


def _hold_standard_places() -> None:
    """Where stdout or stderr was closed, the next file opened would get its place, and what is meant for it."""
    if sys.stdout is None or sys.stderr is None:
        while (place := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(place)


def utf8(text: str) -> str:
    """Text that can be written as UTF-8: bytes of the command line that are none are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
