"""The surface that is explained: the model as a function of what can be moved, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from auditkit.errors import NotExplained
from auditkit.explain.asking import answering
from auditkit.explain.embedded import Lookup, Scalar, lookups, replaced_outputs
from auditkit.explain.owners import features_of
from auditkit.inputs.groups import Groups
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, packed
from auditkit.inputs.texts import place_of, tokens_in

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
    module: nn.Module | None = None
    """The net behind it, for methods that look inside; None where there is none."""
    without: tuple[Tensor | None, ...] = ()
    """(1, …) of points that are words of a text, where no word is: the vectors of padding; None of others."""

    def __len__(self) -> int:
        return len((*self.points, *self.fixed)[0])

    def take(self, where: slice | Tensor) -> Surface:
        """The rows at `where`."""
        return replace(self, points=tuple(p[where] for p in self.points), fixed=tuple(f[where] for f in self.fixed))

    def at(self, points: tuple[Tensor, ...]) -> Tensor:
        """F (N,) at other points, (N, …) or (1, …), with the rows' own `fixed`; no gradients kept."""
        with torch.no_grad():
            return self.forward(*(p.expand(len(self), *p.shape[1:]) for p in points), *self.fixed)

    @property
    def unmoved(self) -> tuple[str, ...]:
        """Features of which no entry can be moved: whole numbers that go in past every embedding."""
        moved = {int(g) for mask in self.groups.masks for g in torch.unique(mask)}
        return tuple(name for i, name in enumerate(self.groups.names) if i not in moved)


def surface(model: Model, inputs: Inputs, groups: Groups, *, scale: Scale = "decision") -> Surface:
    """The surface of a model at encoded inputs (N, …): its decision (the logit, if it has one) or its score.

    Token ids, and categories that the net embeds, have no gradient: there the output of the embedding is moved, and
    belongs to the features that its ids belong to; what belongs to none (positions, a decoder's own words) stays that
    of its row. Whole numbers that the net computes with are moved as floats.
    For a multiclass model the surface has an output a class, (N, C).
    """
    scalar = _scalar(model, scale)
    tensors = leaves(inputs)
    calls: list[Lookup] = []
    held: list[Lookup] = []
    masks: list[Tensor] = []
    named = groups
    for call in lookups(scalar, model.module, inputs):
        found = features_of(call, scalar, inputs, groups, model.module)
        if found is None:
            held.append(call)
        else:
            names = (*named.names, *(n for n in found[0].names if n not in named.names))
            number = torch.as_tensor([names.index(n) for n in found[0].names])
            named = Groups(names, groups.masks)
            calls.append(call)
            masks.append(number[found[1]])
    fixed = tuple(c.output for c in held)
    moved = [i for i, t in enumerate(tensors) if t.is_floating_point()]
    if isinstance(inputs, Tensor) and not moved and _counts(scalar, inputs, [*calls, *held]):
        moved = [0]
        tensors = (tensors[0].to(torch.get_default_dtype()),)
    still = [i for i in range(len(tensors)) if i not in moved]
    points = (*(tensors[i] for i in moved), *(c.output for c in calls))
    own = Groups(named.names, (*(groups.masks[i] for i in moved), *masks))
    without = (*(None for _ in moved), *(_without_words(model, inputs, call) for call in calls))
    forward = _forward(scalar, inputs, [*calls, *held], moved, held=len(held))
    return Surface(forward, points, (*(tensors[i] for i in still), *fixed), own, model.module, without)


def _without_words(model: Model, inputs: Inputs, call: Lookup) -> Tensor | None:
    """(1, …) the vectors of a text's padding, where the call looks the text's own ids up."""
    tokens, place = tokens_in(model.feature_map_given), place_of(model.feature_map_given, inputs)
    if tokens is None or place is None:
        return None
    ids = leaves(inputs)[place]
    return call.at(torch.full_like(call.ids[:1], tokens.padding)) if torch.equal(ids, call.ids.to(ids)) else None


def whole(model: Model, inputs: Inputs, groups: Groups, *, scale: Scale = "decision") -> Surface:
    """The surface on which every input is moved as it is, whole numbers too: for methods that need no gradient."""
    scalar = _scalar(model, scale)
    return Surface(lambda *given: scalar(packed(inputs, given)), leaves(inputs), (), groups, model.module)


def _scalar(model: Model, scale: Scale) -> Scalar:
    def scalar(given: Inputs) -> Tensor:
        with answering():
            out = model.decision(given)
            return out if scale == "decision" else model.probabilities(out)

    return scalar


def _forward(
    scalar: Scalar, inputs: Inputs, calls: Sequence[Lookup], moved: Sequence[int], *, held: int = 0
) -> Forward:
    """(points, fixed) → F: moved inputs, outputs of embeddings, then what goes along, the outputs of the last `held`
    calls behind it."""
    width = len(leaves(inputs))
    still = [i for i in range(width) if i not in moved]
    a, b = len(moved), len(moved) + len(calls) - held

    def forward(*given: Tensor) -> Tensor:
        parts: list[Tensor] = list(leaves(inputs))
        kept = given[b : b + len(still)]
        for i, tensor in zip((*moved, *still), (*given[:a], *kept), strict=True):
            parts[i] = tensor
        with replaced_outputs(calls, (*given[a:b], *given[b + len(still) :])):
            return scalar(packed(inputs, parts))

    return forward


def _counts(scalar: Scalar, inputs: Tensor, calls: Sequence[Lookup], rows: int = 8) -> bool:
    """Whether the net computes with its whole numbers: it takes floats as well, and their gradient is not 0."""
    few = slice(rows)
    ids = inputs[few]
    if ids.dtype == torch.bool:
        return False
    outputs = [c.output[few] for c in calls]
    forward = _forward(scalar, inputs, calls, [0])
    point = ids.to(torch.get_default_dtype()).requires_grad_()
    try:
        with torch.enable_grad():
            out = forward(point, *outputs)
            same = torch.allclose(out, forward(ids, *outputs))
            (gradient,) = torch.autograd.grad(out.sum(), point, allow_unused=True, materialize_grads=True)
    except (RuntimeError, NotExplained):
        return False
    return same and bool(gradient.count_nonzero())
