"""The action on GitHub: every step as the runner takes it, what it says, and whether it passes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from auditkit.records import Report
from tests.action import ACTION, ROOT, Ran, act, environment

RULES = """
[data]
path = "rows.csv"
y_true = "y"
sensitive_features = "g"
[predictions]
y_pred = "p"
[[check]]
name = "group_fairness"
"""
RULE = '[[rule]]\nid = {id}\nmetric = "selection_rate"\ncomparison = "difference"\nby = ["g"]\nat_most = {most}\n'
LINE = RULES.count("\n") + 1
"""Of the rule."""
EVIL = "x::error::y,line=1%0A##[set-output name=status]passed"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a policy in a folder, whose group and rule are named to lead a runner astray."""
    root = tmp_path_factory.mktemp("repository")
    (root / "ethics").mkdir()
    rows = "".join(f'"{EVIL}",{i % 2},1\nb,{i % 2},{int(i % 4 == 0)}\n' for i in range(120))
    (root / "ethics" / "rows.csv").write_text("g,y,p\n" + rows)
    (root / "ethics" / "auditkit.toml").write_text(RULES + RULE.format(id=json.dumps(EVIL), most=0.1))
    (root / "ethics" / "nothing.toml").write_text(RULES)
    (root / "passes.toml").write_text(RULE.format(id='"equal"', most=0.9))
    return root


def acted(workspace: Path, tmp_path: Path, **inputs: str) -> Ran:
    env = environment()
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    return act(workspace, tmp_path, {"install": "false", "python": sys.executable, **inputs}, env)


@pytest.fixture(scope="module")
def audited(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return acted(workspace, tmp_path_factory.mktemp("run"), mode="run", config="ethics/auditkit.toml")


def commands(log: str) -> list[str]:
    """What a runner obeys: `::name` at the start of a line, and `##[` anywhere."""
    return [line for line in log.split("\n") if re.match(r"\s*::", line) or "##[" in line]


def test_it_audits_and_fails_as_the_policy_says(workspace: Path, audited: Ran) -> None:
    assert audited.code == 1, audited.log
    assert audited.steps == ["Audit", "Annotate the policy", "Summarise", "Pass or fail"]
    folder = "auditkit-report"
    paths = {"folder": folder, "report": f"{folder}/auditkit.json", "sarif": f"{folder}/auditkit.sarif"}
    assert audited.outputs == {"status": "failed", **paths}
    report = Report.load(workspace / audited.outputs["report"])
    assert [v.status for v in report.verdicts] == ["fail"]
    kept = {p.name for p in (workspace / folder).iterdir()}
    assert kept == {f"auditkit{s}" for s in (".html", ".json", ".xml", ".md", ".github.txt", ".sarif")}
    assert audited.summary == (workspace / folder / "auditkit.md").read_text()
    assert "fails its one rule" in audited.summary


def test_the_one_command_is_the_annotation_of_the_rules_line(workspace: Path, audited: Ran) -> None:
    (command,) = commands(audited.log)
    assert command.startswith(f"::error file=ethics/auditkit.toml,line={LINE},title=x%3A %3Aerror")
    assert EVIL not in command
    results = json.loads((workspace / audited.outputs["sarif"]).read_text())["runs"][0]["results"]
    (place,) = results[0]["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "ethics/auditkit.toml"},
        "region": {"startLine": LINE},
    }


def test_the_gate_judges_what_was_audited(workspace: Path, tmp_path: Path, audited: Ran) -> None:
    report = audited.outputs["report"]
    passed = acted(workspace, tmp_path, report=report, policy="passes.toml", sarif="false", folder="gate")
    assert (passed.code, passed.outputs["status"], passed.outputs["sarif"]) == (0, "passed", "")
    assert commands(passed.log) == []
    assert not list((workspace / "gate").glob("*.sarif"))
    assert [v.status for v in Report.load(workspace / "gate" / "auditkit.json").verdicts] == ["pass"]


def test_what_was_not_asked_has_not_passed(workspace: Path, tmp_path: Path) -> None:
    ran = acted(workspace, tmp_path, mode="run", config="ethics/nothing.toml", folder="nothing")
    assert (ran.code, ran.outputs["status"]) == (0, "no_policy")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"mode": "gate", "report": "gone.json", "policy": "passes.toml"}, "cannot read"),
        ({"mode": "gate"}, "gate needs a policy"),
        ({"mode": "judge"}, "mode is 'gate' or 'run'"),
        ({"policy": "passes.toml", "folder": "a\nstatus=passed"}, "folder is no name of a folder"),
    ],
)
def test_what_cannot_be_judged_is_an_error(workspace: Path, tmp_path: Path, inputs: dict[str, str], said: str) -> None:
    ran = acted(workspace, tmp_path, **inputs)
    assert ran.code != 0
    assert said in ran.log
    assert ran.outputs == {"status": "error", "folder": "", "report": "", "sarif": ""}
    assert ran.summary == ""


def test_it_asks_for_nothing_and_uses_nothing_of_others() -> None:
    text = (ROOT / "action.yml").read_text()
    assert not re.search(r"(?m)uses:|github\.token|secrets|GITHUB_(ENV|PATH|TOKEN)|issues/|pulls/", text)
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"], "what is given to a step comes by its environment"
        assert step["shell"] == "bash"
