"""Activations of layers, and the decision's gradient to them, a part of the rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from auditkit.arrays import Floats
from auditkit.errors import NotExplained
from auditkit.explain.asking import answering, differentiating
from auditkit.explain.layers.layer import Change, Layer
from auditkit.explain.layers.listening import listening
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, slices, taken

ROWS = 512
"""Rows a pass, at most."""


class Part(NamedTuple):
    """Some rows at one layer."""

    activation: Tensor
    """(n, positions · units), double precision."""
    gradient: Tensor
    """(n, positions · units) of the row's own decision."""


def parts(model: Model, inputs: Inputs, layers: Sequence[Layer]) -> Iterator[tuple[slice, dict[str, Part]]]:
    """Activations and gradients of all rows at these layers, `ROWS` or fewer at a time, in one pass for all layers.

    Run it in `undisturbed(model)`. Gradients are taken to a 0 that is added to each layer's output, so that they exist
    also where no input has one (token ids), and reach all layers in one pass.
    """
    single = list({y.name: y for layer in layers for y in layer.members}.values())
    for where in slices(n_rows(inputs), ROWS):
        given: dict[str, Tensor] = {}
        added: dict[str, Tensor] = {}
        changes = {layer.name: _adding(layer.name, given, added) for layer in single}
        with differentiating(), listening(model.module, single, changes=changes):
            decision = model.decision(taken(inputs, where))
            if not decision.requires_grad:
                raise NotExplained("the net has no gradient to its layers: its output is detached")
            gradients = torch.autograd.grad(
                decision.sum(), [added[y.name] for y in single], allow_unused=True, materialize_grads=True
            )
        own = {y.name: Part(_rows(given[y.name]), _rows(g)) for y, g in zip(single, gradients, strict=True)}
        out = {layer.name: _together([own[y.name] for y in layer.members]) for layer in layers}
        if not all(bool(p.gradient.isfinite().all()) for p in out.values()):
            raise NotExplained("the net's gradient to its layers is NaN or infinite")
        yield where, out


def moved_decisions(
    model: Model, inputs: Inputs, layer: Layer | None = None, v: Tensor | None = None, sides: Floats | None = None
) -> Floats:
    """(N,) decisions when what `layer` gives for row i is moved by sides_i · v, v (positions · units,).

    NotExplained where the net does not take that.
    """
    out = []
    members = () if layer is None else layer.members
    for where in slices(n_rows(inputs), ROWS):
        changes, start = {}, 0
        for y in members:
            assert v is not None
            assert sides is not None
            size = y.positions * y.units
            changes[y.name] = _moving(v[start : start + size], torch.as_tensor(sides[where]))
            start += size
        with torch.no_grad(), answering(), listening(model.module, members, changes=changes):
            out.append(model.decision(taken(inputs, where)).double().cpu().numpy())
    return np.concatenate(out) if out else np.zeros(0)


def _moving(v: Tensor, sides: Tensor) -> Change:
    def change(flat: Tensor) -> Tensor:
        step = sides.to(flat.device)[:, None, None] * v.reshape(1, *flat.shape[1:])
        return flat + step.to(flat.dtype)

    return change


def _adding(name: str, given: dict[str, Tensor], added: dict[str, Tensor]) -> Change:
    """A 0 with a gradient is added to what a layer gives; both are kept under its name."""

    def change(flat: Tensor) -> Tensor:
        given[name], added[name] = flat.detach().clone(), torch.zeros_like(flat).requires_grad_()
        return flat + added[name]

    return change


def _together(members: Sequence[Part]) -> Part:
    """Layers that are looked at together, side by side."""
    if len(members) == 1:
        return members[0]
    return Part(*(torch.cat(column, dim=1) for column in zip(*members, strict=True)))


def _rows(flat: Tensor) -> Tensor:
    return flat.detach().reshape(len(flat), -1).double()
