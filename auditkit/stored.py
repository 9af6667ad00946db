"""The text of a stored report, read as a stranger's: what kind of file, how large, how deep, which JSON.

Bounds are stated here. They are far above what an audit writes, and keep what a reader allocates below 500 MB.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NoReturn

import pydantic_core

from auditkit import files
from auditkit.errors import ReportError

MOST_BYTES = 64_000_000
"""Of a file."""
MOST_OBJECTS = 200_000
"""JSON objects: each can become a record."""
MOST_ITEMS = 6_000_000
"""JSON items, of all lists and objects together."""
DEEPEST = 64
"""Brackets within brackets."""

_ESCAPED, _STRINGS = re.compile(rb"\\.", re.DOTALL), re.compile(rb'"[^"]*"')
_NEITHER = bytes(b for b in range(256) if b not in b'[]{}:"')
"""No bracket, no colon, and no end of a string."""
_NESTED = (dict, list)
_LONE = re.compile(
    r"(?<!\\)(?:\\\\)*(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    r"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F])"
)
"""Half of a pair of surrogates: no text, and nothing that can be written."""


def text(what: Any) -> str:
    """Canonical JSON without blanks: sorted keys, every float in full, no NaN.

    >>> text({"b": [1, 2.5], "a": {}})
    '{"a":{},"b":[1,2.5]}'
    """
    return json.dumps(what, sort_keys=True, allow_nan=False, separators=(",", ":"))


def read(path: Path) -> bytes:
    """The bytes of a regular file of at most `MOST_BYTES`, read once; ReportError for anything else, at once."""
    return files.read(path, ReportError, most=MOST_BYTES, expected="the file of a report")


def parsed(text: str | bytes, source: str) -> Any:
    """The JSON of a report; ReportError where it is cut short, too large or deep, ambiguous, or no text."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        raise ReportError(f"{source} is a page, which holds no evidence: give the report.json beside it")
    for what, n, most in (
        ("bytes", len(raw), MOST_BYTES),
        ("objects", raw.count(b"{"), MOST_OBJECTS),
        ("items", raw.count(b",") + raw.count(b"["), MOST_ITEMS),
    ):
        if n > most:
            raise ReportError(f"{source} holds {n:,} {what}, more than the {most:,} that are read: no report does")
    try:
        decoded = raw.decode("utf-8-sig")
        brackets = _without_strings(raw)
        found = _fast(decoded, keys=brackets.count(b":"))
        if found is None:
            found = json.loads(decoded, object_pairs_hook=_each_once, parse_constant=_no_number)
    except _Refused as e:
        raise ReportError(f"{source} is not an auditkit report: {e}") from None
    except (ValueError, RecursionError) as e:
        raise ReportError(f"{source} is not complete JSON ({e}); was it cut short? Write it again") from None
    if _too_deep(brackets):
        raise ReportError(f"{source} is not an auditkit report: more than {DEEPEST} brackets within one another")
    if ("\\ud" in decoded or "\\uD" in decoded) and _LONE.search(decoded):
        raise ReportError(f"{source} is not an auditkit report: a text holds half a character (a lone surrogate)")
    return found


def digest(text: bytes) -> str:
    """What `run` prints and `gate --expect` asks for.

    >>> digest(b"")[:20]
    'sha256:e3b0c44298fc1'
    """
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def expected(text: bytes, expect: str | None, *, source: str) -> None:
    """ReportError unless these bytes have the digest that is expected; None expects nothing."""
    if expect is None:
        return
    if not re.fullmatch("sha256:[0-9a-f]{64}", expect.lower()):
        raise ReportError(f"--expect is '{expect}'; expected sha256: and 64 hexadecimal digits, as `run` prints them")
    if digest(text) != expect.lower():
        raise ReportError(f"{source} is not the expected file: it has {digest(text)}, expected {expect.lower()}")


def basis(text: bytes, expect: str | None) -> str:
    """One line on what was judged, and what a gate cannot see."""
    if expect is not None:
        return f"Judged from the evidence of the expected file, {digest(text)}."
    return (
        "Judged from the evidence in the file. Evidence edited throughout can only be found against a digest kept "
        f"elsewhere: --expect {digest(text)}"
    )


class _Refused(Exception):
    pass


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        twice = next(k for k in keys if keys.count(k) > 1)
        raise _Refused(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"it holds {name}, which is no number")


def _fast(text: str, *, keys: int) -> Any:
    """The JSON, read in half the time; None where Python's own reader must say what is wrong with it, or may: where not
    as many keys are in it as are written, because one stands twice in an object."""
    try:
        found = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError:
        return None
    return found if type(found) is dict and _keys(found) == keys else None


def _keys(found: Any) -> int:
    """How many keys there are, of objects in objects and lists; a list is taken to hold none where neither its first
    item nor its last is an object or a list."""
    n, within = 0, found
    if type(found) is dict:
        n, within = len(found), found.values()
    elif not found or (type(found[0]) not in _NESTED and type(found[-1]) not in _NESTED):
        return 0
    return n + sum([_keys(x) for x in within if type(x) in _NESTED])


def _without_strings(raw: bytes) -> bytes:
    """Of JSON, the brackets and colons that are in no string; strings without any go by their ends alone."""
    plain = _ESCAPED.sub(b"", raw) if b"\\" in raw else raw
    return _STRINGS.sub(b"", plain.translate(None, _NEITHER).replace(b'""', b""))


def _too_deep(left: bytes) -> bool:
    """Of complete JSON without its strings: pairs of brackets go from the inside, one level at a time."""
    left = left.replace(b":", b"")
    for _ in range(DEEPEST):
        if not left:
            return False
        left = left.replace(b"[]", b"").replace(b"{}", b"")
    return bool(left)


def later(schema: str, version: object) -> bool:
    """Whether a version is of the same schema, and newer than what this auditkit writes.

    >>> later("auditkit.report/1", "auditkit.report/2"), later("auditkit.report/1", "auditkit.report/1")
    (True, False)
    """
    own, _, mine = schema.rpartition("/")
    prefix, _, number = str(version).rpartition("/")
    return prefix == own and number.isdigit() and int(number) > int(mine)
