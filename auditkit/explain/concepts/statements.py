"""What is said of concepts: what moves along, what of it is left at equal legitimate columns, what was not shown.

At a layer behind which the decision is linear the statistic is the gap in mean decisions itself, be it use or only
correlation: "goes by" is said only of what is left at equal legitimate columns and truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from auditkit.catalogue.sentences import not_causes
from auditkit.formatting import decimals, interval_in, percent, plain
from auditkit.records import Estimate
from auditkit.stats.multiplicity import benjamini_hochberg

PROJECTION, LEFT, CONCEPT = "u:", "left:", "concept: "
"""Prefixes: of columns, activations along the mean gradient, and what legitimate columns and truth do not say of them;
of labels, concepts that the user gave."""
SMALL, STILL = 0.25, 0.1
"""Parts up to which something is hardly there: of the statistic; of the mean distance of decisions from their mean."""


class ConceptAtLayer(NamedTuple):
    """One concept at one layer."""

    layer: str
    label: str
    """The label that it is read from: an attribute, or `concept: …`."""
    group: str
    """Whose rows are the concept."""
    others: str
    """Whose rows they are compared with."""
    estimate_at: Callable[[float], Estimate]
    """Level → the statistic with its interval."""
    estimate: Estimate
    p: float
    share: float | None
    """TCAV: the share of rows whose decision rises along v."""
    single: float | None = None
    """By how much a row's decision moves, up or down, on average, when the row moves by v to the other side."""
    left: Estimate | None = None
    """What the statistic is at equal legitimate columns and truth."""
    left_p: float | None = None

    @property
    def name(self) -> str:
        """The concept, as it is told."""
        return self.label.removeprefix(CONCEPT) if self.label.startswith(CONCEPT) else self.group


@dataclass(frozen=True)
class Told:
    """What a sentence needs."""

    best: ConceptAtLayer
    q: float
    """Adjusted p of the best."""
    what: str
    unit: str
    level: float
    layers: int
    cuts: tuple[str, ...] | None
    """Layers that all paths cross; None: not known, in reports of older versions."""
    straight: bool
    """Whether the decision is linear behind the best layer."""
    single: ConceptAtLayer | None
    """Where single rows move most; None: not known."""
    spread: float
    """Mean distance of decisions from their mean; 0: not known."""
    slight: bool
    """Whether wherever something is surely there it is surely a small part of that."""
    held: tuple[str, ...]
    left: ConceptAtLayer | None
    """Where most is left at equal legitimate columns."""
    left_q: float

    @classmethod
    def of(
        cls, mine: Sequence[tuple[ConceptAtLayer, float]], best: ConceptAtLayer, q: float, facts: Mapping[str, Any],
        what: str, unit: str, level: float,
    ) -> Told:  # fmt: skip
        """From all layers and concepts of a finding."""
        singles = [t for t, _ in mine if t.single is not None]
        lefts = [t for t, _ in mine if t.left is not None]
        left, left_q = None, 1.0
        if lefts:
            adjusted = benjamini_hochberg([t.left_p or 0.0 for t in lefts])
            left, left_q = min(zip(lefts, map(float, adjusted), strict=True), key=lambda p: (p[1], -_size(p[0].left)))
        return cls(
            best=best,
            q=q,
            what=what,
            unit=unit,
            level=level,
            layers=len({t.layer for t, _ in mine}),
            cuts=None if "cuts" not in facts else tuple(facts["cuts"]),
            straight=best.layer in facts.get("straight", ()),
            single=max(singles, key=lambda t: t.single or 0.0, default=None),
            spread=(spread := float(facts.get("spread", 0.0))),
            slight=all(
                _most(t.estimate) <= STILL * spread for t, p in mine if p <= 1 - level and t.estimate.excludes_zero
            ),
            held=tuple(facts.get("held", ())) if lefts else (),
            left=left,
            left_q=left_q,
        )

    @property
    def sure(self) -> bool:
        """Whether some direction moves decisions."""
        return self.q <= 1 - self.level and self.best.estimate.excludes_zero

    @property
    def beyond(self) -> bool:
        """Whether a good part of it is surely left at equal legitimate columns."""
        if self.left is None or self.left.left is None or not self.left.left.excludes_zero:
            return False
        much = _size(self.left.left)
        return self.left_q <= 1 - self.level and much >= STILL * max(self.spread, _size(self.best.estimate))

    @property
    def nothing_beyond(self) -> bool:
        """Whether hardly anything can be left of it."""
        e = None if self.left is None else self.left.left
        if e is None or e.low is None or e.high is None or not self.cuts:
            return False
        return _most(e) <= max(SMALL * _size(self.best.estimate), STILL * self.spread)

    @property
    def still(self) -> bool:
        """Whether single rows hardly move either."""
        return self.single is not None and (self.single.single or 0.0) <= SMALL * self.spread

    @property
    def p(self) -> float:
        """Of H0: something that the sentence says is not there."""
        asserted = [self.q] if self.sure or not self.beyond else []
        return min(1.0, max([*asserted, *([self.left_q] if self.beyond else [])]))


