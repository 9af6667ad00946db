"""Columns that are made before anything is read: joined from another file, of one-hot columns, in bins.

A step makes columns of a part from columns of the same part, so that rows may still come in parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pandas as pd

from auditkit.errors import DataError
from auditkit.inputs.source import BATCH, Source


class Made(NamedTuple):
    """What a step makes of some rows."""

    columns: dict[str, Any]
    """Name → (N,) values."""
    counts: Counter[str]
    """What a reader should know of these rows; counts of parts add."""


class Step(Protocol):
    """What makes columns of others."""

    @property
    def makes(self) -> tuple[str, ...]:
        """Names of the columns that it makes."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the columns that it makes them of."""

    @property
    def cautions(self) -> tuple[str, ...]:
        """What is to be said of it before any row is seen; whole sentences."""

    def made(self, part: pd.DataFrame) -> Made:
        """Its columns of some rows."""

    def said(self, counts: Counter[str], rows: int) -> tuple[str, ...]:
        """What the counts of all `rows` say, in whole sentences; DataError where they make no sense."""


class PreparedSource(Source):
    """A source with further columns, each made of others, part by part; the steps in their order."""

    def __init__(self, source: Source, steps: Sequence[Step]) -> None:
        self._source, self._steps = source, tuple(steps)
        self.name, self.fingerprint, self.read_as = source.name, source.fingerprint, source.read_as
        self.rows = source.rows
        self._said: dict[int, tuple[str, ...]] = {}
        known = set(source.schema)
        for step in self._steps:
            twice = next((n for n in step.makes if n in known), None)
            if twice is not None:
                raise DataError(
                    f"'{twice}' is a column of {self.name or 'the data'} already: rename it, or what is made beside it"
                )
            known |= set(step.makes)

    @property
    def cautions(self) -> tuple[str, ...]:  # type: ignore[override]
        """What the source says, and what the steps saw of all rows when these were last read."""
        own = (said for i, step in enumerate(self._steps) for said in (*step.cautions, *self._said.get(i, ())))
        return tuple(dict.fromkeys((*self._source.cautions, *own)))

    @property
    def schema(self) -> Mapping[str, str]:
        """Columns of the source, then those that are made."""
        return {**self._source.schema, **{name: "object" for step in self._steps for name in step.makes}}

    def batches(self, columns: Sequence[str] | None = None, *, size: int = BATCH) -> Iterator[pd.DataFrame]:
        """The parts of the source, with the columns that are asked for made where they need to be."""
        asked = list(columns) if columns is not None else list(self.schema)
        used, wanted = [], list(asked)
        for i, step in reversed(list(enumerate(self._steps))):
            if set(step.makes) & set(wanted):
                used.append(i)
                wanted = list(dict.fromkeys([*(n for n in wanted if n not in step.makes), *step.needs]))
        counts: dict[int, Counter[str]] = {i: Counter() for i in used}
        rows = 0
        for part in self._source.batches(wanted, size=size):
            rows += len(part)
            for i in sorted(used):
                made = self._steps[i].made(part)
                counts[i] += made.counts
                part = part.assign(**made.columns)
            yield part[asked]
        for i in used:
            self._said[i] = self._steps[i].said(counts[i], rows)

    def missing_texts(self, columns: Sequence[str]) -> dict[str, Counter[str]]:
        """Those of the source."""
        return self._source.missing_texts([c for c in columns if c in self._source.schema])
