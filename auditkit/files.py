"""Files that others hand in: regular ones only, opened once, never waited for, no larger than stated."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from auditkit.errors import AuditkitError, nearest

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


LONGEST = 200
"""Bytes of a file name, at most: file systems know 255, and a suffix comes on top."""


def kind_of(mode: int) -> str:
    """What stands at a path, by its mode: "" for a regular file."""
    return "" if stat.S_ISREG(mode) else next((words for holds, words in _KINDS if holds(mode)), "no file")


def opened(path: Path, error: type[AuditkitError], *, what: str = "", expected: str = "") -> BinaryIO:
    """A regular file, open for reading; `error` for anything else, at once, without waiting for a pipe's other end.

    `what` names it in "cannot read …", `expected` says what should have stood there.
    """
    named = f"{what} {path}".lstrip()
    try:
        # by its name first: opening a device may do something, and opening a pipe would wait
        _refuse(path.stat().st_mode, named, error, expected)
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as e:
        raise error(f"cannot read {named}: {e.strerror}") from None
    except ValueError as e:  # a NUL in the name
        raise error(f"cannot read {named!r}: {e}") from None
    try:
        _refuse(os.fstat(file.fileno()).st_mode, named, error, expected)
    except BaseException:
        file.close()
        raise
    return file


def read(
    path: Path, error: type[AuditkitError], *, most: int | None = None, what: str = "", expected: str = ""
) -> bytes:
    """All of a regular file of at most `most` bytes; `error` otherwise."""
    with opened(path, error, what=what, expected=expected) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            # asked for one byte more: a file can grow, and those of /proc say that they are empty
            content = b"" if most is not None and size > most else file.read(-1 if most is None else most + 1)
        except OSError as e:
            raise error(f"cannot read {path}: {e.strerror}") from None
    if most is not None and max(size, len(content)) > most:
        raise error(f"{path} is larger than {most / 1e6:g} MB{f'; expected {expected}' if expected else ''}")
    return content


def _refuse(mode: int, named: str, error: type[AuditkitError], expected: str) -> None:
    if kind := kind_of(mode):
        raise error(f"{named} is {kind}; expected {expected or 'a file'}")


_VARIABLE = re.compile(r"\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\}|([^}]*\}?))")


def expanded(path: str) -> str:
    """A path with the environment's variables in the place of `${NAME}`; nothing else stands for anything.

    ValueError for one that is not set, or empty, and for `${…}` around what is no name.

    >>> os.environ["ROWS"] = "/srv/rows"
    >>> expanded("${ROWS}/$HOME/~/test.parquet")
    '/srv/rows/$HOME/~/test.parquet'
    >>> del os.environ["ROWS"]
    """
    return _VARIABLE.sub(_value, path)


def _value(found: re.Match[str]) -> str:
    name = found[1]
    if name is None:
        raise ValueError(f"'{found[0]}' is no variable: write ${{NAME}}, with a name of letters, digits and '_'")
    if name not in os.environ:
        known = [n for n in os.environ if n.isidentifier()]
        raise ValueError(f"the environment variable {name} is not set.{nearest(name, known)}".rstrip("."))
    if not os.environ[name]:
        raise ValueError(f"the environment variable {name} is empty")
    return os.environ[name]


def slug(name: str) -> str:
    """A name of a file out of any name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:LONGEST] or "audit"