def concept_statement(t: Told) -> str:
    """The sentence of a finding."""
    given = t.best.label.startswith(CONCEPT)
    if not t.sure:
        return f"{_unmoved(t)}{f' {_left(t)}' if t.beyond else ''}"
    e = t.best.estimate
    sure = "" if e.low is None else f" ({interval_in(e, plain)})"
    way = f"of {t.best.name}" if given else f"in which {t.best.group} rows differ from {t.best.others} rows"
    p = "less than 0.001" if t.q < 0.001 else decimals(t.q, 3)
    along = t.best.name if given else f"{t.what}, or with what goes with it"
    hardly = t.slight and not given
    text = (
        f"The net's decisions {'hardly ' if hardly else ''}go along with {along}. At {t.best.layer}, moving a row the "
        f"way {way} {'raises' if (e.value or 0) > 0 else 'lowers'} the {t.unit} by {plain(abs(e.value or 0))}{sure}, p "
        f"{p}; it goes up for {percent(t.best.share)} of rows."
    )
    if hardly:
        return (
            f"{text} That is less than a tenth of how far a row's {t.unit} is from the mean, on average "
            f"{plain(t.spread)}. "
            f"{f'{_left(t)} ' if t.beyond else ''}This is {not_causes()}."
        )
    if t.straight and not given:
        text += f" Behind {t.best.layer} all is linear: that is the gap in mean {t.unit} itself, whatever makes it."
    return f"{text}{'' if given else f' {_left(t)}'} This is {not_causes()}."


def _left(t: Told) -> str:
    """What is used, where it can be told from what only goes along."""
    if t.left is None or t.left.left is None:
        return (
            f"A direction does not tell what is used from what only goes with {t.what}; columns declared as legitimate "
            "(control features) would be held equal."
        )
    *most, last = t.held
    equal = f"{', '.join(most)} and {last}" if most else last
    e = t.left.left
    size = plain(e) + ("" if e.low is None else f" ({interval_in(e, plain)})")
    if t.beyond:
        return (
            f"At equal {equal}, {size} is left at {t.left.layer}: the net goes by something that goes with {t.what} "
            "beyond what was declared legitimate."
        )
    if t.nothing_beyond:
        return (
            f"At equal {equal}, hardly anything is left at any of {t.layers} layers, {size} at {t.left.layer}: "
            f"nothing shows that the net goes by {t.what} beyond those."
        )
    return f"At equal {equal}, {size} is left at {t.left.layer}: that it goes by more is neither shown nor ruled out."


def _unmoved(t: Told) -> str:
    """No direction moves decisions on average; and what that does not show."""
    e = t.best.estimate
    far = ""
    if e.low is not None and e.high is not None:
        unseen = plain(max(abs(e.low), abs(e.high)))
        far = f" (at {t.best.layer}, where most speaks for it, a move of the {t.unit} below {unseen} could have gone "
        far += "unseen)"
    text = (
        f"At none of {t.layers} layers does the direction of {t.what} inside the net move its decisions more than "
        f"chance would{far}"
    )
    if t.cuts == ():
        return f"{text}; but none of them is crossed by all paths, so that of the whole net this was not measured."
    if t.single is not None and not t.still:
        return (
            f"{text}, on average; but at {t.single.layer} it moves single ones, by {plain(t.single.single)} up "
            f"or down: that the net does without {t.what} is not shown."
        )
    return f"{text}: nothing shows that they go along with it."


def _most(e: Estimate) -> float:
    """How large it can be, either way."""
    return float("inf") if e.low is None or e.high is None else max(abs(e.low), abs(e.high))


def _size(e: Estimate | None) -> float:
    return 0.0 if e is None else abs(e.value or 0.0)
