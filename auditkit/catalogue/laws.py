"""Laws that ask for impact ratios, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LawName = Literal["four-fifths", "nyc-ll144"]


@dataclass(frozen=True)
class Law:
    """One law."""

    name: LawName
    title: str
    limit: float | None
    """An impact ratio strictly below it is flagged; None: the law sets none, it asks for the numbers."""
    reference: str


LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law("four-fifths", "the four-fifths rule", 0.8, "29 CFR 1607.4(D), Uniform Guidelines (1978)"),
        Law("nyc-ll144", "NYC Local Law 144", None, "6 RCNY § 5-300 ff. on NYC Local Law 144 of 2021"),
    )
}
