"""Files of reports: of one audit, whole, over reports of ours alone; whoever is killed, out of room, or in a race."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditkit.errors import ReportError
from auditkit.records import Report
from auditkit.report import formats, writing
from tests.report_formats.test_written_reports import report_of

A = report_of(["a", "b"], name="first")
B = report_of(["a", "b", "c"], name="second")
TEXTS = {r.name: {f: formats.render(r, f) for f in formats.FORMATS} for r in (A, B)}
SUFFIX = {f: formats.FORMATS[f].suffix for f in formats.FORMATS}


def write(report: Report, folder: Path, *kinds: str, force: bool = False) -> None:
    texts = TEXTS[report.name]
    formats.write({folder / f"r{SUFFIX[f]}": texts[f] for f in kinds or texts}, force=force)


def consistent(folder: Path) -> set[str]:
    """Names of the audits that the files of a folder tell of; every one of them is whole."""
    told = set()
    for path in folder.glob("r.*"):
        kind = formats.format_of(path) or ""
        told |= {name for name, texts in TEXTS.items() if texts[kind] == path.read_text()} or {f"broken {path.name}"}
    return told


@contextlib.contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


# ---- whose files


def test_files_of_ours_tell_of_their_report(tmp_path: Path) -> None:
    write(A, tmp_path)
    told = {writing.told_by(tmp_path / f"r{s}") for s in SUFFIX.values()}
    assert told == {writing.digest(A)}
    assert writing.digest(A) != writing.digest(B)
    assert writing.digest(Report.load(tmp_path / "r.json")) == writing.digest(A)


STRANGERS = {
    "a note": "my own notes on auditkit",
    "empty": "",
    "JSON that names it": '{"by": "auditkit", "schema_version": "x"}',
    "JSON in a word": '"auditkit.report/1"',
    "JSON cut short": TEXTS["first"]["json"][:-50],
    "a page about it": "<!doctype html><html><head><title>auditkit</title></head><body>auditkit 0.1.0</body></html>",
    "a page with a late meta": '<!doctype html><body><meta name="generator" content="auditkit 1"></body>',
    "a page in a comment": '<!doctype html><!-- <meta name="generator" content="auditkit 1"> -->',
    "a page by another": '<!doctype html><html><head><meta name="generator" content="my auditkit 1"></head></html>',
    "JUnit of another": '<?xml version="1.0"?><testsuites name="pytest"><testsuite name="auditkit"/></testsuites>',
    "no JUnit": '<?xml version="1.0"?><auditkit name="auditkit"/>',
    "broken XML": '<?xml version="1.0"?><testsuites name="auditkit',
    "bytes": "\x00\x01auditkit",
    "a list": '[{"schema_version": "auditkit.report/1"}]',
}


@pytest.mark.one_in(5)
@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("suffix", SUFFIX.values())
def test_strangers_are_not_overwritten(tmp_path: Path, suffix: str, stranger: str) -> None:
    path = tmp_path / f"r{suffix}"
    path.write_text(STRANGERS[stranger])
    with pytest.raises(ReportError, match=r"is no auditkit report: choose another name, or --force"):
        write(A, tmp_path)
    assert path.read_text() == STRANGERS[stranger]
    assert os.listdir(tmp_path) == [path.name]
    write(A, tmp_path, force=True)
    assert consistent(tmp_path) == {"first"}


def test_write_protected_reports_are_kept(tmp_path: Path) -> None:
    write(A, tmp_path)
    (tmp_path / "r.json").chmod(0o444)
    with pytest.raises(ReportError, match=r"r\.json is there already and is write-protected"):
        write(B, tmp_path)
    assert consistent(tmp_path) == {"first"}
    write(B, tmp_path, force=True)
    assert consistent(tmp_path) == {"second"}


def test_links(tmp_path: Path) -> None:
    """A link to a report of ours is followed, and stays; others are refused."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (out, elsewhere):
        folder.mkdir()
    write(A, elsewhere)
    (out / "r.json").symlink_to(elsewhere / "r.json")
    write(B, out, "json")
    assert (out / "r.json").is_symlink()
    assert (elsewhere / "r.json").read_text() == TEXTS["second"]["json"]
    notes = tmp_path / "notes"
    for target in (notes, tmp_path / "nowhere"):
        (out / "r.json").unlink()
        (out / "r.json").symlink_to(target)
        notes.write_text("mine")
        with pytest.raises(ReportError, match="choose another name"):
            write(B, out, "json")
        write(B, out, "json", force=True)
        assert notes.read_text() == "mine"
        assert not (out / "r.json").is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_places_that_take_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.json")
    for force in (False, True):
        with pytest.raises(ReportError, match=r"cannot write .*r\.json: it is a pipe"):
            write(A, tmp_path, force=force)
    with pytest.raises(ReportError, match="cannot write"):
        formats.write({tmp_path / ("x" * 300 + ".json"): "{}"})
    with pytest.raises(ReportError, match="cannot write"):
        formats.write({tmp_path / "a\0b.json": "{}"})
    with pytest.raises(ReportError, match="cannot write"):
        formats.write({Path("/dev/null/r.json"): "{}"})
    assert os.listdir(tmp_path) == ["r.json"]


def test_longest_names(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250 + ".json")
    formats.write({path: TEXTS["first"]["json"]})
    assert Report.load(path).name == "first"


# ---- permissions


@pytest.mark.parametrize("bits", [0o022, 0o077, 0o027, 0o002])
def test_the_umask_says_who_may_read(tmp_path: Path, bits: int) -> None:
    with umask(bits):
        write(A, tmp_path)
        A.save(tmp_path / "s.json")
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~bits


