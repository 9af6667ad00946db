"""The driver of every method. Laws: outputs, chunks, seeds, the net as found; names and options that do not fit."""

from __future__ import annotations

import gc
from typing import Any

import captum.attr as captum
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auditkit.catalogue.index import METRICS
from auditkit.errors import ModelError, NotExplained
from auditkit.explain import captum_calls
from auditkit.explain.attributions.check import Attribution
from auditkit.explain.attributions.study import explain
from auditkit.explain.graph_bytes import graph_bytes
from auditkit.explain.methods.catalogue import METHODS, each_output, method_of
from auditkit.explain.methods.names import CLASSES, LAYERS, NAMES, UNFIT, checked_name
from auditkit.explain.methods.perturbation import entries
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import Groups, by_position
from auditkit.inputs.model import Model
from tests.explain.test_attribution import Lambda, mlp, sample, state
from tests.explain.test_methods import N, captum_is_quiet, case, mean, ours

__all__ = ["captum_is_quiet"]

SHARED = [n for n, m in METHODS.items() if m.shared]


@pytest.mark.parametrize("name", [*SHARED, "ablation"])
def test_every_output_is_what_it_is_alone(name: str) -> None:
    calls = 0

    def forward(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return three(x)

    three, x = mlp(outputs=3).requires_grad_(False), torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
    groups = by_position({str(j): [j] for j in range(6)}, x[:1])
    at = Surface(forward, (x,), (), groups)
    method = METHODS[name]
    baseline = (x,) if method.distribution else (x[:1],)
    each = each_output(method, at, baseline, outputs=3, n_steps=6, seed=1)
    if method.shared:
        measured = 2 if name == "integrated_gradients" else 1  # how many steps fit a call, and how many rows
        assert calls == 2 * measured + 1  # two measure the memory, one serves all three outputs
    for k, (phi,) in enumerate(each):
        alone = Surface(lambda z, k=k: three(z)[:, k], (x,), (), groups)
        (expected,) = method.attribute(alone, baseline, n_steps=6, seed=1)
        torch.testing.assert_close(phi, expected, rtol=1e-5, atol=1e-6)


SAMPLED = {"captum:ShapleyValueSampling", "captum:KernelShap", "captum:Lime", "captum:FeaturePermutation"}
"""What draws anew in every chunk."""


@pytest.mark.parametrize("name", [n for n in METHODS if not METHODS[n].distribution and n not in {"shapley", *SAMPLED}])
def test_memory_that_runs_out_halves_the_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at, _, _ = case("cnn" if name == "grad_cam" else "mlp")
    b = mean(at)
    full = ours(name, at, b)
    largest = [10**9]

    def narrow(*given: Tensor) -> Tensor:
        if len(given[0]) > largest[0]:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return at.forward(*given)

    largest[0] = 60
    tight = Surface(narrow, at.points, at.fixed, at.groups, at.module)
    torch.testing.assert_close(ours(name, tight, b), full, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["expected_gradients", "gradient_shap", "captum:KernelShap", "captum:GradientShap"])
def test_seeds(name: str) -> None:
    batch, model = sample(20), Model(mlp())
    before = np.random.get_state()[1].copy()
    one, two, other = (explain(model, batch, method=name, n_steps=5, seed=s).phi for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 1e-6
    np.testing.assert_array_equal(before, np.random.get_state()[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fails", [False, True])
def test_the_net_is_left_as_found(name: str, fails: bool) -> None:
    calls = 0

    def forward(z: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if fails and calls > 6:
            raise ZeroDivisionError("a bug of the net")
        return z

    net = Lambda(forward, nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(4), mlp_head()))
    net.train()
    model = Model(net)
    before, hooked = state(model), hooks(net)
    try:
        explain(model, sample(30), method=name)
    except NotExplained as e:
        assert fails or name == "grad_cam", e  # noqa: PT017 — one of several outcomes
    assert state(model) == before
    assert hooks(net) == hooked


def mlp_head() -> nn.Module:
    return nn.Linear(4, 1)


def hooks(net: nn.Module) -> list[Any]:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [([len(vars(m)[k]) for k in kinds], sorted(vars(m))) for m in net.modules()]


@pytest.mark.parametrize("name", ["captum:LRP", "captum:DeepLift", "captum:GuidedBackprop"])
def test_hooks_are_gone_where_captum_fails(name: str) -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.Hardshrink() if "LRP" in name else nn.ReLU(), nn.Linear(4, 1))
    if "LRP" not in name:
        net = Lambda(lambda z: 1 / 0 if torch.is_grad_enabled() and z.grad_fn else z, net)  # type: ignore[assignment]
    model, before = Model(net), hooks(net)
    if "LRP" in name:
        with pytest.raises(NotExplained):
            explain(model, sample(20), method=name)
    else:  # no gradient on the way: Shapley values serve
        assert explain(model, sample(20), method=name).method == "shapley"
    assert hooks(net) == before


def test_reused_activation_is_not_explained_by_deep_lift() -> None:
    relu = nn.ReLU()
    model = Model(nn.Sequential(nn.Linear(6, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)))
    with pytest.raises(NotExplained, match=r"deep_lift does not fit this model.*used more than once"):
        explain(model, sample(20), method="deep_lift")


def test_deep_lift_on_a_functional_relu_fails_completeness() -> None:
    finding = (
        Attribution("deep_lift")
        .assess(
            Attribution("deep_lift").examine(
                Model(Lambda(lambda z: torch.relu(z) @ torch.ones(8, 1), nn.Linear(6, 8))), sample()
            )
        )
        .findings[0]
    )
    assert not finding.trust[1].passed
    assert finding.statement.startswith("This explanation does not hold.")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("integrated_gradient", "Did you mean 'integrated_gradients'"),
        ("captum:KernelShapp", "Did you mean 'KernelShap'"),
        ("captum:LayerConductance", LAYERS),
        ("captum:NeuronGradient", LAYERS),
        ("captum:GuidedGradCam", "grad_cam finds the last convolution"),
        ("captum:NoiseTunnel", "wraps another method"),
        ("captum:LimeBase", "needs an interpretable model"),
        ("conductance", "LayerAudit"),
    ],
)
def test_unknown_and_unfit_names(name: str, message: str) -> None:
    for door in (checked_name, Attribution, method_of):
        with pytest.raises(ModelError, match=message):
            door(name)


def test_names_are_captums_and_in_the_catalogue() -> None:
    assert set(METHODS) == {*NAMES, *(f"captum:{c}" for c in CLASSES)}
    assert set(METHODS) <= set(METRICS)
    for name in (*CLASSES, *UNFIT):
        assert issubclass(getattr(captum, name), captum.Attribution)
    bases = {"Attribution", "GradientAttribution", "PerturbationAttribution", "NeuronAttribution", "LayerAttribution"}
    for name in captum.__all__:
        kind = getattr(captum, name)
        if isinstance(kind, type) and issubclass(kind, captum.Attribution) and name not in bases:
            known = name in CLASSES or name in UNFIT or name.startswith(("Layer", "Neuron"))
            assert known, name


def test_baselines_that_do_not_fit() -> None:
    at, _, _ = case("mlp")
    for baseline in ((), (at.points[0][:3],), (at.points[0][:1, :4],), (at.points[0][:1], at.points[0][:1])):
        with pytest.raises(ModelError, match="baseline"):
            ours("integrated_gradients", at, baseline)


def test_wholes_and_gradients_that_are_not_finite() -> None:
    nan = Model(Lambda(lambda z: (z.abs() * 0).sqrt() + z, mlp()))
    for name in ("integrated_gradients", "saliency", "deep_lift"):
        with pytest.raises(NotExplained, match="NaN or infinite"):
            explain(nan, sample(20), method=name)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "grad_cam"])
