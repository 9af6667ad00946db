"""Decisions that the newer model makes otherwise: how many for the better and for the worse, by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from auditkit.arrays import Bools, Ints
from auditkit.catalogue.sentences import group_words
from auditkit.evidence.frames import places
from auditkit.evidence.paired import Paired
from auditkit.fairness.families.estimates import rate_estimate
from auditkit.fairness.families.family import group_estimates
from auditkit.fairness.notes import finding, p_text
from auditkit.formatting import interval, percent
from auditkit.records import Estimate, Finding, Table
from auditkit.stats.paired import mcnemar

FLIPS = "decisions_flipped"


class Flips(NamedTuple):
    """Rows that both models decide, in K groups."""

    groups: tuple[tuple[str, ...], ...]
    rows: Ints
    """(K,) that both decide."""
    flipped: Ints
    """(K,) decided otherwise."""
    better: Ints
    """(K,) of these, right now and wrong before."""
    worse: Ints
    """(K,) wrong now and right before; of several classes a wrong decision may also become another wrong one."""
    up: Ints
    """(K,) selected now and not before; of two classes only."""
    down: Ints
    told: bool = True
    """Whether some row has a truth: else a decision is neither right nor wrong."""

    @property
    def sides(self) -> tuple[Ints, Ints]:
        """(K,) twice: for the better and for the worse, or, of rows without truths, positive now and before."""
        return (self.better, self.worse) if self.told else (self.up, self.down)


def flips_of(paired: Paired, by: Sequence[str]) -> Flips:
    """Counted exactly, in rows, whatever their weights."""
    cells = paired.cells()
    groups, at = places(cells, by, len(cells["n"]))
    truth, new, old = (cells[c].astype(np.int64) for c in ("y_true", "y_pred", "old"))
    both, known = (new >= 0) & (old >= 0), truth >= 0

    def count(where: Bools) -> Ints:
        out = np.zeros(len(groups), dtype=np.int64)
        np.add.at(out, at, np.where(where, cells["n"], 0))
        return out

    flipped = both & (new != old)
    return Flips(
        groups,
        count(both),
        count(flipped),
        count(flipped & known & (new == truth)),
        count(flipped & known & (old == truth)),
        count(flipped & (new == 1)),
        count(flipped & (new == 0)),
        bool(paired.classes) or bool((cells["n"][both & known]).sum()),
    )


def flipped(paired: Paired, by: Sequence[str], *, level: float) -> Finding:
    """The share of decisions that changed, and a table of which, with McNemar's exact test in every group."""
    whole = flips_of(paired, ())
    rows, n = (int(x.sum()) for x in (whole.flipped, whole.rows))
    first, second = (int(x.sum()) for x in whole.sides)
    e = rate_estimate(rows, n, level=level)
    own = flips_of(paired, by)
    estimates = {
        g: rate_estimate(int(k), int(m), level=level) for g, k, m in zip(own.groups, own.flipped, own.rows, strict=True)
    }
    return finding(
        FLIPS,
        "overall",
        by,
        e,
        _said(e, rows, n, first, second, told=whole.told),
        concern="change",
        title="Decisions that changed" + (f", {' and '.join(by)}" if by else ""),
        by_group=group_estimates(by, estimates) if by else (),
        exhibits=(_table(own, by, paired),) if by else (),
        notes=_notes(paired, told=whole.told),
    )


def _said(e: Estimate, rows: int, n: int, first: int, second: int, *, told: bool) -> str:
    if e.value is None:
        return "No row is decided by both models: what changed cannot be told."
    if not rows:
        return f"The same: both models decide all {n:,} rows alike."
    p = mcnemar(first, second)
    now, then = ("right now and were wrong", "wrong now and were right") if told else (
        "positive now and were not", "not positive now and were"
    )  # fmt: skip
    return (
        f"{rows:,} of {n:,} decisions changed, {percent(e)} ({interval(e, 'overall')}): {first:,} are {now}, "
        f"{second:,} are {then} (McNemar's exact {p_text(p, 'p = ', 'p < ')})."
    )


def _table(f: Flips, by: Sequence[str], paired: Paired) -> Table:
    ways = not paired.classes
    columns: tuple[str, ...] = (
        " & ".join(by),
        "rows",
        "changed",
        *(("right now, wrong before", "wrong now, right before") if f.told else ()),
        "p",
    )
    columns += ("selected now only", "selected before only") if ways else ()
    rows = tuple(
        (
            group_words(by, g),
            *(int(x[i]) for x in (f.rows, f.flipped, *(f.sides if f.told else ()))),
            p_text(mcnemar(*(int(x[i]) for x in f.sides)), "", "< "),
            *((int(f.up[i]), int(f.down[i])) if ways else ()),
        )
        for i, g in enumerate(f.groups)
    )
    return Table(title=f"Decisions that changed, by {' and '.join(by)}", columns=tuple(columns), rows=rows)


def _notes(paired: Paired, *, told: bool) -> tuple[str, ...]:
    ways = "for the better as for the worse" if told else "to the one side as to the other"
    notes = [f"p: McNemar's exact test of as many decisions {ways}, not corrected for groups"]
    if paired.dependent:
        notes.append("flips are counted in rows, whatever their weights; p takes rows as independent")
    if paired.undecided:
        notes.append(f"{paired.undecided:,} rows are left out: only one of the models decides them")
    return tuple(notes)
