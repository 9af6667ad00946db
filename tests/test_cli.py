"""The command line: what each command writes, prints and ends with; every error of usage is status 2."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import auditkit
from auditkit.records import Report
from tests.helpers import run_cli

CONFIG = """
[predictions]
y_pred = "decision"

[data]
path = "../data/rows.csv"
y_true = "hired"
positive = "yes"
sensitive_features = ["sex"]

[audit]
name = "hiring"

[words]
positive = "are hired"

[[rule]]
id = "four-fifths"
metric = "demographic_parity_ratio"
by = ["sex"]
at_least = 0.8
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data and configuration in folders of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], 400)
    frame = pd.DataFrame({"sex": sex, "hired": rng.choice(["yes", "no"], 400)})
    frame["decision"] = np.where(rng.random(400) < np.where(sex == "m", 0.8, 0.2), "yes", "no")
    frame["other"] = frame["hired"]
    frame["score"] = rng.random(400).round(3)
    Path("data").mkdir()
    Path("audit").mkdir()
    frame.to_csv("data/rows.csv", index=False)
    Path("audit/auditkit.toml").write_text(CONFIG)
    return tmp_path


FLAGS = [
    "--data",
    "data/rows.csv",
    "--y-true",
    "hired",
    "--positive",
    "yes",
    "--sensitive",
    "sex",
    "--y-pred",
    "decision",
]
JSON = ["--format", "json"]


def test_config_and_flags_say_the_same(here: Path) -> None:
    status, out, err = run_cli(["run", "audit/auditkit.toml", *JSON])
    assert (status, err) == (1, "")
    assert "hiring fails its one rule: 1 failed" in out
    assert out.splitlines()[-1].startswith("reports/hiring.json  (")
    assert [p.name for p in Path("reports").iterdir()] == ["hiring.json"]
    config = Report.load("reports/hiring.json")
    assert run_cli(["run", *FLAGS, "--policy", "audit/auditkit.toml", "--name", "flags", "--out", "o", *JSON])[0] == 1
    flags = Report.load("o/flags.json")
    assert flags.findings == config.findings
    assert flags.verdicts == config.verdicts
    assert flags.words == config.words
    assert flags.provenance.data == config.provenance.data


def test_without_a_policy_there_is_no_verdict_and_status_0(here: Path) -> None:
    status, out, err = run_cli(["run", *FLAGS, *JSON])
    assert (status, err) == (0, "")
    assert "was audited without a policy" in out
    report = Report.load("reports/predictions.json")
    assert (report.policy, report.verdicts) == (None, ())


def test_the_same_run_gives_the_same_bytes(here: Path) -> None:
    assert run_cli(["run", "audit/auditkit.toml", *JSON, "-q"])[0] == 1
    first = Path("reports/hiring.json").read_bytes()
    assert run_cli(["run", "audit/auditkit.toml", *JSON, "-q"])[0] == 1
    assert Path("reports/hiring.json").read_bytes() == first


def test_flags_override_the_config(here: Path) -> None:
    status, _, err = run_cli(["run", "audit/auditkit.toml", "--y-pred", "other", "--seed", "7", "--name", "b", *JSON])
    assert (status, err) == (0, "")
    report = Report.load("reports/b.json")
    assert report.finding("performance/accuracy/overall").estimate.value == 1
    assert report.provenance.seed == 7
    assert report.provenance.data.sensitive_features == ("sex",)
    status, _, err = run_cli(["run", "audit/auditkit.toml", "--data", "rows.csv", *JSON])
    assert (status, err) == (2, f"auditkit: cannot read {here / 'rows.csv'}: No such file or directory\n")


def test_the_report_keeps_its_command(here: Path) -> None:
    Path("data/rows.csv").rename("data/it's rows.csv")
    arguments = ["run", "--data", "data/it's rows.csv", *FLAGS[2:], "--name", "r", *JSON]
    run_cli(arguments)
    report = Report.load("reports/r.json")
    assert shlex.split(report.provenance.command) == ["auditkit", *arguments]
    assert report.name == "predictions", "--name names the files, not what was audited"


def test_several_sensitive_features_are_crossed(here: Path) -> None:
    run_cli(["run", *FLAGS, "--sensitive", "other", "--score", "score", *JSON])
    report = Report.load("reports/predictions.json")
    assert report.finding("fairness/selection_rate/ratio/sex+other").by == ("sex", "other")


def test_quiet_prints_nothing(here: Path) -> None:
    assert run_cli(["run", "audit/auditkit.toml", *JSON, "--quiet"]) == (1, "", "")


