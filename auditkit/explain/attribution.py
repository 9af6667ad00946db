"""Captum's Integrated Gradients, driven fast and safely. The only file that imports captum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray
from torch import Tensor

from auditkit.check import Batch
from auditkit.errors import ModelError
from auditkit.explain.preflight import ROWS, preflight, unchanged, undisturbed
from auditkit.explain.trust import T1_LIMIT, completeness
from auditkit.inputs.model import Model

Floats = NDArray[np.float64]
Forward = Callable[[Tensor], Tensor]

STEPS_SMOOTH, STEPS_KINKED, MOST_STEPS = 32, 64, 512
CALL_BYTES = 48 * 2**20
"""Memory of one call: many rows, since Captum builds its path in 3 n_steps small operations a call; but no more than
the process keeps between calls, since fresh memory costs more."""
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
        positions = _positions(model, sample)
        inputs = model.encode(sample.features)
        smooth = _differentiable(model.decision, inputs[:ROWS])
        baseline = _weighted_mean(inputs, sample.weight)
        start = n_steps or (STEPS_SMOOTH if smooth else STEPS_KINKED)
        explained = _refined(model, inputs, baseline, start)
    unchanged(model, before)
    return explained._replace(phi=_by_column(explained.phi, positions), columns=tuple(positions))


def integrated_gradients(forward: Forward, inputs: Tensor, baseline: Tensor, *, n_steps: int) -> Tensor:
    """φ (N, …) of `forward` at `inputs` (N, …) from `baseline` (1, …), by Captum with Gauss–Legendre quadrature.

    Equal to `captum.attr.IntegratedGradients(forward).attribute(inputs, baseline, n_steps=n_steps)` for rows that do
    not influence each other. A call carries as many rows as fit `CALL_BYTES`; out of memory, half as many.

    >>> from torch import nn
    >>> integrated_gradients(lambda x: x.sum(1) ** 2, torch.ones(1, 2), torch.zeros(1, 2), n_steps=8)
    tensor([[2.0000, 2.0000]])
    """
    engine = _Engine(forward, n_steps)
    rows = rows_per_call(forward, inputs, n_steps=n_steps)
    parts: list[Tensor] = []
    start = 0
    while start < len(inputs):
        part = inputs[start : start + rows]
        try:
            phi = engine.attribute(part, baselines=baseline, n_steps=n_steps, method="gausslegendre")
        except RuntimeError as e:
            if len(part) == 1 or not _out_of_memory(e):
                raise
            rows = len(part) // 2
            continue
        parts.append(phi.detach())
        start += len(part)
    return torch.cat(parts)


class _Engine(IntegratedGradients):  # type: ignore[misc]  # captum is not typed here
    """Captum's Integrated Gradients, with one root for all rows' gradients and the quadrature computed once.

    Captum computes the nodes of its quadrature anew at every call: a tenth of the time of a small net.
    """

    def __init__(self, forward: Forward, n_steps: int) -> None:
        super().__init__(forward)
        self.gradient_func = _gradients_of_the_sum
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        self._quadrature = ((weights / 2).tolist(), ((1 + nodes) / 2).tolist())

    def _attribute(self, *args: Any, **options: Any) -> Any:
        return super()._attribute(*args, **{**options, "step_sizes_and_alphas": self._quadrature})


def rows_per_call(forward: Forward, inputs: Tensor, *, n_steps: int) -> int:
    """Rows of which all path points fit `CALL_BYTES`, at least 1.

    A point takes four copies of its input, and what autograd keeps of its forward pass (measured as the difference
    between two rows and one, which leaves the weights out).
    """

    def kept(rows: int) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.nbytes)
            return tensor

        points = inputs[:1].detach().expand(rows, *inputs.shape[1:]).clone().requires_grad_()
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            forward(points)
        return sum(sizes)

    point = 4 * inputs[0].nbytes + max(0, kept(2) - kept(1))
    return max(1, CALL_BYTES // (n_steps * point))


def _gradients_of_the_sum(
    forward_fn: Forward, inputs: tuple[Tensor, ...], target_ind: Any = None, additional_forward_args: Any = None
) -> tuple[Tensor, ...]:
    """Captum's gradients, one root for all rows.

    Captum differentiates one output a row (`torch.unbind`), at five to nine times the cost. The sum has the same
    gradients when rows are independent, which T0 has shown.
    """
    with torch.enable_grad():
        return torch.autograd.grad(forward_fn(*inputs).sum(), inputs)


def _refined(model: Model, inputs: Tensor, baseline: Tensor, start: int) -> Explained:
    """Attributions over encoded positions, (N, d); rows that miss T1 go again at twice the steps."""
    delta = _decisions(model, inputs) - _decisions(model, baseline)
    steps = np.full(len(inputs), start, dtype=np.int64)
    phi = _phi(model, inputs, baseline, start)
    while True:
        epsilon = completeness(phi.sum(1), delta)
        missed = np.flatnonzero((epsilon > T1_LIMIT) & (steps < MOST_STEPS))
        if not len(missed):
            break
        steps[missed] = min(2 * int(steps[missed[0]]), MOST_STEPS)  # those that still miss all took the same steps
        phi[missed] = _phi(model, inputs[torch.as_tensor(missed)], baseline, int(steps[missed[0]]))
    return Explained(phi, (), delta, epsilon, steps)


def _phi(model: Model, inputs: Tensor, baseline: Tensor, n_steps: int) -> Floats:
    """(N, d) on the CPU; positions are the second dimension, and any further ones are summed."""
    phi = integrated_gradients(model.decision, inputs, baseline, n_steps=n_steps).double()
    out: Floats = (phi.flatten(2).sum(2) if phi.ndim > 2 else phi).cpu().numpy()
    bad = ~np.isfinite(out).all(1)
    if bad.any():
        raise NotExplained(f"the net's gradient to its input is NaN or infinite for {int(bad.sum())} rows")
    return out


def _decisions(model: Model, inputs: Tensor) -> Floats:
    """F, (N,), as `Model.predict` computes it."""
    with torch.no_grad():
        starts = range(0, len(inputs), model.batch_size)
        parts = [model.decision(inputs[start : start + model.batch_size]) for start in starts]
    out: Floats = torch.cat(parts).double().cpu().numpy()
    return out


def _weighted_mean(inputs: Tensor, weight: Floats | None) -> Tensor:
    """(1, …), summed in double precision."""
    w = torch.ones(len(inputs)) if weight is None else torch.as_tensor(weight)
    w = (w / w.sum()).to(inputs.device, torch.float64)
    mean: Tensor = torch.tensordot(w, inputs.double(), dims=1)
    return mean.to(inputs.dtype)[None]


def _positions(model: Model, sample: Batch) -> dict[str, Sequence[int]]:
    found = model.feature_map(sample.features)
    if found is None:
        raise NotExplained(
            "columns not mapped: preprocess is a callable, so the model needs feature_map={'column': [positions], …}"
        )
    return {name: where for name, where in found.items() if where}


def _by_column(phi: Floats, positions: Mapping[str, Sequence[int]]) -> Floats:
    return np.stack([phi[:, list(where)].sum(1) for where in positions.values()], axis=1)


def _differentiable(forward: Forward, inputs: Tensor) -> bool:
    """Whether the net is smooth; NotExplained where it has no usable gradient to its input."""
    if not inputs.is_floating_point():
        raise NotExplained("the net has no gradient to its input: it takes integers")
    points = inputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        scores = forward(points)
    if not scores.requires_grad:
        raise NotExplained("the net has no gradient to its input: its output is detached")
    smooth = _smooth(scores)
    (gradient,) = torch.autograd.grad(scores.sum(), points, allow_unused=True)
    if gradient is None or not gradient.count_nonzero():
        raise NotExplained(f"the net has no gradient to its input: it is zero at all of {len(inputs)} rows")
    if not gradient.isfinite().all():
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


def _out_of_memory(e: RuntimeError) -> bool:
    return isinstance(e, torch.cuda.OutOfMemoryError) or "DefaultCPUAllocator" in str(e)
