"""Attribution methods by name, each through Captum. With its neighbours, the only files that import captum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from captum.attr import IntegratedGradients

from auditkit.explain.driving import Tensors, gradients_of_the_sum, in_chunks, rows_per_call
from auditkit.explain.surface import Forward, Surface


@dataclass(frozen=True)
class Method:
    """How one method attributes, and what may be asked of it."""

    attribute: Callable[..., Tensors]
    """(surface, baseline, *, n_steps, seed) → contributions with the shapes of the surface's points."""
    adds_up: bool = True
    """Σφ = F(x) − F(baseline) is promised: T1 applies."""
    quadrature: bool = False
    """More steps come closer: rows that miss T1 go again."""
    needs_gradient: bool = True


def integrated_gradients(at: Surface, baseline: Tensors, *, n_steps: int, seed: int = 0) -> Tensors:
    """φ of the surface's rows from `baseline` (1, …) or (N, …), by Captum with Gauss–Legendre quadrature.

    Equal to `captum.attr.IntegratedGradients(forward).attribute(points, baselines, n_steps=n_steps)` for rows that do
    not influence each other. A call carries as many rows as fit `driving.CALL_BYTES`; out of memory, half as many.
    """
    engine = _Path(at.forward, n_steps)
    per_row = len(baseline[0]) > 1

    def call(part: Surface) -> Tensors:
        points = part.points[: len(at.points)]
        start = part.points[len(at.points) :] if per_row else baseline
        return tuple(
            engine.attribute(
                points,
                baselines=start,
                additional_forward_args=part.fixed or None,
                n_steps=n_steps,
                method="gausslegendre",
            )
        )

    rows = rows_per_call(at, copies=n_steps)
    carried = Surface(at.forward, (*at.points, *baseline), at.fixed, at.groups) if per_row else at
    return in_chunks(call, carried, rows=rows)


class _Path(IntegratedGradients):  # type: ignore[misc]  # captum is not typed here
    """Captum's Integrated Gradients, with one root for all rows' gradients and the quadrature computed once.

    Captum computes the nodes of its quadrature anew at every call: a tenth of the time of a small net.
    """

    def __init__(self, forward: Forward, n_steps: int) -> None:
        super().__init__(forward)
        self.gradient_func = gradients_of_the_sum
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        self._quadrature = ((weights / 2).tolist(), ((1 + nodes) / 2).tolist())

    def _attribute(self, *args: Any, **options: Any) -> Any:
        return super()._attribute(*args, **{**options, "step_sizes_and_alphas": self._quadrature})


METHODS: dict[str, Method] = {"integrated_gradients": Method(integrated_gradients, quadrature=True)}
"""Name → method."""
