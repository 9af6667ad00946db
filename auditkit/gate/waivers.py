"""Waivers, put beside the verdicts that they are about: no status changes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from auditkit.records import Verdict, Waived, Waiver


def waived(verdicts: Sequence[Verdict], waivers: Sequence[Waiver], on: datetime.date) -> tuple[Verdict, ...]:
    """The verdicts, those that are not met with their waiver as it stands on that day: it holds through `expires`.

    A waiver of a rule that is met says nothing.
    """
    return tuple(v if v.status == "pass" else v.model_copy(update={"waiver": _of(v, waivers, on)}) for v in verdicts)


def _of(v: Verdict, waivers: Sequence[Waiver], on: datetime.date) -> Waived | None:
    mine = sorted((w for w in waivers if w.covers(v.rule.id)), key=lambda w: w.rule != v.rule.id)
    if not mine:
        return None
    w = mine[0]
    return Waived(reason=w.reason, approved_by=w.approved_by, expires=w.expires, expired=w.expires < on)
