"""Methods along the way from a baseline to a row: Integrated Gradients, Expected Gradients, GradientSHAP."""

from __future__ import annotations

from functools import lru_cache, partial, reduce
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from captum.attr._core.gradient_shap import InputBaselineXGradient

from auditkit.arrays import Floats
from auditkit.explain.captum_calls import Gradients, Tensors, asked, check_baseline, over_rows, rows_per_call, seeded
from auditkit.explain.methods.first_layers import Path
from auditkit.explain.surface import Forward, Surface
from auditkit.inputs.packing import slices


@lru_cache(maxsize=64)
def quadrature(n_steps: int) -> tuple[Floats, Floats]:
    """Gauss–Legendre on [0, 1]: nodes and weights (n_steps,); of thousands of steps they take seconds.

    >>> [x.round(4).tolist() for x in quadrature(2)]
    [[0.2113, 0.7887], [0.5, 0.5]]
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    return (1 + nodes) / 2, weights / 2


def integrated_gradients(
    at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0, outputs: int | None = None
) -> Tensors:
    """φ of the surface's rows from `baseline` (1, …) or (N, …), by Captum with Gauss–Legendre quadrature.

    Equal to `captum.attr.IntegratedGradients(forward).attribute(points, baselines, n_steps=n_steps)` for rows that do
    not influence each other. A call carries as many rows as fit `CALL_BYTES`; where those are fewer than the steps of
    one row, some of its steps, whose sums add; out of memory, half as many.
    """
    alphas, shares = quadrature(n_steps)
    parts = [
        _some_steps(at, baseline, alphas[some], shares[some], outputs)
        for some in slices(n_steps, rows_per_call(at, copies=1))
    ]
    return tuple(reduce(torch.add, column) for column in zip(*parts, strict=True))


def _some_steps(at: Surface, baseline: Tensors, alphas: Floats, shares: Floats, outputs: int | None) -> Tensors:
    """What some nodes of the quadrature add."""
    engine, n_steps = _Path(at.forward, alphas, shares), len(alphas)
    path = Path(at.module, shares / shares.sum())

    def call(part: Surface, start: Tensors, target: int | None, gradients: Gradients) -> Tensors:
        engine.gradient_func = partial(gradients, path=path)
        return asked(engine, part, baselines=start, target=target, n_steps=n_steps, method="gausslegendre")

    return over_rows(call, at, baseline, copies=n_steps, outputs=outputs)


class _Path(IntegratedGradients):  # type: ignore[misc]  # captum is not typed here
    """Captum's Integrated Gradients, with one root for all rows' gradients and the quadrature computed once.

    Captum computes the nodes of its quadrature anew at every call: a tenth of the time of a small net.
    """

    def __init__(self, forward: Forward, alphas: Floats, shares: Floats) -> None:
        super().__init__(forward)
        self._quadrature = (shares.tolist(), alphas.tolist())

    def _attribute(self, *args: Any, **options: Any) -> Any:
        return super()._attribute(*args, **{**options, "step_sizes_and_alphas": self._quadrature})


def expected_gradients(
    at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0, outputs: int | None = None
) -> Tensors:
    """One draw a row: a baseline row x' of `baseline` (M, …) and a point α ~ U(0, 1), φ = (x − x') ∂F(x' + α(x − x')).

    Noisy for a row, cheap and unbiased for a mean over rows (Erion et al., 2021). `n_steps` has no effect.
    """
    return gradient_shap(at, baseline, n_steps=1, seed=seed, outputs=outputs)


def gradient_shap(
    at: Surface, baseline: Tensors, *, n_steps: int = 50, seed: int = 0, outputs: int | None = None
) -> Tensors:
    """Mean of `n_steps` draws a row of `expected_gradients`; `baseline` (M, …) are the rows that baselines come from.

    Equal to `captum.attr.GradientShap` with `n_samples=n_steps` and no noise, for one point and the same seed. With
    several points (an embedding beside numbers) each draw takes one row for all of them, where Captum mixes rows.
    """
    check_baseline(at, baseline, any_rows=True)
    engine = InputBaselineXGradient(at.forward)
    state: list[Any] = [None]

    def call(part: Surface, _start: Tensors, target: int | None, gradients: Gradients) -> Tensors:
        if target:
            np.random.set_state(state[0])  # every output at the same points
        else:
            state[0] = np.random.get_state()
        engine.gradient_func = gradients
        n = len(part)
        drawn = torch.as_tensor(np.random.choice(len(baseline[0]), n * n_steps))
        many = part.take(torch.arange(n).repeat_interleave(n_steps))
        starts = tuple(b[drawn.to(b.device)] for b in baseline)
        found = asked(engine, many, baselines=starts, target=target)
        return tuple(t.reshape(n, n_steps, *t.shape[1:]).mean(1) for t in found)

    with seeded(seed, at):
        return over_rows(call, at, tuple(b[:1] for b in baseline), copies=2 * n_steps, outputs=outputs)
