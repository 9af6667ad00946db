"""Every method. Oracles: Captum as it comes on four kinds of net, the formula of a linear net; laws: state, seeds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import captum.attr as captum
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.catalogue import METHODS
from auditkit.explain.methods.perturbation import entries, windows
from auditkit.explain.surface import Surface, surface
from auditkit.inputs.groups import by_mask, by_position, segments, summed
from auditkit.inputs.model import Model
from tests.explain.test_attribution import mlp

N = 12


class Reads(nn.Module):
    """Token ids → embedding → LSTM → logit; the oracle starts from the embedding's output."""

    def __init__(self, recurrent: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.recurrent = nn.LSTM(4, 5, batch_first=True) if recurrent else None
        self.head = nn.Sequential(nn.Linear(5 if recurrent else 4, 6), nn.ReLU(), nn.Linear(6, 1))

    def forward(self, ids: Tensor) -> Tensor:
        return self.after(self.embedding(ids))

    def after(self, embedded: Tensor) -> Tensor:
        out = self.recurrent(embedded)[0][:, -1] if self.recurrent is not None else embedded.mean(1)
        return self.head(out)[:, 0]


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(16, 1),
    )  # fmt: skip


Case = tuple[Surface, Callable[..., Tensor], nn.Module]
"""(surface, the function that Captum gets, the module that Captum gets), of the same points."""


class After(nn.Module):
    def __init__(self, net: Reads) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net.after(x)


class Flat(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[:, 0]


def case(name: str, n: int = N) -> Case:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if name in ("mlp", "cnn"):
            net = mlp(nn.ReLU) if name == "mlp" else cnn()
            x = torch.randn(n, 6) if name == "mlp" else torch.randn(n, 2, 8, 8)
            groups = (
                by_position({"a": [0, 2], "b": [1], "c": [3, 4, 5]}, x[:1])
                if name == "mlp"
                else by_mask(segments(8, 8, grid=(2, 3)), x[:1])
            )
            model = Model(net.eval().requires_grad_(False))
            flat = Flat(net)
            return surface(model, x, groups), flat, flat
        reads = Reads(recurrent=name == "lstm").eval().requires_grad_(False)
        ids = torch.randint(0, 9, (n, 5))
        groups = by_position({f"t{j}": [j] for j in range(5)}, ids[:1])
        after = After(reads)
        return surface(Model(reads), ids, groups), after, after


NETS = ("mlp", "cnn", "embedding", "lstm")


@pytest.fixture(autouse=True)
def captum_is_quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="captum")  # Captum's own, when it is called as it comes
        yield


def mean(at: Surface) -> Tensors:
    return tuple(p.mean(0, keepdim=True) for p in at.points)


def ours(name: str, at: Surface, baseline: Tensors, n_steps: int = 7) -> Tensor:
    (phi,) = METHODS[name].attribute(at, baseline, n_steps=n_steps, seed=5)
    return phi


def seeded() -> None:
    torch.manual_seed(5)
    np.random.seed(5)


def whole(at: Surface) -> Tensor:
    """Entries of the feature that each entry belongs to: Captum gives each entry the value of its whole feature."""
    return entries(at.groups)[at.groups.masks[0]]


def oracle(name: str, at: Surface, f: Callable[..., Tensor], module: nn.Module) -> Tensor:
    (x,), (b,), (mask,) = at.points, mean(at), at.groups.masks
    of = name.removeprefix("captum:")
    seeded()
    match of:
        case "integrated_gradients" | "IntegratedGradients":
            return captum.IntegratedGradients(f).attribute(x, b, n_steps=7)
        case "expected_gradients":
            return captum.GradientShap(f).attribute(x, x, n_samples=1)
        case "gradient_shap":
            return captum.GradientShap(f).attribute(x, x, n_samples=7)
        case "GradientShap":
            return captum.GradientShap(f).attribute(x, x)
        case "input_x_gradient":
            return captum.InputXGradient(lambda z: f(z + b)).attribute(x - b)
        case "saliency":
            return captum.Saliency(f).attribute(x)
        case "deep_lift" | "DeepLift":
            return captum.DeepLift(module).attribute(x, b)
        case "DeepLiftShap":
            return captum.DeepLiftShap(module).attribute(x, x)
        case "ablation" | "FeatureAblation":
            return captum.FeatureAblation(f).attribute(x, b, feature_mask=mask) / whole(at)
        case "occlusion" | "Occlusion":
            shapes, strides = windows(at)
            found = captum.Occlusion(f).attribute(x, shapes[0], strides[0], baselines=b)
            return found / (int(np.prod(shapes[0])) if of == "occlusion" else 1)
        case "FeaturePermutation":
            return captum.FeaturePermutation(f).attribute(x, feature_mask=mask) / whole(at)
        case "ShapleyValueSampling" | "ShapleyValues" | "KernelShap" | "Lime":
            return getattr(captum, of)(f).attribute(x, b, feature_mask=mask) / whole(at)
    return getattr(captum, of)(module if of in ("GuidedBackprop", "Deconvolution") else f).attribute(x)


