"""What layers give in a forward pass, heard and changed by hooks."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from auditkit.explain.layers.heads import Kind, opened
from auditkit.explain.layers.layer import Change, Entry, Layer


@contextlib.contextmanager
def listening(
    net: nn.Module, layers: Sequence[Layer], *, changes: dict[str, Change] | None = None
) -> Iterator[dict[str, Tensor]]:
    """While it lasts, each pass of `net` leaves what its layers gave in the dict, by name; `changes` replace it.

    The hooks are set anew when a pass begins, so that they come after those that put the outputs of embeddings in.
    """
    heard: dict[str, Tensor] = {}
    at: dict[tuple[nn.Module, int, bool], list[Layer]] = {}
    heads_at: dict[tuple[nn.Module, Kind, int], list[Layer]] = {}
    for layer in layers:
        if layer.heads:
            heads_at.setdefault((layer.module, layer.heads, layer.call), []).append(layer)
        else:
            at.setdefault((layer.module, layer.call, layer.entering), []).append(layer)
    calls: Counter[tuple[nn.Module, bool | Kind]] = Counter()

    def told(layer: Layer, given: Tensor) -> Tensor:
        change = (changes or {}).get(layer.name)
        put = given if change is None else layer.shaped(change(layer.flat(given)), given)
        heard[layer.name] = put
        return put.clone() if layer.copied else put

    def ear(module: nn.Module, _i: object, output: Any) -> Any:
        here = at.get((module, calls[module, False], False), ())
        calls[module, False] += 1
        after = output
        for layer in here:
            given = entry_at(output, layer.entry)
            put = told(layer, given)
            after = after if put is given else with_entry(after, layer.entry, put)
        return None if after is output else after

    def entrance(module: nn.Module, args: Any) -> Any:
        (layer, *_) = at.get((module, calls[module, True], True), (None,))
        calls[module, True] += 1
        if layer is None:
            return None
        k = first_tensor(args)
        assert k is not None
        return (*args[:k], told(layer, args[k]), *args[k + 1 :])

    def of_heads(module: nn.Module, kind: Kind, heads: list[Tensor]) -> list[Tensor]:
        here = heads_at.get((module, kind, calls[module, kind]), ())
        calls[module, kind] += 1
        put = {layer.head: told(layer, heads[layer.head]) for layer in here}
        return [put.get(i, head) for i, head in enumerate(heads)]

    def begin(_m: nn.Module, _i: object) -> None:
        ears.close()
        heard.clear()
        calls.clear()
        for module, entering in dict.fromkeys((module, entering) for module, _, entering in at):
            hook = module.register_forward_pre_hook(entrance) if entering else module.register_forward_hook(ear)
            ears.callback(hook.remove)

    with contextlib.ExitStack() as first, contextlib.ExitStack() as ears:
        if layers:
            first.callback(net.register_forward_pre_hook(begin).remove)
        if heads_at:
            first.enter_context(opened(net, of_heads, kinds={kind for _, kind, _ in heads_at}))
        yield heard


def tensors_of(output: Any, at: Entry = ()) -> Iterator[tuple[Entry, Tensor]]:
    """Every tensor of an output, a tensor or a tuple of such, maybe of tuples, with where it stands."""
    if isinstance(output, Tensor):
        yield at, output
    elif isinstance(output, tuple | list):
        for i, one in enumerate(output):
            yield from tensors_of(one, (*at, i))


def version_of(output: object) -> int:
    """How often it was written to; 0 where nobody counts (what inference mode makes)."""
    return output._version if isinstance(output, Tensor) and not output.is_inference() else 0


def with_entry(output: Any, entry: Entry, put: Tensor) -> Any:
    """The output with another tensor at `entry`."""
    if not entry:
        return put
    i, *rest = entry
    one = with_entry(output[i], tuple(rest), put)
    entries = (*output[:i], one, *output[i + 1 :])
    if hasattr(output, "_replace"):
        return output._replace(**{output._fields[i]: one})
    return type(output)(entries)


def entry_at(output: Any, entry: Entry) -> Any:
    for i in entry:
        output = output[i]
    return output


def first_tensor(args: tuple[Any, ...]) -> int | None:
    """Which of the arguments of a call is its first tensor of numbers."""
    return next((k for k, a in enumerate(args) if isinstance(a, Tensor) and a.is_floating_point()), None)
