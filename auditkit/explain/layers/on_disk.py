"""What a wide layer gave for all rows, in a temporary file: in memory it may weigh more than the rows themselves."""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Positions
from auditkit.scratch import Scratch

IN_MEMORY = 8 * 2**20
"""Bytes up to which an array is one."""


class OnDisk:
    """(N, positions, units) of float32, of which some are read at a time."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self._scratch = Scratch()

    def __len__(self) -> int:
        return self.shape[0]

    def __setitem__(self, where: slice, rows: NDArray[np.float32]) -> None:
        self._scratch.write(self._at(where.start, 0), rows.astype(self.dtype, copy=False))

    def taken(self, rows: Positions | None, at: slice) -> NDArray[np.float32]:
        """(n, positions, units) of some rows (None: all), at some positions."""
        n, places, units = self.shape
        first, last, _ = at.indices(places)
        out = np.empty((n if rows is None else len(rows), last - first, units), self.dtype)
        for i, row in enumerate(range(n) if rows is None else rows.tolist()):
            self._scratch.read(self._at(row, first), out[i])
        return out

    def _at(self, row: int, place: int) -> int:
        _, places, units = self.shape
        return self.dtype.itemsize * (row * places + place) * units


Member = NDArray[np.float32] | OnDisk
"""(N, positions, units)"""


def empty(shape: tuple[int, ...]) -> Member:
    """Room for what a layer gives, where it fits."""
    if len(shape) == 3 and OnDisk.dtype.itemsize * int(np.prod(shape)) > IN_MEMORY:
        with contextlib.suppress(OSError):  # nowhere to write
            return OnDisk(shape)
    return np.empty(shape, np.float32)


def taken(x: Member, rows: Positions | None = None, at: slice = slice(None)) -> NDArray[np.float32]:
    """Some rows (None: all), at some positions.

    >>> x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    >>> on_disk = OnDisk(x.shape)
    >>> on_disk[slice(0, 2)] = x
    >>> taken(on_disk, np.array([1]), slice(1, 3)).tolist() == taken(x, np.array([1]), slice(1, 3)).tolist()
    True
    """
    if isinstance(x, OnDisk):
        return x.taken(rows, at)
    return x[:, at] if rows is None else x[:, at][rows]
