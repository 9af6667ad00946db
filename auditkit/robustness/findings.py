"""From flipped rows to findings: how many decisions change, how far scores move, which way. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words, not_causes
from auditkit.evidence.grouped import Grouped, GroupSums
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import UNBOUNDED, Cell, by_group, means_of, share_of
from auditkit.formatting import confidence, interval, percent, plain, points, quantity
from auditkit.records import TASK_KINDS, Estimate, Finding, Table, TaskKind, Unit
from auditkit.robustness.flip_rows import CHANGED, DELTA, EFFECT, RATE, UP

CAUTION = f"This is {not_causes('decisions')}."


class Flips(NamedTuple):
    """What flipping one attribute did."""

    attribute: str
    seen: Grouped
    kind: TaskKind
    level: float

    @property
    def values(self) -> tuple[str, ...]:
        """What rows were given."""
        return tuple(c.removeprefix(DELTA) for c in self.seen.columns if c.startswith(DELTA))

    def column(self, name: str) -> int:
        """Where a column stands in the sums."""
        return self.seen.columns.index(name)

    def decided(self, group: str, value: str) -> tuple[float | None, ...]:
        """Of a group's rows given a value, the shares that turn positive and negative, or are decided otherwise."""
        means = (float(self.seen.groups[group].mean[self.column(f"{x}{value}")]) for x in (CHANGED, UP))
        changed, up = (None if np.isnan(x) else x for x in means)
        if self.kind.yes_no:
            return up, None if changed is None or up is None else max(0.0, changed - up)
        return (changed,) if self.kind.several else ()

    def shifts(self, level: float | None = None) -> Iterator[tuple[str, str, Estimate]]:
        """Each group, each other value that its rows were given, and the mean change of their scores; `level` replaces
        that of their intervals."""
        bounds = UNBOUNDED if self.kind.numeric else (-1.0, 1.0)
        found: dict[tuple[str, str], Cell] = {}
        for value in self.values:
            others = {g: m for g, m in self.seen.groups.items() if g != value}
            cells = means_of(list(others.values()), self.column(f"{DELTA}{value}"), bounds=bounds)
            found |= {(g, value): cell for g, cell in zip(others, cells, strict=True)}
        for group, value in product(self.seen.groups, self.values):
            if group != value:
                yield group, value, found[group, value].estimate(self.level if level is None else level)


def flip_findings(seen: GroupSums, attribute: str, *, level: float) -> tuple[Finding, ...]:
    """`robustness/flip_rate/overall/<attribute>` (no decisions: none) and `robustness/flip_effect/overall/…`."""
    if attribute not in seen.tables:
        return ()
    flips = Flips(attribute, seen.tables[attribute], TASK_KINDS[seen.facts["task"]], level)
    effect = _finding(flips, "flip_effect")
    return (effect,) if flips.kind.numeric else (_finding(flips, "flip_rate"), effect)


def limited(groups: Sequence[Moments], column: int, bounds: tuple[float, float]) -> list[Cell]:
    """Wilson's limits where every value is 0 or 1 (an attribute of two values), Student's for means of several."""
    means = means_of(groups, column, bounds=bounds)
    return [share_of(m, column) if _yes_or_no(m, column) else cell for m, cell in zip(groups, means, strict=True)]


def _yes_or_no(moments: Moments, column: int) -> bool:
    """Σw x (1 − x) is 0 for x in [0, 1] only at its ends."""
    wx, wx2 = float(moments.wx[column]), float(moments.wx2[column])
    return moments.n > 0 and abs(wx - wx2) <= 1e-12 * max(wx, wx2)


