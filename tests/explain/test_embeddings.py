"""What an embedding is to an explanation: vectors of a column's ids, or nobody's.

Truth: nets whose logit is linear in the vectors, so that each feature's part is known in closed form, w · (e − ē); the
parts of real features add up to what the logit moves by, and to nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.errors import NotExplained
from auditkit.explain.attributions.study import explain, surface_of
from auditkit.explain.preflight import undisturbed
from auditkit.inputs.model import Model
from tests.explain.test_surface import Net, batch, ids, mixed, numbers

L, TOP, D = 5, 10, 4
WORDS = tuple(f"t{j}" for j in range(L))


class Learnt(nn.Embedding):
    """Positions that are learnt: whatever it is given, its first rows."""

    def forward(self, x: Tensor) -> Tensor:
        return self.weight[: x.shape[1]]


class LearntForAll(nn.Embedding):
    def forward(self, x: Tensor) -> Tensor:
        return self.weight[: x.shape[1]].expand(len(x), -1, -1)


class Added(nn.Embedding):
    """Adds its positions to what it is given, which are no ids."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class Scaled(nn.Embedding):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * math.sqrt(D)


class Spread(nn.Embedding):
    """Each vector is made of its neighbours' ids too."""

    def forward(self, x: Tensor) -> Tensor:
        own = super().forward(x)
        return own + own.roll(1, 1)


