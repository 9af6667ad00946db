"""Permutation Shapley against the textbook's sum, Captum, and linear nets."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from captum.attr import ShapleyValues
from torch import Tensor, nn

from auditkit.explain.methods.shapley import regressed, shapley, shapley_values
from auditkit.explain.surface import Surface
from auditkit.inputs.groups import by_position


def net(width: int, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    return made.requires_grad_(False)


def surface_at(width: int, rows: int = 3) -> Surface:
    x = torch.randn(rows, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    module = net(width)
    return Surface(lambda z: module(z).squeeze(1), (x,), (), by_position({f"f{i}": [i] for i in range(width)}, x[:1]))


def by_the_textbook(at: Surface, baseline: Tensor) -> Tensor:
    """φ_j = Σ_S |S|! (G − |S| − 1)! / G! (F(S ∪ j) − F(S)), set by set."""
    g = len(at.groups.names)
    phi = torch.zeros(len(at), g, dtype=torch.float64)
    for row, x in enumerate(at.points[0]):

        def f(members: set[int], x: Tensor = x) -> float:
            z = baseline[0].clone()
            z[list(members)] = x[list(members)]
            return float(at.forward(z[None]))

        for j in range(g):
            others = [k for k in range(g) if k != j]
            for size in range(g):
                share = math.factorial(size) * math.factorial(g - size - 1) / math.factorial(g)
                for some in itertools.combinations(others, size):
                    phi[row, j] += share * (f({*some, j}) - f(set(some)))
    return phi


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_all_sets_equal_the_textbook(width: int) -> None:
    at, baseline = surface_at(width), torch.full((1, width), 0.3, dtype=torch.float64)
    found = shapley_values(at, (baseline,), exact=True)
    assert torch.allclose(found.phi, by_the_textbook(at, baseline), atol=1e-12)
    assert found.exact
    assert not found.error.any()


def test_captum_gives_the_same() -> None:
    at, baseline = surface_at(4), torch.zeros(1, 4, dtype=torch.float64)
    expected = ShapleyValues(at.forward).attribute(at.points[0], baselines=baseline)
    assert torch.allclose(shapley_values(at, (baseline,)).phi, expected.double(), atol=1e-6)


@pytest.mark.parametrize("form", ["orders", "regression"])
def test_what_is_drawn_adds_up_comes_closer_with_more_and_says_how_close(form: str) -> None:
    at, baseline = surface_at(10, rows=20), torch.zeros(1, 10, dtype=torch.float64)
    truth = shapley_values(at, (baseline,), exact=True).phi
    delta = at.at(at.points) - at.at((baseline,))

    def value(chosen: Tensor, row: Tensor) -> Tensor:
        return at.forward(at.points[0][row] * chosen)

    missed = []
    for permutations in (8, 24, 72):
        if form == "orders":
            found = shapley(value, 10, rows=20, permutations=permutations, exact=False, seed=3)
        else:
            found = regressed(value, 10, rows=20, samples=9 * permutations + 2, seed=3)
        assert torch.allclose(found.phi.sum(1), delta, atol=1e-12, rtol=0)
        missed.append(float((found.phi - truth).abs().mean()))
    assert missed[0] > missed[1] > missed[2]
    z = (found.phi - truth) / found.error.clamp(min=1e-12)
    assert 0.7 < float(z.square().mean().sqrt()) < 1.4, "the standard error says how far off they are"


def test_regression_on_all_sets_is_exact_and_small_problems_are_never_drawn() -> None:
    at, baseline = surface_at(6), torch.zeros(1, 6, dtype=torch.float64)

    def value(chosen: Tensor, row: Tensor) -> Tensor:
        return at.forward(at.points[0][row] * chosen)

    found = regressed(value, 6, rows=3, samples=10_000)
    assert torch.allclose(found.phi, by_the_textbook(at, baseline), atol=1e-10)
    assert float(found.error.max()) < 1e-12
    assert shapley_values(surface_at(3), (torch.zeros(1, 3, dtype=torch.float64),), permutations=2).exact


def test_the_catalogues_values_draw_what_is_too_many() -> None:
    at, baseline = surface_at(12, rows=4), torch.zeros(1, 12, dtype=torch.float64)
    truth = shapley_values(at, (baseline,), exact=True).phi
    for permutations in (4, 16):
        found = shapley_values(at, (baseline,), permutations=permutations)
        assert not found.exact
        assert torch.allclose(found.phi, truth, atol=float(4.5 * found.error.max()))


def test_pairs_of_features_are_exact_with_one_order_and_its_reverse() -> None:
    def value(chosen: Tensor, row: Tensor) -> Tensor:
        z = chosen.double() * torch.arange(1.0, 7.0)
        return z.sum(1) + z[:, 0] * z[:, 1] - 3 * z[:, 2] * z[:, 5]

    found = shapley(value, 6, rows=2, permutations=2, exact=False)
    assert torch.allclose(found.phi, shapley(value, 6, rows=2, exact=True).phi)
    assert found.error.isnan().all(), "one draw has no spread"


def test_a_linear_net_by_its_formula_for_each_rows_own_baseline() -> None:
    x, b = torch.randn(5, 3), torch.randn(5, 3)
    weights = torch.tensor([2.0, -1.0, 0.5])
    at = Surface(lambda z: z @ weights, (x,), (), by_position({"a": [0, 2], "b": [1]}, x[:1]))
    by_entry = (x - b) * weights
    expected = torch.stack([by_entry[:, 0] + by_entry[:, 2], by_entry[:, 1]], dim=1)
    assert torch.allclose(shapley_values(at, (b,)).phi, expected.double(), atol=1e-5)


def test_several_functions_at_once_and_small_calls() -> None:
    at = surface_at(6)

    def value(chosen: Tensor, row: Tensor) -> Tensor:
        assert len(row) <= 7
        score = at.forward(at.points[0][row] * chosen)
        return torch.stack([score, (score >= 0.1).double()], dim=1)

    found = shapley(value, 6, rows=3, permutations=4, exact=False, most=7, seed=5)
    first = shapley(lambda c, r: value(c, r)[:, 0], 6, rows=3, permutations=4, exact=False, most=7, seed=5)
    assert found.phi.shape == (3, 6, 2)
    assert torch.equal(found.phi[..., 0], first.phi)


def test_calls_shrink_when_memory_runs_out() -> None:
    def value(chosen: Tensor, row: Tensor) -> Tensor:
        if len(row) > 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return chosen.double().sum(1)

    assert torch.allclose(shapley(value, 4, rows=2).phi, torch.ones(2, 4, dtype=torch.float64))


@pytest.mark.parametrize(("features", "permutations", "exact"), [(0, 2, None), (3, 3, None), (13, 2, True)])
def test_wrong_options(features: int, permutations: int, exact: bool | None) -> None:
    with pytest.raises(ValueError, match="features"):
        shapley(lambda c, r: c.sum(1), features, rows=1, permutations=permutations, exact=exact)
