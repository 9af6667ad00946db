"""Rows with lists, arrays and bytes in them are hashed by their content."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from auditkit.batch import Batch
from auditkit.evidence.sample import row_keys

MAKE: dict[str, Any] = {
    "list": lambda i: [i, [i, "a"]],
    "tuple of lists": lambda i: ([i],),
    "array": lambda i: np.full((2, 3), i),
    "array of objects": lambda i: np.array([i, [i]], dtype=object),
    "image": lambda i: np.full((4, 4, 3), i, dtype=np.uint8),
    "tensor": lambda i: torch.full((2,), float(i), requires_grad=True),
    "dict": lambda i: {"a": i, "b": [i]},
    "set": lambda i: {i, "x", "y"},
    "bytes": lambda i: bytes([200 + i]),
}


def keys(cells: list[Any]) -> list[int]:
    n = len(cells)
    if isinstance(cells, list):
        column = pd.Series([None] * n, dtype=object)
        for i, cell in enumerate(cells):  # one by one: an array of tensors would ask each for its array
            column.array[i] = cell
    else:
        column = cells
    batch = Batch(
        features=pd.DataFrame({"x": column}),
        groups=pd.DataFrame({"g": pd.Categorical(["a"] * n)}),
        y_true=np.zeros(n, np.int8),
        y_pred=np.zeros(n, np.int8),
    )
    return [int(k) for k in row_keys(batch)]


@pytest.mark.parametrize("kind", MAKE)
def test_equal_content_has_equal_keys_and_other_content_has_others(kind: str) -> None:
    make = MAKE[kind]
    found = keys([make(0), make(1), make(0), make(2), None])
    assert found[0] == found[2]
    assert len(set(found)) == 4
    assert found[:2] == keys([make(0), make(1)])  # whatever else the column holds


def test_arrow_lists() -> None:
    column = pd.Series([[1], [2], [1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))
    found = keys(column)
    assert found[0] == found[2]
    assert len(set(found)) == 3


def test_shape_and_type_are_content() -> None:
    cells = [
        np.zeros((2, 2)),
        np.zeros(4),
        np.zeros(4, np.int64),
        [0.0] * 4,
        [[0.0] * 2] * 2,
        ["a", "b"],
        ["ab"],
        [b"ab"],
    ]
    assert len(set(keys(cells))) == len(cells)


def test_an_object_without_content_counts_by_its_type() -> None:
    a, b = keys([object(), object()])
    assert a == b
