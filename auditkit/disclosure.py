"""What a report may give away of the people in the data."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from auditkit.errors import PolicyError
from auditkit.estimates import IN_ORDER, Named, Record

SUPPRESS_BELOW = 10
"""People of a group, below which `public` and `regulator` reports do not show it."""
Profile = Literal["internal", "public", "regulator"]
PROFILES: tuple[Profile, ...] = get_args(Profile)


class Disclosure(Record):
    """How much of the rows stays in a report: evidence is reduced to it, once, before it is assessed or stored."""

    profile: Profile = "internal"
    """`internal`: sums of everybody; `public` and `regulator`: small groups suppressed, `public` without evidence:
    `profile = "public"`."""
    suppress_below: int = Field(default=0, ge=0)
    """Groups of fewer people are recoded, with what would reveal them; 0: none, and 10 for `public` and `regulator`:
    `suppress_below = 10`."""
    keep_rows: bool = False
    """Whether evidence may keep something of single rows: `keep_rows = true`."""

    @model_validator(mode="before")
    @classmethod
    def _suppressed(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("profile") in ("public", "regulator"):
            return {**given, "suppress_below": given.get("suppress_below") or SUPPRESS_BELOW}
        return given

    def agrees(self, *, rows_shown: bool) -> None:
        """PolicyError where small groups are to be suppressed, and single rows to be kept or shown."""
        if self.suppress_below and (self.keep_rows or rows_shown):
            what = "keep_rows" if self.keep_rows else "examples of single rows"
            raise PolicyError(
                f"{what} in a report that suppresses groups of fewer than {self.suppress_below}: leave one of them out"
            )


class GroupDisclosure(Disclosure):
    """A disclosure that knows the groups of the data: what `reduced` is called with."""

    attributes: tuple[str, ...] = ()
    """The sensitive features, whose labels may stand in a report; other columns are features."""
    recoding: Annotated[dict[str, Named], IN_ORDER] = Field(default_factory=dict)
    """Attribute → value → what stands in its place; values that are not here stay."""
