"""A module as an audit runs it: in eval mode, without gradients to parameters, on the chosen device; then as before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from auditkit.inputs.running import random_state_kept


def placement(module: nn.Module, device: torch.device | None = None) -> tuple[torch.dtype, torch.device]:
    """dtype of the floating parameters, and where to run: `device`, or where the module is."""
    tensors = [*module.parameters(), *module.buffers()]
    dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.get_default_dtype())
    where = tensors[0].device if tensors else torch.device("cpu")
    return dtype, device or where


@contextlib.contextmanager
def set_up(module: nn.Module, device: torch.device | None = None) -> Iterator[nn.Module]:
    """While it lasts, the module is in eval mode, on `device`, and its parameters ask for no gradients.

    Attention takes its ordinary way: the fast one hands nested tensors on, which nothing can look into. Modes, flags,
    device and the caller's random state are as before afterwards, also on an error.
    """
    modes = [(m, m.training) for m in module.modules() if hasattr(m, "training")]  # frozen TorchScript: none
    grads = [(p, p.requires_grad) for p in module.parameters()]
    _, home = placement(module)
    fast = torch.backends.mha.get_fastpath_enabled()
    state = random_state_kept(device or home)
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            module.eval()
        except NotImplementedError:  # exported modules: their mode is in their graph, the flag means nothing
            for m, _ in modes:
                m.training = False
        for p, _ in grads:  # TorchScript modules have no requires_grad_ of their own
            p.requires_grad_(False)
        if device is not None:
            module.to(device)
        with state:
            yield module
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        if device is not None:
            module.to(home)
        for m, training in modes:
            m.training = training
        for p, requires_grad in grads:
            p.requires_grad_(requires_grad)
