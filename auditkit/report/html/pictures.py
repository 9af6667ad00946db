"""Mean pictures of groups with the regions that are explained: numbered as in the tables, shaded by what they move."""

import re
from typing import NamedTuple

from auditkit.formatting import decimals
from auditkit.records import Case, Cases, Finding, GroupEstimates, Picture, Pictures, Region
from auditkit.report.html.geometry import Mark
from auditkit.report.html.lookup import Lookup, exhibits_of
from auditkit.report.vocabulary import listed, shown

MOST = 6
"""Groups whose pictures are drawn; report.json has all."""
NUMBERED = 16
"""Regions that are drawn with their number, the strongest of them."""
DARKEST = 0.75
"""Opacity of the shade of the region that moves the score most."""
LARGEST = 60_000
"""Characters of all paths; a picture of finer regions is drawn without them."""

BASE64 = re.compile(r"iVBORw0KGgo[A-Za-z0-9+/]*={0,2}")
"""A PNG in base64, from its signature on."""
_NUMBER = re.compile(r"region (\d+)")


class Shade(NamedTuple):
    """One region of one picture."""

    path: str
    """Id of its outline, which all pictures share."""
    opacity: str


class Numbered(NamedTuple):
    """Where a region's number stands, in pixels."""

    x: str
    y: str
    number: str


class Pic(NamedTuple):
    """One mean picture."""

    label: str
    tone: str
    shape: str
    n: str
    png: str
    shades: tuple[Shade, ...]
    words: str
    """The picture for those who do not see it."""
    example: str
    """A PNG of one example of the group, where examples were asked for; else empty."""
    example_words: str


class PicturesView(NamedTuple):
    """The figure."""

    caption: str
    note: str
    box: str
    size: str
    """Of the numbers, in pixels of the picture."""
    line: str
    """Width of an outline, likewise."""
    width: int
    height: int
    paths: tuple[tuple[str, str], ...]
    """(id, outline) of each region."""
    numbers: tuple[Numbered, ...]
    pics: tuple[Pic, ...]


def numbers(f: Finding) -> dict[str, str]:
    """Name of a region → its number: its own where all have one, else its place among those that move the score."""
    x = next(iter(exhibits_of(f, Pictures)), None)
    if x is None:
        return {}
    own = {r.name: m[1] for r in x.regions if (m := _NUMBER.fullmatch(r.name))}
    if len(own) == len(x.regions):
        return own
    order = [label for label, _ in shares.rows] if (shares := _sizes(f)) else []
    known = [*order, *(r.name for r in x.regions if r.name not in order)]
    return {name: str(i) for i, name in enumerate(known, 1)}


def label(f: Finding, name: str) -> str:
    """What a region is called in tables: its number, and its name where it has one: "3: mouth", "region 3"."""
    number = numbers(f).get(name)
    return shown(name) if number is None or _NUMBER.fullmatch(name) else f"{number}: {shown(name)}"


def group_of(look: Lookup, f: Finding, case: Case) -> dict[str, str] | None:
    """The group that a case was chosen for, as its title begins; None where it does not say."""
    head = case.title.split(": ")[0]
    return look.identity.named(f.by, head) if len(f.by) == 1 else None


def _sizes(f: Finding) -> GroupEstimates | None:
    """How much each region moves the score, of everybody and of each group."""
    return next(iter(exhibits_of(f, GroupEstimates)), None)


def view(look: Lookup, f: Finding, x: Pictures, id: str = "r") -> PicturesView:
    """Pictures of the first attribute whose groups have one, else that of everybody."""
    kept = _drawn(look, x)
    values = {i: _values(f, p) for i, p in enumerate(kept)}
    most = max((v for own in values.values() for v in own.values()), default=0.0)
    paths = {r.name: (f"{id}{i}", _path(r)) for i, r in enumerate(x.regions)}
    if sum(len(d) for _, d in paths.values()) > LARGEST:
        paths = {}
    pics = tuple(_pic(look, f, p, values[i], most, paths) for i, p in enumerate(kept))
    number, everybody = numbers(f), _values(f, Picture(group={}, n=0, png=""))
    told = sorted((r for r in x.regions if paths), key=lambda r: -everybody.get(r.name, 0.0))[:NUMBERED]
    unit = x.width / 100
    size = max(4 * unit, min(9 * unit, 0.5 * min((min(_largest(r)[2:]) for r in told), default=1)))
    return PicturesView(
        caption=look.say.of_rows(shown(x.title)),
        note=_note(f, x, kept, len(told)),
        box=f"0 0 {x.width} {x.height}",
        size=f"{size:.2g}",
        line=f"{unit / 2:.2g}",
        width=x.width,
        height=x.height,
        paths=tuple(paths.values()),
        numbers=tuple(_at(r, number[r.name]) for r in told),
        pics=pics,
    )