def test_fewer_rows_than_steps(name: str, rows: int) -> None:
    found = explain(Model(mlp()), sample(rows), method=name)
    assert found.phi.shape == (rows, 6)
    assert np.isfinite(found.phi).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_gives_a_finding(name: str) -> None:
    check = Attribution(name)
    assert Attribution(**check.options()) == check
    if name == "grad_cam":
        seen = check.examine(Model(mlp()), sample(30))
        (absent,) = check.assess(seen).not_measured
        assert "grad_cam explains images" in absent.why
        return
    (finding,) = check.assess(check.examine(Model(mlp(nn.ReLU)), sample(30))).findings
    assert finding.id == f"explanation/{name}/overall"
    assert [t.id for t in finding.trust] == [f"T{k}" for k in range(13)]
    assert finding.trust[1].applies == METHODS[name].adds_up


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from auditkit.progress import told_to

    monkeypatch.setattr(captum_calls, "CALL_BYTES", 40_000)
    at, _, _ = case("mlp")
    told: list[tuple[str, int, int]] = []
    with told_to(lambda *what: told.append(what)):
        ours("saliency", at, mean(at))
    assert told[-1] == ("explaining rows", N, N)


def test_groups_without_entries_do_not_divide() -> None:
    assert entries(Groups(("a", "b"), (torch.zeros(1, 3, dtype=torch.long),))).tolist() == [3, 1]


def test_weighing_a_graph_lets_go_of_it() -> None:
    """A node of autograd that keeps its own output by a hook holds itself, and nothing frees it."""

    def alive() -> int:
        gc.collect()
        return sum(type(o) is torch.Tensor for o in gc.get_objects())

    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 1))
    points = torch.rand(2, 1, 8, 8, requires_grad=True)
    assert graph_bytes(lambda: net(points)) > points.nbytes
    before = alive()
    for _ in range(3):
        graph_bytes(lambda: net(points))
    assert alive() == before
