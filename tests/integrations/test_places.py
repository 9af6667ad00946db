"""The action, the hooks and the recipes: as GitHub, GitLab, pre-commit and their auditors read them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.action import act, environment
from tests.integrations.reports import ROOT

pytestmark = pytest.mark.integrations
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs" / "places.md").read_text(encoding="utf-8")


def recipe(begin: str) -> str:
    """The YAML of the page whose first line is that."""
    (found,) = [b for b in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if b.startswith(begin)]
    return found


def tool(name: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    if not (BIN / name).exists():
        pytest.skip(f"{name} is not installed")
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run([str(BIN / name), *arguments], cwd=cwd, env=env, capture_output=True, text=True)


def test_zizmor_finds_nothing_in_the_action() -> None:
    done = tool("zizmor", "--offline", "--persona=auditor", "--no-progress", str(ROOT / "action.yml"))
    assert done.returncode == 0, done.stdout
    assert "No findings" in done.stdout


def test_zizmor_finds_nothing_in_the_workflow_of_the_page(tmp_path: Path) -> None:
    """With the commit that whoever copies it fills in."""
    path = tmp_path / ".github" / "workflows" / "fairness.yml"
    path.parent.mkdir(parents=True)
    path.write_text(recipe("name: fairness").replace("OWNER", "example").replace("COMMIT", "1" * 40))
    done = tool("zizmor", "--offline", "--no-progress", str(path))
    assert done.returncode == 0, done.stdout
    checked = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(path))
    assert checked.returncode == 0, checked.stdout


def test_the_action_and_the_gitlab_recipe_are_of_their_schemas(tmp_path: Path) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", str(ROOT / "action.yml"))
    assert done.returncode == 0, done.stdout
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text(recipe("fairness:"))
    done = tool("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(path))
    assert done.returncode == 0, done.stdout


def test_pre_commit_runs_the_gate_in_the_projects_environment(tmp_path: Path) -> None:
    """The hook as the page writes it, of this checkout, in a repository that has a report and a policy."""
    assert tool("pre-commit", "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")).returncode == 0
    hooks, project = tmp_path / "hooks", tmp_path / "project"
    for folder in (hooks, project):
        folder.mkdir()
        _git(folder, "init", "-q")
    (hooks / ".pre-commit-hooks.yaml").write_text((ROOT / ".pre-commit-hooks.yaml").read_text())
    _git(hooks, "add", ".")
    _git(hooks, "commit", "-qm", "hooks")
    rev = _git(hooks, "rev-parse", "HEAD").strip()
    config = recipe("repos:").replace("https://github.com/OWNER/auditkit", str(hooks)).replace("COMMIT", rev)
    (project / ".pre-commit-config.yaml").write_text(config)
    (project / "reports").mkdir()
    (project / "reports" / "income.json").write_bytes((ROOT / "reports" / "samples" / "income.json").read_bytes())
    rule = '[[rule]]\nid = "a"\nmetric = "accuracy"\ncomparison = "overall"\nat_least = {}\n'
    for limit, status in ((0.8, 0), (0.99, 1)):
        (project / "auditkit.toml").write_text(rule.format(limit))
        _git(project, "add", ".")
        done = tool("pre-commit", "run", "--all-files", cwd=project)
        assert done.returncode == status, done.stdout + done.stderr
        assert "auditkit gate" in done.stdout
    assert "fails its one rule" in done.stdout


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_action_installs_a_gate_that_needs_no_torch(tmp_path: Path) -> None:
    """All its steps, its installation too; in the environment that it makes there is no torch and no pandas."""
    workspace, temporary = tmp_path / "workspace", tmp_path / "temporary"
    workspace.mkdir()
    temporary.mkdir()
    (workspace / "torch.py").write_text("raise SystemExit('the workspace is imported')")
    for name in ("venv", "pip", "auditkit", "json"):  # what a pull request could bring
        (workspace / f"{name}.py").write_text("raise SystemExit('the workspace is imported')")
    (workspace / "report.json").write_bytes((ROOT / "reports" / "samples" / "income.json").read_bytes())
    (workspace / "gate.toml").write_bytes((ROOT / "auditkit" / "demo" / "auditkit.toml").read_bytes())
    kept = ("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "SSL_CERT_FILE")
    env = environment() | {k: os.environ[k] for k in kept if k in os.environ}
    env.pop("PYTHONPATH", None)
    inputs = {"report": "report.json", "policy": "gate.toml", "python": sys.executable}
    ran = act(workspace, temporary, inputs, env)
    assert ran.steps[0] == "Install auditkit"
    assert (ran.code, ran.outputs["status"]) == (1, "failed"), ran.log
    assert "::error file=gate.toml,line=" in ran.log
    assert "income-mlp fails its fairness policy" in ran.summary
    python = temporary / "auditkit-gate" / "bin" / "python"
    listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout.lower()
    names = {re.split("[=@ ]", line)[0] for line in listed.splitlines()}
    assert "torch-auditkit" in names
    assert not names & {"torch", "pandas", "fairlearn", "captum", "scikit-learn", "pyarrow"}


def test_the_hooks_and_the_action_name_what_there_is() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {h["entry"] for h in hooks} == {"auditkit gate", "auditkit run"}
    assert {h["language"] for h in hooks} == {"system"}
