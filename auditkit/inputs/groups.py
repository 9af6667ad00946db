"""Feature groups: which entries of the encoded inputs make up one feature that a person has a name for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditkit.errors import ModelError
from auditkit.inputs import batching
from auditkit.inputs.packing import slices


class Groups(NamedTuple):
    """Every entry of every input tensor belongs to one feature: a column, a one-hot block, a superpixel, a token.

    Captum calls such a mask `feature_mask`.
    """

    names: tuple[str, ...]
    masks: tuple[Tensor, ...]
    """A tensor: int64, of the shape of one row, (1, …); each entry is a position in `names`."""

    @property
    def positions(self) -> dict[str, list[int]]:
        """Name → positions along dimension 1 of the one tensor; what `feature_map` is written as."""
        (mask,) = self.masks
        flat = mask.flatten(2)[0, :, 0].tolist() if mask.ndim > 2 else mask[0].tolist()
        return {name: [j for j, g in enumerate(flat) if g == i] for i, name in enumerate(self.names)}


def by_position(positions: Mapping[str, Sequence[int]], row: Tensor) -> Groups:
    """Groups of one tensor whose features are positions along dimension 1; `row` is (1, d, …).

    >>> by_position({"age": [0], "job": [1, 2]}, torch.zeros(1, 3)).masks[0].tolist()
    [[0, 1, 1]]
    """
    names = tuple(name for name, where in positions.items() if where)
    mask = torch.zeros(row.shape[1], dtype=torch.long)
    for i, name in enumerate(names):
        mask[list(positions[name])] = i
    shape = (1, len(mask), *(1,) * (row.ndim - 2))
    return Groups(names, (mask.reshape(shape).expand(1, *row.shape[1:]),))


def by_mask(mask: Any, row: Tensor) -> Groups:
    """Groups of one tensor from a mask that broadcasts to one row, as an image segmenter gives: (H, W) of integers.

    They are called by what goes in and their number: "region 3" of an image, "token 3" of ids, "time step 3" of a
    series (1, T, F) whose mask is the same for all F. Raises ModelError for a mask that does not fit, or is no whole
    numbers.

    >>> by_mask([[0, 0], [1, 1]], torch.zeros(1, 3, 2, 2)).names
    ('region 0', 'region 1')
    >>> by_mask([0, 1, 2], torch.zeros(1, 3, dtype=torch.long)).names
    ('token 0', 'token 1', 'token 2')
    """
    return by_masks([mask], [row])


def by_masks(masks: Sequence[Any], rows: Sequence[Tensor], names: Sequence[str] | None = None) -> Groups:
    """Groups of several tensors from a mask each; a number that stands in several of them is one feature.

    Of several pictures whose `names` are known, the regions of each are its own: "left, region 3".

    >>> two = [torch.zeros(1, 1, 2, 2)] * 2
    >>> by_masks([[[0, 0], [1, 1]]] * 2, two, ["left", "right"]).names
    ('left, region 0', 'left, region 1', 'right, region 0', 'right, region 1')
    """
    each = [_broadcast(mask, row) for mask, row in zip(masks, rows, strict=True)]
    pictures = [row.ndim == 4 and row.is_floating_point() for row in rows]
    own: list[str | None] = [None] * len(rows)
    if names is not None and sum(pictures) > 1:
        own = [name if picture else None for name, picture in zip(names, pictures, strict=True)]
    words: dict[tuple[str | None, int], set[str]] = {}
    for whole, row, name in zip(each, rows, own, strict=True):
        for number in torch.unique(whole).tolist():
            words.setdefault((name, number), set()).add(_word(whole, row))
    order = sorted(words, key=lambda key: (-1 if key[0] is None else own.index(key[0]), key[1]))
    place = {key: i for i, key in enumerate(order)}
    numbered = []
    for whole, name in zip(each, own, strict=True):
        numbers, at = torch.unique(whole, return_inverse=True)
        numbered.append(torch.tensor([place[name, n] for n in numbers.tolist()])[at])
    said = []
    for name, number in order:
        found = words[name, number]
        word = next(iter(found)) if len(found) == 1 else "region"
        said.append(f"{word} {number}" if name is None else f"{name}, {word} {number}")
    return Groups(tuple(said), tuple(numbered))


def _broadcast(mask: Any, row: Tensor) -> Tensor:
    given = torch.as_tensor(mask)
    if given.is_floating_point() or given.is_complex():
        raise ModelError(f"a feature mask holds whole numbers, one a feature; got {given.dtype}")
    try:
        return given.long().broadcast_to((1, *row.shape[1:]))
    except RuntimeError:
        raise ModelError(
            f"the feature mask has shape {tuple(given.shape)}, which does not fit an input of shape "
            f"{tuple(row.shape[1:])}"
        ) from None


def _word(mask: Tensor, row: Tensor) -> str:
    """What a part of such an input is called."""
    if row.dtype in (torch.int64, torch.int32) and row.ndim in (2, 3):
        return "token"
    if row.is_floating_point() and row.ndim == 3 and bool((mask == mask[..., :1]).all()):
        return "time step"
    return "region"


def segments(height: int, width: int, *, grid: tuple[int, int] = (8, 8)) -> NDArray[np.int64]:
    """(height, width) of whole numbers: a grid of rectangles over an image, for `Model(feature_map=…)`.

    Numbered by rows, from 0; an image with fewer pixels than the grid has cells gets one a pixel. Any other mask of
    whole numbers will do as well, such as a segmenter's superpixels. Raises ModelError for sizes below 1.

    >>> segments(4, 4, grid=(2, 2)).tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    """
    if min(height, width, *grid) < 1:
        raise ModelError(f"an image and its grid have at least one row and column, got {height} × {width} and {grid}")
    down, across = min(grid[0], height), min(grid[1], width)
    rows, columns = np.arange(height) * down // height, np.arange(width) * across // width
    mask: NDArray[np.int64] = (rows[:, None] * across + columns[None, :]).astype(np.int64)
    return mask


def by_name(inputs: Mapping[str, Tensor]) -> Groups:
    """Groups of inputs by name: every tensor is one feature."""
    masks = (torch.full((1, *t.shape[1:]), i, dtype=torch.long) for i, t in enumerate(inputs.values()))
    return Groups(tuple(map(str, inputs)), tuple(masks))


def by_input(maps: Sequence[Mapping[str, Sequence[int]] | str], rows: Sequence[Tensor]) -> Groups:
    """Groups of several tensors: of each its features by position, or the name of the one feature that it is.

    Features of one name are one, wherever they stand; a tensor without a dimension 1 has the position 0.

    >>> groups = by_input([{"age": [0], "job": [1]}, "job"], [torch.zeros(1, 2), torch.zeros(1, 3)])
    >>> groups.names, [m.tolist() for m in groups.masks]
    (('age', 'job'), [[[0, 1]], [[1, 1, 1]]])
    """
    found = [
        by_name({given: row}) if isinstance(given, str) else by_position(given, row if row.ndim > 1 else row[:, None])
        for given, row in zip(maps, rows, strict=True)
    ]
    names = tuple(dict.fromkeys(name for g in found for name in g.names))
    masks = []
    for g, row in zip(found, rows, strict=True):
        place = torch.tensor([names.index(name) for name in g.names])
        masks.append(place[g.masks[0]].reshape(row.shape))
    return Groups(names, tuple(masks))


def summed(groups: Groups, contributions: Sequence[Tensor]) -> Tensor:
    """Signed sums a feature, (N, G), of contributions with the shapes of the inputs, in double precision.

    Of some rows at a time: many pictures in double precision take twice their memory.

    >>> summed(by_position({"a": [0, 2], "b": [1]}, torch.zeros(1, 3)), [torch.tensor([[1.0, 2.0, 3.0]])]).tolist()
    [[4.0, 2.0]]
    """
    n = len(contributions[0])
    out = torch.zeros(n, len(groups.names), dtype=torch.float64, device=contributions[0].device)
    for mask, phi in zip(groups.masks, contributions, strict=True):
        own = mask.flatten().to(phi.device)
        for at in slices(n, batching.rows_of(batching.row_bytes(phi))):
            out[at].index_add_(1, own, phi[at].reshape(len(phi[at]), -1).double())
    return out


def mixed(groups: Groups, chosen: Tensor, there: Sequence[Tensor], else_: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """`there` in the features that are `chosen` (N, G) of booleans, `else_` in the others; (N, …) a tensor.

    >>> g = by_position({"a": [0, 2], "b": [1]}, torch.zeros(1, 3))
    >>> mixed(g, torch.tensor([[True, False]]), [torch.ones(1, 3)], [torch.zeros(1, 3)])[0].tolist()
    [[1.0, 0.0, 1.0]]
    """
    out = []
    for mask, x, b in zip(groups.masks, there, else_, strict=True):
        entries = mask.flatten().to(x.device).expand(len(chosen), -1)
        taken = chosen.to(x.device).gather(1, entries)  # several times faster than an index of columns
        out.append(torch.where(taken.reshape(-1, *x.shape[1:]), x, b))
    return tuple(out)