def test_gate_and_report_on_what_was_written(here: Path) -> None:
    run_cli(["run", *FLAGS, "--name", "r", *JSON])
    before = Path("reports/r.json").read_bytes()
    status, out, err = run_cli(["gate", "reports/r.json", "--policy", "audit/auditkit.toml"])
    assert (status, err) == (1, "")
    assert "predictions fails its one rule" in out
    assert Path("reports/r.json").read_bytes() == before
    status, out, err = run_cli(["report", "reports/r.json", "--format", "junit", "--format", "json", "--out", "site"])
    assert (status, err) == (0, "")
    assert Path("site/r.json").read_bytes() == before
    assert ET.parse("site/r.xml").getroot().tag == "testsuites"
    assert [line.split("  ")[0] for line in out.splitlines()] == ["site/r.xml", "site/r.json"]


def test_both_formats_are_the_default(here: Path) -> None:
    run_cli(["run", *FLAGS, "--name", "r"])
    assert sorted(p.name for p in Path("reports").iterdir()) == ["r.html", "r.json"]
    run_cli(["report", "reports/r.json", "--out", "site"])
    assert Path("site/r.html").read_text() == Path("reports/r.html").read_text()
    run_cli(["report", "reports/r.json", "--out", "paper", "--full"])
    full, page = Path("paper/r.html").read_text(), Path("site/r.html").read_text()
    assert full == page.replace("<details class=more>", "<details class=more open>") != page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "still needed: --data, --y-true, --sensitive, --factory or --y-pred"),
        (["run", "--data", "data/rows.csv", "--y-pred", "decision"], "still needed: --y-true, --sensitive ("),
        (["run", *FLAGS[:-2]], "still needed: --factory or --y-pred"),
        (["run", *FLAGS[:-2], "--score", "score"], "still needed: --y-pred"),
        (["run", *FLAGS[:-2], "--weights", "w"], "still needed: --factory"),
        (["run", *FLAGS, "--factory", "a:b"], "give either --factory (a model) or --y-pred"),
        (["run", "none.toml"], "cannot read none.toml: No such file or directory"),
        (["run", *FLAGS, "--policy", "none.toml"], "cannot read none.toml"),
        (["explain", "demografic_parity_ratio"], "Did you mean 'demographic_parity_ratio'?"),
        (["report", "none.json"], "cannot read none.json"),
    ],
)
def test_errors_are_one_line_and_status_2(here: Path, arguments: list[str], message: str) -> None:
    status, out, err = run_cli(arguments)
    assert (status, out) == (2, "")
    assert err.startswith("auditkit: ")
    assert err.count("\n") == 1
    assert message in err
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "--sample", "0"],
        ["run", "--seed", "x"],
        ["gate"],
        ["run", "a", "b"],
    ],
)
def test_errors_of_usage_are_status_2(here: Path, arguments: list[str]) -> None:
    status, out, err = run_cli(arguments)
    assert (status, out) == (2, "")
    assert "say what there is" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(here: Path) -> None:
    from auditkit.errors import PolicyError

    with pytest.raises(PolicyError, match=r"cannot read none\.toml"):
        run_cli(["--debug", "run", "none.toml"])


def test_an_unexpected_error_is_status_2_and_not_1(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, source: str) -> None:
        raise RuntimeError("the\nroof \x1b[31mis on fire")

    monkeypatch.setattr(Report, "from_json", breaks)
    Path("r.json").write_text("{}")
    status, out, err = run_cli(["report", "r.json"])
    assert (status, out) == (2, "")
    assert (
        err
        == "auditkit: unexpected RuntimeError: the roof \N{REPLACEMENT CHARACTER}[31mis on fire (--debug shows where)\n"
    )


def test_version_and_help() -> None:
    assert run_cli(["--version"]) == (0, f"auditkit {auditkit.__version__}\n", "")
    status, out, _ = run_cli(["--help"])
    assert status == 0
    assert all(command in out for command in ("demo", "run", "gate", "report", "explain", "Exit status:"))
    for command in ("demo", "run", "gate", "report", "explain"):
        status, out, _ = run_cli([command, "--help"])
        assert (status, "Example" in out or command == "demo") == (0, True)


def test_explain() -> None:
    status, out, err = run_cli(["explain", "equal_opportunity_difference"])
    assert (status, err) == (0, "")
    assert out.startswith("true_positive_rate: True positive rate")
    assert all(word in out for word in ("Formula", "Interval", "Reference", "is its difference"))
    for name in ("flip_test", "FlipTest"):
        status, out, _ = run_cli(["explain", name])
        assert status == 0
        assert out.startswith("flip_test: Which decisions change")
    _, out, _ = run_cli(["explain", "all"])
    assert "equalized_odds" in out
    assert "integrated_gradients" in out


def test_in_a_process(here: Path) -> None:
    command = [sys.executable, "-m", "auditkit", "run", "audit/auditkit.toml", *JSON]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "hiring fails its one rule" in done.stdout
    assert run_cli(["run", "audit/auditkit.toml", *JSON, "--name", "hiring", "-q", "--out", "again"])[0] == 1
    assert Report.load("again/hiring.json").findings == Report.load("reports/hiring.json").findings
