"""The cells of a stored score histogram, read with numpy alone and as a stranger's: see `auditkit.evidence.reading`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.errors import EvidenceError
from auditkit.evidence import merging, reading
from auditkit.evidence.frames import Columns, column
from auditkit.evidence.score_grid import BINS, GRAIN, REACH, STEPS, bin_of, grains, runs

MISSING_WHAT = ("truth", "decision", "score")
"""What a row in no cell lacks: the first of these."""
DECLARED = ("clusters", "weights")
"""What the data can say of their rows that no cell counts."""
_ROUNDING = 1e-9
"""A row: sums are of rounded scores."""
MERGED = ("bin", "last", "n", "selected", "s", "s2")
"""What is stored of merged bins; extremes follow from the grid."""
_ARRAYS = ("bin", "last", "n", "selected", "s", "s2", "low", "high")


class Stored(NamedTuple):
    """What a stored histogram holds."""

    by: tuple[str, ...]
    cells: Columns
    missing: Columns
    merged: bool
    declared: tuple[str, ...]


def stored_bins(value: object) -> Stored:
    """A score histogram's JSON; EvidenceError for other steps and for what no scores give."""
    needed = ("by", "steps", "reach", "cells", "missing")
    data = reading.fields(
        value, "the histogram of scores", *needed, optional=("merged", "drift", "declared", "scale", "grains")
    )
    if (data["steps"], data["reach"]) != (STEPS, REACH):
        raise EvidenceError(
            f"a score histogram of {reading.shown(data['steps'])} steps to ±{reading.shown(data['reach'])}; this "
            f"auditkit counts in {STEPS} steps to ±{REACH}"
        )
    by = reading.names(data["by"], "'by' of the histogram of scores")
    merged = data.get("merged", False)
    if not isinstance(merged, bool):
        raise EvidenceError("'merged' of the histogram of scores is neither true nor false")
    whole = data.get("grains", False)
    if not isinstance(whole, bool):
        raise EvidenceError("'grains' of the histogram of scores is neither true nor false")
    declared = reading.names(data.get("declared", []), "'declared' of the histogram of scores", most=len(DECLARED))
    if declared != tuple(x for x in DECLARED if x in declared):
        raise EvidenceError(f"'declared' of the histogram of scores is no part of {list(DECLARED)}, in this order")
    entries = reading.items(data["cells"], "the cells of the histogram", most=2 * reading.MOST_CELLS)
    found = [_entry(e, by, merged, GRAIN if whole else 1.0) for e in entries]
    keys = [(*key, t) for key, t, _ in found]
    reading.distinct(keys, "the cells of the histogram")
    for i, name in enumerate(by):
        reading.bounded(len({k[i] for k in keys}), f"groups of '{name}'", reading.MOST_GROUPS)
    reading.bounded(sum(len(part["n"]) for _, _, part in found), "cells of the histogram", reading.MOST_CELLS)
    found = [found[i] for i in sorted(range(len(keys)), key=keys.__getitem__)]
    cells = _joined(found, by)
    reading.whole(int(cells["n"].astype(object).sum()), "the sum of 'n' of the histogram")
    return Stored(by, cells, _missing(data["missing"], by), merged, declared)


_Entry = tuple[tuple[str, ...], int, dict[str, NDArray[Any]]]


def _entry(value: object, by: tuple[str, ...], merged: bool, grain: float) -> _Entry:
    """One group and truth: its label, its truth, its cells; sums are told in `grain`-ths."""
    what = "the cells of a group"
    names = MERGED if merged else ("bin", "n", "selected", "low", "s", "s2", "high")
    needed = [name for name in names if name != "last"]
    data = reading.fields(
        value, what, "group", "y_true", *needed, optional=("last", "alike", "score") if merged else ()
    )
    group = tuple(reading.texts(data["group"], "the group of some cells", length=len(by)))
    truth = reading.whole(data["y_true"], "'y_true' of the histogram", high=1)
    n = reading.wholes(data["n"], f"'n' of {what}", low=1)
    out: dict[str, NDArray[Any]] = {"n": n}
    out["bin"] = reading.wholes(data["bin"], f"'bin' of {what}", high=BINS - 1, length=len(n))
    out["last"] = out["bin"]
    if merged and "last" not in data:
        out["last"] = runs(out["bin"])
    elif merged:
        out["last"] = reading.wholes(data["last"], f"'last' of {what}", high=BINS - 1, length=len(n))
    if (np.diff(out["bin"] * BINS + out["last"]) <= 0).any():
        raise EvidenceError(f"'bin' of {what} is repeated, or out of order")
    out["selected"] = reading.wholes(data["selected"], f"'selected' of {what}", length=len(n))
    if (out["selected"] > n).any():
        raise EvidenceError("the histogram holds cells with more rows selected than there are")
    out |= _of_runs(data, out, grain) if merged else _of_scores(data, out, grain)
    _possible(out)
    return group, truth, out


