"""Formats by name, and writing them: all or nothing."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from auditkit.errors import AuditkitError, ReportError, listing, nearest
from auditkit.records import Report


class Format(NamedTuple):
    """A format: its suffix, and the function Report → text, imported on first use."""

    suffix: str
    home: str


FORMATS: dict[str, Format] = {
    "html": Format(".html", "auditkit.report.html.page:render"),
    "json": Format(".json", "auditkit.report.canonical:render"),
    "junit": Format(".xml", "auditkit.report.junit:render"),
}
"""Every format; a new one is one line here and one function."""


def render(report: Report, format: str) -> str:
    """The report in a format; ReportError naming the nearest for an unknown one, or for parts that do not fit."""
    if format not in FORMATS:
        raise ReportError(f"unknown format '{format}'; known are {listing(FORMATS)}.{nearest(format, FORMATS)}")
    module, _, function = FORMATS[format].home.partition(":")
    try:
        return cast(Callable[[Report], str], getattr(importlib.import_module(module), function))(report)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as e:
        if isinstance(e, AuditkitError):
            raise
        raise ReportError(
            f"the report cannot be written as {format}: its parts do not fit together ({type(e).__name__}: "
            f"{' '.join(str(e).split())[:120]})"
        ) from e


def save(report: Report, path: Path) -> Path:
    """Write one file in the format of its suffix, atomically."""
    for name, format in FORMATS.items():
        if format.suffix == path.suffix.lower():
            write({path: render(report, name)})
            return path
    raise ReportError(f"no format writes '{path.suffix}'; suffixes are {listing(f.suffix for f in FORMATS.values())}")


def write(texts: Mapping[Path, str]) -> None:
    """Write all files or none: each beside its place first, then renamed.

    A file that is there already and is no auditkit report is not overwritten. Raises ReportError.
    """
    waiting: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and b"auditkit" not in path.read_bytes():
                raise ReportError(f"{path} is there already and is no auditkit report: choose another name")
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            waiting[Path(name)] = path
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        for temporary, path in waiting.items():
            temporary.chmod(0o644)
            temporary.replace(path)
    except OSError as e:
        raise ReportError(f"cannot write {e.filename or next(iter(texts))}: {e.strerror}") from None
    finally:
        for temporary in waiting:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
