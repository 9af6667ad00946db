"""What a net does, by brute force on many rows of its world: columns drawn anew, flips, retraining. No auditkit."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.explain.corpus.cases import Case
from tests.explain.corpus.training import Net, gap, scores
from tests.explain.corpus.worlds import Floats, seeded

ROWS = 10_000
LESS = 0.7
"""What the rows of a cell count for, less than the others or these less than they, when a net is trained anew."""
CELLS = tuple((sex, label) for sex in "fm" for label in ("negative", "positive"))
"""Group, and label of training rows."""
USED, UNUSED = 0.05, 0.01
"""Mean absolute changes of scores, above which a quantity is used and below which it is not."""
GAP, NO_GAP, THROUGH = 0.12, 0.02, 0.6
"""Gaps in mean scores that are there, and that are not; the least part of one that comes through its largest cause."""
FLIPS, STAYS = 0.3, 0.01
"""Shares of decisions that change with the sex where a net depends on it, and where it does not."""


class Moved(NamedTuple):
    """What drawing a quantity anew, whatever the group of a row, does."""

    scores: float
    """Mean absolute change of a score."""
    gap: float
    """Of the gap in mean scores, what goes: men less women."""
    given: float
    """Mean absolute change of a score where it is drawn from rows of the same merit."""


class Seen(NamedTuple):
    """What a net does on rows of its world."""

    gap: float
    moved: dict[str, Moved]
    flips: float | None
    """Share of decisions that change with the sex alone; None: no column of the net's says it."""


@functools.cache
def seen(net: Net) -> Seen:
    """By brute force."""
    frame, encoded, score = _rows(net)
    before = gap(score, frame["sex"])
    moved = {}
    for quantity in (q for q in net.quantities if q != "copy"):
        together = ["proxy", "copy"] if quantity == "proxy" and "copy" in net.quantities else [quantity]
        after = scores(net.module, anew(net, encoded, together))
        given = scores(net.module, anew(net, encoded, together, within=frame["merit"].to_numpy()))
        changes = (float(np.abs(x - score).mean()) for x in (after, given))
        moved[quantity] = Moved(next(changes), before - gap(after, frame["sex"]), next(changes))
    return Seen(before, moved, flipped(net, frame, score))


def _rows(net: Net) -> tuple[pd.DataFrame, NDArray[np.generic], Floats]:
    """Rows of the net's world that it never saw, encoded, and scored."""
    frame, _ = net.world.drawn(ROWS, f"{net.name}: seen")
    encoded = net.encode(frame)
    return frame, encoded, scores(net.module, encoded)


def anew(
    net: Net, encoded: NDArray[np.generic], quantities: list[str], *, within: NDArray[np.generic] | None = None
) -> NDArray[np.generic]:
    """Rows with some quantities of other rows, together from one row; `within`: of rows where this is the same."""
    rng, order = seeded(f"{net.name}: anew {quantities}"), np.arange(len(encoded))
    for value in [None] if within is None else np.unique(within):
        rows = order if value is None else np.flatnonzero(within == value)
        order[rows] = rng.permutation(rows)
    out = encoded.reshape(len(encoded), -1).copy()
    places = [p for q in quantities for p in net.places(q)]
    out[:, places] = out[order][:, places]
    return out.reshape(encoded.shape)


def flipped(net: Net, frame: pd.DataFrame, score: Floats) -> float | None:
    """The share of decisions that change when sex alone is changed."""
    if "sex" not in net.columns:
        return None
    other = frame.assign(sex=np.where(frame["sex"] == "m", "f", "m"))
    after = scores(net.module, net.encode(other))
    return float(((after >= 0.5) != (score >= 0.5)).mean())


def pushes(net: Net) -> dict[str, float]:
    """Cell → what its training rows add to the gap: the gap of nets trained anew on rows of which all others count for
    0.7, less that where this cell's do. The same initial weights, and the same steps."""
    frame, encoded, score = _rows(net)
    rows, y = net.training
    sign = np.sign(gap(score, frame["sex"]))
    out = {}
    for sex, label in CELLS:
        own = (rows["sex"] == sex).to_numpy() & (y == (label == "positive"))
        more, less = (net.trained(np.where(own, *w)) for w in ((1.0, LESS), (LESS, 1.0)))
        gaps = [gap(scores(n, encoded), frame["sex"]) for n in (more, less)]
        out[f"{sex} {label}"] = float(sign * (gaps[0] - gaps[1]))
    return out


def contradictions(case: Case) -> list[str]:
    """What brute force says against the labels of a net; empty: nothing."""
    found, out = seen(case.net), []
    for quantity in (q for q in ("sex", "proxy", "merit") if q in found.moved):
        moved = found.moved[quantity]
        beside = [] if quantity in case.declared else [("at equal merit", moved.given)]
        for how, change in [("drawn anew", moved.scores), *(beside if quantity != "merit" else [])]:
            if change < USED if quantity in case.uses else change > UNUSED:
                out.append(f"{quantity}, {how}, moves scores by {change:.3f}")
    if not case.through and abs(found.gap) > NO_GAP:
        out.append(f"there is a gap of {found.gap:.3f}")
    if case.through:
        part = found.moved[case.through].gap / found.gap
        if abs(found.gap) < GAP or part < THROUGH:
            out.append(f"of the gap of {found.gap:.3f}, {part:.2f} goes with {case.through}")
    if (found.flips is None) != (case.flips is None):
        out.append("whether sex is an input")
    elif found.flips is not None and (found.flips < FLIPS if case.flips else found.flips > STAYS):
        out.append(f"{found.flips:.3f} of decisions flip")
    return out
