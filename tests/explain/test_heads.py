"""Heads of attention are units of a layer audit. Truth: nets whose attribute goes through one head by construction, and
that head taken by formula, erased and put back by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from auditkit.batch import Batch
from auditkit.explain.layers.check import LayerAudit
from auditkit.explain.layers.cuts import layers_and_cuts
from auditkit.explain.layers.discovery import MOST_HEADS
from auditkit.explain.layers.erasure import leace
from auditkit.explain.layers.heads import opened
from auditkit.explain.layers.layer import Layer
from auditkit.explain.layers.probes import halves
from auditkit.inputs.model import Model
from auditkit.records import Layers
from tests.explain.nets import draw, seeded

PLACES, WIDE, HEADS = 3, 4, 2


def planted(own: nn.MultiheadAttention) -> None:
    """Head 1 sees the first two columns of a token alone, head 2 the others; what leaves them is mixed."""
    with torch.no_grad():
        for block in own.in_proj_weight.split(WIDE):
            block[:2, 2:] = 0
            block[2:, :2] = 0
        own.in_proj_weight[2 * WIDE :] += torch.eye(WIDE)


class Library(nn.Module):
    """PyTorch's attention; `weights` asks for the weights of attention too, which goes another way through its code."""

    def __init__(self, *, weights: bool = False, first: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDE, HEADS, batch_first=first)
        planted(self.attention)
        self.head = nn.Linear(WIDE, 1)
        self.weights, self.first = weights, first

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), PLACES, WIDE)
        x = x if self.first else x.transpose(0, 1)
        mixed = self.attention(x, x, x, need_weights=self.weights)[0]
        return self.head(mixed.mean(1 if self.first else 0))


class Own(nn.Module):
    """The same by `scaled_dot_product_attention`."""

    def __init__(self) -> None:
        super().__init__()
        library = Library()
        self.into = nn.Linear(WIDE, 3 * WIDE)
        self.into.weight, self.into.bias = library.attention.in_proj_weight, library.attention.in_proj_bias
        self.out, self.head = library.attention.out_proj, library.head

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), PLACES, WIDE)
        q, k, v = (t.unflatten(-1, (HEADS, -1)).transpose(1, 2) for t in self.into(x).chunk(3, -1))
        heads = F.scaled_dot_product_attention(q, k, v)
        return self.head(self.out(heads.transpose(1, 2).flatten(2)).mean(1))


NETS = {
    "its own": Own,
    "library": Library,
    "with weights": lambda: Library(weights=True),
    "places first": lambda: Library(first=False),
}


def rows(n: int = 800, seed: int = 0) -> Batch:
    """Two groups differ in the first column of each token; the truth follows it and another."""
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n).astype(bool)
    x = rng.normal(size=(n, PLACES * WIDE))
    x[:, ::WIDE] += 1.5 * z[:, None]
    y = rng.random(n) < 1 / (1 + np.exp(2 - x[:, ::WIDE].sum(1) - x[:, 2::WIDE].sum(1)))
    return Batch(
        features=pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])]),
        groups=pd.DataFrame({"sex": pd.Categorical(np.where(z, "b", "a"))}),
        y_true=y.astype(np.int8),
        y_pred=np.full(n, -1, dtype=np.int8),
    )


def sharp(make: object) -> nn.Module:
    """Its head reads what leaves head 1 and head 2 alike."""
    net = seeded(make)  # type: ignore[arg-type]
    out = net.out if isinstance(net, Own) else net.attention.out_proj
    with torch.no_grad():
        net.head.weight.copy_(torch.linalg.solve(out.weight.T, torch.tensor([2.0, 0.0, 2.0, 0.0]))[None])
        net.head.bias.fill_(-1.5)
    return net


def by_formula(net: nn.Module, x: Tensor) -> list[Tensor]:
    """(N, places, units) of each head."""
    own = net.into if isinstance(net, Own) else None
    weight = own.weight if own else net.attention.in_proj_weight
    bias = own.bias if own else net.attention.in_proj_bias
    out = []
    for block in torch.arange(WIDE).chunk(HEADS):
        q, k, v = (x @ weight[s * WIDE + block].T + bias[s * WIDE + block] for s in range(3))
        out.append(torch.softmax(q @ k.transpose(1, 2) / math.sqrt(len(block)), -1) @ v)
    return out


def behind(net: nn.Module, heads: list[Tensor]) -> Tensor:
    out = net.out if isinstance(net, Own) else net.attention.out_proj
    return torch.sigmoid(net.head(out(torch.cat(heads, -1)).mean(1)))[:, 0]


