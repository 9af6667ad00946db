"""What is made of many pictures is made of some at a time, and comes out the same. Truth: the same of all at once."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from auditkit import scratch
from auditkit.evidence.sums import Weights
from auditkit.explain.layers import blocks, interventions, on_disk
from auditkit.explain.layers.blocks import Beyond, BlockErasers, Blocks, residuals
from auditkit.explain.layers.discovery import find_layers
from auditkit.explain.layers.interventions import activations
from auditkit.explain.layers.one_layer import LayerInterventions
from auditkit.explain.layers.probes import halves
from auditkit.explain.layers.rows import Rows
from auditkit.inputs import batching
from auditkit.inputs.groups import Groups, segments, summed
from auditkit.inputs.model import Model

SIDE = 16


def wide(n: int, *, units: int = 8) -> tuple[LayerInterventions, np.ndarray[Any, Any]]:
    """Interventions at a convolution of two groups that are half of the rows each, at equal legitimate columns too."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, units, 1), nn.ReLU(), nn.Flatten(), nn.Linear(units * SIDE**2, 1)).eval()
    rng = np.random.default_rng(0)
    z = np.arange(n) % 2 == 1
    pictures = rng.normal(size=(n, 1, SIDE, SIDE)) + 0.1 * z[:, None, None, None]
    inputs = torch.as_tensor(pictures.astype(np.float32))
    model = Model(net, outputs="logits", batch_size=64)
    layer = next(y for y in find_layers(model, inputs[:8]) if y.name == "0")
    given = activations(model, inputs, [layer])["0"].members
    held = np.column_stack([np.ones(n), rng.normal(size=n)])
    truth = np.full(n, np.nan)
    rows = Rows("sex", np.arange(n), z, Weights(np.ones(n)), truth, halves(z, seed=0), held)
    scores = interventions.scores_with(model, inputs)
    return LayerInterventions(model, inputs, layer, rows, scores, given), given[0]


def asked(at: LayerInterventions) -> dict[str, list[float]]:
    return at.erased(random=2, seed=0) | at.erased_given()


@pytest.mark.slow
def test_a_wide_layer_is_erased_without_another_copy_of_it() -> None:
    at, given = wide(6_000)
    tracemalloc.start()
    try:
        seen = asked(at)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {"moved", "given_moved", "random"} <= set(seen)
    size = 4 * int(np.prod(given.shape))
    assert most < size, f"{most / 2**20:.0f} MB beside {size / 2**20:.0f} MB that the layer gave"


@pytest.mark.parametrize("units", [8, 1])
def test_what_is_erased_is_that_of_all_rows_and_blocks_at_once(monkeypatch: pytest.MonkeyPatch, units: int) -> None:
    at, _ = wide(300, units=units)
    assert at.blocks.wide == (units > 1)
    whole = asked(at)
    monkeypatch.setattr(blocks, "HELD", 2**16)
    monkeypatch.setattr(interventions, "CALL_BYTES", 2**16)
    parts = asked(at)
    assert parts.keys() == whole.keys()
    for name, found in whole.items():
        np.testing.assert_allclose(parts[name], found, rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_layer_on_disk_is_the_same_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "IN_MEMORY", 0)
    at, given = wide(300)
    assert isinstance(given, on_disk.OnDisk)
    there = asked(at)
    monkeypatch.undo()
    at, given = wide(300)
    assert isinstance(given, np.ndarray)
    assert asked(at) == there


def test_where_nothing_can_be_written_a_layer_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(on_disk, "IN_MEMORY", 0)
    monkeypatch.setattr(scratch.Scratch, "__init__", nowhere)
    at, given = wide(300)
    assert isinstance(given, np.ndarray)
    assert asked(at)


def test_rows_of_blocks_are_taken_where_they_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    x, held = rng.normal(size=(60, 40, 8)), np.column_stack([np.ones(60), rng.normal(size=60)])
    z, w, fit, read = rng.normal(size=60), rng.uniform(1, 2, 60), np.arange(0, 60, 2), np.arange(1, 60, 2)
    many = Blocks.of([x])
    assert len(many.at(fit).at(slice(5))) == 5
    np.testing.assert_array_equal(many.at(fit).at(np.array([3, 1])).members()[0], x[[6, 2]])
    copied = Blocks.of([x[fit]])
    lazy, plain = (BlockErasers(b, z[fit], w[fit]) for b in (many.at(fit), copied))
    np.testing.assert_array_equal(lazy(many.at(read)).members()[0], plain(Blocks.of([x[read]])).members()[0])
    np.testing.assert_array_equal(lazy.read(many.at(read)), plain.read(Blocks.of([x[read]])))
    left = Beyond(many, held, fit, w).at(read).members()[0]
    truth = residuals(x.reshape(60, -1), held, fit, w).reshape(x.shape)[read]
    np.testing.assert_allclose(left, truth, atol=1e-12)


def test_sums_of_features_are_those_of_all_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = Groups(("a", "b", "c", "d"), (torch.as_tensor(segments(SIDE, SIDE, grid=(2, 2)))[None, None],))
    phi = torch.rand(50, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    whole = summed(groups, [phi])
    monkeypatch.setattr(batching, "BYTES", 7 * phi[0].nbytes)
    assert torch.equal(summed(groups, [phi]), whole)
