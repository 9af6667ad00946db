"""Files on a disk: all or none, of one audit, over nothing but reports of ours.

Writers of one folder take turns. Each file is written beside its place and renamed, the report.json first and its
evidence next; before that, pages and evidence of the report that it replaces are put aside. Whoever is killed in
between leaves one report.json and perhaps no page, or not the evidence that no rule asks, never files of two audits.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from auditkit import files, stored
from auditkit.errors import AuditkitError, ReportError
from auditkit.evidence_files import ENDING
from auditkit.records import Report

try:
    import fcntl
except ImportError:  # no POSIX: writers do not take turns there
    fcntl = None  # type: ignore[assignment]

_PATIENCE = 60.0
"""Seconds to wait for another writer, who needs less than one."""
_WAITING = ".auditkit-*.tmp"
DIGEST = "auditkit-report"
"""Name of the page's `meta` with the digest of the report.json that it was made of."""


_UNTOLD = ("evidence", "elsewhere", "explorer")


def digest(report: Report) -> str:
    """What tells this report from others, kept in its page and its JUnit: SHA-256 of all but the evidence, and what
    other thresholds would do, which follows from it."""
    try:
        return stored.digest(report.model_dump_json(exclude={*_UNTOLD}).encode())
    except ValueError:  # half a character somewhere: such a report has no JSON that could be beside it
        return stored.digest(repr(report.model_dump(exclude={*_UNTOLD})).encode("utf-8", "surrogatepass"))


_OTHERS = (b'"auditkit.changes/', b'"auditkit.evidence/')
"""Schemas of files of ours that tell of no one report: a comparison; evidence, which reports name by its hash."""


def write(texts: Mapping[Path, str], *, derived: Iterable[Path] = (), force: bool = False) -> None:
    """Write all files or none; of `derived`, those that tell of another report are removed. Raises ReportError."""
    try:
        for path in texts:
            path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as e:
        raise ReportError(f"cannot write {path}: {getattr(e, 'strerror', None) or e}") from None
    with contextlib.ExitStack() as turns:
        for folder in sorted({path.parent.resolve() for path in texts}):
            turns.enter_context(_turn(folder))
        targets = {_target(path, force=force): text for path, text in texts.items()}
        refuse_strangers(targets, force=force)
        if not force:
            _refuse_another_kind(targets)
        stale = [p for p in derived if p not in texts and _is_stale(p, texts)]
        _exchange(targets, stale)
    for path in stale:
        import logging  # which hardly any page waits for

        log = logging.getLogger("auditkit")
        log.warning("%s was removed: it told of another audit than the report.json beside it", path)


def refuse_strangers(paths: Iterable[Path], *, force: bool = False) -> None:
    """ReportError for a place that a report cannot take; unless forced, also for a file that is no report."""
    for path in paths:
        try:
            there = _there(path)
        except (OSError, ValueError) as e:
            raise ReportError(f"cannot write {path}: {getattr(e, 'strerror', None) or e}") from None
        if there is None:
            continue
        kind = "" if stat.S_ISLNK(there.st_mode) else files.kind_of(there.st_mode)
        if kind:
            raise ReportError(f"cannot write {path}: it is {kind}")
        if force:
            continue
        if stat.S_ISLNK(there.st_mode):
            raise ReportError(f"{path} is a link that leads nowhere: choose another name, or --force")
        if not there.st_mode & 0o222:
            raise ReportError(f"{path} is there already and is write-protected: choose another name, or --force")
        if told_by(path) is None:
            raise ReportError(f"{path} is there already and is no auditkit report: choose another name, or --force")