def _of_scores(data: dict[str, Any], known: dict[str, NDArray[Any]], grain: float) -> dict[str, NDArray[Any]]:
    """Of grid bins: a cell of one row needs no more than its score."""
    many = known["n"] > 1
    low = reading.numbers(data["low"], "'low' of the cells of a group", low=0, high=1, length=len(many))
    out = {"low": low, "s": grains(low), "s2": grains(low * low)}
    out["high"] = low.copy()
    for name in ("s", "s2", "high"):
        told = reading.numbers(data[name], f"'{name}' of the cells of a group", low=0, length=int(many.sum()))
        out[name][many] = told if name == "high" else told / grain
    return out


def _of_runs(data: dict[str, Any], known: dict[str, NDArray[Any]], grain: float) -> dict[str, NDArray[Any]]:
    """Of merged bins: extremes follow from the grid, but for scores that many share."""
    what, size, last = "the cells of a group", len(known["n"]), known["last"]
    if (last < known["bin"]).any():
        raise EvidenceError(f"'last' of {what} lies before 'bin'")
    s, s2 = (reading.numbers(data[c], f"'{c}' of {what}", low=0, length=size) / grain for c in ("s", "s2"))
    low, high = merging.edges_of(known["bin"], last)
    alike = reading.wholes(data.get("alike", []), f"'alike' of {what}", high=max(0, size - 1), most=size)
    reading.distinct(alike.tolist(), f"'alike' of {what}")
    score = reading.numbers(data.get("score", []), f"'score' of {what}", low=0, high=1, length=len(alike))
    if ((score < low[alike]) | (score > high[alike])).any():
        raise EvidenceError(f"'score' of {what} lies outside of its bin")
    low[alike] = high[alike] = score
    return {"s": s, "s2": s2, "low": low, "high": high}


def _possible(cells: dict[str, NDArray[Any]]) -> None:
    """Scores lie in their bin, and their sums between those of the smallest and of the largest."""
    n, low, high = cells["n"].astype(np.float64), cells["low"], cells["high"]
    first, last = (bin_of(x) for x in (low, high))
    if (low > high).any() or (first < cells["bin"]).any() or (last > cells["last"]).any():
        raise EvidenceError("the histogram holds scores outside of their bins")
    for name, power in (("s", 1), ("s2", 2)):
        if not ((cells[name] >= n * (low**power - _ROUNDING)) & (cells[name] <= n * (high**power + _ROUNDING))).all():
            raise EvidenceError(f"'{name}' of the histogram is no sum of scores of its bin")
    if (cells["s2"] * n < cells["s"] ** 2 - n * n * _ROUNDING).any():
        raise EvidenceError("Σs² of the histogram is less than (Σs)²/n, which no scores give")


def _joined(found: Sequence[_Entry], by: Sequence[str]) -> dict[str, NDArray[Any]]:
    sizes = [len(cells["n"]) for _, _, cells in found]
    out: dict[str, NDArray[Any]] = {
        column(name): np.repeat(np.array([key[i] for key, _, _ in found], dtype=object), sizes)
        for i, name in enumerate(by)
    }
    out["y_true"] = np.repeat(np.array([truth for _, truth, _ in found], dtype=np.int64), sizes)
    for name in _ARRAYS:
        kind = np.int64 if name in _ARRAYS[:4] else np.float64
        out[name] = np.concatenate([np.zeros(0, kind), *(cells[name] for _, _, cells in found)])
    return out


def _missing(value: object, by: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    what = "the missing rows"
    found = reading.table(value, what, by, key={"what": reading.labels})
    wrong = next((w for w in found["what"] if w not in MISSING_WHAT), None)
    if wrong is not None:
        raise EvidenceError(f"'what' of {what} is {reading.shown(wrong)}; expected one of {list(MISSING_WHAT)}")
    return found
