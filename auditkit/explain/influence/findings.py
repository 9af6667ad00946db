"""From sums of influence to findings: whose training rows widen the gap, whose narrow it. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from auditkit.arrays import Floats, Positions
from auditkit.batch import Census
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import groups_of, none_established
from auditkit.evidence.grouped import Recoding, recoding_of, withheld
from auditkit.evidence.observations import Observations
from auditkit.evidence.reading import fields
from auditkit.explain.all_rows import PairGap, both, census_in, census_json, doubt, of_scores
from auditkit.explain.estimates import FEWEST, estimated, undefined
from auditkit.formatting import interval, percent, plain, points, upper_first
from auditkit.records import TASK_KINDS, Estimate, Finding, GroupEstimate, Table
from auditkit.stats.means import t_limits, t_p

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure

SHOWN = 20
"""Rows of largest influence that are kept, each way."""
SUMS = ("n", "sum", "abs", "sq", "sum_abs")
"""Of a cell's rows: how many, Σ I, Σ |I|, Σ I², Σ I|I|."""


@dataclass(frozen=True)
class InfluenceSeen:
    """Sums a group and label of the training rows, and the rows that push most; both add."""

    cells: Observations
    """Columns `SUMS`; labels attribute, group and label. Rows of the same three add up."""
    rows: Observations
    """Columns position and influence; labels attribute, group, label and shown. Empty once reduced."""
    census: Census | None = None
    """Over all rows of the audited data."""

    def __add__(self, other: InfluenceSeen) -> InfluenceSeen:
        return InfluenceSeen(self.cells + other.cells, self.rows + other.rows, both(self.census, other.census))

    @classmethod
    def of(
        cls, parts: Sequence[tuple[Observations, Observations]], facts: dict[str, Any], census: Census | None = None
    ) -> InfluenceSeen:
        """All attributes under one another."""
        if not parts:
            return cls(Observations({}, {}, facts), Observations({}, {}, {}))
        cells, rows = parts[0]
        for more, others in parts[1:]:
            cells, rows = cells + more, rows + others
        return cls(Observations(cells.columns, cells.labels, facts), rows, census)

    def reduced(self, disclosure: Disclosure) -> InfluenceSeen:
        """Without single rows, and cells of fewer than ten as one, unless rows are kept."""
        if disclosure.keep_rows:
            return self
        rows = self.rows
        none = Observations({k: v[:0] for k, v in rows.columns.items()}, {k: [] for k in rows.labels}, rows.facts)
        recoding = recoding_of(disclosure)
        census = None if self.census is None else self.census.recoded(recoding)
        return InfluenceSeen(_pooled(self.cells, recoding), none, census)

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {"cells": self.cells.to_json(), "rows": self.rows.to_json(), **census_json(self.census)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> InfluenceSeen:
        """From `to_json`."""
        found = fields(data, "influence", "cells", "rows", optional=("census",))
        return cls(Observations.from_json(found["cells"]), Observations.from_json(found["rows"]), census_in(found))


SMALL = "(small cells)"
"""Name of the cells of too few rows, taken together."""


def _pooled(cells: Observations, recoding: Recoding) -> Observations:
    """Cells of fewer than ten training rows taken together, with the smallest others until these are ten or more."""
    stored = zip(*(cells.labels.get(k, []) for k in ("attribute", "group", "label")), strict=True)
    names = [(a, recoding.get(a, {}).get(g, g), label) for a, g, label in stored]
    if not names:
        return cells
    cells = _together(cells, names)
    names = [(a, g, label) for a, g, label in zip(*cells.labels.values(), strict=True)]
    small: set[tuple[str, ...]] = set()
    for attribute in dict.fromkeys(name[0] for name in names):
        n = {name: int(k) for name, k in zip(names, cells.columns["n"], strict=True) if name[0] == attribute}
        counts = {str(i): k for i, k in enumerate(n.values())}
        small |= {list(n)[int(i)] for i in withheld(counts, FEWEST)}
    return _together(cells, [(name[0], SMALL, SMALL) if name in small else name for name in names])


def _together(cells: Observations, renamed: Sequence[tuple[str, str, str]]) -> Observations:
    """Cells of one name added up."""
    kept = sorted(dict.fromkeys(renamed))
    where = np.array([kept.index(r) for r in renamed])
    columns = {k: np.bincount(where, v, minlength=len(kept)).astype(np.float64) for k, v in cells.columns.items()}
    labels = {k: [name[i] for name in kept] for i, k in enumerate(("attribute", "group", "label"))}
    return Observations(columns, labels, cells.facts)


def cells_of(
    attribute: str, influence: Floats, group: list[str], label: list[str], position: Positions, shown: list[str]
) -> tuple[Observations, Observations]:
    """The sums of one attribute, and its rows of largest influence each way."""
    frame = pd.DataFrame({"group": group, "label": label, "i": influence})
    size = np.abs(influence)
    sums = frame.assign(n=1.0, sum=influence, abs=size, sq=influence**2, sum_abs=influence * size)
    table = sums.groupby(["group", "label"], sort=True)[list(SUMS)].sum().reset_index()
    order = np.argsort(-influence, kind="stable")
    top = np.unique(np.concatenate([order[:SHOWN], order[::-1][:SHOWN]]))
    cells = Observations(
        {name: table[name].to_numpy(float) for name in SUMS},
        {"attribute": [attribute] * len(table), "group": table["group"].tolist(), "label": table["label"].tolist()},
        {},
    )
    rows = Observations(
        {"position": np.asarray(position, float)[top], "influence": influence[top]},
        {
            "attribute": [attribute] * len(top),
            "group": [group[i] for i in top],
            "label": [label[i] for i in top],
            "shown": [shown[i] for i in top],
        },
        {},
    )
    return cells, rows


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


def influence_findings(seen: InfluenceSeen, *, level: float) -> tuple[Finding, ...]:
    """`explanation/influence/overall/<attribute>`: its estimate is the part of the cell that pushes most."""
    attributes = dict.fromkeys(seen.cells.labels.get("attribute", ()))
    return tuple(_finding(seen, attribute, level) for attribute in attributes)


def parts_of(cells: Observations, attribute: str, *, level: float) -> list[Part]:
    """Σ I over a cell / Σ |I| over all rows, linearised, training rows taken as independent."""
    frame = pd.DataFrame({**cells.labels, **cells.columns})
    table = frame[frame["attribute"] == attribute].groupby(["group", "label"])[list(SUMS)].sum().reset_index()
    total = table[list(SUMS)].sum()
    out = []
    for row in table.itertuples():
        own = {k: float(getattr(row, k)) for k in SUMS}
        value, error, n = _pushed(own, total)
        p = 1.0 if error is None else min(1.0, len(table) * float(t_p(value, error, effective_n=n)))
        out.append(Part(str(row.group), str(row.label), _part(own, total, level), p))
    return out


def _pushed(own: dict[str, float], total: pd.Series[float]) -> tuple[float, float | None, int]:
    """The part of a cell, its standard error (None where no row pushes), and rows."""
    n, size = int(total["n"]), float(total["abs"])
    if not size:
        return 0.0, None, n
    r = own["sum"] / size
    squares = own["sq"] - 2 * r * own["sum_abs"] + r * r * float(total["sq"])
    return r, math.sqrt(max(squares, 0.0) * n / max(n - 1, 1)) / size, n


def _part(own: dict[str, float], total: pd.Series[float], level: float) -> Estimate:
    method = "ratio of sums, linearised; t over training rows"
    r, error, n = _pushed(own, total)
    if error is None:
        return undefined("no row pushes the gap", n=n, level=level, method=method)
    limits = np.clip(t_limits(r, error, effective_n=n, level=level), -1.0, 1.0)
    return estimated(r, limits, n=int(own["n"]), level=level, method=method, rows="training rows")


def _finding(seen: InfluenceSeen, attribute: str, level: float) -> Finding:
    parts = sorted(parts_of(seen.cells, attribute, level=level), key=lambda p: -abs(p.estimate.value or 0.0))
    facts = seen.cells.facts
    numeric = TASK_KINDS[facts["task"]].numeric
    all_rows = of_scores(seen.census, attribute, numeric=numeric, level=level)
    _, lower, upper = facts["gaps"][attribute]
    whole = None if all_rows is None else all_rows.pair(upper, lower)
    largest = None if all_rows is None or whole is None else all_rows.largest()
    sure = [p for p in parts if p.p <= 1 - level and p.estimate.excludes_zero]
    harmful = (_harmful(seen.rows, attribute, facts),) if len(seen.rows) else ()
    return Finding(
        id=f"explanation/influence/overall/{attribute}",
        concern="explanation",
        title=f"Training rows behind the gap, {attribute}",
        statement=_statement(parts, sure, facts, attribute, whole, largest),
        metric="influence",
        comparison="overall",
        by=(attribute,),
        estimate=parts[0].estimate,
        p=_p(parts, whole),
        by_group=tuple(GroupEstimate(group={attribute: p.group, "label": p.label}, estimate=p.estimate) for p in parts),
        exhibits=(_table(parts, attribute), *harmful),
        notes=_notes(seen, attribute),
        references=(METRICS["influence"].reference,),
    )


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


def _p(parts: Sequence[Part], whole: PairGap | None) -> float | None:
    """p of H0: there is no gap, or no cell of training rows pushes it one way."""
    p = min((x.p for x in parts), default=1.0)
    return p if whole is None else None if whole.p is None else max(whole.p, p)


def _statement(
    parts: Sequence[Part],
    sure: Sequence[Part],
    facts: dict[str, Any],
    attribute: str,
    whole: PairGap | None,
    largest: Estimate | None,
) -> str:
    value, lower, upper = facts["gaps"][attribute]
    yes_no = TASK_KINDS[facts["task"]].yes_no
    if whole is not None and largest is not None:
        if not whole.estimate.excludes_zero:
            none = upper_first(none_established("gap", f"in scores between {groups_of([attribute])}"))
            seen = doubt(largest, points, " points") if yes_no else doubt(largest, plain)
            return f"{none} ({seen}), so that no training rows are said to widen or to narrow one. {_CAUTION}"
        value = whole.estimate.value
    size = f"{points(value)}-point" if yes_no else plain(value)
    gap = f"the {size} gap in scores between {upper} and {lower} rows"
    widen = [p for p in sure if (p.estimate.value or 0) > 0]
    narrow = [p for p in sure if (p.estimate.value or 0) < 0]
    said = [
        f"{p[0].words} {verb} {gap if i == 0 else 'it'} most ({_sized(p[0].estimate)})"
        for i, (p, verb) in enumerate(x for x in ((widen, "widen"), (narrow, "narrow")) if x[0])
    ]
    if not said:
        ends = [abs(x) for p in parts for x in (p.estimate.low, p.estimate.high) if x is not None]
        unseen = f" (less than {percent(max(ends))} of all pushes could have gone unseen)" if ends else ""
        return f"No group and label of training rows pushes {gap} one way beyond doubt{unseen}. {_CAUTION}"
    return f"Among the training rows, {'; '.join(said)}. {_CAUTION}"


_CAUTION = (
    "It is how training shaped this model, to first order, and does not say what training without them would give."
)


def _sized(e: Estimate) -> str:
    """The size of a part, whichever way it pushes."""
    assert e.value is not None
    assert e.low is not None
    assert e.high is not None
    low, high = sorted((abs(e.low), abs(e.high)))
    sized = e.model_copy(update={"value": abs(e.value), "low": low, "high": high})
    return f"{percent(sized.value)} of all pushes, {interval(sized, 'overall')}"


def _notes(seen: InfluenceSeen, attribute: str) -> tuple[str, ...]:
    facts, cells = seen.cells.facts, seen.cells
    mine = np.array(cells.labels["attribute"], dtype=object) == attribute
    used = int(cells.columns["n"][mine].sum())
    n = facts["checkpoints"]
    at = (
        f"{n} checkpoints, {'weighted by learning rate' if facts['weighted'] else 'all alike'}"
        if n
        else "final weights"
    )
    return (
        f"{used:,} of {facts['of']:,} training rows"
        + (f" ({facts['dropped']:,} without a target)" if facts["dropped"] else ""),
        f"−∇gap·∇loss of each row at the {at}; loss: cross entropy, or half the squared error, without regularisation",
        *([] if len(seen.rows) else ["the single rows that push most are shown where rows are kept (keep_rows)"]),
        "a part is signed: what a cell's rows push, up less down, of the sizes of all rows' pushes",
    )
