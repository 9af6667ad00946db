"""Everything that was seen of some rows, before anything is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from auditkit.evidence.classes import ClassTally
from auditkit.evidence.fingerprint import RowHash
from auditkit.evidence.output_range import OutputRange
from auditkit.evidence.sample import Sample
from auditkit.records import NotMeasured

if TYPE_CHECKING:
    from auditkit.disclosure import Disclosure


class Evidence(Protocol):
    """What was observed: commutative and associative under `+`, to and from JSON."""

    def __add__(self, other: Self) -> Self: ...
    def reduced(self, disclosure: Disclosure) -> Evidence:
        """The same, without what would give a person away; called once, on the sum, before `assess`.

        Evidence of another class, as rows reduced to sums, is assessed and stored in its place.
        """
        ...

    def to_json(self) -> dict[str, Any]: ...
    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self: ...


@dataclass(frozen=True)
class Observed:
    """Everything that was seen of some rows; two of these add."""

    rows: RowHash
    """How many rows, and their order-free fingerprint."""
    missing_target: int
    missing_prediction: int
    evidence: dict[str, Evidence]
    """Stream check → its evidence."""
    sample: Sample | None
    """Rows of lowest hash, for the checks that do not see all; None where no check asks for them."""
    groups: ClassTally
    """Rows of every crossed group, truth and decision: what a report that suppresses small groups recodes them by."""
    broken: dict[str, NotMeasured] = field(default_factory=dict)
    """Stream check → the accident that it had on some of these rows: it has no evidence."""
    outputs: OutputRange = field(default_factory=OutputRange)
    """Of the net's outputs, where nobody has said what they are."""
    people: RowHash | None = None
    """Of the rows of predictions without what was decided of them; None of a net, whose `rows` are without already."""

    def __add__(self, other: Observed) -> Observed:
        return Observed(
            self.rows + other.rows,
            self.missing_target + other.missing_target,
            self.missing_prediction + other.missing_prediction,
            {k: v + other.evidence[k] for k, v in self.evidence.items() if k in other.evidence},
            self.sample if self.sample is None or other.sample is None else self.sample + other.sample,
            self.groups + other.groups,
            {**other.broken, **self.broken},
            self.outputs + other.outputs,
            None if self.people is None or other.people is None else self.people + other.people,
        )
