"""Embeddings inside a net: which calls follow the rows, whose ids they look up, and how another output is put in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.inputs.groups import Groups
from auditkit.inputs.packing import Inputs, leaves, packed, taken

Scalar = Callable[[Inputs], Tensor]

MOST_PROBED = 2048
"""Entries of one row up to which each is changed, to see which ids change with it."""


@dataclass(frozen=True)
class Lookup:
    """One call of an embedding whose rows are the rows of the inputs."""

    module: nn.Module
    name: str
    index: int
    """Which call of this module it is, from 0, in one forward pass."""
    ids: Tensor
    """(N, …) what is looked up."""
    output: Tensor
    """(N, …) what the net gets; of a bag (N, L, D), its members before they are summed."""
    rows_at: int = 0
    """Dimension of the call's own output that holds the rows (sequences may come first)."""
    flat: bool = False
    """The net looks up all rows' ids in one flat list."""

    def put(self, points: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The output of the call, in the form of the net, for `points` in the place of `output`."""
        if isinstance(self.module, nn.EmbeddingBag):
            given = _bag_arguments(args, kwargs)
            return _bagged(self.module, points, given["input"], given.get("per_sample_weights"))
        return points.flatten(0, 1) if self.flat else points.movedim(0, self.rows_at)


def lookups(scalar: Scalar, module: nn.Module, inputs: Inputs) -> list[Lookup]:
    """The calls of embeddings whose rows follow the rows of `inputs`; positions and constants are left as they are."""
    if not any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in module.modules()):
        return []
    n = len(leaves(inputs)[0])
    pair = [0, n - 1]
    two, three = (_recorded(scalar, module, taken(inputs, torch.tensor(w))) for w in (pair, [*pair, 0]))
    if list(two) != list(three):
        return []  # the net calls other embeddings for other rows
    shapes = {key: _rows_of(two[key], three[key]) for key in two}
    found = []
    for key, (part, ids, output) in _recorded(scalar, module, inputs).items():
        shape = shapes.get(key)
        if shape is None:
            continue
        rows_at, flat = shape
        arranged = _arranged(ids, n, rows_at, flat), _arranged(output, n, rows_at, flat)
        found.append(Lookup(part, key[0], key[1], *arranged, rows_at, flat))
    return found


@contextlib.contextmanager
def replaced_outputs(calls: Sequence[Lookup], points: Sequence[Tensor]) -> Iterator[None]:
    """While it lasts, and for one forward pass, each call returns what it is given here."""
    own: dict[nn.Module, dict[int, tuple[Lookup, Tensor]]] = {}
    for call, given in zip(calls, points, strict=True):
        own.setdefault(call.module, {})[call.index] = (call, given)
    with contextlib.ExitStack() as stack:
        for module, by_index in own.items():
            done = [0]

            def put(_m: nn.Module, args: Any, kwargs: Any, _out: Any, own: Any = by_index, done: Any = done) -> Any:
                k, done[0] = done[0], done[0] + 1
                return own[k][0].put(own[k][1], args, kwargs) if k in own else None

            stack.callback(module.register_forward_hook(put, with_kwargs=True).remove)
        yield


def features_of(
    call: Lookup, scalar: Scalar, inputs: Inputs, groups: Groups, module: nn.Module
) -> tuple[Groups, Tensor] | None:
    """The groups, and the mask of the call's output: the features of the entries that hold its ids.

    Ids that the net computes from several columns belong to a feature of its own. None where they are the same for
    every row, whatever goes in: nothing to explain.
    """
    ids = call.ids.reshape(len(call.ids), -1)
    owners = _by_value(ids, inputs, groups) or _by_change(call, scalar, module, inputs, groups)
    constant = bool((ids == ids[:1]).all()) and (len(ids) > 1 or owners is not None)
    if constant and not any(owners or ()):
        return None
    owners = owners or [frozenset()] * ids.shape[1]
    names = list(groups.names)
    numbers = []
    for owner in owners:
        name = " + ".join(groups.names[g] for g in sorted(owner)) or f"embedding {call.name}"
        if name not in names:
            names.append(name)
        numbers.append(names.index(name))
    inner = call.output.ndim - call.ids.ndim
    mask = torch.as_tensor(numbers).reshape(1, *call.ids.shape[1:], *(1,) * inner).expand(1, *call.output.shape[1:])
    return Groups(tuple(names), groups.masks), mask


Owners = list[frozenset[int]]


def _by_value(ids: Tensor, inputs: Inputs, groups: Groups) -> Owners | None:
    """Owners of each id by the entries that hold the same numbers in all rows; None unless exactly one feature does."""
    owners: Owners = []
    sources = [(t.reshape(len(t), -1), m.flatten()) for t, m in zip(leaves(inputs), groups.masks, strict=True)]
    for k in range(ids.shape[1]):
        same: set[int] = set()
        for flat, mask in sources:
            where = (flat.long() == ids[:, k : k + 1].to(flat.device)).all(0).nonzero()[:, 0]
            same |= {int(mask[j]) for j in where.tolist()}
        if len(same) != 1:
            return None
        owners.append(frozenset(same))
    return owners


def _by_change(call: Lookup, scalar: Scalar, module: nn.Module, inputs: Inputs, groups: Groups) -> Owners | None:
    """Owners of each id by changing every entry of the first row in turn; None where the net does not take that."""
    first = [t[:1] for t in leaves(inputs)]
    sizes = [t.numel() for t in first]
    total = sum(sizes)
    if total > MOST_PROBED:
        return None
    changed, start = [], 0
    for t, size in zip(first, sizes, strict=True):
        rows = t.reshape(1, -1).repeat(total + 1, 1)
        where = torch.arange(size, device=t.device)
        rows[start + where, where] = (rows[start + where, where].long() == 0).to(t.dtype)  # 0 is always an id
        changed.append(rows.reshape(total + 1, *t.shape[1:]))
        start += size
    try:
        seen = _recorded(scalar, module, packed(inputs, changed)).get((call.name, call.index))
    except (RuntimeError, IndexError, ValueError):
        return None
    if seen is None:
        return None
    ids = _arranged(seen[1], total + 1, call.rows_at, call.flat).reshape(total + 1, -1)
    features = torch.cat([m.flatten() for m in groups.masks]).tolist()
    moved = (ids[:-1] != ids[-1:]).cpu()  # the last row is as it was
    return [frozenset(features[e] for e in moved[:, k].nonzero()[:, 0].tolist()) for k in range(ids.shape[1])]


Key = tuple[str, int]


def _recorded(scalar: Scalar, module: nn.Module, inputs: Inputs) -> dict[Key, tuple[nn.Module, Tensor, Tensor]]:
    """(name, call) → module, ids and output, of one forward pass."""
    seen: dict[Key, tuple[nn.Module, Tensor, Tensor]] = {}
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, part in module.named_modules():
            if isinstance(part, nn.Embedding | nn.EmbeddingBag):
                done = [0]

                def note(m: nn.Module, args: Any, kwargs: Any, out: Any, name: str = name, done: Any = done) -> None:
                    k, done[0] = done[0], done[0] + 1
                    if isinstance(m, nn.EmbeddingBag):
                        ids = _bag_arguments(args, kwargs)["input"]
                        if ids.ndim != 2:
                            return  # bags by offsets: rows of ids are not rows of inputs
                        out = nn.functional.embedding(ids, m.weight)
                    else:
                        ids = args[0] if args else kwargs["input"]
                    seen[name, k] = (m, ids, out.detach())

                stack.callback(part.register_forward_hook(note, with_kwargs=True).remove)
        scalar(inputs)
    return seen


def _rows_of(two: tuple[nn.Module, Tensor, Tensor], three: tuple[nn.Module, Tensor, Tensor]) -> tuple[int, bool] | None:
    """(dimension of the rows, flat) read off two rows and three, the third like the first; None: not by rows."""
    a, b = two[1], three[1]
    if a.ndim != b.ndim:
        return None
    for at in range(min(a.ndim, 2)):
        rest = [s for d, s in enumerate(a.shape) if d != at] == [s for d, s in enumerate(b.shape) if d != at]
        flat = at == 0 and a.ndim == 1 and a.shape[0] > 2
        if not rest or a.shape[at] * 3 != b.shape[at] * 2 or (a.shape[at] != 2 and not flat):
            continue
        x, y = _arranged(a, 2, at, flat), _arranged(b, 3, at, flat)
        if torch.equal(x, y[:2]) and torch.equal(y[2], y[0]):
            return at, flat
    return None


def _arranged(t: Tensor, n: int, rows_at: int, flat: bool) -> Tensor:
    """(N, …)."""
    return t.reshape(n, -1, *t.shape[1:]) if flat else t.movedim(rows_at, 0)


def _bag_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(("input", "offsets", "per_sample_weights"), args, strict=False)) | kwargs


def _bagged(module: nn.EmbeddingBag, members: Tensor, ids: Tensor, weights: Tensor | None) -> Tensor:
    """What the bag makes of its members (N, L, D): their sum, mean or maximum, without the padding."""
    there = torch.ones_like(ids, dtype=torch.bool) if module.padding_idx is None else ids != module.padding_idx
    if module.mode == "max":
        largest = members.masked_fill(~there[..., None], -torch.inf).amax(1)
        return largest.masked_fill(~there.any(1)[:, None], 0.0)
    scaled = members * there[..., None] * (1 if weights is None else weights[..., None])
    total = scaled.sum(1)
    return total if module.mode == "sum" else total / there.sum(1, keepdim=True).clamp(min=1)
