"""What the command line writes beside its results, and how: streams that are there, and signs that they can write."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def usable_streams() -> None:
    """Streams that the caller closed lead nowhere (else the next file that is opened would take their place), and signs
    that a stream cannot write are replaced."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="auditkit.signs")


@contextlib.contextmanager
def while_heard() -> Iterator[None]:
    """Print as long as somebody reads: a closed pipe or a full disk behind stdout changes nothing of a verdict."""
    try:
        yield
        sys.stdout.flush()
    except (OSError, SystemExit) as e:  # rich leaves when a pipe is closed
        if isinstance(e, OSError) and e.filename is not None:  # that of a file, not of the stream
            raise
        if isinstance(e, OSError) and not isinstance(e, BrokenPipeError):
            complain(f"auditkit: cannot write to stdout: {e.strerror}")
        with contextlib.suppress(OSError, ValueError):  # what is buffered still has to go somewhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """One line on stderr, if that can be written."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr)


# ---- signs that a stream does not know

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
