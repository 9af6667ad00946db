"""Methods from the gradient at the row itself, and from rules that change it: saliency, DeepLIFT, Grad-CAM."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from captum.attr import DeepLift, InputXGradient, LayerAttribution, LayerGradCam, Saliency
from torch import Tensor, nn

from auditkit.errors import NotExplained, out_of_memory
from auditkit.explain.captum_calls import Gradients, Tensors, asked, gradients_of_the_sum, over_rows, restored, spread
from auditkit.explain.methods.cam_layer import block_output, named_layer
from auditkit.explain.surface import Forward, Surface
from auditkit.progress import raised_by_listener


def saliency(at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0, outputs: int | None = None) -> Tensors:
    """abs(∂F/∂x), how much the output reacts to each entry, by Captum; `baseline`, `n_steps`, `seed` have no effect."""

    def call(part: Surface, start: Tensors, target: int | None, gradients: Gradients) -> Tensors:
        engine = Saliency(part.forward)
        engine.gradient_func = gradients
        return asked(engine, part, target=target)

    return over_rows(call, at, baseline, copies=2, outputs=outputs)


def input_x_gradient(
    at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0, outputs: int | None = None
) -> Tensors:
    """(x − b) ∂F/∂x, by Captum; with b = 0 its InputXGradient. `n_steps` and `seed` have no effect.

    Adds up for linear nets only.
    """

    def call(part: Surface, start: Tensors, target: int | None, gradients: Gradients) -> Tensors:
        def moved(*given: Tensor) -> Tensor:
            points = [z + b for z, b in zip(given, rows, strict=False)]
            return part.forward(*points, *given[len(points) :])

        rows = spread(start, part)
        engine = InputXGradient(moved)
        engine.gradient_func = gradients
        centred = tuple(p - b for p, b in zip(part.points, rows, strict=True))
        return asked(engine, replace(part, points=centred), target=target)

    return over_rows(call, at, baseline, copies=4, outputs=outputs)


def deep_lift(at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0) -> Tensors:
    """DeepLIFT's rescale rule from `baseline`, by Captum.

    Knows activations that are modules, each used once: silently wrong on functional ones, which T1 shows.
    NotExplained for reused modules and for nets without Python modules.
    """

    def call(part: Surface, start: Tensors, _target: int | None, _gradients: Gradients) -> Tensors:
        engine = DeepLift(as_module(part))
        engine.gradient_func = _gradients_without_inputs
        return asked(engine, part, baselines=spread(start, part))

    return on_modules(lambda: over_rows(call, at, baseline, copies=4), at, "deep_lift")


def grad_cam(at: Surface, baseline: Tensors, *, n_steps: int = 1, seed: int = 0, layer: str | None = None) -> Tensors:
    """Grad-CAM of a layer, by Captum, upsampled to the image and shared out over its channels.

    `layer` is a name as in `named_modules`; None: what the last convolutional block gives (`cam_layer`). Signed:
    Captum's default, without the ReLU of the paper. Images only, (N, channels, height, width). ModelError for a layer
    that there is not, NotExplained for one that gives no maps.
    """
    if len(at.points) != 1 or at.points[0].ndim != 4:
        raise NotExplained("grad_cam explains images, (N, channels, height, width), in one tensor")
    seen = block_output(at) if layer is None else named_layer(at.module, layer)

    def call(part: Surface, start: Tensors, _target: int | None, _gradients: Gradients) -> Tensors:
        (image,) = part.points
        engine = LayerGradCam(part.forward, seen)
        found = engine.attribute(image, additional_forward_args=part.fixed or None)
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise NotExplained(f"layer '{layer}' gives no maps, (N, channels, height, width), which grad_cam needs")
        large = LayerAttribution.interpolate(found, tuple(image.shape[2:]), interpolate_mode="bilinear")
        return (large.expand_as(image) / image.shape[1],)

    return on_modules(lambda: over_rows(call, at, baseline, copies=4), at, "grad_cam")


class _Net(nn.Module):
    """A surface as a module, with the net inside, for methods that put hooks on its parts."""

    def __init__(self, inner: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.inner = inner
        self._surface = forward

    def forward(self, *given: Tensor) -> Tensor:
        return self._surface(*given)


def as_module(at: Surface) -> nn.Module:
    """The surface as a module; NotExplained where the net has no Python modules to hook."""
    if at.module is None or any(isinstance(m, torch.jit.ScriptModule) for m in at.module.modules()):
        raise NotExplained("this method puts hooks on the net's modules, which TorchScript has not: take another one")
    return _Net(at.module, at.forward)


def on_modules(work: Callable[[], Tensors], at: Surface, name: str) -> Tensors:
    """What `work` gives, the net as before afterwards; what Captum cannot do with the net is NotExplained."""
    module = at.module or nn.Module()
    with restored(module):
        try:
            return work()
        except NotExplained as e:
            said = _captum_says(e)
            if not said:
                raise
            raise NotExplained(f"{name} does not fit this model: {said}") from e
        except (RuntimeError, TypeError, AssertionError, ValueError, AttributeError, NotImplementedError) as e:
            if out_of_memory(e) or raised_by_listener(e):
                raise
            raise NotExplained(f"{name} does not fit this model: {_captum_says(e) or type(e).__name__}") from e


def _captum_says(e: BaseException) -> str:
    """The message at the root of an error where it is Captum's own; "" for any other, which can quote rows."""
    while e.__cause__ is not None:
        e = e.__cause__
    frames = [frame for frame, _ in traceback.walk_tb(e.__traceback__)]
    own = bool(frames) and str(frames[-1].f_globals.get("__name__", "")).startswith("captum")
    return " ".join(str(e).split())[:300] if own else ""


def _gradients_without_inputs(forward_fn: Callable[[], Tensor], inputs: Tensors, *_: Any) -> Tensors:
    """DeepLift's forward function holds its inputs itself."""
    return gradients_of_the_sum(lambda *_: forward_fn(), inputs)


@dataclass(frozen=True)
class OneOutput:
    """One output of several: `forward` of a surface, (N,)."""

    whole: Forward
    """All of them, (N, K)."""
    k: int

    def __call__(self, *given: Tensor) -> Tensor:
        return self.whole(*given)[:, self.k]


def output(at: Surface, k: int) -> Surface:
    """The surface of output `k` of several."""
    return replace(at, forward=OneOutput(at.forward, k))
