"""What is drawn: exhibits of findings. Import them from `auditkit.records`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from auditkit.estimates import IN_ORDER, Estimate, Named, Record, Terse, Unit


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
    groups: tuple[Annotated[dict[str, str | None], IN_ORDER], ...] = ()
    """Whom each series is about: attribute → value, or None for the largest gap between its values; empty: everybody.
    Absent from JSON where the series are not about declared groups."""

    @model_validator(mode="after")
    def _one_a_series(self) -> "GroupEstimates":
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
    groups: tuple[Named, ...]
    """attribute → value, one a matrix."""
    counts: tuple[tuple[tuple[int, ...], ...], ...]
    """(groups, true class, predicted class), rows with truth and decision."""
    cells: tuple[ConfusionCell, ...] = ()
    """Those in which two groups can be compared."""
    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of all cells together."""

    @model_validator(mode="after")
    def _square(self) -> "Confusion":
        k, c = len(self.groups), len(self.classes)
        if len(self.counts) != k or any(len(m) != c or any(len(row) != c for row in m) for m in self.counts):
            raise ValueError(f"the counts are not of {k} groups × {c} classes × {c} classes")
        if any(max(x.truth, x.told) >= c or max(x.lower, x.higher) >= k for x in self.cells):
            raise ValueError("a cell is of a class or of a group that there is not")
        return self


class Series(Terse):
    """One line of a curve; every column has one entry a point."""

    TOLD: ClassVar = ("against",)

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
    against: tuple[tuple[float, float], ...] = ()
    """Points (x, y) of the line that it is compared with; absent from JSON where there is none."""


class Curve(Terse):
    """Exhibit: lines over one axis (reliability, ROC, what a remedy costs)."""

    TOLD: ClassVar = ("against",)

    kind: Literal["curve"] = "curve"
    title: str
    unit_x: str
    """Unit of x, in words."""
    unit_y: str
    """Unit of y, in words."""
    series: tuple[Series, ...]
    diagonal: bool = False
    """True where y = x is what is asked for, as in calibration."""
    against: str = ""
    """What each line is compared with, as a sentence without its full stop; absent from JSON where it is with none."""


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

    group: Named
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
