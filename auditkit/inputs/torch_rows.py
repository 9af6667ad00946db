"""Rows of a torch `Dataset` or `DataLoader`: read by their numbers, in order, as often as they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
)

from auditkit.errors import DataError, choices
from auditkit.inputs.arrays import joined
from auditkit.inputs.pictures import PICTURE, PictureSource, Seen, Unread, given
from auditkit.inputs.source import FrameSource
from auditkit.progress import tell
from auditkit.records import DEFAULT_TASK, TASK_KINDS


def of_torch(kind: Any, rows: Any, sensitive_features: Any, target: Any, options: dict[str, Any]) -> Any:
    """The data set of what `rows[i]` gives: (input, target), (input, …, target), or a dict.

    Parameters
    ----------
    rows
        A torch `Dataset` with `len` and `[i]`, or a `DataLoader` of one. A loader that shuffles is read in the order of
        its data set, which is said; one that draws rows (weights, a part, with replacement) is refused.
    sensitive_features
        A frame, Series or dict of (N,), in the order of the data set.
    target
        (N,) truths; None: the last of what a row gives (of a dict: `label` or `labels`). Whole numbers are told by the
        data set's `classes`, where it has such (as torchvision's ImageFolder).
    options
        Of `Dataset.from_arrays`.

    The model's `preprocess` is given the inputs in columns of arrays, `picture` (of several `picture 0`, …; of a dict
    by its keys); without one they go in as they are. Rows that the data set cannot give are left out, and counted.
    """
    read = Rows(rows)
    n = len(read)
    if not n:
        raise DataError("the torch data set has no rows")
    names = read.names()
    seen = {name: Seen() for name in names}
    truths: list[Any] = []
    for i in range(n):
        for name in names:
            seen[name].look(Part(read, name), i)
        truths.append(read.truth(i) if target is None else None)
        tell("looking at pictures", i + 1, n)
    if target is None:
        target = _named(truths, read, options)
    unknown = set(options) - {"positive", "task", "classes", "control_features", "sample_weight", "weights_kind",
                              "cluster", "row_id"}  # fmt: skip
    if unknown:
        raise DataError(f"from_torch has no option '{min(unknown)}'; it takes those of from_arrays")
    beside = {role: options.pop(role, None) for role in ("sample_weight", "cluster", "row_id")}
    at = pd.DataFrame({name: np.arange(n) for name in names})
    frame = joined(
        at,
        y_true=target,
        sensitive_features=_unlabelled(sensitive_features),
        control_features=_unlabelled(options.pop("control_features", None)),
        **beside,
    )
    source = PictureSource(FrameSource(frame.frame), {name: Part(read, name) for name in names}, seen)
    out = kind(
        source,
        y_true=frame.labels[0] if len(frame.labels) == 1 else frame.labels,
        sensitive_features=frame.groups,
        control_features=frame.controls,
        **{**frame.beside, **options},
    )
    out._not_inputs |= frame.not_inputs
    out.cautions = (*out.cautions, *read.cautions)
    return out


def _unlabelled(features: Any) -> Any:
    """Rows by their positions: a torch data set has no row labels."""
    return features.reset_index(drop=True) if isinstance(features, pd.DataFrame | pd.Series) else features


def _named(truths: list[Any], read: Rows, options: dict[str, Any]) -> Any:
    """The truths, by the names of the data set's classes; DataError for a label that it does not have."""
    known = getattr(read.rows, "classes", None)
    if not known or not all(t is None or isinstance(t, int | np.integer) for t in truths):
        return pd.Series(truths)
    names = [str(c) for c in known]
    asked = [*(options.get("classes") or ()), *([] if options.get("positive") is None else [options["positive"]])]
    for label in asked:
        if str(label) not in names:
            raise DataError(f"the data set has no class '{label}'; its classes are {choices(str(label), names)}")
    kind = TASK_KINDS.get(options.get("task", DEFAULT_TASK))
    if kind is not None and kind.several:
        options.setdefault("classes", names)
    return pd.Series([None if t is None or not 0 <= t < len(names) else names[int(t)] for t in truths], dtype=object)


