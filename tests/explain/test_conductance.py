"""Conductance of all layers at once. Oracles: Captum layer by layer, a linear net. Laws: sums at cuts, weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerConductance
from torch import Tensor, nn

from auditkit.explain import captum_calls
from auditkit.explain.layers.conductance import INPUT, Conductance, conductance
from auditkit.explain.layers.discovery import find_layers
from auditkit.explain.layers.layer import Layer
from auditkit.explain.surface import Surface, surface
from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from tests.explain.nets import NETS, WIDTH, Words, draw, ids, mlp, seeded

STEPS = 20
GAUSS = ((np.polynomial.legendre.leggauss(STEPS + 1)[0] + 1) / 2).tolist()
"""Captum's points, so that only the sum over them is compared."""


def surface_at(model: Model, x: Tensor) -> Surface:
    return surface(model, x, Groups(("all",), (torch.zeros_like(x[:1], dtype=torch.long),)))


def setting(name: str, rows: int = 12) -> tuple[Model, Surface, tuple[Layer, ...]]:
    make, inputs = NETS[name]
    model, x = Model(seeded(make)), inputs(rows)
    model.module.requires_grad_(False)
    return model, surface_at(model, x), find_layers(model, x)


def baselines(at: Surface) -> tuple[Tensor, ...]:
    return tuple(p.flip(0) for p in at.points)


@pytest.mark.parametrize("name", ["MLP", "CNN", "LSTM"])
def test_oracle_captum(name: str) -> None:
    model, at, layers = setting(name)
    (x,), (start,) = at.points, baselines(at)
    ours = conductance(at, (start,), model.module, layers, rule="left", alphas=GAUSS)
    for layer in layers:
        heard = model.module.states if layer.type == "LSTM" else layer.module  # Captum refuses nested outputs
        captum = LayerConductance(model.decision, heard)
        theirs = captum.attribute(x, baselines=start, n_steps=STEPS)
        expected = layer.flat(theirs).double().sum(1).detach().numpy()
        np.testing.assert_allclose(ours.through[layer.name], expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["MLP", "MLP in place", "CNN", "LSTM", "LSTM, time first", "attention"])
def test_sums_at_every_cut(name: str) -> None:
    model, at, layers = setting(name)
    found = conductance(at, baselines(at), model.module, layers, n_steps=64)
    delta = (at.at(at.points) - at.at(baselines(at))).double().numpy()
    np.testing.assert_allclose(found.total, delta, atol=1e-5)
    for name_, through in found.through.items():
        assert np.abs(through.sum(1) - delta).max() <= 0.01 * np.abs(through).sum(1).max(), name_


def test_a_branch_is_no_cut_and_stem_and_head_are() -> None:
    model, at, layers = setting("residual")
    found = conductance(at, baselines(at), model.module, layers, n_steps=64)
    missed = {k: float(np.abs(v.sum(1) - found.total).max() / np.abs(v).sum()) for k, v in found.through.items()}
    assert max(missed["stem"], missed["head"], missed[INPUT]) < 1e-3
    assert missed["branch"] > 0.02


def test_linear_net_by_formula() -> None:
    net = seeded(lambda: nn.Sequential(nn.Linear(WIDTH, 4), nn.Linear(4, 1)))
    model, x = Model(net.requires_grad_(False)), draw(7, WIDTH)
    at = surface_at(model, x)
    found = conductance(at, (x[:1],), net, find_layers(model, x), n_steps=1)
    expected = (net[0](x) - net[0](x[:1])) * net[1].weight
    np.testing.assert_allclose(found.through["0"], expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(found.through[INPUT], ((x - x[:1]) * (net[1].weight @ net[0].weight)).numpy(), atol=1e-6)


def test_both_calls_of_one_module() -> None:
    """Twin: the same net with a module of its own for each call."""
    model, at, layers = setting("reused")
    found = conductance(at, baselines(at), model.module, layers, n_steps=8)
    net = model.module
    apart = nn.Sequential(net.first, nn.Tanh(), net.second, nn.Tanh(), net.head)
    other = Model(apart)
    twin = conductance(
        surface_at(other, at.points[0]), baselines(at), apart, find_layers(other, at.points[0]), n_steps=8
    )
    for ours, theirs in (("act (call 1)", "1"), ("act (call 2)", "3"), ("second", "2")):
        np.testing.assert_allclose(found.through[ours], twin.through[theirs], atol=1e-6)


def test_embeddings_are_moved_and_heard() -> None:
    net = seeded(Words).requires_grad_(False)
    model, x = Model(net), ids(12)
    at = surface_at(model, x)
    found = conductance(at, baselines(at), net, find_layers(model, x), n_steps=64)
    delta = (at.at(at.points) - at.at(baselines(at))).double().numpy()
    np.testing.assert_allclose(found.through["embedding"].sum(1), delta, atol=1e-3)
    np.testing.assert_allclose(found.through["embedding"], found.through[INPUT].reshape(12, 4, 5).sum(1), atol=1e-6)


def summed(found: Conductance, weight: np.ndarray) -> dict[str, np.ndarray]:
    return {k: weight @ v for k, v in found.through.items()}


@pytest.mark.parametrize("memory", [1, 20_000, 10**9])
def test_weighted_sums_in_chunks_of_rows_and_of_their_paths(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, at, layers = setting("CNN", rows=30)
    weight = np.linspace(0.1, 2, 30)
    rows = conductance(at, baselines(at), model.module, layers, n_steps=8)
    monkeypatch.setattr(captum_calls, "CALL_BYTES", memory)
    total = conductance(at, baselines(at), model.module, layers, n_steps=8, weight=weight)
    for name, expected in summed(rows, weight).items():
        np.testing.assert_allclose(total.through[name], expected, atol=1e-5)
    assert float(total.total) == pytest.approx(float(weight @ rows.total), abs=1e-6)


def test_half_the_step_is_a_quarter_of_the_error() -> None:
    model, at, layers = setting("residual")
    fine = conductance(at, baselines(at), model.module, layers, n_steps=512).through["stem"]
    errors = [
        np.abs(conductance(at, baselines(at), model.module, layers, n_steps=n).through["stem"] - fine).max()
        for n in (8, 16)
    ]
    assert errors[1] < errors[0] / 3


def test_detached_layers_carry_nothing() -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen, self.cut = mlp(), nn.Linear(WIDTH, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.seen(x) + self.cut(x.detach())

    net = seeded(Detached).requires_grad_(False)
    model, x = Model(net), draw(9, WIDTH)
    found = conductance(surface_at(model, x), (x[:1],), net, find_layers(model, x), n_steps=4)
    assert not found.through["cut"].any()
    assert found.through["seen.0"].any()
