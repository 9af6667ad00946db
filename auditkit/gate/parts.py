"""What a configuration is checked by: its tables against a record, mistakes named with file and line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, StrictFloat, ValidationError

from auditkit.errors import PolicyError, listing, nearest
from auditkit.gate.toml import Document, Path_

FROM_FILE = {"written": "in a file"}
"""The context of what is read from a configuration: there, ${NAME} in a path stands for an environment variable."""
R = TypeVar("R", bound=BaseModel)
Names = Annotated[tuple[str, ...], BeforeValidator(lambda x: (x,) if isinstance(x, str) else x)]
"""Names, or one alone."""


class Choice(NamedTuple):
    """Of two tables, the second is meant where a key has one of these values; a schema says so."""

    key: str
    values: tuple[str, ...]


def _ends_or_ranks(given: Any) -> Any:
    if isinstance(given, str) and given != "ranks":
        close = nearest(given, ["ranks"])
        raise ValueError(f'the two ends of the scores, as in [300, 850], or "ranks"; got {given!r}.{close}')
    return given


ScoreRange = Annotated[tuple[float, float] | Literal["ranks"] | None, BeforeValidator(_ends_or_ranks)]
"""The least and the greatest score that there can be, or `"ranks"`; None: 0 and 1."""


def read_as(document: Document, record: type[R]) -> R:
    """The document as a record of tables; PolicyError with file and line for what is no part of it."""
    try:
        return record.model_validate(document.data, context=FROM_FILE)
    except ValidationError as e:
        raise _refused(document, record, e) from None


def _refused(document: Document, record: type[BaseModel], error: ValidationError) -> PolicyError:
    """Of several mistakes an unknown key comes first: the others can follow from it."""
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    loc, kind = first["loc"], first["type"]
    if isinstance(first["input"], str) and str(loc[-1]).startswith("tuple["):  # of several kinds: a word was meant
        first = next((e for e in errors if e["loc"][:-1] == loc[:-1] and e["type"] == "literal_error"), first)
        kind = first["type"]
    if kind == "literal_error" and str(first["loc"][-1]).startswith("literal["):
        loc = first["loc"][:-1]
    table = loc[:2] if len(loc) > 1 and isinstance(loc[1], int) else loc[:1]
    at = document.where(loc)
    if kind == "extra_forbidden":
        return _unknown(at, str(loc[-1]), list(_within(record, loc[:-1]).model_fields))
    if kind == "missing":
        return PolicyError(f"{at}: '{loc[-1]}' is missing in [{'.'.join(map(str, table))}]")
    if kind == "tuple_type" and len(loc) == 1:
        return PolicyError(f"{at}: write [[{loc[0]}]], with double brackets, for each {loc[0]}")
    if kind in ("model_type", "dict_type"):
        named = ".".join(str(p) for p in loc if not isinstance(p, int))
        other = [] if len(loc) < 2 else list(getattr(_within(record, loc[:-1]), "model_fields", ()))
        return PolicyError(f"{at}: '{named}' must be a table{_or_key(str(loc[-1]), other)}")
    expected = first["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        known = re.findall("'(.*?)'", expected)
        expected += f", got {first['input']!r}.{nearest(str(first['input']), known)}"
    key = "" if isinstance(first["input"], dict | list) else ".".join(map(str, table))  # of no table
    inside = ".".join(map(str, loc[len(table) :])) or key
    return PolicyError(f"{at}: '{inside}': {expected}" if inside else f"{at}: {expected}")


def _unknown(at: str, key: str, known: Sequence[str]) -> PolicyError:
    return PolicyError(f"{at}: unknown key '{key}'; known are {listing(known, most=20)}.{nearest(key, known)}")


def _or_key(name: str, known: Sequence[str]) -> str:
    """Of a table whose name is free: the key that may be meant."""
    return "" if name in known or not (hint := nearest(name, known)) else f".{hint}"


def _within(hint: Any, path: Path_) -> Any:
    """The record at a path inside another."""
    if not (isinstance(hint, type) and issubclass(hint, BaseModel)):
        return next((r for inner in get_args(hint) if (r := _within(inner, path)) is not None), None)
    names = [p for p in path if isinstance(p, str)]
    return _within(hint.model_fields[names[0]].annotation, tuple(names[1:])) if names else hint


def between(value: float, low: float, high: float, name: str) -> float:
    if not low <= value <= high or (name == "confidence" and not low < value < high):
        raise ValueError(f"{name} = {value:g} is impossible: it must lie between {low:g} and {high:g}")
    return value


Level = Annotated[StrictFloat, AfterValidator(lambda x: between(x, 0.5, 1.0, "confidence"))]
"""A confidence level."""
