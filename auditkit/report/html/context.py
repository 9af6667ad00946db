"""What a model is for, and what its decisions mean, as its owner says; blanks are counted in one line."""

from typing import NamedTuple

from auditkit.formatting import listed, lower_first
from auditkit.records import LONGEST_ANSWER, Context
from auditkit.report.html.lookup import Lookup
from auditkit.report.vocabulary import shown

ASKED = {
    "purpose": "Purpose",
    "affected": "Who is affected",
    "positive_decision": "What a positive decision means for a person",
    "decided_by": "Who decides",
    "oversight": "Oversight",
    "data_window": "Data window",
    "label_quality": "Label quality",
    "known_limits": "Known limits",
}
"""Field of the context → its name on the page."""


class Told(NamedTuple):
    """The answers that were given, and the line of those that were not."""

    facts: tuple[tuple[str, str], ...]
    missing: str


def view(look: Lookup) -> Told:
    """The context of a report; all blank where nobody gave one."""
    context = look.report.context or Context()
    facts = tuple((name, answer(getattr(context, a))) for a, name in ASKED.items() if a not in context.blanks)
    lost = listed([lower_first(ASKED[a]) for a in context.blanks])
    return Told(facts, f"{len(context.blanks)} of {len(ASKED)} not provided: {lost}." if lost else "")


def answer(text: str) -> str:
    """What somebody wrote, over several lines perhaps, as one.

    >>> answer(" To rank\\n applicants. ")
    'To rank applicants.'
    """
    return shown(" ".join(text.split()), longest=LONGEST_ANSWER)
