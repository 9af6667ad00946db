"""A factory without weights: a net as initialised is told, on stderr and on the page; a net that was loaded is not."""

from __future__ import annotations

import copy
import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.inputs.initialised import as_initialised
from auditkit.inputs.loading import load_model
from auditkit.records import Report
from auditkit.report.formats import render
from tests.helpers import run_cli


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def again(net: nn.Module) -> nn.Module:
    """Drawn anew, as many do: Xavier's weights, biases of 0."""
    for m in net.modules():
        if isinstance(m, nn.Linear):
            nn.init.xavier_normal_(m.weight)
            nn.init.zeros_(m.bias)
    return net


def loaded(net: nn.Module, **options: bool) -> nn.Module:
    state = {k: torch.randn(v.shape) if v.is_floating_point() else v for k, v in net.state_dict().items()}
    net.load_state_dict(state, **options)
    return net


def trained(net: nn.Module) -> nn.Module:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    net(torch.randn(20, 3)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return net


def by_hand(net: nn.Module) -> nn.Module:
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape))
    return net


def old_style(net: nn.Module) -> nn.Module:
    for p in net.parameters():
        p.data = torch.randn(p.shape) * 3
    return net


def pickled(net: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(loaded(net), file)
    file.seek(0)
    read: nn.Module = torch.load(file, weights_only=False)
    return read


FRESH: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(3, 1),
    "mlp": mlp,
    "drawn anew": lambda: again(mlp()),
    "double": lambda: mlp().double(),
    "lstm": lambda: nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 1)),
    "convolution": lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.ConvTranspose2d(4, 2, 3), nn.Linear(3, 1)),
    "embedding": lambda: nn.Sequential(nn.Embedding(9, 4, padding_idx=0), nn.Linear(4, 1)),
    "transformer": lambda: nn.Sequential(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True), 2), nn.Linear(4, 1)
    ),
    "no bias": lambda: nn.Linear(3, 1, bias=False),
    "frozen": lambda: mlp().requires_grad_(False),
}
TOUCHED: dict[str, Callable[[], nn.Module]] = {
    "loaded": lambda: loaded(mlp()),
    "assigned": lambda: loaded(mlp(), assign=True),
    "one output": lambda: loaded(nn.Linear(3, 1)),
    "trained": lambda: trained(mlp()),
    "by hand": lambda: by_hand(mlp()),
    "old style": lambda: old_style(mlp()),
    "a copy of loaded": lambda: copy.deepcopy(loaded(mlp())),
    "read whole": lambda: pickled(mlp()),
    "demo": lambda: ak.demo.model().module,
}


@pytest.mark.parametrize("name", FRESH)
def test_nets_as_initialised(name: str) -> None:
    assert as_initialised(FRESH[name]())


@pytest.mark.parametrize("name", TOUCHED)
def test_nets_whose_weights_came_from_somewhere(name: str) -> None:
    assert not as_initialised(TOUCHED[name]())


CODE = """
import torch
from torch import nn

def fresh():
    torch.manual_seed(0)
    return nn.Linear(2, 1)

def own():
    net = nn.Linear(2, 1)
    net.load_state_dict({"weight": torch.tensor([[3.0, -1.0]]), "bias": torch.tensor([0.5])})
    return net
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "fresh_net.py").write_text(CODE)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80), "y": [0, 1] * 40, "sex": rng.integers(0, 2, 80)})
    frame.to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "auditkit.toml").write_text(
        '[model]\nfactory = "fresh_net:fresh"\n[data]\npath = "d.csv"\ny_true = "y"\nsensitive_features = ["sex"]\n'
        '[[check]]\nname = "group_fairness"\n'
    )
    yield tmp_path
    sys.modules.pop("fresh_net", None)


@pytest.mark.parametrize(("factory", "weights"), [("fresh", "initialised"), ("own", "factory")])
def test_the_report_and_the_log_say_it(
    folder: Path, caplog: pytest.LogCaptureFixture, factory: str, weights: str
) -> None:
    toml = folder / "auditkit.toml"
    toml.write_text(toml.read_text().replace(":fresh", f":{factory}"))
    with caplog.at_level(logging.WARNING, logger="auditkit"):
        status, _, err = run_cli(["run", str(toml), "--out", str(folder / "out"), "--name", "r", "--format", "json"])
    assert status == 0, err
    report = Report.load(folder / "out" / "r.json")
    assert report.provenance.model.weights == weights
    page = render(report, "html")
    said = "no weights were given" in caplog.text
    assert said == ("before any training" in page) == ("was never trained" in page) == (weights == "initialised")
    assert "Weights of the model" in page


def test_a_file_of_weights_says_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(nn.Linear(2, 1).state_dict(), folder / "w.pt")
    with caplog.at_level(logging.WARNING, logger="auditkit"):
        model = load_model("fresh_net:fresh", folder / "w.pt", folder=folder)
    assert (model.weights, caplog.text) == ("given", "")
    data = ak.Dataset(folder / "d.csv", y_true="y", sensitive_features="sex")
    report = ak.audit(model, data, checks=[ak.GroupFairness()])
    assert '"weights"' not in report.to_json().replace('"weights_kind"', "")
    assert "Weights of the model" not in render(report, "html")


def test_the_command_line_can_say_what_the_outputs_are(folder: Path) -> None:
    (folder / "fresh_net.py").write_text(
        CODE.replace("return nn.Linear(2, 1)", "return nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())")
    )
    base = ["run", str(folder / "auditkit.toml"), "--out", str(folder / "out"), "--format", "json", "-q"]
    status, _, err = run_cli(base)
    assert status == 2
    assert "end in Sigmoid" in err
    assert 'outputs="probabilities"' in err
    assert err.count("\n") == 1
    assert run_cli([*base, "--outputs", "probabilities"])[0] == 0
    assert run_cli([*base, "--outputs", "logit"])[2].startswith("auditkit: --outputs must be logits or probabilities")
    toml = folder / "auditkit.toml"
    toml.write_text(toml.read_text().replace("[data]", 'outputs = "logits"\n[data]'))
    assert run_cli(base)[0] == 0
