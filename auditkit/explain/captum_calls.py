"""How Captum is driven: one root for all rows' gradients, as many rows a call as memory allows."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from auditkit.errors import ModelError, NotExplained, out_of_memory
from auditkit.explain.asking import differentiating
from auditkit.explain.graph_bytes import graph_bytes
from auditkit.explain.methods.first_layers import Path
from auditkit.explain.surface import Forward, Surface
from auditkit.inputs import batching
from auditkit.inputs.running import random_state_kept
from auditkit.memory import give_back
from auditkit.progress import tell

CALL_BYTES = 24 * 2**20
"""Memory of one call: many rows, since Captum builds its path in 3 n_steps small operations a call; but no more than
the process keeps between calls, since fresh memory costs more."""
AT_ONCE = 8 * 2**20
"""Bytes of points that are copied or explained at once, at most, where rows are explained one by one: a method gives a
number for each entry of a picture, and what is kept is a sum a feature."""

Tensors = tuple[Tensor, ...]
Found = TypeVar("Found")
Gradients = Callable[..., Tensors]
"""Captum's `gradient_func`: (forward, inputs, target, additional arguments) → gradients, one an input."""
Call = Callable[[Surface, Tensors, int | None, Gradients], Tensors]
"""(some rows, their baseline, which output, gradients) → contributions with the shapes of the points."""


def gradients_of_the_sum(
    forward_fn: Forward,
    inputs: Tensors,
    target_ind: int | None = None,
    additional_forward_args: Any = None,
    *,
    path: Path | None = None,
) -> Tensors:
    """Captum's gradients, one root for all rows; 0 for an input that the output does not depend on.

    Captum differentiates one output a row (`torch.unbind`), at five to nine times the cost. The sum has the same
    gradients when rows are independent, which T0 has shown.
    """
    fixed = () if additional_forward_args is None else tuple(additional_forward_args)
    path = path or Path(None, np.ones(1))
    with differentiating():
        opened = path.opened(forward_fn, inputs, fixed)
        root = (opened.out if target_ind is None else opened.out[:, target_ind]).sum()
        return path.gradients(root, opened, inputs)


