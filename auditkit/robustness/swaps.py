"""A swap: rows with something about them exchanged, by a callable of the user's. Torch only where it is run.

It takes a frame of rows (the features, as a model is given them) and gives the same rows swapped, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from auditkit.alignment import aligned
from auditkit.arrays import Bools, Floats
from auditkit.batch import Batch
from auditkit.errors import DataError, NotExplained, PolicyError
from auditkit.formatting import printable
from auditkit.inputs.tasks.registry import task_of
from auditkit.robustness.flip_rows import CHANGED, DELTA, SWAPPED, UP, swap_column
from auditkit.robustness.lexicon import SwapWords, lexicon

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

Swap = Callable[[pd.DataFrame], Any]
"""Rows → the same rows, swapped."""
LONGEST = 80
"""Characters of a swap's name."""


def swaps_of(swap: Any) -> dict[str, Any]:
    """Name → swap (a callable, or `package.module:function` that is not loaded yet); none for None.

    A table of `column` and `words` is a lexicon, as `swap_words` takes it. A
    callable alone is called what it calls itself (`name`, or `__name__`). PolicyError for anything else.

    >>> list(swaps_of({"darker": lambda rows: rows}))
    ['darker']
    """
    if swap is None:
        return {}
    named = dict(swap) if isinstance(swap, Mapping) else {_name(swap): swap}
    named = {k: lexicon(k, one) if isinstance(one, Mapping) else one for k, one in named.items()}
    for name, one in named.items():
        if not (callable(one) or (isinstance(one, str) and all(one.partition(":")))):
            raise PolicyError(
                "swap of FlipTest must be a callable from a frame of rows to the same rows swapped, "
                f"'package.module:function', or a table of names to such; got {type(one).__name__}"
                f"{f' {one[:LONGEST]!r}' if isinstance(one, str) else ''}"
            )
        if not isinstance(name, str) or not name.strip() or len(name) > LONGEST:
            raise PolicyError(f"a swap has a name of 1 to {LONGEST} characters; got {str(name)[:LONGEST]!r}")
    return named


def loaded(swap: Swap | str) -> Swap:
    """The callable; ModelError where a text names none. Only who runs it asks: a stored report never does."""
    from auditkit.inputs.named import named

    return named(Path(swap).name, Path(swap).parent, "swap") if isinstance(swap, str) else swap


def said(swap: Any) -> str | dict[str, Any]:
    """What a report says of a swap: the function's own name, without the folder in which it was found; of a lexicon
    its words."""
    if isinstance(swap, SwapWords):
        return swap.options()
    if isinstance(swap, str):
        return Path(swap).name
    return f"{getattr(swap, '__module__', '')}:{getattr(swap, '__qualname__', _name(swap))}"


def _name(swap: Any) -> str:
    if isinstance(swap, str):
        return swap.rpartition(":")[2]
    return str(getattr(swap, "name", None) or getattr(swap, "__name__", None) or type(swap).__name__)


def swapped(swap: Swap, features: pd.DataFrame) -> pd.DataFrame:
    """The rows swapped, (N, the same columns); the swap is given a copy, so that it may write into it.

    Rows may come back in any order of their row labels. Of one column alone, an array or a list of N values will do.
    NotExplained, in our words, for anything else.

    >>> swapped(lambda rows: rows.assign(x=-rows["x"]), pd.DataFrame({"x": [1, 2]}))["x"].tolist()
    [-1, -2]
    """
    out = swap(_copied(features))
    if not isinstance(out, pd.DataFrame):
        if features.shape[1] != 1 or not hasattr(out, "__len__") or len(out) != len(features):
            what = f"{type(out).__name__}{f' of {len(out)}' if hasattr(out, '__len__') else ''}"
            raise NotExplained(f"the swap gave {what}; expected a frame of the same {len(features)} rows")
        values = out if isinstance(out, pd.Series) else pd.Series([*out], index=features.index)
        out = values.to_frame(features.columns[0])
    lost = [c for c in features if c not in out]
    if lost:
        raise NotExplained(f"the swap gave no column '{printable(str(lost[0]))}'")
    try:
        rows: pd.DataFrame = aligned({"the rows": features, "the swapped rows": out})["the swapped rows"]
    except DataError:
        raise NotExplained(
            f"the swap gave {len(out)} rows that are not the {len(features)} it was given: they keep their row labels"
        ) from None
    return rows.set_axis(features.index)[list(features.columns)]


def _copied(features: pd.DataFrame) -> pd.DataFrame:
    """A copy that holds copies of arrays, too."""
    out = features.copy()
    for c in out:
        if out[c].map(lambda v: isinstance(v, np.ndarray)).any():
            out[c] = pd.Series([v.copy() if isinstance(v, np.ndarray) else v for v in out[c]], index=out.index)
    return out


def differing(model: Model, features: pd.DataFrame, *changed: pd.DataFrame) -> Iterator[Bools]:
    """Some rows at a time, as they go through the net, whether a row goes into it as another in any of `changed`.

    NotExplained where they go into it in another shape.
    """
    from auditkit.inputs.packing import slices  # which loads torch: who has predictions alone needs none

    for where in slices(len(features), model.batch_size):
        old = model.encoded_numbers(features.iloc[where])
        differs = np.zeros(len(old), bool)
        for rows in changed:
            new = model.encoded_numbers(rows.iloc[where])
            if old.shape != new.shape:
                raise NotExplained("the changed rows go into the net in another shape")
            differs |= ((old != new) & ~(np.isnan(old) & np.isnan(new))).any(axis=1)
        yield differs


def effects(model: Model, sample: Batch, number: int, swap: Swap, before: Floats) -> dict[str, Floats]:
    """Columns (N,) of the swap of that number: whether a row changes for the net, its decision, its score, and up.

    What a row's change is, is read off what goes into the net. NotExplained where no row changes.
    """
    rows = swapped(swap, sample.features)
    differs = np.concatenate([np.zeros(0, bool), *differing(model, sample.features, rows)])
    if not differs.any():
        raise NotExplained(f"it changes nothing that the net reads, in none of {len(rows):,} sampled rows")
    at = np.flatnonzero(differs)
    found, delta = task_of(model.task).changed(before[at], model.predict(rows.iloc[at]), threshold=model.threshold)
    columns = {SWAPPED: differs.astype(float)}
    for prefix, values in ((CHANGED, found), (DELTA, delta), (UP, found * (delta > 0))):
        columns[prefix] = np.zeros(len(rows))
        columns[prefix][at] = values
    return {swap_column(number, prefix): values for prefix, values in columns.items()}
