"""Options of checks, held to their annotations: one mechanism for Python, configurations and the command line."""

from __future__ import annotations

import dataclasses
import math
import numbers
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, Union

from auditkit.errors import PolicyError, listing, nearest

Kind = TypeVar("Kind", bound=type)
MOST_NAMES = 10_000
"""Entries of one option, at most."""
_LARGEST = 2**63 - 1
_SEEDS = {"seed": 2**32 - 1, "random_state": 2**32 - 1}
"""What generators take, whatever the check."""


def checked_options(kind: Kind) -> Kind:
    """Below `@dataclass`: each option is held to its annotation before the check looks at it.

    Sequences become tuples, whatever they came as, and a name alone one of many; what is named twice is asked once.
    PolicyError says what was expected.
    """
    look: Callable[[Any], None] | None = getattr(kind, "__post_init__", None)

    def post_init(self: Any) -> None:
        given: Any = {name: getattr(self, name) for name in _annotations(type(self))}
        for name, value in typed(type(self), given).items():
            object.__setattr__(self, name, value)
        if look is not None:
            look(self)

    kind.__post_init__ = post_init  # type: ignore[attr-defined]
    return kind


def typed(kind: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as their annotations say; PolicyError for one that is something else."""
    annotations = _annotations(kind)
    what = kind.__name__
    for name, high in _SEEDS.items():
        seed = options.get(name, 0)
        if name in annotations and isinstance(seed, int) and not 0 <= seed <= high:
            raise PolicyError(f"{name} of {what} must be a whole number from 0 to {high:,}, got {_shown(seed)}")
    return {k: _held(v, annotations[k], f"{k} of {what}") if k in annotations else v for k, v in options.items()}


def _annotations(kind: type) -> dict[str, Any]:
    """Option → its type; classes that nobody can write (fitted parts of a check) are left alone."""
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def _held(value: object, hint: object, what: str) -> object:
    """The value as this type; PolicyError where it is none."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object:
        return value
    if origin in (Union, types.UnionType):
        return _of_several(value, inner, what)
    if origin is Literal:
        return _one_of(value, inner, what)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(value, inner, what)
    if origin is not None and issubclass(origin, Iterable):
        return _sequence(value, inner[0], what)
    if hint in _SCALARS:
        return _SCALARS[hint](value, what)
    return value  # a part of a check that fits itself: it reads its own


def _of_several(value: object, hints: tuple[object, ...], what: str) -> object:
    """None where that may be; else the first type that it is."""
    if value is None and type(None) in hints:
        return None
    rest = [h for h in hints if h is not type(None)]
    if isinstance(value, str) and str in rest:
        return _text(value, what)
    others = [h for h in rest if h is not str] or rest
    return _held(value, others[0], what)


def _one_of(value: object, known: tuple[str, ...], what: str) -> str:
    if not isinstance(value, str) or value not in known:
        hint = nearest(value, known) if isinstance(value, str) else ""
        raise PolicyError(f"{what} must be one of {listing(known)}, got {_shown(value)}.{hint}")
    return value


def _sequence(value: object, inner: Any, what: str) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = (value,)  # one name alone is no sequence of letters
    if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        raise PolicyError(f"{what} must be a list of {_words(inner)}, got {_shown(value)}")
    out: list[Any] = []
    for one in value:
        if len(out) == MOST_NAMES:
            raise PolicyError(f"{what} has more than {MOST_NAMES:,} entries")
        out.append(_held(one, inner, f"an entry of {what}"))
    named = inner is str or typing.get_origin(inner) is not None
    return tuple(dict.fromkeys(out) if named else out)


def _mapping(value: object, inner: tuple[Any, ...], what: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise PolicyError(f"{what} must be a table of names to {_words(inner[1])}, got {_shown(value)}")
    return {_held(k, inner[0], f"a name in {what}"): _held(v, inner[1], f"'{k}' in {what}") for k, v in value.items()}


def _text(value: object, what: str) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise PolicyError(f"{what} must be a name (text), got {_shown(value)}")
    return value


def _whole(value: object, what: str) -> int:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise PolicyError(f"{what} must be a whole number, got {_shown(value)}")
    if abs(int(value)) > _LARGEST:
        raise PolicyError(f"{what} must be a whole number of at most 63 bits, got one of {int(value).bit_length():,}")
    return int(value)


def _number(value: object, what: str) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise PolicyError(f"{what} must be a number, got {_shown(value)}")
    if isinstance(value, numbers.Integral):
        return _whole(value, what)
    if not math.isfinite(value):
        raise PolicyError(f"{what} must be a finite number, got {value}")
    return float(value)


def _yes_or_no(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(f"{what} must be true or false, got {_shown(value)}")
    return value


_SCALARS: dict[object, Callable[[object, str], object]] = {str: _text, int: _whole, float: _number, bool: _yes_or_no}


def _words(hint: Any) -> str:
    """What entries are, in words."""
    if hint in _SCALARS:
        return {str: "names", int: "whole numbers", float: "numbers", bool: "true or false"}[hint]
    return "lists of names" if typing.get_origin(hint) is not None else "values"


def _shown(value: object) -> str:
    """A value and its type, short enough for one line."""
    text = " ".join(repr(value).split()) if isinstance(value, str | int | float | bool | None) else ""
    name = type(value).__name__
    return f"{text[:40]}{'…' if len(text) > 40 else ''} ({name})" if text else f"a value of type {name}"
