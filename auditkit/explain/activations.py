"""Activations of layers, and the decision's gradient to them, a part of the rows at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, NotExplained, choices
from auditkit.explain.asking import differentiating
from auditkit.explain.layers.discovery import with_first
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, n_rows, slices, taken

ROWS = 512
"""Rows a pass, at most."""


class Part(NamedTuple):
    """Some rows at one layer."""

    activation: Tensor
    """(n, units), double precision."""
    gradient: Tensor
    """(n, units) of the row's own decision."""


def layers_of(model: Model, inputs: Inputs, wanted: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """Names of the layers in the order of execution, and of those that cannot be used: why.

    Without `wanted`: the leaf modules that come before the last. Usable is what is called once and gives a tensor of
    floats with a row a row, at every pass. ModelError for a name that the module has not, naming the nearest.
    """
    modules = {name: m for name, m in model.module.named_modules() if name and ".parametrizations." not in f".{name}."}
    for name in wanted:
        if name not in modules:
            raise ModelError(f"no layer '{name}'; there are {choices(name, modules)}")
    chosen = {n: m for n, m in modules.items() if (n in wanted if wanted else not list(m.children()))}
    calls: list[str] = []
    shapes: dict[str, Tensor | None] = {}
    rows = taken(inputs, slice(2))
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in chosen.items():

            def note(_m: nn.Module, _i: object, out: object, name: str = name) -> None:
                calls.append(name)
                shapes[name] = _tensor(out)

            if not isinstance(module, torch.jit.ScriptModule):
                stack.callback(module.register_forward_hook(note).remove)
        model.decision(rows)
    reasons: dict[str, str] = {}
    for name, module in chosen.items():
        out = shapes.get(name)
        if isinstance(module, torch.jit.ScriptModule):
            reasons[name] = "run by TorchScript, where no hook sees it"
        elif name not in calls:
            reasons[name] = "never called"
        elif calls.count(name) > 1:
            reasons[name] = f"called {calls.count(name)} times a pass"
        elif out is None or not out.is_floating_point() or out.ndim < 1 or len(out) != n_rows(rows):
            reasons[name] = "without an output of floats, a row a row"
        elif out.layout != torch.strided:
            reasons[name] = "sparse in what it gives"
    order = [name for name in dict.fromkeys(calls) if name not in reasons]
    order = order if wanted else order[:-1]
    reasons |= _parted(model, inputs, {name: chosen[name] for name in order})
    return [name for name in order if name not in reasons], reasons


def _parted(model: Model, inputs: Inputs, modules: dict[str, nn.Module]) -> dict[str, str]:
    """What does not see all rows of every pass, as an expert that only some are sent to, or gives no numbers."""
    seen: dict[str, str] = {}
    found: dict[str, str] = {}
    n = 0
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in modules.items():

            def note(_m: nn.Module, _i: object, out: object, name: str = name) -> None:
                first = _tensor(out)
                whole = first is not None and len(first) == n
                seen[name] = "" if whole else "not called with every row"
                if whole and first is not None and not bool(first.isfinite().all()):
                    seen[name] = "NaN or infinite in what it gives"

            stack.callback(module.register_forward_hook(note).remove)
        for where in slices(n_rows(inputs), ROWS):
            some = taken(inputs, where)
            n = n_rows(some)
            seen.clear()
            model.decision(some)
            found |= {name: why for name in modules if (why := seen.get(name, "not called with every row"))}
    return found


def parts(model: Model, inputs: Inputs, layers: Sequence[str]) -> Iterator[tuple[slice, dict[str, Part]]]:
    """Activations and gradients of all rows at these layers, `ROWS` or fewer at a time, in one pass for all layers.

    Run it in `undisturbed(model)`. Gradients are taken to a 0 that is added to each layer's output, so that they exist
    also where no input has one (token ids), and reach all layers in one pass.
    """
    modules = dict(model.module.named_modules())
    for where in slices(n_rows(inputs), ROWS):
        with differentiating(), _open({name: modules[name] for name in layers}) as seen:
            decision = model.decision(taken(inputs, where))
            added = [seen[name][1] for name in layers]
            if not decision.requires_grad:
                raise NotExplained("the net has no gradient to its layers: its output is detached")
            gradients = torch.autograd.grad(decision.sum(), added, allow_unused=True, materialize_grads=True)
        out = {
            name: Part(_flat(seen[name][0]), _flat(gradient)) for name, gradient in zip(layers, gradients, strict=True)
        }
        if not all(bool(p.gradient.isfinite().all()) for p in out.values()):
            raise NotExplained("the net's gradient to its layers is NaN or infinite")
        yield where, out


@contextlib.contextmanager
def _open(modules: dict[str, nn.Module]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """While it lasts, a 0 with a gradient is added to each module's output: name → (output, the 0)."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    with contextlib.ExitStack() as stack:
        for name, module in modules.items():

            def add(_m: nn.Module, _i: object, out: object, name: str = name) -> object:
                first = _tensor(out)
                assert first is not None, "layers_of has seen it"
                zero = torch.zeros_like(first).requires_grad_()
                seen[name] = (first.detach().clone(), zero)
                moved = first + zero
                return moved if isinstance(out, Tensor) else with_first(out, moved)

            stack.callback(module.register_forward_hook(add).remove)
        yield seen


def _tensor(out: Any) -> Tensor | None:
    """The output, or the first of several (a recurrent net gives its states beside it)."""
    first = out[0] if type(out) in (tuple, list) and out else out
    return first if isinstance(first, Tensor) else None


def _flat(t: Tensor) -> Tensor:
    return t.detach().reshape(len(t), -1).double()


def device_of(inputs: Inputs) -> torch.device:
    """Where the inputs are."""
    return leaves(inputs)[0].device
