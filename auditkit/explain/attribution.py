"""The driver of attributions: preflight, surface, baseline, refinement, and sums in the names of raw columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.check import Batch
from auditkit.errors import ModelError
from auditkit.explain.driving import Tensors
from auditkit.explain.methods import METHODS
from auditkit.explain.preflight import ROWS, preflight, unchanged, undisturbed
from auditkit.explain.surface import Surface, surface
from auditkit.explain.trust import T1_LIMIT, completeness
from auditkit.inputs.groups import Groups, summed
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs

Floats = NDArray[np.float64]

STEPS_SMOOTH, STEPS_KINKED, MOST_STEPS = 32, 64, 512
SMOOTH = {
    "Addmm", "Mm", "Bmm", "Baddbmm", "Mv", "Dot", "Linear", "Convolution", "Add", "Sub", "Rsub", "Mul", "Div",
    "Neg", "Pow", "Exp", "Log", "Log1P", "Sqrt", "Rsqrt", "Reciprocal", "Tanh", "Sigmoid", "LogSigmoid", "Silu",
    "Gelu", "Mish", "Softplus", "Erf", "Sin", "Cos", "Softmax", "LogSoftmax", "Logsumexp", "Sum", "Mean", "Var",
    "NativeLayerNorm", "NativeBatchNorm", "CudnnBatchNorm", "NativeGroupNorm", "AvgPool1D", "AvgPool2D",
    "AvgPool3D", "AdaptiveAvgPool1D", "AdaptiveAvgPool2D", "View", "UnsafeView", "ReshapeAlias", "T", "Transpose",
    "Permute", "Squeeze", "Unsqueeze", "Select", "Slice", "Index", "Cat", "Stack", "Split", "Unbind", "Expand",
    "Clone", "Copy", "ToCopy", "Alias", "torch::autograd::AccumulateGrad",
}  # fmt: skip
"""Nodes of autograd's graph without a kink. Anything else counts as kinked, the unknown too."""


class NotExplained(ModelError):
    """The model can be audited, but not explained by its gradients; the message is the reason."""


class Explained(NamedTuple):
    """Attributions of N rows over their raw columns, and how well they add up."""

    phi: Floats
    """(N, columns) signed contributions, in the unit of the decision."""
    columns: tuple[str, ...]
    """Raw columns that the model reads."""
    delta: Floats
    """(N,) F(x) − F(baseline), from calls of the decision path of their own."""
    epsilon: Floats
    """(N,) T1: how far Σφ misses `delta`, relative."""
    steps: NDArray[np.int64]
    """(N,) quadrature steps used."""


def explain(model: Model, sample: Batch, *, n_steps: int | None = None) -> Explained:
    """Integrated Gradients of the decision from the sample's weighted mean encoded row, in raw columns.

    Parameters
    ----------
    model
        Left exactly as found, also after an exception: state, modes, `requires_grad`, random state.
    sample
        N rows; `weight` says how many rows of the data each stands for.
    n_steps
        Quadrature steps to begin with; None: 32 for a smooth net, 64 for one with kinks (ReLU, max-pool) or with
        operations that are not known to be smooth. Rows that miss T1 go again at twice the steps, up to 512.

    Raises
    ------
    NotExplained
        For a model without a feature map or without a finite gradient that is not zero everywhere.
    ModelError
        When the preflight (T0) fails.
    """
    if not len(sample.features):
        raise NotExplained("the sample has no rows")
    before = model.state_sha256()
    preflight(model, sample.features)
    with undisturbed(model):
        at = surface_of(model, sample.features)
        smooth = differentiable(at.take(slice(ROWS)))
        baseline = weighted_mean(at, sample.weight)
        start = n_steps or (STEPS_SMOOTH if smooth else STEPS_KINKED)
        explained = _refined(at, baseline, start)
    unchanged(model, before)
    return explained


