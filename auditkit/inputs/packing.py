"""What goes into a net: one tensor, several, or several by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

Inputs = Tensor | tuple[Tensor, ...] | dict[str, Tensor]
"""(N, …) each; a tuple is passed by position, a dict by name, or whole where `forward` takes one parameter."""


def leaves(inputs: Inputs) -> tuple[Tensor, ...]:
    """The tensors, in the order of the call."""
    if isinstance(inputs, Tensor):
        return (inputs,)
    return tuple(inputs.values()) if isinstance(inputs, dict) else tuple(inputs)


def packed(like: Inputs, tensors: Sequence[Tensor]) -> Inputs:
    """`tensors`, in the form of `like`.

    >>> import torch
    >>> packed({"a": torch.zeros(1), "b": torch.zeros(1)}, [torch.ones(1), torch.ones(1)])
    {'a': tensor([1.]), 'b': tensor([1.])}
    """
    if isinstance(like, Tensor):
        (only,) = tensors
        return only
    return dict(zip(like, tensors, strict=True)) if isinstance(like, dict) else tuple(tensors)


def slices(n: int, step: int) -> Iterator[slice]:
    """Parts of n rows, `step` or fewer each.

    >>> [(s.start, s.stop) for s in slices(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, n, step):
        yield slice(start, min(n, start + step))


def n_rows(inputs: Inputs) -> int:
    """N."""
    return len(leaves(inputs)[0])


def taken(inputs: Inputs, where: Any) -> Inputs:
    """The rows at `where`: a slice, or an index of rows."""
    return packed(inputs, [t[where] for t in leaves(inputs)])


def called(module: nn.Module, inputs: Inputs) -> Any:
    """What the module returns for copies of them: a net may write to its inputs, and they are used again."""
    inputs = packed(inputs, [t.clone() for t in leaves(inputs)])
    if isinstance(inputs, Tensor) or _taken_whole(module, inputs):
        return module(inputs)
    return module(**inputs) if isinstance(inputs, dict) else module(*inputs)


def _taken_whole(module: nn.Module, inputs: tuple[Tensor, ...] | dict[str, Tensor]) -> bool:
    """Whether `forward` cannot take several inputs apart, but has one parameter for all, of another name."""
    try:
        signature = inspect.signature(getattr(unwrapped(module), "forward", module))
        first = next(iter(signature.parameters), "")
        if isinstance(inputs, dict) and first in inputs:
            return False
        signature.bind(inputs)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(**inputs) if isinstance(inputs, dict) else signature.bind(*inputs)
    except TypeError:
        return True
    return False


def unwrapped(module: Any) -> Any:
    """What stands inside torch's own wrappers (several devices, compiled), which take anything."""
    while isinstance(module, nn.DataParallel) or hasattr(module, "_orig_mod"):
        module = module.module if isinstance(module, nn.DataParallel) else module._orig_mod
    return module
