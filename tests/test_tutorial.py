"""The tutorial does what it shows, step after step: its code and commands run, its tables go into the file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.forked import python
from tests.helpers import run_cli
from tests.starting.test_start_page import shown

PAGE = (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(<!-- into auditkit.toml -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


def run(command: str) -> str:
    """What a command prints, as a terminal shows it."""
    program, *arguments = shlex.split(command)
    if program == "auditkit":
        status, out, err = run_cli(arguments)
        assert status in (0, 1), err
        return out
    return python(program, "-q", "-p", "no:cacheprovider", *arguments).stdout


def test_the_tutorial_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    ran = 0
    for into, kind, text in BLOCK.findall(PAGE):
        if kind == "python":
            exec(compile(text, "docs/tutorial.md", "exec"), known)
        elif into:
            with Path("auditkit.toml").open("a", encoding="utf-8") as f:
                f.write(f"\n{text}")
        elif kind == "console":
            for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
                shown(expected, run(command))
                ran += 1
    assert ran == 6
    rows = known["applicants"]
    right = [(rows[c] == rows.hired).mean() for c in ("decision", "in_use")]  # type: ignore[attr-defined,index]
    assert [round(x, 2) for x in right] == [0.93, 0.91], "as the page says"
