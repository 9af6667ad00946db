"""Terminals that do not know our signs, readers that are gone: the status of the verdict, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import auditkit as ak
from tests.helpers import run_cli

POLICY = """\
[[rule]]
id = "gap"
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = {limit}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    n = 400
    frame = {"sex": ["f", "m"] * (n // 2), "y": [0, 1, 1, 0] * (n // 4), "p": [0, 1, 0, 0] * (n // 4)}
    data = ak.Dataset(frame, y_true="y", sensitive_features=["sex"])
    report = ak.audit(ak.Predictions("p"), data, checks=[ak.GroupFairness()], name="café → 借款", on_error="raise")
    report.save(folder / "report.json")
    (folder / "fails.toml").write_text(POLICY.format(limit=0.01))
    (folder / "passes.toml").write_text(POLICY.format(limit=0.99))
    return folder


def gate(place: Path, policy: str, *, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = f'"{sys.executable}" -m auditkit gate report.json --policy {policy}.toml {shell}'
    return subprocess.run(
        ["bash", "-c", command], cwd=place, env={**os.environ, **environment}, capture_output=True, check=False
    )


ENVIRONMENTS: list[dict[str, str]] = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "latin-1", "NO_COLOR": "1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda e: next(iter(e.values())))
def test_signs_that_a_terminal_cannot_write_are_replaced(place: Path, environment: dict[str, str]) -> None:
    done = gate(place, "fails", **environment)
    encoding = environment.get("PYTHONIOENCODING", "ascii")
    said = done.stdout.decode(encoding)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "gap" in said
    assert "Fail" in said


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("policy", "status"), [("fails", 1), ("passes", 0)])
@pytest.mark.parametrize("shell", [">&-", "> /dev/full", "> >(true); sleep 0"])
def test_where_nobody_reads_the_status_is_the_verdicts(place: Path, policy: str, status: int, shell: str) -> None:
    done = gate(place, policy, shell=shell if "sleep" not in shell else "")
    if "sleep" in shell:
        read, write = os.pipe()
        os.close(read)
        command = [sys.executable, "-m", "auditkit", "gate", "report.json", "--policy", f"{policy}.toml"]
        done = subprocess.run(command, cwd=place, stdout=write, stderr=subprocess.PIPE, check=False)
        os.close(write)
    told = b"auditkit: cannot write to stdout: No space left on device\n" if "full" in shell else b""
    assert (done.returncode, done.stderr) == (status, told)


def test_a_stderr_that_is_closed_or_of_other_signs_keeps_the_status(place: Path) -> None:
    assert gate(place, "no-such-政策", shell="2>&-").returncode == 2
    done = gate(place, "no-such-政策", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith("auditkit: cannot read no-such-")
    assert b"Traceback" not in done.stderr


def test_in_one_process_the_streams_are_given_back(place: Path) -> None:
    before = sys.stdout, sys.stderr
    status, out, _ = run_cli(["gate", str(place / "report.json"), "--policy", str(place / "passes.toml")])
    assert (status, (sys.stdout, sys.stderr)) == (0, before)
    assert "Pass" in out
