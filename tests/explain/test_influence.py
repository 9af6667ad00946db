"""Influence against gradients row by row, against retraining without a row, and through a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.errors import DataError, PolicyError
from auditkit.explain.influence import directions
from auditkit.explain.influence.check import Influence
from auditkit.explain.influence.directions import along, gap_gradient, gap_of, influences, loss
from auditkit.explain.influence.findings import InfluenceSeen
from auditkit.inputs.model import Model
from tests.explain.test_attribution import mlp, sample


def training(rows: int = 60, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 6)), columns=[f"x{j}" for j in range(6)])
    frame["sex"] = rng.choice(["a", "b"], rows)
    return frame.assign(y=(frame["x0"] + rng.normal(size=rows) > 0).astype(int))


def scored(model: Model, rows: int = 100) -> Batch:
    from dataclasses import replace

    batch = sample(rows)
    score = model.predict(batch.features)
    return replace(batch, score=score, y_pred=(score >= 0.5).astype(np.int8))


def net_of(kind: str) -> Model:
    torch.manual_seed(0)
    if kind == "probability":
        return Model(nn.Sequential(mlp(), nn.Sigmoid()), outputs="probabilities")
    if kind == "regression":
        return Model(mlp(), task="regression")
    if kind == "lstm":

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.lstm, self.out = nn.LSTM(1, 3, batch_first=True), nn.Linear(3, 1)

            def forward(self, x: Tensor) -> Tensor:
                return self.out(self.lstm(x[..., None])[0][:, -1])

        return Model(Net())
    return Model(mlp(outputs=2 if kind == "two logits" else 1))


@pytest.mark.parametrize("kind", ["logit", "two logits", "probability", "regression", "lstm"])
def test_against_gradients_row_by_row(kind: str) -> None:
    model, frame = net_of(kind), training(20)
    batch = scored(model)
    gap = gap_of(model, batch, "sex")
    assert gap is not None
    (found,) = influences(model, batch.features, [gap], frame.drop(columns=["y", "sex"]), frame["y"].to_numpy(float))
    own = list(model.module.parameters())
    label, w = batch.groups["sex"].to_numpy(), batch.weight
    score = model.probabilities(model.decision(model.encode(batch.features)))
    assert w is not None
    means = [
        (score * torch.tensor(w * (label == g))).sum() / float((w * (label == g)).sum()) for g in (gap.upper, gap.lower)
    ]
    g = torch.autograd.grad(means[0] - means[1], own)
    expected = []
    for i in range(len(frame)):
        inputs = model.encode(frame.iloc[[i]].drop(columns=["y", "sex"]))
        own_loss = loss(model, model.decision(inputs), torch.tensor([float(frame["y"].iloc[i])]))
        gradients = torch.autograd.grad(own_loss.sum(), own)
        expected.append(-sum(float((a * b).sum()) for a, b in zip(g, gradients, strict=True)))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_twice_backwards_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, frame = net_of("logit"), training(30)
    batch = scored(model)
    gap = gap_of(model, batch, "sex")
    assert gap is not None
    direction = gap_gradient(model, model.encode(batch.features), gap.coefficient)
    inputs, y = model.encode(frame.drop(columns=["y", "sex"])), frame["y"].to_numpy(float)
    forward = along(model, inputs, y, direction)

    def refuse(*_: Any) -> None:
        raise NotImplementedError("no forward-mode formula")

    monkeypatch.setattr(directions.torch.func, "jvp", refuse)
    np.testing.assert_allclose(along(model, inputs, y, direction), forward, rtol=1e-4, atol=1e-7)


def test_checkpoints_add(tmp_path: Path) -> None:
    """A law: over checkpoints the influence is the weighted sum of that at each."""
    model, frame = net_of("logit"), training(30)
    batch = scored(model)
    gap = gap_of(model, batch, "sex")
    assert gap is not None
    rows, y = frame.drop(columns=["y", "sex"]), frame["y"].to_numpy(float)
    parts, paths = [], []
    for seed in (1, 2):
        other = mlp(seed=seed)
        save_file(other.state_dict(), tmp_path / f"{seed}.safetensors")
        paths.append(tmp_path / f"{seed}.safetensors")
        parts.append(influences(model.with_module(other), batch.features, [gap], rows, y)[0])
    before = model.state_sha256()
    (found,) = influences(model, batch.features, [gap], rows, y, checkpoints=paths, rates=[0.5, 0.1])
    np.testing.assert_allclose(found, 0.5 * parts[0] + 0.1 * parts[1], rtol=1e-5, atol=1e-9)
    assert model.state_sha256() == before


def fitted(x: Any, y: Any) -> nn.Linear:
    """A logistic regression with a ridge."""
    found = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(x, y)
    net = nn.Linear(x.shape[1], 1).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor(found.coef_))
        net.bias.copy_(torch.tensor(found.intercept_))
    return net


def test_retraining_without_a_row_moves_the_gap_the_other_way() -> None:
    frame = training(40)
    x, y = frame.drop(columns=["y", "sex"]).to_numpy(), frame["y"].to_numpy(float)
    batch = scored(Model(mlp()), 200)
    test = torch.tensor(batch.features.to_numpy())
    model = Model(fitted(x, y))
    score = model.predict(batch.features)
    from dataclasses import replace

    gap = gap_of(model, replace(batch, score=score), "sex")
    assert gap is not None
    (found,) = influences(model, batch.features, [gap], frame.drop(columns=["y", "sex"]), y)
    c = torch.tensor(gap.coefficient)
    change = []
    for i in range(40):
        keep = np.arange(40) != i
        with torch.no_grad():
            change.append(float(c @ torch.sigmoid(fitted(x[keep], y[keep])(test))[:, 0]) - gap.value)
    assert np.corrcoef(found, -np.array(change))[0, 1] > 0.7
    large = np.argsort(-np.abs(found))[:15]
    assert (np.sign(found[large]) == -np.sign(np.array(change)[large])).mean() >= 0.8


def test_findings_by_group_and_label() -> None:
    """Slow twin: sums over the rows of each cell."""
    model, frame = net_of("logit"), training(200)
    batch = scored(model)
    check = Influence(train=frame, y_true="y", show=["x0"])
    seen = check.examine(model, batch)
    read = InfluenceSeen.from_json(json.loads(json.dumps(seen.to_json(), allow_nan=False)))
    (finding,) = check.assess(read).findings
    gap = gap_of(model, batch, "sex")
    assert gap is not None
    (found,) = influences(model, batch.features, [gap], frame.drop(columns=["y", "sex"]), frame["y"].to_numpy(float))
    for g in finding.by_group:
        cell = (frame["sex"] == g.group["sex"]) & ((frame["y"] == 1) == (g.group["label"] == "positive"))
        r = found[cell].sum() / np.abs(found).sum()
        residual = found * cell - r * np.abs(found)
        error = np.sqrt((residual**2).sum() * 200 / 199) / np.abs(found).sum()
        assert g.estimate.value == pytest.approx(r, rel=1e-4)
        assert g.estimate.high is not None
        assert (g.estimate.high - r) / error == pytest.approx(1.972, abs=0.01)
    top = finding.exhibits[1]
    assert top.kind == "table"
    assert top.rows[0][0] == int(found.argmax())
    assert top.rows[0][4] == str(frame["x0"].iloc[int(found.argmax())])
    (twice,) = check.assess(seen + seen).findings
    assert twice.estimate.value == pytest.approx(finding.estimate.value, rel=1e-4)


def test_no_raw_value_unless_asked() -> None:
    model, frame = net_of("logit"), training(100)
    check = Influence(train=frame, y_true="y")
    seen = check.examine(model, scored(model))
    assert set(seen.rows.labels["shown"]) == {""}
    assert check.assess(seen).findings[0].exhibits[1].columns == ("position", "group", "label", "push")  # type: ignore[union-attr]


def test_in_a_configuration(tmp_path: Path) -> None:
    """Paths are relative to the file; target and positive label are those of the audited rows."""
    ak.demo.data().frame.head(400).to_parquet(tmp_path / "train.parquet")
    ak.demo.data().frame.tail(600).to_parquet(tmp_path / "test.parquet")
    (tmp_path / "auditkit.toml").write_text(
        '[model]\nfactory = "auditkit.demo.income:build"\n[data]\npath = "test.parquet"\ny_true = "income"\n'
        'positive = ">50K"\nsensitive_features = ["gender"]\n[[check]]\nname = "influence"\ntrain = "train.parquet"\n'
    )
    from tests.helpers import run_cli

    status, _, err = run_cli(["run", str(tmp_path / "auditkit.toml"), "-q", "--out", str(tmp_path), "--name", "r"])
    assert (status, err) == (0, "")
    report = ak.Report.load(tmp_path / "r.json")
    finding = report.finding("explanation/influence/overall/gender")
    assert len(finding.by_group) == 4
    assert report.evidence["influence"].options["positive"] == ">50K"


def test_what_is_missing_is_said() -> None:
    model, frame = net_of("logit"), training(50)
    batch = scored(model)
    (absent,) = Influence().assess(Influence().examine(model, batch)).not_measured
    assert absent.why.startswith("no training rows given")
    with pytest.raises(DataError, match="lack the column 'x3'"):
        Influence(train=frame.drop(columns="x3"), y_true="y").examine(model, batch)
    with pytest.raises(PolicyError, match="which column of the training rows"):
        Influence(train=frame).examine(model, batch)
    with pytest.raises(PolicyError, match="Did you mean 'sex'"):
        Influence(train=frame, y_true="y", attributes=["sexx"]).examine(model, batch)
    without = Influence(train=frame.drop(columns="sex"), y_true="y")
    (finding,) = without.assess(without.examine(model, batch)).findings
    assert {g.group["sex"] for g in finding.by_group} == {"(unknown)"}
