"""Stored evidence is read as a stranger's: shapes, types, ranges and bounds are checked before anything is allocated.

Every function takes a value out of JSON and `what` it is, and gives it checked or raises EvidenceError by that name.
Bounds are stated here, once. numpy is all that this needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Ints
from auditkit.errors import EvidenceError, listing
from auditkit.evidence.frames import column, columns_of

Column = Callable[..., NDArray[Any]]
"""Reads a column of a table: (value, what, *, length)."""
MOST_ROWS = 2**53
"""Rows, and any count of them: beyond, a double skips whole numbers."""
MOST_SIZE = 1e150
"""Of a sum, either way: its square is still a number."""
MOST_COLUMNS = 1_000
"""Group columns, features or labels that one piece of evidence names."""
MOST_GROUPS = 1_001
"""Values of one group column, the missing one among them, and groups whose clusters are counted."""
MOST_CELLS = 500_000
"""Cells of one table."""
MOST_TEXT = 10_000
"""Characters of a name or label."""


def mapping(value: object, what: str, *, most: int = MOST_CELLS) -> dict[str, Any]:
    """A JSON object of at most `most` entries."""
    if not isinstance(value, dict):
        raise EvidenceError(f"{what} is {_kind(value)}; expected an object")
    return value if len(value) <= most else _too_many(len(value), most, what)


def fields(value: object, what: str, *names: str, optional: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON object that holds these fields, perhaps the optional ones, and no others.

    >>> fields({"n": 1}, "the census", "n", "w")
    Traceback (most recent call last):
    auditkit.errors.EvidenceError: the census lacks w
    """
    data = mapping(value, what)
    lost = [n for n in names if n not in data]
    if lost:
        raise EvidenceError(f"{what} lacks {listing(lost)}")
    unknown = [k for k in data if k not in names and k not in optional]
    if unknown:
        raise EvidenceError(f"{what} has unknown fields: {_cut(listing(map(repr, unknown)))}")
    return data


def items(value: object, what: str, *, length: int | None = None, most: int = MOST_CELLS) -> list[Any]:
    """A JSON list of exactly `length`, or at most `most`, items."""
    if not isinstance(value, list | tuple):
        raise EvidenceError(f"{what} is {_kind(value)}; expected a list")
    if length is not None and len(value) != length:
        raise EvidenceError(f"{what} has {len(value):,} items; expected {length:,}")
    return list(value) if len(value) <= most or length is not None else _too_many(len(value), most, what)


def text(value: object, what: str, *, most: int = MOST_TEXT) -> str:
    """A string of at most `most` characters."""
    if not isinstance(value, str):
        raise EvidenceError(f"{what} is {_kind(value)}; expected a text")
    if len(value) > most:
        raise EvidenceError(f"{what} has {len(value):,} characters; at most {most:,} are read")
    return value


def texts(value: object, what: str, *, length: int | None = None, most: int = MOST_CELLS) -> list[str]:
    """A list of strings, which may repeat."""
    found = items(value, what, length=length, most=most)
    for one in set(found) if _types(found) <= {str} else found:
        text(one, f"an entry of {what}")
    return found


def names(value: object, what: str, *, most: int = MOST_COLUMNS) -> tuple[str, ...]:
    """Different strings, at most `most`.

    >>> names(["sex", "sex"], "by")
    Traceback (most recent call last):
    auditkit.errors.EvidenceError: by names 'sex' twice
    """
    found = texts(value, what, most=most)
    distinct(found, what)
    return tuple(found)


def distinct(keys: Iterable[Hashable], what: str) -> None:
    """EvidenceError, naming the first, where a key comes twice."""
    seen: set[Hashable] = set()
    for key in keys:
        if key in seen:
            raise EvidenceError(f"{what} names {shown(key)} twice")
        seen.add(key)


def labels(value: object, what: str, *, length: int) -> NDArray[Any]:
    """(length,) strings, as objects."""
    return np.array(texts(value, what, length=length), dtype=object)


def whole(value: object, what: str, *, low: int = 0, high: int = MOST_ROWS) -> int:
    """A whole number from `low` to `high`; by default a count.

    >>> whole(-1000, "n")
    Traceback (most recent call last):
    auditkit.errors.EvidenceError: n is -1000; expected a whole number from 0 to 9,007,199,254,740,992
    """
    if type(value) is not int or not low <= value <= high:
        raise EvidenceError(f"{what} is {_shown(value)}; expected a whole number from {low:,} to {high:,}")
    return value


def number(value: object, what: str, *, low: float = -MOST_SIZE, high: float = MOST_SIZE) -> float:
    """A finite number from `low` to `high`."""
    if type(value) not in (int, float) or not low <= value <= high:  # type: ignore[operator]
        raise EvidenceError(f"{what} is {_shown(value)}; expected a number from {low:g} to {high:g}")
    return float(value)  # type: ignore[arg-type]


def wholes(
    value: object,
    what: str,
    *,
    low: int = 0,
    high: int = MOST_ROWS,
    length: int | None = None,
    most: int = MOST_CELLS,
) -> Ints:
    """(length,) whole numbers from `low` to `high`; by default counts."""
    found = items(value, what, length=length, most=most)
    if not _types(found) <= {int}:
        wrong = next(v for v in found if type(v) is not int)
        raise EvidenceError(f"{what} holds {_shown(wrong)}; expected whole numbers")
    if found and not (low <= min(found) and max(found) <= high):
        wrong = min(found) if min(found) < low else max(found)
        raise EvidenceError(f"{what} holds {_shown(wrong)}; expected whole numbers from {low:,} to {high:,}")
    return np.array(found, dtype=np.int64)


