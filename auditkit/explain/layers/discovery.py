"""The layers of any net, found by one look at a forward pass, and how to hear and change what they give."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, nearest
from auditkit.explain.layers.chunks import differing_calls
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, taken

UNSEEN = "TorchScript runs its layers where no hook sees them"
MOST_CALLS = 4
"""A module called more often than this is a loop: its calls are not told apart."""
LOOKED_AT = 7
"""Rows of the pass that finds the layers; a second pass of fewer tells which dimension counts them."""

_CHANNELS_SECOND = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)
_UNITS_LAST = (nn.Linear, nn.Bilinear, nn.RNNBase, nn.MultiheadAttention, nn.LayerNorm, nn.Embedding, nn.EmbeddingBag)

Change = Callable[[Tensor], Tensor]
"""From what a layer gives, (N, positions, units), to what it is to give instead."""


@dataclass(frozen=True)
class Layer:
    """One call of one module in a forward pass."""

    name: str
    """As in `named_modules`; "(net)" for the whole; "relu (call 2)" where a module is called more than once."""
    type: str
    """Name of its class."""
    module: nn.Module
    call: int = 0
    """Which of its module's calls, from 0."""
    rows: int = 0
    """Dimension of its output that counts rows."""
    channels: bool = False
    """Whether its units lie in the first dimension after the rows (a convolution's channels) or in the last."""
    units: int = 0
    positions: int = 1
    """Places (of an image, a sequence) at which each unit stands."""
    depth: int = 0
    """Layers with weights so far, this one counted: 2 in and after the second."""
    copied: bool = False
    """Whether something later writes into its output, so that it must be kept apart."""
    reason: str = ""
    """Why nothing can be measured of it; empty: it can."""

    def whole(self, output: Tensor, n: int) -> bool:
        """Whether an output has `n` rows of its units: one that saw other rows has not."""
        fits = output.ndim > self.rows and output.shape[self.rows] == n
        return fits and self.flat(output).shape[1:] == (self.positions, self.units)

    def flat(self, output: Tensor) -> Tensor:
        """(N, positions, units) of its output."""
        moved = output.movedim(self.rows, 0)
        if moved.ndim == 1:
            moved = moved[:, None]
        if self.channels and moved.ndim > 2:
            moved = moved.movedim(1, -1)
        return moved.reshape(len(moved), -1, moved.shape[-1])

    def shaped(self, flat: Tensor, like: Tensor) -> Tensor:
        """Back from (N, positions, units) to the shape of its output `like`."""
        moved = like.movedim(self.rows, 0)
        if self.channels and moved.ndim > 2:
            turned = moved.movedim(1, -1)
            moved = flat.reshape(turned.shape).movedim(-1, 1)
        else:
            moved = flat.reshape(moved.shape)
        return moved.movedim(0, self.rows)


@dataclass
class _Call:
    """What one call of one module gave."""

    name: str
    module: nn.Module
    leaf: bool
    output: object
    version: int


def find_layers(model: Model, inputs: Inputs, names: Sequence[str] | None = None) -> tuple[Layer, ...]:
    """Every layer of the net in the order of execution, from a forward pass of a few of the encoded `inputs`.

    A layer is a module that calls no other; `names` asks for some of them, or for modules that hold others. What
    cannot be measured is in the list all the same, with its reason: never called, called in a loop, an output that is
    no floating-point tensor or has no dimension for its rows. A tuple (LSTM) counts by its first entry.

    Raises ModelError for an unknown name, naming the nearest.
    """
    known = {name or "(net)": module for name, module in model.module.named_modules()}
    for name in names or ():
        if name not in known:
            raise ModelError(f"the net has no layer '{name}'.{nearest(name, known)}")
    if isinstance(model.module, torch.jit.ScriptModule):
        return (_unseen(model.module, UNSEEN),)
    many = min(LOOKED_AT, n_rows(inputs))
    calls = _trace(model, taken(inputs, slice(many)))
    fewer = {(c.name, i): c for c, i in _numbered(_trace(model, taken(inputs, slice(max(1, many - 2)))))}
    wanted = set(names) if names is not None else None
    found: list[Layer] = []
    times = Counter(c.name for c in calls)
    depth, channels = 0, False
    shape: Sequence[int] = ()
    for call, i in _numbered(calls):
        depth += call.leaf and any(p.ndim > 1 for p in call.module.parameters())
        output = _first(call.output)
        layer = Layer(call.name, type(call.module).__name__, call.module, call=i, depth=int(depth))
        if isinstance(output, Tensor):
            channels = _channels(call.module, output, channels, shape)
            shape = output.shape
            other = fewer.get((call.name, i))
            layer = _measured(layer, output, None if other is None else _first(other.output), channels, many)
            layer = replace(layer, copied=_version(output) != call.version)
        else:
            layer = replace(layer, reason=f"it returns {type(output).__name__}, not a tensor")
        if times[call.name] > MOST_CALLS:
            if i:
                continue
            layer = replace(layer, reason=f"it is called {times[call.name]} times in one pass")
        elif times[call.name] > 1:
            layer = replace(layer, name=f"{call.name} (call {i + 1})")
        if call.leaf if wanted is None else call.name in wanted:
            found.append(layer)
    leaves = [c.name for c in calls if c.leaf and isinstance(_first(c.output), Tensor)]
    if leaves in ([], ["(net)"]) and len(known) > 1:
        return (_unseen(model.module, "the net is one program (exported, or without calls of its modules)"),)
    layers = (*found, *_never_called(known, calls, wanted))
    differ = differing_calls(model, inputs, [y.module for y in layers], few=many)
    return tuple(replace(y, reason=differ.get(y.module, y.reason)) for y in layers)


