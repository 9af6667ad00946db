"""Figure 7.9, what each layer knows of an attribute, and uses: two plots a row, in the order of execution."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from auditkit.formatting import NOTHING, confidence, lower_first, percent, points, quotient
from auditkit.records import Estimate, Finding, Layer, Layers, Unit, Use
from auditkit.report.html.figures import Figure, Names, TableView, amount, as_points, bracketed, cut_to, unit_words
from auditkit.report.html.geometry import Axis, Mark, axis_over, even_steps, mark
from auditkit.report.html.identity import NEUTRAL
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.told import NO_LINES, Told
from auditkit.report.vocabulary import listed, number, range_in, shown, upper_first, whole_percent

MOST = 16
"""Layers that are drawn; the table has up to `LONGEST`."""

LONGEST = 40
"""Layers of the table."""

KNOWS = Axis(0.5, 1.0, 5, "percent")
"""Balanced accuracy: .5 is guessing."""

USES: dict[Use | None, str] = {
    "beyond_declared": "the net uses what goes with {who} beyond what was declared legitimate",
    "nothing_beyond_declared": "nothing shows that the net uses {who} beyond what was declared legitimate",
    "not_used": "erasing {who} hardly moves gap or scores",
    "open": "there is no sure gap, yet erasing {who} moves scores",
    "not_measured": "what the net uses of it was not measured",
}
"""What erasing shows, where it shows more than that what goes with the attribute carries the gap."""

HARDLY = 0.1
"""Of what the net gains over always giving one answer: with less left, it does hardly better than that."""

STRIP = 20
"""Height of the strip of neurons, in its own units."""


class LayerRow(NamedTuple):
    """One layer."""

    label: str
    size: str
    flag: str
    """What is to be known of it: that it is no cut, or why something was not measured."""
    knows: Mark
    knows_words: str
    knows_range: str
    untrained: float | None
    before: float | None
    after: Mark
    after_words: str
    after_range: str
    random: float | None
    accuracy: str
    accuracy_words: str
    towards: str
    """Paths of the strip of neurons: those that widen the gap, and those that close it."""
    against: str


class Net(NamedTuple):
    """The figure."""

    figure: Figure
    knows: Axis
    uses: Axis
    zero: float
    heads: tuple[str, str]
    rows: tuple[LayerRow, ...]
    strips: bool
    accuracy: bool
    note: str


def view(look: Lookup, f: Finding, x: Layers, names: Names, told: Told = NO_LINES) -> Net:
    """One exhibit of layers as a figure."""
    drawn = _drawn(x.layers)
    ends = [layer.random for layer in drawn]
    ends += [e.value for layer in drawn if (e := layer.before) is not None]
    ends += [v for layer in drawn if (e := layer.after) is not None for v in (e.value, e.low, e.high)]
    uses = axis_over(ends, as_points(x.unit))
    answer = _always(look)
    attribute, title = shown(x.attribute), title_of(x, f.label)
    return Net(
        figure=names.figure(
            Figure(f"Layers: {attribute}", title, _subtitle(x, len(drawn)), _sentence(f, x), table_of(x), told)
        ),
        knows=KNOWS,
        uses=uses,
        zero=uses.at(0.0),
        heads=(f"Knows: {attribute} named right", f"Erased: the gap{unit_words(x.unit)}"),
        rows=tuple(_row(layer, x, uses, answer) for layer in drawn),
        strips=any(layer.neurons for layer in drawn),
        accuracy=any(layer.accuracy_after is not None for layer in drawn),
        note=(
            "That a layer knows an attribute says what a reader could find there, not that the net decides by it. "
            "Erasing takes all that goes with it, rightly or not."
        ),
    )


def _drawn(layers: tuple[Layer, ...]) -> list[Layer]:
    """All, or the first, the last, where most is known and used, and others in even steps; in their own order."""
    if len(layers) <= MOST:
        return list(layers)
    every = range(len(layers))
    known = max(every, key=lambda i: _value(layers[i].knows) or -1.0)
    used = max(every, key=lambda i: _closed(layers[i]))
    kept = {0, len(layers) - 1, known, used}
    for i in even_steps(len(layers), MOST):
        if len(kept) < MOST:
            kept.add(i)
    return [layers[i] for i in sorted(kept)]


def _value(e: Estimate | None) -> float | None:
    return None if e is None else e.value


def _closed(layer: Layer) -> float:
    """How much smaller the gap is after erasing; −1 where it was not measured."""
    before, after = _value(layer.before), _value(layer.after)
    return -1.0 if before is None or after is None else abs(before) - abs(after)


def knows(layer: Layer) -> bool:
    """True where the probe surely does better than guessing."""
    return layer.knows is not None and layer.knows.low is not None and layer.knows.low > 0.5


def uses(layer: Layer) -> bool:
    """True where erasing surely makes the gap smaller, and a random direction does less than half of that.

    Surely: the interval of what went, which compares the same rows, lies on the gap's side of 0. Where it is not known:
    with the sign of the gap before, the whole interval after lies below the whole interval before.
    """
    before, after = layer.before, layer.after
    if before is None or after is None or before.value is None or after.value is None:
        return False
    sign = 1 if before.value >= 0 else -1
    by_chance = 0.0 if layer.random is None else abs(before.value) - abs(layer.random)
    small = by_chance < 0.5 * _closed(layer)
    went = layer.closed
    if went is not None and went.low is not None and went.high is not None:
        return small and min(sign * went.low, sign * went.high) > 0
    least = min((sign * v for v in (before.low, before.high) if v is not None), default=sign * before.value)
    most = max((sign * v for v in (after.low, after.high) if v is not None), default=sign * after.value)
    return small and most < least


def hardly(layer: Layer, guess: float | None) -> bool:
    """True where, after erasing, little is left of what the net gains over always giving the commoner answer."""
    before, after = layer.accuracy_before, layer.accuracy_after
    if guess is None or before is None or after is None or before <= guess:
        return False
    return after - guess < HARDLY * (before - guess)


def title_of(x: Layers, label: str | None = None) -> str:
    """The finding in one line, from intervals alone, with the class whose scores it is about."""
    return f"Scores of “{shown(label)}”: {_told(x)}" if label else upper_first(_told(x))


def _told(x: Layers) -> str:
    who = shown(x.attribute)
    probed = [layer for layer in x.layers if _value(layer.knows) is not None]
    erased = [layer for layer in x.layers if _value(layer.after) is not None]
    if not probed and not erased:
        return f"what the layers know of {who} was not measured"
    head = _readable(who, [knows(layer) for layer in probed]) if probed else ""
    if not erased:
        return head
    used = USES[x.use].format(who=who) if x.use in USES else _used(erased, x.guess)
    return f"{head}; {used}" if head else used


def _readable(who: str, known: list[bool]) -> str:
    k, n = sum(known), len(known)
    if n == 1:
        return f"{who} can {'' if k else 'not surely '}be read from the one layer"
    of = "no layer for sure" if not k else f"{number(k)} of {number(n)} layers"
    if k == n:
        of = "both layers" if n == 2 else f"all {number(n)} layers"
    return f"{who} can be read from {of}"


def _used(erased: list[Layer], guess: float | None) -> str:
    used = [layer for layer in erased if uses(layer)]
    if not used:
        return "erasing it makes the gap surely smaller in none"
    where = "" if len(used) == len(erased) else f" in {number(len(used))} of {number(len(erased))}"
    costly = [layer for layer in used if hardly(layer, guess)]
    price = ""
    if costly:
        price = (
            ", and costs the skill" if len(costly) == len(used) else f", and in {number(len(costly))} costs the skill"
        )
    return f"erasing it makes the gap smaller{where}{price}"


def _subtitle(x: Layers, drawn: int) -> str:
    who = shown(x.attribute)
    cut = ""
    if len(x.layers) > drawn:
        cut = (
            f" Of {len(x.layers)} layers {drawn} are drawn: the first, the last, where most is known and used, "
            "and others in even steps."
        )
    level = next(
        (f" Line: {confidence(e.level)} interval." for a in x.layers if (e := a.knows) and e.low is not None), ""
    )
    return (
        f"{shown(x.title)}. Left: how often a linear reader names {who} right from that layer (50% is guessing). "
        f"Right: the gap before and after what tells {who} was erased there.{level}{cut}"
    )


def _sentence(f: Finding, x: Layers) -> str:
    told = []
    flat = [lower_first(layer_name(x, layer)) for layer in x.layers if layer.cut is False]
    if flat:
        them = listed(flat) if len(flat) <= 4 else f"{number(len(flat))} layers"
        verb = "is no cut" if len(flat) == 1 else "are no cuts"
        told.append(
            f"{upper_first(them)} {verb} of the net: part of the gap flows around, so neurons do not add up to it."
        )
    costly = [layer for layer in x.layers if uses(layer) and hardly(layer, x.guess)]
    if costly:
        told.append("Where erasing costs the skill it is no cure: what tells the groups apart is nearly what decides.")
    if not told and not f.statement.strip():
        told.append("A layer can know an attribute without the net using it; only erasing shows use.")
    return " ".join(told)


def layer_name(x: Layers, layer: Layer) -> str:
    """A layer by its place in the net: "Layer 2 of 5"; what goes into one, by the name of that one."""
    own = [a.name for a in x.layers if a.name != "input" and not a.name.startswith("into ")]
    if layer.name == "input":
        return "Input"
    if layer.name.startswith("into "):
        return f"What goes into {shown(layer.name.removeprefix('into '))}"
    return f"Layer {own.index(layer.name) + 1} of {len(own)}"


def module(layer: Layer) -> str:
    """The name of a layer in the net's code, where its place does not say it."""
    return "" if layer.name == "input" or layer.name.startswith("into ") else shown(layer.name)


