"""What the groups of a first configuration hold, and which are too small for a gate to see much."""

from __future__ import annotations

from collections import Counter
from typing import Any

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.formatting import percent
from auditkit.starting.answers import Answers
from auditkit.starting.look import Look, crossed
from auditkit.values import written

MOST_SHOWN = 12
"""Groups of an attribute that a comment lists."""


def told_groups(look: Look, given: Answers) -> list[str]:
    """What the groups hold: sizes and base rates; and which are too small for a gate to see much."""
    tables = crossed(look, given.sensitive, given.y_true[0], given.bins)
    needed = _needed(given)
    out: list[str] = []
    for name, of in tables.items():
        shown = sorted(of.items(), key=lambda item: (-_rows(item[1]), str(item[0])))
        parts = [f"{_label(value)} {_rows(n):,}{_rate(given, n)}" for value, n in shown[:MOST_SHOWN]]
        more = [f"and {len(shown) - MOST_SHOWN} more"] if len(shown) > MOST_SHOWN else []
        out.append(f"{name}: {'; '.join([*parts, *more])}.")
        small = [(_label(value), k) for value, n in shown if (k := _counted(given, n)) < needed]
        if small and needed:
            told = listing([f"{label} ({k:,})" for label, k in small], most=6)
            out.append(
                f"Few {_of_what(given)}: {told}. A share of n rows is known to about 1/√n: of fewer than {needed:,} it "
                f"can miss by {100 * given.at_most:g} points, so that a gate decides little about them."
            )
    return out


def _needed(given: Answers) -> int:
    """Rows of which a share is known to the limit: half the width of its 95% interval at one half, 0.98/√n."""
    return round((0.98 / given.at_most) ** 2) if given.at_most and METRICS[given.metric].unit == "share" else 0


def _of_positives(given: Answers) -> bool | None:
    """Whether the metric is a rate of the positive rows alone (True), or of the others (False); None: of neither."""
    truths = {truth for truth, _ in METRICS[given.metric].denominator} if given.kind.yes_no else set()
    return bool(truths.pop()) if len(truths) == 1 else None


def _counted(given: Answers, of: Counter[Any]) -> int:
    wanted = _of_positives(given)
    if wanted is None:
        return _rows(of)
    return sum(n for value, n in of.items() if (value == given.positive) == wanted)


def _of_what(given: Answers) -> str:
    wanted = _of_positives(given)
    return "rows" if wanted is None else f"rows whose truth is {_label(given.positive)}" if wanted else "other rows"


def _rows(of: Counter[Any]) -> int:
    return sum(of.values())


def _rate(given: Answers, of: Counter[Any]) -> str:
    if not given.kind.yes_no or not _rows(of):
        return ""
    return f" ({percent(of[given.positive] / _rows(of))} {_label(given.positive)})"


def _label(value: Any) -> str:
    return "(missing)" if value is None else written(value)
