"""What a layer gives, in the blocks that are erased each by itself; and what is erased given legitimate columns.

After LEACE on each block no unit of any block is correlated with the attribute, so that no linear reader of all blocks
together finds it: what holds of one whole layer holds of its positions one by one. No torch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Positions
from auditkit.explain.layers.erasure import RANK, Eraser, leace, random_eraser, ridge_of, whitening
from auditkit.explain.layers.on_disk import OnDisk, taken

JOINT = 256
"""Units times positions up to which all are one block."""
RIDGE = 1e-2
"""Ridge of many blocks, in mean variances."""
HELD = 4 * 2**20
"""Bytes of the doubles that wide layers are worked on in, some blocks at a time: what they give stays as it came."""


@dataclass(frozen=True)
class Blocks:
    """(N, B, d) each: B blocks of d numbers."""

    arrays: tuple[NDArray[Any] | OnDisk, ...]
    """One block as doubles; many as the layer gave them."""
    shapes: tuple[tuple[int, ...], ...]
    """Of the members that they were made of, without the rows."""
    rows: Positions | None = None
    """Those of the arrays' rows that are meant, which are taken where they are looked at; None: all."""

    def __len__(self) -> int:
        return len(self.arrays[0] if self.rows is None else self.rows)

    @classmethod
    def of(cls, members: Sequence[NDArray[Any] | OnDisk], *, joint: int = JOINT) -> Blocks:
        """Of members (N, positions, units); all one block up to `joint` numbers a row."""
        shapes = tuple(m.shape[1:] for m in members)
        if sum(int(np.prod(s)) for s in shapes) <= joint:
            flat = [taken(m).reshape(len(m), -1) for m in members]
            return cls((np.concatenate(flat, axis=1).astype(np.float64)[:, None],), shapes)
        return cls(tuple(members), shapes)

    def members(self) -> tuple[NDArray[Any], ...]:
        """Back to (N, positions, units) of each member."""
        whole = self.whole()
        if len(whole) == len(self.shapes) and all(a.shape[1:] == s for a, s in zip(whole, self.shapes, strict=True)):
            return whole
        ends = np.cumsum([int(np.prod(s)) for s in self.shapes])[:-1]
        parts = np.split(whole[0][:, 0], ends, axis=1)
        return tuple(p.reshape(len(p), *s) for p, s in zip(parts, self.shapes, strict=True))

    def flat(self) -> NDArray[Any]:
        """(N, d) all numbers of a row side by side."""
        each = [a.reshape(len(a), -1) for a in self.whole()]
        return each[0] if len(each) == 1 else np.concatenate(each, axis=1)

    @property
    def wide(self) -> bool:
        """Whether there are many blocks."""
        return any(a.shape[1] > 1 for a in self.arrays)

    def at(self, rows: Positions | slice) -> Blocks:
        """Some rows."""
        return replace(self, rows=(np.arange(len(self)) if self.rows is None else self.rows)[rows])

    def whole(self) -> tuple[NDArray[Any], ...]:
        """(N, B, d) each."""
        return tuple(taken(a, self.rows) for a in self.arrays)

    def one(self, k: int) -> NDArray[Any]:
        """(N, d) of the array k, where that is one block."""
        return taken(self.arrays[k], self.rows)[:, 0]

    def parts(self, k: int) -> Iterator[tuple[slice, Floats]]:
        """Blocks of the array k that are worked on at once: where they stand, and (N, …, d) as doubles."""
        x = self.arrays[k]
        many = max(1, HELD // (8 * max(1, len(self) * x.shape[2])))
        for at in (slice(i, i + many) for i in range(0, x.shape[1], many)):
            yield at, taken(x, self.rows, at).astype(np.float64)

    def plus(self, other: Blocks, less: Blocks) -> Blocks:
        """This plus another minus a third."""
        each = zip(self.whole(), other.whole(), less.whole(), strict=True)
        return Blocks(tuple(a + b - c for a, b, c in each), self.shapes)


class Beyond:
    """What blocks hold beyond a regression on `held` (N, K), a column of ones among them, fitted on the rows `fit`."""

    def __init__(self, blocks: Blocks, held: Floats, fit: Positions, weight: Floats) -> None:
        self.blocks, self.held = blocks, held
        self.beta = [
            np.concatenate(
                [_solved(x.reshape(len(fit), -1), held[fit], weight[fit]) for _, x in blocks.at(fit).parts(k)], axis=1
            )
            for k in range(len(blocks.arrays))
        ]

    def at(self, rows: Positions) -> Blocks:
        """The residuals of some rows, as numbers of the blocks' own kind."""
        of = self.blocks.at(rows)
        out = []
        for k, x in enumerate(of.arrays):
            left = np.empty((len(rows), *x.shape[1:]), x.dtype)
            for at, part in of.parts(k):
                said = self.held[rows] @ self.beta[k][:, at.start * x.shape[2] : at.stop * x.shape[2]]
                left[:, at] = part - said.reshape(part.shape)
            out.append(left)
        return Blocks(tuple(out), of.shapes)


def _solved(x: Floats, held: Floats, weight: Floats) -> Floats:
    """(K, d) the weighted least-squares fit of x (N, d) on `held` (N, K)."""
    root = np.sqrt(weight)[:, None]
    beta, *_ = np.linalg.lstsq(held * root, x * root, rcond=1e-9)
    return beta.astype(np.float64, copy=False)


def residuals(x: Floats, held: Floats, fit: Positions, weight: Floats) -> Floats:
    """x (N, d) without its weighted least-squares fit on `held` (N, K), a column of ones among them."""
    out: Floats = x - held @ _solved(x[fit], held[fit], weight[fit])
    return out


class BlockErasers:
    """LEACE of a number z (N,) from each block, fitted on some rows."""

    def __init__(self, blocks: Blocks, z: Floats, weight: Floats) -> None:
        self.fitted: list[tuple[Eraser, Any] | _Many] = []
        for k, x in enumerate(blocks.arrays):
            if x.shape[1] > 1:
                self.fitted.append(_Many.of(blocks, k, z, weight))
                continue
            one = blocks.one(k)
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
        arrays = [
            f(blocks, k) if isinstance(f, _Many) else f[0](blocks.one(k))[:, None] for k, f in enumerate(self.fitted)
        ]
        return Blocks(tuple(arrays), blocks.shapes)

    def read(self, blocks: Blocks) -> Floats:
        """(N,) what reads z along the directions that are erased, summed over blocks."""
        out = np.zeros(len(blocks))
        for k, f in enumerate(self.fitted):
            if isinstance(f, _Many):
                for at, x in blocks.parts(k):
                    out += np.einsum("nbd,bd->n", x - f.mean[at], f.read[at])
            elif f[0].rank:
                out += (blocks.one(k) - f[0].mean) @ f[0].read[:, 0]
        return out

    def random(self, *, seed: int) -> BlockErasers:
        """Erasers of as many directions of each block, drawn in its whitened space."""
        out = copy.copy(self)
        out.fitted = [
            f.random(seed) if isinstance(f, _Many) else (random_eraser(f[1], max(1, f[0].rank), seed=seed), f[1])
            for f in self.fitted
        ]
        return out


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
    def of(cls, blocks: Blocks, k: int, z: Floats, weight: Floats) -> _Many:
        """Of the rows (N, B, d) of their array k."""
        some = [cls._of(x, z, weight) for _, x in blocks.parts(k)]
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

    def __call__(self, blocks: Blocks, k: int) -> NDArray[Any]:
        """The rows of their array k erased, as numbers of its own kind."""
        own = blocks.arrays[k]
        out = np.empty((len(blocks), *own.shape[1:]), own.dtype)
        for at, x in blocks.parts(k):
            out[:, at] = x - np.einsum("nbd,bd->nb", x - self.mean[at], self.read[at])[:, :, None] * self.write[at]
        return out

    def random(self, seed: int) -> _Many:
        drawn = np.random.default_rng(seed).normal(size=self.whiten.shape[::2]) * (self.colour != 0).any(1)
        length = np.sqrt((drawn**2).sum(1, keepdims=True))
        inner = drawn / np.maximum(length, np.finfo(float).tiny)
        return _Many(self.mean, *_along(self.whiten, self.colour, inner), self.whiten, self.colour)


def _along(whiten: Floats, colour: Floats, inner: Floats) -> tuple[Floats, Floats]:
    return np.einsum("bdr,br->bd", whiten, inner), np.einsum("bdr,br->bd", colour, inner)
