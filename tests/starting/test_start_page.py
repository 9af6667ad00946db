"""The page about starting does what it shows: its files are made, its commands run, its lines appear in their order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.forked import python
from tests.helpers import run_cli

PAGE = (Path(__file__).parent.parent.parent / "docs" / "start.md").read_text(encoding="utf-8")
ELSEWHERE = ("test.parquet",)
"""Files that only a reader has."""


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for code in blocks("python"):
        exec(compile(code, "docs/start.md", "exec"), {})
    return tmp_path


def shown(expected: str, output: str) -> None:
    """Each line stands in the output, in this order; … is anything."""
    at = 0
    for line in expected.splitlines():
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        found = re.compile(pattern).search(output, at)
        assert found, f"{line!r} is not in\n{output[at:]}"
        at = found.end()


def test_its_commands(here: Path) -> None:
    ran = []
    for block in blocks("console"):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            program, *arguments = shlex.split(command)
            if program == "auditkit" and not set(arguments) & set(ELSEWHERE):
                status, out, err = run_cli(arguments)
                assert (status in (0, 1), err) == (True, ""), err
                shown(expected, out)
                ran.append(arguments[0])
    assert ran == ["init", "run", "explain"]


@pytest.mark.slow
def test_its_tests(here: Path) -> None:
    assert run_cli(["init", "scored.csv", "--yes", "--no-run", "--quiet"])[0] == 0
    status = run_cli(["run", "auditkit.toml", "--quiet"])[0]
    command = next(b for b in blocks("console") if "pytest" in b).removeprefix("$ ").strip()
    done = python(*shlex.split(command), cwd=here)
    assert (done.returncode == 0) == (status == 0), done.stdout
