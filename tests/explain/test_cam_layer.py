"""Grad-CAM of a layer: what Captum gives for the same layer, and which layer is meant where none is named."""

from __future__ import annotations

from typing import Any

import captum.attr as captum
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.errors import ModelError, NotExplained
from auditkit.explain.methods.cam_layer import block_output
from auditkit.explain.methods.catalogue import method_of
from auditkit.explain.surface import surface
from auditkit.inputs.groups import by_mask
from auditkit.inputs.model import Model

SIDE = 12


class Block(nn.Module):
    """As of a ResNet: one activation, used twice, and a way around."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(wide, wide, 3, padding=1), nn.Conv2d(wide, wide, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(x + self.conv2(self.relu(self.conv1(x))))
        return out


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.layer3, self.layer4 = nn.Sequential(Block(4)), nn.Sequential(Block(4), Block(4))
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.pool(self.layer4(self.layer3(self.conv(x)))).flatten(1))
        return out


class Squeezed(nn.Module):
    """Its last convolution looks at one pixel, the mean of the maps."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU())
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(x).mean((2, 3), keepdim=True)).flatten(1)
        return out


def plain() -> nn.Module:
    """A stack: convolution, activation, pooling, twice; then linear."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Dropout2d(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Linear(16, 1),
    )  # fmt: skip


def functional() -> nn.Module:
    """Its activations are no modules."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.fc(self.b(self.a(x).relu()).relu().mean((2, 3)))
            return out

    return Net()


NETS: dict[str, tuple[Any, str]] = {
    "a residual net": (Residual, "layer4"),
    "a plain stack": (plain, "5"),
    "a head of one pixel": (Squeezed, "features"),
    "activations that are no modules": (functional, "b"),
}


def made(net: nn.Module) -> tuple[Any, Tensor]:
    """The surface of a net at ten pictures."""
    x = torch.rand(10, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    net.eval().requires_grad_(False)
    return surface(Model(net, outputs="logits"), x, by_mask(ak.segments(SIDE, SIDE, grid=(2, 2)), x[:1])), x


@pytest.mark.parametrize("what", NETS)
def test_the_default_is_the_output_of_the_last_block(what: str) -> None:
    torch.manual_seed(0)
    net, name = NETS[what][0](), NETS[what][1]
    at, x = made(net)
    layer = dict(net.named_modules())[name]
    assert block_output(at) is layer
    theirs = captum.LayerGradCam(net, layer).attribute(x, target=0).detach()
    large = captum.LayerAttribution.interpolate(theirs, (SIDE, SIDE), interpolate_mode="bilinear")
    (found,) = method_of("grad_cam").attribute(at, (x.mean(0, keepdim=True),), n_steps=1, seed=0)
    assert float(large.abs().max()) > 0
    torch.testing.assert_close(found.sum(1, keepdim=True), large, rtol=1e-5, atol=1e-6)


def test_a_named_layer_is_captums() -> None:
    torch.manual_seed(0)
    net = Residual()
    at, x = made(net)
    theirs = captum.LayerGradCam(net, net.layer3[0].conv1).attribute(x, target=0).detach()
    large = captum.LayerAttribution.interpolate(theirs, (SIDE, SIDE), interpolate_mode="bilinear")
    (found,) = method_of("grad_cam:layer3.0.conv1").attribute(at, (x.mean(0, keepdim=True),), n_steps=1, seed=0)
    torch.testing.assert_close(found.sum(1, keepdim=True), large, rtol=1e-5, atol=1e-6)


def rows() -> ak.Dataset:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"picture": [*rng.random((60, 3, SIDE, SIDE), np.float32)]})
    frame["sex"], frame["y"] = rng.choice(["f", "m"], 60), rng.integers(0, 2, 60)
    return ak.Dataset(frame, y_true="y", sensitive_features=["sex"])


def test_through_an_audit() -> None:
    torch.manual_seed(0)
    regions = ak.segments(SIDE, SIDE, grid=(2, 2))
    model = ak.Model(Residual(), preprocess=ak.pixels("picture"), feature_map=regions, outputs="logits")
    asked = [ak.Attribution("grad_cam"), *(ak.Attribution("grad_cam", layer=name) for name in ("layer4", "layer3"))]
    report = ak.audit(model, rows(), checks=asked)
    default, last, third = (report.finding(f"explanation/grad_cam/overall{at}") for at in ("", "/layer4", "/layer3"))
    assert default.estimate == last.estimate
    assert third.estimate != last.estimate
    assert "weighs the maps of layer layer3" in third.notes
    assert asked[1].options() == {"method": "grad_cam", "n_steps": None, "layer": "layer4"}
    with pytest.raises(ModelError, match=r"the net has no layer 'layer5'; its layers are .*layer4"):
        ak.audit(model, rows(), checks=[ak.Attribution("grad_cam", layer="layer5")])
    (absent,) = ak.audit(model, rows(), checks=[ak.Attribution("grad_cam", layer="fc")]).not_measured
    assert "layer 'fc' gives no maps" in absent.why or "does not fit this model" in absent.why


@pytest.mark.parametrize("options", [{"method": "shapley", "layer": "a"}, {"method": "grad_cam", "layer": ""}])
def test_layers_that_nothing_looks_at(options: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="a layer is named for grad_cam alone"):
        ak.Attribution(**options)


def test_without_a_convolution() -> None:
    at, x = made(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 1)))
    with pytest.raises(NotExplained, match="the net calls none"):
        method_of("grad_cam").attribute(at, (x.mean(0, keepdim=True),), n_steps=1, seed=0)