def _always(look: Lookup) -> str:
    """What the commoner answer is, in words."""
    yes, n = look.truth() if look.binary else (0.0, 0.0)
    return f"always answering {'yes' if yes > n / 2 else 'no'}" if n else "always giving the commoner answer"


def _row(layer: Layer, x: Layers, axis: Axis, answer: str) -> LayerRow:
    k, after, was = layer.knows, layer.after, layer.accuracy_before
    towards, against = outlines(layer)
    flags = ["no cut" if layer.cut is False else "", shown(layer.note, empty="", longest=300)]
    accuracy_words = f"hardly better than {answer}" if hardly(layer, x.guess) else ""
    return LayerRow(
        label=layer_name(x, layer),
        size=", ".join(filter(None, (module(layer), f"{shown(layer.type, empty='')} {layer.units:,}".strip()))),
        flag="; ".join(t for t in flags if t),
        knows=mark(KNOWS, k, NEUTRAL),
        knows_words=whole_percent(_value(k)),
        knows_range=range_in(k, "percent"),
        untrained=KNOWS.place(layer.untrained),
        before=axis.place(_value(layer.before)),
        after=mark(axis, after, "open"),
        after_words="" if after is None else amount(after.value, x.unit),
        after_range=range_in(after, x.unit),
        random=axis.place(layer.random),
        accuracy="" if layer.accuracy_after is None else percent(layer.accuracy_after),
        accuracy_words=accuracy_words or ("" if was is None else f"from {percent(was)}"),
        towards=towards,
        against=against,
    )


