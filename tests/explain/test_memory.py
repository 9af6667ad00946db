"""What an audit of pictures holds grows by a few copies of the sample, not with what the net makes of it on the way.

Truth: resident memory of a child at its peak, above what the warm process had.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import auditkit as ak
from auditkit.check import Check
from tests.limits import run

SIDE, CHANNELS = 48, 24
PICTURE = 4 * 3 * SIDE * SIDE
"""Bytes of an encoded one; what the widest layer gives of it is eight times as much."""
FEW, MORE = 400, 1_000


def grown(rows: int, check: Check) -> float:
    """Megabytes that an audit of so many pictures takes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": rng.choice(["f", "m"], rows), "y": rng.integers(0, 2, rows)})
    frame["picture"] = [*rng.integers(0, 256, (rows, SIDE, SIDE, 3), dtype=np.uint8)]
    data = ak.Dataset(frame, y_true="y", sensitive_features="sex", pictures="picture")
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 1)
    ).eval()  # fmt: skip
    feature_map = ak.segments(SIDE, SIDE, grid=(2, 1))
    model = ak.Model(net, preprocess=ak.pixels("picture"), feature_map=feature_map, outputs="logits")

    def audited() -> int:
        torch.set_num_threads(1)
        return len(ak.audit(model, data, checks=[check], progress=False, on_error="raise").findings)

    ran = run(audited, seconds=120.0, megabytes=3_000)
    assert ran.value, (ran.error, ran.message)
    return ran.megabytes


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        ak.GapAttribution(shuffles=1, permutations=2, max_steps=2),
        ak.Attribution(n_steps=2, max_steps=2),
        ak.LayerAudit(random=0, max_steps=24),
    ],
    ids=lambda check: check.name,
)
def test_an_audit_holds_few_copies_of_the_sample(check: Check) -> None:
    few, more = (grown(rows, check) for rows in (FEW, MORE))
    encoded = (MORE - FEW) * PICTURE / 2**20
    assert more - few < 5.5 * encoded, (few, more, encoded)
