"""Rates of crossed groups as a table, with a shrunk rate beside each: to rank them by, and for nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.fairness.families.family import GroupFamily, number
from auditkit.records import Table
from auditkit.stats.rates import critical_value, wilson
from auditkit.stats.shrinkage import shrunk

MOST_ROWS = 200
"""Rows of the table: of more crossings those with the highest and the lowest shrunk rates."""
SHRUNK = "Shrunk (display only)"


def ranking(family: GroupFamily, k: NDArray[np.int64]) -> Table | None:
    """Crossings in the order of their shrunk rates; None for one attribute, or where nobody is counted."""
    if len(family.by) < 2 or not family.n.any():
        return None
    limits, drawn = wilson(k, family.n, critical_value(family.level)), shrunk(k, family.n)
    order = np.argsort(drawn.rates, kind="stable")
    half = MOST_ROWS // 2
    shown = order if len(order) <= MOST_ROWS else np.concatenate([order[:half], order[-half:]])
    rows = tuple(
        (
            *family.groups[i],
            int(family.n[i]),
            *(number(x[i]) for x in (family.values, limits.low, limits.high, drawn.rates)),
        )
        for i in shown
    )
    title = f"{METRICS[family.metric].title} of the crossings of {' and '.join(family.by)}"
    if len(shown) < len(order):
        title += f", the {MOST_ROWS} farthest out of {len(order):,}"
    return Table(
        title=title,
        columns=(*family.by, "Counted", "Rate", "Lower limit", "Upper limit", SHRUNK),
        rows=rows,
        units=(*[""] * len(family.by), "", "percent", "percent", "percent", "percent"),
    )


def note(k: NDArray[np.int64], n: NDArray[np.int64]) -> str:
    """What the shrunk column is."""
    rows = shrunk(k, n).prior_rows
    pull = f"as if {rows:,.0f} rows of everybody were added to each" if np.isfinite(rows) else "wholly"
    return (
        f"shrunk rates (beta-binomial, Kleinman's moments) are drawn to the common rate {pull}; they rank groups, "
        "understate gaps, and decide nothing"
    )
