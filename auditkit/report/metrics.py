"""Every estimate as one flat JSON object, name → number: what experiment trackers and dashboards read."""

from __future__ import annotations

import json

from auditkit.records import Report, Verdict
from auditkit.report.flat import rows
from auditkit.report.writing import DIGEST, digest

_STATES = ("pass", "fail", "inconclusive", "not_measured")


def render(report: Report) -> str:
    """An object of numbers, null where a value is undefined, after the report's digest.

    `FINDING` is a finding's value, `FINDING/low` and `FINDING/high` its interval; `FINDING/[GROUP]` that of a group.
    `rules/fail` counts the rules that failed, and so on; `passed` is 1 where nothing stands in the way.
    """
    told: dict[str, float | str | None] = {DIGEST: digest(report), **named(report)}
    return json.dumps(told, indent=0, allow_nan=False) + "\n"


def named(report: Report) -> dict[str, float | None]:
    """Name → number, as `render` names them."""
    found: dict[str, float | None] = {"passed": float(report.passed)}
    found |= {f"rules/{s}": float(sum(_is(v, s) for v in report.verdicts)) for s in _STATES}
    for row in rows(report):
        name = f"{row.finding}/[{row.group}]" if row.group else row.finding
        found |= {name: row.value, f"{name}/low": row.low, f"{name}/high": row.high}
    return found


def _is(v: Verdict, status: str) -> bool:
    return v.status == status
