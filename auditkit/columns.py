"""Objects of one kind as columns: how the exhibits of a report.json are written, so that no key stands twice.

A list of objects with the same keys is written as `{"each": {key: column}, "n": length}`, a list of lists of one length
that hold objects as `{"each": [column], "n": length}`. A column is a list with an entry an object, columns again, or
`{"all": value}` where every entry is that text, number or nothing. Every other list is written as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditkit import stored
from auditkit.errors import ReportError

_KEYS = {"each", "n"}


def of_exhibits(report: Any, made: Callable[[Any], Any]) -> Any:
    """The JSON of a report, whose exhibits became what `made` makes of each; anything else is left to who reads it."""
    findings = report.get("findings") if isinstance(report, dict) else None
    for f in findings if isinstance(findings, list) else ():
        if isinstance(f, dict) and isinstance(f.get("exhibits"), list):
            f["exhibits"] = [made(e) for e in f["exhibits"]]
    return report


def packed(what: Any) -> Any:
    """JSON whose lists of objects became columns; everything else as it is.

    >>> packed({"rows": [{"at": 1, "unit": ""}, {"at": 2, "unit": ""}], "of": ["a", "b"]})
    {'rows': {'each': {'at': [1, 2], 'unit': {'all': ''}}, 'n': 2}, 'of': ['a', 'b']}
    """
    if isinstance(what, dict):
        return {k: packed(v) for k, v in what.items()}
    if not isinstance(what, list):
        return what
    each = _each(what)
    return [packed(x) for x in what] if each is None else {"each": each, "n": len(what)}


def _each(what: list[Any]) -> dict[str, Any] | list[Any] | None:
    """The columns of two entries at least that are alike; None of others."""
    first = what[0] if len(what) > 1 else None
    if isinstance(first, dict) and first and all(isinstance(x, dict) and x.keys() == first.keys() for x in what):
        return {k: _column([x[k] for x in what]) for k in first}
    if not isinstance(first, list) or not _hold_objects(first):
        return None
    alike = all(isinstance(x, list) and len(x) == len(first) for x in what)
    return [_column([x[i] for x in what]) for i in range(len(first))] if alike else None


def _hold_objects(what: list[Any]) -> bool:
    return any(isinstance(x, dict) or (isinstance(x, list) and _hold_objects(x)) for x in what)


def _column(values: list[Any]) -> Any:
    first = values[0]
    # 0, 0.0, -0.0 and False are equal, and not the same
    if _alone(first) and all(type(x) is type(first) and repr(x) == repr(first) for x in values):
        return {"all": first}
    return packed(values)


def _alone(x: object) -> bool:
    return not isinstance(x, dict | list) or not x


def unpacked(*, source: str = "report") -> Callable[[Any], Any]:
    """What turns JSON that `packed` made into what it was, and leaves JSON without columns as it is.

    All that it is given counts together, as what stands in a report.json does: as if it were written out, it may hold
    `stored.MOST_ITEMS` items, `MOST_OBJECTS` objects and `MOST_BYTES` bytes. It raises ReportError beyond, and for
    columns of another length than they say.

    >>> unpacked()({"each": {"at": [1, 2], "unit": {"all": ""}}, "n": 2})
    [{'at': 1, 'unit': ''}, {'at': 2, 'unit': ''}]
    """
    return _Unpacking(source).told


class _Unpacking:
    """Columns back to rows, and what they came to so far."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = {"items": stored.MOST_ITEMS, "objects": stored.MOST_OBJECTS, "bytes": stored.MOST_BYTES}

    def told(self, what: Any) -> Any:
        if isinstance(what, list):
            return [self.told(x) for x in what] if any(isinstance(x, dict | list) for x in what) else what
        if not isinstance(what, dict):
            return what
        if what.keys() == _KEYS and isinstance(what["each"], dict | list):
            return self._rows(what["each"], what["n"])
        return {k: self.told(v) if isinstance(v, dict | list) else v for k, v in what.items()}

    def _rows(self, each: dict[str, Any] | list[Any], n: object) -> list[Any]:
        if not isinstance(n, int) or isinstance(n, bool) or n < 0 or not each:
            raise self._refused("columns need a length, and one column at least")
        self._take("items", n * (len(each) + 1))
        if isinstance(each, list):
            return [list(row) for row in zip(*(self._column(c, n) for c in each), strict=True)]
        self._take("objects", n)
        self._take("bytes", n * sum(len(k) + 4 for k in each))
        columns = [self._column(c, n) for c in each.values()]
        return [dict(zip(each, row, strict=True)) for row in zip(*columns, strict=True)]

    def _column(self, column: Any, n: int) -> list[Any]:
        if isinstance(column, dict) and column.keys() == {"all"}:
            one = column["all"]
            if not _alone(one):
                raise self._refused("what all entries of a column are is no text, number or nothing")
            self._take("bytes", n * (len(one) if isinstance(one, str) else 1))
            return [one] * n
        values = self.told(column)
        if not isinstance(values, list) or len(values) != n:
            raise self._refused(f"a column does not hold the {n:,} entries that it should")
        return values

    def _take(self, what: str, n: int) -> None:
        self._left[what] -= n
        if self._left[what] < 0:
            raise self._refused(f"its columns stand for too many {what}: no report holds as many")

    def _refused(self, why: str) -> ReportError:
        return ReportError(f"{self._source} is not an auditkit report: {why}")
