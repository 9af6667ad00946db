"""Every net, through every explanation, is left as it was found, and no check is lost to a raw error.

What "as found" means is written down here once more, and not asked of the code that restores it.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import auditkit as ak
from auditkit.batch import Batch
from auditkit.errors import AuditkitError, ModelError
from auditkit.evidence.census import census_of
from auditkit.explain.preflight import examined, preflight, undisturbed
from auditkit.inputs.as_found import AsFound
from tests.explain import odd_nets
from tests.explain.odd_nets import COLUMNS, ODD, WIDTH, Odd

ROWS = 80
HOOKS = [k for k in vars(nn.Module()) if "hook" in k]


# ---- what is found


def things(model: ak.Model) -> Iterator[tuple[str, Any]]:
    """Name → object, for all that is told apart by identity."""
    for where, m in model.module.named_modules(remove_duplicate=False):
        yield f"{where}", m
        yield f"{where} class", type(m)
        if isinstance(m, torch.jit.ScriptModule):
            continue
        yield from ((f"{where} attribute {k}", v) for k, v in vars(m).items() if k != "training")
        for kind in ("_parameters", "_buffers", "_modules", *HOOKS):
            inside = vars(m)[kind]
            if isinstance(inside, dict):
                yield f"{where} {kind} in order", tuple(inside)
                yield from ((f"{where} {kind} {k}", v) for k, v in inside.items())
    for name, p in model.module.named_parameters(remove_duplicate=False):
        yield f"{name} gradient", p.grad
        yield from ((f"{name} hook {k}", v) for k, v in (p._backward_hooks or {}).items())


def values(model: ak.Model) -> Iterator[tuple[str, Any]]:
    """Name → what must be equal."""
    net = model.module
    for where, m in net.named_modules(remove_duplicate=False):
        yield f"{where} mode", getattr(m, "training", None)
        yield f"{where} not saved", set(getattr(m, "_non_persistent_buffers_set", ()))
    for name, t in (*net.named_parameters(remove_duplicate=False), *net.named_buffers(remove_duplicate=False)):
        yield f"{name} requires_grad", t.requires_grad
        yield f"{name} place", (t.device, t.dtype, t.data_ptr())
        yield f"{name}", t.detach().clone()
        if t.is_leaf and t.grad is not None:
            yield f"{name} gradient", t.grad.detach().clone()
    yield "torch", torch.get_rng_state()
    yield "numpy", np.random.get_state()[1:]
    yield "python", random.getstate()
    yield (
        "switches",
        (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.backends.mha.get_fastpath_enabled(),
            torch.backends.mkldnn.flags,
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cuda.math_sdp_enabled(),
            torch.backends.cuda.flash_sdp_enabled(),
        ),
    )


class Found:
    """A net as it is now."""

    def __init__(self, model: ak.Model) -> None:
        self.model, self.things, self.values = model, dict(things(model)), dict(values(model))

    def differs(self) -> list[str]:
        now, others = dict(things(self.model)), dict(values(self.model))
        out = sorted(set(self.things) ^ set(now)) + sorted(set(self.values) ^ set(others))
        out += [k for k, v in self.things.items() if k in now and not (v is now[k] or _tuples(v, now[k]))]
        return out + [k for k, v in self.values.items() if k in others and not _equal(v, others[k])]


def _tuples(a: Any, b: Any) -> bool:
    """Names in order, and what is no object of its own (numbers, words)."""
    plain = (tuple, str, int, float, bool, type(None))
    return isinstance(a, plain) and type(a) is type(b) and a == b


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)


# ---- nets


class Once(nn.Module):
    """Its body is fused in its first forward pass."""

    class Fused(nn.Module):
        def __init__(self, layer: nn.Linear) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.layer(x))

    def __init__(self) -> None:
        super().__init__()
        self.body: nn.Module = nn.Sequential(nn.Linear(WIDTH, 6), nn.Tanh())
        self.head = nn.Linear(6, 1)
        self.fused = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.fused:
            self.body, self.fused = self.Fused(self.body[0]), True  # type: ignore[index]
        return self.head(self.body(x))


class Grows(odd_nets.Around):
    """Hangs a module, a hook and an attribute on itself at every forward pass, and keeps its parameters' names."""

    def forward(self, x: Tensor) -> Tensor:
        self.last = x
        self.extra = nn.Identity()
        self.inner[1].register_forward_hook(lambda _m, _i, out: out)
        return self.inner(x)


