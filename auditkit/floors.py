"""What an organisation asks of every audit below it, and what came of that. Import them from `auditkit.records`."""

from typing import Literal

from auditkit.estimates import Record
from auditkit.rules import Floor, Handling

Need = Literal["attribute", "crossing", "check", "metric", "rule", "policy"]
"""What kind of thing is required: groups that are looked at, a question that is asked, or the policy that asks."""
Assessed = Literal["assessed", "too_few", "left_out", "not_in_data", "not_measured"]
"""What came of it. `not_measured`: it was asked, of data that have it, and got no answer for another reason."""

ASSESSED: dict[Assessed, str] = {
    "assessed": "Assessed",
    "too_few": "Too few",
    "left_out": "Left out by configuration",
    "not_in_data": "Not in the data",
    "not_measured": "Not measured",
}
"""In words."""


class Demand(Record):
    """One thing that is required."""

    need: Need
    what: tuple[str, ...]
    """Names: of attributes, of a check, of a metric and then the attributes by which it is asked, of a rule."""
    source: str
    """file:line of who requires it."""
    handling: Handling = "fail"
    """What it counts as where it is not assessed."""

    @property
    def name(self) -> str:
        """In a few words.

        >>> Demand(need="metric", what=("accuracy", "sex", "race"), source="company.toml:4").name
        'accuracy by sex & race'
        """
        if self.need == "metric" and len(self.what) > 1:
            return f"{self.what[0]} by {' & '.join(self.what[1:])}"
        return " & ".join(self.what)


class Required(Demand):
    """A verdict on one thing that is required."""

    state: Assessed
    reason: str
    """One sentence."""

    @property
    def met(self) -> bool:
        """Whether it was assessed."""
        return self.state == "assessed"

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way of `passed`."""
        return not self.met and self.handling == "fail"


def demands(floor: Floor) -> tuple[Demand, ...]:
    """Everything that an audit has to have assessed."""

    def demand(need: Need, key: str, *what: str) -> Demand:
        return Demand(need=need, what=what, source=floor.at(key), handling=floor.on_not_measured or "fail")

    by: list[tuple[str, ...]] = [(a,) for a in floor.attributes] or [()]
    return (
        *(demand("attribute", "attributes", a) for a in floor.attributes),
        *(demand("crossing", "crossings", *c) for c in floor.crossings),
        *(demand("check", "checks", c) for c in floor.checks),
        *(demand("metric", "metrics", m, *a) for m in floor.metrics for a in by),
        *(demand("rule", f"rule.{i}", r.id) for i, r in enumerate(floor.rules) if r.exact),
    )
