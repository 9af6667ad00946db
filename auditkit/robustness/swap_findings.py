"""From swapped rows to findings: how many change, how many decisions with them, how far scores move. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import group_words
from auditkit.evidence.grouped import Grouped, GroupSums
from auditkit.evidence.sums import Moments
from auditkit.explain.estimates import UNBOUNDED, Cell, means_of
from auditkit.formatting import confidence, interval, percent, plain, points, quantity
from auditkit.records import TASK_KINDS, Estimate, Finding, Table, TaskKind, Unit
from auditkit.robustness.findings import CAUTION, limited
from auditkit.robustness.flip_rows import CHANGED, DELTA, EFFECT, LEFT_OR_CHANGED, RATE, UP, swap_table, ways_table


class Swapped(NamedTuple):
    """What one swap did."""

    name: str
    counts: Grouped
    """Rows that it changes, and rows that it leaves."""
    seen: dict[str, Grouped]
    """Attribute → what became of the rows that it changes."""
    kind: TaskKind
    level: float
    told: Mapping[str, Any]
    """What else is known of it: of a lexicon, the words that it exchanged."""
    ways: Grouped | None
    """What became of rows by the way that words are exchanged in them; None of other swaps."""

    @property
    def rows(self) -> tuple[int, int]:
        """Sampled rows that it changes, and all of them."""
        changed = self.counts.groups.get(LEFT_OR_CHANGED[1])
        return 0 if changed is None else changed.n, self.counts.everybody.n

    @property
    def head(self) -> str:
        """How each sentence begins."""
        changed, rows = self.rows
        return f"Where {self.name} changes a row ({changed:,} of {rows:,} sampled)"

    @property
    def everybody(self) -> Moments:
        """Over all rows that it changes."""
        return next(iter(self.seen.values())).everybody

    def cells(self, groups: list[Moments], name: str) -> list[Cell]:
        """A column in each group."""
        j = next(iter(self.seen.values())).columns.index(name)
        if name == DELTA:
            return means_of(groups, j, bounds=UNBOUNDED if self.kind.numeric else (-1.0, 1.0))
        return limited(groups, j, (0.0, np.inf if self.kind.numeric and name == EFFECT else 1.0))

    def estimate(self, name: str) -> Estimate:
        """A column over all rows that it changes."""
        return self.cells([self.everybody], name)[0].estimate(self.level)


def swap_findings(seen: GroupSums, number: int, *, level: float) -> tuple[Finding, ...]:
    """`robustness/flip_rate/overall/swap:<name>` (no decisions: none) and `robustness/flip_effect/overall/swap:…`."""
    if swap_table(number) not in seen.tables:
        return ()
    head = swap_table(number, "")
    swap = Swapped(
        seen.facts["swaps"][number]["name"],
        seen.tables[swap_table(number)],
        {key.removeprefix(head): table for key, table in sorted(seen.tables.items()) if key.startswith(head)},
        TASK_KINDS[seen.facts["task"]],
        level,
        seen.facts["swaps"][number],
        seen.tables.get(ways_table(number)),
    )
    effect = _finding(swap, "flip_effect")
    return (effect,) if swap.kind.numeric else (_finding(swap, "flip_rate"), effect)


def _finding(swap: Swapped, metric: str) -> Finding:
    of_effect, m = metric == "flip_effect", METRICS[metric]
    e = swap.estimate(EFFECT if of_effect else RATE)
    changed, rows = swap.rows
    return Finding(
        id=f"robustness/{metric}/overall/swap:{swap.name}",
        concern="robustness",
        title=f"{'How far scores move' if of_effect else 'Decisions that flip'} with {swap.name}",
        statement=_effect_statement(swap, e) if of_effect else _rate_statement(swap, e),
        metric=metric,
        comparison="overall",
        caveat=CAUTION,
        estimate=e,
        exhibits=(_table(swap), *_words(swap)) if of_effect or swap.kind.numeric else (),
        notes=(
            f"a row is changed where what goes into the net is; {rows - changed:,} of {rows:,} sampled rows are not, "
            "and enter none of these numbers",
            "the swap is the user's: whether the swapped rows are like real ones is not looked at",
            *([swap.told["note"]] if swap.told.get("note") else []),
        ),
        references=(m.reference,),
    )


def _words(swap: Swapped) -> tuple[Table, ...]:
    """The words that a lexicon exchanged, in how many sampled rows."""
    words, rare = swap.told.get("words", ()), swap.told.get("rare_words", 0)
    if not words:
        return ()
    more = f" ({rare:,} more in too few rows to be told)" if rare else ""
    rows = tuple((str(a), str(b), int(n)) for a, b, n in words[:WORDS])
    return (Table(title=f"Words that {swap.name} exchanged{more}", columns=("word", "becomes", "rows"), rows=rows),)


WORDS = 40
"""Words in the table."""


def _table(swap: Swapped) -> Table:
    """Each group's rows: those changed, their decisions (to positive, to negative), the mean change with its limits."""
    kind = swap.kind
    unit: Unit = "points" if not kind.numeric else ""
    decided = ("turn positive", "turn negative") if kind.yes_no else ("decided otherwise",) if kind.several else ()
    return Table(
        title=f"Swapped by {swap.name}",
        columns=("who", "rows changed", *decided, "mean change of score", "from", "to"),
        rows=tuple(_rows(swap)),
        units=("", "", *("percent" for _ in decided), unit, unit, unit),
    )