class Replaces(odd_nets.Around):
    """Replaces a buffer by another: a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return self.inner(x)


class Breaks(odd_nets.Around):
    """Swaps a module, draws a number, and fails."""

    def forward(self, x: Tensor) -> Tensor:
        self.inner[1] = nn.ReLU()
        torch.randn(1)
        raise ValueError("row 17")


class Draws(odd_nets.Around):
    """Draws from every random state, and does nothing with it."""

    def forward(self, x: Tensor) -> Tensor:
        torch.rand(3), np.random.rand(3), random.random()
        return self.inner(x)


def drawing(rows: pd.DataFrame) -> Any:
    torch.rand(3), np.random.rand(3), random.random()
    return rows.to_numpy(dtype=np.float32)


def shared() -> nn.Module:
    inner, act = nn.Linear(WIDTH, WIDTH), nn.ReLU()
    return nn.Sequential(inner, act, inner, act, nn.Linear(WIDTH, 1))


class TiedCoder(nn.Module):
    """The decoder's weight is the encoder's."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)
        self.decoder.weight = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.decoder(torch.tanh(self.encoder(x))))


class TiedWords(nn.Module):
    """Token ids; what is embedded is read by the same table."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(9, 5), nn.Linear(5, 9, bias=False)
        self.out.weight = self.table.weight
        self.head = nn.Linear(9, 1)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(torch.tanh(self.out(self.table(ids).mean(1))))


def as_ids(rows: pd.DataFrame) -> Any:
    return (rows.to_numpy() * 2 + 4).clip(0, 8).astype(np.int64)


def lived_in() -> nn.Module:
    """Hooks of every kind, parts in other modes, frozen parameters, gradients, and hooks on parameters."""
    net = nn.Sequential(nn.Linear(WIDTH, 6), nn.Dropout(0.5), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 1))
    net(torch.randn(20, WIDTH)).sum().backward()
    net[0].weight.requires_grad_(False)
    net[4].weight.grad = None
    net[4].bias.register_hook(lambda g: g * 2)
    net[2].register_forward_hook(lambda _m, _i, out: out * 1.5)
    net[2].register_forward_pre_hook(lambda _m, given: (given[0] + 0.1,))
    net[0].register_full_backward_hook(lambda _m, _i, _o: None)
    net[4].register_full_backward_pre_hook(lambda _m, _o: None)
    net.register_state_dict_pre_hook(lambda *_: None)
    net.train()
    net[3].eval()
    return net


OWN: dict[str, Odd] = {
    "shared module": Odd(shared),
    "tied coder": Odd(TiedCoder),
    "tied words": Odd(TiedWords, as_ids, feature_map=np.arange(WIDTH)),
    "lived in": Odd(lived_in),
    "draws": Odd(Draws),
    "preprocess draws": Odd(odd_nets.mlp, drawing, feature_map={c: [i] for i, c in enumerate(COLUMNS)}),
    "swaps once": Odd(Once),
    "grows": Odd(Grows),
    "replaces a buffer": Odd(Replaces),
    "breaks": Odd(Breaks),
}
ZOO = {
    **OWN,
    **{k: ODD[k] for k in (
        "packed", "padding mask", "attention", "layers twice", "hooks", "train mode", "weight norm", "complex weights",
        "experts that skip", "inference mode", "half no_grad", "in place twice", "writes to its input", "no backward",
        "asks values", "by name, ids", "a vector of lengths", "script", "DataParallel", "compiled", "exported",
    )},
}  # fmt: skip
QUICK = ("shared module", "lived in", "swaps once", "no backward")


def model_of(odd: Odd) -> ak.Model:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = odd.make()
    return ak.Model(net, preprocess=odd.preprocess, feature_map=odd.feature_map, outputs=odd.outputs)


def rows() -> tuple[pd.DataFrame, Any]:
    """Features, of which the last is the group; and a truth."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, WIDTH)).round(2)
    x[:, 3] = rng.integers(0, 2, ROWS)
    return pd.DataFrame(x, columns=list(COLUMNS)), (x[:, 0] + rng.normal(size=ROWS) > 0).astype(np.int8)


def sample_for(model: ak.Model) -> Batch:
    x, y = rows()
    try:
        score = model.predict(x)
    except AuditkitError:  # a net that never runs: the check is asked all the same
        score = np.linspace(0, 1, ROWS)
    groups = pd.DataFrame({"f3": pd.Categorical(x["f3"].astype(str))})
    batch = Batch(features=x, y_true=y, groups=groups, y_pred=(score >= 0.5).astype(np.int8), score=score)
    return replace(batch, census=census_of(batch))


