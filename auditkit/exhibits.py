"""Estimates, and what is drawn of them: the records that findings are made of. Import them from `auditkit.records`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

State = Literal["ok", "sparse", "coarse", "unstable", "undefined"]
Unit = Literal["", "percent", "points", "ratio", "verdict"]
"""How a number is written: plain, or a share as percent or points, or a ratio; `verdict`: the column holds `Status`."""


class Record(BaseModel):
    """A frozen record without surprises: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    NAMED: ClassVar[tuple[str, ...]] = ()
    """Of an exhibit: its fields that name groups as the data do, and that a page tells in the report's words."""


class Terse(Record):
    """A record that leaves out of its JSON those of its fields in `TOLD` that hold what they hold if nobody says."""

    TOLD: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        out: dict[str, Any] = handler(self)
        usual = {k for k in self.TOLD if getattr(self, k) == type(self).model_fields[k].default}
        return {k: v for k, v in out.items() if k not in usual}


class Estimate(Record):
    """A number with everything that is needed to believe it."""

    value: float | None
    """The point value; None where it is undefined (0/0, one group only)."""
    low: float | None = None
    """Lower limit of the interval; None with a value: unbounded or not computed (`note` says which)."""
    high: float | None = None
    """Upper limit of the interval, likewise."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of the interval, in (0.5, 1)."""
    n: int = Field(default=0, ge=0)
    """Rows that the estimate speaks about."""
    numerator: float | None = None
    """Rows counted as a success; None where the estimate is not a rate."""
    denominator: float | None = None
    """Rows that could have been a success (positives for the true positive rate)."""
    method: str = ""
    """How the interval was made."""
    mde: float | None = None
    """Minimum detectable effect: the smallest gap seen with 80 % power, in the unit of `value`; None for ratios."""
    state: State = "ok"
    """`sparse`: denominator < 10; `undefined`: denominator 0 or nothing to compare; `coarse`: a bin bound dominates;
    `unstable`: so skewed that no interval is to be relied on: shown, never asserted, and rules stay inconclusive."""
    note: str = ""
    """Why the state is not `ok`, or what a None limit means."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0: only then a sentence may name a difference; never if unstable."""
        known = self.low is not None and self.high is not None and self.state != "unstable"
        return known and (self.low > 0 or self.high < 0)  # type: ignore[operator]

    @property
    def unseen(self) -> float | None:
        """Of a gap: the size below which one could have gone unseen, the larger one of `mde` and of what the interval
        still holds; None where neither is known, and where the state is `unstable`."""
        sizes = [x for x in (self.mde, self.high) if x is not None]
        return max(sizes, default=None) if self.state != "unstable" else None

    @model_validator(mode="after")
    def _in_order(self) -> Estimate:
        if self.low is not None and self.high is not None and self.low - self.high > 1e-9 * max(1.0, abs(self.low)):
            raise ValueError(f"the lower limit {self.low:g} lies above the upper limit {self.high:g}")
        return self


class Surest(Terse):
    """Of a comparison of several groups, the pair that carries the limit, or the group: what a sentence names."""

    TOLD: ClassVar = ("label",)

    groups: tuple[dict[str, str], ...] = Field(min_length=1, max_length=2)
    """attribute → value; the lower value first, of one group where it is compared with another side."""
    estimate: Estimate
    """Its own, at the critical value at which all comparisons hold together."""
    label: str = ""
    """Of a comparison over several classes, the class; absent from JSON where it is empty."""


class BesideTruth(Record):
    """What decisions do to a difference that is in the data: one pair's difference in selections less that in truth."""

    groups: tuple[dict[str, str], dict[str, str]]
    """attribute → value; the one selected less often first."""
    estimate: Estimate
    """By how much the pair's difference in selections is larger than its difference in truth; below 0: smaller."""
    verb: Literal["widens", "keeps", "narrows", ""]
    """What the interval says; empty: nothing."""


class TrustCheck(Terse):
    """One test of an explanation (T0–T12, `catalogue.trust`)."""

    TOLD: ClassVar = ("meaning", "low", "high", "sure")

    id: str
    """"T0", "T1", …"""
    name: str
    """In words: "completeness"."""
    value: float | None
    """The measured statistic; None where the check is a yes or no."""
    limit: float | None
    """The largest value allowed, or the smallest where `at_least`; None where no limit is set: the value is shown."""
    passed: bool
    """True as well where the check does not apply."""
    note: str = ""
    """What was measured, on how many rows, and what a failure means."""
    meaning: str = ""
    """What a failure means, as `note` ends; absent from JSON, and not in the note, where empty."""
    at_least: bool = False
    """True where `limit` is the smallest value allowed."""
    blocking: bool = True
    """True where the explanation fails with this check; False: a failure is a caution to whoever reads it."""
    applies: bool = True
    """False where there was nothing to test; `note` says why."""
    low: float | None = None
    """Lower limit of `value` at 95 %, where the check is decided by it; absent from JSON where it is not."""
    high: float | None = None
    """Upper limit, likewise."""
    sure: bool = True
    """False where the limit lies between `low` and `high`: neither passed nor failed; absent from JSON where true."""

    @property
    def measured(self) -> str:
        """The note without what a failure means."""
        return self.note.removesuffix(self.meaning).rstrip("; ") if self.meaning else self.note

    @property
    def failed(self) -> bool:
        """True when an explanation with this check must be shown as failed."""
        return self.blocking and not self.passed

    @property
    def cautions(self) -> bool:
        """True when the explanation holds, and must be read with the care that `note` asks for."""
        return not self.blocking and not self.passed and self.sure


