"""A layer: one tensor that one call of one module gives, or takes, and how it is laid out as rows, places and units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from auditkit.explain.layers.heads import Kind

Entry = tuple[int, ...]
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
    entry: tuple[int, ...] = ()
    """Where it stands in what the call gives, a tuple, maybe of tuples; empty: it is all that the call gives."""
    entering: bool = False
    """Whether it is what goes into the call (its first tensor) instead of what comes out."""
    heads: Kind = ""
    """Of a head of attention: how its module holds heads; empty: it is none. `call` counts attentions then."""
    head: int = 0
    """Which head of them, from 0."""
    extra: bool = False
    """Whether it is no module's own work: what goes into a layer, or what a module gives that calls others."""
    place: tuple[int, int] = (0, -1)
    """Where its numbers lay in the pass that found it, and how many: what views of the same have in common."""
    read: tuple[int, ...] | None = None
    """Positions that the rest of the net reads; None: all, or not known."""
    cut: bool | None = None
    """Whether all that reaches the output passes here; None: not asked."""
    parts: tuple[Layer, ...] = ()
    """Layers that are looked at together; empty: it is one."""

    @property
    def members(self) -> tuple[Layer, ...]:
        """Its parts, or itself."""
        return self.parts or (self,)

    @property
    def places(self) -> int:
        """Positions that are read."""
        return self.positions if self.read is None else len(self.read)

    def whole(self, output: Tensor, n: int) -> bool:
        """Whether an output has `n` rows of its units: one that saw other rows has not."""
        fits = output.ndim > self.rows and output.shape[self.rows] == n
        return fits and self.flat(output.narrow(self.rows, 0, min(n, 1))).shape[1:] == (self.positions, self.units)

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
