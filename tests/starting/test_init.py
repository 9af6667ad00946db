"""`auditkit init`, whole: what it writes runs and gives the report that `run` gives; nothing is overwritten."""

from __future__ import annotations

import os
import pty
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auditkit.records import Report
from tests.forked import python
from tests.helpers import run_cli


def people(n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    sex = rng.choice(["f", "m"], n)
    hired = rng.choice(["yes", "no"], n)
    decision = np.where(rng.random(n) < np.where(sex == "m", 0.9, 0.7), hired, "no")
    return pd.DataFrame({"sex": sex, "hired": hired, "decision": decision})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    people().to_csv("scored.csv", index=False)
    return tmp_path


def with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    hours = rng.gamma(3.0, 2.0, len(frame))
    return frame[["sex"]].assign(hours=hours, predicted_hours=hours + rng.normal(size=len(frame)))


def german(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.assign(Betrag=np.linspace(1, 9, len(frame)), Tag=pd.date_range("2024-01-01", periods=len(frame)))
    frame = frame.rename(columns={"sex": "Geschlecht", "hired": "bezahlt", "decision": "Entscheidung"})
    frame.loc[:9, "Geschlecht"] = None
    return frame.replace({"f": "weiblich", "m": "männlich", "yes": "ja", "no": "nein"})


HOSTILE = {"sex": 'we"ird\n[sex]', "hired": "# hired = 'yes'", "decision": "x]\n[[rule]]"}


@pytest.mark.parametrize("kind", ["german", "multiclass", "numbers", "labels", "booleans", "hostile"])
def test_what_is_written_runs(kind: str, here: Path) -> None:
    frame, flags, name = people(), [], "rows.parquet"
    if kind == "german":
        name = "rows.csv"
        german(frame).to_csv(name, sep=";", decimal=",", encoding="cp1252", index=False)
    elif kind == "multiclass":
        rng = np.random.default_rng(7)
        grade = rng.choice(["a", "b", "c"], len(frame))
        frame[["sex"]].assign(grade=grade, prediction=np.where(rng.random(len(grade)) < 0.8, grade, "a")).to_parquet(
            name
        )
    elif kind == "numbers":
        with_numbers(frame).to_parquet(name)
    elif kind == "labels":
        marks = {
            f"{p}{x}": frame["hired"].eq("yes").shift(i, fill_value=True) for i, x in enumerate("ab") for p in "yp"
        }
        frame[["sex"]].assign(**marks).to_parquet(name)
        flags = ["--y-true", "ya", "--y-true", "yb", "--y-pred", "pa", "--y-pred", "pb"]
    elif kind == "booleans":
        yes = frame[["hired", "decision"]].eq("yes").astype(object)
        yes.loc[:4, "hired"] = None
        frame[["sex"]].assign(**yes).to_parquet(name)
    elif kind == "hostile":
        frame.rename(columns=HOSTILE).to_parquet(name)
        flags = [
            x
            for flag, c in (("--y-true", "hired"), ("--y-pred", "decision"), ("--sensitive", "sex"))
            for x in (flag, HOSTILE[c])
        ]
    status, out, err = run_cli(["init", name, "--yes", *flags])
    assert (status, err) == (0, ""), err
    assert "auditkit.toml is written." in out
    assert "auditkit run auditkit.toml" in out
    first = Report.load("reports/rows.json")
    assert first.verdicts
    assert {v.status for v in first.verdicts} <= {"pass", "fail", "inconclusive"}, "all of them could be measured"
    status, _, err = run_cli(["run", "auditkit.toml", "--name", "again", "--format", "json", "--quiet"])
    assert err == ""
    again = Report.load("reports/again.json")
    assert (again.verdicts, again.findings) == (first.verdicts, first.findings)


def test_a_model_by_its_factory(here: Path) -> None:
    (here / "small.py").write_text(
        "import torch, auditkit as ak\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    return ak.Model(torch.nn.Linear(1, 1), preprocess=lambda rows: rows[['x']].to_numpy('float32'), "
        "feature_map={'x': [0]})\n"
    )
    frame = people(120).drop(columns="decision")
    frame.assign(x=np.linspace(-2, 2, len(frame))).to_parquet("rows.parquet")
    status, _, err = run_cli(["init", "rows.parquet", "--yes", "--factory", "small:build", "--outputs", "logits"])
    assert (status, err) == (0, ""), err
    model = tomllib.loads(Path("auditkit.toml").read_text())["model"]
    assert model == {"factory": "small:build", "outputs": "logits"}
    assert Report.load("reports/rows.json").provenance.model.kind == "torch"


def test_what_was_guessed_is_said_twice(here: Path) -> None:
    status, out, _ = run_cli(["init", "scored.csv", "--yes", "--no-run", "--y-pred", "decision"])
    assert status == 0
    text = Path("auditkit.toml").read_text()
    for answer, why in (("y_true", "by its name"), ("positive", "by its name"), ("sensitive sex", "sex, by its name")):
        assert f"guessed: {answer}" in out
        assert f"({why})" in out
    assert 'y_true = "hired"  # guessed: by its name' in text
    assert "# guessed: sex (sex, by its name)" in text
    assert 'y_pred = "decision"\n' in text, "what was said is no guess"
    assert not Path("reports").exists()


def lenders(n: int = 400) -> pd.DataFrame:
    """A lender's file: what turned out, a score in its own units, and what two models decide."""
    rng = np.random.default_rng(8)
    score = rng.integers(302, 849, n)
    said = {f"approved{v}": np.where(score > least, "yes", "no") for v, least in (("", 580), ("_v2", 600))}
    repaid = np.where(rng.random(n) < (score - 200) / 700, "yes", "no")
    return pd.DataFrame({"sex": rng.choice(["f", "m"], n), "repaid": repaid, "score": score, **said})


def test_a_lenders_file(here: Path) -> None:
    """Its score has a range of its own, its separator is no comma: what is written says both, and a report is made."""
    lenders().to_csv("loans.csv", sep=";", index=False)
    status, out, err = run_cli(["init", "loans.csv", "--yes", "--score", "score", "--threshold", "580"])
    assert (status, err) == (0, ""), err
    assert "guessed: score_range = 300, 850 (the scores lie from 30" in out, out
    said = tomllib.loads(Path("auditkit.toml").read_text())
    assert said["predictions"] == {"score": "score", "score_range": [300, 850], "threshold": 580}
    assert (said["data"]["sep"], said["data"]["y_true"]) == (";", "repaid")
    report = Report.load("reports/loans.json")
    assert report.provenance.model.scale
    assert not [c for c in report.provenance.cautions if "as guessed" in c], "a file that says it has nothing to guess"
    asked = ["init", "loans.csv", "--yes", "--force", "--quiet", "--no-run", "--score", "score", "--threshold", "580"]
    assert run_cli([*asked, "--score-range", "250,900"]) == (0, "", "")
    assert tomllib.loads(Path("auditkit.toml").read_text())["predictions"]["score_range"] == [250, 900]


@pytest.mark.parametrize("flags", [[], ["--y-pred", "approved"], ["--y-pred", "approved_v2"]])
def test_a_lenders_decision_is_no_truth(flags: list[str], here: Path) -> None:
    lenders().to_csv("loans.csv", sep=";", index=False)
    asked = ["init", "loans.csv", "--yes", "--quiet", "--no-run", *flags]
    assert run_cli(asked) == (0, "", "")
    assert tomllib.loads(Path("auditkit.toml").read_text())["data"]["y_true"] == "repaid"
    lenders().drop(columns="repaid").to_csv("loans.csv", sep=";", index=False)
    status, _, err = run_cli([*asked, "--force"])
    assert status == 2
    assert (
        "'approved', 'approved_v2' are named like decisions, and not taken for the truth: give --y-true COLUMN" in err
    )


@pytest.mark.parametrize(("sep", "encoding"), [(";", "cp1252"), ("\t", "utf-16"), (",", "utf-8-sig")])
def test_how_a_csv_file_was_read_is_written(sep: str, encoding: str, here: Path) -> None:
    people(60).assign(ort="Köln").to_csv("rows.csv", sep=sep, encoding=encoding, index=False)
    assert run_cli(["init", "rows.csv", "--yes", "--quiet"]) == (0, "", "")
    data = tomllib.loads(Path("auditkit.toml").read_text())["data"]
    assert data.get("sep", ",") == sep
    assert data.get("encoding", "utf-8") == encoding.removesuffix("-sig")
    assert ("sep" in data, "encoding" in data) == (sep != ",", not encoding.startswith("utf-8")), (
        "what is plain is left"
    )
    assert not [c for c in Report.load("reports/rows.json").provenance.cautions if "as guessed" in c]


def test_nothing_is_overwritten(here: Path) -> None:
    path = Path("auditkit.toml")
    path.write_text("mine")
    asked = ["init", "scored.csv", "--yes", "--no-run", "--quiet"]
    status, _, err = run_cli(asked)
    assert (status, path.read_text()) == (2, "mine")
    assert "is there already, and is left alone: --out names another, --force moves it to auditkit.toml.old" in err
    assert run_cli([*asked, "--force"]) == (0, "", "")
    assert Path("auditkit.toml.old").read_text() == "mine"
    assert "[data]" in path.read_text()
    status, _, err = run_cli([*asked, "--force"])
    assert (status, Path("auditkit.toml.old").read_text()) == (2, "mine")
    assert "would be lost" in err


PROJECT = '[project]\nname = "x"  # a comment\n\n[tool.other]\nkey = 1'


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_pyproject_gets_its_table(here: Path, end: str) -> None:
    path = Path("pyproject.toml")
    path.write_text(PROJECT + end)
    quiet = ["init", "scored.csv", "--yes", "--no-run", "--quiet"]
    assert run_cli([*quiet, "--out", "pyproject.toml"]) == (0, "", "")
    assert path.read_text().startswith(PROJECT + end)
    assert run_cli(quiet) == (0, "", "")
    own = tomllib.loads(Path("auditkit.toml").read_text())
    assert tomllib.loads(path.read_text()) == tomllib.loads(PROJECT) | {"tool": {"other": {"key": 1}, "auditkit": own}}
    before = path.read_text()
    again, _, err = run_cli([*quiet, "--out", "pyproject.toml", "--force"])
    assert (again, path.read_text()) == (2, before)
    assert "has a [tool.auditkit] already" in err


def test_the_table_of_a_pyproject_is_run_and_gates(here: Path) -> None:
    Path("pyproject.toml").write_text(PROJECT)
    assert run_cli(["init", "scored.csv", "--yes", "--quiet", "--out", "pyproject.toml"]) == (0, "", "")
    status, _, err = run_cli(["run", "pyproject.toml", "--name", "b", "--format", "json", "--quiet"])
    assert err == ""
    assert Report.load("reports/b.json").verdicts == Report.load("reports/scored.json").verdicts
    assert run_cli(["gate", "reports/b.json", "--policy", "pyproject.toml", "--quiet"]) == (status, "", "")


@pytest.mark.slow
def test_pytest_takes_the_table_of_a_pyproject(here: Path) -> None:
    Path("pyproject.toml").write_text(PROJECT)
    run_cli(
        [
            "init",
            "scored.csv",
            "--yes",
            "--no-run",
            "--quiet",
            "--out",
            "pyproject.toml",
            "--metric",
            "accuracy",
            "--at-most",
            "1",
        ]
    )
    done = python("pytest", "-q", "-p", "no:cacheprovider", "--auditkit", "pyproject.toml", cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no pyproject.toml: leave --out out"),
        ("tool = { other = 1 }\n", "its `tool` is closed"),
        ("[tool\n", "is no TOML file"),
    ],
)
def test_a_pyproject_that_takes_no_table(text: str | None, said: str, here: Path) -> None:
    path = Path("pyproject.toml")
    if text is not None:
        path.write_text(text)
    status, _, err = run_cli(["init", "scored.csv", "--yes", "--out", "pyproject.toml"])
    assert status == 2
    assert said in err
    assert (path.read_text() if path.exists() else None) == text


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "this is no terminal. --yes takes the default of every question"),
        (["--yes", "--y-pred", "decison"], "Did you mean 'decision'?"),
        (["--yes", "--factory", "a:b", "--y-pred", "decision"], "not both"),
        (["--yes", "--weights", "w"], "--weights goes with --factory"),
        (["--yes", "--at-most", "0.1"], "--at-most goes with --metric"),
        (["--yes", "--task", "binari"], "Did you mean 'binary'?"),
        (["--yes", "--positive", "maybe"], "has no label 'maybe'"),
        (["--yes", "--out", "policy"], "ends in .toml"),
        (["--yes", "--out", "no/where.toml"], "is no folder"),
    ],
)
def test_trouble_is_told_and_nothing_written(flags: list[str], said: str, here: Path) -> None:
    status, _, err = run_cli(["init", "scored.csv", *flags])
    assert status == 2
    assert said in err
    assert [p.name for p in here.iterdir()] == ["scored.csv"]


def test_a_report_that_cannot_be_made_leaves_the_file(here: Path) -> None:
    status, _, err = run_cli(["init", "scored.csv", "--yes", "--quiet", "--factory", "nowhere:build"])
    assert status == 2
    assert "auditkit.toml is written; the first report is not: " in err
    assert Path("auditkit.toml").exists()


def test_somebody_at_a_terminal(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keys, os.fdopen(theirs, "r", encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        keys.write(b"\n\nhired\ndecision\nno\n\ntrue_positive_rate 0.3\n")
        status, out, err = run_cli(["init", "--no-run"])
    assert (status, err) == (0, "")
    assert re.findall(r"^(\d)\. ", out, re.MULTILINE) == list("123456")
    assert "'hired' cannot be both the truth and the decision" in out
    data = tomllib.loads(Path("auditkit.toml").read_text())
    assert data["data"] == {"path": "scored.csv", "y_true": "hired", "positive": "no", "sensitive_features": ["sex"]}
    assert [rule["at_most"] for rule in data["rule"] if rule["metric"] == "true_positive_rate"] == [0.3]
