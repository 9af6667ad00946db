"""Rows of every crossed group by truth and decision: what small groups are found by, before anything is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from auditkit.batch import Batch, missing
from auditkit.disclosure import Disclosure, GroupDisclosure
from auditkit.errors import DataError, EvidenceError
from auditkit.evidence import suppression
from auditkit.evidence.tally import counted, summed
from auditkit.lazy import pandas as pd


@dataclass(frozen=True)
class GroupCounts:
    """Rows of every crossed group of the sensitive features, truth and decision; they add."""

    by: tuple[str, ...]
    classes: tuple[str, ...]
    """Of which truth and decision are positions; empty where they are 1 and 0, or numbers."""
    cells: pd.DataFrame
    """One row a non-empty cell: the attributes, `y_true`, `y_pred`, `n`; of numbers, 0 is known and -1 missing."""

    @classmethod
    def of(cls, batch: Batch) -> GroupCounts:
        """Of the rows of a batch."""
        numbers = batch.kind.numeric
        codes: list[Any] = [-missing(v).astype(np.int8) if numbers else v for v in (batch.y_true, batch.y_pred)]
        columns = {str(c): batch.groups[c] for c in batch.groups}
        return cls(tuple(columns), batch.classes, counted(columns, *codes, classes=max(2, len(batch.classes))))

    def __add__(self, other: GroupCounts) -> GroupCounts:
        if self.by != other.by:
            raise EvidenceError(f"cannot add rows by {list(self.by)} and by {list(other.by)}")
        cells = pd.concat([self.cells, other.cells], ignore_index=True)
        return GroupCounts(self.by, self.classes, summed(cells, self.by))

    def told(self, disclosure: Disclosure) -> GroupDisclosure:
        """The disclosure, with the recoding that these groups need.

        DataError where groups are to be suppressed, and all groups together have few rows of one truth or decision.
        """
        fewest = disclosure.suppress_below
        if not fewest:
            return GroupDisclosure(**disclosure.model_dump(), attributes=self.by)
        for what, rows in suppression.parts_of(self.cells, self.classes).items():
            if 0 < rows.sum() < fewest:
                raise DataError(
                    f"{rows.sum()} {what}: a report that suppresses groups below {fewest} needs as many, or none"
                )
        recoding = suppression.recoding_of(self.by, suppression.counted(self.cells, self.by), fewest)
        return GroupDisclosure(**disclosure.model_dump(), attributes=self.by, recoding=recoding)
