"""An environment variable for every flag: AUDITKIT_RUN_POLICY says what `auditkit run --policy` says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import auditkit as ak
from auditkit.errors import nearest

PREFIX = "AUDITKIT"
_NO_FLAGS = ("version", "install_completion", "show_completion", "help")
_known: dict[str, str] = {}
"""Variable → the command that it is of, once `named` has looked."""


def named(program: Any) -> Any:
    """The program, each flag and argument of whose commands takes its value from a variable too.

    The name is that of the command and the flag: `AUDITKIT_RUN_Y_TRUE`, `AUDITKIT_DEBUG`. What is repeatable is split
    at blanks, paths as in PATH. A flag that is given comes before its variable; an empty variable is none.
    """
    for command, parameter in _parameters(program, ()):
        if parameter.name not in _NO_FLAGS:
            flag = max(parameter.opts, key=len).lstrip("-")
            parameter.envvar = "_".join((PREFIX, *command, flag)).upper().replace("-", "_")
            _known[parameter.envvar] = command[0] if command else ""
    return program


def _parameters(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield from ((path, parameter) for parameter in command.params)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _parameters(inner, (*path, name))


def refuse_unknown(command: str) -> None:
    """PolicyError for a variable that begins as those of the command, and is none: what it asks would be left out."""
    begin = f"{PREFIX}_{command}_".upper().replace("-", "_")
    for name in os.environ:
        if name.startswith(begin) and name not in _known:
            names = [known for known in _known if known.startswith(begin)]
            raise ak.PolicyError(
                f"the environment variable {name} is no flag of `auditkit {command}` (-h names them)."
                f"{nearest(name, names)}"
            )


def used(command: str) -> list[str]:
    """What a shell would write before the command: `env` and the variables of its flags that are set, or nothing."""
    found = [f"{name}={os.environ[name]}" for name, of in _known.items() if of == command and os.environ.get(name)]
    return ["env", *found] if found else []
