"""TCAV: sensitivities against Captum's layer gradients, p against a slow twin and on true nulls, planted concepts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import LayerActivation, LayerGradientXActivation
from scipy import stats
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.errors import DataError, ModelError, PolicyError
from auditkit.explain.concepts.check import Concepts
from auditkit.explain.concepts.findings import ConceptRows, contrasts_of, permutation_p
from auditkit.explain.concepts.statements import PROJECTION
from auditkit.inputs.model import Model
from auditkit.records import Finding, Table
from tests.explain.test_attribution import mlp, sample


def table(finding: Finding) -> Table:
    (exhibit,) = finding.exhibits
    assert isinstance(exhibit, Table)
    return exhibit


def deep() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))


def planted(rows: int = 300, shift: float = 1.0) -> Batch:
    """Group b has a larger x0, and nothing else."""
    batch = sample(rows)
    features = batch.features.copy()
    features["x0"] += shift * (batch.groups["sex"] == "b")
    return replace(batch, features=features)


def test_sensitivities_are_captums() -> None:
    net, batch = deep(), sample(120)
    seen = Concepts(permutations=99).examine(Model(net), batch)
    (finding,) = Concepts(permutations=99).assess(seen).findings
    x = torch.tensor(batch.features.to_numpy(), dtype=torch.float32)
    b = torch.as_tensor((batch.groups["sex"] == "b").to_numpy().copy())
    assert seen.facts["layers"] == ["0", "1", "2", "3"]
    for row, layer in zip(table(finding).rows, net[:4], strict=True):
        h = LayerActivation(net, layer).attribute(x)
        gradient = LayerGradientXActivation(net, layer, multiply_by_inputs=False).attribute(x, target=0)
        along = gradient @ (h[b].mean(0) - h[~b].mean(0))
        assert row[3] == pytest.approx(float(along.mean()), abs=1e-5)
        assert row[7] == pytest.approx(float((along > 0).double().mean()))


def test_p_against_a_slow_twin() -> None:
    rng = np.random.default_rng(0)
    u, label = rng.normal(size=(40, 2)), rng.random(40) < 0.4
    u[label] += 0.4
    contrast = label / label.sum() - ~label / (~label).sum()
    found = permutation_p(u, contrast[:, None], permutations=199, seed=3)
    again, extreme = np.random.default_rng(3), np.zeros(2)
    observed = np.abs(u[label].mean(0) - u[~label].mean(0))
    for _ in range(199):
        dealt = u[again.permutation(40)]
        extreme += np.abs(dealt[label].mean(0) - dealt[~label].mean(0)) >= observed
    np.testing.assert_allclose(found[0], (1 + extreme) / 200)


def test_a_planted_concept_is_found_and_an_absent_one_is_not() -> None:
    net = deep()
    with torch.no_grad():  # a net that uses what is planted
        net[0].weight[:, 0] = 1.0
        net[4].weight.fill_(1.0)
        net[2].weight.fill_(0.5)
    (with_it,) = Concepts().assess(Concepts().examine(Model(net), planted(shift=1.5))).findings
    (without,) = Concepts().assess(Concepts().examine(Model(net), planted(shift=0.0))).findings
    assert "go along with sex" in with_it.statement
    assert with_it.estimate.low is not None
    assert (with_it.estimate.low > 0) == ((with_it.estimate.value or 0) > 0)
    assert without.statement.startswith("At none of")


def test_of_a_linear_net_it_is_the_gap() -> None:
    """By formula: at the input's linear map, ∇h·v is the difference of mean logits for every row."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 1))
    batch = planted(shift=1.0)
    (finding,) = Concepts(layers=["0"]).assess(Concepts(layers=["0"]).examine(Model(net), batch)).findings
    logits = net(torch.tensor(batch.features.to_numpy(), dtype=torch.float32)).detach().numpy()[:, 0]
    b = (batch.groups["sex"] == "b").to_numpy()
    assert finding.estimate.value == pytest.approx(float(logits[b].mean() - logits[~b].mean()), abs=1e-5)


def test_examples_of_the_user(tmp_path: Path) -> None:
    batch = sample(200)
    shown = batch.features.head(40).assign(x0=3.0, extra="not read")
    shown.to_parquet(tmp_path / "high.parquet")
    checks = [Concepts(examples={"high x0": rows}) for rows in (shown, str(tmp_path / "high.parquet"))]
    a, b = (c.examine(Model(mlp()), batch) for c in checks)
    assert len(a) == 240
    assert a.labels == b.labels
    (finding,) = checks[0].assess(a).findings
    assert finding.id == "explanation/concepts/overall"
    assert {row[1] for row in table(finding).rows} == {"high x0"}
    assert finding == checks[1].assess(b).findings[0]
    assert json.loads(json.dumps(checks[0].options()))["examples"] == {"high x0": "(a frame)"}
    with pytest.raises(DataError, match="lack the column 'x5'"):
        Concepts(examples={"c": shown.drop(columns="x5")}).examine(Model(mlp()), batch)


