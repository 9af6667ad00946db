"""Numbers in bins, as groups: `bins={"age": [0, 30, 45, 60, 120]}` makes [0, 30), [30, 45), [45, 60) and [60, 120]."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from auditkit.errors import DataError, choices
from auditkit.inputs.prepared import Made
from auditkit.inputs.tasks.regression import numbers_of
from auditkit.values import is_number, written

_BELOW, _ABOVE, _MISSING = "below", "above", "missing"


@dataclass(frozen=True)
class Bins:
    """Bins of one column: from each edge up to the next one, which is the next bin's; the last holds both its edges.

    A value below the first edge or above the last is in a group of its own, and a missing one is missing.

    >>> bins = Bins.of("age", [0, 30, 120])
    >>> bins.labels, list(bins.made(pd.DataFrame({"age": [0, 30, 120, -1, None]})).columns["age (in bins)"])
    (('[0, 30)', '[30, 120]', '< 0', '> 120'), ['[0, 30)', '[30, 120]', '[30, 120]', '< 0', nan])
    """

    name: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    """Of the bins, then of what is below and above all of them."""
    cautions: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, edges: Any) -> Bins:
        """DataError unless the edges are at least two numbers that rise."""
        given = edges.tolist() if isinstance(edges, np.ndarray) else edges
        listed = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
        numbers = all(is_number(x) and not isinstance(x, bool) and not math.isnan(float(x)) for x in listed)
        if len(listed) < 2 or not numbers or any(a >= b for a, b in pairwise(listed)):
            raise DataError(
                f"the bins of '{name}' are its edges: two numbers or more that rise, as in [0, 30, 45, 60, 120]; got "
                f"{str(given)[:80]}"
            )
        texts = [_edge(x) for x in listed]
        ends = [")"] * (len(texts) - 2) + ["]" if math.isfinite(listed[-1]) else ")"]
        bins = [f"[{a}, {b}{end}" for a, b, end in zip(texts, texts[1:], ends, strict=False)]
        return cls(name, tuple(map(float, listed)), (*bins, f"< {texts[0]}", f"> {texts[-1]}"))

    @property
    def column(self) -> str:
        """What the column of bins is called; the column of numbers keeps its name."""
        return f"{self.name} (in bins)"

    @property
    def makes(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self.column,)

    @property
    def needs(self) -> tuple[str, ...]:
        """See `Step`."""
        return (self.name,)

    def made(self, part: pd.DataFrame) -> Made:
        """See `Step`; DataError for text that writes no numbers."""
        numbers = numbers_of(part[self.name])
        if numbers is None:
            raise DataError(f"'{self.name}' has bins, and holds values that are no numbers: bins are of numbers")
        last = len(self.edges) - 2
        codes = np.searchsorted(self.edges, numbers, side="right") - 1
        codes[numbers == self.edges[-1]] = last
        codes = np.select(
            [np.isnan(numbers), numbers < self.edges[0], numbers > self.edges[-1]], [-1, last + 1, last + 2], codes
        )
        told = {_MISSING: codes < 0, _BELOW: codes == last + 1, _ABOVE: codes == last + 2}
        categories = pd.Categorical.from_codes(codes, categories=pd.Index(self.labels, dtype=object))
        return Made({self.column: categories}, Counter({k: int(where.sum()) for k, where in told.items()}))

    def said(self, counts: Counter[str], rows: int) -> tuple[str, ...]:
        """See `Step`."""
        ends = ((_BELOW, self.edges[0]), (_ABOVE, self.edges[-1]))
        outside = [f"{counts[k]:,} {k} {_edge(edge)}" for k, edge in ends if counts[k]]
        if not outside:
            return ()
        named = [f"'{label}'" for k, label in zip((_BELOW, _ABOVE), self.labels[-2:], strict=True) if counts[k]]
        groups = "a group of their own" if len(named) == 1 else "groups of their own"
        return (
            f"Of {rows:,} values of '{self.name}', {' and '.join(outside)} lie outside its bins: they are {groups}, "
            f"{' and '.join(named)}.",
        )


def bins_of(given: Mapping[str, Any] | None, features: Sequence[str]) -> list[Bins]:
    """The bins of some of the sensitive and control `features`; DataError for others."""
    if given is not None and not isinstance(given, Mapping):
        raise DataError('bins names columns and their edges, as in {"age": [0, 30, 45, 60, 120]}')
    for name in given or {}:
        if name not in features:
            raise DataError(
                f"bins of '{name}', which is neither a sensitive nor a control feature; these are "
                f"{choices(str(name), features)}"
            )
    return [Bins.of(str(name), edges) for name, edges in (given or {}).items()]


def _edge(x: Any) -> str:
    return ("∞" if x > 0 else "-∞") if math.isinf(x) else written(x)
