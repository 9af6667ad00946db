"""The decisions of some rows to first order in the weights: z(θ + v) ≈ z(θ) + J v."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from auditkit.errors import NotExplained
from auditkit.explain.asking import along, answering, differentiating
from auditkit.explain.graph_bytes import graph_bytes
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


class Centre(NamedTuple):
    """Of a linear or convolutional layer: which of the weights are its own, and the mean of what goes in."""

    weight: int
    bias: int
    mean: Tensor
    """(inputs, 1, …), of the shape of one unit's weight."""


def centres(model: Model, weights: Sequence[Tensor], inputs: Inputs) -> list[Centre]:
    """The layers whose inputs can be seen, and whose weight and bias are theirs alone."""
    number = {id(w): i for i, w in enumerate(weights)}
    users = Counter(id(p) for m in unwrapped(model.module).modules() for p in m._parameters.values())
    seen: dict[nn.Module, list[Tensor]] = {}

    def look(layer: nn.Module, given: tuple[Any, ...]) -> None:
        if given and isinstance(given[0], Tensor) and given[0].layout == torch.strided:
            seen.setdefault(layer, []).append(given[0].detach())

    with contextlib.ExitStack() as stack, torch.no_grad():
        for layer in unwrapped(model.module).modules():
            own = [getattr(layer, name, None) for name in ("weight", "bias")]
            alone = all(id(p) in number and users[id(p)] == 1 for p in own)
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) and alone:
                stack.callback(layer.register_forward_pre_hook(look).remove)
        with answering("the net cannot be run on the training rows"):
            model.decision(inputs)
    out = []
    for layer, given in seen.items():
        weight, bias = (getattr(layer, name) for name in ("weight", "bias"))
        channel = -1 if weight.ndim == 2 else 1 - weight.ndim
        flat = torch.cat([x.movedim(channel, -1).flatten(0, -2) for x in given]).double().mean(0)
        if len(flat) == weight.shape[1] and bool(flat.isfinite().all()):  # not where channels go in groups
            mean = flat.reshape(-1, *[1] * (weight.ndim - 2)).expand(weight.shape[1:])
            out.append(Centre(number[id(weight)], number[id(bias)], mean))
    return out


class Tangent:
    """z (N,), and its Jacobian J (N, P) by all weights as one vector, through one graph that is kept.

    The weights have other coordinates than in the net: of a layer W x + b it is W and b + W μ, μ the mean of x
    (`Centre`). So an offset of a feature, or of what a hidden layer gives, does not matter to what is relative to each
    coordinate (damping, preconditioning). A derivative along a vector is the same in any coordinates.
    """

    def __init__(self, model: Model, weights: Sequence[Tensor], inputs: Inputs, centred: Sequence[Centre] = ()) -> None:
        self.weights, self.centred = list(weights), centred
        with differentiating(REFUSED):
            with answering("the net cannot be run on the training rows"):
                z = model.decision(inputs)
            if not z.requires_grad:
                raise NotExplained("no gradient reaches the net's weights")
            self.u = torch.zeros_like(z, requires_grad=True)
            self.pulled = torch.autograd.grad(
                along([z], [self.u]), self.weights, create_graph=True, allow_unused=True, materialize_grads=True
            )
        self.z = z

    def push(self, v: Tensor) -> Tensor:
        """J v (N,), in double precision, of v (P,): the derivative of u ↦ (Jᵀu)·v."""
        split = [p.reshape(w.shape) for p, w in zip(torch.split(v, self._sizes), self.weights, strict=True)]
        for c in self.centred:
            split[c.bias] = split[c.bias] - (split[c.weight] * c.mean).flatten(1).sum(1)
        parts = [p.to(w) for p, w in zip(split, self.weights, strict=True)]
        moving = [(g, p) for g, p in zip(self.pulled, parts, strict=True) if g.requires_grad]
        if not moving:
            return torch.zeros(len(self.z), dtype=torch.float64, device=v.device)
        with differentiating(REFUSED):
            given, towards = zip(*moving, strict=True)
            (found,) = torch.autograd.grad(
                along(given, towards), self.u, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        return found.detach().double()

    def pull(self, u: Tensor) -> Tensor:
        """Jᵀ u (P,), in double precision, of u (N,)."""
        with differentiating(REFUSED):
            root = along([self.z], [u.to(self.z)])
            found = torch.autograd.grad(
                root, self.weights, retain_graph=True, allow_unused=True, materialize_grads=True
            )
        split = [g.detach().double() for g in found]
        for c in self.centred:
            split[c.weight] = split[c.weight] - split[c.bias].reshape(-1, *[1] * c.mean.ndim) * c.mean
        return torch.cat([g.flatten() for g in split])

    @property
    def _sizes(self) -> list[int]:
        return [w.numel() for w in self.weights]


def rows_of_a_graph(model: Model, inputs: Inputs) -> int:
    """How many rows one `Tangent` may have: their graph takes about three times what a forward pass keeps."""

    def kept(rows: int) -> int:
        with differentiating(REFUSED), answering("the net cannot be run on the training rows"):
            return graph_bytes(lambda: model.decision(taken(inputs, slice(rows))))

    if n_rows(inputs) < 2:
        return MOST
    per_row = 3 * max(1, kept(2) - kept(1))
    return int(min(MOST, max(16, KEPT // per_row)))
