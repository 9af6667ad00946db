"""How a value of the data is written as a label: one rule, wherever groups, ids or classes are named.

Text stays as it is. Numbers and booleans are written by their value: "1" for 1, 1.0, Decimal("1.00") and True alike,
"2.5" for 2.5. Dates are ISO 8601, "2024-05-01" for a midnight without a zone. Text and a number that are written alike
are never merged: a column that holds both is refused.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import uuid
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import DataError
from auditkit.lazy import pandas as pd

_LONG = 1e100
"""Whole numbers from here on are written with an exponent."""


@cache
def _others() -> tuple[type, ...]:
    """Kinds of values, beside text, numbers and dates, that are written as Python writes them."""
    return (pd.Interval, pd.Period, uuid.UUID, enum.Enum, bytes, datetime.time, datetime.timedelta, np.timedelta64)


class Unwritten(TypeError):
    """A value that is no label: a list, an array, an object of an unknown kind."""


def is_number(value: object) -> bool:
    """Whether a value is a number or a boolean, of Python, NumPy, `decimal` or `fractions`; complex ones are none."""
    return isinstance(value, bool | int | float | np.number | np.bool_ | decimal.Decimal | fractions.Fraction) and not (
        isinstance(value, np.timedelta64 | np.complexfloating)
    )


def written(value: Any) -> str:
    """The label of a value; raises Unwritten for what is none.

    >>> [written(x) for x in (1, 1.0, True, "1.0", 2.5, np.float32(0.1), decimal.Decimal("3.50"))]
    ['1', '1', '1', '1.0', '2.5', '0.1', '3.5']
    >>> written(pd.Timestamp("2024-05-01")), written(datetime.date(2024, 5, 1))
    ('2024-05-01', '2024-05-01')
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, enum.Enum):
        return str(value)
    if is_number(value):
        return _number(value)
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime.datetime):
        midnight = value.tzinfo is None and value.time() == datetime.time() and not getattr(value, "nanosecond", 0)
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"({', '.join(written(x) for x in value)})"
    if isinstance(value, _others()):
        return str(value)
    raise Unwritten(type(value).__name__)


def _number(value: Any) -> str:
    """The shortest decimal of the number, in its own precision; whole ones without a point."""
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(int(value))
    if isinstance(value, fractions.Fraction):
        return str(value)
    if isinstance(value, decimal.Decimal):
        if value.is_finite() and value == value.to_integral_value() and abs(value) < _LONG:
            return str(int(value))
        same = not value.is_finite() or decimal.Decimal(repr(float(value))) == value
        return _number(float(value)) if same else str(value.normalize())
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < _LONG else str(value)


class Coded(NamedTuple):
    """A column as codes and labels."""

    codes: NDArray[np.int64]
    """(N,) positions in `labels`; -1 where missing."""
    labels: tuple[str, ...]
    """The labels, each once, sorted."""
    raw: tuple[Any, ...]
    """A value of the column for every label."""


def factorized(column: Any) -> tuple[NDArray[np.int64], list[Any]]:
    """Codes (N,), -1 where missing, and the values that occur, in the order in which they do.

    Raises Unwritten for lists, arrays and other values that cannot be told apart.
    """
    series = column if isinstance(column, pd.Series) else pd.Series(column)
    if isinstance(series.dtype, pd.SparseDtype):
        series = pd.Series(np.asarray(series))
    try:
        codes, index = pd.factorize(series, sort=False)
        values = _elements(index)
    except (TypeError, NotImplementedError, ValueError):  # pyarrow's errors are these too
        raise Unwritten("list") from None
    codes = np.asarray(codes, dtype=np.int64)
    lost = np.array([isinstance(x, float | np.floating) and x != x for x in values], dtype=bool)  # Arrow's NaN
    if lost.any():
        place = np.where(lost, -1, np.cumsum(~lost) - 1)
        codes = np.where(codes < 0, -1, place[codes])
        values = [x for x, gone in zip(values, lost, strict=True) if not gone]
    return codes, values


def _elements(index: pd.Index[Any]) -> list[Any]:
    """The values as Python's own; floats of lower precision stay theirs, so that 0.1 is written as 0.1."""
    kind = getattr(index.dtype, "numpy_dtype", index.dtype)
    if isinstance(kind, np.dtype) and kind in (np.float32, np.float16):
        return list(index.to_numpy(dtype=kind))
    return [x.item() if isinstance(x, np.bool_ | np.str_ | np.integer | np.float64) else x for x in index]


def coded(column: Any, name: str) -> Coded:
    """The labels of a column. Values that are written alike are one, unless one is text and the other is not.

    Raises DataError for those, and for lists, arrays and other values that are no labels.

    >>> coded([1, True, 0.0, None], "member")[:2]
    (array([ 1,  1,  0, -1]), ('0', '1'))
    """
    try:
        codes, values = factorized(column)
        labels = [written(x) for x in values]
    except Unwritten as e:
        kind = "lists" if str(e) in ("list", "ndarray", "dict", "set") else f"values of type {e}"
        raise DataError(f"'{name}' holds {kind} or other values that are no groups; expected one value a row") from None
    first: dict[str, Any] = {}
    for label, value in zip(labels, values, strict=True):
        if isinstance(first.setdefault(label, value), str) != isinstance(value, str):
            raise DataError(
                f"'{name}' holds the text '{label}' and {value if not isinstance(value, str) else first[label]!r}, "
                "which is written alike and is no text: give the whole column one type"
            )
    order = sorted(first)
    place = {label: i for i, label in enumerate(order)}
    translate = np.array([*(place[label] for label in labels), -1], dtype=np.int64)
    return Coded(translate[codes], tuple(order), tuple(first[label] for label in order))