def _drawn(look: Lookup, x: Pictures) -> list[Picture]:
    """In the order of the groups, which is that of their marks."""
    for attribute in look.report.provenance.data.sensitive_features:
        order = look.identity.groups(attribute)
        own = {p.group[attribute]: p for p in x.pictures if tuple(p.group) == (attribute,) and _fits(p)}
        if len(own) > 1:
            return [own[v] for v in dict.fromkeys((*order, *sorted(own))) if v in own][:MOST]
    return [p for p in x.pictures if not p.group and _fits(p)][:1]


def _fits(p: Picture) -> bool:
    return BASE64.fullmatch(p.png) is not None


def _values(f: Finding, p: Picture) -> dict[str, float]:
    """Region → how much it moves the score, in the group of a picture."""
    x = _sizes(f)
    if x is None:
        return {}
    groups = x.groups or ({},) * len(x.series)
    i = next((i for i, g in enumerate(groups) if g == p.group), None)
    if i is None:
        return {}
    return {name: abs(v) for name, es in x.rows if (v := es[i].value) is not None}


def _pic(
    look: Lookup, f: Finding, p: Picture, values: dict[str, float], most: float, paths: dict[str, tuple[str, str]]
) -> Pic:
    name = look.say.label(p.group)
    strongest = sorted(values, key=lambda r: -values[r])[:3]
    told = listed([f"{label(f, r)} ({decimals(values[r], 2)})" for r in strongest])
    tone, example = look.tone(p.group), _example(look, p.group)
    return Pic(
        label=name,
        tone=tone,
        shape=Mark(tone, None).shape,
        n=f"mean of {p.n:,}",
        png=p.png,
        shades=tuple(
            Shade(paths[r][0], f"{DARKEST * v / most:.3f}") for r, v in values.items() if r in paths and most > 0
        ),
        words=f"{name}: the mean picture" + (f"; the regions that move the score most are {told}" if told else ""),
        example=example,
        example_words=f"{name}: one example, with what moved its score laid over it" if example else "",
    )


def _example(look: Lookup, group: dict[str, str]) -> str:
    """The first case of a group that has a picture, where cases were asked for."""
    for f in look.report.findings:
        for x in exhibits_of(f, Cases):
            for case in x.cases:
                if group and BASE64.fullmatch(case.png) and group_of(look, f, case) == group:
                    return case.png
    return ""


def _path(region: Region) -> str:
    return "".join(f"M{x} {y}h{w}v{h}h-{w}z" for x, y, w, h in region.boxes)


def _largest(region: Region) -> tuple[int, int, int, int]:
    return max(region.boxes, key=lambda b: b[2] * b[3], default=(0, 0, 1, 1))


def _at(region: Region, number: str) -> Numbered:
    x, y, w, h = _largest(region)
    return Numbered(f"{x + w / 2:g}", f"{y + h / 2:g}", number)


def _note(f: Finding, x: Pictures, kept: list[Picture], told: int) -> str:
    sizes = _sizes(f)
    unit = f" ({shown(sizes.unit)})" if sizes else ""
    all_of = told == len(x.regions)
    note = f"The stronger the shade of a region, the more it moves the score on average{unit}; "
    note += "numbers are those of the rows below." if all_of else f"the {told} strongest have the numbers of the rows."
    groups = sum(tuple(p.group) == tuple(kept[0].group) for p in x.pictures) if kept and kept[0].group else 0
    return note + (f" {len(kept)} of {groups} groups are drawn." if groups > len(kept) else "")
