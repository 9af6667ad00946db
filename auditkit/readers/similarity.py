"""How alike two samples are: the cosine of their embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats, Positions
from auditkit.errors import DataError
from auditkit.readers.pairs import Ids, column_of

_CHUNK = 65_536


def vectors(given: Any, samples: pd.DataFrame) -> Floats:
    """(N, d) the embeddings of the samples: an array in their order, one column of lists, or a column a dimension.

    DataError for other shapes.
    """
    if isinstance(given, str):
        column = column_of(samples, given, "embeddings")
        try:
            found = np.stack([np.asarray(x, dtype=np.float64) for x in column])
        except (TypeError, ValueError):
            raise DataError(f"'{given}' holds no embeddings: expected a list of as many numbers in each row") from None
    elif isinstance(given, list | tuple) and all(isinstance(x, str) for x in given):
        columns = [column_of(samples, x, "embeddings") for x in given]
        try:
            found = np.column_stack([c.to_numpy(np.float64) for c in columns])
        except (TypeError, ValueError):
            raise DataError("columns of embeddings hold numbers, and one of them holds something else") from None
    else:
        try:
            found = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError("embeddings are an array of numbers, one row a sample") from None
    if found.ndim != 2 or len(found) != len(samples) or not found.shape[1]:
        raise DataError(f"embeddings have shape {found.shape}; expected ({len(samples)}, d), a row for each sample")
    return found


def cosines(of: Floats, first: Positions, second: Positions, known: Ids) -> NDArray[np.float64]:
    """(N,) the cosine of each pair of rows; DataError for embeddings of these pairs that are NaN, infinite or 0.

    >>> two = np.array([[1.0, 0.0], [3.0, 4.0]])
    >>> cosines(two, np.array([0]), np.array([1]), np.array(["a", "b"], dtype=object)).tolist()
    [0.6]
    """
    used = np.unique(np.concatenate([first, second]))
    size = np.abs(of).max(axis=1, keepdims=True)
    for wrong, what in ((~np.isfinite(size[:, 0]), "hold NaN or ∞"), (size[:, 0] == 0, "are 0 throughout")):
        bad = used[wrong[used]]
        if len(bad):
            raise DataError(
                f"the embeddings of {len(bad):,} samples {what}, the first is that of '{known[bad[0]]}': a sample of "
                "which no embedding could be made is a failure to enrol; leave its pairs out, and say how many"
            )
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = of / size
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    out = np.empty(len(first))
    for start in range(0, len(first), _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part] = np.einsum("ij,ij->i", unit[first[part]], unit[second[part]])
    return np.clip(out, -1.0, 1.0)
