"""Every helper that reads stored evidence gives what it was given, or refuses it by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from auditkit.errors import EvidenceError
from auditkit.evidence import reading

READERS: dict[str, Callable[[Any], Any]] = {
    "mapping": lambda v: reading.mapping(v, "IT"),
    "fields": lambda v: reading.fields(v, "IT", "a"),
    "items": lambda v: reading.items(v, "IT", most=3),
    "text": lambda v: reading.text(v, "IT"),
    "texts": lambda v: reading.texts(v, "IT"),
    "names": lambda v: reading.names(v, "IT"),
    "whole": lambda v: reading.whole(v, "IT"),
    "number": lambda v: reading.number(v, "IT"),
    "wholes": lambda v: reading.wholes(v, "IT", high=5, length=2),
    "numbers": lambda v: reading.numbers(v, "IT", low=0, length=2),
    "matrix": lambda v: reading.matrix(v, "IT", rows=1, width=2),
    "line": lambda v: reading.line(v, "IT", most=3),
}
GOOD: dict[str, list[Any]] = {
    "mapping": [{}, {"a": 1}],
    "fields": [{"a": 1}],
    "items": [[], [1, 2, 3]],
    "text": ["", "a"],
    "texts": [[], ["a", "a"]],
    "names": [["a", "b"]],
    "whole": [0, 2**53],
    "number": [0, -1.5, 1e150],
    "wholes": [[0, 5]],
    "numbers": [[0, 1.5]],
    "matrix": [[[1, 2.5]]],
    "line": ["1 2.5 3", ""],
}
BAD: dict[str, list[Any]] = {
    "mapping": [[], None, 3],
    "fields": [{}, {"a": 1, "b": 2}, []],
    "items": [{}, "abc", None, [1, 2, 3, 4]],
    "text": [None, 3, "a" * 10_001],
    "texts": [["a", 3], [["a"]], [{}], "ab"],
    "names": [["a", "a"], [None]],
    "whole": [-1, True, 1.0, "1", None, 2**53 + 1, 10**400],
    "number": [math.nan, math.inf, "1", True, None, 10**400, -1e200],
    "wholes": [[0], [0, 6], [0, -1], [0, 1.0], [0, True], [0, None], [0, 10**400], "01"],
    "numbers": [[0], [0, -1], [0, math.nan], [0, math.inf], [0, True], [0, "1"], [0, 10**400]],
    "matrix": [[[1]], [[1, 2], [1, 2]], [1, 2], [[1, math.nan]]],
    "line": ["1 2 3 4", "1 x", "nan", "inf", "1e300", None, [1]],
}


@pytest.mark.parametrize("reader", READERS)
def test_what_fits_is_given_back(reader: str) -> None:
    for value in GOOD[reader]:
        found = READERS[reader](value)
        expected = [float(x) for x in value.split()] if reader == "line" else value
        assert np.array_equal(np.asarray(found, object), np.asarray(expected, object))


@pytest.mark.parametrize(("reader", "value"), [(r, v) for r in BAD for v in BAD[r]])
def test_what_does_not_fit_is_refused_by_name(reader: str, value: Any) -> None:
    with pytest.raises(EvidenceError, match="IT") as caught:
        READERS[reader](value)
    assert len(str(caught.value)) < 200


CELL_READERS: dict[str, Any] = {
    "key": {"y_true": partial(reading.wholes, low=-1, high=1)},
    "sums": {"w": partial(reading.numbers, low=0)},
}
CELLS = {"sex": ["f", "m"], "y_true": [0, 1], "n": [3, 4], "w": [1.5, 2.0]}


def test_a_table_of_cells_is_read_by_column() -> None:
    cells = reading.table(CELLS, "cells", ["sex"], **CELL_READERS)
    assert cells["sex"].tolist() == ["f", "m"]
    assert cells["n"].tolist() == [3, 4]
    assert cells["w"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    "change",
    [
        {"n": [3]},
        {"n": [-1000, 4]},
        {"n": [0.5, 4]},
        {"y_true": [-2, 1]},
        {"y_true": [0, 2]},
        {"w": [-1.0, 2.0]},
        {"w": [math.inf, 2.0]},
        {"sex": ["f", "f"], "y_true": [1, 1]},
        {"sex": ["f", 3]},
        {"more": [1, 2]},
    ],
)
def test_a_table_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="cells"):
        reading.table({**CELLS, **change}, "cells", ["sex"], **CELL_READERS)


def test_counts_are_whole_and_not_negative() -> None:
    assert reading.counts(np.array([0.0, 3.0]), "n").tolist() == [0, 3]
    for wrong in (0.5, -1.0, 1e300):
        with pytest.raises(EvidenceError, match="no counts"):
            reading.counts(np.array([1.0, wrong]), "n")
