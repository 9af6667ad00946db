"""What the labels of targets and decisions mean: two columns may write one label in two ways.

A boolean, 1, 1.0, "1", "1.0" and "True" mean the same wherever one column stands beside another; other text means
itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from auditkit.arrays import Ints
from auditkit.errors import DataError, listing
from auditkit.values import Unwritten, factorized, is_number, written

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,15})(\.\d{1,15})?")
_TRUTH = {"True": "1", "true": "1", "TRUE": "1", "False": "0", "false": "0", "FALSE": "0"}


def meaning(label: Any) -> str:
    """What a label says, however it is written.

    >>> {meaning(x) for x in (True, 1, 1.0, "1", "1.0", "True", "true")}, meaning("01"), meaning("yes")
    ({'1'}, '01', 'yes')
    """
    if not isinstance(label, str):
        return written(label)
    if label in _TRUTH:
        return _TRUTH[label]
    return written(float(label)) if _NUMBER.fullmatch(label) else label


def distinct(column: pd.Series[Any], name: str) -> tuple[Ints, list[Any]]:
    """Codes (N,), -1 where missing, and the labels that occur; DataError for lists and what else is no label."""
    try:
        codes, labels = factorized(column)
        for label in labels:
            written(label)
    except Unwritten as e:
        kind = "lists" if str(e) in ("list", "ndarray", "dict", "set") else f"values of type {e}"
        raise DataError(f"'{name}' holds {kind} or other values that are no labels; expected one label a row") from None
    return codes, labels


def in_order(labels: Sequence[Any]) -> list[Any]:
    """Labels sorted: numbers by size, text by letters."""
    return sorted(labels, key=lambda x: (not is_number(x), float(x) if is_number(x) else 0.0, written(x)))


def found(wanted: Any, labels: Sequence[Any]) -> list[Any]:
    """The labels that `wanted` names: the one that is equal and of its kind, else those that mean the same.

    >>> found("1", [1, 0]), found("True", ["True", "1"]), found(True, ["yes"])
    ([1], ['True'], [])
    """
    exact = [x for x in labels if isinstance(x, str) == isinstance(wanted, str) and written(x) == written(wanted)]
    return exact or [x for x in labels if meaning(x) == meaning(wanted)]


def told_apart(labels: Sequence[Any], name: str) -> None:
    """DataError where two labels of one column mean the same, or where text stands beside numbers."""
    kinds = {isinstance(x, str): x for x in labels}
    if len(kinds) > 1:
        shown = listing([repr(x) for x in sorted(labels, key=repr)], most=4)
        raise DataError(f"'{name}' holds labels of mixed types ({shown}): make them all text, or all numbers")
    meant: dict[str, Any] = {}
    for label in labels:
        other = meant.setdefault(meaning(label), label)
        if other != label:
            raise DataError(f"'{name}' holds {other!r} and {label!r}, which mean the same: write one label in one way")
