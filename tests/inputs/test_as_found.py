"""Nets that change their own modules when they run are left as they were found, or refused.

Truth: identities of modules, parameters and buffers before and after; predictions of a twin that was run once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import auditkit as ak
from auditkit.inputs.as_found import AsFound, kept_tree

WIDTH, ROWS = 3, 60
X = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32), columns=["a", "b", "c"])
GROUP = np.where(np.arange(ROWS) % 2 == 0, "A", "B")


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(WIDTH, 4), nn.Tanh(), nn.Linear(4, 1))


class Folds(Around):
    """At its first run it takes its batch normalisation into the layer before it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm: nn.Module = nn.BatchNorm1d(1)
        with torch.no_grad():
            self.norm.running_mean.fill_(0.3)  # type: ignore[operator,union-attr]
            self.norm.weight.fill_(2.0)  # type: ignore[operator,union-attr]

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.norm, nn.BatchNorm1d):
            last = self.inner[2]
            assert isinstance(last, nn.Linear)
            self.inner[2] = torch.nn.utils.fusion.fuse_linear_bn_eval(last, self.norm)
            self.norm = nn.Identity()
        return self.norm(self.inner(x))


class Unwraps(Around):
    """Takes the weight norm off its first layer."""

    def __init__(self) -> None:
        super().__init__()
        nn.utils.parametrizations.weight_norm(self.inner[0])

    def forward(self, x: Tensor) -> Tensor:
        first = self.inner[0]
        if nn.utils.parametrize.is_parametrized(first):
            nn.utils.parametrize.remove_parametrizations(first, "weight")
        return self.inner(x)


class Caches(Around):
    """Keeps a mask that it makes at its first run."""

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "mask"):
            self.register_buffer("mask", torch.ones(x.shape[1]))
        return self.inner(x * self.mask)


class Reparameters(Around):
    def forward(self, x: Tensor) -> Tensor:
        self.inner[0].weight = nn.Parameter(self.inner[0].weight.detach().clone())  # type: ignore[union-attr]
        return self.inner(x)


class Removes(Around):
    """Puts a function where a module was."""

    def __init__(self) -> None:
        super().__init__()
        self.act: Any = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.act, nn.Module):
            del self.act
            self.act = torch.relu
        return self.inner(x + self.act(x))


class Grows(Around):
    """A list that grows with every run."""

    def __init__(self) -> None:
        super().__init__()
        self.more = nn.ModuleList()

    def forward(self, x: Tensor) -> Tensor:
        self.more.append(nn.Identity())
        return self.inner(x)


class Makes(nn.Module):
    """Makes its layer when it first sees rows, from new weights."""

    def __init__(self) -> None:
        super().__init__()
        self.a: nn.Module | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.a is None:
            self.a = nn.Linear(x.shape[1], 1)
        return self.a(x)


class Replaces(Around):
    """Another head, with new weights, at every first run."""

    def __init__(self) -> None:
        super().__init__()
        self.done = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.done:
            self.inner[2] = nn.Linear(4, 1)
        return self.inner(x)


def identities(net: nn.Module) -> list[Any]:
    """Everything a net is made of, by name and identity, in order."""
    found: list[Any] = []
    for name, part in net.named_modules():
        found.append((name, id(part), type(part), list(part._modules)))
        found += [(name, k, id(p)) for k, p in part._parameters.items()]
        found += [(name, k, id(b)) for k, b in part._buffers.items()]
        found.append((name, sorted(k for k in vars(part) if not k.startswith("_"))))
    return found


def data() -> ak.Dataset:
    return ak.Dataset.from_arrays(X, y_true=(X.a > 0).astype(int).to_numpy(), sensitive_features={"g": GROUP})


