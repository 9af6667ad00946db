"""Numbers with what is needed to believe them: what findings are made of. Import them from `auditkit.records`."""

import operator
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)


def _by_name(named: dict[str, Any] | None) -> dict[str, Any] | None:
    if named is None:
        return None
    return {k: _by_name(v) if isinstance(v, dict) else v for k, v in sorted(named.items())}


IN_ORDER = PlainSerializer(_by_name, when_used="json")
"""Of names as they come: their JSON has one order, so that a report is the same text whether it was made or read."""
Named = Annotated[dict[str, str], IN_ORDER]
"""Name → text: attribute → value of a group, say."""
State = Literal["ok", "sparse", "coarse", "unstable", "undefined"]
Unit = Literal["", "percent", "points", "ratio", "verdict"]
"""How a number is written: plain, or a share as percent or points, or a ratio; `verdict`: the column holds `Status`."""


class Record(BaseModel):
    """A frozen record without surprises: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True, protected_namespaces=()
    )

    NAMED: ClassVar[tuple[str, ...]] = ()
    """Of an exhibit: its fields that name groups as the data do, and that a page tells in the report's words."""


class Terse(Record):
    """A record that leaves out of its JSON those of its fields in `TOLD` that hold what they hold if nobody says.

    pydantic asks that of each field; a serializer of ours around its own takes longer.
    """

    TOLD: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        for k in cls.TOLD:
            cls.model_fields[k].exclude_if = partial(operator.eq, cls.model_fields[k].default)


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
    def _in_order(self) -> "Estimate":
        if self.low is not None and self.high is not None and self.low - self.high > 1e-9 * max(1.0, abs(self.low)):
            raise ValueError(f"the lower limit {self.low:g} lies above the upper limit {self.high:g}")
        return self


class Surest(Terse):
    """Of a comparison of several groups, the pair that carries the limit, or the group: what a sentence names."""

    TOLD: ClassVar = ("label",)

    groups: tuple[Named, ...] = Field(min_length=1, max_length=2)
    """attribute → value; the lower value first, of one group where it is compared with another side."""
    estimate: Estimate
    """Its own, at the critical value at which all comparisons hold together."""
    label: str = ""
    """Of a comparison over several classes, the class; absent from JSON where it is empty."""


class BesideTruth(Record):
    """What decisions do to a difference that is in the data: one pair's difference in selections less that in truth."""

    groups: tuple[Named, Named]
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
    """False where the rows cannot tell on which side of the limit the value is: neither passed nor failed; absent from
    JSON where true."""

    @property
    def measured(self) -> str:
        """The note without what a failure means."""
        return self.note.removesuffix(self.meaning).rstrip("; ") if self.meaning else self.note

    @property
    def failed(self) -> bool:
        """True when an explanation with this check must be shown as failed."""
        return self.blocking and not self.passed and self.sure

    @property
    def cautions(self) -> bool:
        """True when the explanation holds, and must be read with the care that `note` asks for."""
        return not self.blocking and not self.passed and self.sure


class GroupEstimate(Record):
    """The estimate of one group."""

    group: Named
    """Attribute → value, e.g. {"gender": "Female"}."""
    estimate: Estimate
