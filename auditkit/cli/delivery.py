"""What a command hands over: files that are all written or none, then the verdict on the terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from auditkit.cli.terminal import console, while_heard
from auditkit.errors import ReportError
from auditkit.files import LONGEST, slug

if TYPE_CHECKING:
    from auditkit.records import Report
    from auditkit.verifying import Checked

WRITTEN = ("html", "json")
"""Formats that an audit writes unless --format says otherwise."""


class Place(NamedTuple):
    """Where an audit is written: looked at before the work, and not after it."""

    out: Path
    name: str
    """Of its files; empty: that of the audit or the model, which is not known before these are loaded."""
    formats: Sequence[str] | None
    force: bool

    def paths(self, default: str = "") -> dict[str, Path]:
        """Format → path, in a folder that can be written, over nothing that is no report; ReportError otherwise.

        `default` serves where there is no name. Without either, only the folder and the formats are looked at.
        """
        from auditkit.evidence_files import path_of
        from auditkit.report.formats import paths_of
        from auditkit.report.writing import refuse_strangers

        file_name = self.name or (slug(default) if default else "")
        if file_name:
            _check_name(file_name)
        try:
            there = next(p for p in (self.out, *self.out.absolute().parents) if p.exists() or p.is_symlink())
            if not there.is_dir():
                raise ReportError(f"cannot write to {self.out}: {there} is no folder")
            with tempfile.TemporaryFile(dir=there):
                pass  # rights, a read-only file system and a full one, all by trying
        except ReportError:
            raise
        except (OSError, ValueError) as e:  # too long, or with a NUL
            why = getattr(e, "strerror", None) or e
            raise ReportError(f"cannot write to {str(self.out)[:100]!r}: it is not writable ({why})") from None
        paths = paths_of(self.out / (file_name or "audit"), self.formats or WRITTEN)
        if file_name:
            second = [path_of(paths["json"])] if "json" in paths else []
            refuse_strangers([*paths.values(), *second], force=self.force)
        return paths


def deliver(
    report: Report,
    place: Place,
    quiet: bool,
    *,
    verdict: bool = True,
    full: bool = False,
    source: Path | None = None,
    policy: Path | None = None,
) -> None:
    """Write the report in all formats, or in none; then show its verdict, and what was written.

    `full` opens every fold of a page; `source` is the report's file, where none is written; `policy` is the file that
    judged, to whose lines some formats point.
    """
    from auditkit.report.formats import texts_of, write

    paths = place.paths(report.name or "audit")
    named = paths.get("json", source)
    json_name = named.name if named else ""
    told = {"json_name": json_name, "policy_file": "" if policy is None else from_root(policy)}
    texts = texts_of(report, paths, full=full, **told)
    write(texts, force=place.force)
    if not quiet:
        with while_heard():
            if verdict:
                show(report)
                print()
            tell(list(texts))


def from_root(file: Path) -> str:
    """A file as a repository names it, in whose root the program runs; outside of that its name alone.

    >>> from_root(Path("ethics") / "gate.toml"), from_root(Path("..") / "gate.toml")
    ('ethics/gate.toml', 'gate.toml')
    """
    try:
        return file.absolute().resolve().relative_to(Path.cwd().resolve()).as_posix()
    except (OSError, ValueError):
        return file.name


def _check_name(file_name: str) -> None:
    if len(file_name.encode("utf-8", "replace")) > LONGEST:
        raise ReportError(f"the file name '{file_name[:20]}…' is longer than {LONGEST} bytes: give a shorter --name")
    if slug(file_name) != file_name or file_name.startswith("."):
        raise ReportError(f"'{file_name}' is no file name: letters, digits, '.', '_' and '-' only")


def tell(paths: list[Path]) -> None:
    """What was written, how large, and the digest of what may be expected."""
    from auditkit.evidence_files import ENDING
    from auditkit.formatting import printable
    from auditkit.report.formats import format_of
    from auditkit.stored import digest

    for path in paths:
        named = path.name.endswith(".json") and not path.name.endswith(ENDING)  # which the report names itself
        named = named and format_of(path) == "json"
        kept = f"  {digest(path.read_bytes())}" if named else ""
        print(f"{printable(str(path))}  ({path.stat().st_size / 1000:.0f} kB){kept}")


def show_checked(checked: Iterable[Checked]) -> None:
    """What was verified, what was not, and what differs: a line each, the last one in words."""
    from auditkit.formatting import printable

    signs = {"same": "✓", "differs": "×", "not checked": "–"}
    for c in checked:
        print(printable(f"{signs[c.state]} {c.what}: {c.state if c.state != 'same' else 'agrees'}. {c.said}"))


def show(report: Report) -> None:
    from auditkit.report.terminal import print_summary

    print_summary(report, console())
