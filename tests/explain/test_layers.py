"""Layers of any net: in order, named as in named_modules, visible with a reason where they cannot be measured."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from auditkit.errors import ModelError
from auditkit.explain.layers.discovery import find_layers
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.listening import listening
from auditkit.inputs.model import Model
from tests.explain.nets import NETS, WIDTH, Attention, Image, Reused, Sequence, Words, draw, ids, mlp, seeded


def found(net: nn.Module, x: Tensor, names: list[str] | None = None) -> dict[str, Layer]:
    model = Model(net)
    with model.inspecting():
        return {y.name: y for y in find_layers(model, x, names)}


def test_leaf_modules_in_the_order_of_execution() -> None:
    layers = found(seeded(mlp), draw(20, WIDTH))
    assert list(layers) == ["0", "1", "2", "3", "4"]
    assert [y.units for y in layers.values()] == [16, 16, 8, 8, 1]
    assert [y.depth for y in layers.values()] == [1, 1, 2, 2, 3]
    assert [y.type for y in layers.values()] == ["Linear", "ReLU", "Linear", "Tanh", "Linear"]


def test_channels_are_units_and_space_is_positions() -> None:
    layers = found(seeded(Image), draw(20, 1, 6, 6))
    assert {n: (y.units, y.positions) for n, y in layers.items()} == {
        "conv": (4, 16),
        "norm": (4, 16),
        "act": (4, 16),
        "pool": (4, 4),
        "head": (1, 1),
    }
    assert layers["norm"].copied, "the activation writes into it"


@pytest.mark.parametrize("batch_first", [True, False])
def test_sequences_are_pooled_over_time_wherever_the_rows_are(batch_first: bool) -> None:
    layers = found(seeded(lambda: Sequence(batch_first)), draw(20, 4, 3))
    lstm = layers["lstm"]
    assert (lstm.units, lstm.positions, lstm.rows, lstm.reason) == (5, 4, 0 if batch_first else 1, "")


def test_what_cannot_be_measured_is_there_with_its_reason() -> None:
    layers = found(seeded(Reused), draw(20, WIDTH))
    assert list(layers)[:4] == ["first", "act (call 1)", "second", "act (call 2)"]
    assert {n: y.reason for n, y in layers.items() if y.reason} == {
        "sign": "its output is int64, no floating-point numbers",
        "loop": "it is called 9 times in one pass",
        "never": "the forward pass never calls it",
    }


def test_modules_that_hold_others() -> None:
    net = seeded(Attention)
    assert list(found(net, draw(20, 4, 8))) == ["attention", "norm", "head"], "out_proj runs inside attention"
    stack = nn.Sequential(nn.Sequential(nn.Linear(WIDTH, 3), nn.Tanh()), nn.Linear(3, 1))
    assert list(found(stack, draw(20, WIDTH), ["0"])) == ["0"]
    assert list(found(nn.Sequential(weight_norm(nn.Linear(WIDTH, 3)), nn.Linear(3, 1)), draw(9, WIDTH))) == ["0", "1"]
    assert list(found(nn.Linear(WIDTH, 1), draw(20, WIDTH))) == ["(net)"]
    assert found(seeded(Words), ids(20))["embedding"].units == 5


def test_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(ModelError, match=r"no layer 'heat'. Did you mean 'head'"):
        found(seeded(Image), draw(20, 1, 6, 6), ["heat"])


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_programs_show_no_layers() -> None:
    x = draw(20, WIDTH)
    (scripted,) = found(torch.jit.trace(seeded(mlp), x), x).values()
    assert "TorchScript" in scripted.reason
    dynamic = ({0: torch.export.Dim("rows", min=2)},)
    exported = torch.export.export(seeded(mlp), (x,), dynamic_shapes=dynamic).module()
    model = Model(exported)
    layers = find_layers(model, x)
    assert all(y.reason for y in layers)


class Folded(nn.Module):
    """Rows and steps in one dimension, a list of outputs, and a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.listed, self.dicted = nn.Linear(3, 2), Give([]), Give({})

    def forward(self, x: Tensor) -> Tensor:
        self.listed(x)
        self.dicted(x)
        return self.inner(x.flatten(0, 1)).reshape(len(x), -1).sum(1)


class Give(nn.Module):
    def __init__(self, what: object) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: Tensor) -> object:
        return self.what


def test_odd_outputs() -> None:
    layers = found(Folded(), draw(20, 4, 3))
    assert {n: y.reason for n, y in layers.items()} == {
        "listed": "it returns list, not a tensor",
        "dicted": "it returns dict, not a tensor",
        "inner": "no dimension of its output counts the rows",
    }


@pytest.mark.parametrize("name", NETS)
def test_giving_a_layer_its_own_output_changes_nothing(name: str) -> None:
    make, inputs = NETS[name]
    net, x = seeded(make), inputs(11)
    plain = net(x)
    for layer in found(net, x).values():
        if layer.reason:
            continue
        shapes = []

        def same(flat: Tensor, seen: list[tuple[int, ...]] = shapes) -> Tensor:
            seen.append(tuple(flat.shape))
            return flat.clone()

        with listening(net, [layer], changes={layer.name: same}):
            torch.testing.assert_close(net(x), plain)
        assert shapes == [(11, layer.positions, layer.units)]


def test_a_change_is_what_the_rest_of_the_net_sees() -> None:
    """Slow twin: the same net, its second half run on the changed output."""
    net, x = seeded(mlp), draw(11, WIDTH)
    layers = found(net, x)
    with listening(net, [layers["2"]], changes={"2": lambda flat: flat * 0 + 2}) as heard:
        changed = net(x)
    torch.testing.assert_close(changed, net[3:](torch.full((11, 8), 2.0)))
    assert bool((heard["2"] == 2).all())


def test_hooks_are_gone_after_a_failure() -> None:
    net, x = seeded(Image), draw(9, 1, 6, 6)
    layers = list(found(net, x).values())

    def broken(_: Tensor) -> Tensor:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"), listening(net, layers, changes={"conv": broken}):
        net(x)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