def test_every_kind_of_layer() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embed, self.lstm = nn.Embedding(9, 4), nn.LSTM(4, 5, batch_first=True)
            self.twice, self.never, self.out = nn.Tanh(), nn.ReLU(), nn.Linear(5, 1)

        def forward(self, ids: Tensor) -> Tensor:
            states, _ = self.lstm(self.twice(self.embed(ids)))
            return self.out(self.twice(states[:, -1]))[:, 0]

    batch = sample(60)
    rng = np.random.default_rng(0)
    batch = replace(batch, features=pd.DataFrame(rng.integers(0, 9, (60, 3)), columns=["a", "b", "c"]))
    net = Net()
    seen = Concepts().examine(Model(net, preprocess=lambda f: f.to_numpy()), batch)
    assert seen.facts["layers"] == ["embed", "twice (call 1)", "lstm", "into twice (call 2)", "twice (call 2)"]
    assert list(seen.columns) == [f"u:{name}" for name in seen.facts["layers"]]
    named = Concepts(layers=["lstm", "twice", "never"])
    assessment = named.assess(named.examine(Model(net, preprocess=lambda f: f.to_numpy()), batch))
    assert [n.why for n in assessment.not_measured] == ["layer 'never': the forward pass never calls it"]
    assert not any(m._forward_hooks for m in net.modules())


def test_what_is_wrong_is_said() -> None:
    batch = sample(60)
    with pytest.raises(ModelError, match="no layer 'layer0'"):
        Concepts(layers=["layer0"]).examine(Model(deep()), batch)
    with pytest.raises(PolicyError, match="Did you mean 'sex'"):
        Concepts(attributes=["sexx"]).examine(Model(deep()), batch)
    with pytest.raises(PolicyError, match="from 99"):
        Concepts(permutations=9)
    one = replace(batch, groups=pd.DataFrame({"sex": ["a"] * 60}, dtype="category"))
    (absent,) = Concepts().assess(Concepts().examine(Model(deep()), one)).not_measured
    assert "one group of sex" in absent.why
    many = replace(batch, task="multiclass", classes=("u", "v"))
    (absent,) = Concepts().assess(Concepts().examine(Model(nn.Linear(6, 2), task="multiclass"), many)).not_measured
    assert "say which one" in absent.why


def test_evidence_survives_json_and_samples_of_other_gradients_do_not_add() -> None:
    from auditkit.errors import EvidenceError

    a = Concepts().examine(Model(deep()), sample(100))
    read = ConceptRows.from_json(json.loads(json.dumps(a.to_json(), allow_nan=False)))
    (x,), (y,) = (Concepts().assess(s).findings for s in (a, read))
    assert x.statement == y.statement
    with pytest.raises(EvidenceError):
        a + Concepts().examine(Model(deep()), planted(100))


@pytest.mark.slow
def test_p_is_uniform_on_random_labels() -> None:
    """The law of the test: labels that mean nothing are rejected as often as the level says."""
    seen = Concepts().examine(Model(deep()), sample(300))
    u = np.stack([seen.columns[f"{PROJECTION}{layer}"] for layer in seen.facts["layers"]], axis=1)
    rng = np.random.default_rng(0)
    found: list[Any] = []
    for seed in range(400):
        labels = rng.choice(["a", "b"], 300, p=[0.3, 0.7]).tolist()
        contrast = contrasts_of({"g": labels})["g=b"]
        found.append(permutation_p(u, contrast[:, None], permutations=199, seed=seed)[0])
    p = np.array(found)
    for j in range(p.shape[1]):
        assert stats.kstest(p[:, j], "uniform").pvalue > 0.001
        assert 0.02 < (p[:, j] <= 0.05).mean() < 0.085


def test_a_class_that_is_explained_is_named() -> None:
    """Of classes, "raises the probability" is of one of them: the sentence and the table say of which."""
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).eval()
    batch = replace(sample(80), task="multiclass", classes=("u", "v", "w"))
    seen = Concepts(label="v", permutations=99).examine(Model(net, task="multiclass"), batch)
    found = Concepts(label="v", permutations=99).assess(seen).findings
    assert found
    for f in found:
        (table,) = f.exhibits
        assert isinstance(table, Table)
        assert any(column == "moves the probability of “v” by" for column in table.columns)
        assert "probability of “v”" in f.statement
