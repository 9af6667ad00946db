"""Sets of requirements, one TOML file each in this folder, each with the day on which somebody looked at its text."""

import datetime
import functools
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field

from auditkit.records import Comparison, Concern, Record


class Evidence(Record):
    """What a report can hold of a requirement: findings, answers of the owner, or what identifies the audit."""

    what: str
    """In a few words, without a capital: "gaps between groups"."""
    section: str
    """Anchor of the place on the page where it stands."""
    concerns: tuple[Concern, ...] = ()
    metrics: tuple[str, ...] = ()
    """Names of the catalogue; empty: any metric of these concerns. `measured`: numbers that a row has of which somebody
    says which side is better."""
    comparisons: tuple[Comparison, ...] = ()
    """Empty: any."""
    each: bool = False
    """True where there must be one by every sensitive feature that the data declare."""
    crossed: bool = False
    """True where there must be one by several of them at once."""
    at_least: float | None = None
    """Of findings: every interval must lie at or above it."""
    answers: tuple[str, ...] = ()
    """Fields of `Context` that must be given."""
    provenance: tuple[str, ...] = ()
    """Fields of `Provenance`, dotted, that must not be empty: "model.sha256"."""

    @property
    def of_findings(self) -> bool:
        """Whether findings are asked for."""
        return bool(self.concerns or self.metrics)


class Requirement(Record):
    """One thing that is asked."""

    id: str
    """As a rule's `refs` write it behind the colon: "10(2)(f)"."""
    title: str
    asks: str = ""
    """In our words, without a full stop; empty where the text is not public."""
    beyond: str = ""
    """What no report of this kind shows of it."""
    whole: bool = True
    """False where what lies beyond is part of what is asked: a report supports it partly at most."""
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]


class Source(Record):
    """A law, a standard or a guideline."""

    id: str
    """As a rule's `refs` write it before the colon: "eu-aia"."""
    title: str
    reference: str
    """Where its text is."""
    as_of: datetime.date
    """When its text was looked at."""
    status: str
    """Whether it is in force, and from when it applies; a sentence."""
    general: bool = False
    """True where it is shown unless the context says otherwise; else only where it is asked for."""
    presets: tuple[str, ...] = ()
    """Presets of the policy language that ask for it."""
    requirement: tuple[Requirement, ...]


ORDER = ("eu-aia", "nist-rmf", "iso-42001", "nyc-ll144", "ugesp", "tripod-ai")
"""Ids, in the order of the page; each is a file of this name."""


@functools.cache
def sources() -> dict[str, Source]:
    """Id → set of requirements.

    >>> sources()["eu-aia"].requirement[0].id
    '10(2)(f)'
    """
    folder = Path(__file__).parent
    texts = {name: (folder / f"{name}.toml").read_text(encoding="utf-8") for name in ORDER}
    return {name: Source.model_validate(tomllib.loads(text)) for name, text in texts.items()}


def source_ids() -> tuple[str, ...]:
    """Every id; no file is read for it."""
    return ORDER