def surface_of(model: Model, features: pd.DataFrame) -> Surface:
    """The decision as a function of what can be moved; NotExplained where nobody knows what belongs to which column."""
    inputs = model.encode(features)
    return surface(model, inputs, groups_of(model, inputs, features))


def groups_of(model: Model, inputs: Inputs, features: pd.DataFrame) -> Groups:
    """The features of the encoded inputs; NotExplained where nobody knows them."""
    found = model.groups(inputs, features)
    if found is None:
        raise NotExplained(
            "columns not mapped: preprocess is a callable, so the model needs feature_map={'column': [positions], …}"
        )
    return found


def _refined(at: Surface, baseline: Tensors, start: int) -> Explained:
    """Integrated Gradients a feature; rows that miss T1 go again at twice the steps."""
    delta = _decisions(at, at.points) - _decisions(at, baseline)
    steps = np.full(len(at), start, dtype=np.int64)
    phi = _phi(at, baseline, start)
    while True:
        epsilon = completeness(phi.sum(1), delta)
        missed = np.flatnonzero((epsilon > T1_LIMIT) & (steps < MOST_STEPS))
        if not len(missed):
            break
        steps[missed] = min(2 * int(steps[missed[0]]), MOST_STEPS)  # those that still miss all took the same steps
        phi[missed] = _phi(at.take(torch.as_tensor(missed)), baseline, int(steps[missed[0]]))
    return Explained(phi, at.groups.names, delta, epsilon, steps)


def _phi(at: Surface, baseline: Tensors, n_steps: int) -> Floats:
    """(N, features) on the CPU."""
    found = METHODS["integrated_gradients"].attribute(at, baseline, n_steps=n_steps)
    out: Floats = summed(at.groups, found).cpu().numpy()
    bad = ~np.isfinite(out).all(1)
    if bad.any():
        raise NotExplained(f"the net's gradient to its input is NaN or infinite for {int(bad.sum())} rows")
    return out


def _decisions(at: Surface, points: Tensors, rows: int = 8192) -> Floats:
    """F (N,) at `points`, (N, …) or (1, …)."""
    parts = []
    for start in range(0, len(at), rows):
        where = slice(start, start + rows)
        there = tuple(p if len(p) == 1 else p[where] for p in points)
        parts.append(at.take(where).at(there))
    out: Floats = torch.cat(parts).double().cpu().numpy()
    return out


def weighted_mean(at: Surface, weight: Floats | None) -> Tensors:
    """(1, …) each: the mean of the surface's points, summed in double precision."""
    w = torch.ones(len(at)) if weight is None else torch.as_tensor(weight)
    means = []
    for points in at.points:
        share = (w / w.sum()).to(points.device, torch.float64)
        means.append(torch.tensordot(share, points.double(), dims=1).to(points.dtype)[None])
    return tuple(means)


def differentiable(at: Surface) -> bool:
    """Whether the surface is smooth; NotExplained where it has no usable gradient."""
    if not at.points:
        raise NotExplained("the net has no gradient to its input: it takes integers")
    points = [p.detach().clone().requires_grad_() for p in at.points]
    with torch.enable_grad():
        scores = at.forward(*points, *at.fixed)
    if not scores.requires_grad:
        raise NotExplained("the net has no gradient to its input: its output is detached")
    smooth = _smooth(scores)
    gradients = torch.autograd.grad(scores.sum(), points, allow_unused=True)
    found = [g for g in gradients if g is not None]
    if not any(g.count_nonzero() for g in found):
        raise NotExplained(f"the net has no gradient to its input: it is zero at all of {len(at)} rows")
    if not all(g.isfinite().all() for g in found):
        raise NotExplained("the net's gradient to its input is NaN or infinite")
    return smooth


def _smooth(scores: Tensor) -> bool:
    """Read off autograd's graph, which sees functional calls as well as modules."""
    todo, seen = [scores.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name().rstrip("0123456789").removesuffix("Backward") not in SMOOTH:
            return False
        todo += [parent for parent, _ in node.next_functions]
    return True
