"""Arrays that are too much to hold, in a temporary file."""

from __future__ import annotations

import tempfile
import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Scratch:
    """A temporary file that nobody else can open, and that goes with this.

    >>> scratch = Scratch()
    >>> scratch.write(8, np.array([1, 2, 3], np.uint8))
    >>> scratch.read(9, np.empty(2, np.uint8)).tolist()
    [2, 3]
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="auditkit-", buffering=0)  # noqa: SIM115  # it is closed with this
        self._turn = threading.Lock()
        weakref.finalize(self, self._file.close)

    def write(self, at: int, array: NDArray[Any]) -> None:
        """Put an array where it can be read again, `at` bytes into the file; OSError where there is no room."""
        with self._turn:
            self._file.seek(at)
            np.ascontiguousarray(array).tofile(self._file)

    def read(self, at: int, out: NDArray[Any]) -> NDArray[Any]:
        """Fill `out`, which is contiguous, from there on."""
        with self._turn:
            self._file.seek(at)
            if self._file.readinto(out.data) != out.nbytes:
                raise OSError("a temporary file is shorter than what was written to it")
        return out
