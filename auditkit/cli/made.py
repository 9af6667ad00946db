"""What flags say of columns that are made (joined, one-hot, in bins) and of the range of scores, as a file says it."""

from __future__ import annotations

from typing import Any

import auditkit as ak
from auditkit.cli.asked import from_here


def features(names: list[str] | None, one_hot: list[str] | None) -> list[Any] | None:
    """Sensitive features: names of columns, then those of one-hot columns, `race=race_a,race_b`."""
    made = [{name: columns.split(",")} for name, columns in _pairs("--one-hot", one_hot, "race=race_a,race_b")]
    return [*(names or []), *made] or None


def bins(given: list[str] | None) -> dict[str, list[float]] | None:
    """Feature → edges, of `age=0,30,45,60,120`."""
    example = "age=0,30,45,60,120"
    return {k: _numbers("--bins", v, example) for k, v in _pairs("--bins", given, example)} or None


def join(path: str | None, on: str | None) -> dict[str, Any] | None:
    """The other file and the key, which may have two names, `id=person`."""
    if (path is None) != (on is None):
        raise ak.PolicyError("--join takes the other file and --on its key: give both")
    if path is None or on is None:
        return None
    left, equals, right = on.partition("=")
    return {"path": from_here(path), "on": [left, right] if equals else on}


def ends(given: str | None) -> list[float] | str | None:
    """The least and the greatest score, `300,850`, or `ranks`."""
    return given if given in (None, "ranks") else _numbers("--score-range", given or "", "300,850, or ranks", 2)


def _pairs(flag: str, given: list[str] | None, example: str) -> list[tuple[str, str]]:
    out = []
    for text in given or []:
        name, equals, rest = text.rpartition("=")
        if not equals or not name or not rest:
            raise ak.PolicyError(f"{flag} is written as in {flag} {example}; got '{text}'")
        out.append((name, rest))
    return out


def _numbers(flag: str, text: str, example: str, how_many: int | None = None) -> list[float]:
    try:
        found = [float(x) for x in text.split(",")]
    except ValueError:
        found = []
    if not found or how_many not in (None, len(found)):
        raise ak.PolicyError(f"{flag} takes numbers with commas between them, as in {example}; got '{text}'")
    return found
