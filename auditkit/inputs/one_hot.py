"""One-hot columns as one feature: `sensitive_features={"race": ["race_a", "race_b"]}`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from auditkit.batch import MISSING
from auditkit.errors import DataError, listing
from auditkit.inputs.grouping import names_of
from auditkit.inputs.mentions import Mention
from auditkit.inputs.prepared import Made
from auditkit.inputs.tasks.regression import numbers_of

NONE, SEVERAL = "(none)", "(several)"
"""The groups of rows with no 1, and with more than one."""


@dataclass(frozen=True)
class OneHot:
    """One feature of several columns of 0 and 1, of which one is 1 in every row.

    Rows without a 1 are the group `(none)`, rows with several `(several)`, those with a gap are missing: all counted.

    >>> part = pd.DataFrame({"race_a": [1, 0, 1], "race_b": [False, True, True]})
    >>> list(OneHot.of("race", ["race_a", "race_b"]).made(part).columns["race"])
    ['a', 'b', '(several)']
    """

    name: str
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    """What the groups are called: the names of the columns, without what is the feature's name in front of each."""
    cautions: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, columns: Any) -> OneHot:
        """DataError unless it names two columns or more."""
        found = names_of(columns, f"the one-hot feature '{name}'") if not isinstance(columns, str) else (columns,)
        if len(found) < 2:
            raise DataError(
                f"the one-hot feature '{name}' takes the names of its columns of 0 and 1, two or more, as in "
                f'{{"{name}": ["{name}_a", "{name}_b"]}}; got {listing(found)}'
            )
        short = [c[len(name) + 1 :] if c.startswith(tuple(f"{name}{x}" for x in "_=-: ")) else "" for c in found]
        labels = short if all(short) and not {*short} & {MISSING, NONE, SEVERAL} else list(found)
        if {*labels} & {MISSING, NONE, SEVERAL}:
            raise DataError(f"a column of '{name}' is called as rows without a group are: rename it")
        return cls(name, found, tuple(labels))

    @property
    def makes(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self.name,)

    @property
    def needs(self) -> tuple[str, ...]:
        """See `Step`."""
        return self.columns

    def made(self, part: pd.DataFrame) -> Made:
        """See `Step`; DataError for values other than 0, 1, True and False."""
        values = np.column_stack([self._column(part[c], c) for c in self.columns])
        gap, ones = np.isnan(values).any(axis=1), np.nansum(values, axis=1)
        k = len(self.labels)
        codes = np.select([gap, ones == 0, ones > 1], [-1, k, k + 1], np.nan_to_num(values).argmax(axis=1))
        categories = pd.Index([*self.labels, NONE, SEVERAL], dtype=object)
        counts = {NONE: codes == k, SEVERAL: codes == k + 1, MISSING: codes < 0}
        return Made(
            {self.name: pd.Categorical.from_codes(codes, categories=categories)},
            Counter({what: int(where.sum()) for what, where in counts.items()}),
        )

    def _column(self, column: pd.Series[Any], name: str) -> Any:
        values = numbers_of(column, booleans=True)
        if values is None or not np.isin(values[~np.isnan(values)], (0, 1)).all():
            odd = "text" if values is None else f"{float(values[~np.isnan(values) & ~np.isin(values, (0, 1))][0]):g}"
            raise DataError(f"'{name}', a one-hot column of '{self.name}', holds {odd}; expected 0 and 1, or booleans")
        return values

    def said(self, counts: Counter[str], rows: int) -> tuple[str, ...]:
        """See `Step`."""
        of = listing(self.columns)
        out = []
        if counts[NONE]:
            out.append(
                f"'{self.name}': of {rows:,} rows, {counts[NONE]:,} have no 1 among {of}, and are the group '{NONE}'; "
                "if a category was left out of the encoding, they are its rows."
            )
        if counts[SEVERAL]:
            out.append(
                f"'{self.name}': of {rows:,} rows, {counts[SEVERAL]:,} have several 1 among {of}, and are the group "
                f"'{SEVERAL}'."
            )
        if counts[MISSING]:
            out.append(f"'{self.name}': of {rows:,} rows, {counts[MISSING]:,} lack a value of {of}: '{MISSING}'.")
        return tuple(out)


def split(given: Any) -> tuple[Any, list[OneHot | Mention]]:
    """Sensitive features as they are given: the names of all of them, and those that are made: of one-hot columns, or
    of what texts mention.

    >>> split(["sex", {"race": ["race_a", "race_b"]}])[0]
    ('sex', 'race')
    """
    parts = [given] if isinstance(given, Mapping) else given
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not any(isinstance(p, Mapping) for p in parts):
        return given, []
    names: list[str] = []
    made: list[OneHot | Mention] = []
    for part in parts:
        for name, columns in part.items() if isinstance(part, Mapping) else ((part, part),):
            names += names_of([name] if not isinstance(name, str) else name, "sensitive_features")
            if isinstance(columns, Mapping):
                made.append(Mention.of(str(name), columns))
            elif columns != name:
                made.append(OneHot.of(str(name), columns))
    return tuple(names), made
