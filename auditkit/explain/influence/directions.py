"""∇gap in the weights, and every training row's loss along it: one directional derivative for all rows."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from auditkit.arrays import Floats
from auditkit.batch import Batch
from auditkit.errors import NotExplained
from auditkit.evidence.sample import row_copies, row_weights
from auditkit.explain.all_rows import of_scores
from auditkit.explain.asking import answering, differentiating, finite
from auditkit.explain.estimates import group_means
from auditkit.explain.preflight import preflight, unchanged, undisturbed
from auditkit.inputs.loading import load_weights
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, slices, taken
from auditkit.progress import tell

Weights = dict[str, Tensor]

REFUSED = "the net cannot be differentiated by its weights"
ROWS = 1024
"""Rows a pass."""


class Gap(NamedTuple):
    """A difference of two weighted mean scores, Σ coefficient · score."""

    coefficient: Floats
    """(N,) of the sampled rows."""
    value: float
    lower: str
    """The group of the lower mean."""
    upper: str


def gap_of(model: Model, sample: Batch, attribute: str) -> Gap | None:
    """The gap of the pair that carries the lower limit over all rows; where these are not known, of the groups of
    highest and lowest mean score. None with fewer than two of ten rows."""
    score = np.asarray(sample.y_pred if sample.score is None else sample.score, float)
    weight, label = row_weights(sample), sample.groups[attribute].astype("str").to_numpy()
    means = group_means(score, weight, label, copies=row_copies(sample))
    if len(means) < 2:
        return None
    all_rows = of_scores(sample.census, attribute, numeric=sample.kind.numeric, level=0.95)
    pair = None if all_rows is None else all_rows.surest(means)
    order = sorted(means, key=lambda g: means[g])
    upper, lower = (order[-1], order[0]) if pair is None else pair
    parts = [np.where(label == g, weight, 0.0) for g in (upper, lower)]
    coefficient = parts[0] / parts[0].sum() - parts[1] / parts[1].sum()
    return Gap(coefficient, means[upper] - means[lower], lower, upper)


def influences(
    model: Model,
    features: pd.DataFrame,
    gaps: Sequence[Gap],
    train: pd.DataFrame,
    y_true: Floats,
    *,
    checkpoints: Sequence[Path] = (),
    rates: Sequence[float] = (),
) -> list[Floats]:
    """Of each gap (M,): Σ_t η_t (−∇G·∇ℓ_i), positive where training on row i widens the gap; η = 1 without rates.

    The model is left as found; checkpoints are loaded into copies of it.
    """
    before = model.state_sha256()
    preflight(model, features)
    out = [np.zeros(len(train)) for _ in gaps]
    steps: list[tuple[Path | None, float]] = [(None, 1.0)]
    if checkpoints:
        steps = list(zip(checkpoints, rates or [1.0] * len(checkpoints), strict=True))
    for path, rate in steps:
        at = model if path is None else model.with_module(_loaded(model.module, path))
        with undisturbed(at):
            inputs = at.encode(features)
            with answering("the model cannot encode the training rows"):
                rows = at.encode(train)
            for total, gap in zip(out, gaps, strict=True):
                direction = gap_gradient(at, inputs, gap.coefficient)
                total -= rate * along(at, rows, y_true, direction)
    unchanged(model, before)
    return [finite(found, "influences of training rows") for found in out]


def _loaded(module: nn.Module, path: Path) -> nn.Module:
    out = copy.deepcopy(module)
    load_weights(out, path)
    return out


def gap_gradient(model: Model, inputs: Inputs, coefficient: Floats) -> Weights:
    """∇θ Σ coefficient · score, a part of the rows at a time."""
    weights = {k: v.requires_grad_() for k, v in _weights(model.module).items()}
    if not weights:
        raise NotExplained("the net has no weights, which training rows could have moved")
    total = {k: torch.zeros_like(v) for k, v in weights.items()}
    c = torch.as_tensor(coefficient)
    with differentiating(REFUSED):
        for where in slices(n_rows(inputs), ROWS):
            decision = _decision(model, weights, taken(inputs, where))
            score = model.probabilities(decision)
            part = (score * c[where].to(score)).sum()
            if not part.requires_grad:
                raise NotExplained("no gradient reaches the net's weights")
            found = torch.autograd.grad(part, list(weights.values()), allow_unused=True, materialize_grads=True)
            for (name, own), g in zip(total.items(), found, strict=True):
                total[name] = own + g
    return total


def along(model: Model, inputs: Inputs, y_true: Floats, direction: Weights) -> Floats:
    """(M,) ∇ℓ_i · direction for every row's loss at once: forward-mode, or twice backwards where a net has none."""
    weights = _weights(model.module)
    out: list[Floats] = []
    y = torch.as_tensor(y_true)
    for where in slices(n_rows(inputs), ROWS):
        part, target = taken(inputs, where), y[where]

        def losses(w: Weights, part: Inputs = part, target: Tensor = target) -> Tensor:
            with answering("the net cannot be run on the training rows"):
                return loss(model, _decision(model, w, part), target)

        out.append(_jvp(losses, weights, direction).double().cpu().numpy())
        tell("influence of training rows", where.stop, n_rows(inputs))
    return np.concatenate(out) if out else np.zeros(0)


