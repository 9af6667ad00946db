"""Checks that fit bins to the rows, fitted once and kept in a file: parts that use one file have bins that add."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditkit import files, stored
from auditkit.audit import asked_of
from auditkit.check import Check, FittedCheck
from auditkit.checks import check_of
from auditkit.configured import checks_of, inputs, older
from auditkit.deciding import by_label, columns_of
from auditkit.errors import AuditkitError, PolicyError, listing
from auditkit.gate.config import Config

SCHEMA = "auditkit.fitted/1"
MOST_BYTES = 16_000_000
"""Of a file of fitted checks."""


def fitted(config: Config) -> str:
    """The checks that a configuration asks, those that fit themselves fitted to its data, as the text of a file.

    Raises PolicyError where no check of it fits anything.
    """
    model, data = inputs(config)
    against = older(config, data)
    if data.kind.by_label:
        model, data, against = next(iter(dict(by_label(model, data, against)).values()))
    rows = data.sample(without=columns_of(model, against))
    asked = checks_of(config) or asked_of(model, data)
    found = {c.name: c.fit(rows).options() for c in asked if isinstance(c, FittedCheck)}
    if not found:
        raise PolicyError(f"none of {listing([c.name for c in asked])} fits bins to the rows: parts of it add as they are")
    return stored.text({"schema_version": SCHEMA, "checks": found}) + "\n"


def with_fitted(checks: Sequence[Check], path: Path) -> Iterator[Check]:
    """The checks, those that fit themselves as the file has them; PolicyError where it is of other checks."""
    known = _read(path)
    for check in checks:
        if not isinstance(check, FittedCheck):
            yield check
            continue
        if check.name not in known:
            raise PolicyError(f"{path} holds no fitted '{check.name}', but {listing(known)}: make it again with `auditkit fit`")
        own, options, of = check.options(), known[check.name], getattr(check, "FITTED", ())
        other = next((k for k in {**own, **options} if k not in of and own.get(k) != options.get(k)), None)
        if other is not None:
            raise PolicyError(
                f"{path} was fitted with {other} = {options.get(other)!r} of '{check.name}', which is asked with "
                f"{own.get(other)!r}: make it again with `auditkit fit`"
            )
        try:
            made = check_of(check.name.partition(":")[0], options)
        except AuditkitError as e:
            raise PolicyError(f"{path}: {e}") from None
        yield replace(check, **{k: getattr(made, k) for k in of})  # type: ignore[type-var]


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