class Doubled(nn.EmbeddingBag):
    def forward(self, input: Tensor, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:
        return 2 * super().forward(input, offsets, per_sample_weights)


class Ignoring(nn.EmbeddingBag):
    def forward(self, input: Tensor, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:
        return self.weight[:1].expand(len(input), -1)


class ByPlace(nn.Module):
    """The logit: a weight for each entry of each vector, by its place."""

    def __init__(self, places: int = L) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(places, D, generator=torch.Generator().manual_seed(4)))

    def forward(self, vectors: Tensor) -> Tensor:
        return (vectors * self.weight).sum((1, 2))


def table() -> nn.Module:
    return nn.Embedding(TOP, D)


def linear_in(f: Any, **parts: Callable[[], nn.Module]) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = {"e": nn.Embedding(TOP, D), "o": ByPlace(), **{k: make() for k, make in parts.items()}}
    return Model(Net(f, **made), outputs="logits")


def truth(model: Model, frame: pd.DataFrame, *, scale: float = 1.0, padding: int | None = None) -> Any:
    """(N, L) w_k · (e(id_k) − mean over the rows), each row as often as its weight says."""
    net: Any = model.module
    table = net.e.weight.detach().double().clone()
    if net.e.max_norm is not None:
        norms = table.norm(dim=1, keepdim=True)
        table = torch.where(norms > net.e.max_norm, table / norms * net.e.max_norm, table)
    vectors = scale * table[torch.tensor(frame.to_numpy())]
    parts = (vectors * net.o.weight.detach().double()).sum(2).numpy()
    weight = batch(frame).weight
    assert weight is not None
    return parts - weight @ parts / weight.sum()


LINEAR: dict[str, tuple[Model, float]] = {
    "plain": (linear_in(lambda s, i: s.o(s.e(i))), 1.0),
    "scaled outside": (linear_in(lambda s, i: s.o(s.e(i) * math.sqrt(D))), 2.0),
    "scaled inside": (linear_in(lambda s, i: s.o(s.e(i)), e=lambda: Scaled(TOP, D)), 2.0),
    "padding": (linear_in(lambda s, i: s.o(s.e(i)), e=lambda: nn.Embedding(TOP, D, padding_idx=0)), 1.0),
    "max_norm": (linear_in(lambda s, i: s.o(s.e(i)), e=lambda: nn.Embedding(TOP, D, max_norm=0.5)), 1.0),
    "called twice": (linear_in(lambda s, i: s.o((s.e(i) + s.e(i)) / 2)), 1.0),
    "called once a place": (linear_in(lambda s, i: s.o(torch.stack([s.e(c) for c in i.unbind(1)], 1))), 1.0),
    "learnt positions": (linear_in(lambda s, i: s.o(s.e(i) + s.p(i)), p=lambda: Learnt(9, D)), 1.0),
    "learnt positions, a row each": (linear_in(lambda s, i: s.o(s.e(i) + s.p(i)), p=lambda: LearntForAll(9, D)), 1.0),
    "positions added by themselves": (linear_in(lambda s, i: s.o(s.p(s.e(i))), p=lambda: Added(9, D)), 1.0),
    "positions past the padding": (
        linear_in(
            lambda s, i: s.o(s.e(i) + s.p((i != 0).long().cumsum(1) * (i != 0))), p=table
        ),
        1.0,
    ),
    "segments": (linear_in(lambda s, i: s.o(s.e(i) + s.p((i == 1).long().cumsum(1))), p=table), 1.0),
    "a start token": (linear_in(lambda s, i: s.o(s.e(i) + s.p(torch.zeros_like(i))), p=table), 1.0),
    "what a decoder has said": (
        linear_in(
            lambda s, i: s.o(s.e(i)) + s.h(s.p(s.d(s.e(i).flatten(1)).argmax(1)))[:, 0],
            p=lambda: nn.Embedding(3, D), d=lambda: nn.Linear(L * D, 3), h=lambda: nn.Linear(D, 1),
        ),
        1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_each_column_gets_what_its_vectors_give_and_nothing_else_gets_anything(name: str) -> None:
    model, scale = LINEAR[name]
    frame = ids(L, TOP)
    before = model.module.e.weight.detach().clone()  # type: ignore[union-attr]
    found = explain(model, batch(frame), method="integrated_gradients")
    assert found.switched == ""
    assert found.columns == WORDS
    np.testing.assert_allclose(found.phi, truth(model, frame, scale=scale), atol=2e-5)
    np.testing.assert_allclose(found.phi.sum(1), found.delta, atol=2e-5)
    assert torch.equal(model.module.e.weight, before), "what a look-up rewrites is put back"  # type: ignore[union-attr,arg-type]


@pytest.mark.parametrize("name", LINEAR)
def test_one_row_is_cut_up_like_many(name: str) -> None:
    model = LINEAR[name][0]
    frame = ids(L, TOP)
    with undisturbed(model):
        one, many = (surface_of(model, f) for f in (frame.head(1), frame))
        assert [p.shape[1:] for p in one.points] == [p.shape[1:] for p in many.points]
        assert one.groups.names == many.groups.names
        for given in (one, many):
            own = model.decision(model.encode(frame.head(len(given))))
            torch.testing.assert_close(given.at(given.points), own, rtol=1e-4, atol=1e-5)


def test_a_row_whose_ids_count_is_not_mistaken_for_its_positions() -> None:
    """0, 1, 2, … stand in the row and in its positions: by their values they are the same."""
    model = LINEAR["positions past the padding"][0]
    frame = pd.DataFrame([[1, 2, 3, 4, 5]], columns=list(WORDS))
    with undisturbed(model):
        at = surface_of(model, frame)
        assert len(at.points) == 1
        assert at.groups.names == WORDS


def linear_bag(bag: nn.EmbeddingBag) -> Model:
    return Model(nn.Sequential(bag, nn.Linear(D, 1)), outputs="logits")


@pytest.mark.parametrize("bag", [Doubled(TOP, D, mode="sum"), Ignoring(TOP, D, mode="sum")])
def test_a_bag_that_does_something_else_is_left_to_shapley_values(bag: nn.EmbeddingBag) -> None:
    model, frame = linear_bag(bag), ids(L, TOP)
    found = explain(model, batch(frame)) if isinstance(bag, Doubled) else None
    if found is None:  # its score is the same for every row: nothing can be moved
        with undisturbed(model):
            assert surface_of(model, frame).points == ()
        return
    assert found.method == "shapley"
    assert "takes integers" in found.switched
    with undisturbed(model), torch.no_grad():
        w = model.module[1].weight[0].double()  # type: ignore[index]
        parts = 2 * (bag.weight.double() @ w).numpy()[frame.to_numpy()]
        commonest = explain(model, batch(frame), method="shapley").delta
    np.testing.assert_allclose(found.phi.sum(1), commonest, atol=1e-4)
    np.testing.assert_allclose(found.phi - found.phi[:1], parts - parts[:1], atol=1e-4)


def test_vectors_of_several_ids_are_nobodys_alone() -> None:
    model = linear_in(lambda s, i: s.o(s.e(i)), e=lambda: Spread(TOP, D))
    found = explain(model, batch(ids(L, TOP)))
    assert found.method == "shapley"
    np.testing.assert_allclose(found.phi.sum(1), found.delta, atol=1e-4)


def crossed() -> Model:
    """Own vectors for job and city, and for both together: wide and deep."""
    return linear_in(
        lambda s, x: (s.a(x[:, 3].long()) + s.b(x[:, 4].long()) + s.c((x[:, 3] * 6 + x[:, 4]).long())).sum(1),
        a=lambda: nn.Embedding(6, D), b=lambda: nn.Embedding(6, D), c=lambda: nn.Embedding(36, D),
    )  # fmt: skip


def test_a_cross_of_columns_stays_a_feature() -> None:
    """Held still it would hide what the columns do together."""
    frame = mixed()
    model = crossed()
    found = explain(model, batch(frame))
    assert found.columns == ("x0", "x1", "x2", "job", "city", "job + city")
    net: Any = model.module
    own = net.c.weight.detach().double().sum(1).numpy()[(frame.job * 6 + frame.city).to_numpy()]
    weight = batch(frame).weight
    assert weight is not None
    np.testing.assert_allclose(found.phi[:, 5], own - weight @ own / weight.sum(), atol=2e-5)


def test_bins_of_a_number_are_its_own() -> None:
    """No entry becomes 0 or 1 there: bins lie far from both."""
    frame = numbers(3).assign(x0=lambda f: 100 + 10 * f.x0)
    edges = torch.tensor([95.0, 100.0, 105.0])
    model = linear_in(
        lambda s, x: s.b(torch.bucketize(x[:, 0].contiguous(), edges)).sum(1) + x[:, 1], b=lambda: nn.Embedding(4, D)
    )
    found = explain(model, batch(frame))
    net: Any = model.module
    own = net.b.weight.detach().double().sum(1).numpy()[np.searchsorted(edges.numpy(), frame.x0.astype(np.float32))]
    weight = batch(frame).weight
    assert weight is not None
    assert found.columns == ("x0", "x1", "x2")
    np.testing.assert_allclose(found.phi[:, 0], own - weight @ own / weight.sum(), atol=2e-5)


class InChunks(nn.Module):
    """Calls its embedding once for every eight rows."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.o = nn.Embedding(TOP, D), ByPlace()

    def forward(self, i: Tensor) -> Tensor:
        return torch.cat([self.o(self.e(part)) for part in i.split(8)])


def test_an_embedding_called_once_a_chunk_of_rows_is_left_to_shapley_values() -> None:
    model, frame = Model(InChunks(), outputs="logits"), ids(L, TOP)
    found = explain(model, batch(frame))
    assert found.method == "shapley"
    w = model.module.o.weight.detach()  # type: ignore[union-attr]
    parts = (model.module.e.weight.detach()[torch.tensor(frame.to_numpy())] * w).sum(2).numpy()  # type: ignore[union-attr,index]
    np.testing.assert_allclose(found.phi - found.phi[:1], parts - parts[:1], atol=1e-4)


def test_few_rows_that_were_one_chunk_do_not_hide_that_more_are_several() -> None:
    model, frame = Model(InChunks(), outputs="logits"), ids(L, TOP)
    with undisturbed(model):
        at = surface_of(model, frame.head(6))
        with pytest.raises(NotExplained, match="calls its embedding 'e' once for every 8 rows"):
            at.forward(*(p.repeat(3, 1, 1) for p in at.points), *(f.repeat(3, 1) for f in at.fixed))


def test_a_rewriting_table_is_audited_and_left_as_it_was() -> None:
    model = LINEAR["max_norm"][0]
    frame = ids(L, TOP)
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    data = ak.Dataset.from_arrays(frame, y_true=np.arange(len(frame)) % 2, sensitive_features={"g": ["a", "b"] * 15})
    report = ak.audit(model, data, checks=[ak.Attribution(), ak.FlipTest()], on_error="raise")
    assert report.findings
    assert all(torch.equal(v, before[k]) for k, v in model.module.state_dict().items())
