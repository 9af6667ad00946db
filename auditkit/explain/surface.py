"""The surface that is explained: the model as a function of what can be moved, row by row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, packed

Forward = Callable[..., Tensor]
Scale = Literal["decision", "score"]


@dataclass(frozen=True)
class Surface:
    """F as a function of `points`, with `fixed` beside them. `forward(*points, *fixed)` is (N,)."""

    forward: Forward
    points: tuple[Tensor, ...]
    """(N, …) floats: encoded inputs, and the outputs of embeddings where token ids go in."""
    fixed: tuple[Tensor, ...]
    """(N, …) what goes along unmoved: ids, lengths, masks."""
    groups: Groups
    """The features; a mask for each of `points`."""

    def __len__(self) -> int:
        return len(self.points[0])

    def take(self, where: Any) -> Surface:
        """The rows at `where`."""
        return replace(self, points=tuple(p[where] for p in self.points), fixed=tuple(f[where] for f in self.fixed))

    def at(self, points: tuple[Tensor, ...]) -> Tensor:
        """F (N,) at other points, (N, …) or (1, …), with the rows' own `fixed`; no gradients kept."""
        with torch.no_grad():
            return self.forward(*(p.expand(len(self), *p.shape[1:]) for p in points), *self.fixed)


@contextlib.contextmanager
def _replaced_outputs(embeddings: tuple[nn.Module, ...], outputs: tuple[Tensor, ...]) -> Iterator[None]:
    """While it lasts, each embedding returns what it is given here."""
    with contextlib.ExitStack() as stack:
        for module, output in zip(embeddings, outputs, strict=True):
            handle = module.register_forward_hook(lambda _m, _i, _o, given=output: given)
            stack.callback(handle.remove)
        yield


def surface(model: Model, inputs: Inputs, groups: Groups, *, scale: Scale = "decision") -> Surface:
    """The surface of a model at encoded inputs (N, …): its decision (the logit, if it has one) or its score.

    Token ids, and categories that the net embeds, have no gradient: there the output of the embedding is moved, and
    belongs to the features that its ids belong to.
    """

    def scalar(given: Inputs) -> Tensor:
        out = model.decision(given)
        return out if scale == "decision" else model.probabilities(out)

    tensors = leaves(inputs)
    embedded = _embedded(scalar, model.module, inputs)
    moved = [i for i, t in enumerate(tensors) if t.is_floating_point()]
    still = [i for i in range(len(tensors)) if i not in moved]
    modules = tuple(e.module for e in embedded)
    a, b = len(moved), len(moved) + len(embedded)

    def forward(*given: Tensor) -> Tensor:
        parts: list[Tensor] = list(tensors)
        for i, tensor in zip((*moved, *still), (*given[:a], *given[b:]), strict=True):
            parts[i] = tensor
        with _replaced_outputs(modules, given[a:b]):
            return scalar(packed(inputs, parts))

    masks = [groups.masks[i] for i in moved]
    names = groups.names
    for e in embedded:
        names, mask = _mask_of(e, tensors, Groups(names, groups.masks))
        masks.append(mask)
    points = (*(tensors[i] for i in moved), *(e.output for e in embedded))
    return Surface(forward, points, tuple(tensors[i] for i in still), Groups(names, tuple(masks)))


@dataclass(frozen=True)
class _Embedded:
    """One call of an embedding."""

    module: nn.Module
    name: str
    ids: Tensor
    output: Tensor


def _embedded(scalar: Callable[[Inputs], Tensor], module: nn.Module, inputs: Inputs) -> list[_Embedded]:
    """The embeddings that are called once, and with what."""
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {}
    found = {n: m for n, m in module.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, part in found.items():
            calls[name] = []

            def note(_m: nn.Module, given: Any, out: Tensor, kept: list[Any] = calls[name]) -> None:
                kept.append((given[0], out.detach()))

            stack.callback(part.register_forward_hook(note).remove)
        if found:
            scalar(inputs)
    n = len(leaves(inputs)[0])
    return [
        _Embedded(found[name], name, *once[0])
        for name, once in calls.items()
        if len(once) == 1 and len(once[0][1]) == n
    ]


def _mask_of(e: _Embedded, tensors: tuple[Tensor, ...], groups: Groups) -> tuple[tuple[str, ...], Tensor]:
    """The features of an embedding's output: those of the entries of the inputs that hold the same ids."""
    shape = (1, *e.output.shape[1:])
    ids = e.ids.reshape(len(e.ids), -1)
    names = list(groups.names)
    sources = [
        (t.reshape(len(t), -1), mask.reshape(-1).tolist()) for t, mask in zip(tensors, groups.masks, strict=True)
    ]
    owner: list[int] = []
    for k in range(ids.shape[1]):
        same = [
            mask[j]
            for flat, mask in sources
            for j in ([k] if flat.shape[1] == ids.shape[1] else range(flat.shape[1]))
            if torch.equal(flat[:, j].long(), ids[:, k].long())
        ]
        if not same:
            owner = []
            break
        owner.append(same[0])
    positions = e.output.ndim - e.ids.ndim
    if not owner or positions < 1:  # computed inside the net: a feature of its own
        names.append(f"embedding {e.name}")
        return tuple(names), torch.full(shape, len(names) - 1, dtype=torch.long)
    mask = torch.as_tensor(owner).reshape(1, *e.ids.shape[1:], *(1,) * positions)
    return tuple(names), mask.expand(shape)
