"""Embeddings inside a net: which calls look ids up for the rows, and how another output is put in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from auditkit.errors import NotExplained
from auditkit.inputs.packing import Inputs, n_rows, taken

Scalar = Callable[[Inputs], Tensor]


@dataclass(frozen=True)
class Lookup:
    """One call of an embedding whose rows are the rows of the inputs."""

    module: nn.Module
    name: str
    index: int
    """Which call of this module it is, from 0, in one forward pass."""
    ids: Tensor
    """(N, …) what is looked up."""
    output: Tensor
    """(N, …) what the net gets; of a bag (N, L, D), its members before they are summed."""
    rows_at: int = 0
    """Dimension of the call's own output that holds the rows (sequences may come first)."""
    flat: bool = False
    """The net looks up all rows' ids in one flat list."""

    def at(self, ids: Tensor) -> Tensor:
        """(1, …) the vectors of other ids (1, …) of one row."""
        with torch.no_grad():
            if isinstance(self.module, nn.EmbeddingBag):
                return nn.functional.embedding(ids, self.module.weight)
            out = self.module.forward(ids.flatten(0, 1) if self.flat else ids.movedim(0, self.rows_at))
            return arranged_rows(out, 1, self.rows_at, self.flat)

    def put(self, points: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """The output of the call, in the form of the net, for `points` in the place of `output`."""
        if isinstance(self.module, nn.EmbeddingBag):
            given = _bag_arguments(args, kwargs)
            self._fits(points, len(given["input"]))
            return _bagged(self.module, points, given["input"], given.get("per_sample_weights"))
        asked = args[0] if args else kwargs["input"]
        self._fits(points, asked.shape[0] // points.shape[1] if self.flat else asked.shape[self.rows_at])
        return points.flatten(0, 1) if self.flat else points.movedim(0, self.rows_at)

    def _fits(self, points: Tensor, rows: int) -> None:
        if rows != len(points):
            raise NotExplained(f"the net calls its embedding '{self.name}' once for every {rows} rows")


def lookups(scalar: Scalar, module: nn.Module, inputs: Inputs) -> list[Lookup]:
    """The calls of embeddings whose rows follow the rows of `inputs`; positions and constants are left as they are."""
    if not any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in module.modules()):
        return []
    n = n_rows(inputs)
    pair = [0, n - 1]
    two, three = (recorded(scalar, module, taken(inputs, torch.tensor(w))) for w in (pair, [*pair, 0]))
    whole = recorded(scalar, module, inputs)
    if list(two) != list(three) or list(two) != list(whole):
        return []  # other embeddings for other rows, or once for every so many of them
    found = []
    for key, call in whole.items():
        shape = _rows_of(two[key], three[key])
        if call is None or shape is None or not _of_rows(call.ids, two[key], n, *shape):
            continue
        rows_at, flat = shape
        if _looks_up(call, rows_at, n, flat):
            arranged = arranged_rows(call.ids, n, rows_at, flat), arranged_rows(call.output, n, rows_at, flat)
            found.append(Lookup(call.module, key[0], key[1], *arranged, rows_at, flat))
    return found


@contextlib.contextmanager
def replaced_outputs(calls: Sequence[Lookup], points: Sequence[Tensor]) -> Iterator[None]:
    """While it lasts, and for one forward pass, each call returns what it is given here."""
    own: dict[nn.Module, dict[int, tuple[Lookup, Tensor]]] = {}
    for call, given in zip(calls, points, strict=True):
        own.setdefault(call.module, {})[call.index] = (call, given)
    with contextlib.ExitStack() as stack:
        for module, by_index in own.items():
            done = [0]

            def put(_m: nn.Module, args: Any, kwargs: Any, _out: Any, own: Any = by_index, done: Any = done) -> Any:
                k, done[0] = done[0], done[0] + 1
                return own[k][0].put(own[k][1], args, kwargs) if k in own else None

            stack.callback(module.register_forward_hook(put, with_kwargs=True).remove)
        yield


Key = tuple[str, int]


class _Call(NamedTuple):
    """What one call of an embedding was given, and what the net got."""

    module: nn.Module
    ids: Tensor
    output: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def again(self, ids: Tensor) -> Tensor:
        """What the module gives for other ids of the same form."""
        with torch.no_grad():
            if self.args:
                return self.module.forward(ids, *self.args[1:], **self.kwargs)  # type: ignore[no-any-return]
            return self.module.forward(**{**self.kwargs, "input": ids})  # type: ignore[no-any-return]


def recorded(scalar: Scalar, module: nn.Module, inputs: Inputs) -> dict[Key, _Call | None]:
    """(name, call) → each call of an embedding in one forward pass; None: it does not look ids up, a row each."""
    seen: dict[Key, _Call | None] = {}
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, part in module.named_modules():
            if isinstance(part, nn.Embedding | nn.EmbeddingBag):
                done = [0]

                def note(m: nn.Module, args: Any, kwargs: Any, out: Any, name: str = name, done: Any = done) -> None:
                    k, done[0] = done[0], done[0] + 1
                    seen[name, k] = _call_of(m, args, kwargs, out)

                stack.callback(part.register_forward_hook(note, with_kwargs=True).remove)
        scalar(inputs)
    return seen


def _call_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> _Call | None:
    """The call, if what it gives has the form of `weight[ids]`; of a bag, its members before they are summed."""
    given = _bag_arguments(args, kwargs)
    ids = given.get("input")
    if not (isinstance(ids, Tensor) and isinstance(out, Tensor) and out.is_floating_point()):
        return None
    if ids.dtype not in (torch.int64, torch.int32) or not isinstance(module.weight, Tensor):
        return None
    if not isinstance(module, nn.EmbeddingBag):
        fits = out.shape[: ids.ndim] == ids.shape and out.ndim > ids.ndim
        return _Call(module, ids, out.detach(), args, kwargs) if fits else None
    members = _table_rows(module, ids) if ids.ndim == 2 else None  # bags by offsets: rows of ids are no rows of inputs
    if members is None:
        return None
    whole = _bagged(module, members, ids, given.get("per_sample_weights"))
    same = whole.shape == out.shape and torch.allclose(whole, out, rtol=1e-4, atol=1e-6)
    return _Call(module, ids, members, args, kwargs) if same else None


def _table_rows(module: nn.Module, ids: Tensor) -> Tensor | None:
    """`weight[ids]`; None where the table has no such rows."""
    weight = module.weight.detach()  # type: ignore[operator]
    if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= len(weight)):
        return None
    return nn.functional.embedding(ids, weight)


