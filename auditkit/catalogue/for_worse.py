"""Which changes from an older model to a newer one are for the worse."""

from __future__ import annotations

from auditkit.catalogue.index import METRICS
from auditkit.records import Comparison, Estimate


def worse(metric: str, kind: Comparison) -> bool | None:
    """Whether a change beyond 0 on that side is for the worse; None where neither side is.

    >>> worse("accuracy", "lowest_change"), worse("false_positive_rate", "lowest_change"), worse("selection_rate",
    ... "lowest_change")
    (True, False, None)
    """
    direction = METRICS[metric].direction
    if direction not in ("higher is better", "lower is better"):
        return None
    return (direction == "higher is better") is (kind == "lowest_change")


def sides(metric: str) -> tuple[Comparison, ...]:
    """The changes that can be for the worse: the lowest, the highest, or, where only alike groups are asked for, both.

    >>> sides("false_positive_rate"), sides("selection_rate")
    (('highest_change',), ('lowest_change', 'highest_change'))
    """
    if worse(metric, "lowest_change") is None:
        return ("lowest_change", "highest_change")
    return ("lowest_change",) if worse(metric, "lowest_change") else ("highest_change",)


def beyond(kind: Comparison, e: Estimate) -> bool:
    """Whether some group surely changed to that side."""
    if kind == "lowest_change":
        return e.high is not None and e.high < 0
    return e.low is not None and e.low > 0
