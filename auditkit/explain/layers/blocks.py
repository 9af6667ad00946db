"""What a layer gives, in the blocks that are erased each by itself; and what is erased given legitimate columns.

After LEACE on each block no unit of any block is correlated with the attribute, so that no linear reader of all blocks
together finds it: what holds of one whole layer holds of its positions one by one. No torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.explain.layers.erasure import RANK, Eraser, leace, random_eraser, ridge_of, whitening

JOINT = 256
"""Units times positions up to which all are one block."""
RIDGE = 1e-2
"""Ridge of many blocks, in mean variances."""
HELD = 16 * 2**20
"""Bytes of the doubles that wide layers are worked on in, some blocks at a time: what they give stays as it came."""


@dataclass(frozen=True)
class Blocks:
    """(N, B, d) each: B blocks of d numbers."""

    arrays: tuple[NDArray[Any], ...]
    """One block as doubles; many as the layer gave them."""
    shapes: tuple[tuple[int, ...], ...]
    """Of the members that they were made of, without the rows."""

    @classmethod
    def of(cls, members: Sequence[NDArray[Any]], *, joint: int = JOINT) -> Blocks:
        """Of members (N, positions, units); all one block up to `joint` numbers a row."""
        shapes = tuple(m.shape[1:] for m in members)
        if sum(int(np.prod(s)) for s in shapes) <= joint:
            flat = [m.reshape(len(m), -1) for m in members]
            return cls((np.concatenate(flat, axis=1).astype(np.float64)[:, None],), shapes)
        return cls(tuple(members), shapes)

    def members(self) -> tuple[NDArray[Any], ...]:
        """Back to (N, positions, units) of each member."""
        if len(self.arrays) == len(self.shapes) and all(
            a.shape[1:] == s for a, s in zip(self.arrays, self.shapes, strict=True)
        ):
            return self.arrays
        ends = np.cumsum([int(np.prod(s)) for s in self.shapes])[:-1]
        parts = np.split(self.arrays[0][:, 0], ends, axis=1)
        return tuple(p.reshape(len(p), *s) for p, s in zip(parts, self.shapes, strict=True))

    def flat(self) -> NDArray[Any]:
        """(N, d) all numbers of a row side by side."""
        return np.concatenate([a.reshape(len(a), -1) for a in self.arrays], axis=1)

    def at(self, rows: NDArray[np.intp]) -> Blocks:
        """Some rows."""
        return Blocks(tuple(a[rows] for a in self.arrays), self.shapes)

    def beyond(self, held: Floats, fit: NDArray[np.intp], weight: Floats) -> Blocks:
        """Without what a regression on `held` (N, K), fitted on the rows `fit`, says of them."""
        of = partial(residuals, held=held, fit=fit, weight=weight)
        return Blocks(tuple(_by_parts(a, lambda x, at: _flatly(of, x)) for a in self.arrays), self.shapes)

    def plus(self, other: Blocks, less: Blocks) -> Blocks:
        """This plus another minus a third."""
        return Blocks(tuple(a + b - c for a, b, c in zip(self.arrays, other.arrays, less.arrays, strict=True)),
                      self.shapes)  # fmt: skip


def _parts(x: NDArray[Any]) -> Iterator[slice]:
    """Blocks of x (N, B, d) that are worked on at once."""
    many = max(1, HELD // (8 * max(1, len(x) * x.shape[2])))
    return (slice(i, i + many) for i in range(0, x.shape[1], many))


def _by_parts(x: NDArray[Any], of: Callable[[Floats, slice], Floats]) -> NDArray[Any]:
    """What `of` makes of some blocks, as doubles, and where they stand; all of them, as numbers of x's own kind."""
    out = np.empty_like(x)
    for at in _parts(x):
        out[:, at] = of(x[:, at].astype(np.float64), at)
    return out


def _flatly(of: Callable[[Floats], Floats], x: Floats) -> Floats:
    """What `of` makes of (N, B · d)."""
    return of(x.reshape(len(x), -1)).reshape(x.shape)


def residuals(x: Floats, held: Floats, fit: NDArray[np.intp], weight: Floats) -> Floats:
    """x (N, d) without its weighted least-squares fit on `held` (N, K), a column of ones among them."""
    root = np.sqrt(weight[fit])[:, None]
    beta, *_ = np.linalg.lstsq(held[fit] * root, x[fit] * root, rcond=1e-9)
    out: Floats = x - held @ beta
    return out


