"""Attribution methods by name, each through Captum. With its neighbours, the only files that import captum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from auditkit.explain.captum_calls import Tensors
from auditkit.explain.methods.by_class import CaptumMethod
from auditkit.explain.methods.gradients import deep_lift, grad_cam, input_x_gradient, output, saliency
from auditkit.explain.methods.names import CLASSES, PREFIX, checked_name, with_layer
from auditkit.explain.methods.paths import expected_gradients, gradient_shap, integrated_gradients
from auditkit.explain.methods.perturbation import ablation, occlusion, shapley
from auditkit.explain.surface import Surface


@dataclass(frozen=True)
class Method:
    """How one method attributes, and what may be asked of it."""

    attribute: Callable[..., Tensors]
    """(surface, baseline, *, n_steps, seed) → contributions with the shapes of the surface's points."""
    adds_up: bool = True
    """Σφ = F(x) − F(baseline) is promised, row by row: T1 applies."""
    quadrature: bool = False
    """More steps come closer: rows that miss T1 go again."""
    needs_gradient: bool = True
    distribution: bool = False
    """The baseline is a sample of rows (M, …) to draw from, not one row."""
    for_means: bool = False
    """One draw a row: only means over rows say something, so nothing is asked of single rows."""
    shared: bool = False
    """`attribute` takes `outputs=K` for a surface of K outputs, (N, K), and differentiates one forward pass."""


METHODS: dict[str, Method] = {
    "integrated_gradients": Method(integrated_gradients, quadrature=True, shared=True),
    "expected_gradients": Method(expected_gradients, adds_up=False, distribution=True, for_means=True, shared=True),
    "gradient_shap": Method(gradient_shap, adds_up=False, distribution=True, shared=True),
    "input_x_gradient": Method(input_x_gradient, adds_up=False, shared=True),
    "saliency": Method(saliency, adds_up=False, shared=True),
    "deep_lift": Method(deep_lift),
    "shapley": Method(shapley, needs_gradient=False),
    "ablation": Method(ablation, adds_up=False, needs_gradient=False),
    "occlusion": Method(occlusion, adds_up=False, needs_gradient=False),
    "grad_cam": Method(grad_cam, adds_up=False),
}
"""Name → method."""


def method_of(name: str) -> Method:
    """The method of a name, `captum:<ClassName>` and `grad_cam:<layer>` among them; ModelError naming the nearest."""
    plain, layer = with_layer(name)
    method = METHODS[checked_name(plain)]
    return method if layer is None else replace(method, attribute=partial(method.attribute, layer=layer))


def of_captum(name: str) -> Method:
    """A Captum class as it comes, under our driver."""
    of = CaptumMethod(name)
    return Method(
        of,
        adds_up=of.adds_up,
        quadrature="n_steps" in of.asks,
        needs_gradient=of.of_gradients,
        distribution=of.distribution,
    )


METHODS |= {f"{PREFIX}{name}": of_captum(f"{PREFIX}{name}") for name in CLASSES}


def each_output(
    method: Method, at: Surface, baseline: Tensors, *, outputs: int, n_steps: int, seed: int
) -> list[Tensors]:
    """Contributions to each output of a surface of several, (N, K); where the method can, from one forward pass."""
    if not method.shared:
        one = {"n_steps": n_steps, "seed": seed}
        return [tuple(method.attribute(output(at, k), baseline, **one)) for k in range(outputs)]
    flat = method.attribute(at, baseline, n_steps=n_steps, seed=seed, outputs=outputs)
    width = len(at.points)
    return [tuple(flat[k * width : (k + 1) * width]) for k in range(outputs)]
