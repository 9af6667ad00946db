"""Nets that want a certain number of rows at once say so in a ModelError, and not by a shape.

Truth: nets built for a number of rows, and what they were built for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.errors import ForwardError

N, WIDTH = 300, 3
X = pd.DataFrame(np.random.default_rng(0).normal(size=(N, WIDTH)).astype(np.float32), columns=["a", "b", "c"])
GROUP = np.where(np.arange(N) % 2 == 0, "A", "B")


class Graph(nn.Module):
    """Each node adds what its neighbours are; the edges are a fixed list."""

    def __init__(self, *, dense: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.dense, self.layer = dense, nn.Linear(WIDTH, 1)
        edges = torch.randint(0, N, (2, 900), generator=generator)
        edges[0, 0] = N - 1
        self.register_buffer("edges", edges)
        self.register_buffer("adjacency", torch.zeros(N, N).index_put((edges[1], edges[0]), torch.tensor(1.0)))

    def forward(self, x: Tensor) -> Tensor:
        if self.dense:
            return self.layer(self.adjacency @ x)
        return self.layer(torch.zeros_like(x).index_add(0, self.edges[1], x[self.edges[0]]))


class Whole(nn.Module):
    """Every column less its mean over the table."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x - x.mean(0))


class Pairs(nn.Module):
    """Reshapes rows by two."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.reshape(-1, 2, WIDTH)).reshape(-1)


class TwoOrMore(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(WIDTH, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Fixed(nn.Module):
    """Made for batches of eight."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.start = nn.GRU(1, 4, batch_first=True), torch.zeros(1, 8, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x[..., None], self.start)[0][:, -1])


def static(rows: int) -> nn.Module:
    return torch.export.export(nn.Linear(WIDTH, 1).eval(), (torch.zeros(rows, WIDTH),)).module()


def model(net: nn.Module, **options: Any) -> ak.Model:
    return ak.Model(net, outputs="logits", **options)


def data() -> ak.Dataset:
    return ak.Dataset.from_arrays(X, y_true=(X.a > 0).astype(int).to_numpy(), sensitive_features={"g": GROUP})


@pytest.mark.parametrize("dense", [False, True])
def test_a_graph_of_fixed_edges_says_that_it_wants_all_rows(dense: bool) -> None:
    net = Graph(dense=dense)
    wants = rf"the net wants (exactly|at least) {N} rows at once.*ak\.Predictions"
    assert model(net).predict(X).shape == (N,)
    for door in (
        lambda: ak.explain(model(net), X.head(5), background=X),
        lambda: ak.audit(model(net), data()),
        lambda: ak.audit(model(net), data(), checks=[ak.GroupFairness()]),
        lambda: model(net, batch_size=100).predict(X),
    ):
        with pytest.raises(ak.ModelError, match=wants):
            door()
    rows = X.assign(y=(X.a > 0).astype(int), g=GROUP, said=model(net).predict(X))
    whole = ak.Dataset(rows.assign(yes=rows.said > 0.5), y_true="y", sensitive_features=["g"])
    report = ak.audit(ak.Predictions(y_pred="yes", score="said"), whole, checks=[ak.GroupFairness()])
    assert report.findings, "the way out that it names"


def test_exactly_is_told_from_at_least() -> None:
    for dense, word in ((True, "exactly"), (False, "at least")):
        with pytest.raises(ForwardError, match=f"wants {word} {N} rows"):
            model(Graph(dense=dense)).predict(X.head(40))


def test_a_net_that_looks_at_the_whole_table_mixes_rows() -> None:
    with pytest.raises(ak.ModelError, match="rows influence each other"):
        ak.audit(model(Whole()), data())


@pytest.mark.parametrize(
    ("net", "rows", "wants"),
    [
        (Pairs(), 5, r"certain numbers of rows at once, such as 2, 4, 8, 16"),
        (TwoOrMore(), 1, r"at least 2 rows at once"),
        (Fixed(), 60, r"exactly 8 rows at once"),
        (static(16), 60, r"exactly 16 rows at once"),
    ],
)
def test_fixed_numbers_of_rows(net: nn.Module, rows: int, wants: str) -> None:
    with pytest.raises(ForwardError, match=f"the net wants {wants}: it fails on {rows} with the same values"):
        model(net).predict(X.head(rows))


def test_the_last_part_of_the_rows_tells_too() -> None:
    with pytest.raises(ForwardError, match="exactly 8 rows at once: it fails on 4"):
        model(Fixed(), batch_size=8).predict(X.head(60))


class Codes(nn.Module):
    """Refuses some values, whatever the number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(3, 1), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.table((x[:, 0] > -9).long() * 2 + (x[:, 0] > 90).long())


def test_values_and_shapes_that_it_refuses_are_not_taken_for_numbers_of_rows() -> None:
    bad = X.copy()
    bad.loc[7, "a"] = 100.0
    for net, frame in ((Codes(), bad), (nn.Linear(WIDTH + 1, 1), X)):
        with pytest.raises(ForwardError, match="the net fails on inputs of shape"):
            model(net).predict(frame)