def _unseen(module: nn.Module, reason: str) -> Layer:
    return Layer("(net)", type(module).__name__, module, reason=reason)


def _numbered(calls: Sequence[_Call]) -> Iterator[tuple[_Call, int]]:
    """Each call with its number among the calls of its module."""
    seen: Counter[str] = Counter()
    for call in calls:
        yield call, seen[call.name]
        seen[call.name] += 1


def _never_called(known: dict[str, nn.Module], calls: Sequence[_Call], wanted: set[str] | None) -> Iterator[Layer]:
    """Modules without children that no call reached, unless a layer that holds them ran as a whole."""
    called = {c.name for c in calls}
    wholes = tuple(f"{c.name}." for c in calls if c.leaf)
    for name, module in known.items():
        inside = name.startswith(wholes) or ".parametrizations." in f".{name}." or name == "(net)"
        asked = name in wanted if wanted is not None else not any(module.children()) and not inside
        if asked and name not in called:
            unseen = isinstance(module, torch.jit.ScriptModule)
            reason = UNSEEN if unseen else "the forward pass never calls it"
            yield Layer(name, type(module).__name__, module, reason=reason)


def _first(output: Any) -> Any:
    """A tensor, or the first entry of a tuple of outputs."""
    return output[0] if isinstance(output, tuple | list) and output else output


def _version(output: object) -> int:
    """How often it was written to; 0 where nobody counts (what inference mode makes)."""
    return output._version if isinstance(output, Tensor) and not output.is_inference() else 0


def _with_first(output: Any, first: Tensor) -> Any:
    """The tuple or list with another first entry."""
    rest = (first, *output[1:])
    return output._replace(**{output._fields[0]: first}) if hasattr(output, "_replace") else type(output)(rest)


def _trace(model: Model, inputs: Inputs) -> list[_Call]:
    """Every call of every module, in the order in which they end; leaves are those that call no other."""
    calls: list[_Call] = []
    open_: list[bool] = []  # a call under way: has it called another?
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in model.module.named_modules():
            if ".parametrizations." in f".{name}." or isinstance(module, torch.jit.ScriptModule):
                continue

            def begin(_m: nn.Module, _i: object) -> None:
                if open_:
                    open_[-1] = True
                open_.append(False)

            def end(m: nn.Module, _i: Any, output: Any, name: str = name or "(net)") -> None:
                calls.append(_Call(name, m, not open_.pop(), output, _version(_first(output))))

            stack.callback(module.register_forward_pre_hook(begin).remove)
            stack.callback(module.register_forward_hook(end).remove)
        model.decision(inputs)
    return calls


def _channels(module: nn.Module, output: Tensor, before: bool, shape: Sequence[int]) -> bool:
    """Where the units of an output lie; a layer without an opinion (an activation) keeps that of the one before it."""
    if output.ndim < 3:
        return False
    if isinstance(module, _CHANNELS_SECOND) or type(module).__module__ == "torch.nn.modules.pooling":
        return True
    if isinstance(module, _UNITS_LAST):
        return False
    return before if len(shape) == output.ndim else output.ndim > 3


def _measured(layer: Layer, output: Tensor, fewer: Any, channels: bool, many: int) -> Layer:
    """The layer with its shape; or with the reason why it has none."""
    if not output.is_floating_point():
        return replace(
            layer, reason=f"its output is {str(output.dtype).removeprefix('torch.')}, no floating-point numbers"
        )
    fits = isinstance(fewer, Tensor) and fewer.ndim == output.ndim
    pairs = zip(output.shape, fewer.shape if fits else (), strict=False)
    rows = [d for d, (a, b) in enumerate(pairs) if a == many and b == max(1, many - 2)]
    if len(rows) != 1:
        return replace(layer, reason="no dimension of its output counts the rows")
    if output.layout != torch.strided:
        return replace(layer, reason="its output is sparse")
    layer = replace(layer, rows=rows[0], channels=channels)
    flat = layer.flat(output)
    return replace(layer, units=flat.shape[2], positions=flat.shape[1])


@contextlib.contextmanager
def listening(
    net: nn.Module, layers: Sequence[Layer], *, changes: dict[str, Change] | None = None
) -> Iterator[dict[str, Tensor]]:
    """While it lasts, each pass of `net` leaves what its layers gave in the dict, by name; `changes` replace it.

    The hooks are set anew when a pass begins, so that they come after those that put the outputs of embeddings in.
    """
    heard: dict[str, Tensor] = {}
    at = {(layer.module, layer.call): layer for layer in layers}
    calls: Counter[nn.Module] = Counter()

    def ear(module: nn.Module, _i: object, output: Any) -> Any:
        layer = at.get((module, calls[module]))
        calls[module] += 1
        if layer is None:
            return None
        given = _first(output)
        change = (changes or {}).get(layer.name)
        put = given if change is None else layer.shaped(change(layer.flat(given)), given)
        heard[layer.name] = put
        if layer.copied:
            put = put.clone()
        if put is given:
            return None
        return put if given is output else _with_first(output, put)

    def begin(_m: nn.Module, _i: object) -> None:
        ears.close()
        heard.clear()
        calls.clear()
        for module in dict.fromkeys(module for module, _ in at):
            ears.callback(module.register_forward_hook(ear).remove)

    with contextlib.ExitStack() as first, contextlib.ExitStack() as ears:
        if layers:
            first.callback(net.register_forward_pre_hook(begin).remove)
        yield heard