def _looks_up(call: _Call, rows_at: int, n: int, flat: bool) -> bool:
    """Whether each vector of the output is made of its own id, and of no other: `weight[ids]`, scaled or shifted too.

    A module that is called an embedding may do anything. What is not the rows of its table is asked again for the
    first row, with every second id another: exactly the vectors of those ids may change, and must.
    """
    plain = _table_rows(call.module, call.ids)
    if isinstance(call.module, nn.EmbeddingBag):
        return True  # its members have been compared
    if plain is not None and plain.shape == call.output.shape and torch.allclose(plain, call.output):
        return True
    first = arranged_rows(call.ids, n, rows_at, flat)[:1].reshape(1, -1)
    other = (first == 0).to(first.dtype)
    even = torch.arange(first.shape[1], device=first.device) % 2 == 0
    three = torch.cat([first, torch.where(even, other, first), torch.where(even, first, other)])
    shaped = three.reshape(3, *arranged_rows(call.ids, n, rows_at, flat).shape[1:])
    try:
        out = call.again(shaped.flatten(0, 1) if flat else shaped.movedim(0, rows_at))
        vectors = arranged_rows(out, 3, rows_at, flat).reshape(3, first.shape[1], -1)
    except Exception:  # whatever it does, it does not look these ids up
        return False
    same = (vectors[1:] == vectors[:1]).all(2)
    expected = torch.stack([~even, even])
    return bool((same == expected.to(same.device)).all())


def _rows_of(two: _Call | None, three: _Call | None) -> tuple[int, bool] | None:
    """(dimension of the rows, flat) read off two rows and three, the third like the first; None: not by rows."""
    if two is None or three is None:
        return None
    a, b = two.ids, three.ids
    if a.ndim != b.ndim:
        return None
    for at in range(min(a.ndim, 2)):
        rest = [s for d, s in enumerate(a.shape) if d != at] == [s for d, s in enumerate(b.shape) if d != at]
        flat = at == 0 and a.ndim == 1 and a.shape[0] > 2
        if not rest or a.shape[at] * 3 != b.shape[at] * 2 or (a.shape[at] != 2 and not flat):
            continue
        x, y = arranged_rows(a, 2, at, flat), arranged_rows(b, 3, at, flat)
        if torch.equal(x, y[:2]) and torch.equal(y[2], y[0]):
            return at, flat
    return None


def _of_rows(ids: Tensor, two: _Call | None, n: int, rows_at: int, flat: bool) -> bool:
    """Whether the ids of n rows are those of two rows, n halves of them."""
    assert two is not None, "without its rows there is no such call"
    pair = two.ids
    return ids.ndim == pair.ndim and all(
        2 * s == t * (n if d == rows_at else 2) for d, (s, t) in enumerate(zip(ids.shape, pair.shape, strict=True))
    )


def arranged_rows(t: Tensor, n: int, rows_at: int, flat: bool) -> Tensor:
    """(N, …)."""
    return t.reshape(n, -1, *t.shape[1:]) if flat else t.movedim(rows_at, 0)


def _bag_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(("input", "offsets", "per_sample_weights"), args, strict=False)) | kwargs


def _bagged(module: nn.EmbeddingBag, members: Tensor, ids: Tensor, weights: Tensor | None) -> Tensor:
    """What the bag makes of its members (N, L, D): their sum, mean or maximum, without the padding."""
    there = torch.ones_like(ids, dtype=torch.bool) if module.padding_idx is None else ids != module.padding_idx
    if module.mode == "max":
        largest = members.masked_fill(~there[..., None], -torch.inf).amax(1)
        return largest.masked_fill(~there.any(1)[:, None], 0.0)
    scaled = members * there[..., None] * (1 if weights is None else weights[..., None])
    total = scaled.sum(1)
    return total if module.mode == "sum" else total / there.sum(1, keepdim=True).clamp(min=1)