class GroupEstimate(Record):
    """The estimate of one group."""

    group: dict[str, str]
    """Attribute → value, e.g. {"gender": "Female"}."""
    estimate: Estimate


class GroupEstimates(Terse):
    """Exhibit: one row a label (a feature, say), in it one estimate a series ("overall", or a group's name)."""

    TOLD: ClassVar = ("groups",)
    NAMED: ClassVar = ("title",)

    kind: Literal["group_estimates"] = "group_estimates"
    title: str
    unit: str
    """Unit of every value, in words."""
    series: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate, ...]], ...]
    """(label, one estimate a series), in the order to be drawn."""
    groups: tuple[dict[str, str | None], ...] = ()
    """Whom each series is about: attribute → value, or None for the largest gap between its values; empty: everybody.
    Absent from JSON where the series are not about declared groups."""

    @model_validator(mode="after")
    def _one_a_series(self) -> GroupEstimates:
        if self.groups and len(self.groups) != len(self.series):
            raise ValueError(f"{len(self.series)} series and {len(self.groups)} groups")
        return self


class Table(Record):
    """Exhibit: a plain table; numbers stay numbers so that the page formats them in one place."""

    NAMED: ClassVar = ("title", "columns", "rows")

    kind: Literal["table"] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    units: tuple[Unit, ...] = ()
    """How the numbers of each column are written; columns beyond its end are plain."""


class ConfusionCell(Record):
    """One cell of the matrices of several groups: the two groups that are most surely apart in it."""

    truth: int = Field(ge=0)
    """Position of the true class."""
    told: int = Field(ge=0)
    """Position of the class that is predicted."""
    lower: int = Field(ge=0)
    """Position of the group with the smaller share of its rows of the true class."""
    higher: int = Field(ge=0)
    """Position of the other group."""
    value: float
    """The difference of the two shares."""
    low: float
    """Its limits, at which all pairs of all cells hold together; above 0, the groups differ."""
    high: float


class Confusion(Record):
    """Exhibit: how many rows of each true class are predicted to be of which class, a matrix a group."""

    NAMED: ClassVar = ("title",)

    kind: Literal["confusion"] = "confusion"
    title: str
    classes: tuple[str, ...]
    groups: tuple[dict[str, str], ...]
    """attribute → value, one a matrix."""
    counts: tuple[tuple[tuple[int, ...], ...], ...]
    """(groups, true class, predicted class), rows with truth and decision."""
    cells: tuple[ConfusionCell, ...] = ()
    """Those in which two groups can be compared."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of all cells together."""

    @model_validator(mode="after")
    def _square(self) -> Confusion:
        k, c = len(self.groups), len(self.classes)
        if len(self.counts) != k or any(len(m) != c or any(len(row) != c for row in m) for m in self.counts):
            raise ValueError(f"the counts are not of {k} groups × {c} classes × {c} classes")
        if any(max(x.truth, x.told) >= c or max(x.lower, x.higher) >= k for x in self.cells):
            raise ValueError("a cell is of a class or of a group that there is not")
        return self


class Series(Record):
    """One line of a curve; every column has one entry a point."""

    name: str
    """Whom it is about: a group's name, or "everybody"."""
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    """Lower limits of y; empty: no limits were computed."""
    high: tuple[float | None, ...] = ()
    """Upper limits of y, likewise."""
    n: tuple[int, ...] = ()
    """Rows behind each point; empty: the points are no groups of rows."""
    marked: int | None = None
    """Position of the point to be pointed out; None: none."""
    mark: str = ""
    """What it is, in words."""


class Curve(Record):
    """Exhibit: lines over one axis (reliability, ROC, what a remedy costs)."""

    kind: Literal["curve"] = "curve"
    title: str
    unit_x: str
    """Unit of x, in words."""
    unit_y: str
    """Unit of y, in words."""
    series: tuple[Series, ...]
    diagonal: bool = False
    """True where y = x is what is asked for, as in calibration."""


class Contribution(Record):
    """One part of a total."""

    label: str
    """A raw column, say."""
    estimate: Estimate
    """Signed, in the unit of the exhibit."""
    share: float | None = None
    """Of the total; None where the total's interval contains 0."""
    beside: float | None = None
    """The number beside it (how well the column tells the group, say); None: not known."""


