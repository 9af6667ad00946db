"""Whether what is explained has a gradient, and whether it is smooth, by its first rows."""

from __future__ import annotations

import torch
from torch import Tensor

from auditkit.errors import NotExplained
from auditkit.explain.asking import NoGradient, differentiating
from auditkit.explain.preflight import FEWEST, ROWS
from auditkit.explain.surface import Surface
from auditkit.inputs.batching import row_bytes, rows_of
from auditkit.inputs.packing import slices

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


def differentiable(at: Surface) -> bool:
    """Whether the surface is smooth, by its first rows.

    NoGradient where it has no gradient (or none leads to a point, NaN among them), NotExplained where that is not
    finite.
    """
    if not at.points:
        raise NoGradient("the net has no gradient to its input: it takes integers")
    rows = rows_of(row_bytes((*at.points, *at.fixed)))  # of all at once, looking takes as much memory again
    if not all(bool(p[some].isfinite().all()) for p in at.points for some in slices(len(at), rows)):
        raise NoGradient("some of the net's inputs are missing or infinite, and no gradient leads there")
    at = at.take(slice(min(ROWS, max(FEWEST, rows // 4))))
    points = [p.detach().clone().requires_grad_() for p in at.points]
    with differentiating():
        scores = at.forward(*points, *at.fixed)
        if not scores.requires_grad:
            raise NoGradient("the net has no gradient to its input: its output is detached")
        smooth = _smooth(scores)
        if scores.ndim == 2:  # probabilities add up to 1, and their sum has no gradient
            scores = scores * torch.linspace(1, 2, scores.shape[1], dtype=scores.dtype, device=scores.device)
        gradients = torch.autograd.grad(scores.sum(), points, allow_unused=True)
    found = [g for g in gradients if g is not None]
    if not any(g.count_nonzero() for g in found):
        raise NoGradient(f"the net has no gradient to its input: it is zero at all of {len(at)} rows")
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
