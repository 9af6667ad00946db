"""From sums of influence to findings: whose training rows widen the gap, whose narrow it. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import groups_of, none_established, unstable
from auditkit.evidence.observations import Observations
from auditkit.explain.all_rows import PairGap, doubt, of_scores, words_of
from auditkit.explain.estimates import carried, estimated, undefined
from auditkit.explain.influence.sums import CUBES, DRAWN, SHOWN, SMALL, SUMS, InfluenceSeen
from auditkit.formatting import interval, listed, percent, plain, points, upper_first
from auditkit.records import TASK_KINDS, Estimate, Finding, GroupEstimate, Table
from auditkit.stats.means import shape_of, skewed_limits, too_skewed
from auditkit.stats.pairs import Interval
from auditkit.stats.rates import critical_value
from auditkit.stats.rest import touching

NAMED = 3
"""Cells that a sentence names each way, at most; all stand in the table."""


class Part(NamedTuple):
    """What the rows of one group and label push, as a part of all that is pushed."""

    group: str
    label: str
    estimate: Estimate
    p: float
    """Of H0: its rows push no way; Bonferroni over all cells of the attribute."""

    @property
    def words(self) -> str:
        """Whom it is about."""
        if self.group == SMALL:
            return "cells of few rows, together,"
        return f"{self.group} rows labelled {self.label}" if self.label in ("positive", "negative") else (
            f"{self.group} rows with a target {self.label}"
        )  # fmt: skip


class Doubt(NamedTuple):
    """Why nobody is named: what the census says of the gap over all rows."""

    statement: str
    p: float | None
    note: str


def influence_findings(seen: InfluenceSeen, *, level: float) -> tuple[Finding, ...]:
    """`explanation/influence/overall/<attribute>`: its estimate is the part of the cell that pushes most.

    Where no gap is established over all rows, there is nothing that training rows could have widened: nobody is named
    and no part is shown, for every net has rows that raise the scores of one group, and rows that lower them.
    """
    attributes = dict.fromkeys(seen.cells.labels.get("attribute", ()))
    return tuple(_finding(seen, attribute, level) for attribute in attributes)


def parts_of(cells: Observations, attribute: str, *, level: float) -> list[Part]:
    """Σ I over a cell / Σ |I| over all rows, linearised, the largest first.

    Its variance is that over training rows, taken as independent, and that over which audited rows were drawn (of
    Σ I; the size Σ |I| is taken as it is). Limits hold for all cells of the attribute together (Bonferroni).
    """
    frame = pd.DataFrame({**cells.labels, **cells.columns})
    known = [c for c in CUBES if c in frame]
    table = frame[frame["attribute"] == attribute].groupby(["group", "label"])[[*SUMS, *known, *DRAWN]].sum()
    total = table[[*SUMS, *known]].sum()
    out = []
    for row in table.reset_index().to_dict("records"):
        pushed = _pushed(row, total)
        estimate = _part(pushed, own=int(row["n"]), level=level, cells=len(table))
        out.append(Part(str(row["group"]), str(row["label"]), estimate, min(1.0, len(table) * pushed.p)))
    return sorted(out, key=lambda part: -abs(part.estimate.value or 0.0))


class _Pushed(NamedTuple):
    """The part of a cell."""

    value: float
    error: float | None
    """None where no row pushes."""
    n: int
    skewness: float = 0.0
    """Of the values that the part is the mean of, as far as is known."""

    @property
    def unstable(self) -> bool:
        """Whether a few rows carry it."""
        return bool(too_skewed([self.skewness], [self.n])[0])

    @property
    def p(self) -> float:
        """Of H0: it pushes no way; 1 where it is not to be told."""
        if self.error is None or self.unstable:
            return 1.0
        return float(touching(self.limits, np.array([self.value]))[0])

    def limits(self, z: float | Floats) -> Interval:
        """At critical value z, corrected for skewness; (1,) each."""
        value, error, n = np.array([[self.value], [self.error or 0.0], [self.n]])
        return Interval(value, *skewed_limits(value, error, n, shape_of([self.skewness], [self.n]), z))


def _pushed(own: Mapping[Any, Any], total: pd.Series[float]) -> _Pushed:
    """The part of a cell: r = Σ I of its rows ÷ Σ |I| of all, by the values I·[in the cell] − r|I|, whose sum is 0.

    Their cubes add up to Σ_cell I³ (1 + 3r²) − 3r Σ_cell |I|³ − r³ Σ_all |I|³.
    """
    n, size = int(total["n"]), float(total["abs"])
    if not size:
        return _Pushed(0.0, None, n)
    r = own["sum"] / size
    squares = max(own["sq"] - 2 * r * own["sum_abs"] + r * r * float(total["sq"]), 0.0)
    variance = squares * n / max(n - 1, 1) + float(np.mean([own[k] ** 2 for k in DRAWN]))
    skewness = 0.0
    if set(CUBES) <= {*own} and variance > 0:
        cubes = own["cube"] * (1 + 3 * r * r) - 3 * r * own["abs3"] - r**3 * float(total["abs3"])
        skewness = cubes / variance**1.5 * math.sqrt(n)
    return _Pushed(r, math.sqrt(variance) / size, n, skewness)


def _part(pushed: _Pushed, *, own: int, level: float, cells: int) -> Estimate:
    method = f"ratio of sums, linearised; t over training and audited rows, Bonferroni over {cells} cells"
    if pushed.error is None:
        return undefined("no row pushes the gap", n=pushed.n, level=level, method=method)
    limits = pushed.limits(critical_value(1 - (1 - level) / cells))
    low, high = (float(np.clip(x[0], -1.0, 1.0)) for x in (limits.low, limits.high))
    e = estimated(pushed.value, (low, high), n=own, level=level, method=method, rows="training rows")
    return carried(e, "a few training rows carry it: no interval is to be relied on") if (
        pushed.unstable and e.state == "ok") else e  # fmt: skip


def _finding(seen: InfluenceSeen, attribute: str, level: float) -> Finding:
    facts = seen.cells.facts
    numeric = TASK_KINDS[facts["task"]].numeric
    all_rows = of_scores(seen.census, attribute, numeric=numeric, level=level)
    _, lower, upper = facts["gaps"][attribute]
    whole = None if all_rows is None else all_rows.pair(upper, lower)
    about: dict[str, Any] = {
        "id": f"explanation/influence/overall/{attribute}",
        "concern": "explanation",
        "title": f"Training rows behind the gap, {attribute}",
        "metric": "influence",
        "comparison": "overall",
        "by": (attribute,),
        "notes": _notes(seen, attribute),
        "references": (METRICS["influence"].reference,),
    }
    silent = _no_gap(whole, None if all_rows is None else all_rows.largest(), attribute, numeric=numeric)
    if silent is not None:
        nothing = undefined(silent.note, level=level)
        return Finding(statement=silent.statement, estimate=nothing, p=silent.p, **about)
    assert whole is not None
    parts = parts_of(seen.cells, attribute, level=level)
    sure = [p for p in parts if p.p <= 1 - level and p.estimate.excludes_zero]
    widen, narrow = ([p for p in sure if sign * (p.estimate.value or 0) > 0][:NAMED] for sign in (1, -1))
    pair = f"{words_of([attribute], upper)} and {words_of([attribute], lower)} rows"
    amount = plain(whole.estimate) if numeric else f"{points(whole.estimate)}-point"
    harmful = (_harmful(seen.rows, attribute, facts),) if len(seen.rows) else ()
    return Finding(
        statement=_statement(parts, widen, narrow, f"the {amount} gap in scores between {pair}"),
        estimate=parts[0].estimate,
        p=_p(parts, [*widen, *narrow], whole),
        by_group=tuple(GroupEstimate(group={attribute: p.group, "label": p.label}, estimate=p.estimate) for p in parts),
        exhibits=(_table(parts, attribute), *harmful),
        **about,
    )


def _no_gap(whole: PairGap | None, largest: Estimate | None, attribute: str, *, numeric: bool) -> Doubt | None:
    """Why no training rows are named; None where the gap over all rows is established."""
    nobody = f"so that no training rows are said to widen or to narrow one. {_CAUTION}"
    groups = groups_of([attribute])
    if whole is None or largest is None:
        said = f"Whether there is a gap in scores between {groups} over all rows is not known, {nobody}"
        return Doubt(said, None, "it is not known whether there is a gap over all rows")
    if largest.state == "unstable":
        size = f"a gap of {plain(largest) if numeric else points(largest) + ' points'}"
        return Doubt(unstable("Scores", [attribute], size, largest.note), None, largest.note)
    if not (whole.estimate.excludes_zero and whole.p is not None):
        none = upper_first(none_established("gap", f"in scores between {groups}"))
        seen = doubt(largest, plain) if numeric else doubt(largest, points, " points")
        return Doubt(f"{none} ({seen}), {nobody}", whole.p, "no gap is established")
    return None


def _table(parts: Sequence[Part], attribute: str) -> Table:
    return Table(
        title=f"What pushes the gap by {attribute}: training rows by group and label",
        columns=("group", "label", "training rows", "part of all pushes", "from", "to"),
        rows=tuple((p.group, p.label, p.estimate.n, p.estimate.value, p.estimate.low, p.estimate.high) for p in parts),
        units=("", "", "", "percent", "percent", "percent"),
    )


def _harmful(rows: Observations, attribute: str, facts: dict[str, Any]) -> Table:
    """The rows that widen the gap most, by their position."""
    frame = pd.DataFrame({**rows.labels, **rows.columns})
    frame = frame[(frame["attribute"] == attribute) & (frame["influence"] > 0)]
    frame = frame.sort_values("influence", ascending=False, kind="stable").head(SHOWN)
    show = facts["show"]
    lines: list[tuple[str | int | float | None, ...]] = []
    for r in frame.to_dict("records"):
        push = float(f"{r['influence']:.4g}")
        lines.append((int(r["position"]), r["group"], r["label"], push, *([r["shown"]] if show else [])))
    return Table(
        title=f"The training rows that widen the gap by {attribute} most",
        columns=("position", "group", "label", "push", *([", ".join(show)] if show else [])),
        rows=tuple(lines),
    )


def _p(parts: Sequence[Part], named: Sequence[Part], whole: PairGap) -> float | None:
    """p of H0: there is no gap, or a cell that is named pushes no way; where none is, of the surest."""
    own = max((x.p for x in named), default=min((x.p for x in parts), default=1.0))
    return None if whole.p is None else max(whole.p, own)


def _statement(parts: Sequence[Part], widen: Sequence[Part], narrow: Sequence[Part], gap: str) -> str:
    said: list[str] = []
    for those, verb in ((widen, "widen"), (narrow, "narrow")):
        if those:
            cells = listed([f"{p.words} ({_sized(p.estimate, first=not said and p is those[0])})" for p in those])
            said.append(f"{cells} {verb} {'it' if said else gap}")
    if not said:
        ends = [abs(x) for p in parts for x in (p.estimate.low, p.estimate.high) if x is not None]
        unseen = f" (less than {percent(max(ends))} of all pushes could have gone unseen)" if ends else ""
        return f"No group and label of training rows pushes {gap} one way beyond doubt{unseen}. {_CAUTION}"
    return f"Among the training rows, {'; '.join(said)}. {_CAUTION}"


_CAUTION = (
    "It ranks how training rows shaped this model, to first order; it says neither that these rows are wrong nor what "
    "training without them would give."
)


def _sized(e: Estimate, *, first: bool) -> str:
    """The size of a part, whichever way it pushes; of what it is a part is said at the first one."""
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    low, high = sorted((abs(e.low), abs(e.high)))
    sized = e.model_copy(update={"value": abs(e.value), "low": low, "high": high})
    return f"{percent(sized)}{' of all pushes' if first else ''}, {interval(sized, 'overall')}"


def _notes(seen: InfluenceSeen, attribute: str) -> tuple[str, ...]:
    facts, cells = seen.cells.facts, seen.cells
    mine = np.array(cells.labels["attribute"], dtype=object) == attribute
    used = int(cells.columns["n"][mine].sum())
    n = facts["checkpoints"]
    weighted = ", weighted by learning rate" if facts["weighted"] else ""
    at = f"their mean over {n} checkpoints{weighted}" if n else "at the final weights"
    return (
        f"{used:,} of {facts['of']:,} training rows"
        + (f" ({facts['dropped']:,} without a target)" if facts["dropped"] else ""),
        f"−∇gap · (A + δM)⁻¹ · ∇loss of each row, {at}; loss: cross entropy, or half the squared error, without "
        "regularisation; A: its Gauss–Newton matrix over all training rows, M: A's diagonal, δ = .01",
        f"curvature by {facts['curved_by']:,} training rows, inverted by at most {facts['steps']} steps of conjugate "
        "gradients",
        "intervals are of the part at this model's weights, over other training and audited rows drawn alike; not of "
        "training again",
        *([] if len(seen.rows) else ["the single rows that push most are shown where rows are kept (keep_rows)"]),
        "a part is signed: what a cell's rows push, up less down, of the sizes of all rows' pushes",
    )