def numbers(
    value: object,
    what: str,
    *,
    low: float = -MOST_SIZE,
    high: float = MOST_SIZE,
    length: int | None = None,
    most: int = MOST_CELLS,
) -> Floats:
    """(length,) finite numbers from `low` to `high`."""
    found = items(value, what, length=length, most=most)
    if not _types(found) <= {int, float}:
        wrong = next(v for v in found if type(v) not in (int, float))
        raise EvidenceError(f"{what} holds {_shown(wrong)}; expected numbers")
    wrong = next((v for v in found if not low <= v <= high), None)
    if wrong is not None:
        raise EvidenceError(f"{what} holds {_shown(wrong)}; expected numbers from {low:g} to {high:g}")
    return np.array(found, dtype=np.float64)


def matrix(
    value: object, what: str, *, rows: int | None = None, width: int, most: int = MOST_CELLS, low: float = -MOST_SIZE
) -> Floats:
    """(rows, width) finite numbers, given as a list of lists."""
    lines = items(value, what, length=rows, most=most)
    bounded(len(lines) * width, f"entries of {what}", 16 * most)
    found = [numbers(line, f"a row of {what}", length=width, low=low) for line in lines]
    return np.array(found, dtype=np.float64).reshape(len(lines), width)


def line(value: object, what: str, *, most: int = MOST_CELLS, low: float = -MOST_SIZE) -> Floats:
    """Finite numbers written in one string, with blanks between them."""
    if not isinstance(value, str):
        raise EvidenceError(f"{what} is {_kind(value)}; expected numbers in one text")
    bounded(value.count(" ") + 1, f"numbers in {what}", most)
    try:
        found = np.array(value.split(), dtype=np.float64)
    except ValueError:
        raise EvidenceError(f"{what} holds something that is no number") from None
    if not (np.isfinite(found) & (found >= low) & (found <= MOST_SIZE)).all():
        raise EvidenceError(f"{what} holds numbers below {low:g}, beyond {MOST_SIZE:g}, or not finite")
    return found


def bits(value: object, what: str, *, length: int) -> Bools:
    """(length,) true or false, packed, as hexadecimal digits.

    >>> bits("a0", "whether they share one", length=3).tolist()
    [True, False, True]
    """
    if not isinstance(value, str) or len(value) != 2 * -(-length // 8) or set(value) - set("0123456789abcdef"):
        raise EvidenceError(f"{what} is not {length:,} bits in hexadecimal digits")
    return np.unpackbits(np.frombuffer(bytes.fromhex(value), np.uint8))[:length].astype(bool)


def counts(value: Floats, what: str) -> Ints:
    """Numbers that are whole and at least 0, as such."""
    if not ((value >= 0) & (value <= MOST_ROWS) & (value == np.rint(value))).all():
        raise EvidenceError(f"{what} holds numbers that are no counts; expected whole numbers of at least 0")
    return value.astype(np.int64)


def table(
    value: object, what: str, by: Sequence[str], *, key: Mapping[str, Column], sums: Mapping[str, Column] | None = None
) -> dict[str, NDArray[Any]]:
    """Cells as one array a column: those of the groups of `by` (see `frames.column`) as texts, `n` as counts, others
    each by its own reader. No two cells are of one group and key.

    >>> table({"sex": ["f", "f"], "y_true": [1, 1], "n": [2, 3]}, "cells", ["sex"], key={"y_true": wholes})
    Traceback (most recent call last):
    auditkit.errors.EvidenceError: cells names ('f', 1) twice
    """
    others: dict[str, Column] = {**key, "n": wholes, **(sums or {})}
    data = dict(mapping(value, what))
    for attribute in by:  # older reports have some under the attribute's own name
        if column(attribute) not in data and attribute in data and attribute not in others:
            data[column(attribute)] = data.pop(attribute)
    readers = {**dict.fromkeys(columns_of(by), labels), **others}
    data = fields(data, what, *readers)
    n = wholes(data["n"], f"'n' of {what}")
    whole(sum(n.tolist()), f"the sum of 'n' of {what}")
    out = {c: read(data[c], f"'{c}' of {what}", length=len(n)) for c, read in readers.items()}
    for attribute in by:
        bounded(len(set(out[column(attribute)])), f"groups of '{attribute}'", MOST_GROUPS)
    keyed = [out[c].tolist() for c in (*columns_of(by), *key)]
    distinct(zip(*keyed, strict=True) if keyed else [()] * len(n), what)
    return out


def bounded(n: int, what: str, most: int) -> int:
    """`n`, or EvidenceError where there are more than `most` of it."""
    return n if n <= most else _too_many(n, most, what)


def shown(value: object) -> str:
    """A name for a message, cut where it is long."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"


def _too_many(n: int, most: int, what: str) -> Any:
    raise EvidenceError(f"{n:,} {what}: more than the {most:,} that are read")


def _types(values: Iterable[object]) -> set[type]:
    return set(map(type, values))


def _kind(value: object) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _shown(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    small = type(value) in (int, float) and abs(value) < 1e300  # type: ignore[arg-type]
    return _cut(str(value) if small else _kind(value))
