"""Nets of two pictures: a region says of which picture it is, and its contribution is Captum's own."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.explain.attributions.study import explain
from auditkit.inputs.groups import by_masks

SIDE, N = 6, 30


class Towers(nn.Module):
    """How alike two pictures are."""

    def __init__(self) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(32, 4))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return (self.see(left) * self.see(right)).sum(1)


def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({side: [*rng.random((N, 3, SIDE, SIDE), np.float32)] for side in ("left", "right")})


REGIONS = ak.segments(SIDE, SIDE, grid=(2, 2))
NAMES = [f"{side}, region {i}" for side in ("left", "right") for i in range(4)]


def test_regions_say_which_picture_they_are_of() -> None:
    torch.manual_seed(0)
    frame = rows()
    by_position = ak.Model(Towers(), preprocess=ak.pixels("left", "right"), feature_map=(REGIONS, REGIONS))
    by_name = ak.Model(
        Towers(),
        preprocess=lambda f: {side: np.stack(list(f[side])) for side in ("left", "right")},
        feature_map={"left": REGIONS, "right": REGIONS},
    )
    assert by_position.features(frame) == by_name.features(frame) == tuple(NAMES)
    beside = by_masks([REGIONS, [0, 1]], [torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, 2)], ["left", "ids"])
    assert beside.names[0] == "region 0", "of one picture nobody asks which"


def test_contributions_are_captums() -> None:
    torch.manual_seed(0)
    frame, net = rows(), Towers().eval()
    model = ak.Model(net, preprocess=ak.pixels("left", "right"), feature_map=(REGIONS, REGIONS), outputs="logits")
    sample = _sampled(frame, model)
    found = explain(model, sample, n_steps=64)
    left, right = (torch.tensor(np.stack(list(frame[side]))) for side in ("left", "right"))
    baselines = tuple(x.double().mean(0, keepdim=True).float() for x in (left, right))
    theirs = captum.IntegratedGradients(net).attribute((left, right), baselines, n_steps=64)
    want = [phi.sum(1)[:, torch.tensor(REGIONS) == i].sum(1) for phi in theirs for i in range(4)]
    assert found.columns == tuple(NAMES)
    np.testing.assert_allclose(found.phi, torch.stack(want, 1).detach(), atol=1e-5)


def _sampled(frame: pd.DataFrame, model: ak.Model) -> Batch:
    score = model.predict(frame)
    groups = pd.DataFrame({"sex": pd.Categorical(["f", "m"] * (N // 2))})
    return Batch(frame, groups, (score >= 0.5).astype(np.int8), (score >= 0.5).astype(np.int8), score, np.ones(N))
