"""Modules that are called once for every so many rows are not measured, and what stands around them is.

Truth: the same net with its chunks put together, which gives the same outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.explain.layers.discovery import find_layers

N, WIDTH, CHUNK = 300, 4, 64
GROUP = np.where(np.arange(N) % 2 == 0, "A", "B")


class Ghost(nn.Module):
    """Ghost batch normalisation, as in TabNet: its rows by so many at a time."""

    def __init__(self, units: int, chunk: int = CHUNK) -> None:
        super().__init__()
        self.chunk, self.bn = chunk, nn.BatchNorm1d(units)
        with torch.no_grad():
            self.bn.running_mean.fill_(0.2)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.bn(part) for part in x.split(self.chunk)])


class Net(nn.Module):
    def __init__(self, chunk: int = CHUNK) -> None:
        super().__init__()
        self.first, self.ghost, self.act = nn.Linear(WIDTH, 6), Ghost(6, chunk), nn.Tanh()
        self.head = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.ghost(self.first(x))))


class Shared(nn.Module):
    """One layer for two columns, and in chunks: twice for few rows, and ten times for all."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Linear(2, 3), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [torch.cat([self.table(p[:, :2]), self.table(p[:, 2:])], 1) for p in x.split(CHUNK)]
        return self.head(torch.cat(parts))


class Halting(nn.Module):
    """Goes on until the largest of its rows is small."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(1 + (len(x) > 20)):
            x = x + 0 * self.step(x)
        return self.head(x)


class Rare(nn.Module):
    """An expert for rows of which the first seven are none."""

    def __init__(self) -> None:
        super().__init__()
        self.expert, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = (x[:, 1] > 50).nonzero()[:, 0]
        if len(rows):
            x = x.index_put((rows,), self.expert(x[rows]))
        return self.head(x)


def rows() -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=(N, WIDTH))
    x[:, 0] += GROUP == "A"
    x[200, 1] = 99.0
    return pd.DataFrame(x.astype(np.float32), columns=["a", "b", "c", "d"])


def model(net: Any, **options: Any) -> ak.Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ak.Model(net(), outputs="logits", **options)


def reasons(of: ak.Model) -> dict[str, str]:
    with of.inspecting():
        return {y.name: y.reason for y in find_layers(of, of.encode(rows()))}


def test_what_is_called_once_a_chunk_is_not_measured_and_says_so() -> None:
    found = reasons(model(Net))
    assert found["ghost.bn"] == "it is called once a chunk of rows, 5 times for 300"
    assert {name for name, why in found.items() if not why} == {"first", "act", "head"}


def test_chunks_of_a_shared_layer_too() -> None:
    found = reasons(model(Shared))
    assert {found["table (call 1)"], found["table (call 2)"]} == {"it is called once a chunk of rows, 10 times for 300"}
    assert found["head"] == ""


@pytest.mark.parametrize(
    ("net", "name", "why"),
    [
        (Halting, "step", "it is called 1 times for 7 rows and 2 times for 300"),
        (Rare, "expert", "it is not called with every row"),
    ],
)
def test_other_numbers_of_calls_are_told_apart(net: Any, name: str, why: str) -> None:
    found = reasons(model(net))
    assert found[name] == why
    assert found["head"] == ""


def test_one_chunk_is_one_call() -> None:
    assert reasons(model(lambda: Net(chunk=N)))["ghost.bn"] == ""
    assert reasons(model(Net, batch_size=CHUNK))["ghost.bn"] == "", "no batch is longer"


def numbers(of: Any) -> list[float]:
    """Every number of a record, in order."""
    if isinstance(of, dict):
        return [x for v in of.values() for x in numbers(v)]
    if isinstance(of, list | tuple):
        return [x for v in of for x in numbers(v)]
    return [float(of)] if isinstance(of, int | float) and not isinstance(of, bool) else []


def test_the_audit_says_so_and_measures_the_rest_as_of_the_net_in_one_piece() -> None:
    data = ak.Dataset.from_arrays(rows(), y_true=(rows().a > 0).astype(int).to_numpy(), sensitive_features={"g": GROUP})

    def layers(of: ak.Model) -> dict[str, Any]:
        report = ak.audit(of, data, checks=[ak.LayerAudit(random=1)], on_error="raise")
        return {y.name: y for f in report.findings for e in f.exhibits if e.kind == "layers" for y in e.layers}

    own, whole = layers(model(Net)), layers(model(lambda: Net(chunk=N)))
    assert "it is called once a chunk of rows" in own["ghost.bn"].note
    assert "chunk" not in whole["ghost.bn"].note
    for name in ("first", "act", "head"):
        a, b = own[name].model_dump(), whole[name].model_dump()
        assert a["note"] == b["note"]
        assert numbers(a) == pytest.approx(numbers(b), abs=1e-4)
        assert len(numbers(a)) > 5