def _finding(flips: Flips, metric: str) -> Finding:
    a, of_effect, m = flips.attribute, metric == "flip_effect", METRICS[metric]
    j, most = flips.column(EFFECT if of_effect else RATE), np.inf if flips.kind.numeric else 1.0
    names, cells = list(flips.seen.groups), limited([*flips.seen.groups.values()], j, (0.0, most))
    e = limited([flips.seen.everybody], j, (0.0, most))[0].estimate(flips.level)
    return Finding(
        id=f"robustness/{metric}/overall/{a}",
        concern="robustness",
        title=f"{m.title}, {a}",
        statement=_effect_statement(flips, e) if of_effect else _rate_statement(flips, e),
        metric=metric,
        comparison="overall",
        by=(a,),
        caveat=CAUTION,
        estimate=e,
        by_group=by_group(a, names, cells, flips.level),
        exhibits=(_table(flips),) if of_effect else (),
        notes=(
            f"only {a} is changed; whatever goes with it stays, so that some flipped rows may be like nobody real",
            f"each of {flips.seen.everybody.n:,} sampled rows is given every other value; its values count alike",
        ),
        references=(m.reference,),
    )


def _table(flips: Flips) -> Table:
    """Each flip: rows, decisions that change (to positive, to negative), the mean change with its limits."""
    unit: Unit = "points" if not flips.kind.numeric else ""
    rows = [(g, value, e.n, *flips.decided(g, value), e.value, e.low, e.high) for g, value, e in flips.shifts()]
    kind = flips.kind
    decided = ("turn positive", "turn negative") if kind.yes_no else ("decided otherwise",) if kind.several else ()
    return Table(
        title=f"{flips.attribute}, flipped",
        columns=("is", "becomes", "rows", *decided, "mean change of score", "from", "to"),
        rows=tuple(rows),
        units=("", "", "", *("percent" for _ in decided), unit, unit, unit),
    )


def _rate_statement(flips: Flips, e: Estimate) -> str:
    a = flips.attribute
    if e.value == 0:
        most = (
            "" if e.high is None else f" (with {confidence(e.level)} confidence no more than {percent(e.high)} would)"
        )
        return f"If only {a} were changed, no decision on the sampled rows would change{most}. {CAUTION}"
    sure = "" if e.low is None else f" ({interval(e, 'overall')})"
    return f"If only {a} were changed, {percent(e)} of decisions would change{sure}. {CAUTION}"


def _effect_statement(flips: Flips, e: Estimate) -> str:
    a = flips.attribute
    if flips.kind.numeric:
        size, sure = plain(e), "" if e.low is None else f" ({interval(e, 'overall', of='measure')})"
    else:
        size = quantity(e, "difference")
        sure = "" if e.low is None else f" ({interval(e, 'difference')})"
    moved = f"If only {a} were changed, a {flips.kind.score} would move by {size} on average{sure}"
    if e.state == "unstable":
        moved += f" ({e.note})"
    return f"{moved}{_direction(flips)}. {CAUTION}"


def _direction(flips: Flips) -> str:
    """The largest mean change whose interval excludes 0, in words; nothing where none does."""
    flipped = list(flips.shifts())
    each = 1 - (1 - flips.level) / max(1, len(flipped))  # the largest of them is named
    shifts = [(e, name, value) for name, value, e in flips.shifts(each)]
    found = [
        (abs(e.value), name, value, e.value) for e, name, value in shifts if e.value is not None and e.excludes_zero
    ]
    if not found and any(e.state == "unstable" for e, *_ in shifts):
        return "; whether a flip moves them one way is not told: a few large moves carry the mean of a group"
    if not found:
        known = [max(abs(e.low), abs(e.high)) for e, *_ in shifts if e.low is not None and e.high is not None]
        if not known:
            return "; whether a flip moves them one way was not measured: too few rows"
        most = plain(max(known)) if flips.kind.numeric else f"{points(max(known))} points"
        return f"; no flip moves scores one way beyond doubt (a move below {most} could have gone unseen)"
    size, name, value, change = max(found)
    amount = plain(size) if flips.kind.numeric else f"{points(size)} points"
    first, second = (group_words([flips.attribute], [v]) for v in (name, value))
    return f"; from {first} to {second} they {'rise' if change > 0 else 'fall'} by {amount}"
