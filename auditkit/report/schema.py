"""A report.json as a JSON Schema, from its records alone: for who reads reports without auditkit.

The schema lies beside this module; `python -m auditkit.report.schema` writes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from auditkit.records import SCHEMA, Report

FILE = Path(__file__).with_name("report.schema.json")
"""The schema, as it is installed."""


def schema() -> dict[str, Any]:
    """What `Report.from_json` takes, as far as a schema can say it: keys, types, ranges.

    It does not say that ids stand once, that an interval is in order, or that findings are what the evidence says:
    `auditkit verify` does.
    """
    said = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA}
    made = Report.model_json_schema(mode="validation")
    kinds = made["$defs"]["Finding"]["properties"]["exhibits"]["items"]["discriminator"]["mapping"].values()
    for name in _named(kinds, made["$defs"]):
        held = made["$defs"][name]["properties"]
        made["$defs"][name]["properties"] = {k: _or_columns(v) for k, v in held.items()}
    made["$defs"]["Columns"] = _COLUMNS
    return {**said, **made, "title": SCHEMA}


_LIST = {"anyOf": [{"type": "array"}, {"$ref": "#/$defs/Columns"}]}
_COLUMN = {
    "anyOf": [
        *_LIST["anyOf"],
        {
            "additionalProperties": False,
            "properties": {"all": {"description": "What every entry is."}},
            "required": ["all"],
            "type": "object",
        },
    ]
}
_COLUMNS: dict[str, Any] = {
    "additionalProperties": False,
    "description": "A list of `n` objects with the same keys, or of lists of one length: `each` has a column a key, or "
    "a place. Columns are lists, columns again, or what all entries are.",
    "properties": {
        "each": {
            "anyOf": [
                {"additionalProperties": _COLUMN, "minProperties": 1, "type": "object"},
                {"items": _COLUMN, "minItems": 1, "type": "array"},
            ]
        },
        "n": {"minimum": 0, "type": "integer"},
    },
    "required": ["each", "n"],
    "title": "Columns",
    "type": "object",
}
"""What `auditkit.columns` writes in the place of a list in an exhibit."""


def _named(refs: Iterable[str], defs: dict[str, Any]) -> list[str]:
    """The definitions that these references lead to, and those that lead on from there."""
    found: dict[str, None] = {}
    left = [r.rpartition("/")[2] for r in refs]
    while left:
        name = left.pop()
        if name not in found and "properties" in defs[name]:
            found[name] = None
            left += [r.rpartition("/")[2] for r in _refs(defs[name])]
    return sorted(found)


def _refs(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        yield from (said[k] for k in said if k == "$ref")
    if isinstance(said, dict | list):
        for x in said.values() if isinstance(said, dict) else said:
            yield from _refs(x)


def _or_columns(said: Any) -> Any:
    """A schema whose lists, and the lists in them, may be columns."""
    if isinstance(said, list):
        return [_or_columns(x) for x in said]
    if not isinstance(said, dict):
        return said
    deeper = {k: _or_columns(v) for k, v in said.items()}
    if said.get("type") != "array":
        return deeper
    beside = {k: deeper.pop(k) for k in ("default", "title") if k in deeper}
    return {**beside, "anyOf": [deeper, {"$ref": "#/$defs/Columns"}]}


def text() -> str:
    """The schema as it is stored."""
    return json.dumps(schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
