"""Beside the gate: what the organisation requires, and whether this audit has assessed it."""

from typing import NamedTuple

from auditkit.floors import ASSESSED
from auditkit.report.html.figures import TableView
from auditkit.report.html.lookup import Lookup
from auditkit.report.required import sentence, what
from auditkit.report.vocabulary import shown, upper_first


class View(NamedTuple):
    """A sentence and a small table."""

    sentence: str
    table: TableView


def view(look: Lookup) -> View | None:
    """None where nothing is required; what was not assessed stands first."""
    order = sorted(look.report.required, key=lambda r: r.met)
    if not order:
        return None
    rows = tuple(
        (upper_first(what(r)), ASSESSED[r.state], shown(r.reason, longest=600), shown(r.source)) for r in order
    )
    columns = ("Required", "State", "Why", "By")
    return View(sentence(look.report), TableView("What the organisation requires", columns, rows, words=range(4)))
