"""Columns as numbers, for what compares rows or predicts from them: one-hot categories, standardised numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from auditkit.evidence.contents import holds_contents
from auditkit.stats.rates import Floats

if TYPE_CHECKING:
    from auditkit.inputs.model import Model

MOST_LEVELS = 50
"""Values of a column of categories, at most: beyond, it names rows rather than describes them."""

_LARGE = 1e150
"""Beyond it, squares leave double precision."""


class Encoded(NamedTuple):
    """Columns as numbers of mean 0 and variance 1."""

    columns: dict[str, Floats]
    """Column → (N, d) numbers."""
    left_out: dict[str, str]
    """Column → why it cannot be used."""

    @property
    def all(self) -> Floats:
        """(N, D) every column beside the other."""
        return np.concatenate(list(self.columns.values()), axis=1)


def encoded(features: pd.DataFrame, *, without: Sequence[str] = ()) -> Encoded:
    """Numbers (missing: the median, and a column that says so) and categories (one-hot, missing is one of them)."""
    columns: dict[str, Floats] = {}
    left_out: dict[str, str] = {}
    for name in (str(c) for c in features.columns if str(c) not in without):
        column = features[name]
        if holds_contents(column) or pd.api.types.is_complex_dtype(column.dtype):
            left_out[name] = "holds lists, arrays or other values that are neither numbers nor categories"
            continue
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            x = column.to_numpy(dtype=np.float64, na_value=np.nan)
            finite = np.isfinite(x)
            middle = float(np.median(x[finite])) if finite.any() else 0.0
            raw = np.column_stack([np.where(finite, x, middle), ~finite])
        else:
            codes, values = pd.factorize(column.astype("str").where(column.notna()), sort=True, use_na_sentinel=False)
            if len(values) > MOST_LEVELS:
                left_out[name] = f"{len(values):,} different values"
                continue
            raw = (codes[:, None] == np.arange(len(values))).astype(np.float64)
        kept = standardised(raw)
        if not kept.shape[1]:
            left_out[name] = "one value only"
            continue
        columns[name] = kept
    return Encoded(columns, left_out)


def standardised(x: Floats) -> Floats:
    """Columns of mean 0 and variance 1; those that do not vary are dropped."""
    x = np.asarray(x, np.float64)
    scale = np.abs(x).max(axis=0, initial=0.0)
    x = x / np.where(scale > _LARGE, scale, 1.0)
    spread = x.std(axis=0)
    kept = spread > 1e-12
    return np.asarray((x[:, kept] - x[:, kept].mean(axis=0)) / spread[kept])


def seen_columns(features: pd.DataFrame, model: Model | None) -> list[str]:
    """The columns that the model reads, as far as its preprocessing tells; all of them otherwise."""
    names = [str(c) for c in features.columns]
    found = None if model is None else model.features(features)
    if found is None or not set(found) <= set(names):
        return names
    return [n for n in names if n in found]
