"""The driver. Oracles: Captum as it comes, and the formula of a linear net; laws: order, state, refinement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.evidence.sample import taken
from auditkit.explain import captum_calls
from auditkit.explain.attributions.gradient import differentiable
from auditkit.explain.attributions.study import explain
from auditkit.explain.methods import catalogue as methods
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import by_position
from auditkit.inputs.model import Model

WIDTH = 6


def mlp(activation: Callable[[], nn.Module] = nn.SiLU, outputs: int = 1, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(WIDTH, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, outputs)
        )


def sample(rows: int = 200, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return Batch(
        features=pd.DataFrame(rng.normal(size=(rows, WIDTH)), columns=[f"x{j}" for j in range(WIDTH)]),
        groups=pd.DataFrame({"sex": pd.Categorical(rng.choice(["a", "b"], rows))}),
        y_true=rng.integers(0, 2, rows).astype(np.int8),
        y_pred=rng.integers(0, 2, rows).astype(np.int8),
        weight=rng.uniform(0.5, 2.0, rows),
    )


class Lambda(nn.Module):
    def __init__(self, f: Callable[[Tensor], Tensor], inner: nn.Module | None = None) -> None:
        super().__init__()
        self.f, self.inner = f, inner or nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.f(self.inner(x))


MODELS = {
    "one logit": Model(mlp()),
    "two logits": Model(mlp(outputs=2)),
    "probability": Model(nn.Sequential(mlp(), nn.Sigmoid()), outputs="probabilities"),
    "two probabilities": Model(nn.Sequential(mlp(outputs=2), nn.Softmax(1)), outputs="probabilities"),
    "callable": Model(mlp(outputs=3), outputs=lambda out: out.softmax(1)[:, 2]),
    "GELU": Model(mlp(nn.GELU)),
    "ReLU": Model(mlp(nn.ReLU)),
    "float64": Model(mlp().double()),
    "layer and batch norm": Model(nn.Sequential(nn.LayerNorm(WIDTH), mlp(), nn.BatchNorm1d(1), nn.Tanh())),
}


def plain(forward: Callable[[Tensor], Tensor], x: Tensor) -> Surface:
    """The surface of one tensor whose every column is a feature."""
    return Surface(forward, (x,), (), by_position({str(j): [j] for j in range(x.shape[1])}, x[:1]))


def integrated_gradients(forward: Callable[[Tensor], Tensor], x: Tensor, baseline: Tensor, *, n_steps: int) -> Tensor:
    (phi,) = methods.integrated_gradients(plain(forward, x), (baseline,), n_steps=n_steps)
    return phi


@pytest.mark.parametrize("name", MODELS)
def test_oracle_captum_as_it_comes(name: str) -> None:
    model = MODELS[name]
    with model.inspecting():
        inputs = model.encode(sample().features)
        baseline = inputs.mean(0, keepdim=True)
        ours = integrated_gradients(model.decision, inputs, baseline, n_steps=20)
        theirs = IntegratedGradients(model.decision).attribute(
            inputs, baselines=baseline, n_steps=20, method="gausslegendre"
        )
    assert ours.dtype == theirs.dtype
    assert float((ours - theirs).abs().max()) <= 1e-5 * float(theirs.abs().max())


@pytest.mark.parametrize("memory", [1, 100_000])
def test_chunks_do_not_show(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = mlp().requires_grad_(False), torch.randn(50, WIDTH, generator=torch.Generator().manual_seed(0))
    whole = integrated_gradients(lambda z: net(z)[:, 0], x, x[:1], n_steps=8)
    monkeypatch.setattr(captum_calls, "CALL_BYTES", memory)
    parts = integrated_gradients(lambda z: net(z)[:, 0], x, x[:1], n_steps=8)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)


def test_out_of_memory_halves_the_rows() -> None:
    seen: list[int] = []

    def forward(x: Tensor) -> Tensor:
        seen.append(len(x))
        if len(x) > 8 * 10:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return x.sum(1)

    phi = integrated_gradients(forward, torch.ones(33, 2), torch.zeros(1, 2), n_steps=8)
    torch.testing.assert_close(phi, torch.ones(33, 2))
    assert max(seen) == 33 * 8


def test_other_runtime_errors_are_not_swallowed() -> None:
    def forward(x: Tensor) -> Tensor:
        if len(x) > 2:
            raise RuntimeError("a bug of the net")
        return x.sum(1)

    with pytest.raises(NotExplained, match=r"the net cannot be differentiated \(RuntimeError\)") as caught:
        integrated_gradients(forward, torch.ones(33, 2), torch.zeros(1, 2), n_steps=8)
    assert str(caught.value.__cause__) == "a bug of the net"


def test_linear_net_by_formula() -> None:
    batch, net = sample(), nn.Linear(WIDTH, 1)
    found = explain(Model(net), batch)
    x, w = batch.features.to_numpy(), batch.weight
    assert w is not None
    expected = (x - (w @ x) / w.sum()) * net.weight.detach().double().numpy()
    np.testing.assert_allclose(found.phi, expected, atol=1e-5)
    np.testing.assert_allclose(found.phi.sum(1), found.delta, atol=1e-5)
    assert found.columns == tuple(batch.features)
    assert (found.steps == 32).all()


def test_encoded_positions_sum_to_their_raw_column() -> None:
    def encode(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        return np.stack([frame["x0"], frame["x1"], 2 * frame["x0"], frame["x2"]], axis=1).astype(np.float32)

    net = nn.Linear(4, 1)
    model = Model(net, preprocess=encode, feature_map={"x0": [0, 2], "x1": [1], "x2": [3]})
    batch = sample()
    found = explain(model, batch)
    x, w, a = batch.features.to_numpy(), batch.weight, net.weight.detach().double().numpy()[0]
    assert w is not None
    centred = x - (w @ x) / w.sum()
    assert found.columns == ("x0", "x1", "x2")
    np.testing.assert_allclose(found.phi[:, 0], (a[0] + 2 * a[2]) * centred[:, 0], atol=1e-5)


def test_order_of_rows_does_not_matter() -> None:
    model, batch = Model(mlp(nn.ReLU)), sample()
    order = np.random.default_rng(1).permutation(len(batch.y_true))
    assert batch.weight is not None
    straight, other = explain(model, batch), explain(model, taken(batch, order, weight=batch.weight[order]))
    np.testing.assert_allclose(other.phi, straight.phi[order], atol=1e-6)
    np.testing.assert_allclose(other.epsilon, straight.epsilon[order], atol=1e-5)


@pytest.mark.parametrize(
    ("module", "steps"),
    [
        (mlp(nn.SiLU), 32),
        (mlp(nn.GELU), 32),
        (mlp(nn.Tanh), 32),
        (mlp(nn.ReLU), 64),
        (Lambda(torch.relu, mlp(nn.Tanh)), 64),
        (Lambda(lambda z: z.abs(), mlp(nn.Tanh)), 64),
        (Lambda(lambda z: torch.special.i0(z), mlp(nn.Tanh)), 64),
    ],
)
def test_kinks_are_seen_in_functional_calls_too(module: nn.Module, steps: int) -> None:
    x = torch.randn(20, WIDTH, generator=torch.Generator().manual_seed(0)) + 1
    assert differentiable(plain(lambda z: module(z)[:, 0], x)) == (steps == 32)


def test_rows_that_miss_completeness_take_more_steps() -> None:
    sharp = mlp(nn.Tanh)
    with torch.no_grad():
        sharp[0].weight.mul_(30)
    found = explain(Model(sharp), sample(), n_steps=2)
    assert found.steps.min() == 2
    assert found.steps.max() > 2
    assert set(np.log2(found.steps)) <= set(range(10))
    assert (found.epsilon[found.steps < 512] <= 0.05).all()
    again = explain(Model(sharp), sample(), n_steps=512)
    close = found.steps == 512
    np.testing.assert_allclose(found.phi[close], again.phi[close], atol=1e-4)


def state(model: Model) -> tuple[Any, ...]:
    modes = [m.training for m in model.module.modules()]
    grads = [(p.requires_grad, p.grad) for p in model.module.parameters()]
    return model.state_sha256(), modes, grads, torch.random.get_rng_state().tolist()


@pytest.mark.parametrize("fails", [False, True])
def test_model_is_left_as_found(fails: bool) -> None:
    calls = 0

    def forward(z: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if fails and calls > 8:
            raise RuntimeError("a bug of the net")
        return z

    net = nn.Sequential(nn.Linear(WIDTH, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.SiLU(), nn.Linear(8, 1))
    net.train()
    net[3].eval()
    net[0].weight.requires_grad_(False)
    model = Model(Lambda(forward, net))
    before = state(model)
    if fails:
        with pytest.raises(NotExplained, match=r"\(RuntimeError\)"):
            explain(model, sample())
    else:
        explain(model, sample())
    assert state(model) == before


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Model(nn.Linear(WIDTH, 1), preprocess=lambda f: f.to_numpy()), "columns not mapped"),
        (Model(Lambda(lambda z: (z.abs() * 0).sqrt() + z, mlp())), "NaN or infinite"),
    ],
)
def test_what_cannot_be_explained_says_why(model: Model, reason: str) -> None:
    with pytest.raises(NotExplained, match=reason):
        explain(model, sample())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Model(Lambda(lambda z: (z > 0).float(), mlp())), "no gradient to its input: its output is detached"),
        (Model(Lambda(lambda z: z.detach() + z * 0, mlp())), "no gradient to its input: it is zero"),
        (Model(Lambda(lambda z: z.round(), mlp())), "no gradient to its input: it is zero"),
    ],
)
def test_without_a_gradient_shapley_values_serve_and_say_so(model: Model, reason: str) -> None:
    found = explain(model, sample())
    assert found.method == "shapley"
    assert reason in found.switched
    assert found.epsilon is not None
    assert found.epsilon.max() < 1e-6
