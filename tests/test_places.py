"""Where files go, dates and paths: looked at before the work, told in one line, status 2."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

import auditkit as ak
from auditkit.clock import now
from auditkit.errors import PolicyError, ReportError
from tests.helpers import run_cli
from tests.limits import run

ROWS = "sex,y,p\nf,0,1\nm,1,1\nf,1,0\nm,0,0\n"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command whose audit must not begin: its data would be read first."""
    (tmp_path / "rows.csv").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    return ["run", "--data", "rows.csv", "--y-true", "y", "--y-pred", "p", "--sensitive", "sex"]


def refused(arguments: list[str], told: str) -> None:
    status, out, error = run_cli(arguments)
    assert (status, out) == (2, "")
    assert error.startswith("auditkit: ")
    assert error.count("\n") == 1
    assert told in error


def test_places_that_cannot_be_written_are_told_before_the_audit(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ak, "audit", lambda *_, **__: pytest.fail("the audit began"))
    (tmp_path / "file").write_text("x")
    (tmp_path / "a.html").mkdir()
    (tmp_path / "b.json").write_text("auditkit")
    (tmp_path / "b.json").chmod(stat.S_IRUSR)
    refused([*asked, "--out", "file"], "no folder")
    refused([*asked, "--out", "file/deeper"], "no folder")
    refused([*asked, "--out", "/proc/none"], "not writable")
    refused([*asked, "--out", ".", "--name", "a"], "a.html: it is a folder")
    refused([*asked, "--out", ".", "--name", "b"], "write-protected")
    refused([*asked, "--out", ".", "--name", "n" * 300], "longer than 200 bytes")
    refused([*asked, "--out", ".", "--format", "pdf"], "unknown format 'pdf'")


def test_the_file_of_a_name_that_the_model_gives_is_looked_at_too(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ak, "audit", lambda *_, **__: pytest.fail("the audit began"))
    (tmp_path / "predictions.html").mkdir()
    refused([*asked, "--out", "."], "predictions.html: it is a folder")


@pytest.mark.parametrize("epoch", ["abc", "-5", "²", "1e3", "99999999999999", "9" * 400, "253402300800", "0x10"])
def test_a_source_date_that_is_none(epoch: str, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(PolicyError, match="SOURCE_DATE_EPOCH must be seconds since 1970"):
        now()
    refused([*asked, "--out", "."], "SOURCE_DATE_EPOCH must be seconds since 1970")


def test_a_source_date_that_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "253402300799")
    assert now().isoformat() == "9999-12-31T23:59:59+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    assert now().year >= 2024


DATA = '[data]\npath = "rows.csv"\ny_true = "y"\nsensitive_features = ["sex"]\n[predictions]\ny_pred = "p"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (DATA.replace("rows.csv", "a\\u0000b"), "auditkit.toml:2: 'path': a path of a file holds no NUL"),
        ('[model]\nfactory = "a:b"\nweights = "a\\u0000b"\n', "auditkit.toml:3: 'weights': a path of a file"),
        (DATA + "x = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
        (DATA + "x = " + "{a=" * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
        (DATA + "[audit]\nseed = " + "9" * 5_000, "auditkit.toml"),
        ("tool = 3\n", "unknown key 'tool'"),
        ("#" + "x" * 1_100_000, "larger than 1 MB"),
        (DATA + '[[check]]\nname = "influence"\ntrain = "a\\u0000b"\n', "NUL"),
    ],
)
def test_texts_that_are_no_configuration(text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    Path("auditkit.toml").write_text(text)
    refused(["run", "auditkit.toml", "--out", "."], told)


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\nauditkit = 3\n", "[[tool]]\nx = 1\n"])
def test_a_pyproject_without_a_table_of_ours(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(PolicyError, match=r"has no table \[tool.auditkit\]"):
        ak.Policy.load(tmp_path / "pyproject.toml")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path, told in ((tmp_path / "pipe.toml", "is a pipe"), (tmp_path, "is a folder"), ("a\0b.toml", "NUL")):
        ran: Any = run(lambda path=path: ak.Policy.load(path), seconds=5)  # type: ignore[misc]
        assert (ran.error, told in ran.message) == ("PolicyError", True)


def test_errors_of_places_are_errors_of_reports() -> None:
    assert issubclass(ReportError, ak.AuditkitError)
