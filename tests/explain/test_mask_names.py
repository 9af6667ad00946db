"""What masks name is called by the kind of input: tokens, time steps, regions; in every explanation alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.inputs.groups import by_mask, by_masks, segments

ROWS, T, F = 80, 4, 2
IDS, SERIES = torch.zeros(1, T, dtype=torch.long), torch.zeros(1, T, F)


@pytest.mark.parametrize(
    ("mask", "row", "names"),
    [
        (np.arange(T), IDS, [f"token {k}" for k in range(T)]),
        ([3, 3, 5, 5], IDS.int(), ["token 3", "token 5"]),
        (np.arange(T)[:, None], SERIES, [f"time step {k}" for k in range(T)]),
        (np.repeat(np.arange(T)[:, None], F, 1), SERIES, [f"time step {k}" for k in range(T)]),
        (np.arange(F), SERIES, ["region 0", "region 1"]),
        (np.arange(T * F).reshape(T, F), SERIES, [f"region {k}" for k in range(T * F)]),
        (segments(4, 4, grid=(2, 1)), torch.zeros(1, 3, 4, 4), ["region 0", "region 1"]),
        (segments(4, 4, grid=(2, 1)), torch.zeros(1, 4, 4, dtype=torch.uint8), ["region 0", "region 1"]),
        ([0, 1, 1, 0], torch.zeros(1, T), ["region 0", "region 1"]),
    ],
)
def test_the_word_is_that_of_the_input(mask: Any, row: Tensor, names: list[str]) -> None:
    assert list(by_mask(mask, row).names) == names


def test_several_inputs_have_a_word_each_and_what_spans_them_has_none() -> None:
    found = by_masks([np.arange(T), np.arange(T)[:, None] + 10], [IDS, SERIES])
    assert found.names == (*(f"token {k}" for k in range(T)), *(f"time step {k + 10}" for k in range(T)))
    found = by_masks([np.arange(T), np.arange(T)[:, None] + 3], [IDS, SERIES])
    assert found.names[2:5] == ("token 2", "region 3", "time step 4")
    assert found.masks[1][0, :, 0].tolist() == [3, 4, 5, 6]
    assert by_masks([np.arange(T), np.arange(T)], [IDS, IDS]).names == tuple(f"token {k}" for k in range(T))


class OfIds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(6, 3), nn.Linear(3 * T, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.table(x).flatten(1))


class OfSeries(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(F, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize("word", ["token", "time step"])
def test_every_explanation_calls_them_so(word: str) -> None:
    rng = np.random.default_rng(0)
    group = np.where(np.arange(ROWS) % 2 == 0, "A", "B")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = OfIds() if word == "token" else OfSeries()
    if word == "token":
        x = rng.integers(0, 6, size=(ROWS, T))
        x[:, 0] = np.where(group == "A", 1, 2)
        model = ak.Model(net, outputs="logits", preprocess=lambda f: f.to_numpy(), feature_map=np.arange(T))
    else:
        x = rng.normal(size=(ROWS, T * F)) + (group == "A")[:, None]
        model = ak.Model(
            net, outputs="logits", feature_map=np.arange(T)[:, None],
            preprocess=lambda f: f.to_numpy(np.float32).reshape(-1, T, F),
        )  # fmt: skip
    frame = pd.DataFrame(x, columns=[f"c{j}" for j in range(x.shape[1])])
    names = {f"{word} {k}" for k in range(T)}
    assert set(ak.explain(model, frame.head(2), background=frame).frame.columns) == names
    report = ak.audit(
        model,
        ak.Dataset.from_arrays(frame, y_true=np.arange(ROWS) % 3 == 0, sensitive_features={"g": group}),
        checks=[ak.Attribution(), ak.GapAttribution(shuffles=1, permutations=2), ak.Examples(n=1)],
    )
    text = report.to_json()
    assert "region" not in text
    for metric in ("integrated_gradients", "gap_share", "examples"):
        found = [f for f in report.findings if f.metric == metric]
        assert found, metric
        assert all(f"{word} " in f.model_dump_json() for f in found if f.exhibits or f.values)
        assert any(f"{word} " in f.model_dump_json() for f in found) or metric == "examples"