ROW_BY_ROW = ("captum:ShapleyValueSampling", "captum:KernelShap", "captum:Lime")
ELSEWHERE = ("shapley", "grad_cam", "captum:LRP", "captum:ShapleyValues")
CASES = [
    pytest.param(net, name, marks=[pytest.mark.slow] if name in ROW_BY_ROW and net != "embedding" else [])
    for net in NETS
    for name in METHODS
    if name not in ELSEWHERE
]


@pytest.mark.parametrize(("net", "name"), CASES)
def test_oracle_captum_as_it_comes(net: str, name: str) -> None:
    at, f, module = case(net, 3 if name in ROW_BY_ROW else N)
    method = METHODS[name]
    found = ours(name, at, at.points if method.distribution else mean(at), 5 if name == "captum:GradientShap" else 7)
    with torch.random.fork_rng():
        theirs = oracle(name, at, f, module).detach()
    assert found.shape == theirs.shape == at.points[0].shape
    if name != "captum:Lime":  # its lasso sets all features of these nets to 0
        assert float(theirs.abs().max()) > 0
    assert float((found - theirs).abs().max()) <= 1e-5 * max(1.0, float(theirs.abs().max()))


def test_oracle_shapley_values_over_all_orders() -> None:
    at, f, _ = case("mlp")
    theirs = captum.ShapleyValues(f).attribute(at.points[0], mean(at)[0], feature_mask=at.groups.masks[0])
    torch.testing.assert_close(ours("shapley", at, mean(at)).float(), theirs / whole(at), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours("captum:ShapleyValues", at, mean(at)), theirs / whole(at), rtol=1e-5, atol=1e-6)


def test_oracle_grad_cam() -> None:
    at, f, module = case("cnn")
    (x,) = at.points
    theirs = captum.LayerGradCam(f, module.net[4]).attribute(x).detach()
    large = captum.LayerAttribution.interpolate(theirs, (8, 8), interpolate_mode="bilinear")
    found = ours("grad_cam", at, mean(at))
    assert float(large.abs().max()) > 0
    torch.testing.assert_close(found.sum(1, keepdim=True), large, rtol=1e-5, atol=1e-6)


def test_oracle_lrp() -> None:
    at, _, module = case("mlp")
    theirs = captum.LRP(module).attribute(at.points[0]).detach()
    torch.testing.assert_close(ours("captum:LRP", at, mean(at)), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].adds_up or n in ("input_x_gradient", "ablation")])
def test_linear_net_by_formula(name: str) -> None:
    x, net = torch.randn(N, 4, generator=torch.Generator().manual_seed(0)), nn.Linear(4, 1).requires_grad_(False)
    at = surface(Model(net), x, by_position({str(j): [j] for j in range(4)}, x[:1]))
    b = mean(at)
    phi = ours(name, at, at.points if METHODS[name].distribution else b)
    torch.testing.assert_close(phi.float(), net.weight * (x - b[0]), rtol=1e-3, atol=2e-4 if "Kernel" in name else 1e-5)


def test_group_sums_are_the_features_own_values() -> None:
    at, f, _ = case("cnn")
    (x,), (b,) = at.points, mean(at)
    sums = summed(at.groups, (ours("ablation", at, (b,)),))
    for g in range(len(at.groups.names)):
        out = f(x) - f(torch.where(at.groups.masks[0] == g, b, x))
        torch.testing.assert_close(sums[:, g].float(), out, rtol=1e-4, atol=1e-5)
