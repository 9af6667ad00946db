"""Which layers are cuts of the net: all that reaches the output passes through them. Found by patching, for any net.

A layer is a cut where giving it what it gave for other rows makes the output exactly that of those rows, for every row
(what is called resample ablation, or activation patching). It is seen on rows, not read off the code: nothing of the
net is parsed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from auditkit.errors import NotExplained
from auditkit.explain.asking import answering, differentiating
from auditkit.explain.captum_calls import Tensors, written_together
from auditkit.explain.layers.discovery import find_layers
from auditkit.explain.layers.interventions import rows_of
from auditkit.explain.layers.layer import Change, Layer
from auditkit.explain.layers.listening import listening
from auditkit.inputs.model import Model
from auditkit.inputs.packing import Inputs, n_rows, slices, taken

ROWS = 64
"""Rows that are patched, each with another's values."""
ALL = 512
"""Rows of a part in which what was seen of a few is confirmed on all."""
RELATIVE, ULPS = 1e-4, 64
"""What counts as the same output: this part of the outputs' mean distance from their mean, and so many ulp."""
MOST_TRIED = 400
"""Layers that are patched one by one, at most."""
MOST_JOINED = 96
"""Layers out of which a set is looked for, at most."""

Changes = Callable[[slice], dict[str, Change]]
"""Rows of one pass → what layers are to give there."""


def layers_and_cuts(
    model: Model, inputs: Inputs, names: Sequence[str] | None, *, heads: bool = False
) -> tuple[Layer, ...]:
    """Every layer as `find_layers` gives it, with what is read of it and whether it is a cut.

    Added are cuts that are no layer's own output (a residual stream, what goes into the head), and, where no layer
    before the last is a cut alone, a set of layers that is one together (`parts`). With `heads` heads of attention are
    added, but not to sets: what all of them give is their module's.
    """
    found = find_layers(model, inputs, names, extra=names is None, heads=heads)
    able = [y for y in found if not y.reason]
    if not able:
        return found
    patching = Patching(model, inputs)
    if not patching.varies:
        return tuple(y for y in found if not y.extra)
    read = patching.read(able)
    everywhere = patching.of_all()
    tried = sorted(able, key=lambda y: bool(y.heads))[:MOST_TRIED]
    cuts = {y.name: patching.is_cut([y]) and all(p.is_cut([y]) for p in everywhere) for y in tried}
    seen = [replace(y, read=read.get(y.name), cut=cuts.get(y.name)) for y in found]
    kept = _without_twins(seen)
    last = max(y.depth for y in kept)
    if names is None and not any(y.cut and y.units * y.places > 1 and y.depth < last for y in kept):
        joined = patching.set_of([y for y in kept if not y.reason and not y.heads and y.depth < last])
        if len(joined) > 1 and all(p.is_cut(joined) for p in everywhere):
            return _with_set(kept, joined)
    return kept


