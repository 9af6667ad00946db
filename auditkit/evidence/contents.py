"""Cells that hold lists, arrays, images, bytes: a number that stands for the content, so that rows can be hashed."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import hashlib
import uuid
from collections.abc import Mapping, Set
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.lazy import pandas as pd


@cache
def _plain() -> tuple[type, ...]:
    """Types of values that pandas hashes by themselves."""
    return (str, bool, int, float, complex, np.generic, type(None), type(pd.NA), type(pd.NaT), decimal.Decimal,
            datetime.date, datetime.time, datetime.timedelta, fractions.Fraction, pd.Interval, pd.Period, uuid.UUID,
            enum.Enum)  # fmt: skip


def hashable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, with columns of lists, arrays, bytes and other objects as 64-bit hashes of the cells' content.

    >>> a, b, c = hashable(pd.DataFrame({"x": [[1, 2], [1, 2], np.array([1, 3])]}))["x"]
    >>> a == b, a == c
    (True, False)
    """
    odd = {c: _hashes(frame[c]) for c in frame.columns if holds_contents(frame[c])}
    return frame.assign(**odd) if odd else frame


def holds_contents(column: pd.Series[Any]) -> bool:
    """Whether some cells are lists, arrays, bytes or other objects: no labels, and nothing to sort or count by."""
    kind, plain = column.dtype, _plain()
    if isinstance(kind, pd.CategoricalDtype):
        return not all(isinstance(x, plain) for x in kind.categories)
    if isinstance(kind, pd.ArrowDtype):
        return kind.kind == "O" and kind.type not in (str, decimal.Decimal, datetime.date, datetime.time)
    return pd.api.types.is_object_dtype(kind) and not all(isinstance(x, plain) for x in column)


def content_key(value: Any) -> bytes:
    """Eight bytes that stand for a value's content; what knows its own (`content_key`) is not looked into.

    >>> content_key(np.zeros(3)) == content_key(np.zeros(3)), content_key(np.zeros(3)) == content_key(np.zeros(4))
    (True, False)
    """
    own = getattr(value, "content_key", None)
    return own if isinstance(own, bytes) else hashlib.blake2b(_bytes(value), digest_size=8).digest()


def _hashes(column: pd.Series[Any]) -> NDArray[np.uint64]:
    digests = map(content_key, column)
    return np.fromiter((int.from_bytes(d, "little") for d in digests), dtype=np.uint64, count=len(column))


def _bytes(value: Any) -> bytes:
    """What a value holds, told apart by kind; of an object that gives away no content only its type counts."""
    if isinstance(value, bytes | bytearray | memoryview):
        return b"b" + bytes(value)
    if isinstance(value, Mapping):
        return b"m" + _joined(sorted(_joined([_bytes(k), _bytes(v)]) for k, v in value.items()))
    if isinstance(value, Set):
        return b"s" + _joined(sorted(map(_bytes, value)))
    if isinstance(value, list | tuple):
        return b"l" + _joined([_bytes(x) for x in value])
    if isinstance(value, _plain()):
        return b"v" + repr(value.item() if isinstance(value, np.generic) else value).encode("utf-8", "surrogatepass")
    if hasattr(value, "detach"):  # a tensor that may want gradients, or live on a device
        value = value.detach().cpu()
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        array = np.asarray(value)
        if array.dtype == object:
            return _bytes(array.tolist())
        return b"a" + _joined([array.dtype.str.encode(), repr(array.shape).encode(), array.tobytes()])
    return b"o" + type(value).__qualname__.encode()


def _joined(parts: list[bytes]) -> bytes:
    """Parts one after the other, each with its length, so that no two lists of parts give the same."""
    return b"".join(len(p).to_bytes(8, "little") + p for p in parts)
