"""What an audit cannot ask of rows without truths, or without decisions: said once, before anything is counted."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.catalogue.index import METRICS
from auditkit.check import Check, DeclaredCheck, Need
from auditkit.errors import PolicyError
from auditkit.inputs.dataset import Dataset
from auditkit.inputs.predictions import Predictions
from auditkit.records import Finding, NotMeasured

WHY: dict[Need, str] = {
    "truths": "no row has a truth (y_true=None)",
    "decisions": "nothing is decided: there is no model, and no column of decisions",
}
"""What is lacking, in words."""


def lacking(check: Check, model: object, data: Dataset) -> str:
    """Why a check has nothing to say of these rows; empty where it has."""
    there = {"truths": bool(data.labels), "decisions": not (isinstance(model, Predictions) and model.undecided)}
    return "; ".join(WHY[need] for need in sorted(getattr(check, "needs", ())) if not there[need])


def refuse_lacking(asked: Sequence[Check], model: object, data: Dataset) -> None:
    """PolicyError for a check that was asked for and has nothing to say of these rows."""
    for check in asked:
        if why := lacking(check, model, data):
            raise PolicyError(f"'{check.name}' cannot be asked here: {why}")


def without_truths(findings: Sequence[Finding], told: bool) -> tuple[list[Finding], list[NotMeasured]]:
    """The findings of a check, and the absence of those that need a truth where no row has one (not `told`): all would
    be 0/0."""
    if told:
        return list(findings), []
    kept = [f for f in findings if not METRICS[f.metric].needs_truths]
    lost = dict.fromkeys(f.metric for f in findings if METRICS[f.metric].needs_truths)
    return kept, [NotMeasured(what=", ".join(lost), why=WHY["truths"], concern="fairness")] if lost else []


def told_of(check: Check, data: Dataset) -> Check:
    """The check, told of how the rows are declared if it wants to know."""
    return check.declared(data) if isinstance(check, DeclaredCheck) else check


def columns_read(check: Check) -> tuple[str, ...]:
    """Columns of the data that a check reads beside features, groups and outcomes."""
    return tuple(getattr(check, "reads", ()))
