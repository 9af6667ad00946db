"""Truth known only for some: whether it is missing by the score's own decision, and what can be told all the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.catalogue.clinical import BENEFIT, UNVERIFIED, metric_of
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.family import number
from auditkit.fairness.families.selective import Sides, of_decisions
from auditkit.records import Finding, Table

SPEAK = "net benefit and sensitivity"
NOTE = (
    "verification bias: who scores low is sent less often to the test that tells, and events that are missed there are "
    "not known; sensitivity looks better than it is, and net benefit is of those who were tested"
)


def of_threshold(tally: Tally, at: float, *, level: float) -> Finding:
    """Whether truth is missing more often on one side of the threshold, as a finding about the data.

    It is `families.selective` with "score ≥ t" in the place of the decision.
    """
    share = f"{100 * at:g}%"
    names = (f"those who score below {share}", f"those who score {share} or more")
    title = f"{METRICS[UNVERIFIED].title}, at {share}"
    sides = Sides(names, "Score", UNVERIFIED, f"/{share}", title, SPEAK)
    return of_decisions(tally, level=level, sides=sides, exhibits=(bounds(tally, at, ()),), notes=(NOTE,))


def bounds(tally: Tally, at: float, by: Sequence[str]) -> Table:
    """The net benefit of all patients with a score, whatever the truth of those without one.

    Lowest: nobody at or above the threshold whose truth is missing has an event; highest: each of them has one; below
    the threshold nothing is gained or lost. Where truth is missing by the score's decision alone: n₊/n · (PPV − w(1 −
    PPV)), PPV of those with a truth (Begg & Greenes 1983; Manski 2003).
    """
    counts = tally.counts(*by)
    w = at / (1 - at)
    table = (tally.sums(*by).w if tally.dependent else counts.table).astype(np.float64)[:, :, 1:]
    everybody, above = table.sum(axis=(1, 2)), table[:, :, 1]
    missing, none, events = above.T
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (events - w * (none + missing)) / everybody, (events + missing - w * none) / everybody
        known = events + none
        alike = (events - w * none) / known * (known + missing) / everybody
        complete = (events - w * none) / table[:, 1:].sum(axis=(1, 2))
    rows = []
    for i, group in enumerate(counts.groups):
        numbers = [number(float(x[i])) for x in (complete, low, high, alike)]
        rows.append((group_words(by, group) or "everybody", int(counts.table[i, 0, 1:].sum()), *numbers))
    columns = ("Patients", "Without a truth", "Net benefit of those with a truth", "Lowest", "Highest",
               "If verified by the score alone")  # fmt: skip
    title = f"{METRICS[metric_of(BENEFIT, at)].title}, whatever the missing truths are"
    return Table(title=title, columns=columns, rows=tuple(rows), units=("", "", *["ratio"] * 4))
