"""Whose ids an embedding looks up: the features that the vectors it gives belong to, or nobody's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.explain.embedded import Lookup, Scalar, arranged_rows, recorded
from auditkit.inputs.groups import Groups
from auditkit.inputs.packing import Inputs, leaves, n_rows, packed, taken

MOST_PROBED = 2048
"""Entries of one row up to which each is changed, to see which ids change with it."""
FEW = 8
"""Rows of which it is asked whether ids come out of the net itself."""
MANY = 256
"""Rows by which it is asked whether anything but their owner moves ids that come out of the net."""

Owners = list[frozenset[int]]


def features_of(
    call: Lookup, scalar: Scalar, inputs: Inputs, groups: Groups, module: nn.Module
) -> tuple[Groups, Tensor] | None:
    """The groups, and the mask of the call's output: the features of the entries that hold its ids.

    Ids that the net computes from several columns (a cross) belong to a feature of its own. None where they are
    nobody's, and the vectors stay what they are: ids that are the same for every row whatever goes in, positions that
    count along the row, and ids that the net has decided on (what a decoder has said so far).
    """
    ids = call.ids.reshape(len(call.ids), -1)
    owners = _by_value(ids, inputs, groups)
    if owners is None:
        owners, changed = _by_change(call, scalar, module, inputs, groups)
        constant = bool((ids == ids[:1]).all()) and (len(ids) > 1 or owners is not None)
        if constant and not any(owners or ()):
            return None
        owners = owners or [frozenset()] * ids.shape[1]
        seen = torch.cat([ids, *changed]).reshape(-1, *call.ids.shape[1:])
        several = any(len(o) != 1 for o in owners)
        if several and _counted(seen):
            return None
        if _decided(call, scalar, module, inputs) and (
            several or not _alone(call, scalar, module, inputs, groups, owners)
        ):
            return None
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


def _by_value(ids: Tensor, inputs: Inputs, groups: Groups) -> Owners | None:
    """Owners of each id by the entries that hold the same numbers in all rows; None unless exactly one feature does.

    Numbers that are the same in all rows can be the same as any others by accident: they say nothing.
    """
    if bool((ids == ids[:1]).all(0).any()):
        return None
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


def _by_change(
    call: Lookup, scalar: Scalar, module: nn.Module, inputs: Inputs, groups: Groups
) -> tuple[Owners | None, list[Tensor]]:
    """Owners of each id by changing every entry of the first row in turn, and all ids that this gave (…, ids of a row).

    An entry becomes 0 (or 1), which is always an id; where that moves some ids by nothing, also what another
    row has there, and more and less than it is. None where the net takes no such row.
    """
    first = [t[:1] for t in leaves(inputs)]
    if sum(t.numel() for t in first) > MOST_PROBED:
        return None, []
    whole = leaves(inputs)
    several: tuple[Callable[[], list[Tensor]], ...] = (
        lambda: [_zero_or_one(t) for t in first],
        lambda: [_another(t) for t in whole],
        lambda: [_moved(t, 1) for t in first],
        lambda: [_moved(t, -1) for t in first],
    )
    owners: Owners | None = None
    changed: list[Tensor] = []
    for others in several:
        if owners is not None and all(owners):
            break
        ids = _changed_ids(call, scalar, module, inputs, others())
        if ids is None:
            continue
        features = torch.cat([m.flatten() for m in groups.masks]).tolist()
        moved = (ids[:-1] != ids[-1:]).cpu()  # the last row is as it was
        found = [frozenset(features[e] for e in column.nonzero()[:, 0].tolist()) for column in moved.unbind(1)]
        owners = found if owners is None else [a | b for a, b in zip(owners, found, strict=True)]
        changed.append(ids.to(call.ids.device))
    return owners, changed


def _zero_or_one(t: Tensor) -> Tensor:
    return (t.long() == 0).to(t.dtype)


def _moved(t: Tensor, way: int) -> Tensor:
    """Numbers further than they are from 0; whole numbers, which may be ids, as they are."""
    return t + way * (1 + t.abs()) if t.is_floating_point() else t


def _another(t: Tensor) -> Tensor:
    """(1, …) of each entry the value of the row that differs most from the first; the first where none does."""
    flat = t.reshape(len(t), -1)
    away = (flat.double() - flat[:1].double()).abs().nan_to_num(-1.0)
    return flat.gather(0, away.argmax(0, keepdim=True)).reshape(1, *t.shape[1:])


def _changed_ids(
    call: Lookup, scalar: Scalar, module: nn.Module, inputs: Inputs, others: list[Tensor]
) -> Tensor | None:
    """(entries + 1, ids of a row): the first row's ids with one entry after the other from `others` (1, …); then as
    they are."""
    first = [t[:1] for t in leaves(inputs)]
    total = sum(t.numel() for t in first)
    changed, start = [], 0
    for t, other in zip(first, others, strict=True):
        rows = t.reshape(1, -1).repeat(total + 1, 1)
        where = torch.arange(t.numel(), device=t.device)
        rows[start + where, where] = other.flatten()
        changed.append(rows.reshape(total + 1, *t.shape[1:]))
        start += t.numel()
    try:
        seen = recorded(scalar, module, packed(inputs, changed)).get((call.name, call.index))
    except (RuntimeError, IndexError, ValueError):
        return None
    if seen is None or seen.ids.numel() != (total + 1) * call.ids[0].numel():
        return None
    return arranged_rows(seen.ids, total + 1, call.rows_at, call.flat).reshape(total + 1, -1)


def _counted(ids: Tensor) -> bool:
    """Whether ids (N, …, L) count along each row, as positions and segments do: from place to place they stay or rise
    by 1, but for padding, whose id is the least."""
    if ids.ndim < 2 or ids.shape[-1] < 2:
        return False
    rows = ids.reshape(-1, ids.shape[-1]).long()
    least = rows.min()

    def rises(there: Tensor) -> bool:
        before = torch.where(there, rows, least - 1).cummax(1).values
        step = before.diff(dim=1)
        return bool((((step == 0) | (step == 1) | (before[:, :-1] < least)) & ((rows == before) | ~there)[:, 1:]).all())

    return bool((rows != rows[:, :1]).any()) and (rises(rows >= least) or rises(rows > least))


def _decided(call: Lookup, scalar: Scalar, module: nn.Module, inputs: Inputs) -> bool:
    """Whether the ids are other ones when the net's layers give the opposite: the net has made them."""
    few = taken(inputs, slice(min(FEW, n_rows(inputs))))
    try:
        own = recorded(scalar, module, few).get((call.name, call.index))
        with _opposite(module):
            other = recorded(scalar, module, few).get((call.name, call.index))
    except Exception:  # such a net says nothing
        return False
    return own is not None and (other is None or not torch.equal(own.ids, other.ids))


