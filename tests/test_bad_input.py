"""What bad input gets on the command line: one line that says what to do, exit status 2, and nothing written.

Missing values, one class and one group are no mistakes: they make a report with states.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from auditkit.records import Report
from tests.forked import python
from tests.helpers import run_cli

POLICY = """
[[rule]]
id = "gap"
metric = "selection_rate"
comparison = "difference"
by = ["sex"]
at_most = 0.9
"""
CODE = """
import torch
from torch import nn
import auditkit as ak

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        return self.layer(x).squeeze(1)

class Mixing(Net):
    def forward(self, x):
        return super().forward(x - x.mean(0))

class Broken(Net):
    def forward(self, x):
        return super().forward(x) / 0 * 0

def pre(frame):
    return frame[["age", "hours"]].to_numpy(float)

MAP = {"age": [0], "hours": [1]}

def build():
    return ak.Model(Net(), preprocess=pre, feature_map=MAP)

def mixing():
    return ak.Model(Mixing(), preprocess=pre, feature_map=MAP)

def broken():
    return ak.Model(Broken(), preprocess=pre, feature_map=MAP)

def plain():
    return nn.Linear(2, 1)
"""


def rows(n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "age": rng.normal(size=n),
            "hours": rng.normal(size=n),
            "sex": rng.choice(["f", "m"], n),
            "hired": rng.integers(0, 2, n),
        }
    )
    return frame.assign(decision=(frame["age"] > 0).astype(int), score=1 / (1 + np.exp(-frame["age"])))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with good data, a policy and model code, as working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    rows().to_parquet("rows.parquet")
    Path("gate.toml").write_text(POLICY)
    Path("audited_net.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("audited_net", None)


DATA = ["--data", "rows.parquet", "--y-true", "hired", "--sensitive", "sex"]
DECISIONS = [*DATA, "--y-pred", "decision"]
FILES = ["--format", "json", "--format", "junit", "--name", "r"]
NET = ["--factory", "audited_net:build", "--weights", "w.pt"]


def refused(arguments: list[str], *messages: str, lines: int = 1) -> str:
    """The run ends with status 2, one line that says so, and no file in the folder to write to."""
    status, out, err = run_cli([*arguments, "--out", "out"])
    assert status == 2, (out, err)
    assert err.startswith("auditkit: "), err
    assert err.count("\n") == lines, err
    assert "Traceback" not in err
    assert "unexpected" not in err, err
    assert out == ""
    for message in messages:
        assert message in err
    assert not Path("out").exists()
    return err


def reported(arguments: list[str], status: int) -> Report:
    """The run ends with this status and a report."""
    found, out, err = run_cli([*arguments, *FILES, "--out", "out"])
    assert (found, err) == (status, ""), (found, out, err)
    return Report.load("out/r.json")


def changed(**columns: Any) -> None:
    rows().assign(**columns).to_parquet("rows.parquet")


def test_the_good_run_is_good(here: Path) -> None:
    report = reported(["run", *DECISIONS, "--policy", "gate.toml"], 0)
    assert report.passed
    assert sorted(p.name for p in Path("out").iterdir()) == ["r.json", "r.xml"]


# ---- columns


@pytest.mark.parametrize(
    ("flags", "messages"),
    [
        (
            ["--sensitive", "sexx"],
            ["no column 'sexx' for sensitive_features", "the columns are age", "Did you mean 'sex'?"],
        ),
        (["--y-true", "hird"], ["no column 'hird' for y_true", "Did you mean 'hired'?"]),
        (["--y-pred", "decisions"], ["no column 'decisions' for y_pred", "Did you mean 'decision'?"]),
        (["--score", "scores"], ["no column 'scores' for score", "Did you mean 'score'?"]),
    ],
)
def test_unknown_column(here: Path, flags: list[str], messages: list[str]) -> None:
    refused(["run", *DECISIONS, *flags], *messages)


def test_labels_without_positive(here: Path) -> None:
    changed(hired=np.where(rows()["hired"] == 1, "yes", "no"))
    refused(["run", *DECISIONS], "the labels of 'hired' are no, yes: say which is positive", "--positive yes")
    refused(["run", *DECISIONS, "--positive", "Yes"], "no label 'Yes'", "Did you mean 'yes'?")
    assert reported(["run", *DECISIONS, "--positive", "yes"], 0).provenance.data.positive == "yes"


def test_probabilities_where_decisions_are_expected(here: Path) -> None:
    refused(["run", *DATA, "--y-pred", "score"], "'score' holds probabilities", "pass it as the score", "score >= 0.5")


def test_continuous_sensitive_feature(here: Path) -> None:
    refused(
        ["run", *DECISIONS, "--sensitive", "age"],
        "'age' has 240 distinct numeric values",
        "Say its bins",
        "--bins 'age=0,30,45,60,120'",
    )


# ---- rows: reports with states


def test_missing_targets_and_predictions_are_counted_and_reported(here: Path) -> None:
    frame = rows()
    hired, decision = frame["hired"].astype(float), frame["decision"].astype(float)
    hired[:7] = np.nan
    decision[4:15] = np.nan
    changed(hired=hired, decision=decision)
    report = reported(["run", *DECISIONS, "--policy", "gate.toml"], 0)
    data = report.provenance.data
    assert (data.rows, data.missing_target, data.missing_prediction) == (240, 7, 8)
    assert report.finding("performance/accuracy/overall").estimate.n == 225
    cells = report.evidence["group_fairness"].data["cells"]
    assert sum(n for n, t, p in zip(cells["n"], cells["y_true"], cells["y_pred"], strict=True) if t < 0 or p < 0) == 15


def test_every_prediction_missing_is_not_measured(here: Path) -> None:
    changed(decision=np.nan)
    report = reported(["run", *DECISIONS, "--policy", "gate.toml"], 3)
    assert report.verdicts[0].status == "not_measured"
    assert report.provenance.data.missing_prediction == 240


def test_every_target_missing_is_refused(here: Path) -> None:
    changed(hired=np.nan)
    refused(["run", *DECISIONS], "every value of the target 'hired' is missing")


@pytest.mark.parametrize(("label", "undefined"), [(1, "false_positive_rate"), (0, "true_positive_rate")])
def test_one_class_only(here: Path, label: int, undefined: str) -> None:
    changed(hired=label)
    report = reported(["run", *DECISIONS, "--policy", "gate.toml"], 0)
    found = report.finding(f"fairness/{undefined}/difference/sex")
    assert (found.estimate.value, found.estimate.state) == (None, "undefined")
    assert {g.estimate.state for g in found.by_group} == {"undefined"}
    assert report.finding(f"performance/{undefined}/overall").estimate.state == "undefined"
    assert report.finding("fairness/selection_rate/difference/sex").estimate.state == "ok"


def test_one_class_only_in_words(here: Path) -> None:
    changed(hired="yes", decision=np.where(rows()["decision"] == 1, "yes", "no"))
    report = reported(["run", *DECISIONS, "--positive", "yes"], 0)
    assert report.finding("performance/selection_rate/overall").estimate.value == pytest.approx(
        rows()["decision"].mean()
    )


def test_one_group_only_is_undefined_and_not_fair(here: Path) -> None:
    changed(sex="f")
    report = reported(["run", *DECISIONS, "--policy", "gate.toml"], 3)
    found = report.finding("fairness/selection_rate/difference/sex")
    assert (found.estimate.value, found.estimate.state) == (None, "undefined")
    assert "one group only" in found.estimate.note
    assert report.verdicts[0].status == "not_measured"
    assert report.verdicts[0].reason == "Not measured: one group only: there is nothing to compare."
    Path("lenient.toml").write_text(POLICY + 'on_not_measured = "warn"\n')
    assert reported(["run", *DECISIONS, "--policy", "lenient.toml"], 0).verdicts[0].status == "not_measured"


# ---- files


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_an_empty_file(here: Path, name: str) -> None:
    Path(name).write_bytes(b"")
    refused(["run", *DECISIONS, "--data", name], f"{name} is empty")


def test_a_header_without_rows(here: Path) -> None:
    Path("rows.csv").write_text("sex,hired,decision\n")
    refused(["run", *DECISIONS, "--data", "rows.csv"], "rows.csv has no rows")


@pytest.mark.parametrize("keep", [3, 500, -1])
def test_a_truncated_parquet(here: Path, keep: int) -> None:
    path = Path("rows.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    refused(["run", *DECISIONS], "rows.parquet is no complete parquet file")


def test_a_missing_file(here: Path) -> None:
    refused(["run", *DECISIONS, "--data", "row.parquet"], "row.parquet: No such file or directory")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-100], "is not complete JSON"),
        (lambda text: text.replace("auditkit.report/1", "auditkit.report/2"), "upgrade to read it"),
    ],
)
@pytest.mark.parametrize("command", ["gate", "report"])
def test_a_stored_report_that_cannot_be_read(
    here: Path, command: str, change: Callable[[str], str], message: str
) -> None:
    reported(["run", *DECISIONS], 0)
    Path("bad.json").write_text(change(Path("out/r.json").read_text()))
    extra = ["--policy", "gate.toml"] if command == "gate" else ["--format", "junit", "--out", "new"]
    status, out, err = run_cli([command, "bad.json", *extra])
    assert (status, out) == (2, "")
    assert err.startswith("auditkit: bad.json ")
    assert err.count("\n") == 1
    assert message in err
    assert not Path("new").exists()


def test_a_misspelt_policy_key(here: Path) -> None:
    Path("gate.toml").write_text(POLICY.replace("at_most", "at_mots"))
    refused(
        ["run", *DECISIONS, "--policy", "gate.toml"], "gate.toml:7: unknown key 'at_mots'", "Did you mean 'at_most'?"
    )


# ---- models


def weights(state: dict[str, torch.Tensor]) -> None:
    save_file(state, "w.pt")


def fitting() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {"layer.weight": torch.randn(1, 2), "layer.bias": torch.zeros(1)}


def test_weights_that_do_not_fit(here: Path) -> None:
    weights({"layer.weight": torch.ones(1, 3), "other": torch.ones(1)})
    refused(
        ["run", *DATA, *NET], "do not fit Net", "it lacks layer.bias", "it has besides other",
        "layer.weight: (1, 3) in the file, (1, 2) in the module",
    )  # fmt: skip


def test_weights_cut_short(here: Path) -> None:
    weights(fitting())
    Path("w.pt").write_bytes(Path("w.pt").read_bytes()[:-2])
    refused(["run", *DATA, *NET], "is no complete safetensors file")


class Trap:
    def __reduce__(self) -> Any:
        return (exec, ("open('sprung', 'w').close()",))


@pytest.mark.parametrize("save", [torch.save, lambda trap, path: Path(path).write_bytes(pickle.dumps(trap))])
def test_a_pickle_is_refused_and_does_not_run(here: Path, save: Callable[[Any, str], Any]) -> None:
    save(Trap(), "w.pt")
    refused(["run", *DATA, *NET], "is refused: it holds a whole module as a pickle", lines=4)
    assert not Path("sprung").exists()


def test_a_whole_module_is_refused_with_the_conversion(here: Path) -> None:
    torch.save(nn.Linear(2, 1), "w.pt")
    refused(["run", *DATA, *NET], "convert it once", 'save_file(net.state_dict(), "model.safetensors")', lines=4)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")
def test_torchscript_is_refused(here: Path) -> None:
    torch.jit.trace(nn.Linear(2, 1), torch.ones(1, 2)).save("w.pt")
    refused(["run", *DATA, *NET], "is a program (TorchScript or an exported module), not weights")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("audited_net:biuld", "no function 'biuld' in audited_net. Did you mean 'build'?"),
        ("audited_nett:build", "cannot import 'audited_nett'"),
        ("audited_net", "package.module:"),
        ("audited_net:pre", "factory 'audited_net:pre' fails: TypeError: pre() missing 1 required positional argument"),
        ("audited_net:plain", "hold no numbers: pass preprocess="),
        ("audited_net:broken", "the model gives NaN or infinite outputs, first for row 0"),
    ],
)
def test_models_that_cannot_be_audited(here: Path, factory: str, message: str) -> None:
    refused(["run", *DATA, "--factory", factory], message)


def test_missing_features_make_nan_outputs(here: Path) -> None:
    age = rows()["age"]
    age[17] = np.nan
    changed(age=age)
    refused(
        ["run", *DATA, "--factory", "audited_net:build"], "NaN or infinite outputs, first for row 17 (from 0), 1 in"
    )


def test_rows_that_influence_each_other(here: Path) -> None:
    refused(["run", *DATA, "--factory", "audited_net:mixing"], "influence each other")


# ---- output


@pytest.mark.parametrize("out", ["taken", "taken/deeper"])
def test_a_folder_that_cannot_be_written(here: Path, out: str) -> None:
    Path("taken").write_text("a file")
    before = sorted(p.name for p in Path().rglob("*"))
    status, printed, err = run_cli(["run", *DECISIONS, *FILES, "--out", out])
    assert (status, printed) == (2, "")
    assert err.startswith("auditkit: cannot write to taken")
    assert err.count("\n") == 1
    assert sorted(p.name for p in Path().rglob("*")) == before
    assert Path("taken").read_text() == "a file"


def test_one_of_two_files_cannot_be_written(here: Path) -> None:
    Path("out/r.xml").mkdir(parents=True)
    status, _, err = run_cli(["run", *DECISIONS, *FILES, "--out", "out"])
    assert status == 2
    assert "cannot write out/r.xml" in err
    assert [p.name for p in Path("out").iterdir()] == ["r.xml"]


def test_what_is_no_report_is_not_overwritten(here: Path) -> None:
    Path("out").mkdir()
    Path("out/r.json").write_text("my own notes")
    status, _, err = run_cli(["run", *DECISIONS, *FILES, "--out", "out"])
    assert status == 2
    assert err == "auditkit: out/r.json is there already and is no auditkit report: choose another name, or --force\n"
    assert Path("out/r.json").read_text() == "my own notes"
    assert [p.name for p in Path("out").iterdir()] == ["r.json"]


def test_an_unknown_format(here: Path) -> None:
    refused(
        ["run", *DECISIONS, "--format", "jsn"],
        "unknown format 'jsn'; known are html, json, junit",
        "Did you mean 'json'?",
    )


@pytest.mark.parametrize("name", ["../up", "..", ".hidden"])
def test_a_name_does_not_leave_the_folder(here: Path, name: str) -> None:
    refused(["run", *DECISIONS, "--format", "json", "--name", name], "is no file name")
    assert not list(here.parent.glob("up*"))


# ---- the same in a process of its own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", *DECISIONS, "--sensitive", "sexx"], "Did you mean 'sex'?"),
        (["run", *DATA, *NET], "cannot read the weights"),
    ],
)
def test_in_a_process(here: Path, arguments: list[str], message: str) -> None:
    done = python("auditkit", *arguments, "--out", "out")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("auditkit: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not Path("out").exists()


def test_control_characters_of_the_data_do_not_reach_the_terminal(here: Path) -> None:
    rows().rename(columns={"age": "\x1b[31mage"}).to_parquet("rows.parquet")
    err = refused(["run", *DECISIONS, "--sensitive", "agee"], "no column 'agee'")
    assert "\x1b" not in err


def test_json_holds_the_states(here: Path) -> None:
    """Other programs read `null`, never NaN."""
    changed(sex="f")
    reported(["run", *DECISIONS], 0)
    raw = json.loads(Path("out/r.json").read_text(), parse_constant=lambda x: pytest.fail(x))
    gap = next(f for f in raw["findings"] if f["id"] == "fairness/selection_rate/difference/sex")
    assert gap["estimate"]["value"] is None
