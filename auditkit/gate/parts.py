"""What every part of a configuration is checked by: a table against a record, mistakes named with file and line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from auditkit.errors import PolicyError, listing, nearest
from auditkit.gate.toml import Document, Path_

_LATER = {
    "waiver": "waivers are",
    "max_regression": "baselines are",
}
"""Keys that the policy language has and this version does not."""

KEYS = ("model", "predictions", "data", "audit", "report", "check", "words", "policy", "defaults", "rule")
"""Tables of a configuration."""

R = TypeVar("R", bound=BaseModel)
Names = Annotated[tuple[str, ...], BeforeValidator(lambda x: (x,) if isinstance(x, str) else x)]
"""Names, or one alone."""


def check_keys(document: Document) -> None:
    """PolicyError for a table that no configuration has."""
    for key in document.data:
        if key not in KEYS:
            raise unknown(document, (key,), KEYS)


def part(document: Document, record: type[R], *path: str | int) -> R:
    value: Any = document.data
    for step in path:
        value = value.get(step, {}) if isinstance(value, dict) else value[step]
    if not isinstance(value, dict):
        raise PolicyError(f"{document.where(path)}: '{path[0]}' must be a table")
    for key in value:
        if key not in record.model_fields:
            raise unknown(document, (*path, key), list(record.model_fields))
    try:
        return record.model_validate(value)
    except ValidationError as e:
        raise invalid(document, path, e) from None


def unknown(document: Document, path: Path_, known: Sequence[str]) -> PolicyError:
    key = str(path[-1])
    if key in _LATER:
        return PolicyError(f"{document.where(path)}: '{key}': {_LATER[key]} not in this version")
    return PolicyError(
        f"{document.where(path)}: unknown key '{key}'; known are {listing(known, most=20)}.{nearest(key, known)}"
    )


def invalid(document: Document, path: Path_, error: ValidationError) -> PolicyError:
    first = error.errors()[0]
    inside: Path_ = tuple(p for p in first["loc"] if isinstance(p, str | int))
    if first["type"] == "missing":
        return PolicyError(f"{document.where(path)}: '{inside[-1]}' is missing in [{'.'.join(map(str, path))}]")
    expected = first["msg"].removeprefix("Value error, ")
    if first["type"] == "literal_error":
        expected += f", got {first['input']!r}"
    return PolicyError(f"{document.where((*path, *inside))}: '{'.'.join(map(str, inside))}': {expected}")


def between(value: float, low: float, high: float, name: str) -> float:
    if not low <= value <= high or (name == "confidence" and not low < value < high):
        raise ValueError(f"{name} = {value:g} is impossible: it must lie between {low:g} and {high:g}")
    return value