@contextlib.contextmanager
def _opposite(module: nn.Module) -> Iterator[None]:
    """While it lasts, every layer with weights, embeddings apart, gives the opposite of what it would."""

    def turned(out: Any) -> Any:
        if isinstance(out, torch.Tensor):
            return -out if out.is_floating_point() else out
        if isinstance(out, tuple) and not hasattr(out, "_fields"):
            return tuple(turned(o) for o in out)
        return out

    with contextlib.ExitStack() as stack:
        for part in module.modules():
            lookup = isinstance(part, nn.Embedding | nn.EmbeddingBag)
            if not lookup and not any(part.children()) and any(True for _ in part.parameters()):
                stack.callback(part.register_forward_hook(lambda _m, _i, out: turned(out)).remove)
        yield


def _alone(call: Lookup, scalar: Scalar, module: nn.Module, inputs: Inputs, groups: Groups, owners: Owners) -> bool:
    """Whether each id stays that of the first row while its owner does, whatever else becomes of the row.

    Of one row of whole numbers nobody can tell: ids that the net decides on are then taken to be its own.
    """
    first = [t[:1] for t in leaves(inputs)]
    if n_rows(inputs) == 1 and not any(t.is_floating_point() for t in first):
        return False
    others = [
        torch.cat([t[1:MANY], _zero_or_one(one), _moved(one, 1), _moved(one, -1)])
        for t, one in zip(leaves(inputs), first, strict=True)
    ]
    own = call.ids[:1].reshape(1, -1)
    for owner in set(owners):
        there = [torch.as_tensor([int(g) in owner for g in m.flatten()]).reshape(m.shape) for m in groups.masks]
        mixed = [torch.where(w.to(t.device), t, o) for w, t, o in zip(there, first, others, strict=True)]
        try:
            seen = recorded(scalar, module, packed(inputs, mixed)).get((call.name, call.index))
        except (RuntimeError, IndexError, ValueError):
            return False
        if seen is None or seen.ids.numel() != len(mixed[0]) * own.numel():
            return False
        ids = arranged_rows(seen.ids, len(mixed[0]), call.rows_at, call.flat).reshape(len(mixed[0]), -1)
        mine = [k for k, o in enumerate(owners) if o == owner]
        if not bool((ids[:, mine] == own[:, mine]).all()):
            return False
    return True