def _there(path: Path) -> os.stat_result | None:
    """What stands at a path, behind links where they lead to something; None for nothing."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            with contextlib.suppress(FileNotFoundError):
                return path.stat()
        return found
    except FileNotFoundError:
        return None


def told_by(path: Path) -> str | None:
    """The digest of the report that a file of ours tells of, "" where it names none; None for a file that is not ours.

    By structure: the schema of a report.json, the `generator` of a page's head, the root of a JUnit file, and of every
    other format the `mark` in its first two lines.
    """
    try:
        content = files.read(path, ReportError, most=stored.MOST_BYTES)
    except ReportError:
        return None
    return _told(content)


def foreign_digest(path: Path, text: str) -> bool:
    """Whether `path` is a report.json of ours, and `text` a page (or JUnit) that tells of another."""
    told, mine = told_by(path) if path.exists() else None, _told(text.encode())
    return bool(told) and bool(mine) and told != mine


def mark(report: Report) -> str:
    """What the first two lines of a format hold that is no report.json, page or JUnit, so that its files are known."""
    return f"{DIGEST} {digest(report)}"


_MARK = re.compile(rf'{DIGEST}(?: |": ?")(sha256:[0-9a-f]{{64}})'.encode())
"""In words, or as a key of JSON."""


def _told(content: bytes) -> str | None:
    start = content[:65_536].lstrip()
    if start.startswith(b"{") and (told := _of_json(content)) is not None:
        return told
    if start[:9].lower() == b"<!doctype":
        return _of_page(start)
    found = _MARK.search(b" ".join(start.split(b"\n", 2)[:2]))
    return _of_junit(start) if found is None else found[1].decode()


def _of_json(content: bytes) -> str | None:
    if not any(name in content for name in (b'"auditkit.report/', *_OTHERS)):
        return None
    try:
        said = json.loads(content)
        version = str(said["schema_version"])
        if version.startswith(("auditkit.changes/", "auditkit.evidence/")):
            return ""
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    if not version.startswith("auditkit.report/"):
        return None
    try:
        return digest(Report.from_json(content))
    except AuditkitError:  # of another version: whatever it tells, no page of ours does
        return stored.digest(content)


_HEAD = re.compile(rf'<meta name=generator content="auditkit [^"]*"><meta name={DIGEST} content="?(sha256:[0-9a-f]+)')
"""As we write it, which needs no parser."""


def _of_page(start: bytes) -> str | None:
    head = start[:8_192].decode("utf-8", "replace")
    ours = _HEAD.search(head, 0, head.find("<title"))
    return ours[1] if ours else _of_another_hand(head)


def _of_another_hand(head: str) -> str | None:
    """The same of a page that somebody wrote anew: its `meta` elements, wherever they stand in its head."""
    from html.parser import HTMLParser

    class Head(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.meta: dict[str, str] = {}
            self.over = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.over = self.over or tag not in ("html", "head", "meta", "link")
            given = dict(attrs)
            if tag == "meta" and not self.over:
                self.meta.setdefault(given.get("name") or "", given.get("content") or "")

    found = Head()
    found.feed(head)
    return found.meta.get(DIGEST, "") if found.meta.get("generator", "").startswith("auditkit ") else None


def _of_junit(start: bytes) -> str | None:
    from xml.etree import ElementTree as ET  # which pages need not wait for

    parser: Any = ET.XMLPullParser(["start"])  # its events are typed by what was asked for
    with contextlib.suppress(ET.ParseError):  # the end is missing, the root is not
        parser.feed(start)
    try:
        root = next((event[1] for event in parser.read_events() if isinstance(event[1], ET.Element)), None)
    except ET.ParseError:
        return None
    if root is None or root.tag != "testsuites" or root.get("name") != "auditkit":
        return None
    return str(root.get("id", ""))


def _is_stale(path: Path, texts: Mapping[Path, str]) -> bool:
    """A page or JUnit of ours beside a report.json that is written now, and not made of it."""
    try:
        if not path.is_file() or path.is_symlink():
            return False
    except OSError:  # a name that no file can have
        return False
    if path.name.endswith(ENDING):
        return _is_evidence(path) and not any(stored.digest(path.read_bytes()) in t for t in texts.values())
    told = told_by(path)
    return told is not None and told not in {_of_json(t.encode()) for t in texts.values() if _is_report(t)}


_EVIDENCE = re.compile(r'"schema_version": ?"auditkit\.evidence/\d+"\}\s*\Z')


def _is_evidence(path: Path) -> bool:
    """Whether a file is evidence that a report has elsewhere."""
    return told_by(path) == "" and _EVIDENCE.search(path.read_text("utf-8", "replace")[-64:]) is not None


def _refuse_another_kind(texts: Mapping[Path, str]) -> None:
    """ReportError where evidence would take the place of a report, or a report that of evidence."""
    for path, text in texts.items():
        evidence = _EVIDENCE.search(text[-64:]) is not None
        if path.is_file() and _is_evidence(path) is not evidence and (evidence or path.name.endswith(ENDING)):
            there = "a report" if evidence else "the evidence of a report"
            raise ReportError(f"{path} is there already and is {there}: choose another name, or --force")


def _target(path: Path, *, force: bool) -> Path:
    """Where a file goes: to where a link leads, if a report of ours is there; `force` replaces other links."""
    if path.is_symlink() and path.exists() and (not force or told_by(path) is not None):
        return path.resolve()
    return path


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Alone among the writers of this folder; what a killed one left half-written is cleared away."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _locked(handle, folder):
            for left in folder.glob(_WAITING):
                left.unlink(missing_ok=True)
        yield
    except OSError as e:
        raise ReportError(f"cannot write to {folder}: {e.strerror}") from None
    finally:
        os.close(handle)


def _locked(handle: int, folder: Path) -> bool:
    """Whether it is our turn for sure: some file systems know no locks, and there one writes all the same."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as e:
            if e.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR):
                return False
        if time.monotonic() > deadline:
            raise ReportError(f"another auditkit has been writing to {folder} for a minute: end it, or use --out")
        time.sleep(0.005)


