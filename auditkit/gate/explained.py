"""`auditkit explain config`: tables and keys of a configuration, in words, from its schema."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from auditkit.errors import PolicyError, choices
from auditkit.gate.toml_text import value_text

WIDTH = 110
TOP = "The top of the file."
"""What stands for the header of keys outside of any table."""
SCHEMA = Path(__file__).with_name("auditkit.schema.json")
"""For editors: `#:schema PATH` in the first line of a configuration."""


class Key(NamedTuple):
    """A key of a table."""

    name: str
    kind: str
    """What it takes, in words."""
    needed: bool
    default: Any
    """None: none."""
    said: str
    example: str
    """A line of TOML."""


class Table(NamedTuple):
    """A table of a configuration."""

    name: str
    """Dotted, such as `sign_off.person`."""
    several: bool
    """Whether it is written with double brackets, as often as needed."""
    said: str
    keys: tuple[Key, ...]
    others: str
    """What keys there may be beside; empty: none."""

    @property
    def header(self) -> str:
        if not self.name:
            return TOP
        return f"[[{self.name}]]" if self.several else f"[{self.name}]"


@cache
def tables() -> dict[str, Table]:
    """Name → table, in the order of the language; "" is the top of the file."""
    whole = json.loads(SCHEMA.read_text(encoding="utf-8"))
    top = tuple(_key(k, s, False) for k, s in whole["properties"].items() if not _inside(s))
    first = {"": Table("", False, "These keys stand before any table.", top, "")}
    return first | {t.name: t for t in _tables(whole, "")}


def told(name: str) -> str | None:
    """The text for `config`, `config.data`, `data`, `rule.at_most`; None where no configuration has that name.

    PolicyError for a key that a table has not, and for a table below `config` that there is none.

    >>> print(told("rule.at_least"))
    at_least in [[rule]]: number
        The lower limit, likewise.
        at_least = 0.8
    """
    known = tables()
    asked = name.strip("[]").removeprefix("config.")
    if asked == "config":
        first = (
            "A configuration is a TOML file (auditkit.toml, or [tool.auditkit] in pyproject.toml) with these tables."
        )
        return "\n\n".join([_filled(first, ""), *map(_table_told, known.values())])
    if asked and asked in known:
        return _table_told(known[asked])
    table, _, key = asked.rpartition(".")
    if not table and key not in {k.name for k in known[""].keys}:
        if not name.startswith("config."):
            return None
        raise PolicyError(
            f"a configuration has no table '{key}'; its tables are {choices(key, list(known)[1:], most=30)}"
        )
    if table not in known:
        raise PolicyError(
            f"a configuration has no table '{table}'; its tables are {choices(table, list(known)[1:], most=30)}"
        )
    found = next((k for k in known[table].keys if k.name == key), None)
    if found is None:
        names = choices(key, [k.name for k in known[table].keys], most=40)
        raise PolicyError(f"{known[table].header} has no key '{key}'; its keys are {names}")
    return _key_told(found, f" in {known[table].header}" if table else "")


def _table_told(table: Table) -> str:
    others = [f"  {_filled(table.others, '  ').lstrip()}"] if table.others else []
    lines = [_filled(f"{table.header} {table.said}", "    ", first="")]
    return "\n".join([*lines, *(textwrap.indent(_key_told(k), "  ") for k in table.keys), *others])


def _key_told(key: Key, where: str = "") -> str:
    needed = ", needed" if key.needed else ""
    default = "" if key.default in (None, "", []) else f", default {value_text(key.default)}"
    return f"{key.name}{where}: {key.kind}{needed}{default}\n{_filled(key.said, '    ')}\n    {key.example}"


def _filled(text: str, indent: str, *, first: str | None = None) -> str:
    begun = indent if first is None else first
    return textwrap.fill(
        text, WIDTH, initial_indent=begun, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    )


def _tables(of: dict[str, Any], name: str) -> Iterator[Table]:
    """The tables inside one, each followed by those inside it."""
    for key, schema in of["properties"].items():
        inner = _inside(schema)
        if inner is None:
            continue
        path = f"{name}.{key}".lstrip(".")
        keys = tuple(
            _key(k, s, k in inner.get("required", ())) for k, s in inner["properties"].items() if not _inside(s)
        )
        yield Table(path, schema.get("type") == "array", schema.get("description", ""), keys, _others(inner))
        yield from _tables(inner, path)


def _inside(schema: dict[str, Any]) -> dict[str, Any] | None:
    """The table that a key is, or that each entry of it is."""
    kinds = [schema, schema.get("items", {}), schema.get("else", {}), *schema.get("anyOf", ())]
    return next((k for k in kinds if "properties" in k), None)


def _others(schema: dict[str, Any]) -> str:
    other = schema["additionalProperties"]
    if other is True:
        return "Other keys are its options: `auditkit explain NAME` lists them."
    return f"Every other key is a {_kind(other)}." if other else ""


def _key(name: str, schema: dict[str, Any], needed: bool) -> Key:
    given = schema["examples"][0] if schema.get("examples") else _some(schema)
    date = schema.get("format") == "date"
    example = f"{name} = {given if date else value_text(given)}"
    return Key(name, _kind(schema), needed, schema.get("default"), schema.get("description", ""), example)


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_kind(s) for s in schema["anyOf"] if "enum" not in s]
        return " or ".join(dict.fromkeys(part for kind in kinds for part in kind.split(" or ")))
    if "enum" in schema:
        return " | ".join(map(value_text, schema["enum"]))
    if schema.get("format") == "date":
        return "date"
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    of = schema.get("additionalProperties")
    if schema.get("type") == "object":
        return f"table of {_kind(of)}" if isinstance(of, dict) else "table"
    plain = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}
    return plain.get(schema.get("type", ""), "anything")


def _some(schema: dict[str, Any]) -> Any:
    """A value that the key takes, where its description gives none."""
    if "anyOf" in schema:
        return _some(schema["anyOf"][-1])
    if "enum" in schema:
        return next((v for v in schema["enum"] if v != schema.get("default")), schema["enum"][0])
    if schema.get("format") == "date":
        return "2027-05-01"
    if schema.get("type") == "array":
        return [_some(schema["items"])] * schema.get("minItems", 1)
    if schema.get("type") == "object":
        return {}
    if schema.get("type") == "string":
        return "…"
    return {"boolean": True, "integer": 1, "number": 0.1}.get(schema.get("type", ""), "…")