def explained(model: ak.Model, sample: Batch) -> None:
    ak.explain(model, sample.features.head(3), background=sample.features)


def checks() -> dict[str, Callable[[ak.Model, Batch], Any]]:
    x, y = rows()
    asked = [
        ak.Attribution(),
        ak.GapAttribution(permutations=2, shuffles=1),
        ak.LayerAudit(random=1),
        ak.FlipTest(),
        ak.Concepts(permutations=99),
        ak.Influence(train=x.assign(y=y), y_true="y", positive=1),
        ak.Recourse(actionable=["f0"], depth=1, grid=3),
        ak.Examples(n=1),
    ]
    return {**{c.name: c.examine for c in asked}, "explain": explained}


@pytest.mark.slow_one_in(3)
@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in ZOO])
def test_left_as_found_by_every_explanation(name: str) -> None:
    sample, model, answered = sample_for(model_of(ZOO[name])), model_of(ZOO[name]), 0
    for check, ask in checks().items():
        found = Found(model)
        with contextlib.suppress(AuditkitError):
            ask(model, sample)
            answered += 1
        assert not found.differs(), check
    assert answered >= (0 if name in ("breaks", "replaces a buffer") else 5), "of nine"


def test_what_is_left_otherwise_is_seen() -> None:
    """The test itself can fail: each thing that may be left behind is told."""
    for change in (
        lambda net: net.register_forward_hook(lambda *_: None),
        lambda net: net.__setitem__(0, nn.Linear(WIDTH, 6)),
        lambda net: net[0].weight.requires_grad_(False),
        lambda net: setattr(net[0].weight, "grad", torch.zeros(6, WIDTH)),
        lambda net: net[0].weight.data.add_(1),
        lambda net: net[0]._parameters.__setitem__("weight", net[0].weight.detach().clone()),
        lambda net: net[1].eval(),
        lambda _: torch.rand(1),
        lambda _: np.random.rand(),
        lambda _: random.random(),
    ):
        model = model_of(Odd(odd_nets.mlp))
        with torch.random.fork_rng():
            ours, python = np.random.get_state(), random.getstate()
            found = Found(model)
            assert not found.differs()
            change(model.module)
            assert found.differs()
            np.random.set_state(ours)
            random.setstate(python)


# ---- the mechanism


@pytest.mark.parametrize("leave", [None, ValueError("half way"), KeyboardInterrupt()])
def test_everything_is_put_back_whatever_happens_inside(leave: BaseException | None) -> None:
    model = model_of(OWN["lived in"])
    found = Found(model)
    net = model.module

    def change() -> None:
        with undisturbed(model):
            assert not any(m.training for m in net.modules())
            assert not any(p.requires_grad for p in net.parameters())
            net[1] = nn.Identity()
            net[3].running_mean = net[3].running_mean.clone() if leave is None else torch.ones(6)
            net.add_module("more", nn.ReLU())
            net[0]._parameters["weight"] = torch.zeros(6, WIDTH)
            net[2]._forward_hooks.clear()
            net[4].bias.grad = None
            net[4].aside = 3
            del net[2].inplace_
            if leave is not None:
                raise leave

    net[2].inplace_ = True
    found = Found(model)
    if leave is None:
        change()
    else:
        with pytest.raises(type(leave)):
            change()
    assert not found.differs()


def test_changes_are_named() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    found = AsFound(net)
    assert found.changes() == ()
    net[1].running_mean = torch.ones(2)
    net[0] = nn.Linear(2, 2)
    net.append(nn.ReLU())
    assert found.changes() == ("0", "2", "1.running_mean")
    found.restore()
    assert found.changes() == ()


def test_a_buffer_that_is_replaced_is_refused_like_one_that_is_written_to() -> None:
    model, sample = model_of(OWN["replaces a buffer"]), sample_for(model_of(OWN["replaces a buffer"]))
    found = Found(model)
    for door in (lambda: preflight(model, rows()[0]), lambda: ak.Attribution().examine(model, sample)):
        with pytest.raises(ModelError, match="changes its own parameters or buffers"):
            door()
        assert not found.differs()


def test_a_swapped_module_is_put_back_and_runs_the_same() -> None:
    model, x = model_of(OWN["swaps once"]), rows()[0]
    given = torch.tensor(x.to_numpy(np.float32))
    with examined(model, x) as net, torch.no_grad():
        before = net(given)
        assert isinstance(net.body, Once.Fused)
    assert isinstance(model.module.body, nn.Sequential)
    assert not model.module.fused
    with torch.no_grad():
        assert torch.equal(model.module.eval()(given), before)
