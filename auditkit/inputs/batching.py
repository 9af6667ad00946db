"""How many rows go through a net at once: a matter of their bytes alone, so that a report is the same everywhere."""

from __future__ import annotations

from torch import Tensor

from auditkit.inputs.packing import Inputs, leaves, n_rows, slices

ROWS, BYTES, FEWEST = 8_192, 2**20, 4
"""Rows of a forward pass, and bytes of encoded inputs, at most: what a net makes of its inputs on the way takes many
times as much. Of rows that fit there at all so many go together: some nets take no single row, and each call costs."""


def row_bytes(inputs: Inputs) -> int:
    """Bytes of one encoded row; 0 where there is none."""
    n = n_rows(inputs)
    return sum(t.nbytes for t in leaves(inputs)) // n if n else 0


def all_finite(points: Tensor) -> bool:
    """Whether no entry is NaN or infinite, asked of some rows at a time: of all of them it takes twice their memory.

    >>> import torch
    >>> all_finite(torch.ones(2, 3)), all_finite(torch.tensor([[1.0, torch.nan]]))
    (True, False)
    """
    some = slices(len(points), rows_of(row_bytes(points)))
    return all(bool(points[at].isfinite().all()) for at in some)


def rows_of(size: int) -> int:
    """Rows of a forward pass whose rows have so many bytes each.

    >>> rows_of(40), rows_of(4 * 3 * 64 * 64), rows_of(4 * 3 * 224 * 224), rows_of(4 * 3 * 512 * 512)
    (8192, 21, 4, 1)
    """
    return max(FEWEST if size <= BYTES else 1, min(ROWS, BYTES // max(1, size)))
