"""The packages of gate-requirements.txt are all that judging a stored report and writing it takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.fuzz.mutations import policies, texts

ROOT = Path(__file__).parent.parent
LISTED = [line for line in (ROOT / "gate-requirements.txt").read_text().splitlines() if not line.startswith("#")]
JUDGE = """
import json, sys
absent, reports = json.load(open(sys.argv[1]))
class Alone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
sys.meta_path.insert(0, Alone())
import auditkit as ak
from auditkit.judging import explored_if_it_can
from auditkit.report.formats import FORMATS, render
for text, policy in reports:
    judged = explored_if_it_can(ak.judge(ak.Report.from_json(text), policy))
    assert judged.verdicts
    for form in FORMATS:
        assert render(judged, form)
from auditkit.cli.main import main
sys.argv = ["auditkit", "gate", *sys.argv[2:]]
main()
"""


def installed_with(listed: list[str]) -> set[str]:
    """The modules of the packages listed, and of all that pip installs with them."""
    found: set[str] = set()
    todo = [Requirement(line).name for line in listed]
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        found.add(name)
        needs = [Requirement(r) for r in distribution(name).requires or ()]
        todo += [r.name for r in needs if r.marker is None or r.marker.evaluate({"extra": ""})]
    tops = packages_distributions()
    return {
        top for top, of in tops.items() if {re.sub(r"[-_.]+", "-", d).lower() for d in of} & found
    } | {"auditkit"}  # fmt: skip


def test_the_list_is_of_the_packages_own_requirements() -> None:
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(LISTED) < set(own)
    assert not {"torch", "pandas", "fairlearn", "captum"} & installed_with(LISTED)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("left_out", ["", "numpy"])
def test_the_gate_and_every_format_need_nothing_else(tmp_path: Path, left_out: str) -> None:
    """Reports of every task, by rules on every kind of evidence, in a process that finds no other module; without one
    of the list it fails, so that the process can fail."""
    absent = set(packages_distributions()) - installed_with(LISTED) | {left_out}
    assert {"torch", "pandas", "fairlearn", "sklearn"} < absent
    told = [(text, policies(name)) for name, text in texts()][: 1 if left_out else None]
    (tmp_path / "told.json").write_text(json.dumps([sorted(absent), told]))
    gate = ["reports/samples/income.json", "--policy", "auditkit/demo/auditkit.toml", "--out", str(tmp_path / "out")]
    formats = [f"--format={f}" for f in ("html", "json", "junit", "markdown", "github", "sarif")]
    command = [sys.executable, "-c", JUDGE, str(tmp_path / "told.json"), *gate, *formats]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if left_out:
        assert f"{left_out} is not installed" in done.stderr
        return
    assert done.returncode == 1, done.stderr
    assert "income-mlp fails its fairness policy" in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 7  # one a format, and the evidence beside the report.json