class Contributions(Terse):
    """Exhibit: what makes a total up, part by part; the parts add to `total`."""

    TOLD: ClassVar = ("between",)
    NAMED: ClassVar = ("title", "beside", "between")

    kind: Literal["contributions"] = "contributions"
    title: str
    unit: Unit
    """How every value is written: points for gaps of scores and rates."""
    rows: tuple[Contribution, ...]
    """By size, the largest first; a last row may gather what is small."""
    total: Estimate
    """The whole that the rows add up to."""
    of_all: float | None = None
    """The same whole over all rows of the data, where the parts come from a sample."""
    beside: str = ""
    """What the number beside each row is, in words ("tells gender (AUC)"); empty: there is none."""
    between: tuple[str, ...] = ()
    """The two groups whose gap it is, in words, as in `title`; absent from JSON, and not in the title, where empty."""


class Layer(Record):
    """What one layer knows, and what the net uses of it. None: not measured, and `note` says why."""

    name: str
    """As in `named_modules`; "input" for what goes in."""
    type: str
    """Name of its class."""
    units: int
    knows: Estimate | None = None
    """Balanced accuracy of a linear probe for the attribute, held out; .5 is guessing."""
    untrained: float | None = None
    """The same in an untrained copy of the net."""
    selectivity: float | None = None
    """`knows` minus the accuracy of the same probe on a control task."""
    auc: float | None = None
    """AUC of the probe."""
    before: Estimate | None = None
    """The gap with nothing erased."""
    after: Estimate | None = None
    """The gap after the attribute was erased from this layer."""
    closed: Estimate | None = None
    """What went of the gap, row by row the same people: before minus after."""
    random: float | None = None
    """Median gap after erasing random directions of the same rank instead."""
    accuracy_before: float | None = None
    accuracy_after: float | None = None
    cut: bool | None = None
    """True where all that reaches the output passes through this layer; None: not known."""
    curved: Estimate | None = None
    """`knows` of a small non-linear reader."""
    given: Estimate | None = None
    """What went of the gap when only what tells the attribute beyond legitimate columns and truth was erased."""
    moved: float | None = None
    """How far a score moves on average when the attribute is erased, in the unit of the gap."""
    neurons: tuple[float, ...] = ()
    """Contributions of its neurons to the gap, the largest first, at most 64, in the unit of the gap."""
    named: tuple[int, ...] = ()
    """Which neurons those are."""
    note: str = ""


Use = Literal["beyond_declared", "nothing_beyond_declared", "not_used", "goes_with", "open", "not_measured"]
"""What erasing an attribute shows. `beyond_declared`: at equal legitimate columns and truth a part of the gap goes;
`nothing_beyond_declared`: none does. `not_used`: hardly any score moves. `goes_with`: there is a gap, and what goes
with the attribute carries it, be it used or only correlated. `open`: there is no sure gap, and scores move.
`not_measured`: no cut of the net was erased."""


class Layers(Record):
    """Exhibit: what each layer knows of an attribute, and what erasing it does; in the order of execution."""

    kind: Literal["layers"] = "layers"
    title: str
    unit: Unit
    """How gaps are written."""
    attribute: str
    layers: tuple[Layer, ...]
    guess: float | None = None
    """Accuracy of always giving the commoner answer; None: not a classification."""
    use: Use | None = None
    """None: not known, in reports of older versions."""
    held: tuple[str, ...] = ()
    """What was held equal where `given` says so: declared columns, and the truth."""


class Case(Record):
    """One row of the data, and what moved its score."""

    title: str
    """Whose case, and why it was chosen."""
    facts: tuple[tuple[str, str], ...]
    """(what, value), as text: group, truth, decision, score."""
    contributions: tuple[tuple[str, str, float], ...] = ()
    """(feature, its value as text, signed contribution), by size."""
    png: str = ""
    """A picture, as base64 of a PNG; empty: none. Contributions are laid over it."""
    tokens: tuple[tuple[str, float], ...] = ()
    """(token, signed contribution) in the order of a text; empty: no text."""
    note: str = ""


class Cases(Record):
    """Exhibit: single rows, only where they were asked for."""

    kind: Literal["cases"] = "cases"
    title: str
    unit: str
    """Unit of every contribution, in words."""
    cases: tuple[Case, ...]


class Region(Record):
    """A part of a picture that is explained as one."""

    name: str
    """As rows of the attributions beside it are called."""
    boxes: tuple[tuple[int, int, int, int], ...]
    """Rectangles in pixels, (x, y, width, height), that cover it."""


class Picture(Record):
    """The mean of many pictures."""

    group: dict[str, str]
    """Attribute → value; empty: everybody."""
    n: int = Field(ge=0)
    """Different pictures in the mean."""
    png: str
    """As base64."""


class Pictures(Record):
    """Exhibit: mean pictures of everybody and of groups, and the regions that are explained."""

    kind: Literal["pictures"] = "pictures"
    title: str
    width: int = Field(ge=1)
    """Pixels."""
    height: int = Field(ge=1)
    regions: tuple[Region, ...]
    pictures: tuple[Picture, ...]


Exhibit = Annotated[
    GroupEstimates | Table | Confusion | Curve | Contributions | Layers | Cases | Pictures, Field(discriminator="kind")
]
