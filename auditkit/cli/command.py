"""The command line as a report keeps it: what makes the report again, without secrets and foreign paths."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

HIDDEN = "***"
_SECRET = re.compile(
    r"token|passw|pwd|passphrase|secret|api[-_]?key|access[-_]?key|private[-_]?key|credential|auth|bearer|cookie|session"
    r"|signature|\bsig\b|\bkey$",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?P<name>-{0,2}[A-Za-z][\w.-]*)=(?P<value>.*)", re.DOTALL)
_USER = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@\s]*@", re.IGNORECASE)
_TOLD = ("--weights-key",)
"""Flags whose names look like those of secrets, and are none."""


def told_command(arguments: Sequence[str], *, folder: Path | None = None) -> str:
    """One line for a shell: values of flags and variables that name a secret are hidden, paths outside are names.

    `folder`: the working folder; None: the current one.

    >>> told_command(["auditkit", "run", "--api-key", "abc", "HF_TOKEN=xyz", "/home/jo/rows.csv"], folder=Path("/srv"))
    "auditkit run --api-key '***' 'HF_TOKEN=***' rows.csv"
    """
    here = (folder or Path.cwd()).absolute()
    out: list[str] = []
    hide = False
    for argument in arguments:
        named = _NAMED.fullmatch(argument)
        if hide and not argument.startswith("--"):
            out.append(HIDDEN)
            hide = False
        elif named is not None:
            value = HIDDEN if _is_secret(named["name"]) else _told(named["value"], here)
            out.append(f"{named['name']}={value}")
            hide = False
        else:
            hide = argument.startswith("-") and _is_secret(argument)
            out.append(argument if argument.startswith("-") else _told(argument, here))
    return shlex.join(out)


def _is_secret(name: str) -> bool:
    return name not in _TOLD and _SECRET.search(name) is not None


def _told(value: str, here: Path) -> str:
    value = _USER.sub(r"\g<scheme>", value)
    if "://" in value and not value.startswith("file://"):
        return value.split("?")[0]
    bare = value.removeprefix("file://")
    windows = PureWindowsPath(bare)
    if windows.drive or ("\\" in bare and "/" not in bare):
        return windows.name
    head, colon, tail = bare.partition(":") if bare.startswith(("/", "~", "..")) else (bare, "", "")
    path = Path(head)
    if head.startswith("~"):
        return path.name + colon + tail
    if not path.is_absolute() and ".." not in path.parts:
        return value
    parts: list[str] = []
    for part in (here / path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    whole = Path(*parts)
    inside = whole.is_relative_to(here)
    return (str(whole.relative_to(here)) if inside else whole.name) + colon + tail
