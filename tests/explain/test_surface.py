"""Surfaces of every kind of net and input. Laws: the surface is the model; what is named is what goes in."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.errors import ModelError
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.study import explain, surface_of
from auditkit.explain.preflight import undisturbed
from auditkit.fairness.rows.encoding import seen_columns
from auditkit.inputs.groups import segments
from auditkit.inputs.model import Model

ROWS = 30


class Net(nn.Module):
    """`f(self, …)` over named parts."""

    def __init__(self, f: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.f = f
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *given: Tensor, **named: Tensor) -> Any:
        return self.f(self, *given, **named)


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.e = nn.Embedding(10, 4)
        self.l = nn.LSTM(4, 5, batch_first=True)
        self.o = nn.Linear(5, 1)

    def forward(self, ids: Tensor) -> Tensor:
        return self.o(self.l(self.e(ids))[0][:, -1])


def batch(frame: pd.DataFrame) -> Batch:
    n = len(frame)
    return Batch(
        features=frame,
        groups=pd.DataFrame({"sex": pd.Categorical(["a", "b"] * (n // 2))}),
        y_true=np.zeros(n, np.int8),
        y_pred=np.zeros(n, np.int8),
        weight=np.linspace(0.5, 2, n),
    )


def numbers(width: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(ROWS, width)), columns=[f"x{j}" for j in range(width)])


def ids(width: int = 5, top: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(rng.integers(0, top, size=(ROWS, width)), columns=[f"t{j}" for j in range(width)])


def mixed() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return numbers(3).assign(job=rng.integers(0, 6, ROWS), city=rng.integers(0, 6, ROWS))


def head(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 5), nn.Tanh(), nn.Linear(5, 1))


def tokens(f: Callable[..., Any], **parts: nn.Module) -> Model:
    return Model(Net(f, e=nn.Embedding(10, 4), o=head(), **parts))


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 1))


def scripted(net: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and there to be audited
        return torch.jit.script(net)  # type: ignore[no-any-return,no-untyped-call]


def traced(net: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(net.eval(), torch.zeros(2, 6))  # type: ignore[no-any-return,no-untyped-call]


def frozen(net: nn.Module) -> nn.Module:
    module = scripted(net.eval())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.freeze(module)  # type: ignore[no-any-return,arg-type]


def exported(net: nn.Module, example: Tensor) -> nn.Module:
    rows = torch.export.Dim("rows", min=1, max=10**6)
    return torch.export.export(net.eval(), (example,), dynamic_shapes=({0: rows},)).module()


class Output:
    def __init__(self, logits: Tensor) -> None:
        self.logits = logits


def bag(mode: str, **options: Any) -> Model:
    return Model(nn.Sequential(nn.EmbeddingBag(10, 4, mode=mode, **options), head()))


WORDS = tuple(f"t{j}" for j in range(5))
TABLE = ("x0", "x1", "x2", "job", "city")
torch.manual_seed(0)  # untrained nets are asked to add up: which ones they are must not depend on the run
NETS: Mapping[str, tuple[Model, pd.DataFrame, tuple[str, ...]]] = {
    "tokens": (tokens(lambda s, i: s.o(s.e(i).mean(1))), ids(), WORDS),
    "LSTM": (Model(Reader()), ids(), WORDS),
    "mean bag with padding": (bag("mean", padding_idx=0), ids(), WORDS),
    "sum bag": (bag("sum"), ids(), WORDS),
    "max bag with padding": (bag("max", padding_idx=0), ids(), WORDS),
    "one embedding called twice": (
        tokens(lambda s, i: s.o(s.e(i[:, :2]).sum(1) - s.e(i[:, 2:]).mean(1))), ids(), WORDS,
    ),
    "positions": (
        tokens(lambda s, i: s.o((s.e(i) * s.p(torch.arange(5))).mean(1)), p=nn.Embedding(5, 4)), ids(), WORDS,
    ),
    "as many positions as rows": (
        tokens(lambda s, i: s.o(s.e(i).mean(1) + s.p(torch.arange(ROWS)).mean(0)), p=nn.Embedding(ROWS, 4)),
        ids(), WORDS,
    ),
    "positions for each row": (
        tokens(lambda s, i: s.o((s.e(i) * s.p(torch.arange(5).expand(len(i), -1))).mean(1)), p=nn.Embedding(5, 4)),
        ids(), WORDS,
    ),
    "sequence first": (tokens(lambda s, i: s.o(s.e(i.T).mean(0))), ids(), WORDS),
    "one flat list of ids": (
        tokens(lambda s, i: s.o(s.e(i.reshape(-1)).reshape(len(i), 5, 4).mean(1))), ids(), WORDS,
    ),
    "ids by keyword": (tokens(lambda s, i: s.o(s.e(input=i).mean(1))), ids(), WORDS),
    "categories inside the net": (
        Model(Net(
            lambda s, x: s.o(torch.cat([x[:, :3], s.e(x[:, 3].long()), s.e(x[:, 4].long())], 1)),
            e=nn.Embedding(6, 2), o=head(7),
        )),
        mixed(), TABLE,
    ),
    "categories alone, as floats": (
        Model(Net(lambda s, x: s.o(s.e(x.long()).flatten(1)), e=nn.Embedding(10, 2), o=head(10)),
              preprocess=lambda f: f.to_numpy(dtype=np.float32), feature_map={w: [j] for j, w in enumerate(WORDS)}),
        ids(), WORDS,
    ),
    "a table of whole numbers": (
        Model(Net(
            lambda s, x: s.o(torch.cat([x[:, :4].float(), s.e(x[:, 4].long())], 1)), e=nn.Embedding(10, 2), o=head(6),
        )),
        ids(), WORDS,
    ),
    "a category of two columns": (
        Model(Net(
            lambda s, x: s.o(torch.cat([x[:, :3], s.e((x[:, 3] * 6 + x[:, 4]).long())], 1)),
            e=nn.Embedding(36, 2), o=head(5),
        )),
        mixed(), (*TABLE, "job + city"),
    ),
    "by name": (
        Model(
            Net(lambda s, a, b: s.o(torch.cat([a, s.e(b)], 1)), e=nn.Embedding(6, 2), o=head(5)),
            preprocess=lambda f: {"a": f[["x0", "x1", "x2"]].to_numpy(), "b": f["job"].to_numpy()},
        ),
        mixed(), ("a", "b"),
    ),
    "by name, mapped": (
        Model(
            Net(lambda s, a, b, c: s.o(torch.cat([a, s.e(b), c[:, None]], 1)), e=nn.Embedding(6, 2), o=head(6)),
            preprocess=lambda f: {
                "a": f[["x0", "x1", "x2"]].to_numpy(), "b": f["job"].to_numpy(), "c": f["x0"].to_numpy() ** 2
            },
            feature_map={"a": {"x2": [2], "x0": [0], "x1": [1]}, "c": {"x0": [0]}},
        ),
        mixed(), ("x2", "x0", "x1", "b"),
    ),
    "by position, mapped": (
        Model(
            Net(lambda s, a, b: s.o(torch.cat([a, s.e(b)], 1)), e=nn.Embedding(6, 2), o=head(5)),
            preprocess=lambda f: (f[["x0", "x1", "x2"]].to_numpy(), f["job"].to_numpy()),
            feature_map=({"x0": [0], "x1": [1], "x2": [2]}, "job"),
        ),
        mixed(), ("x0", "x1", "x2", "job"),
    ),
    "by position": (
        Model(
            Net(lambda s, a, b: s.o(torch.cat([a, s.e(b)], 1)), e=nn.Embedding(6, 2), o=head(5)),
            preprocess=lambda f: (f[["x0", "x1", "x2"]].to_numpy(), f["job"].to_numpy()),
            feature_map=([0, 1, 1], [2]),
        ),
        mixed(), ("region 0", "region 1", "region 2"),
    ),
    "images": (
        Model(
            nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 1)),
            preprocess=lambda f: f.to_numpy().reshape(-1, 1, 6, 6), feature_map=segments(6, 6, grid=(2, 2)),
        ),
        numbers(36), tuple(f"region {j}" for j in range(4)),
    ),
    "output with logits": (Model(Net(lambda s, x: Output(s.o(x)), o=nn.Linear(6, 2))), numbers(), tuple(numbers())),
    "mapping with logits": (
        Model(Net(lambda s, x: {"logits": s.o(x)}, o=nn.Linear(6, 2))), numbers(), tuple(numbers()),
    ),
    "TorchScript": (Model(scripted(plain())), numbers(), tuple(numbers())),
    "traced": (Model(traced(plain())), numbers(), tuple(numbers())),
    "frozen": (Model(frozen(plain())), numbers(), tuple(numbers())),
    "exported": (Model(exported(plain(), torch.zeros(4, 6))), numbers(), tuple(numbers())),
    "DataParallel": (Model(nn.DataParallel(plain())), numbers(), tuple(numbers())),
    "DataParallel over embeddings": (Model(nn.DataParallel(Reader())), ids(), WORDS),
    "double": (Model(plain().double()), numbers(), tuple(numbers())),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_the_surface_is_the_model_and_adds_up(name: str) -> None:
    model, frame, columns = NETS[name]
    with undisturbed(model):
        at = surface_of(model, frame)
        decision = model.decision(model.encode(frame))
        torch.testing.assert_close(at.at(at.points), decision)
        one = at.take(slice(7, 8))
        torch.testing.assert_close(one.at(one.points), decision[7:8], rtol=1e-4, atol=1e-5)
    found = explain(model, batch(frame))
    assert found.columns == columns
    assert found.switched == ""
    assert found.epsilon is not None
    assert np.quantile(found.epsilon, 0.95) <= 0.05
    assert (np.abs(found.phi).max(0) > 0).sum() >= min(len(columns), 3)


@pytest.mark.parametrize("name", NETS)
def test_a_row_alone_has_the_same_features(name: str) -> None:
    """With one row, ids cannot be told by their values."""
    model, frame, columns = NETS[name]
    with undisturbed(model):
        if name == "as many positions as rows":
            return
        at = surface_of(model, frame.head(1))
        assert at.groups.names == columns
        everybody = surface_of(model, frame)
        for a, b in zip(at.groups.masks, everybody.groups.masks, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["script tokens", "exported tokens", "functional", "whole numbers by name"])
def test_what_cannot_be_moved_is_left_to_shapley_values(name: str) -> None:
    weights = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    flat = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 1))
    model = {
        "script tokens": lambda: Model(scripted(Reader())),
        "exported tokens": lambda: Model(exported(flat, torch.zeros(4, 5).long())),
        "functional": lambda: tokens(lambda s, i: s.o(nn.functional.embedding(i, weights).mean(1))),
        "whole numbers by name": lambda: tokens(lambda s, i: s.o(weights[i.long()].mean(1))),
    }[name]()
    found = explain(model, batch(ids()))
    assert found.method == "shapley"
    assert "takes integers" in found.switched
    assert found.columns == WORDS
    assert found.epsilon is not None
    assert found.epsilon.max() < 1e-4
    assert (np.abs(found.phi).max(0) > 0).all()


def test_what_goes_along_unmoved_is_named() -> None:
    net = Net(lambda s, a, b, n: s.o(a * n[:, None].float() + s.e(b)), e=nn.Embedding(6, 3), o=head(3))
    model = Model(
        net,
        preprocess=lambda f: {
            "a": f[["x0", "x1", "x2"]].to_numpy(),
            "b": f["job"].to_numpy(),
            "n": f["city"].to_numpy() + 1,
        },
    )
    found = explain(model, batch(mixed()))
    assert (found.columns, found.unmoved) == (("a", "b"), ("n",))
    whole = explain(model, batch(mixed()), method="ablation")
    assert (whole.columns, whole.unmoved) == (("a", "b", "n"), ())
    check = Attribution()
    (finding,) = check.assess(check.examine(model, batch(mixed()))).findings
    assert "read but not explained, whole numbers: n" in finding.notes


def test_a_category_gets_what_its_embedding_gets() -> None:
    """Oracle: Captum on the net after its embeddings."""
    model, frame, columns = NETS["categories inside the net"]
    found = explain(model, batch(frame), n_steps=64)
    w = batch(frame).weight
    assert w is not None
    share = torch.as_tensor(w / w.sum(), dtype=torch.float32)
    x = torch.tensor(frame.to_numpy(), dtype=torch.float32)
    with model.inspecting() as net:
        jobs, cities = net.e(x[:, 3].long()), net.e(x[:, 4].long())
        points = (x[:, :3], jobs, cities)
        means = tuple(torch.tensordot(share, p, dims=1)[None] for p in points)
        theirs = IntegratedGradients(lambda a, b, c: net.o(torch.cat([a, b, c], 1))[:, 0]).attribute(
            points, means, n_steps=64
        )
    assert columns[3:] == ("job", "city")
    np.testing.assert_allclose(found.phi[:, 3], theirs[1].sum(1), atol=1e-5)
    np.testing.assert_allclose(found.phi[:, 4], theirs[2].sum(1), atol=1e-5)


def test_padding_of_a_bag_carries_nothing() -> None:
    model, frame, _ = NETS["mean bag with padding"]
    found = explain(model, batch(frame))
    assert (found.phi[frame.to_numpy() == 0] == 0).all()


def test_exported_module_keeps_its_flags() -> None:
    module = exported(plain(), torch.zeros(4, 6))
    flags = [m.training for m in module.modules()]
    grads = [p.requires_grad for p in module.parameters()]
    explain(Model(module), batch(numbers()))
    assert [m.training for m in module.modules()] == flags
    assert [p.requires_grad for p in module.parameters()] == grads


def test_train_mode_with_dropout_is_put_aside_and_back() -> None:
    net = plain().train()
    one, two = (explain(Model(net), batch(numbers())).phi for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert all(m.training for m in net.modules())


def test_segments() -> None:
    assert segments(5, 3, grid=(2, 8)).max() == 5
    assert np.unique(segments(28, 28)).tolist() == list(range(64))
    with pytest.raises(ModelError, match="at least one row and column"):
        segments(0, 3)


@pytest.mark.parametrize(
    ("feature_map", "message"),
    [
        (np.zeros((5, 5), int), "does not fit an input of shape"),
        (np.zeros((6, 6)), "whole numbers"),
        ({"a": [0]}, "feature_map"),
    ],
)
def test_masks_that_do_not_cover_the_image(feature_map: Any, message: str) -> None:
    model = Model(nn.Flatten(), preprocess=lambda f: f.to_numpy().reshape(-1, 2, 3, 6), feature_map=feature_map)
    with pytest.raises(ModelError, match=message):
        surface_of(model, numbers(36))


SEVERAL = {"numeric": torch.zeros(4, 3), "job": torch.zeros(4)}


@pytest.mark.parametrize(
    ("inputs", "feature_map", "message"),
    [
        (SEVERAL, {"age": [0], "hours": [1]}, "the inputs are numeric, job: .*'numeric': .*; it names 'age'"),
        (SEVERAL, {"numerics": {"age": [0]}}, "it names 'numerics'.*Did you mean 'numeric'"),
        (SEVERAL, ({"age": [0]}, "job"), "the inputs are numeric, job: .*it is a tuple"),
        (SEVERAL, {"numeric": {"age": [0]}}, "each of the 3 encoded columns of 'numeric' once; it does not name 1, 2"),
        (SEVERAL, {"numeric": {"age": 0}}, "each column of 'numeric' a list of its .* positions.* gives 'age' 0"),
        (SEVERAL, {"numeric": {"age": ["num:0"]}}, "each column of 'numeric' a list of its encoded positions"),
        (SEVERAL, {"numeric": [0, 0, 1]}, "that of 'numeric' is a list: give each a map"),
        (tuple(SEVERAL.values()), {"age": [0]}, "for 2 inputs, feature_map must be as many maps of columns"),
        (tuple(SEVERAL.values()), ({"age": [0]},), "for 2 inputs, feature_map must be as many maps of columns"),
        (tuple(SEVERAL.values()), ({"age": [0, 1]}, "job"), "each of the 3 encoded columns of input 0 once"),
        (torch.zeros(4, 3), {"numeric": {"age": [0]}}, "gives each column a list of its encoded positions"),
    ],
)
def test_maps_of_several_inputs_that_do_not_fit(inputs: Any, feature_map: Any, message: str) -> None:
    frame = pd.DataFrame({"x": range(4)})
    model = Model(nn.Linear(1, 1), preprocess=lambda f: inputs, feature_map=feature_map)
    with pytest.raises(ModelError, match=message):
        model.groups(inputs, frame)


def test_masks_by_name_are_masks_in_the_order_of_the_inputs() -> None:
    frame = pd.DataFrame({"x": range(4)})
    one, other = ([0, 1, 1], [2])
    by_name = Model(nn.Linear(1, 1), feature_map={"job": other, "numeric": one}).groups(SEVERAL, frame)
    in_order = Model(nn.Linear(1, 1), feature_map=(one, other)).groups(tuple(SEVERAL.values()), frame)
    assert by_name is not None
    assert in_order is not None
    assert by_name.names == in_order.names == ("region 0", "region 1", "region 2")
    assert [m.tolist() for m in by_name.masks] == [m.tolist() for m in in_order.masks] == [[[0, 1, 1]], [2]]


def test_a_column_of_two_inputs_is_one_feature_and_consistency_sees_it() -> None:
    """What rows are compared by are the columns that the maps name."""
    model = NETS["by name, mapped"][0]
    at = surface_of(model, mixed())
    assert [m.tolist() for m in at.groups.masks[:2]] == [[[1, 2, 0]], [1]]
    assert seen_columns(mixed().rename(columns={"job": "b"}), model.replaced(preprocess=renamed(model))) == [
        "x0", "x1", "x2", "b",
    ]  # fmt: skip


def renamed(model: Model) -> Callable[[pd.DataFrame], Any]:
    """The preprocessing of the model, of a frame whose job is called b."""
    return lambda f: model.preprocess(f.rename(columns={"b": "job"}))