def _without_twins(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Without sums between modules that are no cuts, and those that some other layer of the cuts is a view of."""
    own = {y.place for y in layers if y.cut and not y.extra}
    kept = []
    for layer in layers:
        if layer.extra and (not layer.cut or layer.place in own):
            continue
        kept.append(layer)
        own |= {layer.place} if layer.cut else set()
    return tuple(kept)


def _with_set(layers: Sequence[Layer], parts: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers, and behind the last of the parts all of them together."""
    name = " + ".join(y.name for y in parts)
    if len(parts) > 4:
        name = f"{parts[0].name} + {len(parts) - 2} others + {parts[-1].name}"
    units = sum(y.units * y.places for y in parts)
    depth = max(y.depth for y in parts)
    together = replace(
        parts[-1], name=name, type="together", units=units, positions=1, read=None, depth=depth, cut=True,
        parts=tuple(parts), extra=True,
    )  # fmt: skip
    at = list(layers).index(parts[-1]) + 1
    return (*layers[:at], together, *layers[at:])


class Patching:
    """A few rows, and what the net says of them when layers give what they gave for other rows."""

    def __init__(self, model: Model, inputs: Inputs, *, rows: int = ROWS) -> None:
        self.model, self.whole, self.inputs = model, inputs, inputs
        if rows < n_rows(inputs):
            some = np.sort(np.random.default_rng(0).permutation(n_rows(inputs))[:rows])
            self.inputs = taken(inputs, torch.as_tensor(some))
        self.passes = [*slices(n_rows(self.inputs), max(2, model.batch_size))]
        self.plain = self._run(lambda where: {}, [])
        self.others = torch.cat([_of_others(self.plain[where]) for where in self.passes])
        spread = float((self.plain - self.plain.mean(0)).abs().mean())
        largest = self.plain.abs().max()
        ulp = float(torch.finfo(torch.float32).eps * largest)
        self.tolerance = RELATIVE * spread + ULPS * ulp
        self.given: dict[tuple[str, int], Tensor] = {}

    def of_all(self) -> list[Patching]:
        """The same of all rows, part by part: a rare way through the net is seen there alone."""
        n = n_rows(self.whole)
        parts = (taken(self.whole, where) for where in slices(n, ALL if self.model.batch_size >= ALL else ROWS))
        return [Patching(self.model, part, rows=ALL) for part in parts] if n > ROWS else []

    @property
    def varies(self) -> bool:
        """Whether rows have different outputs, so that something can be seen."""
        finite = bool(self.plain.isfinite().all())
        return finite and float((self.plain - self.others).abs().max()) > self.tolerance

    def _run(self, changes: Changes, layers: Sequence[Layer]) -> Tensor:
        """(n,) the outputs with the changes."""

        def some(where: slice) -> Tensors:
            with torch.no_grad(), listening(self.model.module, layers, changes=changes(where)):
                return (self.model.decision(taken(self.inputs, where)).double(),)

        return written_together(map(some, self.passes), n_rows(self.inputs))[0]

    def patched(self, changes: Changes, layers: Sequence[Layer]) -> Tensor | None:
        """The same; None where the net does not take them."""
        try:
            with answering():
                return self._run(changes, layers)
        except NotExplained:
            return None

    def is_cut(self, layers: Sequence[Layer]) -> bool:
        """Whether the output follows what these layers give together: the rows before."""
        kept = {} if len(layers) == 1 else self._recorded(layers)  # what is behind another of them sees its patch
        out = self.patched(lambda at: {y.name: _others_of(kept.get((y.name, at.start))) for y in layers}, layers)
        return out is not None and float((out - self.others).abs().max()) <= self.tolerance

    def _recorded(self, layers: Sequence[Layer]) -> dict[tuple[str, int], Tensor]:
        """(layer, first row of a pass) → what it gave there."""
        missing = [y for y in layers if (y.name, 0) not in self.given]
        for where in self.passes if missing else ():
            with torch.no_grad(), listening(self.model.module, missing) as heard:
                self.model.decision(taken(self.inputs, where))
            self.given |= {(y.name, where.start): y.flat(heard[y.name]).clone() for y in missing if y.name in heard}
        return self.given

    def set_of(self, layers: Sequence[Layer]) -> list[Layer]:
        """The last layers that are a cut together, none of them in vain; empty where all together are none."""
        kept = list(layers)
        if len(kept) > MOST_JOINED or not self.is_cut(kept):
            return []
        narrow = [y for y in reversed(kept) if y.units * y.places == 1]
        for layer in (*narrow, *(y for y in layers if y not in narrow)):
            fewer = [y for y in kept if y is not layer]
            if fewer and self.is_cut(fewer):
                kept = fewer
        return kept

    def read(self, layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
        """Layer → the positions that the rest of the net reads, where they are not all of them.

        Those with a gradient, if patching all others leaves every output as it is.
        """
        placed = [y for y in layers if y.positions > 1]
        out = {}
        for layer, reads in zip(placed, self._gradients(placed), strict=True):
            if reads is None or reads.all() or not reads.any():
                continue

            def others(flat: Tensor, reads: Tensor = reads) -> Tensor:
                return torch.where(reads[:, None], flat, _of_others(flat))

            change: dict[str, Change] = {layer.name: others}
            found = self.patched(functools.partial(_each, change), [layer])
            if found is not None and float((found - self.plain).abs().max()) <= self.tolerance:
                out[layer.name] = tuple(reads.nonzero()[:, 0].tolist())
        return out

    def _gradients(self, layers: Sequence[Layer]) -> list[Tensor | None]:
        """(positions,) of each layer: whether some unit there has a gradient for some row; None: not known."""
        if not layers:
            return []
        few = max(1, rows_of(self.model, self.inputs, layers) // 4)  # what is added, the sums and gradients are held
        parts = [self._of_some(layers, taken(self.inputs, at)) for at in slices(n_rows(self.inputs), few)]
        return [
            functools.reduce(torch.logical_or, column) if all(c is not None for c in column) else None
            for column in zip(*parts, strict=True)
        ]

    def _of_some(self, layers: Sequence[Layer], inputs: Inputs) -> list[Tensor | None]:
        added: dict[str, Tensor] = {}

        def adding(name: str) -> Change:
            def change(flat: Tensor) -> Tensor:
                added[name] = torch.zeros_like(flat).requires_grad_()
                return flat + added[name]

            return change

        try:
            with differentiating(), listening(
                self.model.module, layers, changes={y.name: adding(y.name) for y in layers}
            ):  # fmt: skip
                out = self.model.decision(inputs)
                here = [y for y in layers if y.name in added]
                slopes = torch.autograd.grad(
                    out.sum(), [added[y.name] for y in here], allow_unused=True, materialize_grads=True
                )
        except NotExplained:
            return [None] * len(layers)
        known = {y.name: (g != 0).any(2).any(0) for y, g in zip(here, slopes, strict=True)}
        return [known.get(y.name) for y in layers]


def _each(changes: dict[str, Change], where: slice) -> dict[str, Change]:
    """The same changes at every pass."""
    return changes


def _of_others(flat: Tensor) -> Tensor:
    """Each row gets the values of the row before it."""
    return flat.roll(1, 0)


def _others_of(given: Tensor | None) -> Change:
    """The same of what was given in another pass; None: in this."""
    return lambda flat: _of_others(flat if given is None else given)
