"""Every estimate as one flat JSON object, name → number: what experiment trackers and dashboards read."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import get_args

from auditkit.records import Report, Status
from auditkit.report.flat import rows
from auditkit.report.writing import DIGEST, digest


def render(report: Report) -> str:
    """An object of numbers, null where a value is undefined, after the report's digest.

    `FINDING` is a finding's value, `FINDING/low` and `FINDING/high` its interval; `FINDING/[GROUP]` that of a group.
    A value that is not "ok" says so, as `FINDING/unstable` = 1: few rows, a few large values, 0/0 (the states of an
    `Estimate`). `rules/fail` counts the rules that failed, and so on; `passed` is 1 where nothing stands in the way.
    """
    told: dict[str, float | str | None] = {DIGEST: digest(report), **named(report)}
    return json.dumps(told, indent=0, allow_nan=False) + "\n"


def named(report: Report) -> dict[str, float | None]:
    """Name → number, as `render` names them."""
    found: dict[str, float | None] = {"passed": float(report.passed)}
    counted = Counter(v.status for v in report.verdicts)
    found |= {f"rules/{s}": float(counted[s]) for s in get_args(Status)}
    for row in rows(report):
        name = f"{row.finding}/[{row.group}]" if row.group else row.finding
        found |= {name: row.value, f"{name}/low": row.low, f"{name}/high": row.high}
        found |= {} if row.state == "ok" else {f"{name}/{row.state}": 1.0}
    return found


LONGEST = 250
"""Characters of a name that every tracker takes."""
_STRANGE = re.compile(r"[^\w.\- :]")


def tracked(report: Report) -> dict[str, float]:
    """What is defined, under names that experiment trackers take: letters, digits, blanks and `_ - . : /`.

    Any other sign becomes `_`, as in `FINDING/_GROUP_`, and a name that is too long ends with a digest of the whole.
    Where two names then are the same, each has its digest.
    """
    known = {name: x for name, x in named(report).items() if x is not None}
    plain = {name: "/".join(map(_segment, name.split("/"))) for name in known}
    often = Counter(plain.values())
    return {_fitting(plain[name], name, alone=often[plain[name]] == 1): x for name, x in known.items()}


def _segment(text: str) -> str:
    plain = _STRANGE.sub("_", text)
    return plain if plain.strip(".") else f"_{plain}"


def _fitting(plain: str, name: str, *, alone: bool) -> str:
    if alone and len(plain) <= LONGEST:
        return plain
    short = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain[: LONGEST - 13]}_{short}"
