"""Layers that read the input itself are differentiated once a row; Captum as it comes is the truth for any net."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from auditkit.explain.methods.first_layers import Path
from auditkit.explain.methods.paths import integrated_gradients, quadrature
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import by_position

ROWS, STEPS, WIDTH = 7, 6, 4


class Of(nn.Module):
    """A net that is a function of two linear layers and a head."""

    def __init__(self, function: Callable[[Of, Tensor], Tensor], *, width: int = WIDTH) -> None:
        super().__init__()
        self.function = function
        self.one, self.two, self.head = nn.Linear(width, 5), nn.Linear(width, 5), nn.Linear(5, 1)
        self.conv = nn.Conv1d(1, 5, 2)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def flipped(net: Of, x: Tensor) -> Tensor:
    """Rows twice, one after the other: as long as twice the rows, in another order than step by step."""
    both = net.head(torch.tanh(net.one(torch.cat([x, x.flip(1)]))))
    a, b = both.chunk(2)
    return (a * 2 + b)[:, 0]


def time_first(net: Of, x: Tensor) -> Tensor:
    """Positions before rows: as long as positions times rows, in another order than step by step."""
    each = x.reshape(len(x), 2, 2).permute(1, 0, 2).reshape(-1, 2)
    out = torch.tanh(net.one(torch.cat([each, each**2], 1))).reshape(2, len(x), 5)
    return net.head(out[0] * 3 + out[1])[:, 0]


def time_first_bare(net: Of, x: Tensor) -> Tensor:
    each = x.reshape(len(x), 2, 2).permute(1, 0, 2).reshape(-1, 2)
    out = torch.tanh(net.one(each)).reshape(2, len(x), 5)
    return net.head(out[0] * 3 + out[1])[:, 0]


CUT = {
    "one layer": lambda net, x: net.head(torch.tanh(net.one(x)))[:, 0],
    "written into": lambda net, x: net.head(net.act(net.one(x).mul_(2.0)))[:, 0],
    "wide and deep": lambda net, x: net.head(torch.sigmoid(net.one(x)))[:, 0] * (1 + x[:, 0] ** 2),
    "two layers": lambda net, x: net.head(torch.tanh(net.one(x)) * torch.sigmoid(net.two(x)))[:, 0],
    "one layer twice": lambda net, x: net.head(torch.tanh(net.one(x)) * torch.sigmoid(net.one(x)))[:, 0],
    "columns of their own": lambda net, x: net.head(torch.tanh(net.one(torch.cat([x[:, 2:], x[:, :2]], 1))))[:, 0],
    "convolution": lambda net, x: net.head(torch.tanh(net.conv(x[:, None])).mean(2))[:, 0],
    "linear in all": lambda net, x: net.head(net.one(x))[:, 0],
}
WHOLE = {
    "masked": lambda net, x: net.head(torch.tanh(net.one(x * (x > 0.1).float())))[:, 0],
    "squared first": lambda net, x: net.head(torch.tanh(net.one(x**2)))[:, 0],
    "rows twice": flipped,
    "positions first": time_first,
    "sorted": lambda net, x: net.head(torch.tanh(net.one(x.sort(1).values)))[:, 0],
    "no layer": lambda net, x: (x**3).sum(1),
}


def made(function: Callable[[Of, Tensor], Tensor], *, width: int = WIDTH) -> tuple[Surface, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Of(function, width=width).requires_grad_(False)
        x, start = torch.randn(ROWS, WIDTH), torch.randn(1, WIDTH)
    groups = by_position({f"x{i}": [i] for i in range(WIDTH)}, x[:1])
    return Surface(lambda *given: net(given[0].clone()), (x,), (), groups, net), start


@pytest.mark.parametrize("name", [*CUT, *WHOLE, "positions first, bare"])
def test_oracle_captum_as_it_comes(name: str) -> None:
    bare = name == "positions first, bare"
    at, start = made(time_first_bare if bare else (CUT | WHOLE)[name], width=2 if bare else WIDTH)
    found = integrated_gradients(at, (start,), n_steps=STEPS)[0]
    expected = IntegratedGradients(at.forward).attribute(at.points[0], baselines=start, n_steps=STEPS)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert at.module is not None
    assert not any(m._forward_hooks for m in at.module.modules())


@pytest.mark.parametrize("name", [*CUT, *WHOLE])
def test_layers_that_read_the_input_itself_are_cut_and_no_others(name: str) -> None:
    at, _ = made((CUT | WHOLE)[name])
    points = (torch.randn(ROWS * STEPS, WIDTH).requires_grad_(),)
    opened = Path(at.module, quadrature(STEPS)[1]).opened(at.forward, points, ())
    assert bool(opened.cuts) == (name in CUT)
    if name in CUT:
        assert {len(c) for c in opened.cuts} == {ROWS * STEPS}
        assert {len(c) for c in opened.once} == {ROWS}


def test_a_layer_whose_weights_are_still_trained_or_that_somebody_changed_is_left_whole() -> None:
    """Its derivative would be another than its weight, or nobody knows what it is."""
    at, _ = made(CUT["one layer"])
    points = (torch.randn(ROWS * STEPS, WIDTH).requires_grad_(),)
    assert isinstance(at.module, Of)
    handle = at.module.one.register_forward_hook(lambda *given: given[2] ** 2)
    assert not Path(at.module, quadrature(STEPS)[1]).opened(at.forward, points, ()).cuts
    handle.remove()
    at.module.requires_grad_(True)
    assert not Path(at.module, quadrature(STEPS)[1]).opened(at.forward, points, ()).cuts


def test_what_goes_along_unmoved_goes_with_its_row() -> None:
    """Each row has a second tensor of its own, and a baseline of its own."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one, x, beside, start = nn.Linear(WIDTH, 5).requires_grad_(False), *torch.randn(3, ROWS, WIDTH)
    groups = by_position({f"x{i}": [i] for i in range(WIDTH)}, x[:1])
    forward = lambda x, b: (torch.tanh(one(x)).sum(1) * b[:, 0]).exp()  # noqa: E731
    at = Surface(forward, (x,), (beside,), groups, one)
    expected = IntegratedGradients(forward).attribute(
        x, baselines=start, n_steps=STEPS, additional_forward_args=(beside,)
    )
    torch.testing.assert_close(integrated_gradients(at, (start,), n_steps=STEPS)[0], expected, rtol=1e-5, atol=1e-5)


def test_no_gradient_reads_shapes_with_sympy() -> None:
    """Which takes a second to import, and 35 MB of every audit."""
    code = """
import sys
import torch
from auditkit.explain.influence.tangent import Tangent
from auditkit.explain.methods.paths import integrated_gradients
from auditkit.inputs.model import Model
from tests.explain.test_first_layers import CUT, made

at, start = made(CUT["convolution"])
integrated_gradients(at, (start,), n_steps=4)
net = torch.nn.Linear(2, 1)
tangent = Tangent(Model(net, outputs="logits"), [*net.parameters()], torch.ones(3, 2))
print(tangent.push(tangent.pull(torch.ones(3))).tolist(), "sympy" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "[9.0, 9.0, 9.0] False\n", "J Jᵀ 1 of three rows (1, 1) and a bias is 3 · 3"
