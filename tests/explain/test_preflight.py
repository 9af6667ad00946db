"""T0: what the preflight refuses, in a sentence, and what it lets through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from auditkit import demo
from auditkit.errors import ModelError
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.preflight import preflight
from auditkit.inputs.model import Model
from tests.explain.test_attribution import Lambda, mlp, sample


class StuckInTraining(nn.BatchNorm1d):
    def train(self, mode: bool = True) -> StuckInTraining:
        return super().train(True)


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 1)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.inner(x)


def standardised(frame: pd.DataFrame) -> pd.DataFrame:
    return (frame - frame.mean()) / frame.std()


REFUSED = {
    "batch mean": (Model(Lambda(lambda z: z - z.mean(0, keepdim=True))), "rows influence each other"),
    "first row": (Model(Lambda(lambda z: z - z[:1])), "rows influence each other"),
    "last row": (Model(Lambda(lambda z: z - z[-1:])), "rows influence each other"),
    "batch normalisation without running statistics": (
        Model(nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1))),
        "rows influence each other",
    ),
    "preprocess by batch": (Model(mlp(), preprocess=standardised), "rows influence each other.*preprocess"),
    "noise": (Model(Lambda(lambda z: z + torch.randn_like(z))), "the model is random"),
    "functional dropout": (Model(Lambda(lambda z: nn.functional.dropout(z))), "the model is random"),
    "training mode": (Model(nn.Sequential(nn.Linear(6, 1), StuckInTraining(1))), "'1' stays in training mode"),
    "its own state": (Model(Counter()), "changes its own parameters or buffers"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(
    "door", [lambda m: preflight(m, sample().features), lambda m: Attribution().examine(m, sample())]
)
def test_refused(name: str, door: Callable[[Model], object]) -> None:
    model, message = REFUSED[name]
    with pytest.raises(ModelError, match=message):
        door(model)


@pytest.mark.parametrize("rows", [1, 2, 3, 256, 1000])
def test_independent_rows_pass(rows: int) -> None:
    net = nn.Sequential(mlp(nn.ReLU), nn.BatchNorm1d(1), nn.Dropout(0.5))
    found = preflight(Model(net), sample(rows).features)
    assert found.rows == min(rows, 256)
    assert found.repeat == 0
    assert found.influence <= found.tolerance


def test_demo_passes() -> None:
    found = preflight(demo.model(), next(iter(demo.data().batches())).features)
    assert found.influence <= found.tolerance < 1e-3


def test_constant_and_non_finite_scores_are_left_to_predict() -> None:
    preflight(Model(Lambda(lambda z: z * 0 + 3)), sample().features)
    preflight(Model(Lambda(lambda z: z * torch.nan)), sample().features)


def test_hard_labels_pass() -> None:
    preflight(Model(Lambda(lambda z: (z > 0).long()), outputs="probabilities"), sample().features)


def test_random_state_and_modes_are_as_before() -> None:
    net = Lambda(lambda z: z + torch.randn_like(z)).train()
    before = torch.random.get_rng_state()
    with pytest.raises(ModelError):
        preflight(Model(net), sample().features)
    assert torch.equal(before, torch.random.get_rng_state())
    assert net.training
    assert all(p.requires_grad for p in net.parameters())


def test_numpy_random_preprocess_is_refused() -> None:
    rng = np.random.default_rng(0)
    model = Model(mlp(), preprocess=lambda f: f.to_numpy() + rng.normal(size=f.shape))
    with pytest.raises(ModelError, match="the model is random"):
        preflight(model, sample().features)


class Padded(nn.Module):
    """A transformer over tokens, whose mean reads the padding, or not."""

    def __init__(self, *, masked: bool) -> None:
        super().__init__()
        self.words, self.masked = nn.Embedding(20, 8, padding_idx=0), masked
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
        self.out = nn.Linear(8, 1)

    def forward(self, ids: Tensor) -> Tensor:
        there = ids != 0
        h = self.encoder(self.words(ids), src_key_padding_mask=~there)
        if self.masked:
            weight = there[:, : h.shape[1], None]
            h = h * weight * ids.shape[1] / weight.sum(1, keepdim=True)
        out: Tensor = self.out(h.sum(1) / ids.shape[1])
        return out


def padded_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 20, (60, 7)) * (np.arange(7) < rng.integers(2, 7, (60, 1)))
    return pd.DataFrame(ids, columns=[f"t{j}" for j in range(7)])


def test_a_net_that_reads_padding_is_another_by_the_fast_way() -> None:
    """Outside of an audit a transformer in eval mode leaves padding out: that is the function people are judged by."""
    torch.manual_seed(0)
    rows, net = padded_rows(), Padded(masked=False).eval()
    with pytest.raises(ModelError, match=r"other scores when its attention takes PyTorch's fast way.* of 60 rows"):
        preflight(Model(net), rows)
    assert torch.backends.mha.get_fastpath_enabled()
    assert preflight(Model(Padded(masked=True)), rows).rows == 60
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        assert preflight(Model(net), rows).rows == 60, "where it is switched off, the net is the one that is explained"
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_a_random_transformer_is_called_random() -> None:
    class Noisy(Padded):
        def forward(self, ids: Tensor) -> Tensor:
            return super().forward(ids) + torch.rand(len(ids), 1)

    with pytest.raises(ModelError, match="the model is random"):
        preflight(Model(Noisy(masked=False)), padded_rows())