def test_a_private_report_stays_private(tmp_path: Path) -> None:
    write(A, tmp_path)
    (tmp_path / "r.json").chmod(0o600)
    write(B, tmp_path)
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o600


# ---- of one audit


def test_a_page_of_another_audit_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(A, tmp_path)
    write(B, tmp_path, "json")
    assert sorted(os.listdir(tmp_path)) == ["r.json"]
    assert caplog.text.count("was removed: it told of another audit") == len(SUFFIX) - 1
    write(B, tmp_path, "html")
    write(B, tmp_path, "json")
    assert sorted(os.listdir(tmp_path)) == ["r.html", "r.json"], "a page of the same report stays"


def test_a_report_is_not_left_beside_the_page_of_another(tmp_path: Path) -> None:
    write(A, tmp_path)
    for kind in ("html", "junit"):
        with pytest.raises(ReportError, match=r"r\.json is of another audit than r\."):
            write(B, tmp_path, kind)
    assert consistent(tmp_path) == {"first"}
    write(A, tmp_path, "html")


def test_save_one_after_the_other(tmp_path: Path) -> None:
    for report in (A, B):
        report.save(tmp_path / "r.html")
        report.save(tmp_path / "r.json")
        assert consistent(tmp_path) == {report.name}
        assert len(os.listdir(tmp_path)) == 2


# ---- out of room


def in_a_child(call: Callable[[], object], limit: int | None = None) -> str:
    """The error of a call in a fork, with a limit on the size of files."""
    read, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = ""
        try:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            call()
        except BaseException as e:
            said = f"{type(e).__name__}: {e}"
        os.write(end, said.encode())
        os._exit(0)
    os.close(end)
    os.waitpid(pid, 0)
    with os.fdopen(read) as pipe:
        return pipe.read()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("limit", [0, 1, 1_000, 20_000])
def test_a_limit_on_the_size_of_files(tmp_path: Path, limit: int) -> None:
    assert "cannot write" in in_a_child(lambda: write(B, tmp_path), limit)
    assert os.listdir(tmp_path) == []
    write(A, tmp_path)
    assert "ReportError: cannot write" in in_a_child(lambda: write(B, tmp_path), limit)
    assert consistent(tmp_path) == {"first"}
    assert len(os.listdir(tmp_path)) == len(SUFFIX)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-osize=512k", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this place allows no mount")
    try:
        write(A, disk)
        (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        with pytest.raises(ReportError, match="No space left on device"):
            write(B, disk)
        assert consistent(disk) == {"first"}
        assert len(os.listdir(disk)) == len(SUFFIX) + 1
    finally:
        subprocess.run(["umount", disk], check=True)


# ---- killed, and in a race


def kills(folder: Path, wanted: int) -> int:
    """Forks of this process that write A and B in turn, each killed while it writes; how many left a trace."""
    landed = 0
    for i in range(wanted * 20):
        pid = os.fork()
        if pid == 0:
            while True:
                write(A, folder)
                write(B, folder)
        while not any(n.startswith(".auditkit-") for n in os.listdir(folder)):
            time.sleep(0.0002)
        time.sleep(0.0005 * (i % 9))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        left = [n for n in os.listdir(folder) if n.startswith(".auditkit-")]
        told = consistent(folder)
        assert told in (set(), {"first"}, {"second"}), told
        if left:
            landed += 1
            write(A, folder)
            assert sorted(os.listdir(folder)) == sorted(f"r{s}" for s in SUFFIX.values()), (
                "what was left is cleared away"
            )
        if landed >= wanted:
            break
    return landed


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_in_the_middle(tmp_path: Path) -> None:
    write(A, tmp_path)
    assert kills(tmp_path, 3) >= 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_in_the_middle_often(tmp_path: Path) -> None:
    write(A, tmp_path)
    assert kills(tmp_path, 60) >= 50


def kill_before(step: int) -> None:
    """End this process right before the change of that number."""
    done = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def before(*args: object, **kwargs: object) -> object:
            nonlocal done
            if done == step:
                os._exit(9)
            done += 1
            return call(*args, **kwargs)

        return before

    for name in ("rename", "replace", "unlink"):
        setattr(Path, name, counted(getattr(Path, name)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_between_any_two_steps(tmp_path: Path) -> None:
    """Killed right before each change of the folder, one after the other: never two audits, never no report.json."""
    for step in range(80):
        folder = tmp_path / str(step)
        write(A, folder)
        pid = os.fork()
        if pid == 0:
            kill_before(step)
            write(B, folder)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        told = consistent(folder)
        assert told in ({"first"}, {"second"}), (step, told)
        assert (folder / "r.json").exists()
        if os.waitstatus_to_exitcode(status) == 0:
            assert told == {"second"}
            break
    assert 5 < step < 79


def race(folder: Path, pairs: int) -> None:
    for _ in range(pairs):
        children = []
        for report in (A, B):
            pid = os.fork()
            if pid == 0:
                try:
                    write(report, folder)
                except BaseException:
                    os._exit(1)
                os._exit(0)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
        assert len(consistent(folder)) == 1
        assert sorted(os.listdir(folder)) == sorted(f"r{s}" for s in SUFFIX.values())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_two_writers_of_one_name(tmp_path: Path) -> None:
    race(tmp_path, 10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_three_hundred_pairs_of_writers(tmp_path: Path) -> None:
    race(tmp_path, 300)
