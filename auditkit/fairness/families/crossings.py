"""Rates of crossed groups as a table, with a partly pooled rate beside each: to rank them by, and for nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.fairness.families.family import GroupFamily, number
from auditkit.formatting import confidence
from auditkit.records import Table
from auditkit.stats.partial_pooling import partially_pooled
from auditkit.stats.rates import critical_value, wilson

MOST_ROWS = 200
"""Rows of the table: of more crossings those with the highest and the lowest pooled rates."""
POOLED = "Partly pooled (display only)"


def ranked(family: GroupFamily) -> bool:
    """Whether there is a ranking: of crossings, where somebody is counted."""
    return len(family.by) > 1 and bool(family.n.any())


def ranking(family: GroupFamily, k: NDArray[np.int64]) -> Table | None:
    """Crossings in the order of their partly pooled rates; None for one attribute, or where nobody is counted."""
    if not ranked(family):
        return None
    limits = wilson(k, family.n, critical_value(family.level))
    drawn = partially_pooled(k, family.n, level=family.level)
    order = np.argsort(drawn.rates, kind="stable")
    half = MOST_ROWS // 2
    shown = order if len(order) <= MOST_ROWS else np.concatenate([order[:half], order[-half:]])
    rows = tuple(
        (
            *family.groups[i],
            int(family.n[i]),
            *(number(x[i]) for x in (family.values, *limits[1:], *drawn[:3])),
        )
        for i in shown
    )
    title = f"{METRICS[family.metric].title} of the crossings of {' and '.join(family.by)}"
    if len(shown) < len(order):
        title += f", the {MOST_ROWS} farthest out of {len(order):,}"
    return Table(
        title=title,
        columns=(*family.by, "Counted", "Rate", "Lower limit", "Upper limit", POOLED, "From", "To"),
        rows=rows,
        units=(*[""] * (len(family.by) + 1), *["percent"] * 6),
    )


def note(level: float) -> str:
    """What the partly pooled columns are."""
    return (
        "partly pooled rates take the crossings as draws from one distribution (beta-binomial, whole posterior), so "
        f"that small ones lean on the others; their intervals hold the truth of {confidence(level)} of the crossings "
        "on average, not of each; they rank crossings, understate gaps, and decide nothing"
    )
