"""`auditkit gate` on a stored report: exit status 0, 1, 2, 3, and what it loads, in a process of its own."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from auditkit.evidence.tally import Tally
from auditkit.fairness.groups.check import GroupFairness
from auditkit.records import DataProvenance, ModelProvenance, Provenance, Report, StoredEvidence
from tests.helpers import run_cli

HEAVY = ("torch", "captum", "fairlearn", "sklearn", "scipy", "pandas", "numpy")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    check = GroupFairness()
    tally = Tally.of(
        {"sex": ["f"] * 500 + ["m"] * 500 + ["x"] * 15},
        y_true=[1, 0] * 500 + [1] * 15,
        y_pred=[1, 0, 0, 0] * 125 + [1, 0, 1, 0] * 125 + [1] * 15,
    )
    report = Report(
        name="loan",
        provenance=Provenance(
            auditkit="0",
            created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            model=ModelProvenance(kind="predictions"),
            data=DataProvenance(rows=1015),
        ),
        findings=check.assess(tally, level=0.95).findings,
        evidence={check.name: StoredEvidence(type="Tally", options=check.options(), data=tally.to_json())},
    )
    path = tmp_path_factory.mktemp("stored") / "loan.json"
    return report.save(path)


class Ran(NamedTuple):
    status: int
    out: str
    err: str
    loaded: set[str]


def gate(report: Path, policy: str | Path, tmp_path: Path, *flags: str) -> Ran:
    """Run the command in a process of its own that tells at its end which heavy packages it had loaded."""
    if isinstance(policy, str):
        (tmp_path / "gate.toml").write_text(policy)
        policy = tmp_path / "gate.toml"
    code = (
        "import atexit, json, pathlib, runpy, sys\n"
        f"note = pathlib.Path({str(tmp_path / 'loaded')!r})\n"
        f"atexit.register(lambda: note.write_text(json.dumps([m for m in {HEAVY!r} if m in sys.modules])))\n"
        "runpy.run_module('auditkit', run_name='__main__', alter_sys=True)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, "gate", str(report), "--policy", str(policy), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Ran(done.returncode, done.stdout, done.stderr, set(json.loads((tmp_path / "loaded").read_text())))


def here(report: Path, policy: str | Path, tmp_path: Path) -> Ran:
    """The same in this process, which is faster and cannot tell what was loaded."""
    if isinstance(policy, str):
        (tmp_path / "gate.toml").write_text(policy)
        policy = tmp_path / "gate.toml"
    status, out, err = run_cli(["gate", str(report), "--policy", str(policy)])
    return Ran(status, out, err, set())


def rule(metric: str, comparison: str, limit: str, *more: str, by: str = '["sex"]') -> str:
    lines = ["[[rule]]", f"id = '{metric}-{comparison}'", f'metric = "{metric}"', f'comparison = "{comparison}"', limit]
    return "\n".join([*lines, *more, *([f"by = {by}"] if comparison != "overall" else [])]) + "\n"


LIGHT = {"torch", "captum", "fairlearn", "sklearn", "pandas"}


def test_status_0(stored: Path, tmp_path: Path) -> None:
    ran = gate(stored, rule("accuracy", "overall", "at_least = 0.5"), tmp_path)
    assert (ran.status, ran.err) == (0, "")
    assert "loan meets its one rule: 1 passed" in ran.out
    assert not ran.loaded & LIGHT


def test_status_1(stored: Path, tmp_path: Path) -> None:
    ran = gate(
        stored,
        '[defaults]\ncorrection = "none"\n'
        + rule("accuracy", "overall", "at_least = 0.5")
        + rule("selection_rate", "ratio", "at_least = 0.8"),
        tmp_path,
    )
    assert (ran.status, ran.err) == (1, "")
    assert "loan fails its fairness policy: 1 failed, 1 passed" in ran.out
    assert not ran.loaded & LIGHT


def test_status_3_not_measured_by_default_and_inconclusive_where_it_fails(stored: Path, tmp_path: Path) -> None:
    vanished = rule("selection_rate", "ratio", "at_least = 0.1", by='["gender"]')
    ran = gate(stored, vanished, tmp_path)
    assert (ran.status, ran.err) == (3, "")
    assert "not measured" in ran.out
    undecided = rule("accuracy", "overall", "at_least = 0.88")
    ran = here(stored, undecided, tmp_path)
    assert (ran.status, "undecided" in ran.out) == (0, True)
    assert gate(stored, undecided + 'on_inconclusive = "fail"\n', tmp_path).status == 3
    assert here(stored, vanished + 'on_not_measured = "warn"\n', tmp_path).status == 0
    failed = rule("selection_rate", "difference", "at_most = 0.1")
    assert here(stored, vanished + failed, tmp_path).status == 1, "failed comes before undecided"


def test_status_0_for_warnings(stored: Path, tmp_path: Path) -> None:
    ran = gate(stored, rule("selection_rate", "ratio", "at_least = 0.8") + 'severity = "warning"\n', tmp_path)
    assert ran.status == 0
    assert "(warning)" in ran.out


def test_quiet(stored: Path, tmp_path: Path) -> None:
    ran = gate(stored, rule("selection_rate", "ratio", "at_least = 0.8"), tmp_path, "--quiet")
    assert (ran.status, ran.out, ran.err) == (1, "", "")


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (rule("selection_rate", "difference", "at_most = 0.5", "confidence = 0.5000001"), 1),
        (rule("selection_rate", "difference", "at_most = 0.3", "min_n = 16"), 0),
        (rule("accuracy", "group_min", "at_least = 0.7"), 0),
        (rule("accuracy", "group_max", "at_least = 0.2"), 0),
        (rule("true_negative_rate", "difference", "at_most = 0.1"), 0),
        (rule("specificity", "overall", "at_least = 0.9"), 0),
        (rule("false_negative_rate", "overall", "at_most = 0.1"), 1),
    ],
)
def test_what_must_be_assessed_again_needs_no_torch(stored: Path, tmp_path: Path, policy: str, status: int) -> None:
    ran = gate(stored, policy, tmp_path)
    assert (ran.status, ran.err) == (status, "")
    assert "scipy" in ran.loaded
    assert not ran.loaded & LIGHT


GOOD = rule("accuracy", "overall", "at_least = 0.5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "is not complete JSON"),
        (lambda text: "", "is not complete JSON"),
        (
            lambda text: text.replace("auditkit.report/1", "auditkit.report/2"),
            "A newer auditkit wrote it: upgrade to read it",
        ),
        (lambda text: text.replace("auditkit.report/1", "something/1"), "has schema_version 'something/1'"),
        (lambda text: "[1, 2]", "has schema_version None"),
        (lambda text: text.replace('"findings"', '"fundings"'), "is not an auditkit report: fundings"),
        (lambda text: text.replace('"level":0.95', '"level":NaN', 1), "is not an auditkit report"),
    ],
    ids=["cut short", "empty", "later", "other", "list", "unknown key", "NaN"],
)
def test_status_2_for_reports(stored: Path, tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(change(stored.read_text()))
    ran = here(path, GOOD, tmp_path)
    assert ran.status == 2
    assert ran.err.startswith("auditkit: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err
    assert "bad.json" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (GOOD.replace("at_least", "at_leest"), "gate.toml:5: unknown key 'at_leest'"),
        ("", "has no [[rule]]"),
        ("[[rule]\n", "gate.toml: "),
        (Path("nowhere.toml"), "cannot read nowhere.toml: No such file or directory"),
    ],
)
def test_status_2_for_policies(stored: Path, tmp_path: Path, policy: str | Path, message: str) -> None:
    ran = here(stored, policy, tmp_path)
    assert ran.status == 2
    assert ran.err.startswith("auditkit: ")
    assert ran.err.count("\n") == 1
    assert message in ran.err


def test_status_2_without_a_report_and_without_a_policy(stored: Path, tmp_path: Path) -> None:
    ran = here(tmp_path / "none.json", GOOD, tmp_path)
    assert (ran.status, ran.err) == (2, f"auditkit: cannot read {tmp_path}/none.json: No such file or directory\n")
    status, _, err = run_cli(["gate", str(stored)])
    assert status == 2
    assert "--policy" in err


@pytest.mark.parametrize(
    "break_it",
    [
        lambda e: e.update(data={}),
        lambda e: e.update(version=2),
        lambda e: e.update(type="Moments"),
        lambda e: e["data"]["cells"].pop("n"),
        lambda e: e["data"]["cells"]["n"].pop(),
    ],
    ids=["no data", "later version", "other type", "no counts", "uneven"],
)
def test_status_2_for_evidence_that_cannot_be_read(stored: Path, tmp_path: Path, break_it: Any) -> None:
    raw = json.loads(stored.read_text())
    break_it(raw["evidence"]["group_fairness"])
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(raw))
    ran = here(path, rule("accuracy", "group_min", "at_least = 0.7"), tmp_path)
    assert ran.status == 2
    assert "the evidence of 'group_fairness'" in ran.err
    assert ran.err.count("\n") == 1
    assert here(path, GOOD, tmp_path).status == 2, "a finding alone answers no rule"
