"""Every command and flag is told, on a page too, and each flag can be said by an environment variable."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditkit.cli.main import program
from auditkit.records import Report
from tests.helpers import run_cli

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM: Any = program()
WITHOUT = {"help", "version", "install_completion", "show_completion"}


def every(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from every(inner, (*path, name))


ALL = dict(every(PROGRAM, ()))
FLAGS = [(path, p) for path, command in ALL.items() for p in command.params if p.name not in WITHOUT]
IDS = [" ".join((*path, p.name)) for path, p in FLAGS]


@pytest.mark.parametrize("path", list(ALL), ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert len(command.help or "") > 20
    inner = bool(getattr(command, "commands", {}))
    if path and not inner:
        name = " ".join(("auditkit", *path))
        assert name in (command.epilog or ""), "an example"
        pages = [p.name for p in PAGES if name in p.read_text(encoding="utf-8")]
        assert pages, f"`{name}` stands on no page for people"


@pytest.mark.parametrize(("path", "flag"), FLAGS, ids=IDS)
def test_every_flag_says_what_it_does_and_has_its_variable(path: tuple[str, ...], flag: Any) -> None:
    assert len(flag.help or "") > 8
    longest = max(flag.opts, key=len).lstrip("-")
    assert flag.envvar == "_".join(("auditkit", *path, longest)).upper().replace("-", "_")
    context = ALL[path].make_context("x", [], resilient_parsing=True)
    assert flag.envvar in " ".join(flag.get_help_record(context)), "shown in help"


def test_no_two_flags_share_a_variable() -> None:
    assert len({flag.envvar for _, flag in FLAGS}) == len(FLAGS)


@pytest.mark.parametrize(
    ("path", "flag"), [f for f in FLAGS if f[0]], ids=[i for i, f in zip(IDS, FLAGS, strict=True) if f[0]]
)
def test_a_variable_reaches_its_flag(path: tuple[str, ...], flag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ALL[path]
    before = command.make_context("x", [], resilient_parsing=True).params[flag.name]
    several = getattr(flag, "multiple", False) or flag.nargs != 1
    boolean = getattr(flag, "is_flag", False)
    context = command.make_context("x", [], resilient_parsing=True)
    between = os.pathsep if "list[path]" in flag.get_help_record(context)[0].lower() else " "
    given = "1" if boolean else f"3{between}4" if several else "3"
    monkeypatch.setenv(flag.envvar, given)
    after = command.make_context("x", [], resilient_parsing=True).params[flag.name]
    assert after != before
    assert after is True if boolean else list(map(str, after)) == ["3", "4"] if several else str(after) in ("3", "3.0")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("sex,age,y,p\n" + "f,a,1,1\nm,b,0,1\nm,a,0,0\n" * 20)
    return tmp_path


SAID = {"DATA": "rows.csv", "Y_TRUE": "y", "Y_PRED": "p", "SENSITIVE": "sex age", "CHECK": "group_fairness",
        "FORMAT": "json", "NAME": "said", "QUIET": "true"}  # fmt: skip


def test_an_audit_by_variables_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ["--data", "rows.csv", "--y-true", "y", "--y-pred", "p", "--sensitive", "sex", "--sensitive", "age"]
    assert run_cli(["run", *flags, "--check", "group_fairness", "--format", "json", "-q"]) == (0, "", "")
    for name, value in SAID.items():
        monkeypatch.setenv(f"AUDITKIT_RUN_{name}", value)
    assert run_cli(["run"]) == (0, "", "")
    said, flagged = Report.load("reports/said.json"), Report.load("reports/predictions.json")
    assert said.findings == flagged.findings
    told = shlex.split(said.provenance.command)
    assert told[0] == "env"
    assert told[-2:] == ["auditkit", "run"]
    assert set(told[1:-2]) == {f"AUDITKIT_RUN_{name}={value}" for name, value in SAID.items()}


def test_a_flag_comes_before_its_variable_and_an_empty_one_is_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SAID | {"NAME": "variable", "POLICY": ""}).items():
        monkeypatch.setenv(f"AUDITKIT_RUN_{name}", value)
    assert run_cli(["run", "--name", "flag"]) == (0, "", "")
    assert [p.name for p in Path("reports").iterdir()] == ["flag.json"]


def test_a_variable_that_is_no_flag_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITKIT_RUN_POLICI", "four-fifths")
    status, _, err = run_cli(["run", "--data", "rows.csv"])
    assert status == 2
    assert "AUDITKIT_RUN_POLICI is no flag of `auditkit run`" in err
    assert "Did you mean 'AUDITKIT_RUN_POLICY'?" in err
    assert run_cli(["run", "-h"])[0] == 0, "help is there all the same"
    assert run_cli(["explain", "accuracy"])[0] == 0, "it is of another command"


def test_variables_that_name_a_secret_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from auditkit.cli.command import told_command
    from auditkit.cli.variables import used

    monkeypatch.setenv("AUDITKIT_RUN_DATA", f"{os.sep}srv{os.sep}secret{os.sep}rows.csv")
    assert told_command([*used("run"), "auditkit", "run"]) == "env AUDITKIT_RUN_DATA=rows.csv auditkit run"
