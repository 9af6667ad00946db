"""Figure 7.4, two attributes crossed: a real table, with what is too small to tell drawn as that."""

import functools
from typing import NamedTuple

from auditkit.formatting import percent
from auditkit.records import Estimate
from auditkit.report.html.figures import Names, cells, counted, level_text, of
from auditkit.report.html.geometry import Axis, Mark, mark
from auditkit.report.html.leading import lower_is_better
from auditkit.report.html.lookup import By, Lookup
from auditkit.report.places import SELECTED
from auditkit.report.vocabulary import by_words, listed, number, shown, upper_first, whole_percent

AXIS = Axis(0.0, 1.0, 4)
WIDEST = 6
"""Columns of the matrix; a crossing of larger attributes is a list."""


class Cell(NamedTuple):
    """One crossed group, or a margin."""

    kind: str
    """`ok`, `sparse`, `undefined`, `none` (no such group in the data)."""
    value: str
    n: str
    mark: Mark | None
    beyond: str
    """`below` or `above`, where that is the bad side and the whole interval lies there; else empty."""
    margin: bool


class Matrix(NamedTuple):
    """The figure."""

    name: str
    anchor: str
    title: str
    subtitle: str
    sentence: str
    caption: str
    everybody: float | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def views(look: Lookup, names: Names) -> list[Matrix]:
    """For each pair of attributes: who is selected, and what a rule asks about."""
    found = []
    for by in look.bys():
        if len(by) == 2:
            ruled = [v.rule.metric for v in look.report.verdicts if set(v.rule.by) == set(by)]
            metrics = dict.fromkeys(m for m in [SELECTED, *ruled] if look.groups(m, by))
            found += [m for metric in list(metrics)[:2] if (m := _matrix(look, metric, by, names))]
    return found


def _matrix(look: Lookup, metric: str, by: By, names: Names) -> Matrix | None:
    cross = look.by_group(metric, by)
    values = [list(dict.fromkeys(key[i] for key in cross)) for i in (0, 1)]
    across = 0 if len(values[0]) <= len(values[1]) else 1
    if len(values[across]) > WIDEST:
        return None
    down = 1 - across
    everybody = look.overall(metric)
    sides = [look.by_group(metric, (a,)) for a in by]

    cell = functools.partial(_cell, metric, everybody)
    rows = []
    for y in values[down]:
        keys = [(x, y) if across == 0 else (y, x) for x in values[across]]
        inner = [cell(cross.get(key), look.shape(by[across], key[across])) for key in keys]
        rows.append((look.say.label({by[down]: y}), (*inner, cell(sides[down].get((y,)), "n", True))))
    foot = [cell(sides[across].get((x,)), look.shape(by[across], x), True) for x in values[across]]
    rows.append((f"Every {shown(by[down])}", (*foot, cell(everybody, "n", True))))
    name = f"{upper_first(by_words(by))}: {look.say.short(metric)}"
    return Matrix(
        name=name,
        anchor=names.anchor(name),
        title=_title(look, metric, by, everybody),
        subtitle=(
            f"{upper_first(look.say.phrase(metric))}, for {by_words(by)}, from 0 to 100%. "
            f"Line: {level_text(everybody)} interval."
            + (f" Dotted line: everybody, {percent(everybody)}." if everybody else "")
        ),
        sentence=_sentence(list(cross.values())),
        caption=f"{upper_first(look.say.short(metric))}, by {by_words(by)}",
        everybody=AXIS.place(everybody.value if everybody else None),
        columns=(*(look.say.label({by[across]: x}) for x in values[across]), f"Every {shown(by[across])}"),
        rows=tuple(rows),
    )


def _cell(metric: str, everybody: Estimate | None, e: Estimate | None, tone: str, margin: bool = False) -> Cell:
    if e is None:
        return Cell("none", "nobody", "", None, "", margin)
    if e.state == "sparse":
        return Cell("sparse", of(e), "too few to tell", None, "", margin)
    if e.state == "undefined" or e.value is None:
        return Cell("undefined", cells(e)[0], "nobody to count", None, "", margin)
    side = _side(e, everybody)
    bad = "above" if lower_is_better(metric) else "below"
    beyond = side if side == bad else ""
    return Cell("ok", whole_percent(e.value), f"n {counted(e):,}", mark(AXIS, e, tone), beyond, margin)


def _side(e: Estimate, everybody: Estimate | None) -> str:
    if everybody is None or everybody.value is None or e is everybody:
        return ""
    if e.high is not None and e.high < everybody.value:
        return "below"
    return "above" if e.low is not None and e.low > everybody.value else ""


def _title(look: Lookup, metric: str, by: By, everybody: Estimate | None) -> str:
    wanted = "above" if lower_is_better(metric) else "below"
    groups = look.groups(metric, by)
    off = [g for g in groups if g.estimate.state in ("ok", "coarse") and _side(g.estimate, everybody) == wanted]
    small = sum(g.estimate.state in ("sparse", "undefined") for g in groups)
    tail = f"; {number(small)} {'is' if small == 1 else 'are'} too small to tell" if small else ""
    short = upper_first(look.say.short(metric))
    if not off:
        return f"{short}: no crossed group lies wholly {wanted} average{tail}"
    if len(off) <= 2:
        names = listed([look.say.label(g.group) for g in off])
        return f"{short}: {names} {'lies' if len(off) == 1 else 'lie'} wholly {wanted} average{tail}"
    return f"{short}: {number(len(off))} of {number(len(groups))} crossed groups lie wholly {wanted} average{tail}"


def _sentence(estimates: list[Estimate]) -> str:
    if any(e.state in ("sparse", "undefined") for e in estimates):
        return "Hatched cells count fewer than 10 people. They are shown, and left out of every verdict."
    return "Every crossed group has at least 10 people to count."
