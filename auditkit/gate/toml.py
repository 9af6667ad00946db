"""TOML with line numbers: tomllib parses, a small scanner finds the line of a key."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from auditkit import files
from auditkit.errors import PolicyError, nearest

Path_ = tuple[str | int, ...]
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


MOST_BYTES = 1_000_000
"""Of a configuration, at most."""


class Document(NamedTuple):
    """A parsed file, and where its keys stand."""

    name: str
    data: dict[str, Any]
    lines: dict[Path_, int]
    """Path of a key or table, e.g. ("rule", 0, "metric") → line, from 1."""
    path: str = ""
    """Where the file lies; empty where there is none, and one stands where the program runs."""

    @property
    def folder(self) -> Path:
        """Of the file: paths in it are relative to it."""
        return Path(self.path).parent

    def where(self, path: Path_) -> str:
        """ "file:line" of the closest known part of the path, or the file alone."""
        for end in range(len(path), 0, -1):
            for part in (path[:end], (*path[:end], 0)):  # or its first entry, of [[tables]]
                if part in self.lines:
                    return f"{self.name}:{self.lines[part]}"
        return self.name or "policy"


def read(path: Path) -> Document:
    """Read a TOML file; in a pyproject.toml the part under `[tool.auditkit]`.

    Raises PolicyError with the line for a syntax error, or when the file cannot be read.
    """
    text = _text(path)
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise PolicyError(f"{path}: its tables or arrays are nested too deeply to be a configuration") from None
    except ValueError as e:  # syntax, and numbers of thousands of digits
        raise PolicyError(f"{path}: {e}") from None
    lines = scan(text)
    if path.name == "pyproject.toml":
        tools = data.get("tool")
        own = tools.get("auditkit") if isinstance(tools, dict) else None
        if not isinstance(own, dict):
            raise PolicyError(f"{path} has no table [tool.auditkit]")
        data = own
        lines = {p[2:]: n for p, n in lines.items() if p[:2] == ("tool", "auditkit") and len(p) > 2}
    return Document(path.name, data, lines, str(path))


def _text(path: Path) -> str:
    """The text of a file that can be a configuration."""
    if path.name and "\0" not in str(path) and os.path.isdir(path.parent) and not os.path.lexists(path):
        near = nearest(path.stem, [p.stem for p in path.parent.glob("*.toml")])
        if near:
            raise PolicyError(f"cannot read {path}: No such file or directory.{near[:-2]}.toml'?")
    try:
        # a BOM is what some editors of Windows begin a file with; line ends as text files have them
        text = files.read(path, PolicyError, most=MOST_BYTES, expected="a TOML file").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PolicyError(f"{path} is no TOML file: it is not UTF-8 text") from None
    return text.replace("\r\n", "\n")


def scan(text: str) -> dict[Path_, int]:
    """Line of every key and table header.

    >>> scan('[[rule]]\\nid = "a"\\n[[rule]]\\nid = "b"')[("rule", 1, "id")]
    4
    """
    lines: dict[Path_, int] = {}
    table: Path_ = ()
    counts: dict[Path_, int] = {}
    depth, quote = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not depth and not quote:
            if header := _HEADER.match(line):
                table = _table(header, counts)
                lines.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                lines.setdefault((*table, *_parts(key[1])), number)
        depth, quote = _open(line, depth, quote)
    return lines


def _table(header: re.Match[str], counts: dict[Path_, int]) -> Path_:
    parts: list[str | int] = []
    names = _parts(header[2])
    for i, name in enumerate(names):
        parts.append(name)
        if i == len(names) - 1 and header[1] == "[[":
            counts[tuple(parts)] = counts.get(tuple(parts), -1) + 1
        if tuple(parts) in counts:
            parts.append(counts[tuple(parts)])
    return tuple(parts)


def _parts(dotted: str) -> list[str]:
    return [p.strip("\"'") for p in _PART.findall(dotted)]


def _open(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Brackets and triple quotes still open at the end of the line."""
    i = 0
    while i < len(line):
        if quote:
            if line.startswith(quote, i):
                i, quote = i + len(quote) - 1, ""
            elif quote[0] == '"' and line[i] == "\\":
                i += 1
        elif line[i] in "\"'":
            quote = line[i] * 3 if line.startswith(line[i] * 3, i) else line[i]
            i += len(quote) - 1
        elif line[i] == "#":
            break
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(line[i], 0)
        i += 1
    return depth, quote if len(quote) == 3 else ""
