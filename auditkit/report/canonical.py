"""report.json: the canonical format, from which every other one can be made."""

from __future__ import annotations

from auditkit.records import Report


def render(report: Report) -> str:
    """Sorted keys, floats in full, no NaN; the same report gives the same bytes."""
    return report.to_json()