@pytest.mark.parametrize("name", NETS)
def test_erasing_a_head_is_erasing_it_by_hand(name: str) -> None:
    """Brute force: LEACE of what the formula says that the head gives, fitted on one half and read on the other."""
    batch, net = rows(), sharp(NETS[name])
    x = torch.tensor(batch.features.to_numpy(), dtype=torch.float32).reshape(-1, PLACES, WIDE)
    z = (batch.groups["sex"] == "b").to_numpy()
    check = LayerAudit(random=0)
    with torch.no_grad():
        heads = by_formula(net, x)
        torch.testing.assert_close(behind(net, heads), torch.sigmoid(net(x.flatten(1)))[:, 0])
    evidence = check.examine(Model(net), batch)
    (finding,) = check.assess(evidence).findings
    exhibit = finding.exhibits[0]
    assert isinstance(exhibit, Layers)
    module = "(net)" if name == "its own" else "attention"
    seen = [next(y for y in exhibit.layers if y.name == f"{module}, head {h + 1}") for h in range(HEADS)]
    for h, layer in enumerate(seen):
        after = np.zeros(len(z))
        for half in halves(z, seed=0):
            flat = heads[h].flatten(1).double().numpy()
            eraser = leace(flat[half.fit], z[half.fit])
            put = torch.as_tensor(eraser(flat[half.read]), dtype=torch.float32).reshape(-1, *heads[h].shape[1:])
            with torch.no_grad():
                others = [put if i == h else own[half.read] for i, own in enumerate(heads)]
                after[half.read] = behind(net, others).numpy()
        assert layer.after is not None
        assert layer.after.value == pytest.approx(after[z].mean() - after[~z].mean(), abs=0.01), "but for the ridge"
        assert layer.cut is False
    first, second = seen
    assert first.before is not None
    gap = first.before.value or 0.0
    assert gap > 0.25
    assert abs(first.after.value or 0) < 0.15 * gap, "the attribute goes through head 1"
    assert abs((second.after.value or 0) - gap) < 0.1 * gap, "and not through head 2"
    assert (first.knows.value or 0) > 0.8
    assert (second.knows.value or 0) < 0.6
    flows = [total / n for n, total, _ in (evidence.sums["sex"][y.name]["flow"] for y in seen)]
    assert sum(flows) == pytest.approx(gap, rel=0.01), "all that flows flows through the two"
    assert flows[0] > 0.9 * gap


def look(net: nn.Module, width: int, names: list[str] | None = None) -> dict[str, Layer]:
    model = Model(net)
    with model.inspecting():
        return {y.name: y for y in layers_and_cuts(model, draw(100, width), names, heads=True)}


class Blocks(nn.Module):
    def __init__(self, blocks: int = 2, heads: int = 2, wide: int = 8) -> None:
        super().__init__()
        self.wide = wide
        layer = nn.TransformerEncoderLayer(wide, heads, 8, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, blocks, enable_nested_tensor=False)
        self.head = nn.Linear(wide, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x.reshape(len(x), -1, self.wide)).mean(1))


def test_heads_of_an_encoder_are_found_and_the_net_is_left_as_it_was() -> None:
    net = seeded(Blocks)
    before = {name: (id(m), dict(m._forward_hooks), dict(m._forward_pre_hooks)) for name, m in net.named_modules()}
    layers = look(net, 24)
    names = [f"encoder.layers.{i}.self_attn, head {h}" for i in (0, 1) for h in (1, 2)]
    assert [n for n in layers if ", head" in n] == names
    assert all((layers[n].units, layers[n].positions, layers[n].reason) == (4, 3, "") for n in names)
    assert {n: (id(m), dict(m._forward_hooks), dict(m._forward_pre_hooks)) for n, m in net.named_modules()} == before


def test_of_very_many_heads_those_that_are_named_are_looked_at() -> None:
    net = seeded(lambda: Blocks(5, 16, 16))
    found = look(net, 48)
    assert not any(", head " in n for n in found)
    assert f"the net has 80 heads, more than {MOST_HEADS}" in found["encoder.layers.0.self_attn, heads"].reason
    named = look(net, 48, ["encoder.layers.3.self_attn"])
    assert sum(", head " in n and not y.reason for n, y in named.items()) == 16


class Written(nn.MultiheadAttention):
    def forward(self, *args: Tensor, **kwargs: object) -> tuple[Tensor, None]:  # type: ignore[override]
        return super().forward(*args)[0] * 2, None


class Flat(nn.Module):
    """Heads side by side with rows: (N · heads, positions, units)."""

    def forward(self, x: Tensor) -> Tensor:
        heads = x.unflatten(-1, (2, 2)).transpose(1, 2).flatten(0, 1)
        return F.scaled_dot_product_attention(heads, heads, heads).unflatten(0, (-1, 2)).transpose(1, 2).flatten(2)


class Around(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.head = inner, nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), -1, 4)
        out = self.inner(x, x, x)[0] if isinstance(self.inner, Written) else self.inner(x)
        return self.head(out.mean(1))


@pytest.mark.parametrize("inner", [lambda: Written(4, 2, batch_first=True), Flat])
def test_attention_that_is_written_otherwise_is_not_measured_by_name(inner: object) -> None:
    found = look(seeded(lambda: Around(inner())), 12)  # type: ignore[operator]
    assert "cannot be told apart" in found["inner, heads"].reason
    assert not any(", head " in n for n in found)


def test_after_an_accident_the_net_is_as_it_was() -> None:
    net = seeded(Blocks)
    projections = [layer.self_attn.out_proj for layer in net.encoder.layers]

    def broken(_m: nn.Module, kind: str, heads: list[Tensor]) -> list[Tensor]:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"), opened(net, broken):  # type: ignore[arg-type]
        net(draw(5, 24))
    with pytest.raises(RuntimeError, match=r"size|shape|invalid"), opened(net, lambda _m, _k, heads: heads):
        net(draw(5, 23))
    with pytest.raises(AssertionError), opened(net, lambda _m, _k, heads: heads):
        net.encoder.layers[0].self_attn(*(draw(2, 3, 5),) * 3)
    assert [layer.self_attn.out_proj for layer in net.encoder.layers] == projections
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