def _rows(swap: Swapped) -> Iterator[tuple[str | float | int | None, ...]]:
    tables = [("everybody", [swap.everybody])]
    seen = {**swap.seen, **({} if swap.ways is None else {"": swap.ways})}
    tables += [(a, [*table.groups.values()]) for a, table in seen.items()]
    for attribute, groups in tables:
        names = [attribute] if attribute == "everybody" else [*seen[attribute].groups]
        moved, changed, up = (swap.cells(groups, name) for name in (DELTA, CHANGED, UP))
        for i, name in enumerate(names):
            e = moved[i].estimate(swap.level)
            otherwise, positive = (None if np.isnan(c.value) else c.value for c in (changed[i], up[i]))
            decided: tuple[float | None, ...] = ()
            if swap.kind.yes_no:
                down = None if otherwise is None or positive is None else max(0.0, otherwise - positive)
                decided = (positive, down)
            elif swap.kind.several:
                decided = (otherwise,)
            who = name if attribute in ("everybody", "") else group_words([attribute], [name])
            yield (who, e.n, *decided, e.value, e.low, e.high)


def _rate_statement(swap: Swapped, e: Estimate) -> str:
    if e.value is None:
        return f"{swap.head}, what becomes of decisions is not told: {e.note}. {CAUTION}"
    if e.value == 0:
        most = (
            "" if e.high is None else f" (with {confidence(e.level)} confidence no more than {percent(e.high)} would)"
        )
        return f"{swap.head}, no decision changes with it{most}. {CAUTION}"
    sure = "" if e.low is None else f" ({interval(e, 'overall')})"
    return f"{swap.head}, {percent(e)} of decisions change with it{sure}. {CAUTION}"


def _effect_statement(swap: Swapped, e: Estimate) -> str:
    if e.value is None:
        return f"{swap.head}, how far a {swap.kind.score} moves is not told: {e.note}. {CAUTION}"
    if swap.kind.numeric:
        size, sure = plain(e), "" if e.low is None else f" ({interval(e, 'overall', of='measure')})"
    else:
        size = quantity(e, "difference")
        sure = "" if e.low is None else f" ({interval(e, 'difference')})"
    moved = f"{swap.head}, a {swap.kind.score} moves by {size} on average{sure}"
    if e.state == "unstable":
        moved += f" ({e.note})"
    return f"{moved}{_direction(swap)}. {CAUTION}"


def _direction(swap: Swapped) -> str:
    """Which way scores move, where that is sure; how large a move could have gone unseen. Of a lexicon by the way that
    words are exchanged: what raises scores one way lowers them the other."""
    if swap.ways is not None:
        return _by_way(swap, swap.ways)
    e = swap.estimate(DELTA)
    written = plain if swap.kind.numeric else lambda x: f"{points(x)} points"
    if e.state == "unstable" or e.value is None:
        return "; whether they move one way is not told: a few large moves carry the mean"
    if e.low is None or e.high is None:
        return "; whether they move one way was not measured: too few rows"
    if not e.excludes_zero:
        most = written(max(abs(e.low), abs(e.high)))
        return f"; that they move one way is not beyond doubt (a mean move below {most} could have gone unseen)"
    return f"; over all of them they {_moves(swap, e)}"


def _moves(swap: Swapped, e: Estimate) -> str:
    """A mean move that is surely one way: which, and by how much, without signs."""
    low, high = sorted(abs(x or 0.0) for x in (e.low, e.high))
    size = e.model_copy(update={"value": abs(e.value or 0.0), "low": low, "high": high})
    told = interval(size, "overall", of="measure") if swap.kind.numeric else interval(size, "difference")
    written = plain(size) if swap.kind.numeric else f"{points(size)} points"
    return f"{'rise' if (e.value or 0.0) > 0 else 'fall'} by {written} ({told})"


def _by_way(swap: Swapped, ways: Grouped) -> str:
    """The way of exchanging words that moves scores most surely one way; each is one of so many (Bonferroni)."""
    level = 1 - (1 - swap.level) / max(1, len(ways.groups))
    written = plain if swap.kind.numeric else lambda x: f"{points(x)} points"
    each = dict(zip(ways.groups, (c.estimate(level) for c in swap.cells([*ways.groups.values()], DELTA)), strict=True))
    sure = {way: e for way, e in each.items() if e.excludes_zero}
    if sure:
        way, e = max(sure.items(), key=lambda x: max(x[1].low or 0.0, -(x[1].high or 0.0)))
        return f"; where only {way} is done ({e.n:,} rows) they {_moves(swap, e)}"
    known = [max(abs(e.low), abs(e.high)) for e in each.values() if e.low is not None and e.high is not None]
    if not known:
        return "; whether they move one way was not measured: too few rows"
    unseen = f"a mean move below {written(max(known))} could have gone unseen"
    return f"; no way of exchanging them moves scores beyond doubt ({unseen})"
