"""Whole audits of the tasks beside binary: small real nets, predictions on the command line, gate and page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from torch import nn

import auditkit as ak
from auditkit.errors import DataError, PolicyError
from auditkit.report.html.page import render
from tests.helpers import run_cli


def fitted(x: np.ndarray, y: torch.Tensor, outputs: int, loss: Any) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(x.shape[1], 16), nn.Tanh(), nn.Linear(16, outputs))
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    inputs = torch.tensor(x, dtype=torch.float32)
    for _ in range(60):
        optimiser.zero_grad()
        loss(net(inputs), y).backward()
        optimiser.step()
    return net


@pytest.fixture(scope="module")
def wine() -> tuple[ak.Model, ak.Dataset]:
    data = load_wine()
    x = (data.data - data.data.mean(0)) / data.data.std(0)
    net = fitted(x[::2], torch.tensor(data.target[::2]), 3, nn.functional.cross_entropy)
    groups = {"cellar": np.where(np.arange(len(x)) % 3 == 0, "north", "south")}
    names = np.array(["first", "second", "third"])[data.target]
    rows = ak.Dataset.from_arrays(
        pd.DataFrame(x, columns=data.feature_names), y_true=names, sensitive_features=groups, task="multiclass",
        classes=["first", "second", "third"],
    )  # fmt: skip
    return ak.Model(net, task="multiclass"), rows


@pytest.fixture(scope="module")
def diabetes() -> tuple[ak.Model, ak.Dataset]:
    data = load_diabetes()
    x, y = data.data * 20, (data.target - 150) / 75
    net = fitted(x[::2], torch.tensor(y[::2, None], dtype=torch.float32), 1, nn.functional.mse_loss)
    groups = {"who": np.where(data.data[:, 1] > 0, "men", "women")}
    frame = pd.DataFrame(x, columns=data.feature_names)
    return ak.Model(net, task="regression"), ak.Dataset.from_arrays(
        frame, y_true=y, sensitive_features=groups, task="regression"
    )


RULES = {
    "rule": [
        {"id": "gap", "metric": "recall", "comparison": "difference", "by": ["cellar"], "at_most": 0.9},
        {"id": "one", "metric": "precision", "comparison": "overall", "label": "third", "at_least": 0.5},
        {"id": "macro", "metric": "macro_recall", "comparison": "group_min", "by": ["cellar"], "at_least": 0.5},
    ]
}


def test_a_net_of_three_classes(wine: tuple[ak.Model, ak.Dataset], tmp_path: Path) -> None:
    model, data = wine
    report = ak.audit(model, data, policy=RULES, checks=[ak.ClassFairness(), ak.GroupFairness(), ak.Scores()])
    decided = np.array(data.classes)[model.predict(next(data.batches()).features).argmax(axis=1)]
    right = (decided == data.frame["y_true"]).mean()
    assert report.finding("performance/accuracy/overall").estimate.value == pytest.approx(right)
    assert [v.status for v in report.verdicts] == ["pass"] * 3
    source = report.provenance.data
    assert (source.task, source.classes, source.positive) == ("multiclass", ("first", "second", "third"), "")
    assert [n.what for n in report.not_measured] == ["group_fairness", "scores"]
    assert "this audit is multiclass" in report.not_measured[0].why
    stored = ak.Report.load(report.save(tmp_path / "r.json"))
    again = ak.judge(stored.model_copy(update={"verdicts": ()}), RULES)
    assert again.verdicts == report.verdicts
    page = render(report)
    assert "one of 3 classes: first, second and third" in page
    with pytest.raises(PolicyError, match=r"no class 'fourth'.*"):
        ak.judge(stored, {"rule": [{**RULES["rule"][1], "label": "fourth"}]})


def test_a_class_is_explained_when_it_is_named_and_every_class_otherwise(wine: tuple[ak.Model, ak.Dataset]) -> None:
    model, data = wine
    named = ak.Attribution("integrated_gradients", label="second")
    (finding,) = ak.audit(model, data, checks=[named], sample=30).findings
    assert (finding.id, finding.label) == ("explanation/integrated_gradients/overall[second]", "second")
    assert not any(t.failed for t in finding.trust)
    every = ak.audit(model, data, checks=[ak.Attribution("integrated_gradients")], sample=30)
    assert [f.label for f in every.findings] == ["first", "second", "third"]
    second = every.findings[1]
    assert (second.id, second.metric) == (finding.id, finding.metric)
    assert second.estimate.value == pytest.approx(finding.estimate.value, rel=1e-4)


def test_a_net_of_numbers(diabetes: tuple[ak.Model, ak.Dataset]) -> None:
    model, data = diabetes
    rules = [
        {"id": "mae", "metric": "mae", "comparison": "difference", "by": ["who"], "at_most": 40},
        {"id": "rmse", "metric": "rmse", "comparison": "overall", "at_most": 0.01},
    ]
    report = ak.audit(model, data, policy={"rule": rules})
    e = model.predict(next(data.batches()).features) - data.frame["y_true"]
    assert report.finding("performance/mean_absolute_error/overall").estimate.value == pytest.approx(e.abs().mean())
    assert [v.status for v in report.verdicts] == ["pass", "fail"]
    assert report.verdicts[0].reason == "The whole interval lies within the limit of 40."
    assert report.finding("explanation/integrated_gradients/overall").estimate.value is not None
    words = " ".join(render(report).split())
    assert "y_true, a number" in words
    assert "Mean absolute error" in words
    section = words[words.index('id="performance"') : words.index('id="calibration"')]
    errors = section.split("Kolmogorov")[0]
    assert "points" not in errors
    assert "%" not in re.sub(r"=-?[\d.]+%", "", errors.replace("95%", "")), "where a mark stands is no number of theirs"


def scored(path: Path, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], n)
    frame = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n),
            "kind": kind,
            "guess": np.where(rng.random(n) < 0.8, kind, "b"),
            "price": rng.normal(100, 10, n),
            "hot": rng.integers(0, 2, n),
            "new": rng.integers(0, 2, n),
        }
    )
    frame = frame.assign(offer=frame["price"] + rng.normal(size=n), says_hot=frame["hot"], says_new=1 - frame["new"])
    frame.loc[:2, "offer"] = np.nan
    frame.to_csv(path, index=False)
    return frame


COMMANDS = {
    "multiclass": ["--y-true", "kind", "--y-pred", "guess"],
    "regression": ["--y-true", "price", "--y-pred", "offer"],
    "multilabel": ["--y-true", "hot", "--y-true", "new", "--y-pred", "says_hot", "--y-pred", "says_new"],
}
POLICIES = {
    "multiclass": 'metric = "accuracy"\ncomparison = "overall"\nat_least = 0.5',
    "regression": 'metric = "mae"\ncomparison = "difference"\nby = ["sex"]\nat_most = 5.0',
    "multilabel": 'metric = "accuracy"\ncomparison = "difference"\nby = ["sex"]\nat_most = 0.5',
}


@pytest.mark.parametrize("task", COMMANDS)
def test_predictions_on_the_command_line(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = scored(tmp_path / "rows.csv")
    Path("gate.toml").write_text(f'[[rule]]\nid = "r"\n{POLICIES[task]}\n')
    arguments = ["--data", "rows.csv", "--sensitive", "sex", "--task", task, *COMMANDS[task], "--name", "r", "-q"]
    status, out, err = run_cli(["run", *arguments, "--policy", "gate.toml", "--out", "out"])
    assert (status, out, err) == (0, "", "")
    report = ak.Report.load("out/r.json")
    assert report.provenance.data.task == task
    assert (tmp_path / "out" / "r.html").exists()
    if task == "multiclass":
        right = (frame["kind"] == frame["guess"]).mean()
        assert report.finding("performance/accuracy/overall").estimate.value == pytest.approx(right)
    if task == "regression":
        assert report.provenance.data.missing_prediction == 3
    if task == "multilabel":
        assert [v.rule.id for v in report.verdicts] == ["r[hot]", "r[new]"]
        assert report.finding("performance/accuracy/overall[new]").estimate.value == 0
        assert report.finding("performance/accuracy/overall[hot]").estimate.value == 1
    status, _, err = run_cli(["gate", "out/r.json", "--policy", "gate.toml", "-q"])
    assert (status, err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "multicalss", *COMMANDS["multiclass"]], "unknown task 'multicalss'"),
        (["--task", "multiclass", "--y-true", "kind", "--y-pred", "offer"], "'offer' holds numbers with decimals"),
        (["--task", "multiclass", *COMMANDS["multiclass"], "--class", "a", "--class", "b"], "'kind' holds c"),
        (["--task", "regression", "--y-true", "kind", "--y-pred", "offer"], "'kind' holds text"),
        (["--task", "regression", *COMMANDS["regression"], "--score", "offer"], "no score"),
        (["--task", "multilabel", "--y-true", "hot", "--y-true", "new", "--y-pred", "says_hot"], "list of 2 columns"),
        (["--task", "multilabel", "--y-true", "hot", "--y-pred", "says_hot"], "two or more different columns"),
    ],
)
def test_wrong_commands_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scored(tmp_path / "rows.csv", 30)
    status, _, err = run_cli(["run", "--data", "rows.csv", "--sensitive", "sex", *arguments, "--out", "out"])
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert not Path("out").exists()


def test_labels_share_their_error_and_are_findings_of_binary_audits(tmp_path: Path) -> None:
    frame = scored(tmp_path / "rows.csv")
    data = ak.Dataset(frame, y_true=["hot", "new"], sensitive_features="sex", task="multilabel")
    rule = {"id": "r", "metric": "selection_rate", "comparison": "difference", "by": ["sex"], "at_most": 0.5}
    report = ak.audit(ak.Predictions(["says_hot", "says_new"]), data, policy={"rule": [rule]})
    assert all(v.p is not None for v in report.verdicts)
    own = frame.drop(columns=["hot", "says_hot"])  # what is of another label is no feature of this one
    alone = ak.audit(ak.Predictions("says_new"), ak.Dataset(own, y_true="new", sensitive_features="sex"))
    for f in alone.findings:
        assert report.finding(f"{f.id}[new]").estimate == f.estimate
    assert ak.judge(report.model_copy(update={"verdicts": ()}), {"rule": [rule]}).verdicts == report.verdicts
    assert "2 labels, each yes or no: hot and new" in render(report)
    with pytest.raises(DataError, match="observed one label at a time"):
        ak.observe(ak.Predictions("says_new"), data, checks=[ak.GroupFairness()])
