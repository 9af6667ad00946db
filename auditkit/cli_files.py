"""Where the command line puts its files: a place that can be written, looked at before the work and not after it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.errors import ReportError, listing, nearest

if TYPE_CHECKING:
    from auditkit.records import Report

_LONGEST = 200
"""Bytes of a file name, at most: file systems know 255, and a suffix comes on top."""


def check_place(out: Path, file_name: str, formats: Sequence[str]) -> None:
    """ReportError unless files of this name, in these formats, can be written to this folder."""
    from auditkit.report.formats import FORMATS

    for format in formats:
        if format not in FORMATS:
            raise ReportError(f"unknown format '{format}'; known are {listing(FORMATS)}.{nearest(format, FORMATS)}")
    if len(file_name.encode("utf-8", "replace")) > _LONGEST:
        raise ReportError(f"the file name '{file_name[:20]}…' is longer than {_LONGEST} bytes: give a shorter --name")
    if slug(file_name) != file_name or file_name.startswith("."):
        raise ReportError(f"'{file_name}' is no file name: letters, digits, '.', '_' and '-' only")
    try:
        _check_folder(out)
        for format in formats:
            _check_file(out / f"{file_name}{FORMATS[format].suffix}")
    except (OSError, ValueError) as e:
        if isinstance(e, ReportError):
            raise
        raise ReportError(f"cannot write to {out}: {getattr(e, 'strerror', None) or e}") from None


def _check_folder(out: Path) -> None:
    there = next(p for p in (out, *out.absolute().parents) if p.exists() or p.is_symlink())
    if not there.is_dir():
        raise ReportError(f"cannot write to {out}: {there} is no folder")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass  # rights, a read-only file system and a full one, all by trying
    except OSError as e:
        raise ReportError(f"cannot write to {out}: {there} is not writable ({e.strerror})") from None


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise ReportError(f"cannot write {path}: it is a folder; give another --name")
    if path.exists() and not path.stat().st_mode & 0o222:
        raise ReportError(f"cannot write {path}: it is there already, and read-only; give another --name")


def write(report: Report, out: Path, formats: Sequence[str], *, file_name: str) -> list[Path]:
    """Write a report in these formats, all of them or none."""
    from auditkit.report.formats import FORMATS, render
    from auditkit.report.formats import write as write_all

    check_place(out, file_name, formats)
    texts = {f: render(report, f) for f in dict.fromkeys(formats)}
    paths = {out / f"{file_name}{FORMATS[f].suffix}": text for f, text in texts.items()}
    write_all(paths)
    return list(paths)


def tell(paths: Sequence[Path]) -> None:
    """A line a file."""
    for path in paths:
        print(f"{path}  ({path.stat().st_size / 1000:.0f} kB)")


def slug(name: str) -> str:
    """A name of a file out of any name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:_LONGEST] or "audit"
