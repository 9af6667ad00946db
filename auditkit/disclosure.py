"""What a report may give away of the people in the data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from auditkit.exhibits import Record

Profile = Literal["internal", "public", "regulator"]


class Disclosure(Record):
    """How much of the rows stays in a report: evidence is reduced to it, once, before it is assessed or stored."""

    profile: Profile = "internal"
    """`internal`: sums of everybody; `public` and `regulator`: small groups suppressed, `public` without evidence."""
    suppress_below: int = Field(default=0, ge=0)
    """Groups of fewer people are recoded, with what would reveal them; 0: none."""
    keep_rows: bool = False
    """Whether evidence may keep something of single rows."""
