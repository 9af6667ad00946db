"""What a newcomer gets wrong first: one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import auditkit as ak
from auditkit.report.cautions import cautions
from tests.helpers import run_cli

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RNG.normal(size=80), "y": RNG.integers(0, 2, 80), "g": RNG.choice(["a", "b"], 80)})
FRAME["d"] = (FRAME["x"] > 0).astype(int)
DATA = ak.Dataset(FRAME, y_true="y", sensitive_features="g")


def model(net: nn.Module | None = None, **options: Any) -> ak.Model:
    return ak.Model(net or nn.Linear(1, 1), preprocess=lambda f: f[["x"]].to_numpy(), **options)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ak.audit(nn.Linear(1, 1), DATA), r"ak\.Model\(net\)"),  # type: ignore[arg-type]
        (lambda: ak.audit(model(), FRAME), r"ak\.Dataset\(frame"),  # type: ignore[arg-type]
        (lambda: ak.audit(model(), DATA, checks=[ak.GroupFairness]), r"write GroupFairness\(\)"),  # type: ignore[list-item]
        (lambda: ak.audit(model(), DATA, checks=ak.GroupFairness()), "must be a list"),  # type: ignore[arg-type]
        (lambda: ak.audit(model(), DATA, checks="scores"), "must be a list"),
        (lambda: ak.audit(model(), DATA, checks=["scors"]), "Did you mean 'scores'"),
        (lambda: ak.audit(model(), DATA, checks=[3]), "got int"),  # type: ignore[list-item]
    ],
)
def test_what_is_bare_is_told_what_to_wrap_it_in(call: Any, said: str) -> None:
    with pytest.raises(ak.AuditkitError, match=said):
        call()


def test_two_checks_of_one_answer_are_told() -> None:
    x = pd.DataFrame({"x": RNG.normal(size=90), "y": ["u", "v", "w"] * 30, "g": ["a", "b"] * 45})
    data = ak.Dataset(x, y_true="y", sensitive_features="g", task="multiclass")
    net = ak.Model(nn.Linear(1, 3), task="multiclass", preprocess=lambda f: f[["x"]].to_numpy(), feature_map={"x": [0]})
    with pytest.raises(ak.PolicyError, match=r"two checks answer 'explanation/.*ask one of them"):
        ak.audit(net, data, checks=[ak.Attribution(), ak.Attribution(label="v")])


def test_checks_by_name() -> None:
    report = ak.audit(model(outputs="logits"), DATA, checks=["group_fairness"])
    assert list(report.evidence) == ["group_fairness"]
    first, second, third = repr(report).split("\n")
    assert first == f"<Report: Linear on {report.provenance.data.name or 'data without a name'}, {len(DATA):,} rows"
    assert second == f"no policy: {len(report.findings)} findings, no rules"
    assert third.endswith(">")
    assert repr(report) == str(report)


def test_a_wrapper_of_nets_is_told_which_part_is_the_net() -> None:
    class Trainer:
        module_ = nn.Linear(1, 1)

    with pytest.raises(ak.ModelError, match=r"pass its \.module_"):
        ak.Model(Trainer())  # type: ignore[arg-type]


def test_logits_said_of_a_net_that_ends_in_a_sigmoid_is_a_caution() -> None:
    said = ak.audit(
        model(nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()), outputs="logits"), DATA, checks=["group_fairness"]
    )
    assert any("ends in Sigmoid" in c for c in cautions(said))
    for right in (
        model(outputs="logits"),
        model(nn.Sequential(nn.Linear(1, 1), nn.Sigmoid()), outputs="probabilities"),
    ):
        assert cautions(ak.audit(right, DATA, checks=["group_fairness"])) == ()


@pytest.mark.parametrize("profile", ["public", "regulator"])
def test_rows_and_suppression_exclude_each_other(profile: Any) -> None:
    for asked in (
        {"disclosure": ak.Disclosure(profile=profile, keep_rows=True)},
        {"disclosure": ak.Disclosure(profile=profile), "include_examples": 1},
        {"disclosure": ak.Disclosure(profile=profile), "checks": [ak.Examples()]},
    ):
        with pytest.raises(ak.PolicyError, match="leave one of them out"):
            ak.audit(model(outputs="logits"), DATA, **asked)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gate", "page.html", "--policy", "four-fifths"], "give the report.json beside it"),
        (["run", "--data", "d.csv", "--y-true", "y", "--sensitive", "g", "--factory", "lit.py:build"],
         "without .py: 'lit'"),
        (["run", "--data", "d.csv", "--y-true", "y", "--sensitive", "g", "--factory", "slow:f", "--weights", "no.pt"],
         "cannot read the weights"),
        (["run", "--data", "d.csv", "--y-true", "y", "--y-pred", "d", "--sensitive", "g", "--profile", "public",
          "--keep-rows"], "leave one of them out"),
    ],
)  # fmt: skip
def test_the_command_line_says_what_to_do(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("d.csv", index=False)
    Path("page.html").write_text("<!doctype html><title>x</title>")
    Path("slow.py").write_text("raise AssertionError('weights are looked for before anything is imported')")
    status, _, err = run_cli(arguments)
    assert (status, said in err) == (2, True), err
