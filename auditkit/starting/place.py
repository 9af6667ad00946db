"""Where a first configuration is written: a new file, or a table in a pyproject.toml that has none. Nothing is lost."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditkit import files
from auditkit.errors import PolicyError
from auditkit.gate.config import config_from
from auditkit.gate.toml import Document, scan

IN_PROJECT = "tool.auditkit"


def prefix_of(out: Path) -> str:
    """What tables are called below, in that file."""
    return IN_PROJECT if out.name == "pyproject.toml" else ""


def looked_over(out: Path, *, force: bool) -> None:
    """PolicyError where nothing may be written there; nothing is changed."""
    if prefix_of(out):
        _project(out)
        return
    if out.suffix != ".toml":
        raise PolicyError(f"{out} is no name of a configuration: it ends in .toml")
    if not out.absolute().parent.is_dir():
        raise PolicyError(f"{out.absolute().parent} is no folder")
    if not (out.exists() or out.is_symlink()):
        return
    if not force:
        raise PolicyError(
            f"{out} is there already, and is left alone: --out names another, --force moves it to {_old(out)}"
        )
    if _old(out).exists():
        raise PolicyError(f"{_old(out)} is there already, and would be lost: move it away first")


def write(text: str, out: Path, expected: Mapping[str, Any], *, force: bool) -> None:
    """Write the configuration, once it is sure that it can be read, and reads back to the tables that are expected."""
    looked_over(out, force=force)
    if prefix_of(out):
        before = _project(out)
        whole = f"{before}{'' if before.endswith(chr(10)) or not before else chr(10)}\n{text}"
        own = tomllib.loads(whole)["tool"]["auditkit"]
        config_from(Document(out.name, own, {p[2:]: n for p, n in scan(whole).items() if len(p) > 2}))
        assert {name: own[name] for name in expected} == expected, "the draft says what was answered"
        with open(out, "a", encoding="utf-8", newline="\n") as file:
            file.write(whole[len(before) :])
        return
    own = tomllib.loads(text)
    config_from(Document(out.name, own, scan(text)))
    assert {name: own[name] for name in expected} == expected, "the draft says what was answered"
    if out.exists() or out.is_symlink():
        out.rename(_old(out))
    try:
        with open(out, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as e:
        raise PolicyError(f"cannot write {out}: {e.strerror}") from None


def _old(out: Path) -> Path:
    return out.with_name(f"{out.name}.old")


def _project(path: Path) -> str:
    """The text of a pyproject.toml to which tables can be added."""
    if not path.is_file():
        raise PolicyError(f"there is no {path}: leave --out out, and auditkit.toml is written")
    try:
        text = files.read(path, PolicyError, expected="a TOML file").decode("utf-8")
        tool = tomllib.loads(text).get("tool", {})
    except (UnicodeDecodeError, ValueError) as e:
        if isinstance(e, PolicyError):
            raise
        raise PolicyError(f"{path} is no TOML file: {e}") from None
    if "auditkit" in tool:
        raise PolicyError(f"{path} has a [tool.auditkit] already, and is left alone: --out auditkit.toml writes a file")
    try:
        tomllib.loads(f"{text.rstrip()}\n\n[{IN_PROJECT}.data]\n")
    except ValueError:
        raise PolicyError(
            f"no table can be added to {path}: its `tool` is closed, as in tool = {{…}}; --out auditkit.toml writes a "
            "file"
        ) from None
    return text
