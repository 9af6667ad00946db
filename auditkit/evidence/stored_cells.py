"""The cells of a stored tally, read with numpy alone: judging a report needs no frame."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Floats, Ints
from auditkit.errors import EvidenceError
from auditkit.evidence import reading
from auditkit.evidence.clusters import Replicates
from auditkit.evidence.frames import OUTCOME, columns_of

WEIGHED = ("w", "w2")
"""Σw and Σw² of a cell, where rows have sampling weights."""
_ROUNDING = 1e-6
"""Relative: sums of weights are rounded, so Cauchy's bounds hold nearly."""


def stored_cells(stored: object) -> tuple[dict[str, NDArray[Any]], Replicates | None]:
    """The columns of a tally's JSON, sorted, and the replicates of its cells; EvidenceError for what no rows give."""
    data = reading.fields(stored, "the tally", "by", "cells", optional=("clusters",))
    by = reading.names(data["by"], "'by' of the tally")
    weighed = WEIGHED if "w" in reading.mapping(data["cells"], "the cells") else ()
    code, weight = partial(reading.wholes, low=-1, high=1), partial(reading.numbers, low=0)
    outcome, sums = dict.fromkeys(OUTCOME, code), dict.fromkeys(weighed, weight)
    cells = reading.table(data["cells"], "the cells", by, key=outcome, sums=sums)
    if weighed:
        _possible(cells["n"], cells["w"], cells["w2"])
    replicates = Replicates.from_json(data["clusters"]) if "clusters" in data else None
    if replicates is not None and len(replicates.lowest) != len(cells["n"]):
        raise EvidenceError(f"{len(replicates.lowest):,} cells have clusters, of {len(cells['n']):,}")
    keys = list(zip(*(cells[c].tolist() for c in (*columns_of(by), *OUTCOME)), strict=True))
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)
    columns = {c: v[order] for c, v in cells.items()}
    if replicates is None:
        return columns, None
    return columns, Replicates(replicates.sums[order], tuple(replicates.lowest[i] for i in order))


def _possible(n: Ints, w: Floats, w2: Floats) -> None:
    """Rows have weights above 0, and so (Σw)²/n ≤ Σw² ≤ (Σw)² (Cauchy)."""
    square = w * w
    if not ((n > 0) & (w > 0) & (w2 >= square / np.maximum(n, 1) * (1 - _ROUNDING))).all():
        raise EvidenceError("the cells hold weights that no rows have: Σw² is less than (Σw)²/n, or a sum is 0")
    if (w2 > square * (1 + _ROUNDING)).any():
        raise EvidenceError("the cells hold weights that no rows have: Σw² is more than (Σw)²")
