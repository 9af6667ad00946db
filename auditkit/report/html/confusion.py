"""What each class is taken for: a matrix a group, their difference, and one true class on the first screen."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from auditkit.formatting import NOTHING, confidence, points
from auditkit.records import Confusion, ConfusionCell, Estimate
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup, established, exhibits_of
from auditkit.report.places import FOUND, MISTAKEN
from auditkit.report.vocabulary import by_words, number, range_in, shown, upper_first, whole_percent

FEWEST = 10
"""Rows of a true class below which counts stand in the place of shares."""
SHADES = 4
"""Steps of the shading of a share."""


class Cell(NamedTuple):
    """A share, or a difference of two."""

    text: str
    beside: str = ""
    shade: str = ""
    """A class of the style sheet: `q1` to `q4` of a share, `sure` of a difference that is not chance."""


class Matrix(NamedTuple):
    """A table: the true class down, the class that people are told across."""

    caption: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


class Matrices(NamedTuple):
    """The matrices of one attribute, as a figure."""

    anchor: str
    name: str
    title: str
    subtitle: str
    tables: tuple[Matrix, ...]
    note: str


class ClassRow(NamedTuple):
    """One true class of two groups."""

    sentence: str
    matrix: Matrix
    note: str


def exhibit_of(look: Lookup, by: Sequence[str]) -> Confusion | None:
    """The matrices of the groups of these attributes."""
    own = (x for f in look.report.findings if f.by == tuple(by) for x in exhibits_of(f, Confusion))
    return next(own, None)


def views(look: Lookup, names: Names) -> tuple[Matrices, ...]:
    """A figure an attribute."""
    return tuple(
        _view(look, f.by, x, names)
        for f in look.report.findings
        for x in exhibits_of(f, Confusion)
        if len(x.groups) > 0
    )


def _view(look: Lookup, by: Sequence[str], x: Confusion, names: Names) -> Matrices:
    sure = _sure(look, by, x)
    name = f"What each class is taken for, by {by_words(by)}"
    tables = [_of_group(look, x, k) for k in range(len(x.groups))]
    tables += [_difference(look, x, sure)] if len(x.groups) == 2 and x.cells else []
    return Matrices(
        names.anchor(name),
        name,
        _title(look, by, x, sure),
        f"Of the people of each true class (down), the share that is told each class (across), in percent. "
        f"{_marked(look, x)}",
        tuple(tables),
        _note(x, sure),
    )


def _sure(look: Lookup, by: Sequence[str], x: Confusion) -> list[ConfusionCell]:
    """Cells in which two groups differ, of what the report asserts: that classes are told right, or mistaken."""
    mine = {m: established(look.finding(m, "difference", by)) for m in (FOUND, MISTAKEN)}
    return [c for c in x.cells if c.low > 0 and mine[FOUND if c.truth == c.told else MISTAKEN]]


def _title(look: Lookup, by: Sequence[str], x: Confusion, sure: list[ConfusionCell]) -> str:
    if not sure:
        few = "" if x.cells else ": too few people of any class to compare"
        return f"What each class is taken for: no difference between groups of {by_words(by)} is established{few}"
    return sentence(look, x, max(sure, key=lambda c: c.low))


def _marked(look: Lookup, x: Confusion) -> str:
    if len(x.groups) == 2:
        return "Framed in the table of differences: the groups differ."
    return "The larger the share, the darker."


def _note(x: Confusion, sure: list[ConfusionCell]) -> str:
    level = confidence(x.level)
    if not x.cells:
        return ""
    told = f"In {number(len(sure))} of {number(len(x.cells))} cells a difference between groups is established"
    told = told if sure else "In no cell a difference between groups is established"
    if any(c.low > 0 and c not in sure for c in x.cells):
        told += " (an interval that leaves out 0 without a frame may be chance among all tests of the report)"
    few = f"Of fewer than {FEWEST} people their number stands there."
    together = f"; intervals of all cells hold together at {level}" if len(x.groups) == 2 else ""
    return f"{told}{together}. {few}"


def sentence(look: Lookup, x: Confusion, c: ConfusionCell) -> str:
    """One cell, of the two groups that are most surely apart in it, in people."""
    return told(look, x, c.truth, c.told, (c.lower, c.higher))


def told(look: Lookup, x: Confusion, truth: int, decision: int, groups: Sequence[int]) -> str:
    """Of the people of a true class, how many of each group are told a class: without its full stop."""
    say, sizes = look.say_of(x.classes[truth]), [sum(x.counts[k][truth]) for k in groups]
    shares = [(x.groups[k], _share(x, k, truth, decision) or 0.0) for k in groups]
    found = say.frequencies(FOUND, shares, sizes if min(sizes) < FEW else ()).removesuffix(".")
    right, other = f"told “{shown(x.classes[truth])}”", f"told “{shown(x.classes[decision])}”"
    return found if truth == decision else other.join(found.rsplit(right, 1))


FEW = 100
"""Of fewer people their number is said, not how many of every 100."""


def _share(x: Confusion, group: int, truth: int, decision: int) -> float | None:
    row = x.counts[group][truth]
    return row[decision] / sum(row) if sum(row) else None


def _cell(x: Confusion, group: int, truth: int, decision: int) -> Cell:
    row = x.counts[group][truth]
    if sum(row) < FEWEST:
        return Cell(f"{row[decision]:,} of {sum(row):,}" if sum(row) else NOTHING)
    share = row[decision] / sum(row)
    return Cell(whole_percent(share), "", f"q{min(int(share * SHADES) + 1, SHADES)}" if share >= 0.05 else "")


def _people(look: Lookup, group: Mapping[str, str]) -> str:
    return look.say.label(group)


def _columns(x: Confusion) -> tuple[str, ...]:
    return tuple(f"told {shown(c)}" for c in x.classes)


def _of_group(look: Lookup, x: Confusion, k: int) -> Matrix:
    rows = tuple(
        (
            shown(c),
            (*(_cell(x, k, i, j) for j in range(len(x.classes))), Cell(f"{sum(x.counts[k][i]):,}")),
        )
        for i, c in enumerate(x.classes)
    )
    return Matrix(_people(look, x.groups[k]), "Really", (*_columns(x), "People"), rows)


def _difference(look: Lookup, x: Confusion, sure: list[ConfusionCell]) -> Matrix:
    first, second = (look.say.mention(g) for g in x.groups)
    rows = tuple((shown(c), _differences(x, i, sure)) for i, c in enumerate(x.classes))
    return Matrix(f"{upper_first(second)} less {first}, in points", "Really", _columns(x), rows)


def _differences(x: Confusion, truth: int, sure: list[ConfusionCell]) -> tuple[Cell, ...]:
    """Of two groups: the second less the first, in points."""
    known = {c.told: c for c in x.cells if c.truth == truth}
    return tuple(_signed(known.get(j), x.level, sure) for j in range(len(x.classes)))


def _signed(c: ConfusionCell | None, level: float, sure: list[ConfusionCell]) -> Cell:
    if c is None:
        return Cell(NOTHING, "too few")
    turned = c.higher == 0
    low, high = (-c.high, -c.low) if turned else (c.low, c.high)
    e = Estimate(value=-c.value if turned else c.value, low=low, high=high, level=level)
    plus = "+" if (e.value or 0.0) > 0 else ""
    return Cell(f"{plus}{points(e)}", range_in(e, "points"), "sure" if c in sure else "")


def of_class(look: Lookup, by: Sequence[str], label: str | None, sides: Sequence[Mapping[str, str]]) -> ClassRow | None:
    """What people of one true class are told, by group: of the class that is named, else of the one that is told right
    most differently. None where the report has no matrices of these groups."""
    x = exhibit_of(look, by)
    if x is None or not x.cells:
        return None
    known = {tuple(g.items()): k for k, g in enumerate(x.groups)}
    own = [known[tuple(g.items())] for g in sides if tuple(g.items()) in known]
    right = [c for c in x.cells if c.truth == c.told and (label is None or x.classes[c.truth] == label)]
    if not right:
        return None
    c, sure, apart = max(right, key=lambda c: c.low), _sure(look, by, x), len(x.groups) == 2
    groups = own if len(own) == 2 else [c.lower, c.higher]
    rows = [
        (
            f"{look.say.label(x.groups[k])} ({sum(x.counts[k][c.truth]):,})",
            tuple(_cell(x, k, c.truth, j) for j in range(len(x.classes))),
        )
        for k in groups
    ]
    if apart:
        first, second = (look.say.mention(g) for g in x.groups)
        rows.append((f"{upper_first(second)} less {first}, points", _differences(x, c.truth, sure)))
    named = shown(x.classes[c.truth])
    said = f"{told(look, x, c.truth, c.truth, groups)}."
    if not any(d.truth == c.truth for d in sure):
        chance = "; a cell clear of 0 may be chance among all tests" if apart else ""
        said += f" Between groups no difference is established{chance}."
    matrix = Matrix(f"The people who are really “{named}”", "Group (how many)", _columns(x), tuple(rows))
    level = confidence(x.level)
    framed = "Framed: established. " if any(d.truth == c.truth for d in sure) else ""
    together = f"Intervals of all cells of all classes hold together at {level}."
    return ClassRow(said, matrix, f"{framed}{together}" if apart else "")


def truths(look: Lookup, by: Sequence[str], label: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The share of each group's people that is really of a class; empty where rows lack a truth or a decision, which
    the matrices do not hold."""
    x, data = exhibit_of(look, by), look.report.provenance.data
    if x is None or label not in x.classes or data.missing_target or data.missing_prediction:
        return {}
    at = x.classes.index(label)
    sizes = [sum(map(sum, m)) for m in x.counts]
    return {tuple(g.items()): sum(m[at]) / n for g, m, n in zip(x.groups, x.counts, sizes, strict=True) if n}
