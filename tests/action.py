"""The steps of action.yml as a runner takes them: each `run:` through bash, with the files and variables of GitHub."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
_EXPRESSION = re.compile(r"\$\{\{ (inputs|steps)\.([\w.-]+) \}\}")
_CONDITION = re.compile(r"(inputs|steps)\.([\w.-]+) (==|!=) '(.*)'")


@dataclass
class Ran:
    """What a workflow sees of the action."""

    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    """stdout and stderr of all steps, which the runner reads for commands."""
    summary: str = ""
    steps: list[str] = field(default_factory=list)
    """Names of the steps that ran."""
    code: int = 0
    """Of the step that failed; 0: none did."""


def act(workspace: Path, temporary: Path, inputs: Mapping[str, str], environ: Mapping[str, str]) -> Ran:
    """The action in a workspace."""
    given = {name: str(spec.get("default", "")) for name, spec in ACTION["inputs"].items()} | dict(inputs)
    assert set(given) == set(ACTION["inputs"]), "no other inputs"
    ran, told = Ran(), {f"inputs.{k}": x for k, x in given.items()}
    for i, step in enumerate(ACTION["runs"]["steps"]):
        if not _holds(step.get("if", ""), told):
            continue
        ran.steps.append(step["name"])
        files = {name: temporary / f"{i}-{name}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        own = {k: _filled(x, told) for k, x in step.get("env", {}).items()}
        github = {"GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(temporary), "GITHUB_WORKSPACE": str(workspace)}
        env = {**environ, **github, **{k: str(p) for k, p in files.items()}, **own}
        script = temporary / f"{i}.sh"
        script.write_text(step["run"], encoding="utf-8")
        assert step["shell"] == "bash"
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
        done = subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True)
        ran.log += done.stdout + done.stderr
        ran.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        for line in files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            assert equals, line
            told[f"steps.{step['id']}.outputs.{name}"] = value
        if done.returncode:
            ran.code = done.returncode
            break
    ran.outputs = {name: _filled(spec["value"], told) for name, spec in ACTION["outputs"].items()}
    return ran


def environment() -> dict[str, str]:
    """Of a runner: what finds programs, and nothing of ours."""
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "PYTHONPATH", "OMP_NUM_THREADS") if k in os.environ}
    return kept | {"GITHUB_ACTIONS": "true", "CI": "true"}


def _filled(text: str, told: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda m: told.get(f"{m[1]}.{m[2]}", ""), str(text))


def _holds(condition: str, told: Mapping[str, str]) -> bool:
    if not condition:
        return True
    found = _CONDITION.fullmatch(condition)
    assert found, condition
    same = told.get(f"{found[1]}.{found[2]}", "") == found[4]
    return same is (found[3] == "==")
