"""`captum:<ClassName>`: any other Captum class that explains inputs, under the same driver."""

from __future__ import annotations

import inspect
from typing import Any

import captum.attr
import torch

from auditkit.explain.captum_calls import (
    Gradients,
    Tensors,
    asked,
    check_baseline,
    gradients_of_the_sum,
    over_rows,
    seeded,
    spread,
)
from auditkit.explain.methods.gradients import as_module, on_modules
from auditkit.explain.methods.names import DRAWN_ROWS, PREFIX, baseline_of
from auditkit.explain.methods.perturbation import masks_of, shared_out, windows
from auditkit.explain.surface import Surface

ADD_UP = {"IntegratedGradients", "DeepLift", "DeepLiftShap", "ShapleyValueSampling", "ShapleyValues", "KernelShap"}
"""Classes whose contributions promise to sum up to F(x) − F(baseline)."""
WHOLE = {"FeaturePermutation"}
"""Classes that look at all rows of a call together."""
COPIES = 64
"""Points a row that a class of unknown appetite is expected to hold."""


class CaptumMethod:
    """One Captum class with its own defaults, told only what it asks for: baselines, feature mask, windows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind: Any = getattr(captum.attr, name.removeprefix(PREFIX))
        self.asks = set(inspect.signature(self.kind.attribute).parameters)
        built_of = inspect.signature(self.kind.__init__).parameters
        self.hooks = "model" in built_of
        self.of_gradients = issubclass(self.kind, captum.attr.GradientAttribution)
        self.adds_up = self.kind.__name__ in ADD_UP
        self.distribution = baseline_of(name) == DRAWN_ROWS

    def __call__(self, at: Surface, baseline: Tensors, *, n_steps: int = 50, seed: int = 0) -> Tensors:
        """Contributions with the shapes of the points."""
        with seeded(seed, at):
            return on_modules(lambda: self._attribute(at, baseline, n_steps), at, self.name)

    def _attribute(self, at: Surface, baseline: Tensors, n_steps: int) -> Tensors:
        check_baseline(at, baseline, any_rows=self.distribution)

        def call(part: Surface, start: Tensors, _target: int | None, _gradients: Gradients) -> Tensors:
            engine = self.kind(as_module(part) if self.hooks else part.forward)
            if self.of_gradients and "DeepLift" not in self.kind.__name__:
                engine.gradient_func = gradients_of_the_sum
            given = self._options(part, baseline if self.distribution else start, n_steps)
            found = tuple(t.to(p.dtype) for t, p in zip(asked(engine, part, **given), part.points, strict=True))
            return shared_out(part, found) if "feature_mask" in self.asks else found

        start = tuple(b[:1] for b in baseline) if self.distribution else baseline
        copies = 1 if self.kind.__name__ in WHOLE else max(COPIES, n_steps)
        with torch.set_grad_enabled(self.of_gradients):
            return over_rows(call, at, start, copies=copies)

    def _options(self, part: Surface, start: Tensors, n_steps: int) -> dict[str, Any]:
        given: dict[str, Any] = {}
        if "baselines" in self.asks:
            given["baselines"] = spread(start, part) if self.hooks and not self.distribution else start
        if "feature_mask" in self.asks:
            given["feature_mask"] = masks_of(part)
        if "sliding_window_shapes" in self.asks:
            given["sliding_window_shapes"], given["strides"] = windows(part)
        if "n_steps" in self.asks:
            given["n_steps"] = n_steps
        return given
