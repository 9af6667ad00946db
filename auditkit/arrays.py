"""Names of array types, for every file that annotates with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Keys = NDArray[np.uint64]
"""Hashes of rows or of clusters."""
Positions = NDArray[np.intp]
"""Where rows stand: what indexes an array."""
