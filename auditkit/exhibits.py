"""Estimates, and what is drawn of them: the records that findings are made of. Import them from `auditkit.records`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["ok", "sparse", "coarse", "undefined"]
Unit = Literal["", "percent", "points", "ratio", "verdict"]
"""How a number is written: plain, or a share as percent or points, or a ratio; `verdict`: the column holds `Status`."""


class Record(BaseModel):
    """A frozen record without surprises: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Record):
    """A number with everything that is needed to believe it."""

    value: float | None
    """The point value; None where it is undefined (0/0, one group only)."""
    low: float | None = None
    """Lower limit of the interval; None with a value: unbounded or not computed (`note` says which)."""
    high: float | None = None
    """Upper limit of the interval, likewise."""
    level: float = 0.95
    """Confidence level of the interval, in (0, 1)."""
    n: int = 0
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
    """`sparse`: denominator < 10; `undefined`: denominator 0 or nothing to compare; `coarse`: a bin bound dominates."""
    note: str = ""
    """Why the state is not `ok`, or what a None limit means."""


class GroupEstimate(Record):
    """The estimate of one group."""

    group: dict[str, str]
    """Attribute → value, e.g. {"gender": "Female"}."""
    estimate: Estimate


class GroupEstimates(Record):
    """Exhibit: one row a label (a feature, say), in it one estimate a series ("overall", or a group's name)."""

    kind: Literal["group_estimates"] = "group_estimates"
    title: str
    unit: str
    """Unit of every value, in words."""
    series: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate, ...]], ...]
    """(label, one estimate a series), in the order to be drawn."""


class Table(Record):
    """Exhibit: a plain table; numbers stay numbers so that the page formats them in one place."""

    kind: Literal["table"] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    units: tuple[Unit, ...] = ()
    """How the numbers of each column are written; columns beyond its end are plain."""


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


Exhibit = Annotated[GroupEstimates | Table | Curve, Field(discriminator="kind")]
