"""Heads of attention: what each gives, before the heads are mixed.

`nn.MultiheadAttention` mixes its heads by a product with the weights of `out_proj`, inside of its forward. Here that
product is one with 1 instead, and the real one follows: the same function, with the heads seen on the way. A module
that calls `scaled_dot_product_attention` on (N, heads, positions, units) gives its heads side by side. Attention that
is written in other ways has no heads that could be told from here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Kind = Literal["", "mixed later", "side by side"]
"""How a call holds its heads: next to each other in the last dimension, as what goes into `out_proj`, or in a dimension
of their own, the second; "": they cannot be told apart."""
Told = Callable[[nn.Module, Kind, list[Tensor]], list[Tensor]]
"""Module, kind and its heads, (…, units) each → what they are to give."""


@contextlib.contextmanager
def opened(net: nn.Module, told: Told, *, kinds: Collection[Kind] = ("mixed later", "side by side")) -> Iterator[None]:
    """While it lasts, each attention of a pass of `net` asks `told` what its heads give. The net is left as it was."""
    open_: list[nn.Module] = []
    with contextlib.ExitStack() as stack:
        if any(map(_compiled, net.modules())):  # its calls are those of a graph, which nobody is to look into
            yield
            return
        for module in net.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            if "mixed later" in kinds and isinstance(module, nn.MultiheadAttention) and splits(module):
                stack.enter_context(_unmixed(module, told))
            if "side by side" in kinds:
                stack.enter_context(_noted(module, open_))
        if "side by side" in kinds:
            stack.enter_context(_Watching(open_, told))
        yield


def _compiled(module: nn.Module) -> bool:
    """Whether `torch.compile` made it; by name, since asking the compiler imports it."""
    return type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None


def splits(module: nn.Module) -> bool:
    """Whether it is PyTorch's own attention, of two heads or more, with a forward that nobody has written anew."""
    if not isinstance(module, nn.MultiheadAttention) or module.num_heads < 2:
        return False
    return type(module).forward is nn.MultiheadAttention.forward and "forward" not in vars(module)


@contextlib.contextmanager
def _unmixed(module: nn.MultiheadAttention, told: Told) -> Iterator[None]:
    """Hooks by which the module's heads are asked for before they are mixed."""
    real: list[Any] = []

    def put_back() -> Any:
        if not real:
            return None
        module._modules["out_proj"] = real[0]
        return real.pop()

    def before(m: nn.MultiheadAttention, _args: object) -> None:
        own = m.out_proj
        one = _One(own.weight)
        real.append(own)
        m._modules["out_proj"] = one

    def after(m: nn.MultiheadAttention, _args: object, output: Any) -> Any:
        own = put_back()
        if own is None or output is None:
            return None
        given, weights = output
        heads = told(m, "mixed later", list(given.unflatten(-1, (m.num_heads, m.head_dim)).unbind(-2)))
        return F.linear(torch.stack(heads, -2).flatten(-2), own.weight, own.bias), weights

    with contextlib.ExitStack() as stack:
        stack.callback(put_back)
        stack.callback(module.register_forward_pre_hook(before).remove)
        stack.callback(module.register_forward_hook(after, prepend=True, always_call=True).remove)
        yield


class _One(nn.Module):
    """In the place of `out_proj`: a product with 1, which gives what it is given to the last digit."""

    bias = None

    def __init__(self, like: Tensor) -> None:
        super().__init__()
        self.weight = torch.eye(like.shape[1], dtype=like.dtype, device=like.device)


@contextlib.contextmanager
def _noted(module: nn.Module, open_: list[nn.Module]) -> Iterator[None]:
    """Calls of the module that are under way."""

    def begin(m: nn.Module, _args: object) -> None:
        open_.append(m)

    def end(_m: nn.Module, _args: object, _output: object) -> None:
        open_.pop()

    with contextlib.ExitStack() as stack:
        stack.callback(module.register_forward_pre_hook(begin, prepend=True).remove)
        stack.callback(module.register_forward_hook(end, always_call=True).remove)
        yield


class _Watching(TorchFunctionMode):
    """Sees `scaled_dot_product_attention`, whoever calls it."""

    def __init__(self, open_: list[nn.Module], told: Told) -> None:
        super().__init__()
        self.open_, self.told = open_, told

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if not self.open_:
            return out
        if func is F.scaled_dot_product_attention and isinstance(out, Tensor):
            if out.ndim == 4:
                return torch.stack(self.told(self.open_[-1], "side by side", list(out.unbind(1))), 1)
            self.told(self.open_[-1], "", [out])
        elif func is F.multi_head_attention_forward and not splits(self.open_[-1]):
            self.told(self.open_[-1], "", [])
        return out