def outlines(layer: Layer) -> tuple[str, str]:
    """Neurons as bars from one base line, the largest first: paths for those with the gap, and those against it.

    Each layer has its own scale: the strip shows how many neurons share the gap, not how much they make.
    """
    most = max((abs(v) for v in layer.neurons), default=0.0)
    sign = -1 if (_value(layer.before) or 0.0) < 0 else 1
    paths: dict[bool, list[int]] = {True: [], False: []}
    for v in layer.neurons[:64]:
        height = round(STRIP * abs(v) / most) if most else 0
        for side, heights in paths.items():
            heights.append(height if side is (sign * v > 0) else 0)
    return _area(paths[True]), _area(paths[False])


def _area(heights: list[int]) -> str:
    """Bars side by side as one outline; neighbours of one height are one step."""
    if not any(heights):
        return ""
    steps = "".join(f"V{STRIP - height}h{2 * len(list(bars))}" for height, bars in groupby(heights))
    return f"M0 {STRIP}{steps}V{STRIP}"


def table_of(x: Layers) -> TableView:
    """Every layer with its intervals; the gap before once, where it is the same for all."""
    layers = x.layers[:LONGEST]
    title, who = shown(x.title), shown(x.attribute)
    before = {_with_range(layer.before, x.unit) for layer in layers if layer.before is not None}
    same = len(before) == 1
    caption = (title if who in title else f"{title}, {who}") + (f"; the gap before is {min(before)}" if same else "")
    caption += cut_to(len(layers), len(x.layers), "layers")
    gap = () if same else ("Gap before",)
    more = tuple(name for name, held in _more(x) if held)
    columns = ("Layer", "Knows", "Untrained", "Selectivity", "AUC", *gap, "After erasing", "Random", "Accuracy after")
    rows = tuple((*_cells(x, layer, x.unit, same), *_further(layer, x), _largest(layer, x.unit)) for layer in layers)
    return TableView(caption, (*columns, *more, "Largest neurons"), rows)


def _more(x: Layers) -> tuple[tuple[str, bool], ...]:
    """Columns that not every net has, and whether this one has them."""
    return (
        ("Knows, a small net", any(layer.curved is not None for layer in x.layers)),
        ("Scores move by", any(layer.moved is not None for layer in x.layers)),
        (f"Closed at equal {listed([shown(h) for h in x.held])}", any(layer.given is not None for layer in x.layers)),
    )


def _further(layer: Layer, x: Layers) -> tuple[str, ...]:
    cells = (_with_range(layer.curved, "percent"), amount(layer.moved, x.unit), _with_range(layer.given, x.unit))
    return tuple(cell for cell, (_, held) in zip(cells, _more(x), strict=True) if held)


def _cells(x: Layers, layer: Layer, unit: Unit, same: bool) -> tuple[str, ...]:
    return (
        ", ".join(filter(None, (layer_name(x, layer), module(layer), shown(layer.type, empty="")))),
        _with_range(layer.knows, "percent"),
        percent(layer.untrained),
        NOTHING if layer.selectivity is None else points(layer.selectivity),
        quotient(layer.auc),
        *(() if same else (_with_range(layer.before, unit),)),
        _with_range(layer.after, unit),
        amount(layer.random, unit),
        percent(layer.accuracy_after),
    )


def _with_range(e: Estimate | None, unit: Unit) -> str:
    if e is None or e.value is None:
        return NOTHING
    value = percent(e) if unit == "percent" else amount(e.value, unit)
    return bracketed(value, range_in(e, unit))


def _largest(layer: Layer, unit: Unit) -> str:
    named = zip(layer.named, layer.neurons, strict=False)
    return ", ".join(f"{i}: {amount(v, unit)}" for i, v in list(named)[:3]) or NOTHING
