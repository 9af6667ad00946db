"""Individual cases: a card each, only where they were asked for."""

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.formatting import decimals, plain
from auditkit.records import Case, Cases, Finding
from auditkit.report.html.figures import Names
from auditkit.report.html.geometry import Axis, Mark, axis_over
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.html.pictures import BASE64, group_of
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
    weight: str
    """Told beside the words that move the score most; empty for others."""


class Card(NamedTuple):
    """One row of the data."""

    title: str
    tone: str
    """The mark of its group; empty where nobody knows which it is."""
    shape: str
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
    scales = _scales(look, parts)
    room, groups = PICTURES, []
    for f, told in zip(found, lines.figures, strict=True):
        rest = drawn(look, [f], Room.of(look), names)
        for x in exhibits_of(f, Cases):
            cards = []
            for case in _spread(x.cases, max(1, MOST * len(x.cases) // max(MOST, every))):
                fits = len(case.png) <= room and BASE64.fullmatch(case.png) is not None
                room -= len(case.png) if fits else 0
                cards.append(_card(look, f, case, scales[x.unit], parts, fits))
            if cards:
                note = _note(x, len(cards), scales[x.unit])
                groups.append(Group(look.say.of_rows(shown(x.title)), note, tuple(cards), told, rest))
                told, rest = Told(), ()
    return tuple(groups), lines.shared


class Scale(NamedTuple):
    """What all cards of one unit are drawn on."""

    axis: Axis
    strongest: float
    """The largest weight of a word."""


def _scales(look: Lookup, parts: int) -> dict[str, Scale]:
    """Unit → the one scale of its cards, so that a long bar means as much on each."""
    cases: dict[str, list[Case]] = {}
    for f in look.report.findings:
        for x in exhibits_of(f, Cases):
            cases.setdefault(x.unit, []).extend(x.cases)
    return {
        unit: Scale(
            axis_over(v for c in own if not c.tokens for _, _, v in c.contributions[:parts]),
            max((abs(v) for c in own for _, v in c.tokens), default=0.0),
        )
        for unit, own in cases.items()
    }


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    """At most so many, in even steps, so that no group at the end is left out."""
    if len(cases) <= most:
        return list(cases)
    return [cases[i * len(cases) // most] for i in range(most)]


def _note(x: Cases, drawn: int, scale: Scale) -> str:
    cut = (
        f" {upper_first(number(drawn))} of {number(len(x.cases))} cases, all in the JSON report."
        if drawn < len(x.cases)
        else ""
    )
    parts = f"Contributions in {shown(x.unit)}: how the model reaches its score, not what causes the outcome. "
    if not any(c.contributions or c.tokens or c.png for c in x.cases):
        parts = "What moved these scores was not measured. "
    if any(c.contributions and not c.tokens for c in x.cases):
        low, high = (plain(v) if v else "0" for v in (scale.axis.low, scale.axis.high))
        parts += f"All cards have one scale, {low} to {high}. "
    if any(c.tokens for c in x.cases):
        parts += "Words stand in reading order: the stronger the tint, the more the word moves the score. "
    if any(c.png for c in x.cases):
        parts += "In pictures, and bars below them, what raises the score is red, and what lowers it blue. "
    return f"{parts}A case is one row, and proves nothing about a group.{cut}"


def _card(look: Lookup, f: Finding, case: Case, scale: Scale, most: int, fits: bool) -> Card:
    drawn = () if case.tokens else case.contributions[:most]  # of a text, its words say the same
    more = 0 if case.tokens else len(case.contributions) - len(drawn)
    note = shown(case.note, empty="", longest=600)
    if case.png and not fits:
        note = f"{note} The picture is in the JSON report.".strip()
    group = group_of(look, f, case)
    tone = look.tone(group) if group else ""
    title = case.title if group is None else look.say.label(group) + case.title[len(case.title.split(": ")[0]) :]
    return Card(
        title=shown(title, longest=300),
        tone=tone,
        shape=Mark(tone, None).shape,
        facts=tuple(_fact(look, a, b) for a, b in case.facts),
        zero=scale.axis.at(0.0),
        parts=tuple(_part(look, scale.axis, *c) for c in drawn),
        rest=f"and {number(more)} smaller" if more > 0 else "",
        png=case.png if fits else "",
        picture=f"{shown(title, longest=200)}: the picture, with what moved its score laid over it",
        tokens=_tokens(case.tokens, scale.strongest),
        spoken=_spoken(case.tokens, scale.strongest),
        note=note,
    )


def _fact(look: Lookup, name: str, value: str) -> tuple[str, str]:
    """What is known of a row: another group of the person in the report's words."""
    known = value in look.identity.groups(name)
    return shown(name), look.say.label({name: value}) if known else shown(value)


def _part(look: Lookup, axis: Axis, feature: str, value: str, v: float) -> Part:
    if value in look.identity.groups(feature):
        value = look.say.label({feature: value})
    label = f"{shown(feature)}: {shown(value)}" if value.strip() else shown(feature)
    return Part(label, *axis.span(0.0, v), v < 0, _signed(v))


def _signed(v: float) -> str:
    text = plain(v) if abs(v) < 0.01 else decimals(v, 2)
    return f"+{text}" if v > 0 else text


def _tokens(tokens: Sequence[tuple[str, float]], strongest: float) -> tuple[Token, ...]:
    """The words of a text, in reading order, on the scale of all cards; the strongest each way with their weights."""
    told = {i for sign in (1, -1) for i in _leading(tokens, sign)}
    words = [
        Token(shown(t, empty=" "), _tint(v, strongest), _signed(v) if i in told else "")
        for i, (t, v) in enumerate(tokens[:TOKENS])
    ]
    return (*words, Token("…", "", "")) if len(tokens) > TOKENS else tuple(words)


TOLD = 3
"""Words a text that are told with their weight, each way."""


def _leading(tokens: Sequence[tuple[str, float]], sign: int) -> list[int]:
    """Where the words stand that raise, or lower, the score most."""
    mine = [i for i, (_, v) in enumerate(tokens) if sign * v > 0]
    return sorted(mine, key=lambda i: (-abs(tokens[i][1]), i))[:TOLD]


def _tint(v: float, most: float) -> str:
    """One of five steps each way; the weakest tenth has none.

    >>> _tint(0.5, 1.0), _tint(-1.0, 1.0), _tint(0.05, 1.0)
    ('u3', 'd5', '')
    """
    if not most or abs(v) < 0.1 * most:
        return ""
    return f"{'u' if v > 0 else 'd'}{min(5, 1 + int(5 * abs(v) / most))}"


def _spoken(tokens: Sequence[tuple[str, float]], strongest: float) -> str:
    """The words that move the score most, each way, of those that have a tint."""
    parts = []
    for sign, verb in ((1, "raise"), (-1, "lower")):
        mine = list(dict.fromkeys(t for i in _leading(tokens, sign) for t, v in [tokens[i]] if _tint(v, strongest)))
        if mine:
            names = listed([f"“{shown(t)}”" for t in mine])
            parts.append(f"{names} {verb}{'s' if len(mine) == 1 else ''} the score most")
    return f"{upper_first('; '.join(parts))}." if parts else ""
