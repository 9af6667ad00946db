"""Values and keys as TOML writes them, whatever they hold."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def value_text(value: Any) -> str:
    r"""A text, number, boolean, date, list or dict on one line.

    >>> value_text(["a", 'say "no"\n', True, 0.5, {"b c": 1}])
    '["a", "say \\"no\\"\\n", true, 0.5, { "b c" = 1 }]'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key_text(k)} = {value_text(v)}' for k, v in value.items())} }}" if value else "{}"
    return f"[{', '.join(map(value_text, value))}]"


def key_text(*names: str) -> str:
    """A key, dotted where there are several names.

    >>> key_text("words", "a b")
    'words."a b"'
    """
    return ".".join(name if _BARE.fullmatch(name) else value_text(name) for name in names)


def _escaped(c: str) -> str:
    """What TOML does not take as it is, or an editor would show as a new line."""
    if c in _SHORT:
        return _SHORT[c]
    if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u2028\u2029\ufeff":
        return f"\\u{ord(c):04X}"
    return c
