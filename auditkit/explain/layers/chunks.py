"""Layers that are not called as often for all rows as for the few by which layers are found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, taken

Calls = dict[nn.Module, list[tuple[int, ...]]]
"""Module → shape of what it gave at each of its calls."""


def differing_calls(model: Model, inputs: Inputs, modules: Iterable[nn.Module], *, few: int) -> dict[nn.Module, str]:
    """Module → why what was found of it on `few` rows does not hold for a whole batch: its calls are others there.

    A module that is called once for every so many rows (a ghost batch normalisation) gives no output of all rows at
    one call, and its calls are no steps of the net.
    """
    n = min(n_rows(inputs), model.batch_size)
    if n <= few:
        return {}
    hooked = [m for m in dict.fromkeys(modules) if not isinstance(m, torch.jit.ScriptModule)]
    before, now = (_calls(model, taken(inputs, slice(rows)), hooked) for rows in (few, n))
    reasons = {m: _reason(before[m], now[m], few, n) for m in hooked}
    return {m: why for m, why in reasons.items() if why}


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
