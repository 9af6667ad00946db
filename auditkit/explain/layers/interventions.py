"""A net run with what one layer gives changed: a concept erased from it, or some of its units held at their means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.arrays import Bools, Floats, Positions
from auditkit.explain.asking import answering
from auditkit.explain.layers.conductance import INPUT
from auditkit.explain.layers.discovery import Change, Layer, listening
from auditkit.explain.layers.erasure import Eraser
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, n_rows, slices, taken

Acts = dict[str, NDArray[np.float32]]

BLOCK_BYTES = 128 * 2**20
"""Memory of the activations that are held at once."""
CALL_BYTES = 64 * 2**20
"""What the layers of one call may hold."""
WIDEST = 4096
"""Units up to which a layer is looked at as it is."""
PROJECTED = 1024
"""Sums into which the units of a wider one go."""


def erasing(eraser: Eraser) -> Change:
    """Erase at every position of a layer; what was fitted on means over positions is then erased from them exactly."""

    def change(flat: Tensor) -> Tensor:
        mean, read, write = (torch.as_tensor(a, dtype=flat.dtype, device=flat.device) for a in eraser)
        return flat - ((flat - mean) @ read) @ write.T

    return change


def holding(units: Sequence[int] | Positions, means: Floats) -> Change:
    """Hold these units at their `means` (units,), at every position."""

    def change(flat: Tensor) -> Tensor:
        out = flat.clone()
        out[..., list(units)] = torch.as_tensor(means, dtype=flat.dtype, device=flat.device)[list(units)]
        return out

    return change


def scores_with(model: Model, inputs: Inputs, layer: Layer | None = None, change: Change | None = None) -> Floats:
    """(N,) scores of encoded rows, with `change` at `layer` (the input's is named "input")."""
    parts = []
    for where in slices(n_rows(inputs), rows_of(model, inputs, [] if layer is None else [layer])):
        some = taken(inputs, where)
        if layer is not None and layer.name == INPUT:
            assert change is not None
            assert isinstance(some, Tensor), "only one tensor of numbers is changed"
            some = change(some.reshape(len(some), -1)[:, None]).reshape(some.shape)
        changes = {layer.name: change} if layer is not None and change is not None else {}
        heard = [] if layer is None or layer.name == INPUT else [layer]
        with torch.no_grad(), answering(), listening(model.module, heard, changes=changes):
            parts.append(model.probabilities(model.decision(some)).double().cpu().numpy())
    return np.concatenate(parts)


def activations(model: Model, inputs: Inputs, layers: Sequence[Layer]) -> Acts:
    """(N, units) of every layer, the mean over its positions; of the widest a projection (`projected`).

    A layer that is not called at every pass, or not with every row of it, is not among them.
    """
    kept: dict[str, list[NDArray[np.float32]]] = {layer.name: [] for layer in layers}
    for where in slices(n_rows(inputs), rows_of(model, inputs, layers)):
        some = taken(inputs, where)
        with torch.no_grad(), listening(model.module, layers) as heard:
            model.decision(some)
        for layer in layers:
            if layer.name not in heard or not layer.whole(heard[layer.name], n_rows(some)):
                kept.pop(layer.name, None)
            if layer.name not in kept:
                continue
            kept[layer.name].append(projected(layer.flat(heard[layer.name]).float().mean(1).cpu().numpy()))
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def blocks(layers: Sequence[Layer], n: int) -> Iterator[list[Layer]]:
    """Layers whose activations fit in memory together."""
    block: list[Layer] = []
    held = 0
    for layer in layers:
        if layer.reason:
            continue
        size = 4 * n * min(layer.units, WIDEST)
        if block and held + size > BLOCK_BYTES:
            yield block
            block, held = [], 0
        block.append(layer)
        held += size
    if block:
        yield block


def without(block: Sequence[Layer], own: Acts) -> dict[str, str]:
    """Layer → why nothing can be said of it after all."""
    out = {}
    for name in (layer.name for layer in block):
        bad = int((~np.isfinite(own[name])).any(1).sum()) if name in own else 0
        if name not in own:
            out[name] = "it is not called with every row"
        elif bad:
            out[name] = f"its output is NaN or infinite for {bad} of {len(own[name])} rows"
    return out


def lost(model: Model, inputs: Inputs, layers: Sequence[Layer]) -> dict[str, str]:
    """The same of any layers, after one pass over all rows."""
    parts = ((block, activations(model, inputs, block)) for block in blocks(layers, n_rows(inputs)))
    return {name: why for block, own in parts for name, why in without(block, own).items()}


def rows_of(model: Model, inputs: Inputs, layers: Sequence[Layer]) -> int:
    """Rows of a call."""
    held = sum(layer.units * layer.positions for layer in layers)
    row = 4 * (held + 4 * sum(t[:1].numel() for t in leaves(inputs)))
    return int(max(1, min(model.batch_size, CALL_BYTES // max(row, 1))))


def encoded(inputs: Inputs) -> NDArray[np.float32]:
    """(N, d) of what goes into the net, entry by entry; of wide inputs a projection.

    Missing entries stand at the mean of the others, beside a column a missing entry that says which rows lack it.
    """
    width = sum(t[:1].numel() for t in leaves(inputs))
    step = max(1, CALL_BYTES // (4 * width))
    mean, some = _known_means(inputs, step)
    parts = []
    for where in slices(n_rows(inputs), step):
        flat = _flat(inputs, where)
        if some.any():
            flat = np.concatenate([np.where(np.isfinite(flat), flat, mean), ~np.isfinite(flat[:, some])], axis=1)
        parts.append(projected(flat.astype(np.float32)))
    return np.concatenate(parts)


def _flat(inputs: Inputs, where: slice) -> NDArray[np.float32]:
    flat = [t[where].float().cpu().numpy() for t in leaves(inputs)]
    return np.concatenate([f.reshape(len(f), -1) for f in flat], axis=1)


def _known_means(inputs: Inputs, step: int) -> tuple[Floats, Bools]:
    """(d,) the means of the entries that are known, and which entries are missing in some row."""
    total, known, n = 0.0, 0, n_rows(inputs)
    for where in slices(n, step):
        flat = _flat(inputs, where).astype(np.float64)
        there = np.isfinite(flat)
        total, known = total + np.where(there, flat, 0.0).sum(0), known + there.sum(0)
    return np.asarray(total / np.maximum(known, 1)), np.asarray(known < n)


def projected(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, d) as it is up to `WIDEST`; of wider rows `PROJECTED` sums: each entry goes into one, with a random sign."""
    d = x.shape[1]
    if d <= WIDEST:
        return x
    rng = np.random.default_rng(d)
    into, sign = rng.permutation(d) % PROJECTED, rng.choice(np.array([-1, 1], dtype=np.float32), d)
    order = np.argsort(into, kind="stable")
    starts = np.searchsorted(into[order], np.arange(PROJECTED))
    out: NDArray[np.float32] = np.add.reduceat((x * sign)[:, order], starts, axis=1)
    return out
