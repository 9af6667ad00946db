"""What the rows of a report are: people, unless the configuration, or what was seen of them, says something else."""

from __future__ import annotations

import re

from auditkit.formatting import upper_first
from auditkit.records import Report

PEOPLE = "people"
"""What rows are, where nobody says anything else."""
_SAID: tuple[str, ...] = (
    *(
        "who was sampled",
        "times as many rows",
        "people whom",
        "people who",
        "those who",
        "share who",
        "all other people",
        "everybody who counts",
    ),
    *(
        "everybody who",
        "everybody else's",
        "everybody else",
        "everybody with",
        "everybody",
        "nobody is",
        "nobody",
        PEOPLE,
    ),
)
_PEOPLE = re.compile(rf"\b(?:{'|'.join(_SAID)})\b", re.IGNORECASE)
"""How our own sentences speak of them."""


def noun_of(report: Report) -> str:
    """What a row is, as a plural noun: as the configuration says, else as the rows were seen to be."""
    if report.words.unit.strip():
        return report.words.unit
    if report.provenance.data.kind.unit:
        return report.provenance.data.kind.unit
    kinds = {x.kind for f in report.findings for x in f.exhibits}
    if "pictures" in kinds:
        return "images"
    cases = (c for f in report.findings for x in f.exhibits if x.kind == "cases" for c in x.cases)
    looks = {"images" if c.png else "texts" if c.tokens else PEOPLE for c in cases}
    return looks.pop() if len(looks) == 1 else PEOPLE


def of_rows(text: str, unit: str) -> str:
    """A sentence of ours about people, as one about what the rows are; names of the data stay out of it.

    >>> of_rows("Nobody of ten people who count.", "images")
    'No images of ten images that count.'
    """
    return text if unit == PEOPLE else _PEOPLE.sub(lambda m: _in_place(m[0], unit), text)


def _in_place(said: str, unit: str) -> str:
    words = {
        "times as many rows": f"times as many {unit}",
        "who was sampled": f"which {unit} were drawn",
        "people whom": f"{unit} that",
        "people who": f"{unit} that",
        "everybody who counts": f"all {unit} that count",
        "everybody who": f"all {unit} that",
        "everybody with": f"all {unit} with",
        "those who": "those that",
        "share who": "share that",
        "all other people": f"all other {unit}",
        "everybody else's": "that of all others",
        "everybody else": f"all other {unit}",
        "everybody": f"all {unit}",
        "nobody is": f"none of the {unit} is",
        "nobody": f"no {unit}",
        "people": unit,
    }[said.lower()]
    return upper_first(words) if said[:1].isupper() else words