class EveryOutput:
    """Gradients of one output after the other, all from the forward pass of the first: inputs stay the same."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.kept: list[Tensors] = []

    def __call__(
        self,
        forward_fn: Forward,
        inputs: Tensors,
        target_ind: int,
        additional_forward_args: Any,
        *,
        path: Path | None = None,
    ) -> Tensors:
        if not self.kept:
            fixed = () if additional_forward_args is None else tuple(additional_forward_args)
            path = path or Path(None, np.ones(1))
            with differentiating():
                opened = path.opened(forward_fn, inputs, fixed)
                for k, root in enumerate(opened.out.sum(0)):
                    self.kept.append(path.gradients(root, opened, inputs, keep=k + 1 < self.outputs))
        return self.kept[target_ind]


def over_rows(call: Call, at: Surface, baseline: Tensors, *, copies: int, outputs: int | None = None) -> Tensors:
    """What `call` gives for all rows, in chunks; for several outputs all of the first, all of the second, …

    `baseline` is one row, (1, …), or a row for each row, (N, …); `copies` points a row are held at a time.
    """
    check_baseline(at, baseline)
    width = len(at.points)
    per_row = len(baseline[0]) > 1
    carried = replace(at, points=(*at.points, *baseline)) if per_row else at

    def one(part: Surface) -> Tensors:
        own = replace(part, points=part.points[:width])
        start = part.points[width:] if per_row else baseline
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Captum tells of hooks and flags that are put back below
            if outputs is None:
                return tuple(call(own, start, None, gradients_of_the_sum))
            shared = EveryOutput(outputs)
            return tuple(t for k in range(outputs) for t in call(own, start, k, shared))

    return in_chunks(one, carried, rows=rows_per_call(at, copies=copies))


def asked(engine: Any, part: Surface, **options: Any) -> Tensors:
    """What an engine of Captum attributes to the points of some rows."""
    return tuple(engine.attribute(part.points, additional_forward_args=part.fixed or None, **options))


def spread(baseline: Tensors, at: Surface) -> Tensors:
    """The baseline (1, …) or (N, …), once a row of the surface."""
    return tuple(b.expand(len(at), *b.shape[1:]) for b in baseline)


def check_baseline(at: Surface, baseline: Tensors, *, any_rows: bool = False) -> None:
    """ModelError unless there is one baseline a point of the surface, (1, …) or (N, …).

    Captum takes any number of baselines without a word, and leaves out what it does not need.
    """
    if len(baseline) != len(at.points):
        raise ModelError(f"expected {len(at.points)} baselines, one a point of the surface, got {len(baseline)}")
    for point, start in zip(at.points, baseline, strict=True):
        fits = any_rows or len(start) in (1, len(at))
        if start.shape[1:] != point.shape[1:] or not fits or len(start) != len(baseline[0]):
            raise ModelError(
                f"a baseline must have shape (1, …) or that of the points, {tuple(point.shape)}; it has "
                f"{tuple(start.shape)}"
            )


def in_chunks(call: Callable[[Surface], Tensors], at: Surface, *, rows: int, what: str = "explaining rows") -> Tensors:
    """What `call` gives for all rows of a surface, `rows` at a time; half as many whenever memory runs out."""

    def parts() -> Iterator[Tensors]:
        for where, found in halving(lambda where: call(at.take(where)), len(at), rows):
            yield found
            tell(what, where.stop, len(at))

    return written_together(parts(), len(at))


def written_together(parts: Iterable[Tensors], most: int) -> Tensors:
    """Rows under rows, at most so many, written where they stay as they come.

    Kept one by one, what many calls give would lie between the memory that the calls give back, and little of that
    could be used again.

    >>> written_together([(torch.zeros(1),), (torch.ones(1),)], 5)
    (tensor([0., 1.]),)
    """
    whole: tuple[Tensor, ...] = ()
    ends: list[int] = []
    for part in parts:
        whole = whole or tuple(t.new_empty((most, *t.shape[1:])) for t in part)
        ends = ends or [0] * len(part)
        for k, t in enumerate(part):
            whole[k][ends[k] : ends[k] + len(t)] = t.detach()
            ends[k] += len(t)
    give_back()
    return tuple(t[:end] for t, end in zip(whole, ends, strict=True))


def halving(call: Callable[[slice], Found], n: int, rows: int) -> Iterator[tuple[slice, Found]]:
    """What `call` gives for each part of n rows, `rows` at a time; half as many whenever memory runs out."""
    start = 0
    while start < n:
        where = slice(start, min(n, start + rows))
        try:
            found = call(where)
        except (RuntimeError, MemoryError) as e:
            if where.stop - start == 1 or not out_of_memory(e):
                raise
            rows = (where.stop - start) // 2
            continue
        yield where, found
        start = where.stop


def rows_per_call(at: Surface, *, copies: int) -> int:
    """Rows of which `copies` points each fit `CALL_BYTES`, at least 1.

    A point takes four copies of its input, and what autograd keeps of its forward pass (measured as the difference
    between two rows and one, which leaves the weights out); of a net that autograd refuses nothing is known.
    """

    def kept(rows: int) -> int:
        def repeated(t: Tensor) -> Tensor:
            return t[:1].detach().expand(rows, *t.shape[1:]).clone()

        points = [p.requires_grad_() if p.is_floating_point() else p for p in map(repeated, at.points)]
        fixed = [repeated(f) for f in at.fixed]
        with torch.enable_grad():
            return graph_bytes(lambda: at.forward(*points, *fixed))

    try:
        forward = max(0, kept(2) - kept(1))
    except NotExplained:
        forward = 0
    point = 4 * sum(p[0].nbytes for p in at.points) + forward
    return max(1, CALL_BYTES // (copies * point))


def rows_at_once(points: Tensors) -> int:
    """Rows whose points fit `AT_ONCE`, at least 1.

    >>> rows_at_once((torch.zeros(2, 3, 64, 64),)), rows_at_once((torch.zeros(0, 3),))
    (170, 8388608)
    """
    return max(1, AT_ONCE // max(1, batching.row_bytes(points)))


@contextlib.contextmanager
def seeded(seed: int, at: Surface) -> Iterator[None]:
    """The global random states that Captum draws from, seeded, and afterwards as before."""
    with random_state_kept(at.points[0].device):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        yield


@contextlib.contextmanager
def restored(module: nn.Module) -> Iterator[None]:
    """Hooks, attributes and weights of every part as before, whatever Captum left behind, also after an error."""
    parts = [p for p in module.modules() if not isinstance(p, torch.jit.ScriptModule)]
    attributes = [(p, set(vars(p))) for p in parts]
    hooks = [(v, list(v.items())) for p in parts for k, v in vars(p).items() if isinstance(v, dict) and "_hooks" in k]
    weights = [(p, p.data) for p in module.parameters()]
    try:
        yield
    finally:
        for table, items in hooks:
            table.clear()
            table.update(items)
        for part, names in attributes:
            for name in set(vars(part)) - names:
                delattr(part, name)
        for parameter, data in weights:
            if parameter.data is not data:
                parameter.data = data
