"""What layers give for all rows, and the net run with other values in the place of what one of them gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.arrays import Bools, Floats, Positions
from auditkit.explain.asking import answering
from auditkit.explain.captum_calls import Tensors, written_together
from auditkit.explain.layers.conductance import INPUT
from auditkit.explain.layers.layer import Change, Layer
from auditkit.explain.layers.listening import listening
from auditkit.explain.layers.on_disk import Member, empty
from auditkit.explain.layers.sums import FLAT
from auditkit.inputs import batching
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, n_rows, packed, slices, taken

BLOCK_BYTES = 64 * 2**20
"""Memory of the activations that are held at once."""
CALL_BYTES = 16 * 2**20
"""What the layers of one call may hold: what more would leave in the heap is of little use to what comes next."""
WIDEST = 4096
"""Units up to which a layer is looked at as it is."""
PROJECTED = 1024
"""Sums into which the units of a wider one go."""
KEPT = 2**24
"""Numbers of a layer (rows, positions, units), up to which they are kept one by one, so that it can be changed."""


Members = tuple[Member, ...]


@dataclass(frozen=True)
class Given:
    """What a layer gave for N rows."""

    flat: NDArray[np.float32]
    """(N, d) what is probed: every unit at every position that is read, or means over those; of many a projection."""
    members: Members = ()
    """(N, positions read, units) of each of its members, so that they can be changed; none where they are too many."""


Acts = dict[str, Given]


def scores_with(
    model: Model,
    inputs: Inputs,
    layer: Layer | None = None,
    values: Callable[[slice], Sequence[NDArray[Any]]] | None = None,
    rows: Positions | None = None,
) -> Floats:
    """(n,) scores of encoded rows, all or those at `rows`, with `values` as what `layer` gives.

    `values` says for a part of these rows what that is (as `Given.members`; the input's layer is "input"), so that no
    more of it is held than goes into one call.
    """
    heard = [] if layer is None or layer.name == INPUT else list(layer.members)
    n = n_rows(inputs) if rows is None else len(rows)

    def scored(where: slice) -> Tensors:
        some, changes = taken(inputs, where if rows is None else torch.as_tensor(rows[where])), {}
        if layer is not None and values is not None:
            now = values(where)
            if layer.name == INPUT:
                some = packed(some, [_like(v, t).reshape(t.shape) for v, t in zip(now, leaves(some), strict=True)])
            else:
                changes = {y.name: putting(y, v) for y, v in zip(heard, now, strict=True)}
        with torch.no_grad(), answering(), listening(model.module, heard, changes=changes):
            return (model.probabilities(model.decision(some)).double().cpu(),)

    parts = slices(n, rows_of(model, inputs, [] if layer is None else [layer]))
    return written_together(map(scored, parts), n)[0].numpy()


def putting(layer: Layer, values: NDArray[Any]) -> Change:
    """Put values (n, positions read, units) there."""

    def change(flat: Tensor) -> Tensor:
        put = _like(values, flat)
        if layer.read is None:
            return put
        out = flat.clone()
        out[:, list(layer.read)] = put
        return out

    return change


def _like(values: NDArray[Any], like: Tensor) -> Tensor:
    return torch.as_tensor(values).to(dtype=like.dtype, device=like.device)


def activations(model: Model, inputs: Inputs, layers: Sequence[Layer], *, members: bool = True) -> Acts:
    """What every layer gives for the rows; `members` keeps what can be changed.

    A layer that is not called at every pass, or not with every row of it, is not among them.
    """
    n = n_rows(inputs)
    single = {y.name: y for layer in layers for y in layer.members}
    wide = {layer.name: sum(y.places * y.units for y in layer.members) for layer in layers}
    kept = {y.name for y in layers if members and n * wide[y.name] <= KEPT}
    out: dict[str, tuple[NDArray[np.float32], Members]] = {}
    lost: set[str] = set()
    for where in slices(n, rows_of(model, inputs, layers)):
        some = taken(inputs, where)
        with torch.no_grad(), listening(model.module, list(single.values())) as heard:
            model.decision(some)
        for layer in layers:
            if not all(y.name in heard and y.whole(heard[y.name], n_rows(some)) for y in layer.members):
                lost.add(layer.name)
            if layer.name in lost:
                continue
            own = [_read(y, heard[y.name]) for y in layer.members]
            flat = probed(own)
            own = own if layer.name in kept else []
            if layer.name not in out:
                room = tuple(empty((n, *part.shape[1:])) for part in own)
                out[layer.name] = np.empty((n, *flat.shape[1:]), np.float32), room
            for whole, part in zip((out[layer.name][0], *out[layer.name][1]), (flat, *own), strict=True):
                whole[where] = part
    return {name: Given(*found) for name, found in out.items() if name not in lost}


def _read(layer: Layer, output: Tensor) -> NDArray[np.float32]:
    flat = layer.flat(output)
    return (flat if layer.read is None else flat[:, list(layer.read)]).float().cpu().numpy()


def probed(members: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """`Given.flat` of members (N, positions, units)."""
    if sum(m[0].size for m in members if len(m)) <= FLAT:
        return np.concatenate([m.reshape(len(m), -1) for m in members], axis=1)
    return projected(np.concatenate([m.mean(1) for m in members], axis=1))


def blocks(layers: Sequence[Layer], n: int) -> Iterator[list[Layer]]:
    """Layers whose activations fit in memory together."""
    block: list[Layer] = []
    held = 0
    for layer in layers:
        if layer.reason:
            continue
        wide = sum(y.places * y.units for y in layer.members)
        size = 4 * (n * min(layer.units, WIDEST) + (n * wide if n * wide <= KEPT else 0))
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
        bad = int((~np.isfinite(own[name].flat)).any(1).sum()) if name in own else 0
        if name not in own:
            out[name] = "it is not called with every row"
        elif bad:
            out[name] = f"its output is NaN or infinite for {bad} of {len(own[name].flat)} rows"
    return out


def lost(model: Model, inputs: Inputs, layers: Sequence[Layer]) -> dict[str, str]:
    """The same of any layers, after one pass over all rows."""
    parts = ((block, activations(model, inputs, block, members=False)) for block in blocks(layers, n_rows(inputs)))
    return {name: why for block, own in parts for name, why in without(block, own).items()}


def rows_of(model: Model, inputs: Inputs, layers: Sequence[Layer]) -> int:
    """Rows of a call."""
    held = sum(y.units * y.positions for layer in layers for y in layer.members)
    row = 4 * (held + 4 * sum(t[:1].numel() for t in leaves(inputs)))
    return int(max(1, min(model.batch_size, CALL_BYTES // max(row, 1))))


def encoded(inputs: Inputs) -> NDArray[np.float32]:
    """(N, d) of what goes into the net, entry by entry; of wide inputs a projection.

    Missing entries stand at the mean of the others, beside a column a missing entry that says which rows lack it.
    """
    step = batching.rows_of(batching.row_bytes(inputs))
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


def input_members(inputs: Inputs) -> Members:
    """(N, 1, d) of each tensor that goes in; none where one holds no numbers, or lacks some, or all are too many."""
    tensors = leaves(inputs)
    wide = sum(t[:1].numel() for t in tensors)
    if wide > WIDEST or not all(t.is_floating_point() and bool(t.isfinite().all()) for t in tensors):
        return ()
    return tuple(t.reshape(len(t), 1, -1).float().cpu().numpy() for t in tensors)


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
