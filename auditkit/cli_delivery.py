"""What a command hands over: files that are all written or none, then the verdict on the terminal."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.cli_terminal import console, while_heard
from auditkit.errors import ReportError

if TYPE_CHECKING:
    from auditkit.records import Report

WRITTEN = ("html", "json")
"""Formats that an audit writes unless --format says otherwise."""


def deliver(report: Report, out: Path, formats: list[str] | None, quiet: bool, *, file_name: str, force: bool) -> None:
    written = write(report, out, formats or WRITTEN, True, file_name=file_name, force=force)
    if not quiet:
        with while_heard():
            show(report)
            print()
            _tell(written)


def write(report: Report, out: Path, formats: Sequence[str], quiet: bool, *, file_name: str, force: bool) -> list[Path]:
    from auditkit.report.formats import render
    from auditkit.report.formats import write as write_files

    paths = check_place(out, file_name, formats, force)
    texts = {path: render(report, f) for f, path in paths.items()}
    write_files(texts, force=force)
    if not quiet:
        with while_heard():
            _tell(list(texts))
    return list(texts)


def check_place(out: Path, file_name: str | None, formats: Sequence[str] | None, force: bool) -> dict[str, Path]:
    """Format → path, before the work and not after it: in a folder that can be written, over nothing that is no report.

    Without a file name only the folder and the formats are looked at.
    """
    from auditkit.report.formats import paths_of
    from auditkit.report.writing import refuse_strangers

    if file_name is not None and (slug(file_name) != file_name or file_name.startswith(".")):
        raise ReportError(f"'{file_name}' is no file name: letters, digits, '.', '_' and '-' only")
    try:
        there = next(p for p in (out, *out.absolute().parents) if p.exists())
    except (OSError, ValueError) as e:  # too long, or with a NUL
        raise ReportError(f"cannot write to {str(out)[:100]!r}: {getattr(e, 'strerror', None) or e}") from None
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ReportError(f"cannot write to {out}: {there} is {'not writable' if there.is_dir() else 'no folder'}")
    paths = paths_of(out / (file_name or "audit"), formats or WRITTEN)
    if file_name is not None:
        refuse_strangers(paths.values(), force=force)
    return paths


def _tell(paths: list[Path]) -> None:
    from auditkit.stored import digest
    from auditkit.wording import printable

    for path in paths:
        kept = f"  {digest(path.read_bytes())}" if path.suffix == ".json" else ""
        print(f"{printable(str(path))}  ({path.stat().st_size / 1000:.0f} kB){kept}")


def slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "audit"


def show(report: Report) -> None:
    from auditkit.report.terminal import print_summary

    print_summary(report, console())