def made(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("make", [Folds, Unwraps, Caches, Reparameters, Removes, Grows])
def test_what_changes_itself_is_audited_and_left_as_it_was(make: Callable[[], nn.Module]) -> None:
    net = made(make)
    twin = made(make).eval()
    with torch.no_grad():
        expected = torch.sigmoid(twin(torch.tensor(X.to_numpy())))[:, 0].numpy()
    before, weights = identities(net), {k: v.clone() for k, v in net.state_dict().items()}
    model = ak.Model(net, outputs="logits")
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-6)
    assert identities(net) == before
    found = ak.explain(model, X.head(3), background=X)
    assert found.holds.all()
    report = ak.audit(model, data(), checks=[ak.Attribution(), ak.GapAttribution(shuffles=1), ak.GroupFairness()])
    assert report.findings
    assert identities(net) == before
    assert all(torch.equal(v, weights[k]) for k, v in net.state_dict().items())
    own = torch.sigmoid(net.eval()(torch.tensor(X.to_numpy())))[:, 0].detach().numpy()
    np.testing.assert_allclose(own, expected, atol=1e-6)


@pytest.mark.parametrize(("make", "what"), [(Makes, "a"), (Replaces, r"inner\.2")])
def test_weights_that_are_made_when_it_runs_are_refused(make: Callable[[], nn.Module], what: str) -> None:
    net = made(make)
    before, state = identities(net), torch.get_rng_state()
    for door in (
        lambda: ak.Model(net, outputs="logits").predict(X),
        lambda: ak.explain(ak.Model(net, outputs="logits"), X.head(2), background=X),
        lambda: ak.audit(ak.Model(net, outputs="logits"), data()),
    ):
        with pytest.raises(ak.ModelError, match=rf"makes or swaps its own modules when it runs \({what}\)"):
            door()
        assert identities(net) == before
    assert torch.equal(torch.get_rng_state(), state)
    once = made(make).eval()
    once(torch.zeros(1, WIDTH))
    if make is Makes:  # run once, it is a net like any other
        assert ak.Model(once, outputs="logits").predict(X).shape == (ROWS,)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_lazy_layer_that_was_never_run_is_refused() -> None:
    net = nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyBatchNorm1d(), nn.LazyLinear(1))
    before = identities(net)
    for door in (
        lambda: ak.Model(net, outputs="logits").predict(X),
        lambda: ak.explain(ak.Model(net, outputs="logits"), X.head(2), background=X),
        lambda: ak.audit(ak.Model(net, outputs="logits"), data()),
    ):
        with pytest.raises(ak.ModelError, match=r"'0\.weight' has no weights yet \(a lazy layer that was never run\)"):
            door()
        assert identities(net) == before
    net.eval()(torch.tensor(X.to_numpy()))
    assert ak.Model(net, outputs="logits").predict(X).shape == (ROWS,)


def test_after_an_error_too() -> None:
    class Breaks(Makes):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            raise ValueError("no")

    net = Breaks()
    before = identities(net)
    with pytest.raises(ak.ModelError, match="the net fails"):
        ak.Model(net, outputs="logits").predict(X)
    assert identities(net) == before
    assert "a" not in net._modules
    assert vars(net).get("a", 0) is None


def test_order_and_plain_attributes_come_back() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    names = list(net._modules)
    with kept_tree(net) as changed:
        first = net._modules.pop("0")
        net._modules["0"] = nn.Identity()
        net.late = nn.Identity()
        assert first is not None
    assert list(net._modules) == names
    assert isinstance(net[0], nn.Linear)
    assert changed == ["0", "late"]
    assert AsFound(net).changes() == ()


def test_the_functions_of_a_fold_give_the_same() -> None:
    """The twin that these tests compare with is the net with its batch normalisation."""
    net: Any = made(Folds).eval()
    x = torch.tensor(X.to_numpy())
    with torch.no_grad():
        before = F.batch_norm(net.inner(x), net.norm.running_mean, net.norm.running_var, net.norm.weight)
        torch.testing.assert_close(net(x), before, rtol=1e-5, atol=1e-5)
