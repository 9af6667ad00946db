"""Exhibits as views: which function draws a kind; the macro of its name in `exhibits.jinja` shows what it drew."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from auditkit.records import Curve, Exhibit, Finding, Table
from auditkit.report.html import curves, exhibits, layers, pictures, waterfall
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup, exhibits_of, ranked


class Room(NamedTuple):
    """How much an exhibit may take, so that a page of many stays small; what is cut is said, and stands in the JSON."""

    rows: int
    lines: int

    @classmethod
    def of(cls, look: Lookup) -> "Room":
        """Less for each figure, the more there are."""
        figures = len({(f.concern, f.metric, f.law) for f in look.undrawn}) or 1
        lines = sum(len(exhibits_of(f, Curve)) for f in look.report.findings) or 1
        return cls(rows=max(10, min(60, 180 // figures)), lines=max(2, min(12, 20 // lines)))


class Drawn(NamedTuple):
    """An exhibit, ready for the macro of its kind."""

    kind: str
    view: Any


VIEWS: dict[str, Callable[[Lookup, Finding, Any, Room, Names], Any]] = {
    "group_estimates": lambda look, f, x, room, names: exhibits.group(look, f, x, room.rows, names),
    "curve": lambda look, f, x, room, names: curves.view(look, f, x, room.lines, room.rows, names),
    "table": lambda look, f, x, room, names: exhibits.table(x, room.rows, names),
    "contributions": lambda look, f, x, room, names: waterfall.view(look, f, x, names),
    "layers": lambda look, f, x, room, names: layers.view(look, f, x, names),
    "pictures": lambda look, f, x, room, names: pictures.view(look, f, x),
}
"""Kind of exhibit → how it is drawn beside the figure of its finding. Single cases have a section of their own,
matrices of classes are the face of one."""


def _kept(look: Lookup, f: Finding) -> list[Exhibit]:
    """Its exhibits; where there is no room, of its tables only the first, and none that ranks what is drawn. A table
    without rows is none."""
    tables = [x for x in f.exhibits if isinstance(x, Table)]
    dropped = [] if look.roomy else tables if ranked(f) else tables[1:]
    return [x for x in f.exhibits if x not in dropped and not (isinstance(x, Table) and not x.rows)]


def drawn(
    look: Lookup, found: Sequence[Finding], room: Room, names: Names, *, without: Sequence[str] = ()
) -> tuple[Drawn, ...]:
    """The exhibits of findings, each once, kind by kind in the order of `VIEWS`; some kinds may be drawn elsewhere."""
    kinds = [kind for kind in VIEWS if kind not in without]
    pairs: list[tuple[Finding, Exhibit]] = []
    for pair in ((f, x) for f in found for x in _kept(look, f) if x.kind in kinds):
        at = next((i for i, (_, x) in enumerate(pairs) if x == pair[1]), len(pairs))
        pairs[at : at + 1] = [pair]
    pairs.sort(key=lambda pair: kinds.index(pair[1].kind))
    return tuple(Drawn(x.kind, VIEWS[x.kind](look, f, x, room, names)) for f, x in pairs)
