"""How Captum is driven: one root for all rows' gradients, as many rows a call as memory allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from auditkit.explain.surface import Forward, Surface
from auditkit.progress import tell

CALL_BYTES = 48 * 2**20
"""Memory of one call: many rows, since Captum builds its path in 3 n_steps small operations a call; but no more than
the process keeps between calls, since fresh memory costs more."""

Tensors = tuple[Tensor, ...]


def gradients_of_the_sum(
    forward_fn: Forward, inputs: Tensors, target_ind: Any = None, additional_forward_args: Any = None
) -> Tensors:
    """Captum's gradients, one root for all rows; 0 for an input that the output does not depend on.

    Captum differentiates one output a row (`torch.unbind`), at five to nine times the cost. The sum has the same
    gradients when rows are independent, which T0 has shown.
    """
    fixed = () if additional_forward_args is None else tuple(additional_forward_args)
    with torch.enable_grad():
        return torch.autograd.grad(forward_fn(*inputs, *fixed).sum(), inputs, allow_unused=True, materialize_grads=True)


def in_chunks(call: Callable[[Surface], Tensors], at: Surface, *, rows: int, what: str = "explaining rows") -> Tensors:
    """What `call` gives for all rows of a surface, `rows` at a time; half as many whenever memory runs out."""
    parts: list[Tensors] = []
    start = 0
    while start < len(at):
        part = at.take(slice(start, start + rows))
        try:
            found = call(part)
        except RuntimeError as e:
            if len(part) == 1 or not out_of_memory(e):
                raise
            rows = max(1, len(part) // 2)
            continue
        parts.append(tuple(t.detach() for t in found))
        start += len(part)
        tell(what, start, len(at))
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def rows_per_call(at: Surface, *, copies: int) -> int:
    """Rows of which `copies` points each fit `CALL_BYTES`, at least 1.

    A point takes four copies of its input, and what autograd keeps of its forward pass (measured as the difference
    between two rows and one, which leaves the weights out).
    """

    def kept(rows: int) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.nbytes)
            return tensor

        def repeated(t: Tensor) -> Tensor:
            return t[:1].detach().expand(rows, *t.shape[1:]).clone()

        points = [repeated(p).requires_grad_() for p in at.points]
        fixed = [repeated(f) for f in at.fixed]
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            at.forward(*points, *fixed)
        return sum(sizes)

    point = 4 * sum(p[0].nbytes for p in at.points) + max(0, kept(2) - kept(1))
    return max(1, CALL_BYTES // (copies * point))


def out_of_memory(e: RuntimeError) -> bool:
    """Whether it is memory that ran out."""
    return isinstance(e, torch.cuda.OutOfMemoryError) or "DefaultCPUAllocator" in str(e)
