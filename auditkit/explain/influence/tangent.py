"""The decisions of some rows to first order in the weights: z(θ + v) ≈ z(θ) + J v."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from auditkit.errors import NotExplained
from auditkit.explain.asking import answering, differentiating
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, taken, unwrapped

REFUSED = "the net cannot be differentiated twice by its weights"
KEPT = 512 * 2**20
"""Bytes that the graph of some rows may keep."""
MOST = 2048
"""Rows of a graph, at most."""


def trained(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that training rows can have moved, each once, whatever it is called: not those that are frozen.

    All of them where all are: then it is the user who froze a net that was trained. NotExplained without any.
    """
    own = [p for p in module.parameters() if p.is_floating_point() and p.numel()]
    if not own:
        raise NotExplained("the net has no weights, which training rows could have moved")
    return [p for p in own if p.requires_grad] or own


@contextlib.contextmanager
def by_weights(model: Model, weights: Sequence[Tensor]) -> Iterator[Model]:
    """The net itself, with gradients to these weights, each operation on its way that has two derivatives.

    Run it in `undisturbed(model)`, which puts `requires_grad` back. The very parameters are used, no copies in their
    place: a parameter that several modules share gets its whole derivative, and nothing has to be put back.
    """
    inner = unwrapped(model.module)
    hooks = [(w, w._backward_hooks) for w in weights]
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)  # the switch itself warns
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))  # its recurrent nets have one derivative only
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # and so have the quick forms of attention
        try:
            for w in weights:
                w._backward_hooks = None  # of the user's training: it may clip, and would not be linear
                w.requires_grad_(True)
            yield model if inner is model.module else model.with_module(inner)
        finally:
            for w, own in hooks:
                w._backward_hooks = own
                w.requires_grad_(False)


class Tangent:
    """z (N,), and its Jacobian J (N, P) by all weights as one vector, through one graph that is kept."""

    def __init__(self, model: Model, weights: Sequence[Tensor], inputs: Inputs) -> None:
        self.weights = list(weights)
        with differentiating(REFUSED):
            with answering("the net cannot be run on the training rows"):
                z = model.decision(inputs)
            if not z.requires_grad:
                raise NotExplained("no gradient reaches the net's weights")
            self.u = torch.zeros_like(z, requires_grad=True)
            self.pulled = torch.autograd.grad(
                z, self.weights, self.u, create_graph=True, allow_unused=True, materialize_grads=True
            )
        self.z = z

    def push(self, v: Tensor) -> Tensor:
        """J v (N,), in double precision, of v (P,): the derivative of u ↦ (Jᵀu)·v."""
        parts = [p.reshape(w.shape).to(w) for p, w in zip(v.split(self._sizes), self.weights, strict=True)]
        moving = [(g, p) for g, p in zip(self.pulled, parts, strict=True) if g.requires_grad]
        if not moving:
            return torch.zeros(len(self.z), dtype=torch.float64, device=v.device)
        with differentiating(REFUSED):
            roots, along = zip(*moving, strict=True)
            (found,) = torch.autograd.grad(
                roots, self.u, along, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        return found.detach().double()

    def pull(self, u: Tensor) -> Tensor:
        """Jᵀ u (P,), in double precision, of u (N,)."""
        with differentiating(REFUSED):
            found = torch.autograd.grad(
                self.z, self.weights, u.to(self.z), retain_graph=True, allow_unused=True, materialize_grads=True
            )
        return torch.cat([g.detach().double().flatten() for g in found])

    @property
    def _sizes(self) -> list[int]:
        return [w.numel() for w in self.weights]


def rows_of_a_graph(model: Model, inputs: Inputs) -> int:
    """How many rows one `Tangent` may have: their graph takes about three times what a forward pass keeps."""

    def kept(rows: int) -> int:
        sizes: list[int] = []

        def pack(tensor: Tensor) -> Tensor:
            sizes.append(tensor.nbytes if tensor.layout == torch.strided else 0)
            return tensor

        with (
            differentiating(REFUSED),
            torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
            answering("the net cannot be run on the training rows"),
        ):
            model.decision(taken(inputs, slice(rows)))
        return sum(sizes)

    if n_rows(inputs) < 2:
        return MOST
    per_row = 3 * max(1, kept(2) - kept(1))
    return int(min(MOST, max(16, KEPT // per_row)))
