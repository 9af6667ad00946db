"""The layers of any net, found by one look at a forward pass."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, nearest
from auditkit.explain.layers.chunks import differing_calls
from auditkit.explain.layers.heads import Kind, opened
from auditkit.explain.layers.layer import Entry, Layer
from auditkit.explain.layers.listening import first_tensor, listening, tensors_of, version_of
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, leaves, n_rows, taken

UNSEEN = "TorchScript runs its layers where no hook sees them"
MOST_CALLS = 4
"""A module called more often than this is a loop: its calls are not told apart."""
MOST_HEADS = 64
"""Heads of attention in a net, beyond which none is looked at by itself unless its module is named."""
LOOKED_AT = 7
"""Rows of the pass that finds the layers; a second pass of fewer tells which dimension counts them."""

_CHANNELS_SECOND = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm)
_UNITS_LAST = (nn.Linear, nn.Bilinear, nn.RNNBase, nn.MultiheadAttention, nn.LayerNorm, nn.Embedding, nn.EmbeddingBag)


_Heads = tuple[Kind, list[Tensor], int]
"""How they are held, what each gave, and layers with weights so far."""


@dataclass
class _Call:
    """What one call of one module gave."""

    name: str
    module: nn.Module
    leaf: bool
    given: Tensor | None
    """The first tensor that went in."""
    output: object
    versions: dict[Entry, int]
    begun: int = 0
    """Layers with weights that were called before it began."""
    heads: tuple[_Heads, ...] = ()
    """What the heads of each of its own attentions gave."""


def find_layers(
    model: Model,
    inputs: Inputs,
    names: Sequence[str] | None = None,
    *,
    extra: bool = False,
    heads: bool = False,
) -> tuple[Layer, ...]:
    """Every layer of the net in the order of execution, from a forward pass of a few of the encoded `inputs`.

    A layer is a module that calls no other; `names` asks for some of them, or for modules that hold others. What
    cannot be measured is in the list all the same, with its reason: never called, called in a loop, an output that is
    no floating-point tensor or has no dimension for its rows. Of a tuple of outputs (LSTM) each entry that the net
    reads is a layer. `extra` adds what no layer gives: sums that stand between modules, as a residual stream does.
    `heads` adds each head of attention, before the heads are mixed.

    Raises ModelError for an unknown name, naming the nearest.
    """
    known = {name or "(net)": module for name, module in model.module.named_modules()}
    for name in names or ():
        if name not in known:
            raise ModelError(f"the net has no layer '{name}'.{nearest(name, known)}")
    if isinstance(model.module, torch.jit.ScriptModule):
        return (_unseen(model.module, UNSEEN),)
    many = min(LOOKED_AT, n_rows(inputs))
    few = taken(inputs, slice(many))
    calls = _trace(model, few, heads=heads)
    less = taken(inputs, slice(max(1, many - 2)))
    fewer = {(c.name, i): c for c, i in _numbered(_trace(model, less, heads=heads))}
    wanted = set(names) if names is not None else None
    found: list[Layer] = []
    times = Counter(c.name for c in calls)
    channels = False
    shape: Sequence[int] = ()
    fed = [t for t in leaves(few) if t.is_floating_point()]
    for call, i in _numbered(calls):
        first = next((t for _, t in tensors_of(call.output)), None)
        if first is not None:
            entered = _channels(call.module, call.given, channels, shape) if call.given is not None else False
            channels = _channels(call.module, first, channels, shape)
            shape = first.shape
        other = fewer.get((call.name, i))
        depth = call.begun + (call.leaf and _weighs(call.module))
        layer = Layer(call.name, type(call.module).__name__, call.module, call=i, depth=depth)
        if times[call.name] > MOST_CALLS:
            if call.leaf if wanted is None else call.name in wanted and not i:
                reason = f"it is called {times[call.name]} times in one pass"
                found += [] if i else [replace(layer, reason=reason)]
            continue
        if times[call.name] > 1:
            layer = replace(layer, name=f"{call.name} (call {i + 1})")
        if extra and first is not None and call.given is not None and call.leaf:
            into = _into(layer, call, other, channels=entered, many=many)
            raw = any(torch.equal(call.given.flatten(), t.flatten()) for t in fed)
            if not into.reason and call.name != "(net)" and not raw:
                found.append(into)
        if call.heads and (wanted is None or call.name in wanted):
            found += _heads(layer, call, other, many=many)
        if call.leaf if wanted is None else call.name in wanted:
            found += _given(model, few, layer, call, other, channels=channels, many=many)
        elif extra and call.name != "(net)" and first is not None:
            held = _given(model, few, layer, call, other, channels=channels, many=many)
            found += [replace(y, extra=True) for y in held if not y.reason]
    heard = [c.name for c in calls if c.leaf and list(tensors_of(c.output))]
    if heard in ([], ["(net)"]) and len(known) > 1:
        return (_unseen(model.module, "the net is one program (exported, or without calls of its modules)"),)
    layers = (*(found if wanted is not None else _not_too_many(found)), *_never_called(known, calls, wanted))
    differ = differing_calls(model, inputs, [y.module for y in layers], few=many)
    return tuple(replace(y, reason=differ.get(y.module, y.reason)) for y in layers)


def _weighs(module: nn.Module) -> bool:
    return any(p.ndim > 1 for p in module.parameters())


def _given(
    model: Model, few: Inputs, layer: Layer, call: _Call, other: _Call | None, *, channels: bool, many: int
) -> list[Layer]:
    """What a call gives: one layer, or one for each entry of a tuple that the net goes on to read."""
    tensors = list(tensors_of(call.output))
    if not tensors:
        return [replace(layer, reason=f"it returns {type(call.output).__name__}, not a tensor")]
    fewer = {} if other is None else dict(tensors_of(other.output))
    seen = []
    for entry, output in tensors:
        one = _measured(replace(layer, entry=entry, place=_place(output)), output, fewer.get(entry), channels, many)
        seen.append(replace(one, copied=version_of(output) != call.versions.get(entry)))
    able = [y for y in seen if not y.reason]
    if len(able) > 1:
        able = [y for y in able if _is_read(model, few, y)] or able[:1]
    if len(able) < 2:
        return able or seen[:1]
    return [replace(y, name=f"{layer.name} ({_called_so(layer.module, y.entry)})") for y in able]


def _heads(layer: Layer, call: _Call, other: _Call | None, *, many: int) -> Iterator[Layer]:
    """Each head of the attentions of a call; or, where they cannot be told apart, all of them with the reason."""
    kinds = [kind for kind, _, _ in call.heads]
    fewer = () if other is None else other.heads
    for i, (kind, heads, depth) in enumerate(call.heads):
        after = f" of attention {i + 1}" if len(call.heads) > 1 else ""
        if len(heads) == 1 and (kind or len(heads[0]) == many):
            continue  # one head is all of the attention
        if not kind or len(fewer) != len(call.heads):
            yield replace(layer, name=f"{layer.name}, heads{after}", type="attention", reason=OTHERWISE)
            continue
        number = layer.call * kinds.count(kind) + kinds[:i].count(kind)
        for h, (given, less) in enumerate(zip(heads, fewer[i][1], strict=True)):
            one = replace(layer, name=f"{layer.name}, head {h + 1}{after}", type="attention head", call=number)
            one = replace(one, heads=kind, head=h, depth=depth, place=_place(given))
            yield _measured(one, given, less, False, many)


OTHERWISE = "its attention is written in a way in which heads cannot be told apart"


def _not_too_many(layers: Sequence[Layer]) -> Iterator[Layer]:
    """The layers; of a net with very many heads, each attention's with the reason why they are not looked at."""
    n = sum(bool(y.heads) for y in layers)
    told: set[str] = set()
    for layer in layers:
        name = layer.name.partition(", head ")[0]
        if not layer.heads or n <= MOST_HEADS:
            yield layer
        elif name not in told:
            told.add(name)
            reason = f"the net has {n} heads, more than {MOST_HEADS}: layers=['{name}', …] looks at some"
            yield replace(layer, name=f"{name}, heads", type="attention", heads="", reason=reason)


