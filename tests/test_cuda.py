"""On a GPU everything is as on the CPU, up to rounding: the CPU's own results are the oracle.

Nets are small, so that all of this takes less than five minutes; `make test-cuda` runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.explain.preflight import preflight, undisturbed
from auditkit.records import Report

DEVICE = "cuda"
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device on this machine"),
]

N = 400
RNG = np.random.default_rng(0)
GROUP = RNG.integers(0, 2, N)
X = RNG.normal(size=(N, 8)).astype(np.float32) + 0.5 * GROUP[:, None]
FRAME = pd.DataFrame(X, columns=[f"x{i}" for i in range(8)]).assign(
    length=RNG.integers(1, 5, N),
    sex=np.where(GROUP == 1, "m", "f"),
    y=(X[:, 0] + RNG.normal(size=N) > 0.3).astype(int),
)
ROWS = FRAME.drop(columns=["sex", "y"])
FEATURES = [f"x{i}" for i in range(8)]


def table(frame: pd.DataFrame) -> np.ndarray:
    return frame[FEATURES].to_numpy()


def sequences(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    lengths = frame["length"].to_numpy()
    return {"x": table(frame).reshape(-1, 4, 2), "mask": np.arange(4) >= lengths[:, None]}


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.last = nn.Linear(2, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        seen, _ = self.attention(x, x, x, key_padding_mask=mask, need_weights=False)
        out: Tensor = 9 * self.last(seen.sum(1)).squeeze(1)
        return out


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.last = nn.GRU(2, 6, batch_first=True), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = 4 * self.last(self.gru(x.reshape(len(x), 4, 2))[0][:, -1])
        return out


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag, self.last = nn.Embedding(5, 4), nn.Linear(4, 1)

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = 4 * self.last(self.bag(ids).mean(1))
        return out


def mlp(columns: int = 1) -> nn.Module:
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.LayerNorm(32), nn.Linear(32, columns))


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[pd.DataFrame], Any]]] = {
    "mlp": (mlp, table),
    "two logits": (lambda: mlp(2), table),
    "attention": (Attends, sequences),
    "recurrent": (Recurrent, table),
    "words": (Words, lambda f: f[["length"]].to_numpy()),
    "script": (lambda: torch.jit.script(mlp()), table),
}


def net_of(name: str) -> nn.Module:
    torch.manual_seed(3)
    return NETS[name][0]()


def data() -> ak.Dataset:
    return ak.Dataset(FRAME, y_true="y", sensitive_features="sex")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_size", [8192, 77])
def test_scores_are_those_of_the_cpu_and_the_net_comes_home(name: str, batch_size: int) -> None:
    net, encode = net_of(name), NETS[name][1]
    want = ak.Model(net, preprocess=encode).predict(ROWS)
    state = ak.Model(net).state_sha256()
    model = ak.Model(net, preprocess=encode, device=DEVICE, batch_size=batch_size)
    np.testing.assert_allclose(model.predict(ROWS), want, atol=2e-3)  # TF32 may round
    assert {p.device.type for p in net.parameters()} == {"cpu"}
    assert model.state_sha256() == state
    np.testing.assert_allclose(ak.Model(net.to(DEVICE), preprocess=encode).predict(ROWS), want, atol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["mlp", "two logits", "attention", "recurrent"])
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    net, encode = net_of(name), NETS[name][1]
    want = ak.Model(net, preprocess=encode).predict(ROWS)
    model = ak.Model(net.to(dtype), preprocess=encode, device=DEVICE)
    found = model.predict(ROWS)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, want, atol=0.06)
    assert preflight(model, ROWS).rows == 256


@cache
def explained(device: str) -> Report:
    checks = [
        ak.GroupFairness(), ak.Attribution(), ak.GapAttribution(), ak.LayerAudit(random=2), ak.FlipTest()
    ]  # fmt: skip
    model = ak.Model(
        net_of("mlp"), preprocess=table, feature_map={c: [i] for i, c in enumerate(FEATURES)}, device=device
    )
    return ak.audit(model, data(), checks=checks, sample=300, on_error="raise")


def test_an_audit_finds_the_same() -> None:
    here, there = explained("cpu"), explained(DEVICE)
    assert [f.id for f in there.findings] == [f.id for f in here.findings]
    assert [n.what for n in there.not_measured] == [n.what for n in here.not_measured]
    for a, b in zip(here.findings, there.findings, strict=True):
        if a.concern == "fairness":
            assert b.estimate.value == pytest.approx(a.estimate.value, abs=0.02)
        assert [(t.id, t.passed) for t in b.trust] == [(t.id, t.passed) for t in a.trust]


@pytest.mark.parametrize("name", ["attention", "recurrent", "words"])
def test_other_nets_are_explained(name: str) -> None:
    net, encode = net_of(name), NETS[name][1]
    names = {} if name == "attention" else {"feature_map": {"all": list(range(1 if name == "words" else 8))}}
    model = ak.Model(net, preprocess=encode, device=DEVICE, **names)
    report = ak.audit(model, data(), checks=[ak.Attribution()], sample=100, on_error="raise")
    assert [f.metric for f in report.findings] == ["integrated_gradients"]


def test_outputs_nobody_named_are_looked_at_there_too() -> None:
    net = nn.Sequential(mlp(), nn.Sigmoid())
    with pytest.raises(ak.ModelError, match=r'end in Sigmoid.*outputs="probabilities"'):
        ak.Model(net, device=DEVICE).predict(ROWS[FEATURES])


def test_random_states_and_switches_are_as_before() -> None:
    class Draws(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            torch.rand(3, device=x.device)
            return x[:, 0] * 3

    torch.manual_seed(4)
    want = torch.rand(3, device=DEVICE), torch.rand(3)
    torch.manual_seed(4)
    precision, tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    model = ak.Model(Draws(), preprocess=table, device=DEVICE)
    model.predict(ROWS)
    with undisturbed(model):
        assert torch.get_float32_matmul_precision() == "highest" or DEVICE == "cpu"
    found = torch.rand(3, device=DEVICE), torch.rand(3)
    assert all(torch.equal(a, b) for a, b in zip(want, found, strict=True))
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == (precision, tf32)


def test_a_net_that_fails_there_says_so_in_one_line() -> None:
    with pytest.raises(ak.ModelError, match=r"the net fails on inputs of shape .*mat1 and mat2"):
        ak.Model(nn.Linear(3, 1), device=DEVICE).predict(ROWS[FEATURES])