def loss(model: Model, decision: Tensor, y_true: Tensor) -> Tensor:
    """(N,) cross entropy of the decision (from the logit where there is one), or half the squared error."""
    y = y_true.to(decision)
    if model.kind.numeric:
        return (decision - y) ** 2 / 2
    if model.outputs == "logits":
        return nn.functional.binary_cross_entropy_with_logits(decision, y, reduction="none")
    p = decision.clamp(1e-7, 1 - 1e-7)
    return -(y * torch.log(p) + (1 - y) * torch.log1p(-p))


def _jvp(f: Callable[[Weights], Tensor], weights: Weights, direction: Weights) -> Tensor:
    """J·direction of f at the weights."""
    with (
        contextlib.suppress(NotImplementedError, RuntimeError, NotExplained),
        torch.no_grad(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "`torch.jit.script`", DeprecationWarning)  # torch's own, on its first jvp
        found: Tensor = torch.func.jvp(f, (weights,), (direction,))[1]
        return found.detach()
    # J·v is the derivative of u ↦ (Jᵀu)·v: no forward-mode formula is needed, but two derivatives of every operation
    own = {k: v.detach().requires_grad_() for k, v in weights.items()}
    with warnings.catch_warnings(), differentiating(REFUSED), contextlib.ExitStack() as stack:
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)  # the switch itself warns
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))  # its recurrent nets have one derivative only
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # and so have the quick forms of attention
        out = f(own)
        u = torch.zeros_like(out, requires_grad=True)
        pulled = torch.autograd.grad(
            out, list(own.values()), u, create_graph=True, allow_unused=True, materialize_grads=True
        )
        dot = sum(((g * direction[k]).sum() for k, g in zip(own, pulled, strict=True)), torch.zeros(()))
        (found,) = torch.autograd.grad(dot, u)
    return found


def _decision(model: Model, weights: Weights, inputs: Inputs) -> Tensor:
    """The decision of the model with other weights."""

    def with_weights(*args: Any, **kwargs: Any) -> Any:
        return torch.func.functional_call(_alone(model.module), weights, args, kwargs)

    moved: Any = with_weights
    moved.forward = getattr(model.module, "forward", None)  # whose parameters say how several inputs are passed
    return model.with_module(moved).decision(inputs)


def _alone(module: nn.Module) -> nn.Module:
    """The net itself, not its copies on several devices."""
    inner = module.module if isinstance(module, nn.DataParallel) else module
    if any(isinstance(m, torch.jit.ScriptModule) for m in inner.modules()):
        raise NotExplained("TorchScript runs with its own weights only: no gradient by the weights can be taken")
    return inner


def _weights(module: nn.Module) -> Weights:
    return {k: p.detach().clone() for k, p in _alone(module).named_parameters() if p.is_floating_point()}
