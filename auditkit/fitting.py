"""Checks that fit bins to the rows, fitted once and kept in a file: parts that use one file have bins that add."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit import files, stored
from auditkit.check import Check, FittedCheck
from auditkit.checks import check_of
from auditkit.errors import AuditkitError, PolicyError, listing

if TYPE_CHECKING:
    from auditkit.batch import Batch

SCHEMA = "auditkit.fitted/1"
MOST_BYTES = 16_000_000
"""Of a file of fitted checks."""


def fitted(checks: Sequence[Check], rows: Batch) -> str:
    """Those of the checks that fit themselves, fitted to these rows, as the text of a file.

    Raises PolicyError where none fits anything.
    """
    found = {c.name: c.fit(rows).options() for c in checks if isinstance(c, FittedCheck)}
    if not found:
        names = listing([c.name for c in checks])
        raise PolicyError(f"none of {names} fits bins to the rows: their evidence adds as it is")
    return stored.text({"schema_version": SCHEMA, "checks": found}) + "\n"


def with_fitted(checks: Sequence[Check], path: Path) -> Iterator[Check]:
    """The checks, those that fit themselves as the file has them; PolicyError where it is of other checks."""
    known, again = _read(path), "make it again with `auditkit fit`"
    for check in checks:
        if not isinstance(check, FittedCheck):
            yield check
            continue
        if check.name not in known:
            raise PolicyError(f"{path} holds no fitted '{check.name}', but {listing(known) or 'nothing'}: {again}")
        own, options, of = check.options(), known[check.name], getattr(check, "FITTED", ())
        other = next((k for k in {**own, **options} if k not in of and own.get(k) != options.get(k)), None)
        if other is not None:
            raise PolicyError(
                f"{path} was fitted with {other} = {options.get(other)!r} of '{check.name}', which is asked with "
                f"{own.get(other)!r}: {again}"
            )
        try:
            made = check_of(check.name.partition(":")[0], options)
        except (AuditkitError, AttributeError, LookupError, TypeError) as e:
            raise PolicyError(f"{path}: {e}") from None
        yield replace(check, **{k: getattr(made, k) for k in of})  # type: ignore[type-var]


def is_ours(path: Path) -> bool:
    """Whether a file is one of fitted checks."""
    try:
        _read(path)
    except PolicyError:
        return False
    return True


def _read(path: Path) -> dict[str, dict[str, Any]]:
    raw = files.read(path, PolicyError, most=MOST_BYTES, expected="a file that `auditkit fit` made")
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        told = None
    known = told.get("checks") if isinstance(told, dict) and told.get("schema_version") == SCHEMA else None
    if not isinstance(known, dict) or not all(isinstance(o, dict) for o in known.values()):
        raise PolicyError(f"{path} is no file that `auditkit fit` made")
    return known
