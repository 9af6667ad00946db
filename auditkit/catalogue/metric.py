"""What an entry of the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from auditkit.records import Comparison

Cell = tuple[int, int]
"""(y_true, y_pred), each 0 or 1; or -1: it may be missing."""
_ANY = (-1, 0, 1)

ALL: tuple[Cell, ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Rows with truth and decision."""
WILSON = "Wilson for one rate; Newcombe and MOVER-R for gaps and ratios of two groups; family intervals for more"


@dataclass(frozen=True)
class Wording:
    """A metric in sentences, where its title and plain words do not serve; what is empty is made of those.

    `{yes}` and `{no}` stand for what a true positive and a true negative does, `{low}` and `{high}` for the group of
    the lowest and of the highest value.
    """

    phrase: str = ""
    """In a few plain words: "found, of those who {yes}"."""
    short: str = ""
    """In one or two."""
    frequencies: str = ""
    """The first sentence that a reader sees; `{them}`: "7 of every 100 women"."""
    less_often: str = ""
    """That one group has a lower rate than another, as a clause."""
    one: str = ""
    """The value `{x}` of one group, or of everybody, as a sentence without its full stop; `{along}` names a continuous
    attribute."""
    two: str = ""
    """Likewise of two: `{x}` is the value of `{low}`, `{y}` that of `{high}`."""
    above: str = ""
    """What a value above 0 says, where the sign is written in words."""
    below: str = ""
    """Likewise below 0."""
    interval: str = ""
    """What the ends of an interval are, where their sign needs words."""
    columns: tuple[str, ...] = ()
    """Heads of the columns of its table: who is counted, which of them, and the rate."""
    right: str = ""
    """What a value of `Metric.right` says, where a sentence about it needs that: "no preference"."""
    happened: str = ""
    """What happened to those of the second column, after "are"."""
    extreme: str = ""
    """The head of its highest value, where groups are shown beside that do not take part."""


Direction = Literal["higher is better", "lower is better", "equal is fair", "shown"]
"""Which values are better: `equal is fair` and `shown` say that none is by itself."""


@dataclass(frozen=True)
class Metric:
    """One entry: a metric, or a check that answers with something else than a rate."""

    name: str
    title: str
    """The formal name."""
    plain: str
    """A few words for people outside the field."""
    definition: str
    """One sentence."""
    formula: str
    denominator_words: str
    """Who could have been counted, in words."""
    direction: Direction
    reference: str
    oracle: str
    """What tests hold it to."""
    interval: str = WILSON
    numerator: tuple[Cell, ...] = ()
    denominator: tuple[Cell, ...] = ()
    kind: str = "rate"
    """rate, composite, score, conditional, error, gap, check, or what a judge of another package answers for."""
    unit: str = "share"
    """How a value of one group is written: as a share in percent (`percent`: where groups are compared too), in
    `points`, as a plain `number`, in the target's own `measure`, or in the unit that it names ("kg")."""
    comparisons: tuple[str, ...] = get_args(Comparison)
    limits: tuple[float, float] = (0.0, 1.0)
    """Between what a rule's limit must lie."""
    decimals: int | None = None
    """Of a composite that its sentences write as a plain number; None: it is a share."""
    right: float | None = None
    """What right scores (a free remedy) give, where a value may be chance; None: nothing is right by itself."""
    wording: Wording = Wording()
    untold: bool | None = None
    """Of what is no rate: whether it is known of rows without a truth; None: as others of its kind."""
    counts: str = ""
    """What its n counts, where that is neither its rows nor those of its denominator: "events"."""
    leads: bool = False
    """Whether the curves of its groups stand before the fold of their section, though figures of rates lead it."""
    tested: bool = True
    """False where no interval is computed: a rule can judge the point value alone."""
    tasks: tuple[str, ...] = ("binary",)
    within: bool = False
    """Whether it is of pairs, of which those of two different groups are shown, and not compared as a group."""

    @property
    def known(self) -> tuple[Cell, ...]:
        """Of a rate, the rows that have what it needs: truth, decision or both, as its denominator tells them apart.

        >>> Metric("m", *[""] * 5, "shown", "", "", denominator=((-1, 1), (0, 1), (1, 1))).known
        ((-1, 0), (-1, 1), (0, 0), (0, 1), (1, 0), (1, 1))
        """
        missing = ({cell[i] for cell in self.denominator} & {-1} for i in (0, 1))
        truths, decisions = (_ANY if may_be else (0, 1) for may_be in missing)
        return tuple((t, d) for t in truths for d in decisions)

    @property
    def needs_truths(self) -> bool:
        """Whether nothing is known of it where no row has a truth.

        >>> Metric("m", *[""] * 5, "shown", "", "", denominator=((-1, 1), (0, 1), (1, 1))).needs_truths
        False
        """
        if self.kind == "rate":
            return not any(truth == -1 for truth, _ in self.known)
        if self.untold is not None:
            return not self.untold
        return self.kind in ("labels", "composite", "error", "score")

    @property
    def of_errors(self) -> bool:
        """Whether it is a rate that needs truth and decision."""
        return self.kind == "rate" and set(self.known) == set(ALL)

    @property
    def head(self) -> str:
        """What stands before the colon of a sentence that compares groups: "Selected, of everybody"."""
        if self.kind != "rate":
            return self.title
        return f"{self.plain[0].upper()}{self.plain[1:]}, of {self.denominator_words}"


check = partial(Metric, kind="check")
"""An entry that a check answers with something else than a rate; no rule judges it."""
shown = partial(check, direction="shown", comparisons=("overall",))
"""One that says no group is better off."""
