"""Every estimate of a report as one row: for frames, spreadsheets and whatever else reads flat tables."""

from collections.abc import Iterator
from typing import NamedTuple

from auditkit.records import Report


class Row(NamedTuple):
    """A finding's own estimate, or that of one of its groups."""

    finding: str
    metric: str
    comparison: str
    by: str
    group: str
    """Empty for the finding's own."""
    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int | None
    state: str


def rows(report: Report) -> Iterator[Row]:
    """Each finding, and after it its groups."""
    for f in report.findings:
        names = (f.id, f.metric, f.comparison, " & ".join(f.by))
        for group, e in [({}, f.estimate), *((g.group, g.estimate) for g in f.by_group)]:
            yield Row(*names, " & ".join(group.values()), e.value, e.low, e.high, e.level, e.n, e.state)