class Rows:
    """Rows by their numbers, and what is to be said of how they were given."""

    def __init__(self, given: Any) -> None:
        self.cautions: tuple[str, ...] = ()
        self.collate = None
        rows = given
        if isinstance(given, DataLoader):
            rows = given.dataset
            self.cautions = () if isinstance(rows, IterableDataset) else _of_sampler(given)
            self.collate = None if given.collate_fn is default_collate else given.collate_fn
        if isinstance(rows, IterableDataset) or not (hasattr(rows, "__getitem__") and hasattr(rows, "__len__")):
            raise DataError(
                f"from_torch reads rows by their numbers, as often as it looks at them: {type(rows).__name__} has no "
                "len and [i]. Give a data set that has both, or write an ak.Source"
            )
        self.rows = rows
        self._last: tuple[int, Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __call__(self, i: int) -> Any:
        """What the data set gives for a row; Unread where it gives nothing."""
        if self._last is None or self._last[0] != i:
            try:
                item = self.rows[i]
                if self.collate is not None:
                    item = _first(self.collate([item]))
            except MemoryError:
                raise
            except Exception as e:
                raise Unread(f"the data set gives no such row ({type(e).__name__})") from None
            self._last = i, item
        return self._last[1]

    def names(self) -> tuple[str, ...]:
        """Of the inputs of a row, as the first that can be read gives them; DataError where none can."""
        for i in range(len(self)):
            try:
                return tuple(self._inputs(self(i)))
            except Unread:
                continue
        raise DataError(f"none of the {len(self):,} rows of the torch data set can be read")

    def input(self, i: int, name: str) -> Any:
        """One input of a row."""
        inputs = self._inputs(self(i))
        if name not in inputs:
            raise Unread("the row lacks an input")
        return inputs[name]

    def truth(self, i: int) -> Any:
        """The last of what a row gives; None where it can not be read, or is not known."""
        try:
            item = self(i)
        except Unread:
            return None
        if isinstance(item, Mapping):
            found = next((item[k] for k in LABELS if k in item), _NONE)
        else:
            found = item[-1] if isinstance(item, tuple | list) and len(item) > 1 else _NONE
        if found is _NONE:
            raise DataError("the rows of the torch data set hold no target: give target=, (N,) truths")
        return found.item() if hasattr(found, "item") else found

    def _inputs(self, item: Any) -> dict[str, Any]:
        if isinstance(item, Mapping):
            return {str(k): v for k, v in item.items() if k not in LABELS}
        if not isinstance(item, tuple | list):
            return {PICTURE: item}
        parts = list(item[:-1]) if len(item) > 1 else list(item)
        if len(parts) == 1 and isinstance(parts[0], tuple | list):
            parts = list(parts[0])
        return {PICTURE: parts[0]} if len(parts) == 1 else {f"{PICTURE} {i}": part for i, part in enumerate(parts)}


LABELS = ("label", "labels", "target")
_NONE: Any = object()


class Part:
    """Reads one input of a row."""

    def __init__(self, rows: Rows, name: str) -> None:
        self.rows, self.name = rows, name

    def __call__(self, i: Any) -> Any:
        return given(self.rows.input(int(i), self.name))


def _first(batch: Any) -> Any:
    """The one row of a batch."""
    if isinstance(batch, Mapping):
        return {k: v[0] for k, v in batch.items()}
    return (
        tuple(_first(v) if isinstance(v, tuple | list) else v[0] for v in batch)
        if isinstance(batch, tuple | list)
        else batch[0]
    )


def _of_sampler(loader: DataLoader[Any]) -> tuple[str, ...]:
    """What is to be said of a loader's order; DataError where the rows that it gives are others than its data set's."""
    sampler: Any = loader.sampler
    if type(loader.batch_sampler) not in (BatchSampler, type(None)):
        sampler = loader.batch_sampler
    if type(sampler) is SequentialSampler:
        return ()
    if type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == len(sampler.data_source):
        return ("The DataLoader shuffles: its data set was read in order instead.",)
    raise DataError(
        f"the DataLoader draws rows by {type(sampler).__name__}, so that they are not those of its data set in order, "
        "beside which sensitive_features stand: give the data set itself, or a torch Subset of it"
    )
