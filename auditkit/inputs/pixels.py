"""What a net of pictures is given: pixels as (N, channels, height, width) of floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.errors import DataError, ModelError
from auditkit.inputs.grouping import names_of

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = (1, 3, 4)
"""Channels of a picture, where they stand first or last."""


class Pixels:
    """`preprocess=` for columns of pictures: (N, channels, height, width) of float32, a tuple of such for several.

    Bytes become numbers in [0, 1], as torchvision's ToTensor makes them; floats stay what they are. `Model` takes it.
    """

    def __init__(
        self,
        columns: Sequence[str],
        size: tuple[int, int] | None,
        channels: int | None,
        mean: Sequence[float] | float | None,
        std: Sequence[float] | float | None,
    ) -> None:
        self.columns, self.size, self.channels = tuple(columns), size, channels
        self.mean, self.std = (None if v is None else np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (mean, std))

    def __call__(self, features: pd.DataFrame) -> Any:
        lost = next((c for c in self.columns if c not in features), None)
        if lost is not None:
            raise DataError(f"no column '{lost}' of pictures; the columns are {', '.join(map(str, features.columns))}")
        each = tuple(self._one([*features[c]], c) for c in self.columns)
        return each[0] if len(each) == 1 else each

    def _one(self, cells: list[Any], name: str) -> Tensor:
        import torch

        out = np.empty(0, np.float32)
        for i, cell in enumerate(cells):  # one by one: a list of all would be a second copy of them
            picture = self._sized(_channels_first(np.asarray(cell), name))
            if not i:
                out = np.empty((len(cells), *picture.shape), np.float32)
            if picture.shape != out.shape[1:]:
                stacked([self._sized(_channels_first(np.asarray(x), name)) for x in cells], name)
            out[i] = picture
        if self.mean is not None:
            out -= self.mean
        if self.std is not None:
            out /= self.std
        return torch.from_numpy(out)

    def _sized(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.channels is not None and len(picture) != self.channels:
            picture = _grey(picture) if self.channels == 1 else np.repeat(_grey(picture), self.channels, axis=0)
        if self.size is None or picture.shape[1:] == tuple(self.size):
            return picture
        import torch

        whole = torch.as_tensor(picture)[None]
        found = torch.nn.functional.interpolate(whole, size=tuple(self.size), mode="bilinear", antialias=True)
        small: NDArray[np.float32] = found[0].numpy()
        return small


_LUMA = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)
"""ITU-R BT.601, as Pillow's mode L."""


def _grey(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return picture if len(picture) == 1 else np.sum(picture[:3] * _LUMA, axis=0, keepdims=True)


def _channels_first(picture: NDArray[Any], name: str) -> NDArray[np.float32]:
    """(channels, height, width) of floats; bytes are taken as (height, width, channels), floats as either."""
    if picture.ndim == 2:
        picture = picture[None]
    elif picture.ndim != 3:
        raise ModelError(f"a cell of '{name}' has {picture.ndim} dimensions; a picture has height, width and channels")
    elif picture.shape[2] in CHANNELS and (picture.dtype == np.uint8 or picture.shape[0] not in CHANNELS):
        picture = np.moveaxis(picture, 2, 0)
    out: NDArray[np.float32] = np.ascontiguousarray(picture, np.float32)
    return out / np.float32(255) if picture.dtype == np.uint8 else out


def pixels(
    *columns: str,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
) -> Pixels:
    """`preprocess=` of a net that is given pictures as torchvision's ToTensor and Normalize give them.

    Parameters
    ----------
    columns
        Columns of pictures; of several, a net is given a tensor each, by position.
    size
        (height, width) that they are resized to, bilinearly and with antialiasing, as torchvision resizes; None: as
        they are.
    channels
        1 for grey, 3 for RGB; None: as they are.
    mean, std
        Of each channel, on [0, 1]: x becomes (x − mean) / std.

    >>> frame = pd.DataFrame({"file": [np.full((2, 2, 3), 255, np.uint8)]})
    >>> pixels("file", mean=0.5, std=0.5)(frame).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]]]
    """
    named = names_of(columns, "columns of pictures")
    if not named:
        raise ModelError("pixels needs the name of a column of pictures, as in ak.pixels('file')")
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ModelError(f"size is (height, width) in pixels, got {size}")
    if channels is not None and channels not in CHANNELS[:2]:
        raise ModelError(f"channels is 1 (grey) or 3 (RGB), got {channels}")
    return Pixels(named, size, channels, mean, std)


def stacked(pictures: Sequence[NDArray[Any]], name: str) -> NDArray[Any]:
    """(N, …) of cells of one shape; ModelError for several.

    >>> stacked([np.zeros((2, 3)), np.zeros((2, 3))], "file").shape
    (2, 2, 3)
    """
    shapes = sorted({x.shape for x in pictures}, key=lambda s: (-sum(x.shape == s for x in pictures), s))
    if len(shapes) > 1:
        odd = next(x.shape for x in pictures if x.shape != shapes[0])
        n = sum(x.shape != shapes[0] for x in pictures)
        raise ModelError(
            f"pictures of '{name}' have several sizes, most are {' × '.join(map(str, shapes[0]))}, {n:,} of "
            f"{len(pictures):,} are not, as one of {' × '.join(map(str, odd))}: give them one size, as with "
            f"ak.pixels('{name}', size=(64, 64))"
        )
    return np.stack(pictures)
