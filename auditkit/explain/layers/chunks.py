"""Layers that are not called as often for all rows as for the few by which layers are found."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, taken

if TYPE_CHECKING:
    from auditkit.explain.layers.discovery import Layer

Calls = dict[nn.Module, list[tuple[int, ...]]]
"""Module → shape of what it gave at each of its calls."""


def checked_calls(model: Model, inputs: Inputs, layers: Sequence[Layer], *, few: int) -> tuple[Layer, ...]:
    """The layers, found on `few` rows; with a reason those whose calls are others on a whole batch of rows.

    A module that is called once for every so many rows (a ghost batch normalisation) gives no output of all rows at
    one call, and its calls are no steps of the net.
    """
    n = min(n_rows(inputs), model.batch_size)
    if n <= few:
        return tuple(layers)
    modules = dict.fromkeys(y.module for y in layers if not isinstance(y.module, torch.jit.ScriptModule))
    before, now = (_calls(model, taken(inputs, slice(rows)), list(modules)) for rows in (few, n))
    reasons = {m: _reason(before[m], now[m], few, n) for m in modules}
    return tuple(replace(y, reason=reasons.get(y.module) or y.reason) for y in layers)


def _calls(model: Model, inputs: Inputs, modules: Sequence[nn.Module]) -> Calls:
    seen: Calls = {m: [] for m in modules}
    with contextlib.ExitStack() as stack, torch.no_grad():
        for module in modules:

            def note(m: nn.Module, _i: object, output: Any) -> None:
                while isinstance(output, tuple | list) and output:
                    output = output[0]
                seen[m].append(tuple(output.shape) if isinstance(output, Tensor) else ())

            stack.callback(module.register_forward_hook(note).remove)
        model.decision(inputs)
    return seen


def _reason(before: list[tuple[int, ...]], now: list[tuple[int, ...]], few: int, n: int) -> str:
    """Why its calls on few rows do not stand for those on n; "" where they do."""
    if len(before) == len(now):
        return ""
    if not before:
        return "it is not called with every row"
    if len(now) > len(before) and any(_adds_up(before, now, few, n, d) for d in range(min(map(len, (*before, *now))))):
        return f"it is called once a chunk of rows, {len(now)} times for {n:,}"
    return f"it is called {len(before)} times for {few} rows and {len(now)} times for {n:,}"


def _adds_up(before: list[tuple[int, ...]], now: list[tuple[int, ...]], few: int, n: int, d: int) -> bool:
    """Whether all rows went through its calls as often as the few did, counted along dimension `d`."""
    return sum(s[d] for s in before) * n == sum(s[d] for s in now) * few and max(s[d] for s in now) < n
