"""The language of configurations as a JSON Schema, from its tables alone: for editors, and `auditkit explain config`.

The first paragraph below a field is what is said of it; its last code span is its example, as in `min_n = 10`. The
schema lies beside this module; `python -m auditkit.gate.schema` writes it again.
"""

from __future__ import annotations

import ast
import datetime
import inspect
import json
import re
import sys
import tomllib
import types
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from auditkit.catalogue.gaps import GAPS
from auditkit.catalogue.index import ALIASES, METRICS
from auditkit.gate.parts import Choice
from auditkit.gate.presets import PRESETS
from auditkit.gate.tables import Written
from auditkit.records import Comparison

FILE = Path(__file__).with_name("auditkit.schema.json")
"""The schema, as it is installed."""
Schema = dict[str, Any]
_EXAMPLE = re.compile(r"`(\w+ = [^`]+)`")
_LAST = re.compile(r"[,:;]? *`\w+ = [^`]+`\.?$")
_METRICS = (*(m.name for m in METRICS.values() if m.kind != "check"), *ALIASES)
_NAMES: dict[str, Callable[[], tuple[str, ...]]] = {
    "rule.metric": lambda: _METRICS,
    "rule.comparison": lambda: get_args(Comparison),
    "rule.of": lambda: tuple(GAPS),
    "policy.preset": lambda: tuple(PRESETS),
}
"""Keys of text that take names: an editor offers them."""
_MORE = ("rule.metric",)
"""Those to which other packages can add."""
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime.date: {"type": "string", "format": "date"},
    Any: {},
}
_LIMITS = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "min_length": "minLength",
}  # fmt: skip


def schema() -> Schema:
    """The whole language."""
    said = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": said, "title": "auditkit.toml", **_table(Written, "")}


def _table(record: type[BaseModel], at: str) -> Schema:
    """A table: its keys, which of them it needs, and what it says of others."""
    fields = {
        name: f for name, f in record.model_fields.items() if name in getattr(record, "KEYS", record.model_fields)
    }
    keys = {name: _key(record, name, field, f"{at}.{name}".lstrip(".")) for name, field in fields.items()}
    out: Schema = {"type": "object", "properties": keys}
    if needed := [name for name, field in fields.items() if field.is_required()]:
        out["required"] = needed
    extra = record.model_config.get("extra")
    other: Any = extra == "allow" or len(fields) < len(record.model_fields)
    if extra == "allow":
        other = _of(get_args(get_type_hints(record)["__pydantic_extra__"])[1], at)
    return out | {"additionalProperties": other}


def _key(record: type[BaseModel], name: str, field: FieldInfo, at: str) -> Schema:
    text = " ".join(_said(record).get(name, "").split("\n\n")[0].split())
    of = field.annotation if not field.metadata else Annotated[(field.annotation, *field.metadata)]
    out: Schema = _of(of, at)
    if at in _NAMES:
        names = {"enum": list(dict.fromkeys(_NAMES[at]()))}
        out = {"anyOf": [names, out]} if at in _MORE else names
    described: Schema = {"description": _LAST.sub(".", text)}
    out = described | out
    if examples := _EXAMPLE.findall(text):
        value = tomllib.loads(examples[-1])
        out["examples"] = [v.isoformat() if isinstance(v, datetime.date) else v for v in value.values()]
    default = None if field.is_required() or field.default_factory is not None else field.default
    if default is not None and not isinstance(default, BaseModel):
        out["default"] = list(default) if isinstance(default, tuple) else default
    return out


def _of(hint: Any, at: str, asked: tuple[Any, ...] = ()) -> Schema:
    """What a type allows; `asked` is what its annotation adds."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _of(inner[0], at, (*inner[1:], *asked))
    if origin in (Union, types.UnionType):
        kinds = [_of(x, at) for x in inner if x is not type(None)]
        for one in (x for x in asked if isinstance(x, Choice)):
            second = {"properties": {one.key: {"enum": list(one.values)}}, "required": [one.key]}
            return {"if": second, "then": kinds[1], "else": kinds[0]}
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin is tuple:
        entry = _of(inner[0], at)
        several: Schema = {"type": "array", "items": entry}
        if inner[-1] is not Ellipsis:  # so many of one kind
            several |= {"minItems": len(inner), "maxItems": len(inner)}
        alone = any(isinstance(x, BeforeValidator) for x in asked)  # one stands for a list of one
        return {"anyOf": [entry, several]} if alone else several
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _of(inner[1], at)}
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _table(hint, at)
    return _PLAIN[hint] | _limits(asked)


def _limits(asked: tuple[Any, ...]) -> Schema:
    parts = [p for x in asked for p in (x.metadata if isinstance(x, FieldInfo) else [x])]
    return {
        word: limit for p in parts for name, word in _LIMITS.items() if (limit := getattr(p, name, None)) is not None
    }


def _said(record: type[BaseModel]) -> dict[str, str]:
    """Field → the text below it, in the class or in one that it inherits from."""
    out: dict[str, str] = {}
    for kind in reversed(record.__mro__):
        if issubclass(kind, BaseModel) and kind.__module__.startswith("auditkit."):
            out |= _below(kind.__module__).get(kind.__name__, {})
    return out


@cache
def _below(module: str) -> dict[str, dict[str, str]]:
    """Class → field → the text below it, of a module's source."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    out: dict[str, dict[str, str]] = {}
    for kind in (x for x in ast.walk(tree) if isinstance(x, ast.ClassDef)):
        for node, below in zip(kind.body, kind.body[1:], strict=False):
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                out.setdefault(kind.name, {})[node.target.id] = inspect.cleandoc(str(below.value.value))
    return out


def text() -> str:
    """The schema as it is stored."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
