"""What `auditkit explain all` lists: our metrics and checks, and what other packages bring."""

from __future__ import annotations

from importlib.metadata import entry_points

from auditkit.catalogue.index import GROUP as OF_METRICS
from auditkit.catalogue.index import METRICS
from auditkit.checks import CHECKS
from auditkit.checks import GROUP as OF_CHECKS
from auditkit.report.formats import FORMATS
from auditkit.report.formats import GROUP as OF_FORMATS


def explained_all() -> str:
    """One line a name."""
    lines = {m.name: m.title for m in METRICS.values()}
    for group, ours, what in (
        (OF_METRICS, METRICS, "metric"),
        (OF_CHECKS, CHECKS, "check"),
        (OF_FORMATS, FORMATS, "format"),
    ):
        lines |= {p.name: f"a {what} of {p.value}" for p in entry_points(group=group) if p.name not in list(ours)}
    width = max(map(len, lines)) + 2
    return "\n".join(f"{name:{width}}{told}" for name, told in lines.items())