_SCHEMA = re.compile(r'"schema_version": ?"auditkit\.report/')
"""With the blank that older reports have."""


def _is_report(text: str) -> bool:
    """Whether a text is a report.json: what all other files are drawn from."""
    return text.startswith("{") and _SCHEMA.search(text) is not None


def _exchange(texts: Mapping[Path, str], stale: Sequence[Path]) -> None:
    """Put the new files in the place of the old ones, which come back if anything fails."""
    new: dict[Path, Path] = {}
    aside: dict[Path, Path] = {}
    placed: list[Path] = []
    path = next(iter(texts))
    try:
        for path, text in texts.items():
            new[path] = _beside(path)
            _fill(new[path], text, like=path)
        for path in [*stale, *(p for p in texts if p.exists() or p.is_symlink())]:
            aside[path] = _beside(path)
            if path in stale or not _is_report(texts[path]):
                path.rename(aside[path])  # drawn again from the report.json, which is never missing
            else:
                _copy(path, aside[path])
        for path in sorted(texts, key=lambda p: (not _is_report(texts[p]), not p.name.endswith(ENDING))):
            new[path].replace(path)
            placed.append(path)
    except BaseException as e:
        for place, was in aside.items():
            with contextlib.suppress(OSError):
                was.replace(place)
        for place in placed:
            if place not in aside:  # nothing was there before
                place.unlink(missing_ok=True)
        if isinstance(e, OSError):
            raise ReportError(f"cannot write {path}: {e.strerror}") from None
        raise
    finally:
        for left in (*new.values(), *aside.values()):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)


def _copy(path: Path, to: Path) -> None:
    try:
        os.link(path, to, follow_symlinks=False)
    except OSError:  # some file systems know no second name
        shutil.copy2(path, to, follow_symlinks=False)


def _beside(path: Path) -> Path:
    return path.parent / _WAITING.replace("*", secrets.token_hex(8))


def _fill(waiting: Path, text: str, *, like: Path) -> None:
    """A new file with what the umask leaves, or with the permissions of the one that it replaces."""
    handle = os.open(waiting, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        if like.exists():
            waiting.chmod(stat.S_IMODE(like.stat().st_mode) & 0o777 | 0o200)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