def _into(layer: Layer, call: _Call, other: _Call | None, *, channels: bool, many: int) -> Layer:
    """What goes into a call."""
    assert call.given is not None
    one = replace(layer, name=f"into {layer.name}", entering=True, extra=True, depth=call.begun)
    one = replace(one, type=f"input of {layer.type}", place=_place(call.given))
    return _measured(one, call.given, None if other is None else other.given, channels, many)


def _is_read(model: Model, few: Inputs, layer: Layer) -> bool:
    """Whether other rows' values there change the output of some row."""
    with torch.no_grad():
        plain = model.decision(few)
        with listening(model.module, [layer], changes={layer.name: lambda flat: flat.roll(1, 0)}):
            return not torch.equal(model.decision(few), plain)


def _called_so(module: nn.Module, entry: Entry) -> str:
    """What an entry of a tuple of outputs is called."""
    if isinstance(module, nn.RNNBase):
        return {(0,): "outputs", (1, 1): "c"}.get(entry, "h")
    return "output " + ".".join(str(i + 1) for i in entry)


def _place(tensor: Tensor) -> tuple[int, int]:
    """`Layer.place`."""
    return (tensor.data_ptr(), tensor.numel()) if tensor.layout == torch.strided else (id(tensor), -1)


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


def _trace(model: Model, inputs: Inputs, *, heads: bool = False) -> list[_Call]:
    """Every call of every module, in the order in which they end; leaves are those that call no other."""
    calls: list[_Call] = []
    open_: list[bool] = []  # a call under way: has it called another?
    begun: list[int] = []
    weights = [0]  # layers with weights so far
    attentions: list[list[_Heads]] = []

    def told(_m: nn.Module, kind: Kind, own: list[Tensor]) -> list[Tensor]:
        attentions[-1].append((kind, own, weights[0] + (kind == "mixed later")))
        return own

    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in model.module.named_modules():
            if ".parametrizations." in f".{name}." or isinstance(module, torch.jit.ScriptModule):
                continue

            def begin(_m: nn.Module, _i: object) -> None:
                if open_:
                    open_[-1] = True
                open_.append(False)
                begun.append(weights[0])
                attentions.append([])

            def end(m: nn.Module, args: Any, output: Any, name: str = name or "(net)") -> None:
                leaf = not open_.pop()
                before = begun.pop()
                weights[0] += leaf and _weighs(m)
                k = first_tensor(args)
                versions = {entry: version_of(t) for entry, t in tensors_of(output)}
                given = None if k is None else args[k]
                own = tuple(attentions.pop())
                calls.append(_Call(name, m, leaf, given, output, versions, before if leaf else weights[0], own))

            stack.callback(module.register_forward_pre_hook(begin).remove)
            stack.callback(module.register_forward_hook(end).remove)
        if heads:
            stack.enter_context(opened(model.module, told))
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
