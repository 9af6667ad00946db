"""Where the time goes: seconds by stage, of one core and on the clock, while somebody wants to know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Spent(NamedTuple):
    """Seconds of a stage."""

    cpu: float
    wall: float


_SPENT: dict[str, Spent] | None = None
_OPEN: list[list[float]] = []
"""Of the stages that are open, what those inside them took: it is theirs alone."""


@contextmanager
def kept() -> Iterator[dict[str, Spent]]:
    """While it lasts, stages are timed, and stand in what it gives: stage → seconds, those of stages inside it apart.

    >>> with kept() as found, spent("outer"), spent("inner"):
    ...     pass
    >>> sorted(found)
    ['inner', 'outer']
    """
    global _SPENT
    before, _SPENT = _SPENT, {}
    try:
        yield _SPENT
    finally:
        _SPENT = before


def began(found: dict[str, Spent]) -> None:
    """What the process took until now: the interpreter, and what was imported already; nobody timed it on the clock."""
    cpu = time.process_time()
    found["start"] = Spent(cpu, cpu)


@contextmanager
def spent(stage: str) -> Iterator[None]:
    """Time a stage; of one that is open several times the seconds add. Nothing where nobody wants to know."""
    found = _SPENT
    if found is None:
        yield
        return
    cpu, wall = time.process_time(), time.perf_counter()
    _OPEN.append([0.0, 0.0])
    try:
        yield
    finally:
        inside = _OPEN.pop()
        own = (time.process_time() - cpu, time.perf_counter() - wall)
        if _OPEN:
            _OPEN[-1] = [_OPEN[-1][0] + own[0], _OPEN[-1][1] + own[1]]
        before = found.get(stage, Spent(0.0, 0.0))
        found[stage] = Spent(before.cpu + own[0] - inside[0], before.wall + own[1] - inside[1])


def told(found: dict[str, Spent], *, most: int = 30) -> str:
    """The stages as lines, dearest first, and their sum.

    >>> print(told({"read": Spent(0.5, 0.6), "decide": Spent(1.25, 1.3)}))
    seconds of one core (on the clock):
      1.25 (1.30)  decide
      0.50 (0.60)  read
      1.75 (1.90)  in all
    """
    rows = sorted(found.items(), key=lambda item: (-item[1].cpu, item[0]))[:most]
    total = Spent(sum(s.cpu for s in found.values()), sum(s.wall for s in found.values()))
    lines = [f"  {s.cpu:.2f} ({s.wall:.2f})  {stage}" for stage, s in [*rows, ("in all", total)]]
    return "\n".join(["seconds of one core (on the clock):", *lines])
