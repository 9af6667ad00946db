"""Every estimate as one flat JSON object, name → number: what experiment trackers and dashboards read."""

from __future__ import annotations

import json
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