class BlockErasers:
    """LEACE of a number z (N,) from each block, fitted on some rows."""

    def __init__(self, blocks: Blocks, z: Floats, weight: Floats) -> None:
        self.shapes = blocks.shapes
        self.fitted: list[tuple[Eraser, Any] | _Many] = []
        for x in blocks.arrays:
            if x.shape[1] > 1:
                self.fitted.append(_Many.of(x, z, weight))
                continue
            one = x[:, 0]
            white = whitening(one, weight)
            if len(white.variances):
                white = white.ridged(ridge_of(white, one, z, weight))
            self.fitted.append((leace(one, z, weight, white=white), white))

    @property
    def empty(self) -> bool:
        """Whether nothing varies."""
        return not any(isinstance(f, _Many) or len(f[1].variances) for f in self.fitted)

    def __call__(self, blocks: Blocks) -> Blocks:
        """Erased rows."""
        arrays = [f(x) if isinstance(f, _Many) else f[0](x[:, 0])[:, None] for f, x in self._pairs(blocks)]
        return Blocks(tuple(arrays), blocks.shapes)

    def read(self, blocks: Blocks) -> Floats:
        """(N,) what reads z along the directions that are erased, summed over blocks."""
        out = np.zeros(len(blocks.arrays[0]))
        for f, x in self._pairs(blocks):
            if isinstance(f, _Many):
                for at in _parts(x):
                    out += np.einsum("nbd,bd->n", x[:, at] - f.mean[at], f.read[at])
            elif f[0].rank:
                out += (x[:, 0] - f[0].mean) @ f[0].read[:, 0]
        return out

    def random(self, blocks: Blocks, *, seed: int) -> Blocks:
        """Rows without as many directions of each block, drawn in its whitened space."""
        arrays = []
        for f, x in self._pairs(blocks):
            if isinstance(f, _Many):
                arrays.append(f.random(seed)(x))
            else:
                arrays.append(random_eraser(f[1], max(1, f[0].rank), seed=seed)(x[:, 0])[:, None])
        return Blocks(tuple(arrays), blocks.shapes)

    def _pairs(self, blocks: Blocks) -> Any:
        return zip(self.fitted, blocks.arrays, strict=True)


@dataclass(frozen=True)
class _Many:
    """An eraser of one direction a block, of B blocks at once."""

    mean: Floats
    """(B, d)"""
    read: Floats
    """(B, d)"""
    write: Floats
    """(B, d)"""
    whiten: Floats
    """(B, d, r)"""
    colour: Floats

    @classmethod
    def of(cls, x: NDArray[Any], z: Floats, weight: Floats) -> _Many:
        """Of rows (N, B, d)."""
        some = [cls._of(x[:, at].astype(np.float64), z, weight) for at in _parts(x)]
        return cls(*(np.concatenate([getattr(m, f.name) for m in some]) for f in fields(cls)))

    @classmethod
    def _of(cls, x: Floats, z: Floats, weight: Floats) -> _Many:
        """The same formulas as `leace`, block by block."""
        w = weight / weight.sum()
        mean = np.einsum("n,nbd->bd", w, x)
        centred = (x - mean).transpose(1, 0, 2)
        scale = np.sqrt(np.einsum("n,bnd->bd", w, centred**2))
        scale = np.where(scale > RANK * np.maximum(np.abs(mean), np.finfo(float).tiny), scale, np.inf)
        unit = centred * np.sqrt(w)[:, None] / scale[:, None]
        found, axes = np.linalg.eigh(unit.transpose(0, 2, 1) @ unit)
        kept = found > RANK * np.maximum(found[:, -1:], np.finfo(float).tiny)
        ridged = np.where(kept, found + RIDGE * found.mean(1, keepdims=True), np.inf)
        size = np.where(np.isfinite(scale), scale, 0.0)[:, :, None]
        whiten = axes / np.sqrt(ridged)[:, None] / scale[:, :, None]
        colour = axes * np.where(kept, np.sqrt(np.where(kept, ridged, 0.0)), 0.0)[:, None] * size
        cross = np.einsum("n,bnd->bd", w * (z - w @ z), centred)
        inner = np.einsum("bdr,bd->br", whiten, cross)
        length = np.sqrt((inner**2).sum(1, keepdims=True))
        spread = np.sqrt(max(float(w @ (z - w @ z) ** 2), np.finfo(float).tiny))
        inner = np.where(length > 1e-7 * spread, inner / np.maximum(length, np.finfo(float).tiny), 0.0)
        return cls(mean, *_along(whiten, colour, inner), whiten, colour)

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        return _by_parts(x, self._erased)

    def _erased(self, x: Floats, at: slice) -> Floats:
        out: Floats = x - np.einsum("nbd,bd->nb", x - self.mean[at], self.read[at])[:, :, None] * self.write[at]
        return out

    def random(self, seed: int) -> _Many:
        drawn = np.random.default_rng(seed).normal(size=self.whiten.shape[::2]) * (self.colour != 0).any(1)
        length = np.sqrt((drawn**2).sum(1, keepdims=True))
        inner = drawn / np.maximum(length, np.finfo(float).tiny)
        return _Many(self.mean, *_along(self.whiten, self.colour, inner), self.whiten, self.colour)


def _along(whiten: Floats, colour: Floats, inner: Floats) -> tuple[Floats, Floats]:
    return np.einsum("bdr,br->bd", whiten, inner), np.einsum("bdr,br->bd", colour, inner)
