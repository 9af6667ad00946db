"""Trust checks of an explanation that was tried in several parts: it holds where it holds in each. No torch."""

from __future__ import annotations

from typing import Any

from auditkit.records import TrustCheck


def worst(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored checks of two parts as one each: that which says more against the explanation.

    What a part alone was asked stands as it is: rows of the others had nothing to be tried on.
    """
    mine, theirs = ({t["id"]: TrustCheck.model_validate(t) for t in checks} for checks in (one, other))
    ids = dict.fromkeys([*mine, *theirs])
    found = [max((t[i] for t in (mine, theirs) if i in t), key=_against) for i in ids]
    return [t.model_dump(mode="json") for t in found]


def _against(t: TrustCheck) -> tuple[bool, bool, bool, bool, float]:
    """What speaks most against an explanation is largest: a failure, a caution, a doubt, the room left to the limit."""
    room = 0.0
    if t.value is not None and t.limit is not None:
        room = t.limit - t.value if t.at_least else t.value - t.limit
    return t.failed, t.cautions, not t.sure, t.applies, room
