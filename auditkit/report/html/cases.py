"""Individual cases: a card each, only where they were asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from auditkit.formatting import decimals, plain
from auditkit.records import Case, Cases
from auditkit.report.html.figures import Names
from auditkit.report.html.geometry import Axis, axis_over
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.html.sections import in_cases
from auditkit.report.html.told import Told, once
from auditkit.report.html.views import Drawn, Room, drawn
from auditkit.report.vocabulary import listed, number, shown, upper_first

MOST = 32
"""Cards; report.json has all cases."""

PICTURES = 120_000
"""Characters of all pictures together; later ones are left to report.json."""

TOKENS = 300
"""Words of one text."""

_BASE64 = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")
"""A PNG in base64, from its signature on."""


class Part(NamedTuple):
    """One contribution."""

    label: str
    x: float
    width: float
    against: bool
    value: str


class Token(NamedTuple):
    """A word of a text; the class is a tint in five steps each way, empty for none."""

    text: str
    tint: str


class Card(NamedTuple):
    """One row of the data."""

    title: str
    facts: tuple[tuple[str, str], ...]
    zero: float
    parts: tuple[Part, ...]
    rest: str
    png: str
    picture: str
    """What the picture is, for those who do not see it."""
    tokens: tuple[Token, ...]
    spoken: str
    """What the tints say, in words."""
    note: str


class Group(NamedTuple):
    """The cards of one exhibit."""

    title: str
    note: str
    cards: tuple[Card, ...]
    told: Told
    rest: tuple[Drawn, ...]
    """The other exhibits of its finding."""


def views(look: Lookup, names: Names) -> tuple[tuple[Group, ...], Told]:
    """Every exhibit of single rows, whatever check made it, and what is told of several."""
    found = [f for f in look.report.findings if in_cases(f)]
    lines = once([[f] for f in found])
    every = sum(len(x.cases) for f in found for x in exhibits_of(f, Cases))
    parts = max(3, min(8, 96 // max(1, every)))
    room, groups = PICTURES, []
    for f, told in zip(found, lines.figures, strict=True):
        rest = drawn(look, [f], Room.of(look), names)
        for x in exhibits_of(f, Cases):
            cards = []
            for case in _spread(x.cases, max(1, MOST * len(x.cases) // max(MOST, every))):
                fits = len(case.png) <= room and _BASE64.fullmatch(case.png) is not None
                room -= len(case.png) if fits else 0
                cards.append(_card(case, parts, fits))
            if cards:
                groups.append(Group(shown(x.title), _note(x, len(cards)), tuple(cards), told, rest))
                told, rest = Told(), ()
    return tuple(groups), lines.shared


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    """At most so many, in even steps, so that no group at the end is left out."""
    if len(cases) <= most:
        return list(cases)
    return [cases[i * len(cases) // most] for i in range(most)]


def _note(x: Cases, drawn: int) -> str:
    cut = (
        f" {upper_first(number(drawn))} of {number(len(x.cases))} cases, all in the JSON report."
        if drawn < len(x.cases)
        else ""
    )
    parts = f"Contributions in {shown(x.unit)}: how the model reaches its score, not what causes the outcome. "
    if not any(c.contributions or c.tokens or c.png for c in x.cases):
        parts = "What moved these scores was not measured. "
    return f"{parts}A case is one row, and proves nothing about a group.{cut}"


def _card(case: Case, most: int, fits: bool) -> Card:
    drawn = case.contributions[:most]
    axis = axis_over(v for _, _, v in drawn)
    more = len(case.contributions) - len(drawn)
    tokens = _tokens(case.tokens)
    note = shown(case.note, empty="", longest=600)
    if case.png and not fits:
        note = f"{note} The picture is in the JSON report.".strip()
    return Card(
        title=shown(case.title, longest=300),
        facts=tuple((shown(a), shown(b)) for a, b in case.facts),
        zero=axis.at(0.0),
        parts=tuple(_part(axis, *c) for c in drawn),
        rest=f"and {number(more)} smaller" if more > 0 else "",
        png=case.png if fits else "",
        picture=f"{shown(case.title, longest=200)}: the picture, with what moved its score laid over it",
        tokens=tokens,
        spoken=_spoken(case.tokens),
        note=note,
    )


def _part(axis: Axis, feature: str, value: str, v: float) -> Part:
    label = f"{shown(feature)}: {shown(value)}" if value.strip() else shown(feature)
    return Part(label, *axis.span(0.0, v), v < 0, _signed(v))


def _signed(v: float) -> str:
    text = plain(v) if abs(v) < 0.01 else decimals(v, 2)
    return f"+{text}" if v > 0 else text


def _tokens(tokens: Sequence[tuple[str, float]]) -> tuple[Token, ...]:
    most = max((abs(v) for _, v in tokens), default=0.0)
    shown_tokens = [Token(shown(t, empty=" "), _tint(v, most)) for t, v in tokens[:TOKENS]]
    return (*shown_tokens, Token("…", "")) if len(tokens) > TOKENS else tuple(shown_tokens)


def _tint(v: float, most: float) -> str:
    """One of five steps each way; the weakest tenth has none.

    >>> _tint(0.5, 1.0), _tint(-1.0, 1.0), _tint(0.05, 1.0)
    ('u3', 'd5', '')
    """
    if not most or abs(v) < 0.1 * most:
        return ""
    return f"{'u' if v > 0 else 'd'}{min(5, 1 + int(5 * abs(v) / most))}"


def _spoken(tokens: Sequence[tuple[str, float]]) -> str:
    """The words that move the score most, each way."""
    parts = []
    for sign, verb in ((1, "raise"), (-1, "lower")):
        mine = sorted((t for t in tokens if sign * t[1] > 0), key=lambda t: -abs(t[1]))[:3]
        if mine:
            names = listed([f"“{shown(t)}”" for t, _ in mine])
            parts.append(f"{names} {verb}{'s' if len(mine) == 1 else ''} the score most")
    return f"{upper_first('; '.join(parts))}." if parts else ""
