"""Truth that is missing for some: of those who are not selected, of one group, or of anybody.

`false`: a finding that truth is missing more often for one decision or group where it is missing at random; `found`:
one where it is not. `covers gap`: the selection gap over everybody, labels or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from auditkit.evidence.tally import Tally
from auditkit.fairness.families.estimates import families_of
from auditkit.fairness.families.selective import by_decision
from auditkit.records import Estimate
from tests.simulations.setting import Outcome, Setting

Bools = np.ndarray[Any, np.dtype[np.bool_]]
Known = Callable[[np.random.Generator, Bools, Bools], Bools]
"""Draws, who is a woman, who is selected → whose truth is known."""
SELECTED = (0.3, 0.577)
"""Of women and men: 27.7 points apart."""


def held(e: Estimate, truth: float) -> bool | None:
    """Whether the interval holds the truth."""
    return None if e.low is None or e.high is None else e.low <= truth <= e.high


def established(e: Estimate) -> bool | None:
    """Whether the interval says that there is a difference."""
    return None if e.low is None else e.low > 0


def setting(
    name: str, known: Known, *, decision: str, group: str, rows: int = 1_000, share: float = 0.5, clusters: int = 0
) -> Setting:
    """Rows of women (`share` of them) and men, drawn independently or in clusters that share who is selected.

    `decision` and `group`: what a difference of missing truths would be there, `false` or `found`.
    """
    gap = SELECTED[1] - SELECTED[0]

    def once(rng: np.random.Generator) -> Outcome:
        woman = rng.random(rows) < share
        u, cluster = rng.random(rows), None
        if clusters:
            cluster = rng.integers(0, clusters, rows)
            u = np.where(rng.random(rows) < 0.3, rng.random(clusters)[cluster], u)
        p = u < np.where(woman, *SELECTED)
        y = np.where(known(rng, woman, p), rng.random(rows) < 0.2 + 0.5 * p, -1)
        tally = Tally.of({"sex": np.where(woman, "f", "m")}, y_true=y, y_pred=p.astype(int), cluster=cluster)
        rates = families_of(tally, ("sex",), ("selection_rate", "missing_truth"), level=0.95)
        families = (rates["selection_rate"], by_decision(tally, level=0.95), rates["missing_truth"])
        selection, decided, grouped = (f.comparison("difference")[0] for f in families)
        return {
            "covers gap": held(selection, gap),
            f"{decision} by decision": established(decided),
            f"{group} by group": established(grouped),
        }

    bounds = {f"found {what}": (0.9, 1.0) for what in ("by decision", "by group")}
    return Setting(f"selective: {name}", once, bounds=bounds)


def at_random(share: float) -> Known:
    """Of each row with the same chance."""
    return lambda rng, woman, p: rng.random(len(p)) < share


SETTINGS = (
    setting("labels of the selected alone", lambda rng, woman, p: p, decision="found", group="found"),
    setting("labels of the selected alone, 400 rows, few women", lambda rng, woman, p: p, decision="found",
            group="told", rows=400, share=0.15),
    setting("labels of the selected alone, clusters", lambda rng, woman, p: p, decision="found", group="told",
            clusters=120),
    setting("3 % missing of the selected and 62 % of the others",
            lambda rng, woman, p: rng.random(len(p)) < np.where(p, 0.97, 0.38), decision="found", group="told"),
    setting("missing by group", lambda rng, woman, p: rng.random(len(p)) < np.where(woman, 0.6, 0.8),
            decision="told", group="found"),
    setting("missing at random", at_random(0.6), decision="false", group="false"),
    setting("5 % missing at random, few women", at_random(0.95), decision="false", group="false", share=0.1),
    setting("missing at random, clusters", at_random(0.6), decision="false", group="false", clusters=120),
)  # fmt: skip
